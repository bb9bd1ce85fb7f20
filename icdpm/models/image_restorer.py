"""Base class of all models. Other packages use only the methods of this class.

A model of your own is a subclass that `config.model` names as package.module:Class. It must define

    title, description, add_fields, bytes_per_pixel, loss_names, compute_losses, denoise

and may override more. The defaults suit a network that restores with one evaluation, accepts any image size and uses only the
blurry image.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_collections
import numpy as np
import tensorflow as tf

from icdpm.diffusion.samplers import SamplingSchedule, single_evaluation
from icdpm.errors import IcdpmError
from icdpm.keras import tf_variable
from icdpm.models import sampling
from icdpm.models.constraints import FieldConstraints
from icdpm.models.keras_model import PairModel
from icdpm.models.sampling_presets import Preset, apply_preset
from icdpm.models.settings import Settings

if typing.TYPE_CHECKING:
    from icdpm.diffusion.tiling import LazyImage, Tiling
    from icdpm.restoration.result import Restored


class ImageRestorer(PairModel):
    """Base class for image-restoration models: networks, their training, and the restoration of an image.

    It is a Keras model: `fit` takes pairs (blurry, sharp), `predict` restores blurry images, `save` and
    `keras.models.load_model` work as for every other. Images are float32 [batch, height, width, 3] in [−1, 1].

        model = icdpm.build("table2_c", ["unet.channels=8"])
        model.compile()
        model.fit(pairs, validation_data=held_out, epochs=10)
        restored = model.predict(blurry)

    The methods in "Defined by subclasses" receive images whose height and width are divisible by `size_multiple`.

    Args:
      config: see `PairModel`. The constructor creates layers; `icdpm.build`, `compile` and `predict` also build their
        weights.
      measured_presets: see `PairModel`.
      name: see `PairModel`.

    Attributes:
      title: name of the kind of model for messages, such as 'HI-Diff'.
      description: one or two sentences for the model card.
      constraints: {field: FieldConstraints} of the model's config fields. Other numbers must be positive, and whole ones at
        most 4096.
      needs_target: whether training batches must contain 'target': blurry images of another domain, without sharp ones.
      loss_names: names of the losses that `compute_losses` returns in training.
    """

    title = "Custom"
    description = "A network that removes blur from images."
    constraints: Mapping[str, FieldConstraints] = {}
    needs_target = False
    loss_names: Sequence[str] = ()

    # Restoration of images of any type and size.

    def restore(self, image: str | os.PathLike | np.ndarray, preset: str | None = None, **options: Any) -> np.ndarray:
        """Restores a blurry image.

        Args:
          image: path of an image file; a Pillow image, which is converted and turned upright as a file is; or an array
            [height, width, 3] in sRGB or [height, width] in gray: uint8, uint16, or float in [0, 1] (restored with 16 bits).
          preset: a name in `sampling_presets`; None: the config's sampling settings and one sample. A preset that does not
            suit the model issues a warning.
          **options: settings of the model, such as `steps` and `samples`, which replace those of the preset; and
            seed (int ≥ 0, default 0): equal seeds give equal results.
            match_color (bool, default False): whether color drift is corrected (`icdpm.images.color_drift`).
            tile (int): longest side in pixels of the tiles that large images are processed in; by default the largest that
            max_memory (default 3 GiB) allows, a target for the memory of the process in bytes.
            on_step (function of a float): called after each evaluation of the network with the samples that it advanced.

        Returns:
          The mean of the samples, an array of the image's shape and dtype (float32 for floats). Files and Pillow
          images are rotated upright, and their alpha channel is dropped.

        Raises:
          IcdpmError: the image or an option is invalid.
        """
        from icdpm.restoration.restore import restore_file_or_array

        with self.averages():
            return restore_file_or_array(self, image, preset, **options).pixels

    def sample(self, image: str | os.PathLike | np.ndarray, preset: str | None = None, **options: Any) -> Restored:
        """Draws two or more restored images.

        Args:
          image: see `restore`.
          preset: see `restore`.
          **options: see `restore`.

        Returns:
          An `icdpm.restoration.result.Restored`: `samples` are the restored images, `pixels` their mean (the result of
          `restore`) and `spread` their standard deviation at each pixel in 8-bit steps.

        Raises:
          IcdpmError: the image or an option is invalid, or the settings have a single sample.
        """
        from icdpm.restoration.restore import restore_file_or_array

        with self.averages():
            return restore_file_or_array(self, image, preset, spread=True, keep_samples=True, **options)

    # Sampling settings.

    def settings(self, preset: str | None = None, **changes: Any) -> Settings:
        """Returns the settings of a restoration: those of the config, changed by a preset and by explicit values.

        Args:
          preset: a name in `sampling_presets`, or None.
          **changes: settings, which take precedence over the preset; None leaves a setting unchanged.

        Raises:
          IcdpmError: the model has no such preset or setting, or a value violates its constraints.
        """
        return self._changed_settings(self.config, apply_preset(self.sampling_presets, preset, _without_none(changes)))

    @classmethod
    def settings_of(cls, config: ml_collections.ConfigDict, preset: str | None = None, **changes: Any) -> Settings:
        """Returns `settings` for a config, without building a model; with the presets of the class."""
        return cls._changed_settings(config, apply_preset(cls.default_presets(config), preset, _without_none(changes)))

    @classmethod
    def _changed_settings(cls, config, changes) -> Settings:
        """Returns the config's settings with changes, {setting: value}; overridden by models that have settings."""
        if changes:
            raise IcdpmError(f"{cls.title} models take no sampling settings. Received: {next(iter(changes))}.")
        return Settings()

    @property
    def sampling_presets(self) -> dict[str, Preset]:
        """Presets by name: those of the class, replaced by those that were measured for this model."""
        return {**self.default_presets(self.config), **self.measured_presets}

    @property
    def offered_presets(self) -> dict[str, Preset]:
        """Presets for user interfaces: none with a warning, and only the last one of those with the same settings."""
        presets = self.sampling_presets
        names = {self.settings(name): name for name, preset in presets.items() if not preset.warning}
        return {name: presets[name] for name in names.values()}

    # Weights and sizes.

    @property
    def trainable_tensors(self) -> list[tf.Variable]:
        """The `tf.Variable`s of the trained weights."""
        return [tf_variable(each) for each in self.trainable_variables]

    @property
    def size_multiple(self) -> int:
        """Number by which the height and width of an image must be divisible."""
        return self.size_multiple_for(self.config)

    @property
    def condition_bytes_per_pixel(self) -> float:
        """Memory for the condition during a restoration, in bytes per pixel of the image."""
        maps = [each for each in self.condition_maps if each is not None]
        return sum(max(3, channels) * dtype.size / scale**2 for scale, channels, dtype in maps)

    # Defined by subclasses: config.

    @classmethod
    def add_fields(cls, config: ml_collections.ConfigDict) -> None:
        """Adds the model's fields, with their defaults, to a config with the common fields."""
        raise NotImplementedError(f"{cls.__name__}.add_fields")

    @classmethod
    def check(cls, config: ml_collections.ConfigDict) -> None:
        """Raises IcdpmError if fields of the config contradict each other."""

    @classmethod
    def check_start(cls, config: ml_collections.ConfigDict, start: ml_collections.ConfigDict | None) -> None:
        """Raises IcdpmError if training cannot start from weights of the config `start`; None stands for random weights."""

    @classmethod
    def check_restores(cls, config: ml_collections.ConfigDict) -> None:
        """Raises IcdpmError if models of a config cannot restore, because they only initialize other models."""

    # Defined by subclasses: size.

    @classmethod
    def size_multiple_for(cls, config: ml_collections.ConfigDict) -> int:
        """Returns `size_multiple` for a config."""
        return 1

    @property
    def receptive_field_radius(self) -> int | None:
        """Receptive-field radius in pixels, a multiple of `size_multiple`; None: the whole image.

        An image that is restored in tiles equals the image that is restored whole if tiles overlap by at least this radius.
        """
        return None

    @property
    def tile_overlap(self) -> int | None:
        """Default overlap of tiles on each side, in pixels; None: the model cannot restore in tiles.

        An overlap below the receptive-field radius makes the result approximate. The UNets' default is a fifth (residual
        blocks) or two thirds (NAF blocks) of the radius.

        A model without a finite `receptive_field_radius` restores each tile separately, with the condition of the whole image,
        and tiles are blended over their overlap. The result is close to the whole image's, but not equal.
        """
        return self.receptive_field_radius

    @property
    def bytes_per_pixel(self) -> float:
        """Peak memory of one evaluation, in bytes per pixel."""
        raise NotImplementedError(f"{type(self).__name__}.bytes_per_pixel")

    @property
    def working_bytes(self) -> int:
        """Memory of one evaluation that does not depend on the number of pixels, in bytes."""
        return 0

    # Defined by subclasses: training.

    def compute_losses(self, batch: Mapping[str, tf.Tensor], seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        """Computes the losses of a batch.

        Args:
          batch: {'blurry', 'sharp'} and, if `needs_target`, 'target'.
          seeds: int64 [batch, 2]; all random numbers of an example follow from its seed.
          training: whether training-only parts, such as dropout, are active.

        Returns:
          {name: float32 scalar}.
        """
        raise NotImplementedError(f"{type(self).__name__}.compute_losses")

    def loss_weights(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns {name: weight} of the losses at a step (int64 scalar); losses without an entry have weight 1."""
        return {}

    # Defined by subclasses: restoration.

    @classmethod
    def default_presets(cls, config: ml_collections.ConfigDict) -> dict[str, Preset]:
        """Returns {name: Preset} for models of a config."""
        return {}

    def one_evaluation_settings(self) -> Settings:
        """Returns the settings with which `test_step` restores."""
        return self.settings()

    def sampling_schedule(self, settings: Settings) -> SamplingSchedule:
        """Returns the schedule of network evaluations for settings."""
        return single_evaluation()

    def encode_condition(self, blurry: tf.Tensor) -> Any:
        """Computes the condition that all sampling steps share, once per image.

        Returns:
          A nest of float tensors; {} for none. Each is a map [batch, height/s, width/s, channels] with its own s, or a tensor
          of another rank that describes the whole image and whose size does not depend on the image's. The latter requires
          that `receptive_field_radius` is None, and an override of `encode_condition_in_tiles` if the model can use tiles.
        """
        return {}

    def encode_pair_condition(self, batch: Mapping[str, tf.Tensor]) -> Any:
        """Computes the condition for validation during training, which may depend on the sharp images."""
        return self.compiled_encode_condition(batch["blurry"])

    def encode_condition_in_tiles(self, image: LazyImage, tiling: Tiling, on_tile: Callable[[], None] = lambda: None) -> Any:
        """Computes `encode_condition` of a large image tile by tile; see `icdpm.models.sampling.encode_condition_in_tiles`."""
        return sampling.encode_condition_in_tiles(self, image, tiling, on_tile)

    def initial_sample(
        self, noise: Callable[[], tf.Tensor], blurry: tf.Tensor, condition: Callable[[], Any], gamma: tf.Tensor
    ) -> tf.Tensor:
        """Returns x_T, from which the sampling loop starts.

        Args:
          noise: function without arguments that returns standard normal numbers of the shape of `blurry`.
          blurry: the blurry images, or some of their rows.
          condition: function without arguments that returns the condition, or its part for these rows.
          gamma: γ_T, float32 scalar.
        """
        return tf.zeros_like(blurry)

    def denoise(self, x: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor, condition: Any) -> tf.Tensor:
        """Evaluates the network once and returns the estimate x̂ of the sharp images, in [−1, 1].

        Args:
          x: x_t of the sampling loop; models with a single evaluation ignore it.
          blurry: the blurry images.
          gamma: γ_t, float32 [batch].
          condition: the result of `encode_condition(blurry)`.
        """
        raise NotImplementedError(f"{type(self).__name__}.denoise")

    def build_networks(self, blank: tf.Tensor) -> None:
        """Evaluates every network once, which builds its weights.

        Args:
          blank: float32 [1, size_multiple, size_multiple, 3].
        """
        self.denoise(blank, blank, tf.fill([1], 0.5), self.encode_condition(blank))

    # Defined by subclasses: insight and export.

    def intermediate_outputs(self, condition: Any) -> dict[str, tf.Tensor]:
        """Returns images that show intermediate results: {name: [batch, height/s, width/s, 1 or 3] in [−1, 1]}."""
        return {}

    @property
    def has_intermediate_outputs(self) -> bool:
        """True if `intermediate_outputs` returns any."""
        return type(self).intermediate_outputs is not ImageRestorer.intermediate_outputs

    def extra_signatures(self, max_pixels: int) -> list:
        """Returns further signatures of the exported model, a list of `icdpm.serving.signatures.Signature`."""
        return []


def _without_none(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changes.items() if value is not None}
