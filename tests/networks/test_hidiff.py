"""Networks of HI-Diff: definitions, shapes, precision."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.hidiff.blocks import GatedFeedForward, HierarchicalIntegration, TransposedAttention
from icdpm.networks.hidiff.layers import LayerNorm, convolution, depthwise_convolution
from icdpm.networks.hidiff.prior import LatentEncoder, MixerDenoiser, PerceptronDenoiser, adaptive_average_pool
from icdpm.networks.hidiff.transformer import DeblurringTransformer


def normal(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def transformer(guide, dtype="float32"):
    return DeblurringTransformer(8, (1, 1, 1, 1), (1, 2, 4, 8), 1, 2.0, guide=guide, tokens=4, prior_width=6, dtype=dtype)


def test_initial_weights_are_uniform_within_the_root_of_the_inputs():
    for layer, bound in ((convolution(64, 3, "float32", "a"), 27**-0.5), (depthwise_convolution(3, "float32", "b"), 1 / 3)):
        layer.build([None, None, None, 3] if bound < 1 / 3 else [None, None, None, 500])
        weights = layer.weights[0].numpy()
        assert 0.95 * bound < np.abs(weights).max() <= bound and abs(weights.mean()) < 0.05 * bound


def test_layer_norm_equals_that_of_keras():
    x = normal(2, 3, 4, 5) * 3 + 1
    np.testing.assert_allclose(LayerNorm()(x), keras.layers.LayerNormalization(epsilon=1e-5)(x), atol=1e-5)
    assert LayerNorm(dtype="mixed_bfloat16")(x).dtype == tf.bfloat16


@pytest.mark.parametrize("size", [2, 3, 4, 7, 8, 9])
def test_adaptive_pooling_averages_areas_that_cover_the_side(size):
    x = normal(2, size, 5, 3)
    pooled = adaptive_average_pool(x, 4).numpy()
    for row in range(4):
        start, stop = row * size // 4, -(-(row + 1) * size // 4)
        for column in range(4):
            left, right = column * 5 // 4, -(-(column + 1) * 5 // 4)
            np.testing.assert_allclose(pooled[:, row, column], x[:, start:stop, left:right].numpy().mean((1, 2)), atol=1e-6)


def test_transposed_attention_is_softmax_of_normalized_channels():
    layer = TransposedAttention(6, 2, "float32")
    x = normal(1, 4, 5, 6)
    result = layer(x)
    layer.temperature.assign([[[0.5]], [[2.0]]])
    query, key, value = np.split(layer.depthwise(layer.query_key_value(x)).numpy().reshape(20, 18), 3, axis=1)
    attended = []
    for head, temperature in ((slice(0, 3), 0.5), (slice(3, 6), 2.0)):
        q, k = (part[:, head] / np.linalg.norm(part[:, head], axis=0) for part in (query, key))
        weights = np.exp(q.T @ k * temperature)
        attended.append(value[:, head] @ (weights / weights.sum(axis=1, keepdims=True)).T)
    expected = layer.project_out(np.concatenate(attended, axis=1).reshape(1, 4, 5, 6))
    np.testing.assert_allclose(layer(x), expected, atol=1e-5)
    assert np.abs(layer(x) - result).max() > 1e-4


def test_attention_of_a_uniform_image_has_finite_gradients():
    layer = TransposedAttention(4, 1, "float32")
    with tf.GradientTape() as tape:
        result = tf.reduce_sum(layer(tf.zeros([1, 8, 8, 4])))
    gradients = tape.gradient(result, layer.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("kind", [TransposedAttention, GatedFeedForward])
def test_modulation_depends_on_the_prior(kind):
    layer = kind(4, 2, "float32", modulated=True)
    x = normal(1, 4, 4, 4)
    one, other = (layer(x, normal(1, 1, 6, seed=seed)).numpy() for seed in (1, 2))
    assert one.shape == (1, 4, 4, 4) and np.abs(one - other).max() > 1e-4


def test_integration_treats_pixels_independently():
    layer = HierarchicalIntegration(6, 2, "float32")
    x, tokens = normal(1, 3, 4, 6), normal(1, 5, 8)
    result = layer(x, tokens).numpy()
    np.testing.assert_allclose(layer(x[:, ::-1, 1:], tokens), result[:, ::-1, 1:], atol=1e-6)
    np.testing.assert_allclose(layer(x, tokens[:, ::-1]), result, atol=1e-6)  # tokens have no order


@pytest.mark.parametrize("kind, channels", [("gelu", 6), ("leaky_relu", 3)])
def test_the_latent_encoder_returns_tokens_at_any_size(kind, channels):
    encoder = LatentEncoder(kind, 4, 1, 4, 16, dtype="mixed_bfloat16")
    for size in ((8, 8), (24, 40)):
        tokens = encoder(normal(2, *size, channels))
        assert tokens.shape == (2, 16, 16) and tokens.dtype == tf.float32


def test_denoisers_depend_on_all_inputs():
    for denoiser in (MixerDenoiser(4, 6, 8, 2, 0.5, 2.0), PerceptronDenoiser(6, 2)):
        inputs = [normal(1, 4, 6), normal(1, 4, 6, seed=1), 3]
        first = denoiser(*inputs).numpy()
        assert first.shape == (1, 4, 6)
        for number, other in enumerate([inputs[0] + 1, inputs[1] + 1, 100]):
            changed = [*inputs[:number], other, *inputs[number + 1 :]]
            assert np.abs(denoiser(*changed) - first).max() > 1e-5


@pytest.mark.parametrize("guide", ["hierarchical", "single", "none"])
def test_the_transformer_restores_any_multiple_of_8(guide):
    network = transformer(guide)
    images = tf.random.stateless_uniform([1, 24, 40, 3], [0, 0])
    one, other = (network(images, normal(1, 4, 6, seed=seed)).numpy() for seed in (1, 2))
    assert one.shape == (1, 24, 40, 3) and (np.abs(one - other).max() > 1e-4) == (guide != "none")
    features = network.features(images, normal(1, 4, 6, seed=1))
    shapes = {name: tuple(value.shape[1:]) for name, value in features.items()}
    assert shapes == {
        "encoder_0": (24, 40, 8), "encoder_1": (12, 20, 16), "encoder_2": (6, 10, 32), "bottleneck": (3, 5, 64),
        "decoder_2": (6, 10, 32), "decoder_1": (12, 20, 16), "decoder_0": (24, 40, 16), "refinement": (24, 40, 16),
        "image": (24, 40, 3),
    }  # fmt: skip


def test_bfloat16_is_close_and_the_image_float32():
    images, prior = tf.random.stateless_uniform([1, 16, 16, 3], [0, 0]), normal(1, 4, 6)
    keras.utils.set_random_seed(0)
    exact = transformer("hierarchical")(images, prior)
    keras.utils.set_random_seed(0)
    rounded = transformer("hierarchical", "mixed_bfloat16")(images, prior)
    assert rounded.dtype == tf.float32
    np.testing.assert_allclose(rounded, exact, atol=0.03)
