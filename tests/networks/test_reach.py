"""How far the networks see: as far as they say, and not a pixel less."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.keras import keras
from icdpm.networks.guidance import GuidanceNetwork
from icdpm.networks.naf import NAFGuidanceNetwork, NAFUNet
from icdpm.networks.unet import UNet


def furthest(network, call, shape, window):
    """How far before and behind a window of rows an input can change the output within it."""
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
def test_of_the_denoiser(multipliers, encoder_blocks, middle_blocks, patch):
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
def test_of_the_denoiser_of_naf_blocks(multipliers, blocks, patch):
    # Layer norm makes nothing of channels that are all the same, as the others' are here: these keep their random weights.
    check(NAFUNet(4, multipliers=multipliers, blocks=blocks, patch=patch, zero_last=False))


def check(unet):
    assert unet.receptive_field_radius % unet.size_multiple == 0
    begin = unet.receptive_field_radius + 2 * unet.size_multiple
    window = slice(begin, begin + unet.size_multiple)
    reached = furthest(
        unet, lambda x: unet(x, tf.constant([0.5])), (1, 2 * begin + unet.size_multiple, unet.size_multiple, 6), window
    )
    assert unet.receptive_field_radius - unet.size_multiple < min(reached) <= max(reached) <= unet.receptive_field_radius


@pytest.mark.parametrize(
    "network",
    [
        GuidanceNetwork(2, middle_blocks=1, zero_last=False, name="guidance"),
        NAFGuidanceNetwork(4, blocks=3, zero_last=False, name="guidance"),
    ],
)
def test_of_a_guidance_network(network):
    begin = network.receptive_field_radius + 3
    reached = furthest(network, lambda x: network(x)[1], (1, 2 * begin + 1, 1, 1), slice(begin, begin + 1))
    assert reached == (network.receptive_field_radius, network.receptive_field_radius)
