"""What stops a run early: numbers that are not finite, and signals."""

import signal

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.models.weights import named_variables
from icdpm.training.progress import loss_names


class FiniteGuard:
    """Stops the run where a step's loss or gradient was not finite, before anything that followed is saved."""

    def __init__(self, model, stages, workdir):
        self.model = model
        self.stages = stages
        self.workdir = workdir

    def after(self, step, rows):
        """Raises IcdpmError with the first such step, the numbers, the examples and the layers where it shows."""
        for number, logs in enumerate(rows, step - len(rows) + 1):
            bad = [name for name in (*loss_names(logs), "gradient_norm") if not np.isfinite(logs[name])]
            if bad:
                raise IcdpmError(self._said(number, bad))

    def _said(self, step, bad):
        weights = named_variables(self.model)
        layers = [name.rsplit("/", 1)[0] for name, v in weights.items() if not np.isfinite(v.numpy()).all()]
        stage = next(each for each in self.stages if step <= each.stop)
        first, last = stage.first_of(step - 1), stage.first_of(step) - 1
        where = f", and the weights of {layers[0]} and {len(layers) - 1} more" if layers else ""
        return (
            f"training stopped: at step {step} (examples {first} to {last}) {' and '.join(bad)} "
            f"{'is' if len(bad) == 1 else 'are'} not finite{where}; the checkpoints in {self.workdir} are from before. "
            "Look at the data, or lower optimizer.learning_rate or set optimizer.gradient_clip in a new workdir"
        )


class StopOnSignal:
    """Notes SIGTERM and SIGINT, within which a run ends after the steps in progress.

    Attributes:
      signal: the signal that came, or None.
    """

    def __init__(self):
        self.signal = None
        self._previous = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}

    def _note(self, number, frame):
        self.signal = number

    def close(self):
        """Gives the signals back to whom they belonged."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
