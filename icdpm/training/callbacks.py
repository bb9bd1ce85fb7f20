"""What happens between calls of steps, where it is due: scalars, validation, checkpoints."""

import signal
import sys

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.models.weights import named_variables
from icdpm.progress import print_above, progress_bar


class Note:
    """Calls `note` once the first steps are done: what is wrong with a run shows until then, and leaves nothing behind."""

    def __init__(self, note):
        self.note = note

    def after(self, step, rows):
        """As of `Scalars`."""
        if self.note:
            self.note()
            self.note = None


class Scalars:
    """Writes a step's losses, weights and rates to TensorBoard every `every` steps."""

    def __init__(self, writer, every):
        self.writer = writer
        self.every = every

    def after(self, step, rows):
        """Looks at the numbers of the steps since the last look, of which `step` is the last."""
        if step % self.every == 0:
            with self.writer.as_default(step):
                for name, value in rows[-1].items():
                    tf.summary.scalar(f"train/{name}", value)


class Validate:
    """Every `every` steps, and after the last, has the averaged weights measured, and `told` of it where that is not None."""

    def __init__(self, validation, every, steps, told):
        self.validation = validation
        self.every = every
        self.steps = steps
        self.told = told

    def after(self, step, rows):
        """As of `Scalars`."""
        if step % self.every == 0 or step == self.steps:
            measured = self.validation.run()
            if self.told:
                self.told(step, *measured)


class Best:
    """Notes and tells what validation has measured; the best checkpoint is kept."""

    def __init__(self, checkpoints, writer):
        self.checkpoints = checkpoints
        self.writer = writer

    def __call__(self, step, numbers, pictures):
        """Is told the step and what `Validation.run` returns."""
        with self.writer.as_default(step):
            for name, value in numbers.items():
                tf.summary.scalar(f"validation/{name}", value)
            tf.summary.image("validation", pictures, max_outputs=len(pictures))
        self.writer.flush()
        best = self.checkpoints.best_number("psnr")
        if best is None or numbers["psnr"] > best:
            self.checkpoints.mark_best(step, numbers)
        drift = ", ".join(f"{numbers[f'error_{color}']:+.2f}" for color in ("red", "green", "blue"))
        print_above(
            f"step {step}: restored {numbers['psnr']:.2f} dB (blurry {numbers['psnr_blurry']:.2f}), "
            f"{losses_of(numbers)}, colour error {drift} of 255",
            sys.stdout,
        )


class Save:
    """Writes a checkpoint every `every` steps and after the last."""

    def __init__(self, checkpoints, every, steps):
        self.checkpoints = checkpoints
        self.every = every
        self.steps = steps

    def after(self, step, rows):
        """As of `Scalars`."""
        if step % self.every == 0 or step == self.steps:
            self.checkpoints.save(step)


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


_LOSS = "_loss"


def loss_names(logs):
    """Those of a step's numbers that are losses which the model names."""
    return [name for name in logs if name.endswith(_LOSS)]


def losses_of(numbers):
    """The losses among numbers, in words."""
    return ", ".join(f"{name.removesuffix(_LOSS).replace('_', ' ')} loss {numbers[name]:.4f}" for name in loss_names(numbers))


class Progress:
    """Steps done, rate, time left, and at the last look the losses (running means of about 50 steps) and the learning rate."""

    def __init__(self, start, steps):
        self.means = {}
        self.bar = progress_bar("training", steps, "step", initial=start)

    def after(self, step, rows):
        """As of `icdpm.training.callbacks.Scalars`."""
        for logs in rows:
            for name in loss_names(logs):
                self.means[name] = 0.98 * self.means.get(name, logs[name]) + 0.02 * logs[name]
        self.bar.set_postfix_str(f"{losses_of(self.means)}, rate {rows[-1]['learning_rate']:.1e}", refresh=False)

    def close(self):
        """Leaves the last state of the bar standing, also after an error."""
        self.bar.close()
