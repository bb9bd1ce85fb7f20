"""Layer norm, gate, NAF blocks and their networks: gradients, conditioning, precision, compilation."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.naf import NAFBlock, NAFGuidanceNetwork, NAFUNet, ScaledProjection, simple_gate
from icdpm.networks.operations import layer_norm


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def small_unet(dtype="float32", **options):
    return NAFUNet(8, dtype=dtype, multipliers=(1, 2, 3), blocks=(1, 2, 1, 1, 1), zero_last=False, **options)


def stock_layer_norm(x):
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + 1e-6)


def stock_gate(x):
    first, second = tf.split(x, 2, axis=-1)
    return first * second


@pytest.mark.parametrize("dtype, tolerance", [(tf.float32, 1e-5), (tf.bfloat16, 0.03)])
@pytest.mark.parametrize("ours, stock", [(layer_norm, stock_layer_norm), (simple_gate, stock_gate)])
def test_operations_and_their_gradients_equal_the_stock_ones(ours, stock, dtype, tolerance):
    x = tf.cast(normal(2, 3, 5, 8) + 0.5, dtype)
    results, gradients = [], []
    for function, given in ((ours, x), (stock, tf.cast(x, tf.float32))):
        with tf.GradientTape() as tape:
            tape.watch(given)
            result = function(given)
        upstream = tf.cast(tf.cast(normal(*result.shape, seed=1), dtype), result.dtype)
        results.append(tf.cast(result, tf.float32))
        gradients.append(tf.cast(tape.gradient(result, given, upstream), tf.float32))
    np.testing.assert_allclose(*results, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(*gradients, rtol=tolerance, atol=tolerance)


def test_layer_norm_of_equal_channels_is_zero():
    flat = tf.fill([1, 2, 2, 4], 3.0)
    np.testing.assert_array_equal(layer_norm(flat), tf.zeros_like(flat))


def test_a_scaled_projection_scales_its_output():
    projection = ScaledProjection(6, "float32", "projection", zero=False)
    x = tf.constant(normal(1, 4, 4, 3))
    projection(x)
    projection.bias.assign(normal(6))
    plain = projection(x)
    scale = normal(6, seed=1)
    projection.scale.assign(scale)
    np.testing.assert_allclose(projection(x), plain * scale, atol=1e-5)


def test_block_starts_as_its_skip_with_nonzero_gradients():
    block = NAFBlock(6, "float32", "block", embedded=True)
    x = tf.constant(normal(1, 8, 8, 6))
    with tf.GradientTape() as tape:
        result = block(x, tf.zeros([1, 4]))
        loss = tf.reduce_sum(result * normal(*x.shape, seed=1))
    np.testing.assert_array_equal(result, x)
    for gradient in tape.gradient(loss, [block.projection_1.scale, block.projection_2.scale]):
        assert np.abs(gradient).min() > 0


def test_block_dropout_follows_its_seed():
    block = NAFBlock(6, "float32", "block", dropout=0.5, zero_last=False)
    x = tf.constant(normal(1, 8, 8, 6))
    first, again, other = (block(x, dropout_seed=tf.constant([0, seed])).numpy() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    np.testing.assert_array_equal(block(x), block(x))


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("mixed_bfloat16", 0.1)])
def test_block_and_its_gradients_compile_with_xla_and_agree(dtype, tolerance):
    block = NAFBlock(8, dtype, "block", embedded=True, guided=True, zero_last=False)
    policy = keras.mixed_precision.Policy(dtype)
    x, embedding, guidance = (tf.cast(normal(*shape), policy.compute_dtype) for shape in ((2, 6, 6, 8), (2, 4), (2, 6, 6, 3)))
    block(x, embedding, guidance)

    def gradients(x):
        with tf.GradientTape() as tape:
            result = block(x, embedding, guidance)
            loss = tf.reduce_sum(tf.cast(result, tf.float32) * normal(*x.shape, seed=1))
        return tape.gradient(loss, block.trainable_variables)

    for plain, compiled in zip(tf.function(gradients)(x), tf.function(gradients, jit_compile=True)(x)):
        np.testing.assert_allclose(compiled, plain, rtol=tolerance, atol=tolerance * np.abs(plain).max())


def test_each_level_has_its_number_of_blocks():
    unet = small_unet()
    assert [block.name for block in unet.encoder] == ["encoder_0_0", "encoder_1_0", "encoder_1_1", "encoder_2_0"]
    assert [block.name for block in unet.decoder] == ["decoder_0_0", "decoder_1_0"]
    assert [block.filters for block in unet.encoder] == [8, 16, 16, 24]


def test_unet_of_patches_in_bfloat16():
    unet = small_unet("mixed_bfloat16", patch=2)
    assert unet.size_multiple == 8
    result = unet(normal(1, 16, 24, 6), tf.constant([0.3]))
    assert result.shape == (1, 16, 24, 3) and result.dtype == tf.float32
    assert unet.stem.kernel.shape[2] == 6 * 2**2


def test_guidance_network_keeps_the_resolution():
    network = NAFGuidanceNetwork(4, blocks=2, dtype="mixed_bfloat16")
    features, regression = network(tf.constant(normal(2, 7, 9, 1)))
    assert features.shape == (2, 7, 9, 4) and features.dtype == tf.bfloat16
    assert regression.shape == (2, 7, 9, 1) and regression.dtype == tf.float32
