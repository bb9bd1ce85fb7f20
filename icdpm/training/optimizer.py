"""Adam with a learning-rate ramp and an exponential moving average of the weights."""

import tensorflow as tf
import tensorflow_addons as tfa

from icdpm.systems.ramps import linear_ramp


class RampedLearningRate(tf.keras.optimizers.schedules.LearningRateSchedule):
    """0 → `peak` linearly over the first `ramp_steps` steps, then constant (§4.2 of arXiv 2212.01789)."""

    def __init__(self, peak, ramp_steps):
        self.peak = peak
        self.ramp_steps = ramp_steps

    def __call__(self, step):
        """The learning rate of a step, a float32 scalar."""
        return self.peak * linear_ramp(step, self.ramp_steps)

    def get_config(self):
        """The arguments of the constructor."""
        return {"peak": self.peak, "ramp_steps": self.ramp_steps}


class _AveragedAdam(tfa.optimizers.MovingAverage):
    """tensorflow-addons' moving average, with the wrapped optimiser's learning rate readable."""

    @property
    def learning_rate(self):
        return self._optimizer.learning_rate


def make_optimizer(config, variables):
    """Adam that also keeps the moving average of the variables; all its own variables are made at once.

    The average's decay grows as min(ema_decay, (1 + step)/(10 + step)), so that it forgets the initial weights early.

    Args:
      config: the config's `optimizer` section.
      variables: the variables to train.
    """
    learning_rate = RampedLearningRate(config.learning_rate, config.learning_rate_ramp)
    adam = tf.keras.optimizers.legacy.Adam(learning_rate, beta_1=config.beta_1, beta_2=config.beta_2)
    optimizer = _AveragedAdam(adam, average_decay=config.ema_decay, dynamic_decay=True)
    # Made now, not in the first step: a checkpoint can then be read, and compared, before any step.
    optimizer.iterations  # noqa: B018
    optimizer._create_hypers()
    optimizer._create_slots(variables)
    return optimizer


def averaged_weights(optimizer, variables):
    """The moving averages of the variables, as arrays, in their order."""
    return [optimizer.get_slot(variable, "average").numpy() for variable in variables]
