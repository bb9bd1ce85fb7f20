"""The config of a run: every choice that a paper leaves open has a name here or in its system (`ImageRestorer.add_fields`)."""

from __future__ import annotations

import json
import math

import ml_collections

from icdpm.errors import IcdpmError
from icdpm.models.registry import model_class
from icdpm.models.rules import Rules

# The model of configs from before there was a choice.
_FIRST_MODEL = "icdpm"

# Former names of fields → present names. Configs in old workdirs and in users' files, and `--set`, may use the former ones.
RENAMED_FIELDS = {"system": "model"}


def default_config(model=_FIRST_MODEL):
    """The default config of a model, locked against unknown fields; of icdpm it is the paper's Table 2 (c).

    A variant is this config with a few fields changed. The paper is silent on fields whose line is marked *assumed*;
    icdpm/configs/README.md lists them.

    Args:
      model: a name of `icdpm.models.registry`, or package.module:Class of an `ImageRestorer` of one's own.

    Raises:
      IcdpmError: there is no such model.
    """
    config = _common_config()
    config.model = model
    model_class(model).add_fields(config)
    config.lock()
    return config


def _common_config():
    """What every system has."""
    config = ml_collections.ConfigDict()
    config.name = ""
    config.model = ""  # what is trained: a name of ours, or package.module:Class
    config.seed = 0
    config.precision = "mixed_bfloat16"  # Keras policy: float32 or mixed_bfloat16 (assumed)

    config.optimizer = ml_collections.ConfigDict()
    config.optimizer.learning_rate = 1e-4
    config.optimizer.learning_rate_ramp = 20_000
    config.optimizer.learning_rate_decay = ()  # (first, last) step of a decay; (): constant, as the paper has it
    config.optimizer.learning_rate_end = 0.0  # where the decay ends
    config.optimizer.learning_rate_shape = "linear"  # of the decay: linear or cosine
    config.optimizer.weight_decay = 0.0  # decoupled (AdamW); 0: Adam, as the paper has it
    config.optimizer.beta_1 = 0.5
    config.optimizer.beta_2 = 0.999
    config.optimizer.ema_decay = 0.9999  # assumed
    config.optimizer.gradient_clip = 0.0  # largest global norm of the gradient; 0: no clipping (assumed)
    config.optimizer.accumulation = 1  # the batch goes through the network in this many parts

    config.data = ml_collections.ConfigDict()
    config.data.batch = 256  # global
    config.data.crop = 128
    config.data.progressive_steps = ()  # at these steps crops and batches change, to these:
    config.data.progressive_crops = ()
    config.data.progressive_batches = ()
    config.data.repeat = 1  # a crop is shown this many times, turned anew, before it is dropped: for blur that costs much
    config.data.augment = True  # flips and 90° rotations, the same for both images of a pair (assumed)

    config.run = ml_collections.ConfigDict()
    config.run.steps = 1_000_000  # assumed
    config.run.steps_per_call = 1  # steps that are taken without Python between; the same weights, whatever it is
    config.run.log_every = 100  # between, nothing is fetched from the accelerator
    config.run.validate_every = 10_000
    config.run.checkpoint_every = 5_000
    config.run.keep_checkpoints = 3
    config.run.validation_images = 16
    config.run.compile = True  # compile the step with XLA on accelerators; on CPUs XLA is slower and not used
    config.run.deterministic = True  # the same weights, bit for bit, from the same seed
    return config


_COMMON_RULES = Rules(
    choices={"precision": ("float32", "mixed_bfloat16"), "optimizer.learning_rate_shape": ("linear", "cosine")},
    may_be_zero={
        "seed", "optimizer.learning_rate_ramp", "optimizer.ema_decay", "optimizer.beta_1", "optimizer.beta_2",
        "optimizer.gradient_clip", "optimizer.learning_rate_end", "optimizer.weight_decay",
    },
    below_one={"optimizer.beta_1", "optimizer.beta_2", "optimizer.ema_decay"},
    most={
        "seed": 2**32 - 1, "optimizer.accumulation": 2**20,
        **dict.fromkeys(("data.batch", "data.progressive_batches"), 2**20),
        **dict.fromkeys(("data.crop", "data.progressive_crops"), 2**14),
        **dict.fromkeys(("optimizer.learning_rate_ramp", "optimizer.learning_rate_decay", "data.progressive_steps"), 10**12),
        **dict.fromkeys(("run.steps", "run.log_every", "run.validate_every", "run.checkpoint_every"), 10**12),
        "run.steps_per_call": 10**6,
    },
)  # fmt: skip


