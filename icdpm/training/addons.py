"""The optimisers that Keras 2 calls legacy, and two that tensorflow-addons has: AdamW, and a moving average around another.

The two are tensorflow-addons' own where that can be imported, beside TensorFlow 2.15. Elsewhere they are `OwnAdamW` and
`OwnMovingAverage`, which compute the same in the same order and keep their variables at the same places of a checkpoint: a run
goes on with the one from what the other has saved.
"""

import tensorflow as tf

from icdpm.keras import keras

Adam = keras.optimizers.legacy.Adam


class OwnAdamW(Adam):
    """Adam that shrinks each variable before the step (Loshchilov and Hutter, 2019, Algorithm 2), by a share of its own.

    Args:
      weight_decay: a schedule: step → what is taken off, as a share of the variable.
      **others: of Adam.
    """

    def __init__(self, weight_decay, **others):
        super().__init__(name="AdamW", **others)
        self.weight_decay = weight_decay

    def _prepare_local(self, device, dtype, state):
        super()._prepare_local(device, dtype, state)
        state[device, dtype]["weight_decay"] = tf.cast(self.weight_decay(self.iterations), dtype)

    def _resource_apply_dense(self, gradient, variable, apply_state):
        share = _local(self, variable, apply_state)["weight_decay"]
        with tf.control_dependencies([variable.assign_sub(share * variable)]):
            return super()._resource_apply_dense(gradient, variable, apply_state)


class OwnMovingAverage(keras.optimizers.legacy.Optimizer):
    """Takes the steps of another optimiser, and after each moves averages of the variables towards them.

    average ← average − (average − variable)·(1 − decay)

    Args:
      optimizer: the other, a legacy one.
      average_decay: the decay.
      dynamic_decay: whether it is min(average_decay, (1 + step)/(10 + step)), so that the first weights are soon forgotten.
    """

    def __init__(self, optimizer, average_decay, dynamic_decay=False):
        super().__init__("MovingAverage")
        self._optimizer = optimizer
        self._track_trackable(optimizer, "awg_optimizer")
        self.average_decay = average_decay
        self.dynamic_decay = dynamic_decay

    def apply_gradients(self, grads_and_vars, name=None, **others):
        self._optimizer._iterations = self.iterations
        return super().apply_gradients(grads_and_vars, name, **others)

    def _create_hypers(self):
        self._optimizer._create_hypers()

    def _create_slots(self, variables):
        self._optimizer._create_slots(variables)
        for variable in variables:
            self.add_slot(variable, "average", variable.read_value())

    def _prepare_local(self, device, dtype, state):
        self._optimizer._prepare_local(device, dtype, state)
        decay = tf.constant(self.average_decay, tf.float32)
        if self.dynamic_decay:
            step = tf.cast(self.iterations, tf.float32)
            decay = tf.minimum(decay, (1.0 + step) / (10.0 + step))
        state[device, dtype]["average_decay"] = decay

    def _resource_apply_dense(self, gradient, variable, apply_state):
        applied = self._optimizer._resource_apply_dense(gradient, variable, apply_state)
        decay = _local(self, variable, apply_state)["average_decay"]
        with tf.control_dependencies([applied]):
            return keras.backend.moving_average_update(self.get_slot(variable, "average"), variable, decay)


def _local(optimizer, variable, apply_state):
    """What `_prepare_local` has computed for the variable's device and type, once for all variables of both."""
    place = variable.device, variable.dtype.base_dtype
    return (apply_state or {}).get(place) or optimizer._fallback_apply_state(*place)


try:
    from tensorflow_addons.optimizers import AdamW, MovingAverage
except ImportError:
    AdamW, MovingAverage = OwnAdamW, OwnMovingAverage
