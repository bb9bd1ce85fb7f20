"""The config of a run: every choice that the paper leaves open has a name here."""

import json

import ml_collections

from icdpm.diffusion.samplers import SAMPLERS
from icdpm.diffusion.schedules import MIN_NOISE_VARIANCE, SCHEDULES
from icdpm.errors import IcdpmError


def default_config():
    """The config of the paper's guided small model (Table 2 c), locked against unknown fields.

    A variant is this config with a few fields changed. Fields marked *assumed* are silent in the paper.
    """
    config = ml_collections.ConfigDict()
    config.name = ""
    config.seed = 0
    config.precision = "mixed_bfloat16"  # Keras policy: float32 or mixed_bfloat16

    # The denoising UNet (Fig. 10; the layout is recovered from Table 11).
    config.unet = ml_collections.ConfigDict()
    config.unet.channels = 32
    config.unet.multipliers = (1, 2, 3, 4)
    config.unet.patch = 1  # pixels to a side that become channels before the first level: 1 (the paper's), 2, 4, …
    config.unet.block = "residual"  # residual (the paper's) or naf (Chen et al., 2022)
    config.unet.encoder_blocks = 3  # residual: a level, the decoder has one more
    config.unet.middle_blocks = 2  # residual
    config.unet.blocks = ()  # naf: from the first level down to the lowest and up again, as in (1, 1, 2, 6, 1, 1, 1)
    config.unet.dropout = 0.0  # assumed
    config.unet.embedding_scale = 1000.0  # assumed
    config.unet.zero_last = True  # assumed: the last convolutions of blocks and head start at zero
    config.unet.concat_blurry = True  # False: Table 9, "w/o input concatenation"

    # The guidance networks (§3.2). No scale: the unguided icDPM.
    config.guidance = ml_collections.ConfigDict()
    config.guidance.scales = (1, 2, 3)  # k: downsampled by 2^k
    config.guidance.channels = 32
    config.guidance.middle_blocks = 2  # residual: between both halves; naf: all blocks
    config.guidance.color = "gray"  # of φ_k and so of the regression target: gray or rgb (assumed for the input)
    config.guidance.route = "latent"  # latent: features added in the encoder; input: the output upsampled and concatenated
    config.guidance.noise_std = 0.02  # σ of eq. 1 on [−1, 1], in training only (assumed)

    config.diffusion = ml_collections.ConfigDict()
    config.diffusion.steps = 2000  # the training schedule: T (assumed, from SR3 and DvSR)
    config.diffusion.beta_start = 1e-6  # assumed
    config.diffusion.beta_end = 1e-2  # assumed
    config.diffusion.parametrisation = "noise"  # noise (the paper's), preconditioned_noise or preconditioned_estimate
    config.diffusion.residual_std = 0.13  # σ_r of the preconditioned ones
    config.diffusion.loss = "l1"  # of the network's output: l1 (the paper's) or l2
    # The power of its blur's strength by which an example's loss is divided. 0: the paper's, in which strong blur decides all
    # and what is nearly sharp already is made worse; 1: the same share of every blur is asked for, as by PSNR.
    config.diffusion.blur_exponent = 0.0

    config.optimizer = ml_collections.ConfigDict()
    config.optimizer.learning_rate = 1e-4
    config.optimizer.learning_rate_ramp = 20_000
    config.optimizer.learning_rate_decay = ()  # (first, last) step of a linear decay to 0; (): constant, as the paper has it
    config.optimizer.noise_loss_ramp = 60_000  # w of L = L_guidance + w·L_DPM: 0 → 1 over these steps
    config.optimizer.beta_1 = 0.5
    config.optimizer.beta_2 = 0.999
    config.optimizer.ema_decay = 0.9999  # assumed
    config.optimizer.gradient_clip = 0.0  # largest global norm of the gradient; 0: no clipping (assumed)
    config.optimizer.accumulation = 1  # the batch goes through the network in this many parts

    config.data = ml_collections.ConfigDict()
    config.data.batch = 256  # global
    config.data.crop = 128
    config.data.repeat = 1  # a crop is shown this many times, turned anew, before it is dropped: for blur that costs much
    config.data.augment = True  # flips and 90° rotations, the same for both images of a pair (assumed)

    config.run = ml_collections.ConfigDict()
    config.run.steps = 1_000_000  # assumed
    config.run.log_every = 100
    config.run.validate_every = 10_000
    config.run.checkpoint_every = 5_000
    config.run.keep_checkpoints = 3
    config.run.validation_images = 16
    config.run.compile = True  # compile the step with XLA on accelerators; on CPUs XLA is slower and not used
    config.run.deterministic = True  # the same weights, bit for bit, from the same seed

    # How the trained model is sampled where the user does not say (assumed; Table 10 lists what the paper searched).
    config.sampling = ml_collections.ConfigDict()
    config.sampling.sampler = "ancestral"
    config.sampling.steps = 50
    config.sampling.max_noise_variance = 0.2
    config.sampling.schedule = "linear_beta"
    config.sampling.eta = 0.0  # of the sampler ddim
    config.lock()
    return config


