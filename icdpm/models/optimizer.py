"""The optimizer of a config: Adam with weight decay, gradient clipping and an EMA of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import ml_collections
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.keras import keras, optimizer_arguments, tf_variable
from icdpm.models.schedules import LearningRate

_NOT_LOADED = -1.0
_ADAM_EPSILON, _ADAMW_EPSILON = 1e-7, 1e-8  # assumed: the defaults of Keras' Adam and of PyTorch's AdamW


@keras.saving.register_keras_serializable(package="icdpm")
class AveragedAdam(keras.optimizers.Optimizer):
    """Adam or AdamW with gradient clipping and an exponential moving average (EMA) of the weights.

    A step is plain arithmetic on `tf.Variable`s, which XLA compiles together with the gradients. Every replica updates its own
    copies, so gradients must be equal on all replicas. The results are bit-identical to those of Keras 2's Adam on the same
    device type and TensorFlow version (tested on CPU). A step whose gradient is not finite changes nothing.

    The decay of the EMA is min(average_decay, (1 + step)/(10 + step)), so that the initial weights are forgotten early.

    While `averages_in_use` is true, the model's weights hold the EMA, and `averages` holds the trained weights from which
    training continues. `use_averages` exchanges them.

    Args:
      learning_rate: a schedule: step → rate; or a number, for a constant rate.
      beta_1: decay rate of the first moment, the mean of the gradient.
      beta_2: decay rate of the second moment, the mean of the squared gradient.
      weight_decay: decoupled weight decay (Loshchilov and Hutter, 2019), multiplied by the learning rate as in PyTorch; 0:
        Adam.
      gradient_clip: largest global norm of the gradient; 0: no clipping.
      average_decay: largest decay of the EMA.
      name: name of the optimizer.

    Attributes:
      first_moments, second_moments, averages: a `tf.Variable` for each trained variable, in order.
    """

    def __init__(
        self,
        learning_rate: Callable[[tf.Tensor], tf.Tensor] | float,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        weight_decay: float = 0.0,
        gradient_clip: float = 0.0,
        average_decay: float = 0.9999,
        name: str = "averaged_adam",
    ) -> None:
        if not callable(learning_rate):
            learning_rate = LearningRate(float(learning_rate), ramp_steps=0)
        super().__init__(name=name, **optimizer_arguments(learning_rate))
        self.schedule = learning_rate
        self.betas = (beta_1, beta_2)
        self.decoupled_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.average_decay = average_decay
        self.weights_to_train: Any = None  # a list of `tf.Variable`s after `build`

    @property
    def learning_rate(self) -> tf.Tensor:
        """The learning rate of the next step, a float32 scalar."""
        return self.schedule(self.iterations)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        """Raises IcdpmError; callbacks and other code that set the learning rate end here."""
        raise fixed_rate_error("Code that sets `learning_rate`")

    def build(self, variables: Sequence) -> None:
        """Creates all state variables, so that a checkpoint can be restored before the first step.

        Raises:
          IcdpmError: the optimizer was built for other variables.
        """
        if self.weights_to_train is not None:
            known = {id(copy) for each in self.weights_to_train for copy in _with_copies(each)}
            if any(id(tf_variable(each)) not in known for each in variables):
                raise IcdpmError(
                    "The optimizer belongs to another model, or was compiled before layers were unfrozen. Give each model its "
                    "own, as compile() without an optimizer does."
                )
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
        """True while the model's weights hold the EMA."""
        return bool(tf_variable(self._in_use).numpy() == 1.0)

    @property
    def has_averages(self) -> bool:
        """True after the first step, when EMA and trained weights differ."""
        return self.weights_to_train is not None and int(tf_variable(self.iterations).numpy()) > 0

    def begin(self) -> None:
        """Prepares for training: restores the trained weights, or starts the EMA before the first step."""
        if self.has_averages:
            self.use_averages(False)
        else:
            self.restart_averages()

    def restart_averages(self) -> None:
        """Sets the EMA to the model's weights, if there is one."""
        if self.weights_to_train is None:
            return
        for average, weight in zip(self.averages, self.weights_to_train):
            average.assign(weight)
        tf_variable(self._in_use).assign(0.0)

    @contextlib.contextmanager
    def loading(self, training: bool) -> Iterator[None]:
        """Context manager for loading weights, after which weights and EMA are consistent.

        If the file has no state of the optimizer, the EMA restarts from the weights.

        Args:
          training: whether training continues, so that the model must hold the trained weights instead of the EMA.
        """
        if self.weights_to_train is None:
            yield
            return
        in_use = tf_variable(self._in_use)
        before = in_use.numpy()
        in_use.assign(_NOT_LOADED)
        try:
            yield
        except BaseException:
            in_use.assign(before)
            raise
        if in_use.numpy() == _NOT_LOADED:
            self.restart_averages()
        elif training:
            self.use_averages(False)

    def use_averages(self, use: bool) -> None:
        """Makes the model's weights hold the EMA or the trained weights; must be called between steps.

        Args:
          use: True for the EMA, False for the trained weights.
        """
        if self.averages_in_use == use:
            return
        for weight, average in zip(self.weights_to_train, self.averages):
            held = tf.identity(weight)
            weight.assign(average)
            average.assign(held)
        tf_variable(self._in_use).assign(float(use))

    def apply_gradients(self, grads_and_vars: Iterable, **options: Any) -> Any:
        """Takes a step with gradients that are equal on all replicas; returns the number of steps."""
        gradients, variables = zip(*grads_and_vars)
        self.build(list(variables))
        norm = tf.linalg.global_norm(gradients)
        self.step(gradients, norm, tf.math.is_finite(norm))
        return self.iterations

    def step(self, gradients: Sequence[tf.Tensor], norm: tf.Tensor, is_valid: tf.Tensor) -> None:
        """Takes one step (Kingma and Ba, 2015, Algorithm 1, in the order of §2).

        Args:
          gradients: gradients of the trained variables, in order.
          norm: their global norm.
          is_valid: bool scalar; False: the step changes nothing.

        Raises:
          IcdpmError: layers were frozen or unfrozen after the optimizer was built.
        """
        if len(gradients) != len(self.weights_to_train):
            raise IcdpmError(
                f"The number of trained variables was {len(self.weights_to_train)} in compile() and is {len(gradients)} now. "
                "Call compile() after layers are frozen or unfrozen."
            )

        def unless_skipped(value, neutral):
            return tf.where(is_valid, value, tf.constant(neutral, tf.float32))

        iterations = replica_copy(tf_variable(self.iterations))
        rate, step = self.schedule(iterations), tf.cast(iterations + 1, tf.float32)
        beta_1, beta_2 = (tf.constant(beta, tf.float32) for beta in self.betas)
        # α_t = α·√(1 − β₂^t)/(1 − β₁^t)
        corrected_rate = rate * tf.sqrt(1.0 - tf.pow(beta_2, step)) / (1.0 - tf.pow(beta_1, step))
        corrected_rate = unless_skipped(corrected_rate, 0.0)
        weight_decay = unless_skipped(self.decoupled_decay * rate, 0.0)
        clip_factor = self.gradient_clip / tf.maximum(norm, self.gradient_clip) if self.gradient_clip else 1.0
        clip_factor = unless_skipped(clip_factor, 0.0)
        done = tf.cast(iterations, tf.float32)
        average_decay = tf.minimum(tf.constant(self.average_decay, tf.float32), (1.0 + done) / (10.0 + done))
        average_decay, beta_1, beta_2 = (unless_skipped(each, 1.0) for each in (average_decay, beta_1, beta_2))
        epsilon = tf.constant(_ADAMW_EPSILON if self.decoupled_decay else _ADAM_EPSILON)
        average_rate, zero = 1.0 - average_decay, tf.constant(0.0)
        state = zip(gradients, self.weights_to_train, self.first_moments, self.second_moments, self.averages)
        for gradient, *variables in state:
            weight, first, second, average = map(replica_copy, variables)
            gradient = tf.math.multiply_no_nan(gradient, clip_factor)  # 0 also for NaN and infinity if the step is skipped
            if self.decoupled_decay:
                weight.assign_sub(weight_decay * weight)
            # Fused operations: a network has hundreds of small variables, for which the number of operations counts. The rate
            # is bias-corrected already, which powers of 0 express.
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=zero,
                beta2_power=zero,
                lr=corrected_rate,
                beta1=beta_1,
                beta2=beta_2,
                epsilon=epsilon,
                grad=gradient,
            )
            # average ← average − (1 − decay)·(average − weight)
            tf.raw_ops.ResourceApplyGradientDescent(var=average.handle, alpha=average_rate, delta=average - weight)
        iterations.assign_add(tf.cast(is_valid, iterations.dtype))

    def get_config(self) -> dict[str, Any]:
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
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> AveragedAdam:
        """Returns an optimizer from the result of `get_config`."""
        return cls(**{**config, "learning_rate": keras.saving.deserialize_keras_object(config["learning_rate"])})


def fixed_rate_error(what: str) -> IcdpmError:
    """Returns the error for something, named by `what`, that would change the learning rate of `AveragedAdam`."""
    return IcdpmError(
        f"{what} cannot change the learning rate of the config's own optimizer. Set its schedule in the config "
        "(optimizer.learning_rate, optimizer.learning_rate_decay), or call compile(optimizer='adam')."
    )


def config_optimizer(config: ml_collections.ConfigDict) -> AveragedAdam:
    """Returns the optimizer for the section `optimizer` of a config."""
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


def _with_copies(variable: tf.Variable) -> tuple[tf.Variable, ...]:
    """Returns a variable and, if it is mirrored, the copies of the replicas."""
    return (variable, *variable.values) if isinstance(variable, tf.distribute.DistributedValues) else (variable,)


def replica_copy(variable: tf.Variable) -> tf.Variable:
    """Returns this replica's copy of a mirrored variable; on TPUs the variable itself represents it."""
    strategy = tf.distribute.get_strategy()
    if isinstance(strategy, tf.distribute.TPUStrategy) or not isinstance(variable, tf.distribute.DistributedValues):
        return variable
    copies = strategy.experimental_local_results(variable)
    return copies[tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group) % len(copies)]
