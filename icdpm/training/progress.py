"""The progress bar of a run."""

from icdpm.keras import keras
from icdpm.progress import progress_bar

_LOSS = "_loss"


def loss_names(logs):
    """Those of a step's numbers that are losses which the system names."""
    return [name for name in logs if name.endswith(_LOSS)]


def losses_of(numbers):
    """The losses among numbers, in words."""
    return ", ".join(f"{name.removesuffix(_LOSS).replace('_', ' ')} loss {numbers[name]:.4f}" for name in loss_names(numbers))


class Progress(keras.callbacks.Callback):
    """Steps done, rate, time left, the losses (running means of about 50 steps) and the learning rate."""

    def __init__(self, start, steps):
        super().__init__()
        self.start = start
        self.steps = steps
        self.means = {}

    def on_train_begin(self, logs=None):
        if not hasattr(self, "bar"):  # a run may have several stages
            self.bar = progress_bar("training", self.steps, "step", done=self.start)

    def on_train_batch_end(self, batch, logs=None):
        for name in loss_names(logs):
            self.means[name] = 0.98 * self.means.get(name, logs[name]) + 0.02 * logs[name]
        self.bar.set_postfix_str(f"{losses_of(self.means)}, rate {logs['learning_rate']:.1e}", refresh=False)
        self.bar.update()

    def close(self):
        """Leaves the last state of the bar standing, also after an error."""
        if hasattr(self, "bar"):
            self.bar.close()
