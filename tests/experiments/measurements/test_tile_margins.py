"""The error of tiles by their margin."""

import numpy as np
import tensorflow as tf

from icdpm.configs import load_config
from icdpm.models.registry import build_model
from icdpm.models.workdir import load
from icdpm_experiments.measurements import tile_margins


def test_with_the_whole_reach_as_margin_tiles_are_the_whole(micro_workdir, monkeypatch):
    monkeypatch.setattr(tile_margins, "CORE", 16)
    model = load(micro_workdir)
    photo = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    (bare, whole), pictures = tile_margins.measure_margins(model, photo, [0, model.receptive_field_radius])
    assert bare["tiles"] > whole["tiles"] > 1 and set(pictures) == {"whole", 0, model.receptive_field_radius}
    for sampler in tile_margins.SAMPLERS:
        assert bare[f"{sampler}_mean"] > 0.01 > whole[f"{sampler}_max"]


def test_tiles_of_a_system_that_sees_everything_are_compared_too(monkeypatch):
    monkeypatch.setattr(tile_margins, "CORE", 32)
    changes = ["transformer.channels=8", "precision=float32", "encoder.blocks=1"]
    model = build_model(load_config("hidiff_tiny", changes))
    # Untrained its head is zero: it would give the blurry picture whatever the tiles.
    model.transformer.head.kernel.assign(tf.random.stateless_normal(model.transformer.head.kernel.shape, [0, 1]) / 30)
    photo = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    rows, pictures = tile_margins.measure_margins(model, photo, [16, 32])
    assert [row["margin"] for row in rows] == [16, 32] and not any(row["is_default"] for row in rows)
    assert all(row["tiles"] > 1 and 0 < row["restored_mean"] < row["restored_max"] for row in rows)
    assert set(pictures) == {"whole", 16, 32}
