"""Callbacks of a training run: checks, progress bar, TensorBoard, validation, checkpoints and signals."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.models.schedules import TrainingStage
from icdpm.models.weights import named_variables
from icdpm.progress import print_above, progress_bar
from icdpm.training.checkpoints import Checkpoints
from icdpm.training.validation import Validation

if TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

Logs = Mapping[str, float]
_LOSS_SUFFIX = "_loss"


class Callback:
    """Base class for callbacks of a training run.

    A run calls `on_step_end` in order whenever it fetches logs: after the first call of steps, every `run.log_every` steps, and
    where validation or a checkpoint is due.
    """

    def on_steps_started(self, count: int) -> None:
        """Handles the start of `count` more steps, whose logs are not fetched yet."""

    def on_step_end(self, step: int, logs: Sequence[Logs]) -> None:
        """Handles the steps since the previous call.

        Args:
          step: number of steps done.
          logs: {name: value} of each step since the previous call; the last one belongs to `step`.
        """


class FiniteCheck(Callback):
    """Stops the run if a loss or gradient is not finite, before any later state is saved.

    Args:
      model: the model that is trained.
      stages: the stages of the run.
      workdir: the folder of the run, for the message.
    """

    def __init__(self, model: ImageRestorer, stages: Sequence[TrainingStage], workdir: str | os.PathLike) -> None:
        self._model = model
        self._stages = stages
        self._workdir = workdir

    def on_step_end(self, step: int, logs: Sequence[Logs]) -> None:
        for number, values in enumerate(logs, step - len(logs) + 1):
            bad = [name for name in (*loss_names(values), "gradient_norm") if not np.isfinite(values[name])]
            if bad:
                raise IcdpmError(self._message(number, bad))

    def _message(self, step: int, bad: Sequence[str]) -> str:
        weights = named_variables(self._model)
        layers = [name.rsplit("/", 1)[0] for name, v in weights.items() if not np.isfinite(v.numpy()).all()]
        stage = next(each for each in self._stages if step <= each.stop)
        first, last = stage.first_of(step - 1), stage.first_of(step) - 1
        also = f", as are the weights of {layers[0]} and {len(layers) - 1} more" if layers else ""
        return (
            f"Training stopped at step {step} (examples {first} to {last}): {' and '.join(bad)} "
            f"{'is' if len(bad) == 1 else 'are'} not finite{also}. The checkpoints in {self._workdir} are from earlier steps. "
            "Check the data, or start a new workdir with a lower optimizer.learning_rate or with optimizer.gradient_clip."
        )


class OnFirstSteps(Callback):
    """Calls a function once, after the first steps.

    A run that fails before, for example by invalid data, leaves nothing in its workdir.
    """

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    def on_step_end(self, step: int, logs: Sequence[Logs]) -> None:
        if self._function:
            self._function()
            self._function = None


class ProgressBar(Callback):
    """Progress bar with running means of the losses (over about 50 steps) and the learning rate.

    Args:
      start: number of steps that are done already.
      steps: number of steps of the run.
    """

    def __init__(self, start: int, steps: int) -> None:
        self._means: dict[str, float] = {}
        self._bar = progress_bar("training", steps, "step", initial=start)

    def on_steps_started(self, count: int) -> None:
        self._bar.update(count)

    def on_step_end(self, step: int, logs: Sequence[Logs]) -> None:
        for values in logs:
            for name in loss_names(values):
                self._means[name] = 0.98 * self._means.get(name, values[name]) + 0.02 * values[name]
        self._bar.set_postfix_str(f"{format_losses(self._means)}, rate {logs[-1]['learning_rate']:.1e}", refresh=False)

    def close(self) -> None:
        """Leaves the last state of the bar on the terminal."""
        self._bar.close()


class TensorBoardScalars(Callback):
    """Writes losses, loss weights, gradient norm and learning rate to TensorBoard every `every` steps."""

    def __init__(self, writer: tf.summary.SummaryWriter, every: int) -> None:
        self._writer = writer
        self._every = every

    def on_step_end(self, step: int, logs: Sequence[Logs]) -> None:
        if step % self._every == 0:
            with self._writer.as_default(step):
                for name, value in logs[-1].items():
                    tf.summary.scalar(f"train/{name}", value)


class PeriodicValidation(Callback):
    """Validates the EMA weights every `every` steps and after the last one.

    Args:
      validation: the validation, in which all workers take part.
      every: period in steps.
      steps: number of steps of the run.
      on_validation_end: called with (step, numbers, images) as `Validation.run` returns them; None on other workers than the
        chief.
    """

    def __init__(
        self, validation: Validation, every: int, steps: int, on_validation_end: Callable[[int, dict, np.ndarray], None] | None
    ) -> None:
        self._validation = validation
        self._every = every
        self._steps = steps
        self._on_validation_end = on_validation_end

    def on_step_end(self, step: int, logs: Sequence[Logs]) -> None:
        if step % self._every == 0 or step == self._steps:
            numbers, images = self._validation.run()
            if self._on_validation_end:
                self._on_validation_end(step, numbers, images)


class PeriodicCheckpoint(Callback):
    """Saves a checkpoint every `every` steps and after the last one."""

    def __init__(self, checkpoints: Checkpoints, every: int, steps: int) -> None:
        self._checkpoints = checkpoints
        self._every = every
        self._steps = steps

    def on_step_end(self, step: int, logs: Sequence[Logs]) -> None:
        if step % self._every == 0 or step == self._steps:
            self._checkpoints.save(step)


def record_validation(
    checkpoints: Checkpoints, writer: tf.summary.SummaryWriter, step: int, numbers: dict[str, float], images: np.ndarray
) -> None:
    """Writes validation results to TensorBoard and the terminal, and saves the checkpoint if it is the best so far.

    Args:
      checkpoints: the checkpoints of the run.
      writer: writer of TensorBoard files.
      step: number of steps done.
      numbers: {name: value} of `Validation.run`, such as 'psnr' in dB.
      images: float32 [images, height, width, 3] in [0, 1], of `Validation.run`.
    """
    with writer.as_default(step):
        for name, value in numbers.items():
            tf.summary.scalar(f"validation/{name}", value)
        tf.summary.image("validation", images, max_outputs=len(images))
    writer.flush()
    best = checkpoints.best_value("psnr")
    if best is None or numbers["psnr"] > best:
        checkpoints.mark_best(step, numbers)
    drift = ", ".join(f"{numbers[f'error_{color}']:+.2f}" for color in ("red", "green", "blue"))
    print_above(
        f"step {step}: restored {numbers['psnr']:.2f} dB (blurry {numbers['psnr_blurry']:.2f}), "
        f"{format_losses(numbers)}, color error {drift} of 255",
        sys.stdout,
    )


class SignalHandler:
    """Records SIGTERM and SIGINT, so that a run ends after the steps in progress.

    Attributes:
      received: number of the signal that was received, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._previous: dict[int, Any] = {
            number: signal.signal(number, self._record) for number in (signal.SIGTERM, signal.SIGINT)
        }

    def _record(self, number: int, frame: FrameType | None) -> None:
        self.received = number

    def close(self) -> None:
        """Restores the previous handlers."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def loss_names(logs: Logs) -> list[str]:
    """Returns the names of the model's losses among a step's logs."""
    return [name for name in logs if name.endswith(_LOSS_SUFFIX)]


def format_losses(numbers: Logs) -> str:
    """Returns the losses among `numbers` as text, such as 'noise loss 0.0312, regression loss 0.0120'."""
    return ", ".join(
        f"{name.removesuffix(_LOSS_SUFFIX).replace('_', ' ')} loss {numbers[name]:.4f}" for name in loss_names(numbers)
    )
