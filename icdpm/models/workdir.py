"""The folder of a training run, here or in another storage: what lies where, and how a trained model is loaded from it.

WORKDIR/config.json                           the config of the run
WORKDIR/data.json                             what it was trained and validated on, in words
WORKDIR/presets.json                          presets that are its own, where they were measured (`measured_presets`)
WORKDIR/checkpoints/step-000012000/           complete as soon as it has this name (in a bucket: as soon as it has weights.npz)
    weights.npz                               the averaged (EMA) weights: all that restoring needs; written last
    state.npz                                 weights, averages, optimizer and step: all that training needs
WORKDIR/checkpoints/best.json                 the step of the best validation, and its numbers
WORKDIR/tensorboard/                          scalars and pictures
"""

import json
import re

from icdpm.errors import IcdpmError
from icdpm.models.config import config_from_json
from icdpm.models.registry import build_model, model_class
from icdpm.models.sampling_presets import read_presets
from icdpm.models.weights import load_weights
from icdpm.networks.layers import zero_weights
from icdpm.storage import access_hint, is_remote, storage_path

# The file of a checkpoint that is written last.
MARKER = "weights.npz"
_STEP = re.compile(r"step-(\d{9,})")


def config_file(workdir):
    """Path of the run's config."""
    return storage_path(workdir) / "config.json"


def data_file(workdir):
    """Path of the note of which data the run has seen."""
    return storage_path(workdir) / "data.json"


def presets_file(workdir):
    """Path of the model's own presets, if it has any."""
    return storage_path(workdir) / "presets.json"


def checkpoint_folder(workdir, step):
    """Path of the checkpoint of a step."""
    return storage_path(workdir) / "checkpoints" / f"step-{step:09d}"


def best_file(workdir):
    """Path of the note of which checkpoint is the best."""
    return storage_path(workdir) / "checkpoints" / "best.json"


def checkpoint_steps(workdir):
    """Steps of the complete checkpoints, ascending."""
    folder = storage_path(workdir) / "checkpoints"
    if not folder.is_dir():
        return []
    steps = sorted(int(match[1]) for path in folder.iterdir() if (match := _STEP.fullmatch(path.name)))
    if is_remote(workdir):  # where folders come into being file by file
        return [step for step in steps if weights_file(workdir, step).exists()]
    return steps


def read_config(workdir):
    """The checked config of a run. Raises IcdpmError if there is none or it cannot be read."""
    path = config_file(workdir)
    if not path.is_file():
        raise IcdpmError(f"{workdir} is not the workdir of a training run: it holds no config.json{access_hint(workdir)}")
    try:
        return config_from_json(path.read_text())
    except IcdpmError as error:
        raise IcdpmError(f"{path}: {error}") from error


def read_data(workdir):
    """{'training': […], 'validation': […]}: descriptions of the data that the run has seen; empty where none are noted."""
    path = data_file(workdir)
    if not path.is_file():
        return {"training": [], "validation": []}
    try:
        noted = json.loads(path.read_text())
        return {name: [str(description) for description in noted[name]] for name in ("training", "validation")}
    except (ValueError, KeyError, TypeError) as error:
        raise IcdpmError(f"{path} is damaged; delete it and training writes it again") from error


def read_best(workdir):
    """The step of the best validation, or None before the first."""
    path = best_file(workdir)
    if not path.is_file():
        return None
    try:
        return int(json.loads(path.read_text())["step"])
    except (ValueError, KeyError, TypeError) as error:
        raise IcdpmError(f"{path} is damaged; delete it and validation writes it again") from error


def weights_file(workdir, step):
    """Path of the averaged (EMA) weights of a step."""
    return checkpoint_folder(workdir, step) / MARKER


def choose_step(workdir, checkpoint="latest"):
    """The step of a checkpoint by what people call it.

    Args:
      workdir: folder of a training run.
      checkpoint: 'latest', 'best' or a step.

    Raises:
      IcdpmError: no such workdir or checkpoint.
    """
    config = read_config(workdir)
    steps = checkpoint_steps(workdir)
    if not steps:
        raise IcdpmError(f"{workdir} holds no checkpoint yet; training writes the first after {_first(config)} steps")
    if checkpoint == "latest":
        step = steps[-1]
    elif checkpoint == "best":
        step = read_best(workdir)
        if step is None:
            raise IcdpmError(f"{workdir} has not been validated yet, so there is no best checkpoint; use 'latest'")
    elif str(checkpoint).isdigit():
        step = int(checkpoint)
    else:
        raise IcdpmError(f"checkpoint is {checkpoint!r}; it must be latest, best or a step")
    if step not in steps:
        raise IcdpmError(f"{workdir} holds no checkpoint of step {step}; it holds {', '.join(map(str, steps))}")
    return step


def load(workdir, checkpoint="latest", precision=None):
    """A trained system with its averaged weights and its own presets, ready to restore.

    Args:
      workdir: folder of a training run; nothing but it is needed.
      checkpoint: 'latest', 'best' or a step.
      precision: float32 or mixed_bfloat16; None: that of the config.

    Raises:
      IcdpmError: no such workdir or checkpoint, damaged weights or presets, or a model that others start from and that cannot
        restore.
    """
    path = weights_file(workdir, choose_step(workdir, checkpoint))
    if not path.is_file():
        raise IcdpmError(f"there is no {path}, which holds the averaged (EMA) weights; copy all of the checkpoint")
    config = read_config(workdir)
    model_class(config.model).check_restores(config)
    if precision is not None:
        config.precision = precision
    with zero_weights():
        model = build_model(config)
    load_weights(path, model)
    model.measured_presets = read_presets(presets_file(workdir), model)
    return model


def _first(config):
    return min(config.run.checkpoint_every, config.run.steps)
