"""The config of a run: its fields, their defaults and constraints, and its JSON form.

Every choice that a paper leaves open is a field here or in a model class (`ImageRestorer.add_fields`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections

from icdpm.errors import IcdpmError
from icdpm.models.constraints import (
    COUNT,
    FRACTION,
    NON_NEGATIVE,
    POSITIVE,
    FieldConstraints,
    wrong_value,
)
from icdpm.models.registry import model_class

# The model of configs that were written before the field `model` existed.
_FIRST_MODEL = "icdpm"

# {former name of a field: present name}. Workdirs, users' config files and `--set` may use the former names.
RENAMED_FIELDS = {"system": "model"}


def default_config(model: str = _FIRST_MODEL) -> ml_collections.ConfigDict:
    """Returns the default config of a model class; for icdpm it is Table 2 (c) of the paper.

    Variants change a few of its fields. Values that the paper does not state are marked *assumed*; icdpm/configs/README.md
    lists them.

    Args:
      model: a key of `icdpm.models.registry.MODELS`, or 'package.module:Class' of an `ImageRestorer` of your own.

    Returns:
      A config that is locked against unknown fields.

    Raises:
      IcdpmError: the model is unknown.
    """
    config = _common_config()
    config.model = model
    model_class(model).add_fields(config)
    config.lock()
    return config


def _common_config() -> ml_collections.ConfigDict:
    """Returns the fields that all models share."""
    config = ml_collections.ConfigDict()
    config.name = ""
    config.model = ""  # a key of icdpm.models.registry.MODELS, or package.module:Class
    config.seed = 0
    config.precision = "mixed_bfloat16"  # Keras policy: float32 or mixed_bfloat16 (assumed)

    config.optimizer = ml_collections.ConfigDict()
    config.optimizer.learning_rate = 1e-4
    config.optimizer.learning_rate_ramp = 20_000  # steps of the linear warmup
    config.optimizer.learning_rate_decay = ()  # (first, last) step of a decay; (): constant, as in the paper
    config.optimizer.learning_rate_end = 0.0  # learning rate at the end of the decay
    config.optimizer.learning_rate_shape = "linear"  # shape of the decay: linear or cosine
    config.optimizer.weight_decay = 0.0  # decoupled (AdamW); 0: Adam, as in the paper
    config.optimizer.beta_1 = 0.5
    config.optimizer.beta_2 = 0.999
    config.optimizer.ema_decay = 0.9999  # decay of the exponential moving average (EMA) of the weights (assumed)
    config.optimizer.gradient_clip = 0.0  # largest global norm of the gradient; 0: no clipping (assumed)
    config.optimizer.accumulation = 1  # parts in which a batch is processed (Keras: gradient_accumulation_steps)

    config.data = ml_collections.ConfigDict()
    config.data.batch = 256  # global batch size
    config.data.crop = 128  # side of the square crops in pixels
    config.data.progressive_steps = ()  # steps at which crop and batch size change
    config.data.progressive_crops = ()  # crop sides from these steps on
    config.data.progressive_batches = ()  # batch sizes from these steps on
    config.data.repeat = 1  # uses of a crop, each with its own augmentation; more than 1 if synthesizing blur is expensive
    config.data.augment = True  # flips and 90° rotations, the same for both images of a pair (assumed)

    config.run = ml_collections.ConfigDict()
    config.run.steps = 1_000_000  # assumed
    config.run.steps_per_call = 1  # steps per tf.function call (Keras: steps_per_execution); does not change the weights
    config.run.log_every = 100  # steps between fetches of the losses from the accelerator
    config.run.validate_every = 10_000
    config.run.checkpoint_every = 5_000
    config.run.keep_checkpoints = 3
    config.run.validation_images = 16
    config.run.compile = True  # use XLA on accelerators (Keras: jit_compile); on CPUs XLA is slower and not used
    config.run.deterministic = True  # the same seed gives bit-identical weights on the same device type and library versions
    return config


_STEPS = FieldConstraints(minimum=1, maximum=10**12)
_CROP = FieldConstraints(minimum=1, maximum=2**14)
_BATCH = FieldConstraints(minimum=1, maximum=2**20)
_COMMON_CONSTRAINTS = {
    "precision": FieldConstraints(choices=("float32", "mixed_bfloat16")),
    "seed": FieldConstraints(minimum=0, maximum=2**32 - 1),
    "optimizer.learning_rate_ramp": FieldConstraints(minimum=0, maximum=10**12),
    "optimizer.learning_rate_decay": _STEPS,
    "optimizer.learning_rate_end": NON_NEGATIVE,
    "optimizer.learning_rate_shape": FieldConstraints(choices=("linear", "cosine")),
    "optimizer.weight_decay": NON_NEGATIVE,
    "optimizer.beta_1": FRACTION,
    "optimizer.beta_2": FRACTION,
    "optimizer.ema_decay": FRACTION,
    "optimizer.gradient_clip": NON_NEGATIVE,
    "optimizer.accumulation": _BATCH,
    "data.batch": _BATCH,
    "data.crop": _CROP,
    "data.progressive_steps": _STEPS,
    "data.progressive_crops": _CROP,
    "data.progressive_batches": _BATCH,
    "run.steps": _STEPS,
    "run.steps_per_call": FieldConstraints(minimum=1, maximum=10**6),
    "run.log_every": _STEPS,
    "run.validate_every": _STEPS,
    "run.checkpoint_every": _STEPS,
}
# Constraints of numeric fields without an entry.
_DEFAULT_CONSTRAINTS = {int: COUNT, float: POSITIVE, str: FieldConstraints()}


def check_config(config: ml_collections.ConfigDict | Mapping) -> ml_collections.ConfigDict:
    """Checks the fields, types and values of a config against the default config of its model.

    Args:
      config: a ConfigDict or a nested dict.

    Returns:
      A locked ConfigDict with all fields, in the types of the default config.

    Raises:
      IcdpmError: a field is missing, unknown or holds a value of the wrong type or range, or `config` is something else.
    """
    if not isinstance(config, (ml_collections.ConfigDict, Mapping)):
        raise IcdpmError(
            f"`config` must be a ConfigDict or a nested dict; icdpm.build also accepts names. Received: {config!r}."
        )
    config = _with_present_names(config)
    model = model_class(config.get("model", _FIRST_MODEL))
    checked = default_config(config.get("model", _FIRST_MODEL))
    constraints = {**_COMMON_CONSTRAINTS, **model.constraints}
    given, known = dict(_fields(config)), dict(_fields(checked))
    for name, value in given.items():
        if name not in known:
            raise IcdpmError(f"The config has an unknown field `{name}`. Known fields: {', '.join(known)}.")
        section, _, field = name.rpartition(".")
        (checked[section] if section else checked)[field] = _checked_value(name, value, known[name], constraints.get(name))
    missing = [name for name in known if name not in given]
    if missing:
        raise IcdpmError(f"The config has no field `{missing[0]}`. Start from default_config().")
    _check_optimizer_and_data(checked)
    model.check(checked)
    _check_crops(checked, model.size_multiple_for(checked))
    return checked


def config_from_json(text: str) -> ml_collections.ConfigDict:
    """Reads a config that `config_to_json` wrote, possibly in an earlier version of the package.

    Fields that did not exist then hold their defaults, which keep the earlier behavior.

    Args:
      text: JSON.

    Returns:
      A checked config.

    Raises:
      IcdpmError: the text is not the JSON of a config.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise IcdpmError(f"The config is not valid JSON ({error}).") from error
    if not isinstance(content, dict):
        raise IcdpmError("The config must be a JSON object.")
    content = {"model": _FIRST_MODEL, **_with_present_names(content)}
    for section, fields in default_config(content["model"]).to_dict().items():
        if isinstance(fields, dict) and isinstance(content.get(section), dict):
            content[section] = {**fields, **content[section]}
    return check_config(content)


