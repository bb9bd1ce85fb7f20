"""The progress bar of a run."""

from icdpm.progress import progress_bar

_LOSS = "_loss"


def loss_names(logs):
    """Those of a step's numbers that are losses which the system names."""
    return [name for name in logs if name.endswith(_LOSS)]


def losses_of(numbers):
    """The losses among numbers, in words."""
    return ", ".join(f"{name.removesuffix(_LOSS).replace('_', ' ')} loss {numbers[name]:.4f}" for name in loss_names(numbers))


class Progress:
    """Steps done, rate, time left, and at the last look the losses (running means of about 50 steps) and the learning rate."""

    def __init__(self, start, steps):
        self.means = {}
        self.bar = progress_bar("training", steps, "step", done=start)

    def after(self, step, rows):
        """As of `icdpm.training.callbacks.Scalars`."""
        for logs in rows:
            for name in loss_names(logs):
                self.means[name] = 0.98 * self.means.get(name, logs[name]) + 0.02 * logs[name]
        self.bar.set_postfix_str(f"{losses_of(self.means)}, rate {rows[-1]['learning_rate']:.1e}", refresh=False)

    def close(self):
        """Leaves the last state of the bar standing, also after an error."""
        self.bar.close()
