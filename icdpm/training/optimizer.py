"""Adam, perhaps with weight decay, at a rate that ramps up and may decay; and an exponential moving average of the weights."""

import math

import tensorflow as tf

from icdpm.keras import keras
from icdpm.systems.ramps import linear_ramp
from icdpm.systems.weights import named_variables
from icdpm.training.addons import Adam, AdamW, MovingAverage


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """0 → `peak` linearly over the first `ramp_steps` steps, then constant (§4.2 of arXiv 2212.01789).

    Args:
      peak: the constant rate.
      ramp_steps: see above.
      decay: (first, last) step of a decay to `end`, for runs shorter than the paper's; () for none.
      end: see above.
      shape: of the decay: 'linear', or 'cosine' (Loshchilov and Hutter, 2017, eq. 5).
    """

    def __init__(self, peak, ramp_steps, decay=(), end=0.0, shape="linear"):
        self.peak = peak
        self.ramp_steps = ramp_steps
        self.decay = decay
        self.end = end
        self.shape = shape

    def __call__(self, step):
        """The learning rate of a step, a float32 scalar."""
        rate = self.peak * linear_ramp(step, self.ramp_steps)
        if self.decay:
            first, last = self.decay
            done = linear_ramp(tf.maximum(tf.cast(step, tf.float32) - first, 0.0), last - first)
            left = 0.5 * (1.0 + tf.cos(math.pi * done)) if self.shape == "cosine" else 1.0 - done
            rate = self.end + (rate - self.end) * left
        return rate

    def get_config(self):
        """The arguments of the constructor."""
        return {
            "peak": self.peak,
            "ramp_steps": self.ramp_steps,
            "decay": self.decay,
            "end": self.end,
            "shape": self.shape,
        }


class _Shrinkage(keras.optimizers.schedules.LearningRateSchedule):
    """What AdamW takes off the weights in a step, as a share of them: weight decay × learning rate.

    So PyTorch's AdamW has it; tensorflow-addons' leaves the learning rate out.
    """

    def __init__(self, weight_decay, learning_rate):
        self.weight_decay = weight_decay
        self.learning_rate = learning_rate

    def __call__(self, step):
        return self.weight_decay * self.learning_rate(step)

    def get_config(self):
        return {"weight_decay": self.weight_decay, "learning_rate": self.learning_rate}


def make_optimizer(config, variables):
    """Adam or AdamW that also keeps the moving average of the variables; all its own variables are made at once.

    The average's decay grows as min(ema_decay, (1 + step)/(10 + step)), so that it forgets the initial weights early.

    Args:
      config: the config's `optimizer` section.
      variables: the variables to train.
    """
    learning_rate = LearningRate(
        config.learning_rate,
        config.learning_rate_ramp,
        config.learning_rate_decay,
        config.learning_rate_end,
        config.learning_rate_shape,
    )
    optimizer = MovingAverage(_make_adam(config, learning_rate), average_decay=config.ema_decay, dynamic_decay=True)
    optimizer.build(variables)
    return optimizer


def _make_adam(config, learning_rate):
    """Adam, or AdamW (Loshchilov and Hutter, 2019) where there is a weight decay: of all variables, as PyTorch's."""
    betas = {"beta_1": config.beta_1, "beta_2": config.beta_2}
    if not config.weight_decay:
        return Adam(learning_rate, **betas)
    shrinkage = _Shrinkage(config.weight_decay, learning_rate)
    return AdamW(weight_decay=shrinkage, learning_rate=learning_rate, epsilon=1e-8, **betas)


def averaged_weights(system):
    """{name: array} of all variables: the moving averages of those that are trained, the others as they are."""
    trained = {id(variable) for variable in system.trainable_variables}
    return {
        name: (system.optimizer.get_slot(variable, "average") if id(variable) in trained else variable).numpy()
        for name, variable in named_variables(system).items()
    }
