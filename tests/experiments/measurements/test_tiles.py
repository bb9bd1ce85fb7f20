"""Tests of the errors of tiles by their overlap."""

import types

import numpy as np
import pytest
import tensorflow as tf

from icdpm.configs import load_config
from icdpm.models.registry import build_model
from icdpm.models.workdir import load
from icdpm_experiments.measurements.tiles import SAMPLERS, describe_receptive_field, measure_overlaps

pytestmark = pytest.mark.slow


def test_tiles_are_exact_with_the_receptive_field_radius_as_overlap(micro_workdir):
    model = load(micro_workdir)
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    (without, whole), images = measure_overlaps(model, image, [0, model.receptive_field_radius], core=16)
    assert without["tiles"] > whole["tiles"] > 1 and set(images) == {"whole", 0, model.receptive_field_radius}
    for sampler in SAMPLERS:
        assert without[f"{sampler}_mean"] > 0.01 > whole[f"{sampler}_max"]


def test_the_default_overlap_is_described_by_its_share_of_the_radius():
    naf = types.SimpleNamespace(tile_overlap=96, receptive_field_radius=144)
    assert ", 67 % of the receptive-field radius; with 144 pixels, all of it," in describe_receptive_field(naf)


def test_tiles_of_a_model_with_a_global_receptive_field_are_compared():
    changes = ["transformer.channels=8", "precision=float32", "encoder.blocks=1"]
    model = build_model(load_config("hidiff_tiny", changes))
    # The untrained head is zero: all tiles would equal the blurry image.
    model.transformer.head.kernel.assign(tf.random.stateless_normal(model.transformer.head.kernel.shape, [0, 1]) / 30)
    image = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    rows, images = measure_overlaps(model, image, [16, 32], core=32)
    assert [row["margin"] for row in rows] == [16, 32] and not any(row["is_default"] for row in rows)
    assert all(row["tiles"] > 1 and 0 < row["restored_mean"] < row["restored_max"] for row in rows)
    assert set(images) == {"whole", 16, 32}
