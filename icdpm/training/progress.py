"""The progress bar of a run."""

import sys

import tensorflow as tf
import tqdm


class Progress(tf.keras.callbacks.Callback):
    """Steps done, rate, time left, both losses (running means of about 50 steps) and the learning rate.

    In a terminal one line is kept up to date; elsewhere, in a log file say, a line is written every half minute.
    """

    def __init__(self, start, steps):
        super().__init__()
        self.start = start
        self.steps = steps
        self.means = {}

    def on_train_begin(self, logs=None):
        interval = 0.1 if sys.stderr.isatty() else 30.0
        self.bar = tqdm.tqdm(total=self.steps, initial=self.start, unit="step", mininterval=interval, dynamic_ncols=True)

    def on_train_batch_end(self, batch, logs=None):
        for name in ("guidance_loss", "noise_loss"):
            self.means[name] = 0.98 * self.means.get(name, logs[name]) + 0.02 * logs[name]
        shown = {
            "guidance": f"{self.means['guidance_loss']:.4f}",
            "noise": f"{self.means['noise_loss']:.4f}",
            "rate": f"{logs['learning_rate']:.1e}",
        }
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    def close(self):
        """Leaves the last state of the bar standing, also after an error."""
        if hasattr(self, "bar"):
            self.bar.close()
