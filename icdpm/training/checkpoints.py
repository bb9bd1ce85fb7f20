"""Checkpoints that are complete or absent, and from which a run continues as if it had never stopped."""

import json
import shutil

import tensorflow as tf

from icdpm.errors import IcdpmError, reason_of
from icdpm.files import write_atomically
from icdpm.systems.weights import named_variables, save_weights
from icdpm.systems.workdir import best_file, checkpoint_folder, checkpoint_steps, read_best
from icdpm.training.optimizer import averaged_weights

# What TensorFlow raises for files that were cut, depending on where.
_DAMAGE = (AssertionError, ValueError, TypeError, LookupError, RuntimeError, OSError, tf.errors.OpError)


class Checkpoints:
    """Writes and reads the checkpoints of a run.

    A checkpoint is written to a folder of a temporary name, which is renamed when all of it is there: a run killed at any
    moment leaves complete checkpoints only.

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
        if not folder.exists():
            temporary = folder.with_name(f".writing-{folder.name}")
            shutil.rmtree(temporary, ignore_errors=True)
            try:
                temporary.mkdir(parents=True)
                self._state.write(str(temporary / "state"))
                save_weights(temporary / "weights.npz", averaged_weights(self.system))
                temporary.rename(folder)
            except (OSError, tf.errors.OpError) as error:
                shutil.rmtree(temporary, ignore_errors=True)
                raise IcdpmError(f"cannot write the checkpoint {folder}: {reason_of(error)}") from error
        kept = {*checkpoint_steps(self.workdir)[-self.keep :], read_best(self.workdir)}
        for old in set(checkpoint_steps(self.workdir)) - kept:
            shutil.rmtree(checkpoint_folder(self.workdir, old))

    def mark_best(self, step, numbers):
        """Saves this step's checkpoint and notes it, with its validation numbers, as the best."""
        self.save(step)
        with write_atomically(best_file(self.workdir)) as temporary:
            temporary.write_text(json.dumps({"step": step, **numbers}, indent=2) + "\n")

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