_CHOICES = {
    "precision": ("float32", "mixed_bfloat16"),
    "unet.block": ("residual", "naf"),
    "guidance.color": ("gray", "rgb"),
    "guidance.route": ("latent", "input"),
    "diffusion.parametrisation": ("noise", "preconditioned_noise", "preconditioned_estimate"),
    "diffusion.loss": ("l1", "l2"),
    "sampling.sampler": tuple(SAMPLERS),
    "sampling.schedule": tuple(SCHEDULES),
}
_MAY_BE_ZERO = {
    "seed", "unet.dropout", "unet.middle_blocks", "guidance.middle_blocks", "guidance.noise_std",
    "diffusion.blur_exponent", "optimizer.learning_rate_ramp", "optimizer.noise_loss_ramp", "optimizer.ema_decay",
    "optimizer.beta_1", "optimizer.beta_2", "optimizer.gradient_clip", "sampling.eta",
}  # fmt: skip
_BELOW_ONE = {
    "unet.dropout", "diffusion.beta_start", "diffusion.beta_end", "optimizer.beta_1", "optimizer.beta_2",
    "optimizer.ema_decay", "sampling.max_noise_variance",
}  # fmt: skip


def check_config(config):
    """Checks the fields, types and values of a config against `default_config`.

    Args:
      config: ConfigDict or nested dict.

    Returns:
      A locked ConfigDict with all fields, in the types of `default_config`.

    Raises:
      IcdpmError: naming the field, what it holds and what it should hold.
    """
    checked = default_config()
    given = dict(_leaves(config))
    known = dict(_leaves(checked))
    for field, value in given.items():
        if field not in known:
            raise IcdpmError(f"the config has a field {field!r} that is not known; known are {', '.join(known)}")
        parent, _, leaf = field.rpartition(".")
        section = checked[parent] if parent else checked
        section[leaf] = _checked_value(field, value, known[field])
    missing = [field for field in known if field not in given]
    if missing:
        raise IcdpmError(f"the config has no field {missing[0]!r}; start from default_config()")
    _check_together(checked)
    return checked


