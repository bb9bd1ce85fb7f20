"""The image-conditioned diffusion model with multiscale structure guidance (icDPM; Ren et al., arXiv 2212.01789)."""

import ml_collections
import tensorflow as tf

from icdpm.diffusion import random
from icdpm.diffusion.tiling import RowStrips, make_tiling, split_rows
from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.models.diffusion_model import FIRST_FREE_PURPOSE, DiffusionModel
from icdpm.models.keras_model import images_of
from icdpm.models.rules import Rules
from icdpm.models.schedules import linear_ramp
from icdpm.models.unets import check_unet, make_unet, tile_margin, unet_factor, unet_fields, unet_rules
from icdpm.networks.guidance import GuidanceNetwork
from icdpm.networks.naf_guidance import NAFGuidanceNetwork
from icdpm.networks.resampling import average_pool, repeat_pixels

# Of random numbers, and of the guidance of scale k after it.
_GUIDANCE = FIRST_FREE_PURPOSE
# Second number of the seed of the guidance's noise at inference; 0 to 3 are those of training, validation and sampling.
_INFERENCE = 4


@keras.saving.register_keras_serializable(package="icdpm")
class ICDPM(DiffusionModel):
    """A denoising UNet whose encoder is told the scene's coarse structure by guidance networks.

    Its conditions are {'k': (h_k [batch, height/2^k, width/2^k, channels], regression output in [−1, 1] at that size)}.
    """

    title = "an icDPM"
    description = (
        "A diffusion model that draws sharp images from p(sharp | blurry), guided by the coarse structure of the scene "
        "(*Multiscale Structure Guided Diffusion for Image Deblurring*, Ren et al., arXiv 2212.01789)."
    )
    rules = (
        DiffusionModel.rules
        | unet_rules("unet")
        | Rules(
            choices={
                "guidance.color": ("gray", "rgb"),
                "guidance.route": ("latent", "input", "both"),
                "guidance.projection": ("block", "scale"),
            },
            may_be_zero={"guidance.middle_blocks", "guidance.noise_std", "optimizer.noise_loss_ramp"},
            most={"optimizer.noise_loss_ramp": 10**12},
        )
    )

    @classmethod
    def add_fields(cls, config):
        super().add_fields(config)
        # The denoising UNet (Fig. 10; the layout is recovered from Table 11).
        config.unet = unet_fields()
        config.unet.concat_blurry = True  # False: Table 9, "w/o input concatenation"

        # The guidance networks (§3.2). No scale: the unguided icDPM.
        config.guidance = ml_collections.ConfigDict()
        config.guidance.scales = (1, 2, 3)  # k: downsampled by 2^k
        config.guidance.channels = 32
        config.guidance.middle_blocks = 2  # residual: between both halves; naf: all blocks
        config.guidance.color = "gray"  # of φ_k and so of the regression target: gray or rgb (assumed for the input)
        # latent: the features are added in the encoder; input: the regression output is upsampled and concatenated to the
        # network's input; both: the features of every scale and the outputs of every scale (not in the paper).
        config.guidance.route = "latent"
        # The 3×3 convolutions that the features enter the encoder by: block: one for each guided block; scale: one for each
        # scale, whose output all guided blocks of its level add ("a convolutional layer", §3.2).
        config.guidance.projection = "block"  # assumed
        config.guidance.noise_std = 0.02  # σ of the noise n of eq. 1, on [−1, 1] (assumed)
        config.guidance.noise_at_inference = False  # whether n is added at inference too, not in training only (assumed)

        config.optimizer.noise_loss_ramp = 60_000  # w of L = L_guidance + w·L_DPM: 0 → 1 over these steps

    @classmethod
    def check(cls, config):
        super().check(config)
        check_unet(config, "unet")
        guidance, levels = config.guidance, len(config.unet.multipliers)
        if len(set(guidance.scales)) < len(guidance.scales):
            raise IcdpmError(f"the config field guidance.scales is {guidance.scales}; its numbers must differ")
        if guidance.route != "input" and any(not 0 <= guided_level(config, k) < levels for k in guidance.scales):
            first = guided_level(config, 0)
            raise IcdpmError(
                f"the config field guidance.scales is {guidance.scales}, "
                f"but the UNet has the scales {max(1, -first)} to {levels - 1 - first}"
            )
        if guidance.route == "input" and len(guidance.scales) != 1:
            raise IcdpmError("with guidance.route 'input' the config field guidance.scales must hold one scale")

    @classmethod
    def size_multiple_for(cls, config):
        return max([unet_factor(config.unet), *(2**k for k in config.guidance.scales)])

    def __init__(self, config, **options):
        super().__init__(config, **options)
        config, guidance = self.config, self.config.guidance
        self.guidance_networks = {str(k): self._guidance_network(f"guidance_{k}") for k in guidance.scales}
        guided = [guided_level(config, k) for k in guidance.scales] if guidance.route != "input" else ()
        shared = guidance.projection == "scale"
        self.unet = make_unet(config.unet, config.precision, guided_levels=guided, shared_projection=shared)

    def _guidance_network(self, name):
        """One of the UNet's kind of block."""
        guidance = self.config.guidance
        options = {"outputs": self._structure_channels, "zero_last": self.config.unet.zero_last, "name": name}
        options["dtype"] = self.config.precision
        if self.config.unet.block == "naf":
            return NAFGuidanceNetwork(guidance.channels, blocks=guidance.middle_blocks, **options)
        return GuidanceNetwork(guidance.channels, middle_blocks=guidance.middle_blocks, **options)

    @property
    def _structure_channels(self):
        return {"gray": 1, "rgb": 3}[self.config.guidance.color]

    # Its size.

    @property
    def receptive_field_radius(self):
        """That of the UNet, guidance aside: `encode_condition_in_tiles` has margins of its own."""
        return -(-self.unet.receptive_field_radius // self.size_multiple) * self.size_multiple

    @property
    def tile_overlap(self):
        return tile_margin(self.config.unet, self.receptive_field_radius, self.size_multiple)

    @property
    def bytes_per_pixel(self):
        # The guidance networks see tiles of half the side.
        return max([self.unet.bytes_per_pixel, *(network.bytes_per_pixel / 4 for network in self.guidance_networks.values())])

    # Guidance.

    def structure(self, images):
        """φ_k without its noise (eq. 1): {k: images in the guidance's colour space, downsampled by 2^k}."""
        if self.config.guidance.color == "gray":
            images = tf.image.rgb_to_grayscale(images)
        return {str(k): average_pool(images, 2**k) for k in self.config.guidance.scales}

    def encode_condition(self, blurry, seeds=None):
        """What the denoiser is told of the scene; it does not depend on the noise level: once for each image.

        Args:
          blurry: the blurry images.
          seeds: int64 [batch, 2] in training, for the noise of eq. 1; None at inference: no noise, or with
            `guidance.noise_at_inference` the noise that `_inference_noise` gives to every image.
        """
        guidance = {}
        for k, structure in self.structure(blurry).items():
            if seeds is not None:
                noise_seeds = random.fold_in(seeds, _GUIDANCE + int(k))
                structure += self.config.guidance.noise_std * random.normal_each(noise_seeds, tf.shape(structure)[1:])
            elif self.config.guidance.noise_at_inference:
                shape = tf.shape(structure)[1:]
                structure += self._inference_noise(int(k), shape, 0, shape[0])
            guidance[k] = self.guidance_networks[k](structure)
        return guidance

    def _inference_noise(self, scale, shape, first, last):
        """Returns rows of the noise n of eq. 1 at inference.

        It follows from the config's seed, the scale and the size of φ_k alone, and each row comes out bit for bit the same with
        and without the others. So an image has one result: alone, in a batch, in tiles, and exported.

        Args:
          scale: k.
          shape: height, width and channels of φ_k of the whole image; int32 [3].
          first, last: the rows, the last one exclusive.

        Returns:
          float32 [1, last − first, width, channels].
        """
        seed = tf.constant([[self.config.seed, _INFERENCE]], tf.int64)
        return self.config.guidance.noise_std * random.sampling_noise(seed, _GUIDANCE + scale, shape, first, last)

    def intermediate_outputs(self, condition):
        """What the guidance networks regress."""
        return {f"guidance_{k}": condition[k][1] for k in sorted(condition, key=int)}

    @property
    def has_intermediate_outputs(self):
        return bool(self.guidance_networks)

    def build(self, input_shape=None):
        if self.built:
            return
        super().build(input_shape)
        structures = images_of(self._structure_channels)
        self._compiled_structure = tf.function(self.structure, input_signature=[images_of(3)], autograph=False)
        self._compiled_guidance_networks = {
            k: tf.function(network.call, input_signature=[structures], autograph=False)
            for k, network in self.guidance_networks.items()
        }

    def encode_condition_in_tiles(self, picture, tiling, on_tile=lambda: None):
        """As of `ImageRestorer`, but exact: at low resolution margins of all of the networks' reach cost little."""
        height, width, factor = picture.height, picture.width, self.size_multiple
        structures = {}
        for rows in split_rows(slice(0, height // factor), width * factor):
            values = picture.window(slice(rows.start * factor, rows.stop * factor))
            for k, structure in self._compiled_structure(values).items():
                if self.config.guidance.noise_at_inference:
                    scale = 2 ** int(k)
                    shape = [height // scale, width // scale, structure.shape[-1]]
                    first = rows.start * factor // scale
                    structure += self._inference_noise(int(k), shape, first, first + structure.shape[1])
                structures.setdefault(k, []).append(structure)
        guidance = {}
        for k in list(structures):
            network, structure = self.guidance_networks[k], tf.concat(structures.pop(k), axis=1)
            tiles = make_tiling(
                *structure.shape[1:3],
                max(tiling.longest_side // 2, 4 * network.receptive_field_radius),
                network.receptive_field_radius,
            )
            guidance[k] = (RowStrips(2 ** int(k)), RowStrips(2 ** int(k)))
            for rows in tiles.rows:
                cores = []
                for columns in tiles.columns:
                    outputs = self._compiled_guidance_networks[k](structure[:, rows.extent, columns.extent])
                    cores.append([output[:, rows.core_in_window, columns.core_in_window] for output in outputs])
                    on_tile()
                for strips, row in zip(guidance[k], zip(*cores)):
                    strips.append(tf.concat(row, axis=2))
        return guidance

    # Denoising.

    def network_output(self, x_gamma, blurry, gamma, conditions, dropout_seed=None):
        inputs = [self.parametrisation.network_input(x_gamma, blurry, gamma[:, None, None, None])]
        if self.config.unet.concat_blurry:
            inputs.append(blurry)
        features = None
        if self.config.guidance.route != "input":
            features = {guided_level(self.config, int(k)): h for k, (h, _) in conditions.items()}
        if self.config.guidance.route != "latent":
            # Table 8 (b): upsampled to the nearest pixel (assumed).
            for k, (_, regression) in conditions.items():
                inputs.append(repeat_pixels(regression, 2 ** int(k)))
        return self.unet(tf.concat(inputs, axis=-1), tf.sqrt(gamma), features, dropout_seed)

    # Training.

    loss_names = ("guidance", "noise")

    def compute_losses(self, batch, seeds, training):
        """The two losses of §3.3: guidance, the mean squared error averaged over the scales (0 if unguided), and noise."""
        conditions = self.encode_condition(batch["blurry"], seeds if training else None)
        return {
            "guidance": self.guidance_loss(batch, conditions),
            "noise": self.noise_loss(batch, conditions, seeds, training),
        }

    def guidance_loss(self, batch, conditions):
        """The mean squared error of what the guidance networks regress, averaged over the scales; 0 if unguided."""
        targets = self.structure(batch["sharp"])
        squares = [tf.reduce_mean(tf.square(output - targets[k])) for k, (_, output) in conditions.items()]
        return tf.add_n(squares) / len(squares) if squares else tf.constant(0.0)

    def loss_weights(self, step):
        """w of L = L_guidance + w·L_DPM."""
        return {"noise": linear_ramp(step, self.config.optimizer.noise_loss_ramp)}

    # Exporting.

    def extra_signatures(self, max_pixels):
        from icdpm.serving.icdpm_signatures import icdpm_signatures

        return icdpm_signatures(self, max_pixels)


def guided_level(config, scale):
    """The UNet's level that works at 1/2^scale of the resolution, as the guidance features of that scale do."""
    return scale + 1 - config.unet.patch.bit_length()