def config_to_json(config: ml_collections.ConfigDict) -> str:
    """Returns a config as indented JSON with sorted keys; equal configs give equal texts."""
    return json.dumps(config.to_dict(), indent=2, sort_keys=True) + "\n"


def _with_present_names(config) -> dict[str, Any]:
    return {RENAMED_FIELDS.get(name, name): value for name, value in config.items()}


def _fields(config, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields (name such as 'optimizer.learning_rate', value) of all fields."""
    for name, value in config.items():
        if hasattr(value, "items"):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _checked_value(name: str, value: Any, default: Any, constraints: FieldConstraints | None) -> Any:
    """Returns the value in the type of the default."""
    if isinstance(default, tuple):
        constraints = constraints or COUNT
        expected = constraints.describe(int).replace("a whole number", "whole numbers")
        if not isinstance(value, (tuple, list)) or any(type(item) is not int for item in value):
            raise wrong_value(name, value, expected)
        if not all(constraints.minimum <= item <= constraints.maximum for item in value):
            raise wrong_value(name, value, expected)
        return tuple(value)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise wrong_value(name, value, "true or false")
        return value
    kind = type(default)
    constraints = constraints or _DEFAULT_CONSTRAINTS[kind]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise wrong_value(name, value, constraints.describe(kind))
    constraints.check(name, value, kind)
    return value


def _check_optimizer_and_data(config) -> None:
    optimizer, data = config.optimizer, config.data
    decay, changes = optimizer.learning_rate_decay, data.progressive_steps
    if decay and (len(decay) != 2 or decay[0] >= decay[1]):
        raise wrong_value("optimizer.learning_rate_decay", decay, "() or (first, last) step")
    counts = [len(data[f"progressive_{kind}"]) for kind in ("steps", "crops", "batches")]
    if len(set(counts)) > 1:
        raise IcdpmError(
            "`data.progressive_steps`, `progressive_crops` and `progressive_batches` must have equal lengths. "
            f"Received: {counts[0]}, {counts[1]} and {counts[2]} numbers."
        )
    if list(changes) != sorted(set(changes)):
        raise wrong_value("data.progressive_steps", changes, "increasing")
    for batch in (data.batch, *data.progressive_batches):
        if batch % optimizer.accumulation:
            raise IcdpmError(
                f"`optimizer.accumulation` must divide every batch size of `data`. Received: {optimizer.accumulation} parts "
                f"for a batch of {batch}."
            )


def _check_crops(config, size_multiple: int) -> None:
    for field in ("crop", "progressive_crops"):
        crops = config.data[field]
        if any(crop % size_multiple for crop in ([crops] if isinstance(crops, int) else crops)):
            raise wrong_value(f"data.{field}", crops, f"a multiple of {size_multiple}")