def config_from_json(text):
    """The checked config written by `config_to_json`, perhaps by an earlier version.

    Fields that came later hold their defaults, which are chosen to mean what was done before there was a choice. Raises
    IcdpmError if the text is no such config.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise IcdpmError(f"not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise IcdpmError("not a config: a JSON object is expected")
    for section, fields in default_config().to_dict().items():
        if isinstance(fields, dict) and isinstance(content.get(section), dict):
            content[section] = {**fields, **content[section]}
    return check_config(content)


def config_to_json(config):
    """The config as indented JSON with sorted keys: the same config always gives the same text."""
    return json.dumps(config.to_dict(), indent=2, sort_keys=True) + "\n"


def _leaves(config, prefix=""):
    for key, value in config.items():
        if hasattr(value, "items"):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _checked_value(field, value, default):
    expected = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", tuple: "whole numbers"}
    wrong = IcdpmError(f"the config field {field} is {value!r}; it must be {expected[type(default)]}")
    if isinstance(default, tuple):
        if not isinstance(value, (tuple, list)) or any(type(item) is not int for item in value):
            raise wrong
        if any(item < 1 for item in value) or len(set(value)) < len(value) and field == "guidance.scales":
            raise IcdpmError(f"the config field {field} is {value!r}; its numbers must be positive and differ")
        return tuple(value)
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        raise wrong
    if field in _CHOICES and value not in _CHOICES[field]:
        raise IcdpmError(f"the config field {field} is {value!r}; it must be one of {', '.join(_CHOICES[field])}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # `not >=` also refuses NaN.
        if not (value >= 0 if field in _MAY_BE_ZERO else value > 0):
            raise IcdpmError(f"the config field {field} is {value!r}; it must be positive")
        if field in _BELOW_ONE and not value < 1:
            raise IcdpmError(f"the config field {field} is {value!r}; it must be below 1")
    return value


def _check_together(config):
    levels = len(config.unet.multipliers)
    if not levels:
        raise IcdpmError("the config field unet.multipliers is empty; it must hold a width for each level")
    wanted = 2 * levels - 1 if config.unet.block == "naf" else 0
    if len(config.unet.blocks) != wanted:
        raise IcdpmError(
            f"the config field unet.blocks is {config.unet.blocks}; "
            f"with {levels} levels of {config.unet.block} blocks it must hold {wanted} numbers"
        )
    if config.unet.patch & (config.unet.patch - 1):
        raise IcdpmError(f"the config field unet.patch is {config.unet.patch}; it must be a power of two")
    if decay := config.optimizer.learning_rate_decay:
        if len(decay) != 2 or decay[0] >= decay[1]:
            raise IcdpmError(f"the config field optimizer.learning_rate_decay is {decay}; it must be () or (first, last) step")
    if config.guidance.route == "latent" and any(not 0 <= guided_level(config, k) < levels for k in config.guidance.scales):
        first = guided_level(config, 0)
        raise IcdpmError(
            f"the config field guidance.scales is {config.guidance.scales}, "
            f"but the UNet has the scales {max(1, -first)} to {levels - 1 - first}"
        )
    if config.guidance.route == "input" and len(config.guidance.scales) != 1:
        raise IcdpmError("with guidance.route 'input' the config field guidance.scales must hold one scale")
    if config.unet.channels % 2:
        raise IcdpmError(f"the config field unet.channels is {config.unet.channels}; it must be even")
    if config.data.batch % config.optimizer.accumulation:
        raise IcdpmError(
            f"data.batch {config.data.batch} does not divide into optimizer.accumulation {config.optimizer.accumulation} parts"
        )
    sampling = config.sampling
    if sampling.eta > (sampling.sampler == "ddim"):
        raise IcdpmError(f"the config field sampling.eta is {sampling.eta}; it must be 0, or with the sampler ddim at most 1")
    if sampling.schedule == "log_snr" and sampling.max_noise_variance <= MIN_NOISE_VARIANCE:
        raise IcdpmError(
            f"the config field sampling.max_noise_variance is {sampling.max_noise_variance}; "
            f"with the schedule log_snr it must be above {MIN_NOISE_VARIANCE}"
        )
    factor = size_factor(config)
    if config.data.crop % factor:
        raise IcdpmError(f"the config field data.crop is {config.data.crop}; it must be a multiple of {factor}")


def size_factor(config):
    """Height and width of an image must be divisible by this number."""
    return max([config.unet.patch * 2 ** (len(config.unet.multipliers) - 1), *(2**k for k in config.guidance.scales)])


def guided_level(config, scale):
    """The UNet's level that works at 1/2^scale of the resolution, as the guidance features of that scale do."""
    return scale + 1 - config.unet.patch.bit_length()
