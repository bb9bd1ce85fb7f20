"""Checkpoints that are complete or absent, and from which a run continues as if it had never stopped."""

import contextlib
import json
import shutil

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError, summarize_error
from icdpm.files import file_lock, make_folder_atomically, remove_folder, write_atomically
from icdpm.keras import tf_variable
from icdpm.models.weights import averaged_weights, named_variables, read_arrays, save_weights
from icdpm.models.workdir import MARKER, best_file, checkpoint_folder, checkpoint_steps, read_best
from icdpm.storage import is_remote, storage_path

_STATE = "state.npz"
# Where checkpoints of before there was state.npz hold the state: TensorFlow's keys, by the number of the weight.
_OLD_STATE = "state"
_OLD_KEYS = {
    "weights": "weights/{}/.ATTRIBUTES/VARIABLE_VALUE",
    "m": "weights/{}/.OPTIMIZER_SLOT/optimizer/awg_optimizer/m/.ATTRIBUTES/VARIABLE_VALUE",
    "v": "weights/{}/.OPTIMIZER_SLOT/optimizer/awg_optimizer/v/.ATTRIBUTES/VARIABLE_VALUE",
    "average": "weights/{}/.OPTIMIZER_SLOT/optimizer/average/.ATTRIBUTES/VARIABLE_VALUE",
}
_OLD_ITERATIONS = "optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE"
# What TensorFlow and NumPy raise for files that were cut, depending on where.
_DAMAGE = (AssertionError, ValueError, TypeError, LookupError, RuntimeError, OSError, tf.errors.OpError)


class Checkpoints:
    """Writes and reads the checkpoints of a run.

    A checkpoint is written to a folder of a temporary name, which is renamed, or copied to a bucket with its averaged weights
    last, when all of it is there: a run killed at any moment leaves complete checkpoints only.

    Args:
      workdir: the run's folder.
      model: an `ImageRestorer` that is compiled with the config's own optimizer.
      keep: how many of the latest are kept; the best is kept besides.
    """

    def __init__(self, workdir, model, keep):
        self.workdir = workdir
        self.model = model
        self.keep = keep

    def save(self, step):
        """Writes the checkpoint of this step, unless it is there, and removes those no longer kept."""
        folder = checkpoint_folder(self.workdir, step)
        there = checkpoint_steps(self.workdir)
        if is_remote(self.workdir) and there and there[-1] > step:
            raise IcdpmError(f"another run writes in {self.workdir}: it holds step {there[-1]}, and this run is at {step}")
        if step not in there:
            self._clear_leftovers(folder)
            try:
                with make_folder_atomically(folder, marker=MARKER) as temporary:
                    np.savez(temporary / _STATE, **{name: each.numpy() for name, each in training_state(self.model).items()})
                    save_weights(temporary / MARKER, averaged_weights(self.model))
            except (OSError, tf.errors.OpError) as error:
                raise IcdpmError(f"cannot write the checkpoint {folder}: {summarize_error(error)}") from error
        kept = {*checkpoint_steps(self.workdir)[-self.keep :], read_best(self.workdir)}
        for old in set(checkpoint_steps(self.workdir)) - kept:
            remove_folder(checkpoint_folder(self.workdir, old), marker=MARKER)

    def _clear_leftovers(self, folder):
        """Removes what a run that was killed while it wrote a checkpoint has left."""
        if is_remote(folder):
            if folder.exists():
                folder.rmtree()
        elif folder.parent.is_dir():
            for path in folder.parent.glob(".*-step-*"):
                shutil.rmtree(path, ignore_errors=True)

    def mark_best(self, step, numbers):
        """Saves this step's checkpoint and notes it, with its validation numbers, as the best."""
        self.save(step)
        with write_atomically(best_file(self.workdir)) as temporary:
            temporary.write_text(json.dumps({"step": step, **numbers}, indent=2) + "\n")

    def forget_best(self):
        """Lets the next validation be the best, whatever was measured before."""
        best_file(self.workdir).unlink(missing_ok=True)

    def best_number(self, name):
        """A number of the best validation so far, or None before the first."""
        if read_best(self.workdir) is None:
            return None
        return json.loads(best_file(self.workdir).read_text())[name]

    def restore_latest(self):
        """Sets model and optimizer to the latest checkpoint, if there is one; returns its step, else 0.

        Raises:
          IcdpmError: the checkpoint cannot be read.
        """
        steps = checkpoint_steps(self.workdir)
        if not steps:
            return 0
        folder = checkpoint_folder(self.workdir, steps[-1])
        try:
            state = training_state(self.model)
            arrays = _read_state(folder)
            if arrays.keys() != state.keys():
                raise LookupError(f"it lacks or has {sorted(arrays.keys() ^ state.keys())[0]}")
            for name, variable in state.items():
                variable.assign(arrays[name])
        except (*_DAMAGE, IcdpmError) as error:
            raise IcdpmError(
                f"the checkpoint {folder} is damaged ({summarize_error(error)}); delete that folder to continue from the "
                "one before"
            ) from error
        return steps[-1]


def training_state(model):
    """Returns {name: `tf.Variable`} of all that training needs: weights, moments, averages and the number of steps.

    The names are those of the weights after 'weights/', 'm/', 'v/' and 'average/', and do not depend on the version of Keras.
    """
    optimizer, weights = model.optimizer, named_variables(model)
    state = {f"weights/{name}": variable for name, variable in weights.items()}
    kinds = {"m": optimizer.first_moments, "v": optimizer.second_moments, "average": optimizer.averages}
    for number, name in enumerate(list(weights)[: len(optimizer.averages)]):  # the trained weights come first
        state |= {f"{kind}/{name}": variables[number] for kind, variables in kinds.items()}
    return {**state, "iterations": tf_variable(optimizer.iterations)}


def _read_state(folder):
    """{name: array} of a checkpoint, as `training_state` names them."""
    if (folder / _STATE).exists():
        return read_arrays(folder / _STATE)
    reader = tf.train.load_checkpoint(str(folder / _OLD_STATE))
    keys = reader.get_variable_to_shape_map()
    names = list(read_arrays(folder / MARKER))  # in the order in which the weights were numbered
    arrays = {"iterations": reader.get_tensor(_OLD_ITERATIONS)}
    for kind, key in _OLD_KEYS.items():
        arrays |= {f"{kind}/{name}": reader.get_tensor(key.format(i)) for i, name in enumerate(names) if key.format(i) in keys}
    return arrays


@contextlib.contextmanager
def locked(workdir):
    """Holds the workdir for this process; the system releases it however the process ends.

    In other storages nothing can be held so: there it is only seen to it that the workdir can be written, and a second run is
    noticed at its first checkpoint (`Checkpoints.save`).

    Raises:
      IcdpmError: another run holds it, or it cannot be written.
    """

    def refuse():
        raise IcdpmError(f"another run is training in {workdir}; wait for it or choose another workdir")

    path = storage_path(workdir)
    with contextlib.ExitStack() as lock:
        try:
            if is_remote(path):
                path.check_writable()
            else:
                lock.enter_context(file_lock(path / ".lock", refuse))
        except OSError as error:
            raise IcdpmError(f"cannot write in the workdir {workdir}: {error.strerror}") from error
        yield
