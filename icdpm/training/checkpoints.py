"""Checkpoints that are complete or absent, and from which a run continues as if it had never stopped."""

import json
import shutil

import tensorflow as tf

from icdpm.errors import IcdpmError, reason_of
from icdpm.files import make_folder_atomically, remove_folder, write_atomically
from icdpm.storage import is_remote
from icdpm.systems.weights import named_variables, save_weights
from icdpm.systems.workdir import MARKER, best_file, checkpoint_folder, checkpoint_steps, read_best
from icdpm.training.optimizer import averaged_weights

# What TensorFlow raises for files that were cut, depending on where.
_DAMAGE = (AssertionError, ValueError, TypeError, LookupError, RuntimeError, OSError, tf.errors.OpError)


class Checkpoints:
    """Writes and reads the checkpoints of a run.

    A checkpoint is written to a folder of a temporary name, which is renamed, or copied to a bucket with its averaged weights
    last, when all of it is there: a run killed at any moment leaves complete checkpoints only.

    Args:
      workdir: the run's folder.
      system: a system whose optimizer is made by `make_optimizer`.
      keep: how many of the latest are kept; the best is kept besides.
    """

    def __init__(self, workdir, system, keep):
        self.workdir = workdir
        self.system = system
        self.keep = keep
        self._state = tf.train.Checkpoint(weights=list(named_variables(system).values()), optimizer=system.optimizer)

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
                    self._state.write(str(temporary / "state"))
                    save_weights(temporary / MARKER, averaged_weights(self.system))
            except (OSError, tf.errors.OpError) as error:
                raise IcdpmError(f"cannot write the checkpoint {folder}: {reason_of(error)}") from error
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
        """Sets system and optimiser to the latest checkpoint, if there is one; returns its step, else 0.

        Raises:
          IcdpmError: the checkpoint cannot be read.
        """
        steps = checkpoint_steps(self.workdir)
        if not steps:
            return 0
        folder = checkpoint_folder(self.workdir, steps[-1])
        try:
            self._state.read(str(folder / "state")).assert_consumed()
        except _DAMAGE as error:
            raise IcdpmError(
                f"the checkpoint {folder} is damaged ({reason_of(error)}); delete that folder to continue from the one before"
            ) from error
        return steps[-1]
