"""Scales configs of the paper's variants down to two CPU cores. The structure stays; size and training change."""

from __future__ import annotations

from ml_collections import ConfigDict

from icdpm.configs import load_config

# Sections of a config about training and sampling, not about the model's structure.
_TRAINING = ("diffusion", "optimizer", "data", "run", "sampling")
SMALL_STEPS = 7_000  # of every variant at the scale small


def scale_to_micro(config: ConfigDict) -> ConfigDict:
    """Changes a variant's config to a quarter of its channels and a short training like that of the config `tiny`.

    It computes in float32: a CPU without bfloat16 instructions takes several times as long in bfloat16. HI-Diff, whose
    transformer takes seconds for a step, has a quarter of the steps in each stage.
    """
    _copy_recipe(load_config("tiny"), config)
    _divide_channels(config, unet=4, guidance=4)
    if "transformer" in config:
        config.transformer.blocks, config.transformer.refinement_blocks = (1, 1, 1, 1), 1
    config.precision = "float32"
    config.optimizer.ema_decay = 0.99
    config.data.batch = 8
    config.run.steps = 400
    if config.model == "hidiff":
        config.run.steps //= 4
        config.optimizer.learning_rate_ramp //= 4
    config.run.log_every = config.run.steps // 4
    config.run.validate_every = config.run.checkpoint_every = config.run.steps // 2
    config.run.validation_images = 4
    if "sampling" in config:
        config.sampling.steps = 2
        config.sampling.max_noise_variance = 0.8
    return config


def scale_to_small(config: ConfigDict) -> ConfigDict:
    """Changes a variant's config to narrow NAF blocks, trained in 14 to 40 minutes of a core.

    The networks have the blocks and the training of the config `small_naf`, because the paper's residual blocks learn half as
    much in the same time. They work on patches of 2 pixels, so that guidance at half the resolution has a level to enter. The
    paper's small networks (32 channels) have 16 channels, its large ones (64 channels) 32. All variants have the same number of
    steps; the two stages of HI-Diff share them. HI-Diff has the networks of the config `hidiff_tiny`. The further trainings of
    Figure 9 have a fifth of the steps and of the learning rate.
    """
    if config.model == "hidiff":
        return _scale_hidiff_to_small(config)
    recipe = load_config("small_naf")
    _copy_recipe(recipe, config)
    _divide_channels(config, unet=2, guidance=2)
    for _, network in _networks(config):
        if "patch" in network:
            for field in ("block", "patch", "multipliers", "blocks"):
                network[field] = recipe.unet[field]
    _set_small_steps(config, SMALL_STEPS)
    if "alignment" in config:
        _set_small_steps(config, SMALL_STEPS // 5)
        config.optimizer.learning_rate /= 5
        config.optimizer.noise_loss_ramp = 0  # the network is trained already
    return config


def _scale_hidiff_to_small(config):
    recipe = load_config("small_naf")
    tiny = load_config("hidiff_tiny_stage1")
    for section in ("transformer", "prior", "encoder", "denoiser"):
        for field in set(tiny[section]) - {"source", "joint", "guide", "latent_encoder", "side", "kind"}:
            config[section][field] = tiny[section][field]
    for field in ("learning_rate_ramp", "gradient_clip"):
        config.optimizer[field] = tiny.optimizer[field]
    for section, fields in (
        ("optimizer", ("learning_rate", "learning_rate_end", "learning_rate_shape")),
        ("data", recipe.data),
    ):
        for field in fields:
            config[section][field] = recipe[section][field]
    config.run.update(recipe.run)
    _set_small_steps(config, SMALL_STEPS // 2)
    config.precision = recipe.precision
    return config


def _set_small_steps(config, steps):
    """Sets the number of steps. The learning rate falls to zero over the last 30 percent."""
    config.optimizer.learning_rate_decay = (steps * 7 // 10, steps)
    config.optimizer.ema_decay = 0.999
    config.run.steps = steps
    config.run.validation_images = 8


def _copy_recipe(recipe, config):
    """Copies depth, training and sampling from another config. The noise loss has no ramp without a guidance loss."""
    ramp = config.optimizer.get("noise_loss_ramp", 0) and recipe.optimizer.noise_loss_ramp
    for name, network in _networks(config):
        depth = recipe.get(name, recipe.unet)
        network.update({field: depth[field] for field in ("encoder_blocks", "middle_blocks") if field in network})
    for section in _TRAINING:
        for field in set(config.get(section, ())) & set(recipe[section]):
            config[section][field] = recipe[section][field]
    if "noise_loss_ramp" in config.optimizer:
        config.optimizer.noise_loss_ramp = ramp


def _divide_channels(config, unet, guidance):
    """Divides the channels of the guidance networks by `guidance`, those of all others by `unet`."""
    for name, network in _networks(config):
        network.channels //= guidance if name == "guidance" else unet


def _networks(config):
    return [(name, section) for name, section in config.items() if hasattr(section, "channels")]
