"""What stops a run early: numbers that are not finite, and signals."""

import signal

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.systems.weights import named_variables
from icdpm.training.progress import loss_names


class FiniteGuard(keras.callbacks.Callback):
    """Stops the run at the first step whose loss or gradient is not finite, before anything of it is saved."""

    def __init__(self, start, stages, workdir):
        super().__init__()
        self.step = start
        self.stages = stages
        self.workdir = workdir

    def on_train_batch_end(self, batch, logs=None):
        """Raises IcdpmError with the step, the numbers, the examples and the layers where it happened."""
        self.step += 1
        bad = [name for name in (*loss_names(logs), "gradient_norm") if not np.isfinite(logs[name])]
        if not bad:
            return
        layers = [name.rsplit("/", 1)[0] for name, v in named_variables(self.model).items() if not np.isfinite(v.numpy()).all()]
        stage = next(each for each in self.stages if self.step <= each.stop)
        first, last = stage.first_of(self.step - 1), stage.first_of(self.step) - 1
        where = f", and after the update the weights of {layers[0]} and {len(layers) - 1} more" if layers else ""
        raise IcdpmError(
            f"training stopped: at step {self.step} (examples {first} to {last}) {' and '.join(bad)} "
            f"{'is' if len(bad) == 1 else 'are'} not finite{where}; the checkpoints in {self.workdir} are from before. "
            "Look at the data, or lower optimizer.learning_rate or set optimizer.gradient_clip in a new workdir"
        )


class StopOnSignal(keras.callbacks.Callback):
    """On SIGTERM or SIGINT saves a checkpoint after the step in progress and ends the run.

    Attributes:
      signal: the signal that came, or None.
    """

    def __init__(self, start, save):
        super().__init__()
        self.step = start
        self.save = save
        self.signal = None
        self._previous = {}

    def on_train_begin(self, logs=None):
        if self._previous:  # another stage of the run begins
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._note)

    def _note(self, number, frame):
        self.signal = number

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.signal is not None:
            self.save(self.step)
            self.model.stop_training = True

    def close(self):
        """Gives the signals back to whom they belonged."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
