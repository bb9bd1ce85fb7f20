"""Tiles: equal to the whole image with the full overlap, close to it with smaller ones."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.diffusion.samplers import make_sampling_schedule
from icdpm.diffusion.tiling import LazyImage, make_tiling
from icdpm.images.pixels import to_values
from icdpm.models.config import check_config
from icdpm.models.registry import build_model
from icdpm.models.sampling import sample, sample_in_tiles

pytestmark = pytest.mark.slow

HEIGHT, WIDTH = 96, 126
SEEDS = example_seeds([3, RandomDomain.RESTORATION], tf.range(2, dtype=tf.int64))
SCHEDULES = {
    "ancestral": make_sampling_schedule("ancestral", 5, 0.5),
    "second order": make_sampling_schedule("dpmpp_2m", 5, 0.5),
    "second order with noise": make_sampling_schedule("dpmpp_2m_sde", 5, 0.5),
}


@pytest.fixture
def config(micro_config):
    micro_config.diffusion.parametrisation = "preconditioned_noise"
    micro_config.unet.middle_blocks = 1
    return micro_config


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def whole(model, pixels, schedule):
    """Samples without tiles."""
    blurry = tf.repeat(to_values(pixels)[None], 2, axis=0)
    return sample(model, blurry, model.compiled_encode_condition(blurry), schedule, SEEDS).numpy()


def tiled(model, pixels, schedule, tile, overlap):
    tiling = make_tiling(HEIGHT, WIDTH, tile, overlap, model.size_multiple)
    condition = model.encode_condition_in_tiles(LazyImage(pixels), tiling)
    samples = sample_in_tiles(model, LazyImage(pixels), condition, schedule, SEEDS, tiling)
    return tiling, samples.window(slice(0, HEIGHT), slice(0, WIDTH)).numpy()


@pytest.mark.parametrize(
    "block, blocks, guidance",
    [
        ("residual", (), {}),
        ("naf", (1, 2, 1), {}),
        ("residual", (), {"route": "both", "projection": "scale", "noise_std": 0.5, "noise_at_inference": True}),
        ("naf", (1, 2, 1), {"route": "both", "projection": "scale", "noise_std": 0.5, "noise_at_inference": True}),
    ],
)
def test_the_full_overlap_gives_the_whole(block, blocks, guidance, config, pixels):
    config.unet.block, config.unet.blocks = block, blocks
    config.guidance.update(guidance)
    model = build_model(check_config(config))
    radius = model.receptive_field_radius
    for name, schedule in SCHEDULES.items():
        expected = whole(model, pixels, schedule)
        assert expected.std() > 0.2 and np.abs(expected[0] - expected[1]).max() > 0.1, name
        for tile, count in ((2 * radius + 14, 10), (HEIGHT, 2), (WIDTH, 1)):
            tiling, samples = tiled(model, pixels, schedule, tile, radius)
            assert tiling.count >= count
            # Second-order samplers amplify rounding: 1.3e-4 with TensorFlow 2.21, for every overlap.
            np.testing.assert_allclose(samples, expected, atol=1e-3, err_msg=name)


def test_the_height_of_strips_does_not_matter(config, pixels, monkeypatch):
    model, schedule = build_model(config), SCHEDULES["second order with noise"]
    _, expected = tiled(model, pixels, schedule, 72, 8)
    monkeypatch.setattr("icdpm.diffusion.tiling.STRIP_PIXELS", 7 * WIDTH)
    _, samples = tiled(model, pixels, schedule, 72, 8)
    np.testing.assert_array_equal(samples, expected)


def test_the_error_decreases_with_the_overlap(config, pixels):
    model, schedule = build_model(config), SCHEDULES["ancestral"]
    expected = whole(model, pixels, schedule)
    errors = [np.abs(tiled(model, pixels, schedule, 48 + 2 * overlap, overlap)[1] - expected).mean() for overlap in (0, 4, 8)]
    assert errors[0] > 1e-3 and errors[0] > 3 * errors[1] > 9 * errors[2] > 0


@pytest.mark.parametrize(
    "fields",
    [
        {"scales": ()},
        {"color": "rgb"},
        {"color": "rgb", "route": "input"},
        {"scales": (3,), "route": "input"},
        {"scales": (2, 3), "route": "both"},
        {"scales": (1, 3), "projection": "scale"},
        {"scales": (1, 3), "noise_std": 0.5, "noise_at_inference": True},
    ],
)
def test_every_guidance_can_be_tiled(config, fields):
    config.guidance.update(fields)
    config.unet.multipliers = (1, 1, 1, 1)
    model = build_model(check_config(config))
    pixels = np.random.default_rng(0).integers(0, 256, (720, 200, 3), dtype=np.uint8)
    tiles = []
    tiling = make_tiling(720, 200, 4 * model.size_multiple, model.size_multiple, model.size_multiple)
    guidance = model.encode_condition_in_tiles(LazyImage(pixels), tiling, on_tile=lambda: tiles.append(1))
    expected = model.compiled_encode_condition(to_values(pixels)[None])
    assert guidance.keys() == expected.keys() == set(map(str, config.guidance.scales))
    assert len(tiles) > len(guidance) or not guidance
    for k, parts in guidance.items():
        for part, whole_part in zip(parts, expected[k]):
            np.testing.assert_allclose(part.whole(), whole_part, atol=1e-5)