def check_config(config):
    """Checks the fields, types and values of a config against `default_config` of its system.

    Args:
      config: ConfigDict or nested dict.

    Returns:
      A locked ConfigDict with all fields, in the types of `default_config`.

    Raises:
      IcdpmError: naming the field, what it holds and what it should hold.
    """
    config = with_present_names(config)
    model = config.get("model", _FIRST_MODEL)
    checked = default_config(model)
    rules = _COMMON_RULES | model_class(model).rules
    given = dict(_leaves(config))
    known = dict(_leaves(checked))
    for field, value in given.items():
        if field not in known:
            raise IcdpmError(f"the config has a field {field!r} that is not known; known are {', '.join(known)}")
        parent, _, leaf = field.rpartition(".")
        section = checked[parent] if parent else checked
        section[leaf] = _checked_value(field, value, known[field], rules)
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
    content = with_present_names(content)
    content.setdefault("model", _FIRST_MODEL)
    for section, fields in default_config(content["model"]).to_dict().items():
        if isinstance(fields, dict) and isinstance(content.get(section), dict):
            content[section] = {**fields, **content[section]}
    return check_config(content)


def with_present_names(config):
    """Returns {field or section: value} of a config or a nested dict, with the present names of renamed fields."""
    return {RENAMED_FIELDS.get(name, name): value for name, value in config.items()}


def config_to_json(config):
    """The config as indented JSON with sorted keys: the same config always gives the same text."""
    return json.dumps(config.to_dict(), indent=2, sort_keys=True) + "\n"


def _leaves(config, prefix=""):
    for key, value in config.items():
        if hasattr(value, "items"):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _checked_value(field, value, default, rules):
    expected = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", tuple: "whole numbers"}
    wrong = IcdpmError(f"the config field {field} is {value!r}; it must be {expected[type(default)]}")
    if isinstance(default, tuple):
        if not isinstance(value, (tuple, list)) or any(type(item) is not int for item in value):
            raise wrong
        if any(item < 1 for item in value):
            raise IcdpmError(f"the config field {field} is {value!r}; its numbers must be positive")
        if any(item > rules.most_of(field) for item in value):
            raise IcdpmError(f"the config field {field} is {value!r}; its numbers must be at most {rules.most_of(field)}")
        return tuple(value)
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        raise wrong
    choices = rules.choices.get(field, (value,))
    if value not in choices:
        raise IcdpmError(f"the config field {field} is {value!r}; it must be one of {', '.join(choices)}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # `not >=` also refuses NaN.
        if not (value >= 0 if field in rules.may_be_zero else value > 0) or math.isinf(value):
            raise IcdpmError(f"the config field {field} is {value!r}; it must be positive")
        if field in rules.below_one and not value < 1:
            raise IcdpmError(f"the config field {field} is {value!r}; it must be below 1")
        if isinstance(value, int) and value > rules.most_of(field):
            raise IcdpmError(f"the config field {field} is {value!r}; it must be at most {rules.most_of(field)}")
    return value


def _check_together(config):
    if decay := config.optimizer.learning_rate_decay:
        if len(decay) != 2 or decay[0] >= decay[1]:
            raise IcdpmError(f"the config field optimizer.learning_rate_decay is {decay}; it must be () or (first, last) step")
    data = config.data
    if not len(data.progressive_steps) == len(data.progressive_crops) == len(data.progressive_batches):
        raise IcdpmError(
            "the config fields data.progressive_steps, progressive_crops and progressive_batches hold "
            f"{len(data.progressive_steps)}, {len(data.progressive_crops)} and {len(data.progressive_batches)} numbers; each "
            "change of crop and batch needs one of each"
        )
    if list(data.progressive_steps) != sorted(set(data.progressive_steps)):
        raise IcdpmError(f"the config field data.progressive_steps is {data.progressive_steps}; its steps must rise")
    for batch in (data.batch, *data.progressive_batches):
        if batch % config.optimizer.accumulation:
            raise IcdpmError(
                f"a batch of {batch} (data) does not divide into optimizer.accumulation {config.optimizer.accumulation} parts"
            )
    model = model_class(config.model)
    model.check(config)
    factor = model.size_multiple_for(config)
    for field, crops in (("crop", [data.crop]), ("progressive_crops", data.progressive_crops)):
        if any(crop % factor for crop in crops):
            raise IcdpmError(f"the config field data.{field} is {data[field]}; it must be a multiple of {factor}")
