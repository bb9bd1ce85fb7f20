"""Small configs of every model class, for the tests that all models share."""

from icdpm.models.config import check_config, default_config

MODELS = ("icdpm", "naf", "dvsr", "regression", "aligned_icdpm", "hidiff_stage1", "hidiff", "own")


def small_config(name, precision="float32"):
    """Returns the checked config of the smallest model of a kind; a step takes milliseconds."""
    model = {"naf": "icdpm", "hidiff_stage1": "hidiff", "own": "sharpener:Sharpener"}.get(name, name)
    config = default_config(model)
    config.name, config.precision = f"micro_{name}", precision
    for section in config.values():
        if hasattr(section, "multipliers"):
            section.update(channels=4, multipliers=(1, 2), encoder_blocks=1, middle_blocks=0, zero_last=False)
    if name == "naf":
        config.unet.update(block="naf", blocks=(1, 1, 1))
    if "guidance" in config:
        config.guidance.update(scales=(1,), channels=4, middle_blocks=1 if name == "naf" else 0)
        config.optimizer.noise_loss_ramp = 3
    if "sampling" in config:
        config.sampling.update(steps=2, max_noise_variance=0.9)
    if model == "hidiff":
        config.transformer.update(channels=4, blocks=(1, 1, 1, 1), heads=(1, 1, 2, 2), refinement_blocks=1)
        config.prior.update(source="encoded" if name == "hidiff_stage1" else "diffused", side=2, width=8)
        config.encoder.update(channels=4, blocks=1)
        config.denoiser.update(hidden=8, blocks=1)
        config.chain.steps = 2
    config.optimizer.learning_rate, config.optimizer.learning_rate_ramp = 1e-3, 2
    config.data.update(batch=4, crop=16)
    config.run.update(steps=2, log_every=1, validate_every=2, checkpoint_every=2, validation_images=2)
    return check_config(config)
