"""The drawings of icdpm/README.md against the networks and the config that they show."""

import re
from pathlib import Path

import pytest

from icdpm.configs import load_config
from icdpm.models.icdpm import guided_level
from icdpm.models.unets import make_unet
from icdpm.networks.guidance import GuidanceNetwork
from icdpm.networks.layers import take_each

README = Path(__file__).parents[1] / "icdpm/README.md"
SIZES = ("1/1", "1/2", "1/4", "1/8")


@pytest.fixture(scope="module")
def config():
    return load_config("table2_f")


@pytest.fixture(scope="module")
def drawings():
    """[training, guidance network, UNet, residual block] as text."""
    found = re.findall(r"^```mermaid\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert len(found) == 4
    return found


def test_every_arrow_joins_nodes_that_have_a_label(drawings):
    for drawing in drawings:
        labelled = set(re.findall(r"\b(\w+)(?:\[\"|\(\()", drawing))
        without_labels = re.sub(r"\"[^\"]*\"|\(\(\+\)\)", "", drawing)
        named = set(re.findall(r"\b(?!flowchart|LR|TB)\w+\b", without_labels))
        assert named == labelled


def test_training_has_the_recipe_s_numbers(config, drawings):
    training = drawings[0]
    guidance, channels = config.guidance, config.guidance.channels
    assert guidance.color == "gray" and guidance.route == "latent" and config.unet.concat_blurry
    assert config.diffusion.loss == "l1" and config.diffusion.parametrisation == "noise"
    assert f"k = {', '.join(map(str, guidance.scales))}" in training and f"{len(guidance.scales)} guidance networks" in training
    assert [guided_level(config, k) for k in guidance.scales] == list(guidance.scales)
    assert f"h_k: {channels} channels at 1/2^k, into encoder level k" in training
    assert f"N(0, {guidance.noise_std:g}²), training only" in training
    assert f"t ~ U{{1 … {config.diffusion.steps}}}" in training
    assert f"w: 0 → 1 over the first {config.optimizer.noise_loss_ramp} steps" in training


def test_the_guidance_network_has_the_blocks_that_are_drawn(config, drawings):
    network = GuidanceNetwork(config.guidance.channels, middle_blocks=config.guidance.middle_blocks)
    drawn = re.findall(r"\b([ed]\d)\[\"block, (\d+)\"\]", drawings[1])
    encoder = [(f"e{index}", str(block.filters)) for index, block in enumerate(network.encoder)]
    decoder = [(f"d{3 - index}", str(block.filters)) for index, block in enumerate(network.decoder)]
    assert drawn == encoder + decoder
    assert f"stem: 3×3 conv, {network.stem.filters}" in drawings[1]
    assert f"{len(network.middle)} middle blocks, {network.middle[0].filters}" in drawings[1]
    assert f"regression: 3×3 conv, {network.regression.filters} channel" in drawings[1]
    assert f"h_k, {network.decoder[-1].filters} channels" in drawings[1]


def test_the_unet_has_the_blocks_that_are_drawn(config, drawings):
    guided_levels = [guided_level(config, k) for k in config.guidance.scales]
    unet = make_unet(config.unet, "float32", guided_levels=guided_levels)
    drawing = drawings[2]
    stored = 1 + len(unet.encoder) + len(unet.down)
    assert stored == len(unet.decoder) and f"{stored} in all" in README.read_text()
    count, levels = config.unet.encoder_blocks, len(config.unet.multipliers)
    blocks = zip(take_each(unet.encoder, [count] * levels), take_each(unet.decoder, [count + 1] * levels))
    for level, (encoder, decoder) in enumerate(blocks):
        kind = "guided blocks" if level in guided_levels else "blocks"
        assert all((block.guidance is not None) == (level in guided_levels) for block in encoder)
        assert f'encoder level {level}, {SIZES[level]}: {len(encoder)} {kind}, {encoder[0].filters}"' in drawing
        assert f'decoder level {level}, {SIZES[level]}: {len(decoder)} blocks, {decoder[0].filters}"' in drawing
        assert (f'h{level}["h_{level}, {config.guidance.channels}"] --> E{level}' in drawing) == (level in guided_levels)
    downs, ups = (re.findall(rf"{way}, (\d+)\"", drawing) for way in ("down", "up"))
    assert downs == [str(block.filters) for block in unet.down]
    assert ups == [str(block.filters) for block in reversed(unet.up)]
    assert f"{len(unet.middle)} middle blocks, {unet.middle[0].filters}" in drawing
    assert f"stem: 3×3 conv, {unet.stem.filters}" in drawing and f"swish, 3×3 conv, {unet.head.filters}" in drawing
    embedding = unet.embedding
    assert f"√γ: {embedding.channels} sinusoids, Dense {embedding.dense_1.units}, swish, Dense" in drawings[3]
