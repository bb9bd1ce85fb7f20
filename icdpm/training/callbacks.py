"""What happens between steps: scalars, validation, checkpoints."""

import sys

import tensorflow as tf

from icdpm.keras import keras
from icdpm.progress import print_above
from icdpm.training.optimizer import averaged_weights
from icdpm.training.progress import losses_of


class Note(keras.callbacks.Callback):
    """Calls `note` once the first step is done: what is wrong with a run shows until then, and leaves nothing behind."""

    def __init__(self, note):
        super().__init__()
        self.note = note

    def on_train_batch_end(self, batch, logs=None):
        if self.note:
            self.note()
            self.note = None


class Scalars(keras.callbacks.Callback):
    """Writes the step's losses, weights and rates to TensorBoard every `every` steps."""

    def __init__(self, writer, start, every):
        super().__init__()
        self.writer = writer
        self.step = start
        self.every = every

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.step % self.every == 0:
            with self.writer.as_default(self.step):
                for name, value in logs.items():
                    tf.summary.scalar(f"train/{name}", value)


class Validate(keras.callbacks.Callback):
    """Every `every` steps, and after the last, measures the averaged weights; the best checkpoint is kept."""

    def __init__(self, validation, checkpoints, writer, start, every, steps):
        super().__init__()
        self.validation = validation
        self.checkpoints = checkpoints
        self.writer = writer
        self.step = start
        self.every = every
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.step % self.every and self.step != self.steps:
            return
        numbers, pictures = self.validation.run(averaged_weights(self.model))
        with self.writer.as_default(self.step):
            for name, value in numbers.items():
                tf.summary.scalar(f"validation/{name}", value)
            tf.summary.image("validation", pictures, max_outputs=len(pictures))
        self.writer.flush()
        best = self.checkpoints.best_number("psnr")
        if best is None or numbers["psnr"] > best:
            self.checkpoints.mark_best(self.step, numbers)
        drift = ", ".join(f"{numbers[f'error_{color}']:+.2f}" for color in ("red", "green", "blue"))
        print_above(
            f"step {self.step}: restored {numbers['psnr']:.2f} dB (blurry {numbers['psnr_blurry']:.2f}), "
            f"{losses_of(numbers)}, colour error {drift} of 255",
            sys.stdout,
        )


class Save(keras.callbacks.Callback):
    """Writes a checkpoint every `every` steps and after the last."""

    def __init__(self, checkpoints, start, every, steps):
        super().__init__()
        self.checkpoints = checkpoints
        self.step = start
        self.every = every
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        if self.step % self.every == 0 or self.step == self.steps:
            self.checkpoints.save(self.step)
