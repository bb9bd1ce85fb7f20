"""The folder of a training run, local or in a bucket: its layout, and loading a trained model from it.

WORKDIR/config.json                           the config of the run
WORKDIR/data.json                             descriptions of the training and validation data
WORKDIR/presets.json                          presets that were measured for this model, if any (`sampling_presets`)
WORKDIR/checkpoints/step-000012000/           complete as soon as it has this name (in a bucket: once it has weights.npz)
    weights.npz                               the averaged (EMA) weights, sufficient for restoration; written last
    state.npz                                 weights, averages, optimizer state and step, for resuming
WORKDIR/checkpoints/best.json                 the step of the best validation, with its results
WORKDIR/tensorboard/                          scalars and images
"""

from __future__ import annotations

import json
import os
import re
import typing

import ml_collections

from icdpm.errors import IcdpmError
from icdpm.models.config import config_from_json
from icdpm.models.registry import build_model, load_keras_file, model_class
from icdpm.models.sampling_presets import read_presets
from icdpm.models.weights import load_weights
from icdpm.networks.layers import zero_weights
from icdpm.storage import access_hint, is_remote, storage_path

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

# The file of a checkpoint that is written last.
MARKER = "weights.npz"
_STEP = re.compile(r"step-(\d{9,})")

PathLike = typing.Union[str, os.PathLike]


def config_file(workdir: PathLike) -> typing.Any:
    """Returns the path of the run's config."""
    return storage_path(workdir) / "config.json"


def data_file(workdir: PathLike) -> typing.Any:
    """Returns the path of the descriptions of the run's data."""
    return storage_path(workdir) / "data.json"


def presets_file(workdir: PathLike) -> typing.Any:
    """Returns the path of the presets that were measured for the model."""
    return storage_path(workdir) / "presets.json"


def checkpoint_folder(workdir: PathLike, step: int) -> typing.Any:
    """Returns the path of the checkpoint of a step."""
    return storage_path(workdir) / "checkpoints" / f"step-{step:09d}"


def weights_file(workdir: PathLike, step: int) -> typing.Any:
    """Returns the path of the averaged (EMA) weights of a step."""
    return checkpoint_folder(workdir, step) / MARKER


def best_file(workdir: PathLike) -> typing.Any:
    """Returns the path of the file that names the best checkpoint."""
    return storage_path(workdir) / "checkpoints" / "best.json"


def checkpoint_steps(workdir: PathLike) -> list[int]:
    """Returns the steps of the complete checkpoints, ascending."""
    folder = storage_path(workdir) / "checkpoints"
    if not folder.is_dir():
        return []
    steps = sorted(int(match[1]) for path in folder.iterdir() if (match := _STEP.fullmatch(path.name)))
    if is_remote(workdir):  # in buckets, folders appear file by file
        return [step for step in steps if weights_file(workdir, step).exists()]
    return steps


def read_config(workdir: PathLike) -> ml_collections.ConfigDict:
    """Returns the checked config of a run.

    Raises:
      IcdpmError: the config does not exist or cannot be read.
    """
    path = config_file(workdir)
    if not path.is_file():
        raise IcdpmError(f"{workdir} is not the workdir of a training run: it has no config.json{access_hint(workdir)}")
    try:
        return config_from_json(path.read_text(encoding="utf-8"))
    except IcdpmError as error:
        raise IcdpmError(f"{path}: {error}") from error


def read_data(workdir: PathLike) -> dict[str, list[str]]:
    """Returns the descriptions of the run's data, {'training': […], 'validation': […]}; empty lists if the file is absent."""
    path = data_file(workdir)
    if not path.is_file():
        return {"training": [], "validation": []}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: [str(description) for description in content[name]] for name in ("training", "validation")}
    except (ValueError, KeyError, TypeError) as error:
        raise IcdpmError(f"{path} is damaged. Delete it; training writes it again.") from error


def read_best(workdir: PathLike) -> int | None:
    """Returns the step of the best validation, or None before the first one."""
    path = best_file(workdir)
    if not path.is_file():
        return None
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["step"])
    except (ValueError, KeyError, TypeError) as error:
        raise IcdpmError(f"{path} is damaged. Delete it; validation writes it again.") from error


def choose_step(workdir: PathLike, checkpoint: str | int = "latest") -> int:
    """Returns the step of a checkpoint.

    Args:
      workdir: folder of a training run.
      checkpoint: 'latest', 'best' or a step.

    Raises:
      IcdpmError: the workdir or the checkpoint does not exist.
    """
    config = read_config(workdir)
    steps = checkpoint_steps(workdir)
    if not steps:
        first = min(config.run.checkpoint_every, config.run.steps)
        raise IcdpmError(f"{workdir} has no checkpoint yet. Training writes the first one after {first} steps.")
    if checkpoint == "latest":
        return steps[-1]
    if checkpoint == "best":
        step = read_best(workdir)
        if step is None:
            raise IcdpmError(f"{workdir} has no best checkpoint, because it has not been validated yet. Use 'latest'.")
    elif str(checkpoint).isdecimal():
        step = int(checkpoint)
    else:
        raise IcdpmError(f"`checkpoint` must be latest, best or a step. Received: {checkpoint!r}.")
    if step not in steps:
        raise IcdpmError(f"{workdir} has no checkpoint of step {step}. Its steps: {', '.join(map(str, steps))}.")
    return step


def load(workdir: PathLike, checkpoint: str | int = "latest", precision: str | None = None) -> ImageRestorer:
    """Loads a trained model with its EMA weights and its measured presets.

    Args:
      workdir: folder of a training run; nothing else is needed. Or a .keras file, which `Model.save` wrote; the other arguments
        are for folders.
      checkpoint: 'latest', 'best' or a step.
      precision: 'float32' or 'mixed_bfloat16'; None: the config's.

    Raises:
      IcdpmError: the workdir or checkpoint does not exist, weights or presets are damaged, or the model cannot restore because
        it only initializes other models.
    """
    if str(workdir).endswith(".keras"):
        model = load_keras_file(workdir)
        model.check_restores(model.config)
        return model
    path = weights_file(workdir, choose_step(workdir, checkpoint))
    if not path.is_file():
        raise IcdpmError(f"{path}, the file of the averaged (EMA) weights, does not exist. Copy the complete checkpoint.")
    config = read_config(workdir)
    model_class(config.model).check_restores(config)
    if precision is not None:
        config.precision = precision
    with zero_weights():
        model = build_model(config)
    load_weights(path, model)
    model.measured_presets = read_presets(presets_file(workdir), model)
    return model
