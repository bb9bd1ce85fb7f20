"""Configs of the paper's variants made for two cores: what a variant is stays; its size and its training do not."""

from icdpm.configs import load_config

# Sections of a config that say how a system is trained and sampled, not what it is.
_TRAINING = ("diffusion", "optimizer", "data", "run", "sampling")


def micro(config):
    """A variant's config with the same structure, a quarter of the channels and the tiny config's way of short training."""
    _take_after(load_config("tiny"), config)
    _narrow(config, unet=4, guidance=4)
    if "transformer" in config:
        config.transformer.blocks, config.transformer.refinement_blocks = (1, 1, 1, 1), 1
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
    """A variant's config with the same structure, narrower, and the small config's training cut to half an hour of a core.

    The UNet works on patches of 2 pixels, not 4, so that guidance of half the resolution has a level to enter. Every variant
    takes the same number of steps; a step with guidance at three scales costs twice one without.
    """
    _take_after(load_config("small"), config)
    _narrow(config, unet=2, guidance=4)
    config.unet.patch = 2
    config.optimizer.learning_rate_decay = (3_000, 4_500)
    config.optimizer.ema_decay = 0.998
    config.data.batch = 8
    config.data.repeat = 6  # blurring new crops for so short a step would cost a fifth of it
    config.run.steps = 4_500
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
