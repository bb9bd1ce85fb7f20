"""Configs: errors name the field, the allowed values and the received one; JSON keeps everything."""

import json

import pytest

from icdpm.configs import change_config, load_config
from icdpm.errors import IcdpmError
from icdpm.models.config import check_config, config_from_json, config_to_json, default_config
from icdpm.models.icdpm import ICDPM, guided_level


def test_json_round_trip():
    config = check_config(default_config())
    text = config_to_json(config)
    again = config_from_json(text)
    assert again == config and config_to_json(again) == text
    assert again.guidance.scales == (1, 2, 3)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("data.batch", "many", "`data.batch` must be a whole number from 1 to 1048576. Received: 'many'."),
        ("data.batch", 2.5, "a whole number"),
        ("data.batch", True, "a whole number"),
        ("data.batch", 0, "from 1 to 1048576. Received: 0."),
        ("data.crop", 100, "`data.crop` must be a multiple of 8. Received: 100."),
        ("data.progressive_crops", (24,), "must have equal lengths. Received: 0, 1 and 0 numbers."),
        ("data.augment", 1, "true or false"),
        ("seed", -1, "from 0 to 4294967295"),
        ("optimizer.learning_rate", float("nan"), "a positive number. Received: nan."),
        ("optimizer.learning_rate", float("inf"), "a positive number"),
        ("optimizer.learning_rate", "fast", "a positive number"),
        ("optimizer.beta_1", 1.0, "a number of at least 0 and below 1"),
        ("optimizer.gradient_clip", -1.0, "a number of at least 0"),
        ("optimizer.learning_rate_decay", (5,), "(first, last) step"),
        ("optimizer.learning_rate_decay", (5, 5), "(first, last) step"),
        ("optimizer.accumulation", 3, "must divide every batch size of `data`. Received: 3 parts for a batch of 256."),
        ("precision", "float16", "one of float32, mixed_bfloat16. Received: 'float16'."),
        ("guidance.scales", (1, 1), "different numbers"),
        ("guidance.scales", (4,), "scales of the UNet, 1 to 3"),
        ("guidance.scales", 3, "whole numbers from 1 to 4096. Received: 3."),
        ("guidance.route", "input", "one scale"),
        ("guidance.color", "blue", "gray, rgb"),
        ("guidance.route", "output", "latent, input, both"),
        ("guidance.projection", "level", "block, scale"),
        ("guidance.noise_at_inference", 1, "true or false"),
        ("diffusion.parametrisation", "velocity", "preconditioned_noise"),
        ("diffusion.beta_start", 0.0, "a positive number below 1"),
        ("diffusion.blur_exponent", -0.5, "a number of at least 0"),
        ("unet.channels", 5, "even"),
        ("unet.patch", 3, "a power of two"),
        ("unet.multipliers", (), "one or more numbers"),
        ("unet.block", "transformer", "residual, naf"),
        ("unet.blocks", (1, 2, 1), "must have 0 numbers"),
        ("unet.channels", 100_000_000, "from 1 to 4096"),
        ("unet.multipliers", (1, 10**9), "whole numbers from 1 to 4096"),
        ("sampling.sampler", "euler", "dpmpp_2m_sde"),
        ("sampling.schedule", "cosine", "linear_beta, log_snr"),
        ("sampling.eta", 0.5, "only ddim has eta"),
        ("data.repeat", 0, "from 1 to 4096"),
        ("model", "pix2pix", "`model` must be one of icdpm"),
        ("model", "no_such_package:Model", "cannot be imported"),
        ("model", "icdpm.errors:IcdpmError", "must be a subclass of icdpm.models.image_restorer.ImageRestorer"),
    ],
)
def test_wrong_values_are_named(field, value, message):
    content = default_config().to_dict()
    *sections, leaf = field.split(".")
    part = content
    for section in sections:
        part = part[section]
    part[leaf] = value
    with pytest.raises(IcdpmError) as error:
        check_config(content)
    assert all(section in str(error.value) for section in field.split(".")) and message in str(error.value)


