"""What happens between calls of steps, where it is due: scalars, validation, checkpoints."""

import sys

import tensorflow as tf

from icdpm.progress import print_above
from icdpm.training.progress import losses_of


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
