"""Checkpoints of a run: always complete, and sufficient to continue with bit-identical results.

This holds on the same device type with the same versions of TensorFlow and NumPy; it is tested on CPU.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError, shorten_list, summarize_error
from icdpm.files import file_lock, make_folder_atomically, remove_folder, write_atomically
from icdpm.keras import tf_variable
from icdpm.models.weights import averaged_weights, named_variables, read_arrays, save_weights
from icdpm.models.workdir import MARKER, best_file, checkpoint_folder, checkpoint_steps, read_best
from icdpm.storage import RemotePath, is_remote, storage_path

if TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

_STATE = "state.npz"
# Older checkpoints hold the state as a TensorFlow checkpoint instead of state.npz, with keys by the number of the weight.
_LEGACY_STATE = "state"
LEGACY_KEYS = {
    "weights": "weights/{}/.ATTRIBUTES/VARIABLE_VALUE",
    "m": "weights/{}/.OPTIMIZER_SLOT/optimizer/awg_optimizer/m/.ATTRIBUTES/VARIABLE_VALUE",
    "v": "weights/{}/.OPTIMIZER_SLOT/optimizer/awg_optimizer/v/.ATTRIBUTES/VARIABLE_VALUE",
    "average": "weights/{}/.OPTIMIZER_SLOT/optimizer/average/.ATTRIBUTES/VARIABLE_VALUE",
}
LEGACY_ITERATIONS = "optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE"
# Raised by TensorFlow and NumPy for truncated files, depending on the place.
_DAMAGE = (AssertionError, ValueError, TypeError, LookupError, RuntimeError, OSError, tf.errors.OpError)


class Checkpoints:
    """Writes and reads the checkpoints of a run.

    A checkpoint is written to a folder with a temporary name, which is renamed when it is complete. In remote storage, the
    EMA weights are copied last and mark it as complete. A run that is killed at any moment therefore leaves complete
    checkpoints only.

    Args:
      workdir: the folder of the run.
      model: an `ImageRestorer` that is compiled with the config's optimizer.
      keep: number of latest checkpoints to keep; the best one is kept as well.
    """

    def __init__(self, workdir: str | os.PathLike, model: ImageRestorer, keep: int) -> None:
        self._workdir = workdir
        self._model = model
        self._keep = keep

    def save(self, step: int) -> None:
        """Writes the checkpoint of a step unless it exists, and removes those that are no longer kept.

        Raises:
          IcdpmError: the checkpoint cannot be written, or another run writes to the same remote workdir.
        """
        folder = checkpoint_folder(self._workdir, step)
        existing = checkpoint_steps(self._workdir)
        if is_remote(self._workdir) and existing and existing[-1] > step:
            raise IcdpmError(
                f"Another run writes to {self._workdir}: it has saved step {existing[-1]}, and this run is at step {step}. "
                "Choose another --workdir for one of them."
            )
        if step not in existing:
            _remove_incomplete(folder)
            try:
                with make_folder_atomically(folder, marker=MARKER) as temporary:
                    np.savez(temporary / _STATE, **{name: each.numpy() for name, each in training_state(self._model).items()})
                    save_weights(temporary / MARKER, averaged_weights(self._model))
            except (OSError, tf.errors.OpError) as error:
                raise IcdpmError(f"The checkpoint {folder} cannot be written: {summarize_error(error)}") from error
        kept = {*checkpoint_steps(self._workdir)[-self._keep :], read_best(self._workdir)}
        for old in set(checkpoint_steps(self._workdir)) - kept:
            remove_folder(checkpoint_folder(self._workdir, old), marker=MARKER)

    def mark_best(self, step: int, numbers: dict[str, float]) -> None:
        """Saves the checkpoint of a step and records it, with its validation results, as the best."""
        self.save(step)
        with write_atomically(best_file(self._workdir)) as temporary:
            temporary.write_text(json.dumps({"step": step, **numbers}, indent=2) + "\n", encoding="utf-8")

    def forget_best(self) -> None:
        """Removes the record of the best checkpoint, so that the next validation becomes the best."""
        best_file(self._workdir).unlink(missing_ok=True)

    def best_value(self, name: str) -> float | None:
        """Returns a value of the best validation so far, such as 'psnr', or None before the first."""
        if read_best(self._workdir) is None:
            return None
        return json.loads(best_file(self._workdir).read_text(encoding="utf-8"))[name]

    def restore_latest(self) -> int:
        """Sets model and optimizer to the latest checkpoint and returns its step; returns 0 without a checkpoint.

        Raises:
          IcdpmError: the checkpoint cannot be read.
        """
        steps = checkpoint_steps(self._workdir)
        if not steps:
            return 0
        folder = checkpoint_folder(self._workdir, steps[-1])
        try:
            state = training_state(self._model)
            arrays = _read_state(folder)
            if arrays.keys() != state.keys():
                missing, unexpected = sorted(state.keys() - arrays.keys()), sorted(arrays.keys() - state.keys())
                raise LookupError(f"missing arrays: {_listed(missing)}; unexpected arrays: {_listed(unexpected)}")
            for name, variable in state.items():
                variable.assign(arrays[name])
        except (*_DAMAGE, IcdpmError) as error:
            raise IcdpmError(
                f"The checkpoint {folder} is damaged: {summarize_error(error)}. Delete that folder to continue from the "
                "previous checkpoint."
            ) from error
        return steps[-1]


def training_state(model: ImageRestorer) -> dict[str, tf.Variable]:
    """Returns {name: variable} of the complete state of training: weights, moments, EMA and number of steps.

    The names are those of the weights after 'weights/', 'm/', 'v/' and 'average/'. They do not depend on the version of Keras.
    """
    optimizer, weights = model.optimizer, named_variables(model)
    state = {f"weights/{name}": variable for name, variable in weights.items()}
    kinds = {"m": optimizer.first_moments, "v": optimizer.second_moments, "average": optimizer.averages}
    for number, name in enumerate(list(weights)[: len(optimizer.averages)]):  # the trained weights come first
        state |= {f"{kind}/{name}": variables[number] for kind, variables in kinds.items()}
    return {**state, "iterations": tf_variable(optimizer.iterations)}


@contextlib.contextmanager
def lock_workdir(workdir: str | os.PathLike) -> Iterator[None]:
    """Locks a workdir for this process; the operating system releases the lock however the process ends.

    Remote storage has no locks. There it is only checked that the workdir can be written; `Checkpoints.save` detects a second
    run.

    Raises:
      IcdpmError: another run holds the lock, or the workdir cannot be written.
    """

    def refuse() -> None:
        raise IcdpmError(f"Another run is training in {workdir}. Wait until it ends, or choose another --workdir.")

    path = storage_path(workdir)
    with contextlib.ExitStack() as lock:
        try:
            if isinstance(path, RemotePath):
                path.check_writable()
            else:
                lock.enter_context(file_lock(path / ".lock", refuse))
        except OSError as error:
            raise IcdpmError(f"The workdir {workdir} cannot be written: {error.strerror}.") from error
        yield


def _remove_incomplete(folder: Path | RemotePath) -> None:
    """Removes what a run that was killed while it wrote a checkpoint has left."""
    if isinstance(folder, RemotePath):
        if folder.exists():
            folder.rmtree()
    elif folder.parent.is_dir():
        for path in folder.parent.glob(".*-step-*"):
            shutil.rmtree(path, ignore_errors=True)


def _read_state(folder: Path | RemotePath) -> dict[str, np.ndarray]:
    """Returns {name: array} of a checkpoint, named as by `training_state`."""
    if (folder / _STATE).exists():
        return read_arrays(folder / _STATE)
    reader = tf.train.load_checkpoint(str(folder / _LEGACY_STATE))
    keys = reader.get_variable_to_shape_map()
    names = list(read_arrays(folder / MARKER))  # in the order in which the weights were numbered
    arrays = {"iterations": reader.get_tensor(LEGACY_ITERATIONS)}
    for kind, key in LEGACY_KEYS.items():
        arrays |= {f"{kind}/{name}": reader.get_tensor(key.format(i)) for i, name in enumerate(names) if key.format(i) in keys}
    return arrays


def _listed(names: list[str]) -> str:
    return ", ".join(shorten_list(names, 3)) or "none"
