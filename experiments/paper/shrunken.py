"""Configs of the paper's variants made for two cores: what a variant is stays; its size and its training do not."""

from icdpm.configs import load_config

# Sections of a config that say how a system is trained and sampled, not what it is.
_TRAINING = ("diffusion", "optimizer", "data", "run", "sampling")


def micro(config):
    """A variant's config with the same structure, a quarter of the channels and the tiny config's way of short training.

    It computes in float32: a CPU without bfloat16 instructions takes several times as long in bfloat16.
    """
    _take_after(load_config("tiny"), config)
    _narrow(config, unet=4, guidance=4)
    if "transformer" in config:
        config.transformer.blocks, config.transformer.refinement_blocks = (1, 1, 1, 1), 1
    config.precision = "float32"
    config.optimizer.ema_decay = 0.99
    config.data.batch = 8
    config.run.steps = 400
    config.run.log_every = 100
    config.run.validate_every = config.run.checkpoint_every = 200
    config.run.validation_images = 4
    if "sampling" in config:
        config.sampling.steps = 2
        config.sampling.max_noise_variance = 0.8
    return config


def small(config):
    """A variant's config with the same structure, made of narrow NAF blocks and trained in 14 to 40 minutes of a core.

    The networks take the blocks and the training of the config small_naf, because the paper's residual blocks learn half as
    much in the same time. They work on patches of 2 pixels, so that guidance at half the resolution has a level to enter. The
    paper's small networks (32 channels) have 16 channels, its large ones (64 channels) 32. All variants take the same number
    of steps.
    """
    recipe = load_config("small_naf")
    _take_after(recipe, config)
    _narrow(config, unet=2, guidance=2)
    for _, network in _networks(config):
        if "patch" in network:
            for field in ("block", "patch", "multipliers", "blocks"):
                network[field] = recipe.unet[field]
    config.optimizer.learning_rate_decay = (4_900, 7_000)
    config.optimizer.ema_decay = 0.999
    config.run.steps = 7_000
    config.run.validation_images = 8
    return config


def _take_after(model, config):
    """Gives a config another's depth, training and sampling. Without a guidance loss there is no ramp of the noise loss."""
    ramp = config.optimizer.get("noise_loss_ramp", 0) and model.optimizer.noise_loss_ramp
    for name, network in _networks(config):
        depth = model.get(name, model.unet)
        network.update({field: depth[field] for field in ("encoder_blocks", "middle_blocks") if field in network})
    for section in _TRAINING:
        for field in set(config.get(section, ())) & set(model[section]):
            config[section][field] = model[section][field]
    if "noise_loss_ramp" in config.optimizer:
        config.optimizer.noise_loss_ramp = ramp


def _narrow(config, unet, guidance):
    """Divides the channels of the guidance networks, and of all others."""
    for name, network in _networks(config):
        network.channels //= guidance if name == "guidance" else unet


def _networks(config):
    return [(name, section) for name, section in config.items() if hasattr(section, "channels")]
