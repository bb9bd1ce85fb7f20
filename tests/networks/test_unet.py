"""Operations, residual blocks, UNet and guidance network: shapes, counts, precision, gradients."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.networks.blocks import NoiseLevelEmbedding, ResidualBlock
from icdpm.networks.cost import count_convolution_flops
from icdpm.networks.guidance import GuidanceNetwork
from icdpm.networks.layers import zero_weights
from icdpm.networks.operations import average_pool, repeat_pixels, swish, to_minus_one_one
from icdpm.networks.unet import UNet


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def parameters(*layers):
    return sum(int(np.prod(variable.shape)) for layer in layers for variable in layer.trainable_variables)


def small_unet(**options):
    return UNet(8, multipliers=(1, 2, 3), encoder_blocks=1, zero_last=False, **options)


@pytest.mark.parametrize("dtype, tolerance", [(tf.float32, 1e-6), (tf.bfloat16, 0.02)])
def test_swish_and_its_gradient_equal_the_stock_ones(dtype, tolerance):
    x = tf.cast(tf.linspace(-8.0, 8.0, 101), dtype)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours, stock = swish(x), tf.nn.silu(tf.cast(x, tf.float32))
    np.testing.assert_allclose(tf.cast(ours, tf.float32), stock, atol=tolerance * 8)
    expected = tf.cast(tape.gradient(stock, x), tf.float32)
    np.testing.assert_allclose(tf.cast(tape.gradient(ours, x), tf.float32), expected, atol=tolerance)


def test_resampling_is_area_average_and_its_adjoint():
    x = tf.constant(normal(2, 8, 12, 3))
    pooled = average_pool(x, 4)
    np.testing.assert_allclose(pooled[1, 1, 2, 0], tf.reduce_mean(x[1, 4:8, 8:12, 0]), rtol=1e-5)
    np.testing.assert_array_equal(repeat_pixels(pooled, 4), np.repeat(np.repeat(pooled, 4, axis=1), 4, axis=2))
    np.testing.assert_allclose(average_pool(repeat_pixels(x, 2), 2), x, rtol=1e-6)


def test_embedding_distinguishes_noise_levels_in_bfloat16():
    embedding = NoiseLevelEmbedding(16, 1000.0, "mixed_bfloat16")
    # bfloat16 does not resolve this difference at one: the sinusoids must be computed in float32.
    levels = embedding(tf.constant([1.0, 1.0 - 1e-3]))
    assert levels.shape == (2, 64) and levels.dtype == tf.bfloat16
    assert float(tf.reduce_max(tf.abs(tf.cast(levels[0] - levels[1], tf.float32)))) > 0.05


@pytest.mark.parametrize("resample, size", [(None, 8), ("down", 4), ("up", 16)])
def test_block_starts_as_its_skip(resample, size):
    block = ResidualBlock(6, "float32", "block", resample=resample, embedded=True)
    x = tf.constant(normal(1, 8, 8, 6))
    result = block(x, tf.zeros([1, 4]))
    assert result.shape == (1, size, size, 6)
    np.testing.assert_array_equal(result, block.resample(x))


def test_block_dropout_follows_its_seed():
    block = ResidualBlock(6, "float32", "block", dropout=0.5, zero_last=False)
    x = tf.constant(normal(1, 8, 8, 6))
    first, again, other = (block(x, dropout_seed=tf.constant([0, seed])).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    np.testing.assert_array_equal(block(x), block(x))


def test_patches_make_all_levels_coarser_and_leave_the_size():
    unet = small_unet(patch=4, guided_levels=(0, 2))
    assert unet.size_multiple == 16
    x, guidance = tf.constant(normal(1, 32, 48, 6)), {0: normal(1, 8, 12, 5), 2: normal(1, 2, 3, 5)}
    result = unet(x, tf.constant([0.3]), guidance)
    assert result.shape == (1, 32, 48, 3) and unet.stem.kernel.shape[2] == 6 * 4**2
    for level in guidance:
        changed = unet(x, tf.constant([0.3]), {**guidance, level: guidance[level] + 1.0})
        assert np.abs(changed - result).max() > 1e-4


def test_pixels_of_a_patch_keep_their_places():
    unet = small_unet(patch=2)
    x = normal(1, 16, 16, 6)
    unet(x, tf.constant([0.3]))
    unet.head.kernel.assign(tf.zeros_like(unet.head.kernel))
    unet.head.bias.assign(np.arange(12.0))
    result = unet(x, tf.constant([0.3])).numpy()
    # Channel c of a patch's pixel (row, column) is number (2·row + column)·3 + c.
    np.testing.assert_array_equal(result, np.tile(np.arange(12.0).reshape(1, 2, 2, 3), (1, 8, 8, 1)))


def test_guidance_network_keeps_the_resolution():
    network = GuidanceNetwork(4, dtype="mixed_bfloat16")
    features, regression = network(tf.constant(normal(2, 7, 9, 1)))
    assert features.shape == (2, 7, 9, 4) and features.dtype == tf.bfloat16
    assert regression.shape == (2, 7, 9, 1) and regression.dtype == tf.float32


# (guidance channels, diffusion channels, parameters, FLOPs of one step at 720×1280) of the six rows, of this layout.
TABLE_11 = [
    (0, 32, 6_926_403, 1_199_230_156_800),
    (0, 64, 27_678_851, 4_787_365_478_400),
    (32, 32, 13_283_046, 2_467_139_788_800),
    (64, 32, 31_834_662, 6_193_730_764_800),
    (32, 64, 34_285_190, 6_093_495_705_600),
    (64, 64, 53_085_638, 9_858_307_276_800),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "guidance_channels, channels, count, flops, shared",
    [*((*row, False) for row in TABLE_11), (64, 64, 52_420_934, 9_756_385_689_600, True)],
)
def test_table_11(guidance_channels, channels, count, flops, shared):
    guided_levels = (1, 2, 3) if guidance_channels else ()
    unet = UNet(channels, guided_levels=guided_levels, shared_projection=shared)
    scales = (1, 2, 3) if guidance_channels else ()
    guides = {k: GuidanceNetwork(guidance_channels, name=f"guidance_{k}") for k in scales}

    def step(x, noise_level, gray):
        features = {k: guide(average_pool(gray, 2**k))[0] for k, guide in guides.items()}
        return unet(x, noise_level, features)

    shapes = [tf.TensorSpec([1, 720, 1280, 6]), tf.TensorSpec([1]), tf.TensorSpec([1, 720, 1280, 1])]
    with zero_weights():  # without random numbers, which are not needed
        assert count_convolution_flops(step, *shapes) == flops
    assert parameters(unet, *guides.values()) == count


def test_values_of_8_bit_images():
    values = to_minus_one_one(tf.constant([0, 51, 255], tf.uint8))
    assert values.dtype == tf.float32
    np.testing.assert_allclose(values, [-1, -0.6, 1], atol=1e-6)
