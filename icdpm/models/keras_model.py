"""The Keras protocol of a restoration model: build, compile, fit, evaluate, predict, save and load."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import ml_collections
import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.models.batches import LARGEST_BATCH, as_images, image_size, prepare_batch, prepare_blurry
from icdpm.models.config import check_config
from icdpm.models.epoch_means import EpochMeans
from icdpm.models.optimizer import AveragedAdam, config_optimizer, fixed_rate_error
from icdpm.models.sampling import sample_in_graph
from icdpm.models.sampling_presets import Preset
from icdpm.models.training_step import loss_logs, mean_psnr, replica_means, take_step, total_loss, validation_losses
from icdpm.networks.layers import initial_weights
from icdpm.networks.operations import reflect_pad_to_multiple

# Losses of `evaluate` are weighted as at the end of training, when all ramps are over.
_LAST_STEP = 2**62
_CALLBACKS_POSITION = 5  # fit(x, y, batch_size, epochs, verbose, callbacks)
_UNUSED_COMPILE_ARGUMENTS = ("loss", "loss_weights", "metrics", "weighted_metrics")


class PairModel(keras.Model):
    """Keras model that is trained on pairs (blurry, sharp) and whose call restores blurry images.

    It is the Keras side of `icdpm.models.image_restorer.ImageRestorer`, whose other methods it calls.

    Moving averages: `compile()` without an optimizer uses the config's own, `AveragedAdam`, which keeps an exponential moving
    average of the weights. `evaluate` (also within `fit`), `predict`, `restore`, `save` and `save_weights` use the averages in
    place of the weights, and so do `test_on_batch` and `predict_on_batch`. After `fit` the model holds the averages. A further
    `fit` or `train_on_batch` continues from the trained weights, which the optimizer keeps and saves. Other optimizers have no
    such averages.

    `set_weights` and `load_weights` of the model also set the weights from which training continues. Those of a single layer,
    such as `model.unet.set_weights`, do not: call `compile()` after them.

    Args:
      config: a ConfigDict, or the nested dict of `get_config`.
      measured_presets: {name: Preset} that were measured for this model; they replace those of its class.
      name: name of the Keras model.

    Attributes:
      distribute_reduction_method: 'first': the step's results are already reduced over the replicas.
      condition_maps: after `build`, for each tensor of the condition: (s, channels, dtype) of a map of 1/s of the image's size;
        None for a tensor that is no map.
      compiled_encode_condition, compiled_denoise: after `build`, `encode_condition` and `denoise` as graphs for images of any
        number and size.
    """

    distribute_reduction_method = "first"
    built: bool
    condition_maps: tuple
    compiled_encode_condition: Any
    compiled_denoise: Any

    def __init__(
        self,
        config: ml_collections.ConfigDict | Mapping,
        measured_presets: Mapping[str, Preset] | None = None,
        name: str | None = None,
    ) -> None:
        config = check_config(config)
        super().__init__(name=name, dtype=config.precision, autocast=False)
        self.config = config
        self.measured_presets = measured_presets or {}
        self._epoch_means = EpochMeans(self.loss_names)
        self._fitting = False

    def build(self, input_shape: Any = None) -> None:
        """Builds the weights, which follow from the config's seed, and the graphs of one evaluation.

        The graphs accept any number and size of images. Graphs for one size would round differently, so that the result for an
        image would depend on the images before it.
        """
        if self.built:
            return
        self._process = os.getpid()
        blank = tf.zeros([1, self.size_multiple, self.size_multiple, 3])
        with initial_weights(self.config.seed):
            self.build_networks(blank)
            condition = self.encode_condition(blank)
        self.condition_maps = tuple(
            (self.size_multiple // x.shape[1], x.shape[-1], x.dtype) if x.shape.rank == 4 else None
            for x in tf.nest.flatten(condition)
        )
        images = images_spec(3)
        specs = [images, images, tf.TensorSpec([None]), tf.nest.map_structure(_condition_spec, condition)]
        self.compiled_encode_condition = tf.function(self.encode_condition, input_signature=[images], autograph=False)
        self.compiled_denoise = tf.function(self.denoise, input_signature=specs, autograph=False)
        # Schedules for `call` and `test_step`; they cannot be computed within graphs.
        self._schedule = self.sampling_schedule(self.settings())
        self._one_evaluation_schedule = self.sampling_schedule(self.one_evaluation_settings())
        self.built = True

    @tf.autograph.experimental.do_not_convert
    def call(self, blurry: Any, training: bool | None = None) -> tf.Tensor:
        """Restores images with the config's sampling settings; the noise follows from the config's seed.

        Args:
          blurry: float [batch, height, width, 3] in [−1, 1], or uint8, of any size. The result for an image does not depend on
            the rest of the batch.
          training: ignored; `train_step` does not call the model.

        Returns:
          float32 [batch, height, width, 3] in [−1, 1].
        """
        return self._restored(as_images(blurry), self._schedule)

    def _restored(self, blurry, schedule, condition=None):
        padded = reflect_pad_to_multiple(blurry, self.size_multiple)
        condition = self.compiled_encode_condition(padded) if condition is None else condition
        seed = example_seeds([self.config.seed, RandomDomain.RESTORATION], tf.zeros([1], tf.int64))
        seeds = tf.repeat(seed, tf.shape(blurry)[0], axis=0)
        restored = sample_in_graph(self, padded, condition, schedule, seeds)
        return tf.ensure_shape(restored[:, : tf.shape(blurry)[1], : tf.shape(blurry)[2]], blurry.shape)

    def compile(self, optimizer: Any = None, jit_compile: bool = False, **options: Any) -> None:
        """Configures the model for training.

        Args:
          optimizer: any Keras optimizer or its name, or one of tensorflow-addons; None: the config's own, with its
            learning-rate schedule, gradient clipping and EMA. Files of `save` do not hold the state of Keras 2's legacy
            optimizers, to which those of tensorflow-addons belong.
          jit_compile: whether XLA compiles the step; on CPUs this is slower.
          **options: further arguments of `keras.Model.compile`, such as steps_per_execution.

        Raises:
          IcdpmError: a loss or metric is given, or the optimizer belongs to another model.
        """
        for name in _UNUSED_COMPILE_ARGUMENTS:
            if options.get(name) is not None:
                raise IcdpmError(
                    f"The model computes its own losses ({', '.join(self.loss_names)}) and the PSNR. Received: {name}="
                    f"{options[name]!r}, which would have no effect. Call compile() without it."
                )
        optimizer = config_optimizer(self.config.optimizer) if optimizer is None else optimizer
        self.build()
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **options)
        # Python values for `get_compile_config`; Keras 2 holds the second in a variable.
        self._uses_jit, self._steps_at_once = jit_compile, options.get("steps_per_execution") or 1
        if hasattr(self.optimizer, "build"):
            self.optimizer.build(self.trainable_variables)

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Takes one training step (`icdpm.models.training_step.take_step`).

        Args:
          data: (blurry, sharp), or {'blurry', 'sharp'} with optional 'index' (int64 [batch]: numbers of the examples, from
            which their random numbers follow) and, if the model needs it, 'target'. Without 'index' the step numbers the
            examples.

        Returns:
          {name: mean over the epoch so far}: 'loss' and each loss as NAME_loss.
        """
        first = tf.cast(self.optimizer.iterations, tf.int64) * LARGEST_BATCH
        batch, examples, share = prepare_batch(data, first, self.size_multiple, self.needs_target)
        return self._epoch_means.update(take_step(self, batch, share), examples)

    @tf.autograph.experimental.do_not_convert
    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Computes the losses of pairs, and the PSNR in dB of a restoration with one evaluation of the network.

        On one device, the random numbers of an example follow from its position in the data, so that the means do not depend on
        the batch size. The losses count the pixels with which `prepare_batch` pads the images, as in training; the PSNR does
        not.
        """
        first = self._epoch_means.count_examples()
        batch, examples, share = prepare_batch(data, first, self.size_multiple, self.needs_target)
        losses = validation_losses(self, batch)
        loss = total_loss(losses, self.loss_weights(tf.constant(_LAST_STEP, tf.int64)))
        restored = self._restored(batch["blurry"], self._one_evaluation_schedule, self.encode_pair_condition(batch))
        height, width = image_size(data)
        psnr = mean_psnr(restored[:, :height, :width], batch["sharp"][:, :height, :width])
        means = replica_means({"loss": loss, **loss_logs(losses), "psnr": psnr}, share)
        return self._epoch_means.update(means, examples)

    @tf.autograph.experimental.do_not_convert
    def predict_step(self, data: Any) -> tf.Tensor:
        """Restores the blurry images of a batch: images, (blurry, …) or {'blurry', …}."""
        blurry, count = prepare_blurry(data, self.size_multiple)
        return self(blurry)[:count]

    @property
    def metrics(self) -> list:
        """The trackers of the losses and of the PSNR."""
        return self._epoch_means.metrics

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Trains on pairs; arguments and result as in `keras.Model.fit`.

        Raises:
          IcdpmError: a callback changes the learning rate, which the config's own optimizer takes from the config.
        """
        self.check_process()
        averaging = self._averaging_optimizer()
        callbacks = args[_CALLBACKS_POSITION] if len(args) > _CALLBACKS_POSITION else kwargs.get("callbacks")
        _check_callbacks(callbacks, rate_is_fixed=averaging is not None)
        if averaging:
            averaging.begin()
        self._fitting = True
        try:
            return super().fit(*args, **kwargs)
        finally:
            self._fitting = False
            if averaging:
                averaging.use_averages(True)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Trains on one batch; arguments and result as in `keras.Model.train_on_batch`."""
        averaging = self._averaging_optimizer()
        if averaging:
            averaging.begin()
        return super().train_on_batch(*args, **kwargs)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Measures losses and PSNR on pairs with the averages; arguments and result as in `keras.Model.evaluate`."""
        with self.averages():
            return super().evaluate(*args, **kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Restores blurry images with the averages; arguments and result as in `keras.Model.predict`."""
        self.build()
        with self.averages():
            return super().predict(*args, **kwargs)

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Measures one batch with the averages; arguments and result as in `keras.Model.test_on_batch`."""
        with self.averages():
            return super().test_on_batch(*args, **kwargs)

    def predict_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Restores one batch with the averages; arguments and result as in `keras.Model.predict_on_batch`."""
        self.build()
        with self.averages():
            return super().predict_on_batch(*args, **kwargs)

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        """Saves the model with its averages; arguments as in `keras.Model.save`.

        Raises:
          IcdpmError: the name of the file does not end in .keras.
        """
        if not os.fspath(filepath).endswith(".keras"):
            raise IcdpmError(
                f"Models are saved to files whose names end in .keras. Received: {os.fspath(filepath)!r}. For a SavedModel, "
                "use icdpm-export."
            )
        with self.averages():
            return super().save(filepath, *args, **kwargs)

    def get_weights(self) -> list:
        """Returns the averages, as `keras.Model.get_weights` returns weights; EarlyStopping restores what was measured."""
        with self.averages():
            return super().get_weights()

    def set_weights(self, weights: Any) -> None:
        """Sets the weights, as `keras.Model.set_weights` does. The averages restart from them."""
        super().set_weights(weights)
        averaging = self._averaging_optimizer()
        if averaging:
            averaging.restart_averages()

    def save_weights(self, *args: Any, **kwargs: Any) -> Any:
        """Saves the averages; arguments as in `keras.Model.save_weights`."""
        with self.averages():
            return super().save_weights(*args, **kwargs)

    def load_weights(self, *args: Any, **kwargs: Any) -> Any:
        """Loads weights; arguments as in `keras.Model.load_weights`. Unless the file holds averages, they restart."""
        averaging = self._averaging_optimizer()
        with averaging.loading(training=self._fitting) if averaging else contextlib.nullcontext():
            return super().load_weights(*args, **kwargs)

    @contextlib.contextmanager
    def averages(self) -> Iterator[None]:
        """Replaces the weights by the EMA weights, if the optimizer keeps them, within a `with` block.

        Raises:
          IcdpmError: the process was forked after the model was built.
        """
        self.check_process()
        averaging = self._averaging_optimizer()
        if averaging is None or averaging.averages_in_use or not averaging.has_averages:
            yield
            return
        averaging.use_averages(True)
        try:
            yield
        finally:
            averaging.use_averages(False)

    def _averaging_optimizer(self) -> AveragedAdam | None:
        optimizer = getattr(self, "optimizer", None)
        return optimizer if isinstance(optimizer, AveragedAdam) else None

    def get_config(self) -> dict[str, Any]:
        """Returns the config and the measured presets as nested dicts that JSON can hold."""
        presets = {name: dataclasses.asdict(preset) for name, preset in self.measured_presets.items()}
        return {"name": self.name, "config": self.config.to_dict(), "measured_presets": presets}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> PairModel:
        """Builds a model from the result of `get_config`, with new weights."""
        presets = {name: Preset(**preset) for name, preset in config.get("measured_presets", {}).items()}
        model = cls(config["config"], measured_presets=presets, name=config.get("name"))
        model.build()
        return model

    def get_build_config(self) -> dict[str, Any]:
        """Returns the argument of `build_from_config`: nothing, since a model is always built in the same way."""
        return {}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds the model."""
        self.build()

    def get_compile_config(self) -> dict[str, Any] | None:
        """Returns the arguments of `compile` as a nested dict that JSON can hold; None if the model is not compiled."""
        optimizer = getattr(self, "optimizer", None)
        if not optimizer:
            return None
        return {
            "optimizer": keras.saving.serialize_keras_object(optimizer),
            "jit_compile": self._uses_jit,
            "steps_per_execution": self._steps_at_once,
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model with the arguments of `get_compile_config`."""
        options = {name: config[name] for name in ("jit_compile", "steps_per_execution") if name in config}
        self.compile(optimizer=keras.saving.deserialize_keras_object(config["optimizer"]), **options)

    def check_process(self) -> None:
        """Raises IcdpmError in a process that was forked after the model was built, where TensorFlow would deadlock."""
        if self.built and self._process != os.getpid():
            raise IcdpmError(
                f"The model was built in process {self._process} and cannot compute in its fork {os.getpid()}. Load the model "
                "in the child process, or start processes with multiprocessing's 'spawn' method."
            )


def _check_callbacks(callbacks: Any, rate_is_fixed: bool) -> None:
    """Checks callbacks of `fit`, one or several, for settings that are not what a user means.

    Args:
      callbacks: a callback, several, or a `keras.callbacks.CallbackList`.
      rate_is_fixed: whether the optimizer is the config's own.

    Raises:
      IcdpmError: a callback would change a learning rate that is fixed.
    """
    callbacks = getattr(callbacks, "callbacks", callbacks)
    for callback in callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]:
        name = type(callback).__name__
        changes_rate = isinstance(callback, (keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau))
        if rate_is_fixed and changes_rate:
            raise fixed_rate_error(name)
        if _prefers_low_psnr(callback):
            message = f'{name} takes the smallest {callback.monitor} for the best. Pass mode="max" to it.'
            warnings.warn(message, stacklevel=3)


def _prefers_low_psnr(callback: Any) -> bool:
    """Returns whether a callback keeps the epoch of the smallest PSNR, as Keras 2 does by default."""
    if not isinstance(callback, (keras.callbacks.EarlyStopping, keras.callbacks.ModelCheckpoint)):
        return False
    selects = getattr(callback, "save_best_only", True)
    return selects and callback.monitor in ("psnr", "val_psnr") and callback.monitor_op is np.less


def images_spec(channels: int, dtype: tf.DType = tf.float32) -> tf.TensorSpec:
    """Returns the TensorSpec of images or maps of any number and size."""
    return tf.TensorSpec([None, None, None, channels], dtype)


def _condition_spec(condition: tf.Tensor) -> tf.TensorSpec:
    """Returns the TensorSpec of a part of the condition, for images of any number and size."""
    if condition.shape.rank == 4:
        return images_spec(condition.shape[-1], condition.dtype)
    return tf.TensorSpec([None, *condition.shape[1:]], condition.dtype)