def test_naf_blocks_are_counted_for_every_level(micro_config):
    micro_config.unet.block = "naf"
    for blocks in ((), (1, 1), (1, 1, 1, 1, 1)):
        micro_config.unet.blocks = blocks
        with pytest.raises(IcdpmError, match="must have 3 numbers for 2 levels of naf blocks"):
            check_config(micro_config)
    micro_config.unet.blocks = (1, 6, 1)
    check_config(micro_config)


def test_unknown_and_missing_fields_are_named():
    content = default_config().to_dict()
    content["optimizer"]["momentum"] = 0.9
    with pytest.raises(IcdpmError, match="unknown field `optimizer.momentum`"):
        check_config(content)
    del content["optimizer"]["momentum"], content["data"]["crop"]
    with pytest.raises(IcdpmError, match="no field `data.crop`"):
        check_config(content)


@pytest.mark.parametrize("value", [None, "regression_s"])
def test_what_is_no_config_is_named(value):
    with pytest.raises(IcdpmError, match=f"`config` must be a ConfigDict or a nested dict; .* Received: {value!r}"):
        check_config(value)


def test_configs_of_earlier_versions_keep_their_meaning():
    content = default_config().to_dict()
    del content["model"], content["unet"]["patch"], content["sampling"]["eta"]
    del content["unet"]["block"], content["unet"]["blocks"], content["diffusion"]["blur_exponent"], content["data"]["repeat"]
    del content["guidance"]["projection"], content["guidance"]["noise_at_inference"]
    assert config_from_json(json.dumps(content)) == check_config(default_config())


def test_the_former_name_of_the_field_model_is_accepted():
    config = load_config("dvsr_s")
    content = config.to_dict()
    content["system"] = content.pop("model")
    assert config_from_json(json.dumps(content)) == check_config(content) == config
    assert change_config(config, ["system=dvsr"]) == config


@pytest.mark.parametrize("text", ["", "[]", "{", "3", "{}"])
def test_json_that_is_no_config(text):
    with pytest.raises(IcdpmError):
        config_from_json(text)


def test_whole_numbers_are_accepted_as_numbers():
    content = default_config().to_dict()
    content["optimizer"]["gradient_clip"] = 1
    assert check_config(content).optimizer.gradient_clip == 1.0


def test_size_multiple_covers_guidance_and_unet(micro_config):
    assert ICDPM.size_multiple_for(micro_config) == 2
    assert ICDPM.size_multiple_for(default_config()) == 8
    assert ICDPM.size_multiple_for(load_config("small")) == 16


def test_guidance_enters_the_level_of_its_resolution():
    assert [guided_level(default_config(), k) for k in (1, 2, 3)] == [1, 2, 3]
    patched = default_config()
    patched.unet.patch = 4
    assert [guided_level(patched, k) for k in (2, 3, 5)] == [0, 1, 3]
    with pytest.raises(IcdpmError, match="`guidance.scales` must be scales of the UNet, 2 to 5"):
        check_config(patched)


def test_changes_of_crops_and_batches_are_checked_together():
    config = default_config()
    config.data.update(progressive_steps=(5, 9), progressive_crops=(136, 144), progressive_batches=(128, 64))
    assert check_config(config).data.progressive_crops == (136, 144)
    for field, value, message in [
        ("progressive_steps", (9, 5), "must be increasing"),
        ("progressive_crops", (136, 150), "progressive_crops` must be a multiple of 8"),
        ("progressive_batches", (128, 63), "must divide every batch size .* 2 parts for a batch of 63"),
    ]:
        wrong = default_config()
        wrong.update(config.to_dict())
        wrong.optimizer.accumulation = 2
        wrong.data[field] = value
        with pytest.raises(IcdpmError, match=message):
            check_config(wrong)
