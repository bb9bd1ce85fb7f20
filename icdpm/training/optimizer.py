"""Adam with a learning rate that ramps up and may decay, and an exponential moving average of the weights."""

import tensorflow as tf
import tensorflow_addons as tfa

from icdpm.systems.ramps import linear_ramp
from icdpm.systems.weights import named_variables


class LearningRate(tf.keras.optimizers.schedules.LearningRateSchedule):
    """0 → `peak` linearly over the first `ramp_steps` steps, then constant (§4.2 of arXiv 2212.01789).

    Args:
      peak: the constant rate.
      ramp_steps: see above.
      decay: (first, last) step of a linear decay to 0, for runs shorter than the paper's; () for none.
    """

    def __init__(self, peak, ramp_steps, decay=()):
        self.peak = peak
        self.ramp_steps = ramp_steps
        self.decay = decay

    def __call__(self, step):
        """The learning rate of a step, a float32 scalar."""
        rate = self.peak * linear_ramp(step, self.ramp_steps)
        if self.decay:
            first, last = self.decay
            rate *= 1.0 - linear_ramp(tf.maximum(tf.cast(step, tf.float32) - first, 0.0), last - first)
        return rate

    def get_config(self):
        """The arguments of the constructor."""
        return {"peak": self.peak, "ramp_steps": self.ramp_steps, "decay": self.decay}


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
    learning_rate = LearningRate(config.learning_rate, config.learning_rate_ramp, config.learning_rate_decay)
    adam = tf.keras.optimizers.legacy.Adam(learning_rate, beta_1=config.beta_1, beta_2=config.beta_2)
    optimizer = _AveragedAdam(adam, average_decay=config.ema_decay, dynamic_decay=True)
    # Made now, not in the first step: a checkpoint can then be read, and compared, before any step.
    optimizer.iterations  # noqa: B018
    optimizer._create_hypers()
    optimizer._create_slots(variables)
    return optimizer


def averaged_weights(system):
    """{name: array} of all variables: the moving averages of those that are trained, the others as they are."""
    trained = {id(variable) for variable in system.trainable_variables}
    return {
        name: (system.optimizer.get_slot(variable, "average") if id(variable) in trained else variable).numpy()
        for name, variable in named_variables(system).items()
    }
