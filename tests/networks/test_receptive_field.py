"""Receptive fields: measured by gradients, and equal to `receptive_field_radius`."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.guidance import GuidanceNetwork
from icdpm.networks.naf import NAFGuidanceNetwork, NAFUNet
from icdpm.networks.unet import UNet


def measured_radii(network, call, shape, window):
    """Returns how many rows before and after a window the input changes the output within it."""
    x = tf.constant(np.random.default_rng(0).uniform(0.5, 1, shape).astype(np.float32))
    call(x)
    for layer in () if isinstance(network, (NAFUNet, NAFGuidanceNetwork)) else network.submodules:
        if isinstance(layer, keras.layers.Conv2D):
            layer.kernel.assign(np.full(layer.kernel.shape, 1 / np.prod(layer.kernel.shape[:3]), np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = tf.reduce_sum(call(x)[:, window])
    rows = np.abs(tape.gradient(output, x)).max(axis=(0, 2, 3)).nonzero()[0]
    return window.start - rows[0], rows[-1] + 1 - window.stop


@pytest.mark.parametrize(
    "multipliers, encoder_blocks, middle_blocks, patch", [((1,), 1, 1, 1), ((1, 2), 2, 0, 2), ((1, 1, 2), 1, 1, 1)]
)
def test_unet(multipliers, encoder_blocks, middle_blocks, patch):
    unet = UNet(
        2,
        multipliers=multipliers,
        encoder_blocks=encoder_blocks,
        middle_blocks=middle_blocks,
        patch=patch,
        zero_last=False,
    )
    check(unet)


@pytest.mark.parametrize(
    "multipliers, blocks, patch", [((1,), (2,), 1), ((1, 2), (2, 1, 3), 2), ((1, 1, 2), (1, 2, 1, 2, 1), 1)]
)
def test_naf_unet(multipliers, blocks, patch):
    # Layer norm of equal channels is zero, so these networks keep their random weights.
    check(NAFUNet(4, multipliers=multipliers, blocks=blocks, patch=patch, zero_last=False))


def check(unet):
    assert unet.receptive_field_radius % unet.size_multiple == 0
    begin = unet.receptive_field_radius + 2 * unet.size_multiple
    window = slice(begin, begin + unet.size_multiple)
    measured = measured_radii(
        unet, lambda x: unet(x, tf.constant([0.5])), (1, 2 * begin + unet.size_multiple, unet.size_multiple, 6), window
    )
    assert unet.receptive_field_radius - unet.size_multiple < min(measured) <= max(measured) <= unet.receptive_field_radius


@pytest.mark.parametrize(
    "network",
    [
        GuidanceNetwork(2, middle_blocks=1, zero_last=False, name="guidance"),
        NAFGuidanceNetwork(4, blocks=3, zero_last=False, name="guidance"),
    ],
)
def test_guidance_networks(network):
    begin = network.receptive_field_radius + 3
    measured = measured_radii(network, lambda x: network(x)[1], (1, 2 * begin + 1, 1, 1), slice(begin, begin + 1))
    assert measured == (network.receptive_field_radius, network.receptive_field_radius)
