"""Adam of a config: with a learning-rate ramp, weight decay, gradient clipping and a moving average of the weights."""

from __future__ import annotations

import math

import tensorflow as tf

from icdpm.keras import keras, optimizer_arguments, tf_variable
from icdpm.models.schedules import linear_ramp

_NOT_LOADED = -1.0
_ADAM_EPSILON, _ADAMW_EPSILON = 1e-7, 1e-8  # assumed: the defaults of Keras' Adam and of PyTorch's AdamW


@keras.saving.register_keras_serializable(package="icdpm")
class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Linear ramp from 0 to `peak` over the first `ramp_steps` steps, then constant (§4.2 of arXiv 2212.01789).

    Args:
      peak: the constant rate.
      ramp_steps: the number of steps of the ramp.
      decay: (first, last) step of a decay to `end`, for runs shorter than the paper's; () for none.
      end: the rate at the end of the decay.
      shape: of the decay: 'linear', or 'cosine' (Loshchilov and Hutter, 2017, eq. 5).
    """

    def __init__(self, peak, ramp_steps, decay=(), end=0.0, shape="linear"):
        self.peak = peak
        self.ramp_steps = ramp_steps
        self.decay = tuple(decay)
        self.end = end
        self.shape = shape

    def __call__(self, step):
        """Returns the learning rate of a step, a float32 scalar."""
        rate = self.peak * linear_ramp(step, self.ramp_steps)
        if self.decay:
            first, last = self.decay
            done = linear_ramp(tf.maximum(tf.cast(step, tf.float32) - first, 0.0), last - first)
            left = 0.5 * (1.0 + tf.cos(math.pi * done)) if self.shape == "cosine" else 1.0 - done
            rate = self.end + (rate - self.end) * left
        return rate

    def get_config(self):
        """Returns the arguments of the constructor."""
        names = ("peak", "ramp_steps", "decay", "end", "shape")
        return {name: list(self.decay) if name == "decay" else getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="icdpm")
class AveragedAdam(keras.optimizers.Optimizer):
    """Adam, or AdamW, that clips the gradient and keeps an exponential moving average (EMA) of the weights.

    All of a step is plain arithmetic on `tf.Variable`s, which XLA compiles together with the gradients, and which every replica
    does for its own copies: gradients must be the same on all replicas. The numbers are those of Keras 2's Adam, bit for bit. A
    step whose gradient is not finite changes nothing.

    The average's decay is min(average_decay, (1 + step)/(10 + step)), so that it forgets the initial weights early.

    While `averages_in_use` is true, the weights hold the averages, and `averages` the weights that training continues from:
    `use_averages` exchanges them.

    Args:
      learning_rate: a schedule: step → rate.
      beta_1, beta_2: decay rates of the two moments.
      weight_decay: decoupled weight decay (Loshchilov and Hutter, 2019), times the learning rate as in PyTorch; 0: Adam.
      gradient_clip: largest global norm of the gradient; 0: no clipping.
      average_decay: decay of the moving average.
      name: of the optimizer.

    Attributes:
      first_moments, second_moments, averages: a `tf.Variable` for each trained variable, in order.
    """

    def __init__(
        self,
        learning_rate,
        beta_1=0.9,
        beta_2=0.999,
        weight_decay=0.0,
        gradient_clip=0.0,
        average_decay=0.9999,
        name="averaged_adam",
    ):
        super().__init__(name=name, **optimizer_arguments(learning_rate))
        self.schedule = learning_rate
        self.betas = (beta_1, beta_2)
        self.decoupled_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.average_decay = average_decay
        self.weights_to_train = None

    @property
    def learning_rate(self):
        """The learning rate of the next step, a float32 scalar."""
        return self.schedule(self.iterations)

    def build(self, variables):
        """Creates all state, so that a checkpoint can be read before any step."""
        if self.weights_to_train is not None:
            return
        super().build(variables)
        kinds = {kind: [self.add_variable_from_reference(each, kind) for each in variables] for kind in ("m", "v", "average")}
        flag = tf.Variable(0.0, trainable=False, name="reference")
        self._in_use = self.add_variable_from_reference(flag, "averages_in_use")
        self.weights_to_train = [tf_variable(each) for each in variables]
        self.first_moments, self.second_moments, self.averages = (list(map(tf_variable, kind)) for kind in kinds.values())
        for average, weight in zip(self.averages, self.weights_to_train):
            average.assign(weight)

    @property
    def averages_in_use(self) -> bool:
        """Whether the weights hold the averages at present."""
        return bool(tf_variable(self._in_use).numpy() == 1.0)

    @property
    def has_averages(self) -> bool:
        """Whether there has been a step, so that averages differ from the weights."""
        return self.weights_to_train is not None and int(tf_variable(self.iterations).numpy()) > 0

    def begin(self) -> None:
        """Prepares for training: puts the weights to train in place; before the first step, averages start from them."""
        if self.has_averages:
            self.use_averages(False)
        elif self.weights_to_train is not None:
            self.restart_averages()

    def restart_averages(self) -> None:
        """Starts the averages from the weights."""
        for average, weight in zip(self.averages, self.weights_to_train):
            average.assign(weight)
        tf_variable(self._in_use).assign(0.0)

    def expect_state(self) -> None:
        """Notes that weights are about to be loaded, perhaps with this optimizer's state."""
        if self.weights_to_train is not None:
            tf_variable(self._in_use).assign(_NOT_LOADED)

    def check_state(self, training: bool) -> None:
        """Makes weights and averages consistent after weights were loaded.

        Args:
          training: whether training goes on at once.
        """
        if self.weights_to_train is None:
            return
        if tf_variable(self._in_use).numpy() == _NOT_LOADED:
            self.restart_averages()
        elif training:
            self.use_averages(False)

    def use_averages(self, use: bool) -> None:
        """Exchanges weights and averages unless the weights hold already what is wanted; to be called between steps.

        Args:
          use: whether the weights should hold the averages.
        """
        if self.averages_in_use == use:
            return
        for weight, average in zip(self.weights_to_train, self.averages):
            held = tf.identity(weight)
            weight.assign(average)
            average.assign(held)
        tf_variable(self._in_use).assign(float(use))

    def apply_gradients(self, grads_and_vars, **options):
        """Takes a step by gradients that are the same on all replicas; returns the number of steps."""
        gradients, variables = zip(*grads_and_vars)
        self.build(list(variables))
        norm = tf.linalg.global_norm(gradients)
        self.step(gradients, norm, tf.math.is_finite(norm))
        return self.iterations

    def step(self, gradients, norm, wanted):
        """Takes one step (Kingma and Ba, 2015, Algorithm 1, in the order of §2).

        Args:
          gradients: of the trained variables, in order.
          norm: their global norm.
          wanted: bool scalar; False: nothing changes.
        """
        if self.gradient_clip:
            scale = self.gradient_clip / tf.maximum(norm, self.gradient_clip)
            gradients = [gradient * scale for gradient in gradients]

        def unless_skipped(value, neutral):
            return tf.where(wanted, value, tf.constant(neutral, tf.float32))

        iterations = own_copy(tf_variable(self.iterations))
        rate, step = self.schedule(iterations), tf.cast(iterations + 1, tf.float32)
        beta_1, beta_2 = (tf.constant(beta, tf.float32) for beta in self.betas)
        corrected = rate * tf.sqrt(1.0 - tf.pow(beta_2, step)) / (1.0 - tf.pow(beta_1, step))
        corrected = unless_skipped(corrected, 0.0)
        shrinkage = unless_skipped(self.decoupled_decay * rate, 0.0)
        done = tf.cast(iterations, tf.float32)
        decay = tf.minimum(tf.constant(self.average_decay, tf.float32), (1.0 + done) / (10.0 + done))
        decay, beta_1, beta_2 = (unless_skipped(each, 1.0) for each in (decay, beta_1, beta_2))
        epsilon = _ADAMW_EPSILON if self.decoupled_decay else _ADAM_EPSILON
        state = zip(gradients, self.weights_to_train, self.first_moments, self.second_moments, self.averages)
        for gradient, *variables in state:
            weight, first, second, average = map(own_copy, variables)
            gradient = tf.where(wanted, gradient, tf.zeros_like(gradient))
            if self.decoupled_decay:
                weight.assign_sub(shrinkage * weight)
            first.assign_add((gradient - first) * (1.0 - beta_1))
            second.assign_add((tf.square(gradient) - second) * (1.0 - beta_2))
            weight.assign_sub(first * corrected / (tf.sqrt(second) + epsilon))
            average.assign_sub((average - weight) * (1.0 - decay))
        iterations.assign_add(tf.cast(wanted, iterations.dtype))

    def get_config(self):
        """Returns the arguments of the constructor."""
        return {
            "name": self.name,
            "learning_rate": keras.saving.serialize_keras_object(self.schedule),
            "beta_1": self.betas[0],
            "beta_2": self.betas[1],
            "weight_decay": self.decoupled_decay,
            "gradient_clip": self.gradient_clip,
            "average_decay": self.average_decay,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Returns an optimizer of such a config."""
        return cls(**{**config, "learning_rate": keras.saving.deserialize_keras_object(config["learning_rate"])})


def config_optimizer(config) -> AveragedAdam:
    """Returns the optimizer of a config's section `optimizer`."""
    learning_rate = LearningRate(
        config.learning_rate,
        config.learning_rate_ramp,
        config.learning_rate_decay,
        config.learning_rate_end,
        config.learning_rate_shape,
    )
    return AveragedAdam(
        learning_rate,
        config.beta_1,
        config.beta_2,
        config.weight_decay,
        config.gradient_clip,
        config.ema_decay,
    )


def own_copy(variable):
    """Returns this replica's copy of a variable that every replica has one of; on TPUs the variable itself stands for it."""
    strategy = tf.distribute.get_strategy()
    if isinstance(strategy, tf.distribute.TPUStrategy) or not isinstance(variable, tf.distribute.DistributedValues):
        return variable
    copies = strategy.experimental_local_results(variable)
    return copies[tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group) % len(copies)]
