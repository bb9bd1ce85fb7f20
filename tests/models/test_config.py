"""Configs: every wrong field, type and value is named; JSON keeps all."""

import json

import pytest

from icdpm.configs import load_config
from icdpm.errors import IcdpmError
from icdpm.models.config import (
    check_config,
    config_from_json,
    config_to_json,
    default_config,
)
from icdpm.models.icdpm import ICDPM, guided_level


def test_json_round_trip():
    config = check_config(default_config())
    text = config_to_json(config)
    again = config_from_json(text)
    assert again == config and config_to_json(again) == text
    assert again.guidance.scales == (1, 2, 3)


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("data.batch", "many", "a whole number"),
        ("data.batch", 2.5, "a whole number"),
        ("data.batch", True, "a whole number"),
        ("data.batch", 0, "positive"),
        ("data.crop", 100, "multiple of 8"),
        ("data.progressive_crops", (24,), "0, 1 and 0 numbers; each change of crop and batch needs one of each"),
        ("data.augment", 1, "true or false"),
        ("optimizer.learning_rate", float("nan"), "positive"),
        ("optimizer.learning_rate", "fast", "a number"),
        ("optimizer.beta_1", 1.0, "below 1"),
        ("optimizer.learning_rate_decay", (5,), "(first, last) step"),
        ("optimizer.learning_rate_decay", (5, 5), "(first, last) step"),
        ("optimizer.accumulation", 3, "does not divide"),
        ("precision", "float16", "mixed_bfloat16"),
        ("guidance.scales", (1, 1), "differ"),
        ("guidance.scales", (4,), "scales 1 to 3"),
        ("guidance.scales", 3, "whole numbers"),
        ("guidance.route", "input", "one scale"),
        ("guidance.color", "blue", "gray, rgb"),
        ("guidance.route", "output", "latent, input, both"),
        ("guidance.projection", "level", "block, scale"),
        ("guidance.noise_at_inference", 1, "true or false"),
        ("diffusion.parametrisation", "velocity", "preconditioned_noise"),
        ("unet.channels", 5, "even"),
        ("unet.patch", 3, "power of two"),
        ("sampling.sampler", "euler", "dpmpp_2m_sde"),
        ("sampling.schedule", "cosine", "linear_beta, log_snr"),
        ("sampling.eta", 0.5, "only ddim has"),
        ("unet.multipliers", (), "empty"),
        ("unet.block", "transformer", "residual, naf"),
        ("unet.blocks", (1, 2, 1), "must hold 0 numbers"),
        ("diffusion.blur_exponent", -0.5, "positive"),
        ("data.repeat", 0, "positive"),
        ("unet.channels", 100_000_000, "at most 4096"),
        ("unet.multipliers", (1, 10**9), "at most 4096"),
        ("optimizer.learning_rate", float("inf"), "positive"),
        ("model", "pix2pix", "there is no model 'pix2pix'; there are icdpm"),
        ("model", "no_such_package:Model", "cannot be imported"),
        ("model", "icdpm.errors:IcdpmError", "is not a class of icdpm.models.image_restorer.ImageRestorer"),
    ],
)
def test_wrong_values_are_named(field, value, said):
    content = default_config().to_dict()
    *sections, leaf = field.split(".")
    part = content
    for section in sections:
        part = part[section]
    part[leaf] = value
    with pytest.raises(IcdpmError) as error:
        check_config(content)
    assert all(section in str(error.value) for section in field.split(".")) and said in str(error.value)


def test_naf_blocks_are_counted_for_every_level(micro_config):
    micro_config.unet.block = "naf"
    for blocks in ((), (1, 1), (1, 1, 1, 1, 1)):
        micro_config.unet.blocks = blocks
        with pytest.raises(IcdpmError, match="with 2 levels of naf blocks it must hold 3 numbers"):
            check_config(micro_config)
    micro_config.unet.blocks = (1, 6, 1)
    check_config(micro_config)


def test_unknown_and_missing_fields_are_named():
    content = default_config().to_dict()
    content["optimizer"]["momentum"] = 0.9
    with pytest.raises(IcdpmError, match="'optimizer.momentum' that is not known"):
        check_config(content)
    del content["optimizer"]["momentum"], content["data"]["crop"]
    with pytest.raises(IcdpmError, match="no field 'data.crop'"):
        check_config(content)


def test_configs_of_earlier_versions_still_mean_the_same():
    content = default_config().to_dict()
    del content["model"], content["unet"]["patch"], content["sampling"]["eta"]
    del content["unet"]["block"], content["unet"]["blocks"], content["diffusion"]["blur_exponent"], content["data"]["repeat"]
    del content["guidance"]["projection"], content["guidance"]["noise_at_inference"]
    assert config_from_json(json.dumps(content)) == check_config(default_config())


@pytest.mark.parametrize("text", ["", "[]", "{", "3", "{}"])
def test_json_that_is_no_config(text):
    with pytest.raises(IcdpmError):
        config_from_json(text)


def test_whole_numbers_serve_as_numbers():
    content = default_config().to_dict()
    content["optimizer"]["gradient_clip"] = 1
    assert check_config(content).optimizer.gradient_clip == 1.0


def test_size_factor_covers_guidance_and_unet(micro_config):
    assert ICDPM.size_multiple_for(micro_config) == 2
    assert ICDPM.size_multiple_for(default_config()) == 8
    assert ICDPM.size_multiple_for(load_config("small")) == 16


def test_guidance_enters_the_level_of_its_resolution():
    assert [guided_level(default_config(), k) for k in (1, 2, 3)] == [1, 2, 3]
    patched = default_config()
    patched.unet.patch = 4
    assert [guided_level(patched, k) for k in (2, 3, 5)] == [0, 1, 3]
    with pytest.raises(IcdpmError, match="guidance.scales .* but the UNet has the scales 2 to 5"):
        check_config(patched)


def test_changes_of_crops_and_batches_are_checked_together():
    config = default_config()
    config.data.update(progressive_steps=(5, 9), progressive_crops=(136, 144), progressive_batches=(128, 64))
    assert check_config(config).data.progressive_crops == (136, 144)
    for field, value, said in [
        ("progressive_steps", (9, 5), "its steps must rise"),
        ("progressive_crops", (136, 150), "progressive_crops is .*; it must be a multiple of 8"),
        ("progressive_batches", (128, 63), "a batch of 63 .* does not divide into optimizer.accumulation 2 parts"),
    ]:
        wrong = default_config()
        wrong.update(config.to_dict())
        wrong.optimizer.accumulation = 2
        wrong.data[field] = value
        with pytest.raises(IcdpmError, match=said):
            check_config(wrong)
