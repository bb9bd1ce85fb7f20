"""Keras' protocol of a restoration model: build, compile, fit, evaluate, predict, save and load."""

from __future__ import annotations

import contextlib
import os

import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.models import keras_data
from icdpm.models.config import check_config
from icdpm.models.optimizer import AveragedAdam, config_optimizer
from icdpm.models.sampling import sample_in_graph
from icdpm.models.settings import Preset
from icdpm.models.training_step import take_step, validation_losses
from icdpm.networks.layers import initial_weights
from icdpm.networks.resampling import reflect_pad_to_multiple


class PairModel(keras.Model):
    """Keras model that is trained on pairs (blurry, sharp) and whose call restores blurry images.

    It is the Keras side of `icdpm.models.image_restorer.ImageRestorer`, whose other methods it uses.

    Moving averages: `compile()` without an optimizer takes the config's own (`AveragedAdam`), which keeps an exponential moving
    average of the weights. `evaluate` (also within `fit`), `predict`, `save` and `save_weights` use the averages in place of
    the weights, and after `fit` the model holds them. `fit` continues from the weights that it had reached, which the optimizer
    keeps and saves. With any other optimizer the weights are what the optimizer makes of them.

    Args:
      config: a ConfigDict, or the nested dict of `get_config`.
      measured_presets: {name: Preset} that were measured for this very model; they replace those of its kind.
      name: of the Keras model.

    Attributes:
      distribute_reduction_method: of the step's results, which are already reduced over the replicas.
    """

    distribute_reduction_method = "first"

    def __init__(self, config, measured_presets=None, name=None):
        config = check_config(config)
        super().__init__(name=name, dtype=config.precision, autocast=False)
        self.config = config
        self.measured_presets = measured_presets or {}
        self._logs = keras_data.LossTrackers(self.loss_names)
        self._fitting = False

    def build(self, input_shape=None):
        """Builds the weights, which follow from the config's seed, and the graphs of one evaluation.

        Each graph serves images of any number and size: graphs for one size would round differently, and the result for an
        image would depend on those before it.
        """
        if self.built:
            return
        self._process = os.getpid()
        blank = tf.zeros([1, self.size_multiple, self.size_multiple, 3])
        with initial_weights(self.config.seed):
            self.build_networks(blank)
            conditions = self.encode_condition(blank)
        # None in place of a condition that is no map.
        self.condition_maps = tuple(
            (self.size_multiple // x.shape[1], x.shape[-1], x.dtype) if x.shape.rank == 4 else None
            for x in tf.nest.flatten(conditions)
        )
        images = images_of(3)
        specs = [images, images, tf.TensorSpec([None]), tf.nest.map_structure(_any_number_of, conditions)]
        self.compiled_encode_condition = tf.function(self.encode_condition, input_signature=[images], autograph=False)
        self.compiled_denoise = tf.function(self.denoise, input_signature=specs, autograph=False)
        # Of `call` and `test_step`; plans cannot be made within graphs.
        self._plan, self._one_evaluation = map(self.sampling_schedule, (self.settings(), self.one_evaluation_settings()))
        self.built = True

    @tf.autograph.experimental.do_not_convert
    def call(self, blurry, training=None):
        """Restores images by the config's sampling settings, with noise that follows from the config's seed.

        Args:
          blurry: float [batch, height, width, 3] in [−1, 1], or uint8, of any size. What becomes of an image does not depend on
            the rest of the batch.
          training: ignored; `train_step` does not call the model.

        Returns:
          float32 [batch, height, width, 3] in [−1, 1].
        """
        return self._restored(keras_data.to_values(blurry), self._plan)

    def _restored(self, blurry, plan, conditions=None):
        padded = reflect_pad_to_multiple(blurry, self.size_multiple)
        conditions = self.compiled_encode_condition(padded) if conditions is None else conditions
        seed = example_seeds([self.config.seed, RandomDomain.RESTORATION], tf.zeros([1], tf.int64))
        seeds = tf.repeat(seed, tf.shape(blurry)[0], axis=0)
        restored = sample_in_graph(self, padded, conditions, plan, seeds)
        return tf.ensure_shape(restored[:, : tf.shape(blurry)[1], : tf.shape(blurry)[2]], blurry.shape)

    def compile(self, optimizer=None, jit_compile=False, **options):
        """Configures the model for training.

        Args:
          optimizer: any Keras optimizer or its name, or one of tensorflow-addons; None: the config's own, with its ramp, Adam,
            clipping and moving average.
          jit_compile: whether XLA compiles the step; on CPUs that is slower.
          **options: of `keras.Model.compile`, such as steps_per_execution; a loss is not needed.
        """
        optimizer = config_optimizer(self.config.optimizer) if optimizer is None else optimizer
        super().compile(optimizer=optimizer, jit_compile=jit_compile, **options)
        if self.built and hasattr(self.optimizer, "build"):
            self.optimizer.build(self.trainable_variables)

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data):
        """Takes one step of training (`icdpm.models.training_step.take_step`).

        Args:
          data: (blurry, sharp), or {'blurry', 'sharp'} with 'index' (int64 [batch]: numbers of the examples, from which their
            random numbers follow) and 'target' where there are. Without 'index' the step numbers the examples.

        Returns:
          {name: mean over the epoch so far}: 'loss' and each loss as NAME_loss.
        """
        batch = keras_data.numbered(keras_data.as_batch(data, self.size_multiple, self.needs_target), self.optimizer.iterations)
        return self._logs.update(take_step(self, batch))

    @tf.autograph.experimental.do_not_convert
    def test_step(self, data):
        """Computes the losses of pairs, as `train_step` does, and the PSNR in dB of a restoration by one evaluation."""
        batch = keras_data.numbered(keras_data.as_batch(data, self.size_multiple, self.needs_target), 0)
        losses = validation_losses(self, batch)
        weights = self.loss_weights(tf.constant(2**62, tf.int64))
        total = tf.add_n([loss * weights.get(name[: -len("_loss")], 1.0) for name, loss in losses.items()])
        restored = self._restored(batch["blurry"], self._one_evaluation, self.encode_pair_condition(batch))
        psnr = keras_data.mean_psnr(restored, batch["sharp"])
        return self._logs.update(keras_data.replica_means({"loss": total, **losses, "psnr": psnr}))

    @tf.autograph.experimental.do_not_convert
    def predict_step(self, data):
        """Restores the blurry images of a batch: images, (blurry, …) or {'blurry', …}."""
        return self(keras_data.blurry_of(data))

    @property
    def metrics(self):
        """The trackers of the losses and of the PSNR."""
        return self._logs.metrics

    def fit(self, *args, **kwargs):
        """Trains on pairs; arguments and result as of `keras.Model.fit`."""
        self.check_process()
        averaged = self._averaging_optimizer()
        if averaged:
            averaged.begin()
        self._fitting = True
        try:
            return super().fit(*args, **kwargs)
        finally:
            self._fitting = False
            if averaged:
                averaged.use_averages(True)

    def evaluate(self, *args, **kwargs):
        """Measures losses and PSNR on pairs, with the averages; arguments and result as of `keras.Model.evaluate`."""
        self.check_process()
        with self.averages():
            return super().evaluate(*args, **kwargs)

    def predict(self, *args, **kwargs):
        """Restores blurry images, with the averages; arguments and result as of `keras.Model.predict`."""
        self.check_process()
        with self.averages():
            return super().predict(*args, **kwargs)

    def save(self, *args, **kwargs):
        """Saves the model with its averages; arguments as of `keras.Model.save`."""
        with self.averages():
            return super().save(*args, **kwargs)

    def save_weights(self, *args, **kwargs):
        """Saves the weights with the averages; arguments as of `keras.Model.save_weights`."""
        with self.averages():
            return super().save_weights(*args, **kwargs)

    def load_weights(self, *args, **kwargs):
        """Loads weights; arguments as of `keras.Model.load_weights`. Averages start anew unless the file holds them."""
        averaged = self._averaging_optimizer()
        if averaged:
            averaged.expect_state()
        result = super().load_weights(*args, **kwargs)
        if averaged:
            averaged.check_state(training=self._fitting)
        return result

    @contextlib.contextmanager
    def averages(self):
        """Puts the moving averages, if the optimizer keeps any, in place of the weights for the time of a `with` block."""
        averaged = self._averaging_optimizer()
        exchange = averaged is not None and not averaged.averages_in_use and averaged.has_averages
        if exchange:
            averaged.use_averages(True)
        try:
            yield
        finally:
            if exchange:
                averaged.use_averages(False)

    def _averaging_optimizer(self):
        optimizer = getattr(self, "optimizer", None)
        return optimizer if isinstance(optimizer, AveragedAdam) else None

    def get_config(self):
        """Returns the config and the presets as nested dicts that JSON can hold."""
        presets = {name: preset.get_config() for name, preset in self.measured_presets.items()}
        return {"name": self.name, "config": self.config.to_dict(), "measured_presets": presets}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the model of a dict of `get_config`, with new weights."""
        presets = {name: Preset(**preset) for name, preset in config.get("measured_presets", {}).items()}
        model = cls(config["config"], measured_presets=presets, name=config.get("name"))
        model.build()
        return model

    def get_build_config(self):
        """Returns the config for `build_from_config`: nothing, as a model has one way of being built."""
        return {}

    def build_from_config(self, config):
        """Builds the model."""
        self.build()

    def get_compile_config(self):
        """Returns the optimizer as a nested dict; None: the model is not compiled."""
        optimizer = getattr(self, "optimizer", None)
        return {"optimizer": keras.saving.serialize_keras_object(optimizer)} if optimizer else None

    def compile_from_config(self, config):
        """Compiles the model with the optimizer of a dict of `get_compile_config`."""
        self.compile(optimizer=keras.saving.deserialize_keras_object(config["optimizer"]))

    def check_process(self):
        """Raises IcdpmError in a process that was forked after the model was built, where TensorFlow would wait for ever."""
        if self.built and self._process != os.getpid():
            raise IcdpmError(
                f"this model was built in process {self._process} and is used in its fork {os.getpid()}, where TensorFlow "
                "cannot compute: load the model in the child process, or start processes by multiprocessing's 'spawn' method"
            )


def images_of(channels, dtype=tf.float32):
    """Returns the TensorSpec of a batch of images or maps of any size."""
    return tf.TensorSpec([None, None, None, channels], dtype)


def _any_number_of(condition):
    """The TensorSpec of conditions: of maps of any size, or of what is of the whole picture."""
    if condition.shape.rank == 4:
        return images_of(condition.shape[-1], condition.dtype)
    return tf.TensorSpec([None, *condition.shape[1:]], condition.dtype)
