"""The base class of all models.

Everything outside `icdpm.models` uses this class and nothing else of a model. A model of one's own is a class derived from it,
named by `config.model` as package.module:Class. It defines

    add_fields, bytes_per_pixel, loss_names, compute_losses, denoise

and may define more: the defaults are those of a model that answers with one evaluation, at any size, and depends on nothing but
the pixels that it is shown.
"""

from __future__ import annotations

import tensorflow as tf

from icdpm.diffusion.samplers import SINGLE_EVALUATION
from icdpm.errors import IcdpmError
from icdpm.keras import tf_variable
from icdpm.models import sampling
from icdpm.models.keras_model import PairModel
from icdpm.models.rules import Rules
from icdpm.models.settings import Settings, with_preset


class ImageRestorer(PairModel):
    """Base class for image-restoration models: networks, their training, and how they restore an image.

    A Keras model: `fit` takes pairs (blurry, sharp), `predict` restores blurry images, `save` and `keras.models.load_model`
    keep all of it. Images are float32 [batch, height, width, 3] in [−1, 1].

        model = icdpm.build("table2_c", ["unet.channels=8"])
        model.compile()
        model.fit(pairs, validation_data=held_out, epochs=10)
        restored = model.predict(blurry)

    Methods below the line "Defined by subclasses" expect height and width divisible by `factor`.

    Args:
      config, measured_presets, name: see `PairModel`. The constructor makes layers only; `icdpm.build` builds weights .

    Attributes:
      title: the model's name in messages.
      description: one or two sentences for those who receive a trained model.
      rules: the values that the fields of its config may hold.
      needs_target: whether its batches need 'target' too: unlabelled images of another domain.
    """

    title = "this model"
    description = "A network that deblurs images."
    rules = Rules()
    needs_target = False

    # Restoring images of any kind and size.

    def restore(self, image, preset=None, **options):
        """Restores a blurry image.

        Args:
          image: path of an image file; or an array, [height, width, 3] sRGB or [height, width] gray: uint8, uint16, or float in
            [0, 1] (which is restored in 16 bits).
          preset: a name in `sampling_presets`; None: the sampling settings of the config, one sample. A preset that does not
            suit the model warns.
          **options: settings of the model (`settings`), such as steps and samples, which replace those of the preset; and
            seed: a whole number from 0 (the default); the same seed gives the same result.
            match_color: whether drift of colour is removed (`icdpm.images.color_drift`); False by default.
            tile, max_memory, on_step: see `icdpm.restoration.restore.restore`.

        Returns:
          The mean of the samples, an array of the image's shape and dtype (float32 for floats). The result for a file is
          upright and without its alpha channel.

        Raises:
          IcdpmError: the image or an option is invalid.
        """
        from icdpm.restoration.restore import restore_file_or_array

        return restore_file_or_array(self, image, preset, **options).pixels

    def sample(self, image, preset=None, **options):
        """Restores a blurry image and returns all samples, two or more, and their spread.

        Args:
          image, preset, **options: see `restore`.

        Returns:
          An `icdpm.restoration.result.Restored`: `pixels` is the result of `restore`, `spread` the standard deviation of the
          samples at each pixel, in 8-bit steps, and `samples` holds each of them.

        Raises:
          IcdpmError: as `restore`; or there is only one sample.
        """
        from icdpm.restoration.restore import restore_file_or_array

        return restore_file_or_array(self, image, preset, spread=True, keep_samples=True, **options)

    # Settings.

    @classmethod
    def settings_of(cls, config, preset=None, **changes):
        """Returns the settings by which a model of a config restores, with some of them changed.

        Args:
          config: the config.
          preset: a name in `presets`, or None.
          **changes: settings, which replace the preset's; None leaves one as it is.

        Returns:
          An `icdpm.models.settings.Settings`.

        Raises:
          IcdpmError: a setting or a value that this model does not have.
        """
        return cls._settings_among(cls.default_presets(config), config, preset, changes)

    @classmethod
    def _settings_among(cls, presets, config, preset, changes):
        given = {name: value for name, value in changes.items() if value is not None}
        return cls._changed_settings(config, with_preset(presets, preset, given))

    def settings(self, preset=None, **changes):
        """Returns `settings_of` this model's config, with `sampling_presets`."""
        return self._settings_among(self.sampling_presets, self.config, preset, changes)

    @property
    def sampling_presets(self):
        """{name: Preset}: `presets` of its config, replaced by its own."""
        return {**self.default_presets(self.config), **self.measured_presets}

    # Sizes.

    @property
    def size_multiple(self):
        """Height and width of an image must be divisible by this number."""
        return self.size_multiple_for(self.config)

    @property
    def trainable_tensors(self):
        """The `tf.Variable`s of the trained weights."""
        return [tf_variable(each) for each in self.trainable_variables]

    @property
    def condition_bytes_per_pixel(self):
        """Memory that the conditions hold through a restoration, for each pixel of the image."""
        maps = [each for each in self.condition_maps if each is not None]
        return sum(max(3, channels) * dtype.size / scale**2 for scale, channels, dtype in maps)

    # Defined by subclasses.

    @classmethod
    def add_fields(cls, config):
        """Adds the system's own sections and fields, with their defaults, to a ConfigDict of what every system has."""
        raise NotImplementedError(f"{cls.__name__}.add_fields")

    @classmethod
    def check(cls, config):
        """Raises IcdpmError where fields of its config do not fit each other."""

    @classmethod
    def check_start(cls, config, start):
        """Raises IcdpmError where a first step cannot be taken from weights of a model of the config `start`, or from random
        ones (None).
        """

    @classmethod
    def check_restores(cls, config):
        """Raises IcdpmError where a model of a config cannot restore and only serves others to start from."""

    @classmethod
    def size_multiple_for(cls, config):
        """Height and width of an image must be divisible by this number."""
        return 1

    # Its size.

    @property
    def receptive_field_radius(self):
        """How many pixels beyond a window what is made within it depends on, a multiple of `factor`. None: all of the
        picture, so that a tile is another picture.
        """
        return None

    @property
    def tile_overlap(self):
        """How many pixels of a tile, at least, lie around what is taken from it where nobody says otherwise; None: it takes no
        tiles.

        Without a `reach` tiles are restored each by itself and fade into each other over their margins, with `conditions` of
        the whole picture: near to what that would become at once, and not the same.
        """
        return self.receptive_field_radius

    @property
    def bytes_per_pixel(self):
        """Memory that one evaluation holds at its peak, for each pixel."""
        raise NotImplementedError(f"{type(self).__name__}.bytes_per_pixel")

    @property
    def working_bytes(self):
        """Memory that one evaluation holds besides, however few pixels it is of."""
        return 0

    @property
    def loss_names(self):
        """Names of the losses that `compute_losses` returns in training."""
        raise NotImplementedError(f"{type(self).__name__}.loss_names")

    def compute_losses(self, batch, seeds, training):
        """Computes the losses of a batch of pairs.

        Args:
          batch: {'blurry', 'sharp'} and, where `needs_target`, 'target'.
          seeds: int64 [batch, 2]; all random numbers of an example follow from its seed.
          training: whether parts that are for training only, such as dropout, are on.

        Returns:
          {name: float32 scalar}.
        """
        raise NotImplementedError(f"{type(self).__name__}.compute_losses")

    def loss_weights(self, step):
        """Returns {name: weight} of the losses at a step (int64 scalar); losses without an entry have weight 1."""
        return {}

    @classmethod
    def _changed_settings(cls, config, changes):
        if changes:
            name = next(iter(changes))
            raise IcdpmError(f"{cls.title} restores with one evaluation and has no setting {name!r}")
        return Settings()

    def one_evaluation_settings(self):
        """Returns the settings of a restoration by one evaluation of the network, which `test_step` measures."""
        return self.settings()

    @classmethod
    def default_presets(cls, config):
        """{name: Preset}: settings by names that say what they are for, of any model of a config."""
        return {}

    def sampling_schedule(self, settings):
        """The `icdpm.diffusion.samplers.SamplingSchedule` of evaluations that settings stand for."""
        return SINGLE_EVALUATION

    def encode_condition(self, blurry):
        """What is computed once for a picture, whatever is then drawn.

        Returns:
          A nest of float tensors; {} for nothing. Each is a map [batch, height/s, width/s, channels], with an s of its own, or
          of the whole picture, of another rank and a size that does not depend on the picture's; that only where `reach` is
          None, and with `encode_condition_in_tiles` of its own where tiles are taken all the same.
        """
        return {}

    def encode_pair_condition(self, batch):
        """The conditions with which the pictures of {'blurry', 'sharp', …} are restored in validation, while it is trained."""
        return self.compiled_encode_condition(batch["blurry"])

    def start(self, noise, blurry, conditions, gamma):
        """x_T, with which a drawing starts.

        Args:
          noise: function without arguments that gives standard normal numbers of blurry's shape.
          blurry: the blurry images, or some of their rows.
          conditions: function without arguments that gives the conditions, or those rows of them.
          gamma: γ_T, float32 scalar.
        """
        return tf.zeros_like(blurry)

    def denoise(self, x, blurry, gamma, conditions):
        """One evaluation: the sharp images x̂, in [−1, 1].

        Args:
          x: of the plan; systems that answer at once do not look at it.
          blurry: the blurry images.
          gamma: γ_t, float32 [batch].
          conditions: of `conditions(blurry)`.
        """
        raise NotImplementedError(f"{type(self).__name__}.denoise")

    def intermediate_outputs(self, condition):
        """What shows people the inside of the system: {name: images [batch, height/s, width/s, 1 or 3] in [−1, 1]}."""
        return {}

    @property
    def has_intermediate_outputs(self):
        """Whether `pictures` gives any."""
        return type(self).pictures is not ImageRestorer.pictures

    def extra_signatures(self, max_pixels):
        """Further signatures of the exported model: a list of `icdpm.serving.signatures.Signature`."""
        return []

    def encode_condition_in_tiles(self, picture, tiling, on_tile=lambda: None):
        """Computes `conditions` of a large image tile by tile; see `icdpm.models.sampling.encode_condition_in_tiles`."""
        return sampling.encode_condition_in_tiles(self, picture, tiling, on_tile)

    def build_networks(self, blank):
        """Evaluates every network once, which builds its weights.

        Args:
          blank: float32 [1, factor, factor, 3].
        """
        self.denoise(blank, blank, tf.fill([1], 0.5), self.encode_condition(blank))
