"""Tests of icdpm.restoration.memory."""

import math
import re

import numpy as np
import pytest

from icdpm.diffusion.samplers import make_sampling_schedule
from icdpm.errors import IcdpmError
from icdpm.models.icdpm import ICDPM
from icdpm.models.registry import build_model
from icdpm.restoration.memory import DEFAULT_MAX_MEMORY, choose_tiling, tile_memory
from icdpm.restoration.restore import restore

GIB = 2**30


@pytest.fixture
def choose(micro_model):
    model = micro_model

    def choose(height, width, max_memory=DEFAULT_MAX_MEMORY, sampler="ancestral", dtype=np.uint8, **options):
        # An image that takes no memory.
        image = np.broadcast_to(dtype(0), (height, width, 3))
        options = {"samples": 1, "at_once": 1, "keep_samples": False, "spread": False, **options}
        plan = make_sampling_schedule(sampler, 5, 0.5)
        return choose_tiling(model, image, plan, overlap=16, max_memory=max_memory, **options)

    choose.model = model
    return choose


def test_one_tile_if_it_fits(choose):
    assert choose(720, 1280).count == choose(7, 30001).count == 1
    assert choose(721, 1280).rows[-1].stop == 722


def test_tiles_are_as_large_as_the_limit_allows(choose):
    areas = []
    for budget in (1.5 * GIB, 1.75 * GIB, 2 * GIB):
        tiling = choose(4000, 6000, budget)
        areas.append(tiling.rows[0].stop * tiling.columns[0].stop)
        assert tiling.count > 1 and tile_memory(choose.model, tiling) < budget - 0.9 * GIB
    assert areas == sorted(areas) and areas[-1] > 2 * areas[0]
    # A low image has wider tiles than a square one.
    assert choose(200, 120_000, 2 * GIB).longest_side > 2 * choose(4900, 4900, 2 * GIB).longest_side


def test_requested_outputs_need_memory(choose):
    def area(**options):
        tiling = choose(4000, 6000, 2.9 * GIB, **options)
        return tiling.rows[0].stop * tiling.columns[0].stop

    eight = {"samples": 8}
    assert area() > area(**eight) >= area(**eight, spread=True) > area(**eight, spread=True, keep_samples=True)
    assert area() > area(sampler="dpmpp_2m") and area() > area(dtype=np.uint16)
    assert area() == area(at_once=8)  # samples of tiles run one after the other


def test_error_for_a_low_limit_states_a_sufficient_one(choose):
    with pytest.raises(IcdpmError) as error:
        choose(4000, 6000, GIB)
    text = r"an image of 6000×4000 pixels needs (\d+) MiB with these settings, and 1024 MiB are allowed; allow more"
    needed = int(re.match(text, str(error.value))[1])
    assert choose(4000, 6000, needed * 2**20).longest_side <= 5 * 16  # rounded up to MiB, a larger tile may fit
    with pytest.raises(IcdpmError):
        choose(4000, 6000, (needed - 1) * 2**20)
    assert math.isclose(needed, 1300, rel_tol=0.1)


def test_model_without_tiles_is_restored_whole(micro_config, monkeypatch):
    monkeypatch.setattr(ICDPM, "receptive_field_radius", None)
    monkeypatch.setattr(ICDPM, "tile_overlap", None)
    model = build_model(micro_config)
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    assert restore(model, image, model.settings()).pixels.shape == image.shape
    with pytest.raises(IcdpmError, match="icDPM models process the whole image at once and do not support tiles"):
        restore(model, image, model.settings(), tile=32)
    large = np.broadcast_to(np.uint8(0), (4000, 6000, 3))
    text = r"needs \d+ MiB with these settings \(icDPM models .* do not support tiles\), and 1024 MiB are allowed"
    with pytest.raises(IcdpmError, match=text):
        restore(model, large, model.settings(), max_memory=GIB)
