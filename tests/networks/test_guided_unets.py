"""Properties of both UNets: conditioning, shared projections, sizes and shifts."""

import re

import numpy as np
import pytest
import tensorflow as tf

from icdpm.networks.naf import NAFUNet
from icdpm.networks.unet import UNet


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def residual_unet(encoder_blocks=1, **options):
    return UNet(8, multipliers=(1, 2, 3), encoder_blocks=encoder_blocks, zero_last=False, **options)


def naf_unet(encoder_blocks=1, **options):
    return NAFUNet(8, multipliers=(1, 2, 3), blocks=(encoder_blocks, 2, 1, 1, 1), zero_last=False, **options)


both = pytest.mark.parametrize("unet_of", [residual_unet, naf_unet])


@both
def test_unet_depends_on_guidance_and_noise_level(unet_of):
    unet = unet_of(guided_levels=(1, 2))
    x = tf.constant(normal(2, 16, 24, 6))
    guidance = {1: tf.constant(normal(2, 8, 12, 5)), 2: tf.constant(normal(2, 4, 6, 5))}
    result = unet(x, tf.constant([0.3, 0.3]), guidance)
    assert result.shape == (2, 16, 24, 3) and result.dtype == tf.float32
    assert np.abs(unet(x, tf.constant([0.3, 0.9]), guidance) - result)[1].max() > 1e-4
    for level in guidance:
        changed = unet(x, tf.constant([0.3, 0.3]), {**guidance, level: guidance[level] + 1.0})
        assert np.abs(changed - result).max() > 1e-4


@both
def test_a_shared_projection_is_one_for_all_blocks_of_a_level(unet_of):
    """The network is the same as with equal convolutions in all blocks."""
    shared, own = (unet_of(2, guided_levels=(1, 2), shared_projection=sharing) for sharing in (True, False))
    guidance = {1: tf.constant(normal(2, 8, 12, 5)), 2: tf.constant(normal(2, 4, 6, 5))}
    inputs = tf.constant(normal(2, 16, 24, 6)), tf.constant([0.3, 0.3]), guidance
    result, _ = shared(*inputs), own(*inputs)
    named = {variable.name: variable for variable in shared.variables}
    for variable in own.variables:
        variable.assign(named[re.sub(r"encoder_(\d)_\d/guidance/", r"guidance_\1/", variable.name)])
    assert sum("guidance" in name for name in named) == 2 * 2
    np.testing.assert_allclose(own(*inputs), result, atol=1e-5)


@both
def test_weights_do_not_depend_on_image_size(unet_of):
    unet = unet_of()
    for height, width in [(8, 8), (16, 40)]:
        assert unet(normal(1, height, width, 6), tf.constant([0.5])).shape == (1, height, width, 3)
    assert len({variable.name for variable in unet.trainable_variables}) == len(unet.trainable_variables)


@both
def test_unet_is_equivariant_to_shifts_by_its_size_multiple(unet_of):
    unet = unet_of()
    assert unet.size_multiple == 4
    x = normal(1, 160, 160, 6)
    moved = np.roll(x, (4, 8), axis=(1, 2))
    ours, theirs = unet(x, tf.constant([0.5])).numpy(), unet(moved, tf.constant([0.5])).numpy()
    np.testing.assert_allclose(np.roll(ours, (4, 8), axis=(1, 2))[:, 72:88, 72:88], theirs[:, 72:88, 72:88], atol=1e-5)
