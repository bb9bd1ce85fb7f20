"""The optimisers that Keras 2 calls legacy, and two that tensorflow-addons has: AdamW and a moving average around another.

Both compute the same as tensorflow-addons' in the same order, and keep their variables at the same places of a checkpoint: a
run goes on with the one from what the other has saved. AdamW is tensorflow-addons' own where that can be imported, beside
TensorFlow 2.15, and elsewhere `OwnAdamW`. The moving average is ours everywhere, as theirs leaves the replica to be updated:
what does so cannot be compiled with the rest of a step.
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
        state[device, dtype]["wd_t"] = tf.cast(self.weight_decay(self.iterations), dtype)

    def _resource_apply_dense(self, gradient, variable, apply_state):
        share = apply_state[variable.device, variable.dtype.base_dtype]["wd_t"]
        with tf.control_dependencies([variable.assign_sub(share * variable)]):
            return super()._resource_apply_dense(gradient, variable, apply_state)


class MovingAverage(keras.optimizers.legacy.Optimizer):
    """Takes the steps of another optimiser, and after each moves averages of the variables towards them.

    average ← average − (average − variable)·(1 − decay)

    Each replica updates its own copies, and asks no other: by gradients that are the same everywhere, so that all copies stay
    the same.

    Args:
      optimizer: the other, `Adam` or `AdamW`.
      average_decay: the decay.
      dynamic_decay: whether it is min(average_decay, (1 + step)/(10 + step)), so that the first weights are soon forgotten.
    """

    def __init__(self, optimizer, average_decay, dynamic_decay=False):
        super().__init__("MovingAverage")
        self._optimizer = optimizer
        self._track_trackable(optimizer, "awg_optimizer")
        self.average_decay = average_decay
        self.dynamic_decay = dynamic_decay

    @property
    def learning_rate(self):
        """The other's."""
        return self._optimizer.learning_rate

    def build(self, variables):
        """Makes all variables of both, so that a checkpoint can be read, and compared, before any step."""
        self._optimizer._iterations = self.iterations
        self._create_hypers()
        self._create_slots(variables)

    def apply(self, gradients, variables, wanted=True):
        """One step of this replica's copies of the variables.

        Args:
          gradients: one a variable, the same on all replicas.
          variables: those of `build`.
          wanted: bool or bool scalar; where it is False all stays as it is, bit for bit: variables, moments, averages and
            count of steps. Without a branch, for which an accelerator would wait.
        """
        copies = [_own_copy(variable) for variable in variables]
        state = self._prepare(copies)
        for coefficients in state.values():
            for name in _STILL.keys() & coefficients.keys():
                coefficients[name] = tf.where(wanted, coefficients[name], tf.cast(_STILL[name], coefficients[name].dtype))
        for gradient, variable in zip(gradients, copies):
            self._resource_apply_dense(tf.where(wanted, gradient, tf.zeros_like(gradient)), variable, state)
        iterations = _own_copy(self.iterations)
        iterations.assign_add(tf.cast(wanted, iterations.dtype))

    def swap(self, variable):
        """Exchanges this replica's copies of a variable and its average; returns the operations. Only in graphs."""
        weight, average = _own_copy(variable), _own_copy(self.get_slot(variable, "average"))
        weights, averages = weight.read_value(), average.read_value()
        return [weight.assign(averages, read_value=False), average.assign(weights, read_value=False)]

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
        decay = apply_state[variable.device, variable.dtype.base_dtype]["average_decay"]
        average = _own_copy(self.get_slot(variable, "average"))
        with tf.control_dependencies([applied]):
            return average.assign_sub((average - variable) * (1.0 - decay))


# Coefficients of Adam, AdamW and the average with which a step changes nothing.
_STILL = {"lr_t": 0.0, "beta_1_t": 1.0, "beta_2_t": 1.0, "wd_t": 0.0, "average_decay": 1.0}


def _own_copy(variable):
    """This replica's copy of a variable that each has one of; on TPUs the variable itself stands for that."""
    strategy = tf.distribute.get_strategy()
    if isinstance(strategy, tf.distribute.TPUStrategy) or not isinstance(variable, tf.distribute.DistributedValues):
        return variable
    copies = strategy.experimental_local_results(variable)
    return copies[tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group) % len(copies)]


try:
    from tensorflow_addons.optimizers import AdamW
except ImportError:
    AdamW = OwnAdamW
