"""What a system is: all that training, restoration, evaluation, export, serving and the page ask of one.

Everything outside `icdpm.systems` speaks to this class and to nothing else of a system. A system of one's own is a class
derived from it, named by `config.system` as package.module:Class. It has to say

    add_fields, bytes_per_pixel, losses, denoise

and may say more: what is not said is that of a system which answers at once, at any size, and sees only what it is shown.
"""

from __future__ import annotations

import tensorflow as tf

from icdpm.diffusion.samplers import ONE_EVALUATION
from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.systems.drawing import Drawing
from icdpm.systems.rules import Rules
from icdpm.systems.settings import Settings, with_preset
from icdpm.systems.training_step import TrainingStep


class System(TrainingStep, Drawing, keras.Model):
    """Networks, how they are trained, and how they restore a picture.

    Images are float32 [batch, height, width, 3] in [−1, 1]; height and width divisible by `factor`.

    Args:
      config: a config checked by `icdpm.systems.config.check_config`. Make systems by `icdpm.systems.registry.make_system`:
        the constructor makes layers only, no weights.

    Attributes:
      title: what messages call such a system.
      description: what it is, in a sentence or two for those who are handed a trained one.
      rules: what the fields of its config may hold.
      wants_target: whether it is trained with unlabelled pictures of another domain besides: batches have 'target' too.
      own_presets: {name: Preset} that were measured for this very model, which go before those of its kind.
    """

    title = "this system"
    description = "A network that deblurs images."
    rules = Rules()
    wants_target = False
    own_presets = {}

    def __init__(self, config):
        super().__init__(name="system", dtype=config.precision)
        self.config = config

    # Its config.

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
        """Raises IcdpmError where a model of a config is there for others to start from, and cannot restore."""

    @classmethod
    def size_factor(cls, config):
        """Height and width of an image must be divisible by this number."""
        return 1

    # Its size.

    @property
    def factor(self):
        """Height and width of an image must be divisible by this number."""
        return self.size_factor(self.config)

    @property
    def reach(self):
        """How many pixels beyond a window what is made within it depends on, a multiple of `factor`. None: all of the
        picture, so that a tile is another picture.
        """
        return None

    @property
    def margin(self):
        """How many pixels of a tile, at least, lie around what is taken from it where nobody says otherwise; None: it takes no
        tiles.

        Without a `reach` tiles are restored each by itself and fade into each other over their margins, with `conditions` of
        the whole picture: near to what that would become at once, and not the same.
        """
        return self.reach

    @property
    def bytes_per_pixel(self):
        """Memory that one evaluation holds at its peak, for each pixel."""
        raise NotImplementedError(f"{type(self).__name__}.bytes_per_pixel")

    @property
    def working_bytes(self):
        """Memory that one evaluation holds besides, however few pixels it is of."""
        return 0

    @property
    def condition_bytes_per_pixel(self):
        """Memory that the conditions hold through a restoration, for each pixel of the picture."""
        maps = [each for each in self._condition_maps if each is not None]
        return sum(max(3, channels) * dtype.size / scale**2 for scale, channels, dtype in maps)

    # Training.

    def losses(self, batch, seeds, training):
        """The losses of a batch of pairs.

        Args:
          batch: {'blurry', 'sharp'} and, where the system wants it, 'target'.
          seeds: int64 [batch, 2]; all random numbers of an example follow from its seed.
          training: whether what is only for training, such as dropout, is on.

        Returns:
          {name: float32 scalar}.
        """
        raise NotImplementedError(f"{type(self).__name__}.losses")

    def loss_weights(self, step):
        """{name: weight} of the losses at a step (int64 scalar); those that are not named have weight 1."""
        return {}

    # Restoring.

    @classmethod
    def settings_of(cls, config, preset=None, **changes):
        """How a picture is restored by a model of a config: what that says, with some of it changed.

        Args:
          config: the config.
          preset: a name in `presets`, or None.
          **changes: settings, which go before the preset's; None leaves one as it is.

        Returns:
          An `icdpm.systems.settings.Settings`.

        Raises:
          IcdpmError: a setting or a value that this system does not have.
        """
        return cls._settings_among(cls.presets(config), config, preset, changes)

    @classmethod
    def _settings_among(cls, presets, config, preset, changes):
        given = {name: value for name, value in changes.items() if value is not None}
        return cls._changed_settings(config, with_preset(presets, preset, given))

    @classmethod
    def _changed_settings(cls, config, changes):
        if changes:
            name = next(iter(changes))
            raise IcdpmError(f"{cls.title} gives one answer for a picture, at once: it has no {name} to choose")
        return Settings()

    @classmethod
    def presets(cls, config):
        """{name: Preset}: settings by names that say what they are for, of any model of a config."""
        return {}

    def plan(self, settings):
        """The `icdpm.diffusion.samplers.Plan` of evaluations that settings stand for."""
        return ONE_EVALUATION

    def conditions(self, blurry):
        """What is computed once for a picture, whatever is then drawn.

        Returns:
          A nest of float tensors; {} for nothing. Each is a map [batch, height/s, width/s, channels], with an s of its own, or
          of the whole picture, of another rank and a size that does not depend on the picture's; that only where `reach` is
          None, and with `conditions_in_tiles` of its own where tiles are taken all the same.
        """
        return {}

    def conditions_of_pairs(self, batch):
        """The conditions with which the pictures of {'blurry', 'sharp', …} are restored in validation, while it is trained."""
        return self.compiled_conditions(batch["blurry"])

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

    def pictures(self, conditions):
        """What shows people the inside of the system: {name: images [batch, height/s, width/s, 1 or 3] in [−1, 1]}."""
        return {}

    @property
    def has_pictures(self):
        """Whether `pictures` gives any."""
        return type(self).pictures is not System.pictures

    def extra_signatures(self, max_pixels):
        """Further signatures of the exported model: a list of `icdpm.systems.signatures.Signature`."""
        return []

    # What follows is common to all systems, as are `TrainingStep` and `Drawing`.

    def call(self, blurry):
        """One evaluation at γ = 0.5 of the blurry image itself: touches every weight. Use `draw` to restore.

        A system with networks that restoring does not use touches them here too.
        """
        return self.denoise(blurry, blurry, tf.fill([tf.shape(blurry)[0]], 0.5), self.conditions(blurry))

    def settings(self, preset=None, **changes):
        """`settings_of` this system's config, with `all_presets`."""
        return self._settings_among(self.all_presets, self.config, preset, changes)

    @property
    def all_presets(self):
        """{name: Preset}: `presets` of its config, with its own in their place."""
        return {**self.presets(self.config), **self.own_presets}

    def made(self):
        """This system, once its weights and graphs are there; the weights follow the config's seed.

        Each graph is one for images of any number and size: graphs made for one size round otherwise, and what becomes of a
        picture would depend on those before it.
        """
        keras.utils.set_random_seed(self.config.seed)
        blank = tf.zeros([1, self.factor, self.factor, 3])
        self.call(blank)
        conditions = self.conditions(blank)
        # None in place of what is no map.
        self._condition_maps = tuple(
            (self.factor // x.shape[1], x.shape[-1], x.dtype) if x.shape.rank == 4 else None
            for x in tf.nest.flatten(conditions)
        )
        images = images_of(3)
        told = tf.nest.map_structure(_any_number_of, conditions)
        self.compiled_conditions = tf.function(self.conditions, input_signature=[images], autograph=False)
        inputs = [images, images, tf.TensorSpec([None]), told]
        self.compiled_denoise = tf.function(self.denoise, input_signature=inputs, autograph=False)
        return self


def images_of(channels, dtype=tf.float32):
    """The TensorSpec of a batch of images or maps of any size."""
    return tf.TensorSpec([None, None, None, channels], dtype)


def _any_number_of(condition):
    """The TensorSpec of conditions: of maps of any size, or of what is of the whole picture."""
    if condition.shape.rank == 4:
        return images_of(condition.shape[-1], condition.dtype)
    return tf.TensorSpec([None, *condition.shape[1:]], condition.dtype)
