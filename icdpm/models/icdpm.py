"""Image-conditioned diffusion model with multiscale structure guidance (icDPM; Ren et al., arXiv 2212.01789)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_collections
import tensorflow as tf

from icdpm.diffusion import random
from icdpm.diffusion.tiling import LazyImage, RowStrips, Tiling, make_tiling, split_rows
from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.models import unets
from icdpm.models.constraints import COUNT_OR_ZERO, NON_NEGATIVE, FieldConstraints, wrong_value
from icdpm.models.diffusion_model import FIRST_FREE_RANDOM_USE, DiffusionModel
from icdpm.models.keras_model import images_spec
from icdpm.models.schedules import linear_ramp
from icdpm.networks.guidance import Discriminator, GuidanceNetwork
from icdpm.networks.naf import NAFGuidanceNetwork
from icdpm.networks.operations import average_pool, repeat_pixels

# Constant that is folded into an example's seed for the guidance noise; scale k uses _GUIDANCE + k.
_GUIDANCE = FIRST_FREE_RANDOM_USE


@keras.saving.register_keras_serializable(package="icdpm")
class ICDPM(DiffusionModel):
    """Denoising UNet whose encoder receives the coarse structure of the scene from guidance networks.

    The condition is {'k': (h_k, regression)} for each scale k: the guidance features [batch, height/2^k, width/2^k, channels],
    and the regression output of the same size, in [−1, 1]. Without scales it is the unguided icDPM.
    """

    title = "icDPM"
    description = (
        "A diffusion model that samples sharp images from p(sharp | blurry), guided by the coarse structure of the scene "
        "(*Multiscale Structure Guided Diffusion for Image Deblurring*, Ren et al., arXiv 2212.01789)."
    )
    constraints: Mapping[str, FieldConstraints] = {
        **DiffusionModel.constraints,
        **unets.section_constraints("unet"),
        "guidance.middle_blocks": COUNT_OR_ZERO,
        "guidance.color": FieldConstraints(choices=("gray", "rgb")),
        "guidance.route": FieldConstraints(choices=("latent", "input", "both")),
        "guidance.projection": FieldConstraints(choices=("block", "scale")),
        "guidance.noise_std": NON_NEGATIVE,
        "optimizer.noise_loss_ramp": FieldConstraints(minimum=0, maximum=10**12),
    }
    loss_names: tuple[str, ...] = ("guidance", "noise")

    @classmethod
    def add_fields(cls, config: ml_collections.ConfigDict) -> None:
        super().add_fields(config)
        # The denoising UNet (Fig. 10; its layout is recovered from Table 11).
        config.unet = unets.default_section()
        config.unet.concat_blurry = True  # False: Table 9, "w/o input concatenation"

        # The guidance networks (§3.2).
        config.guidance = ml_collections.ConfigDict()
        config.guidance.scales = (1, 2, 3)  # k: downsampled by 2^k; (): the unguided icDPM
        config.guidance.channels = 32
        config.guidance.middle_blocks = 2  # residual: blocks between encoder and decoder; naf: all blocks
        config.guidance.color = "gray"  # of φ_k and so of the regression target: gray or rgb (assumed for the input)
        # latent: the encoder adds the features; input: the regression output is upsampled and concatenated to the network's
        # input; both: features and regression outputs of every scale (not in the paper).
        config.guidance.route = "latent"
        # 3×3 convolutions through which the features enter the encoder. block: one for each guided block; scale: one for each
        # scale, whose output all guided blocks of its level add ("a convolutional layer", §3.2).
        config.guidance.projection = "block"  # assumed
        config.guidance.noise_std = 0.02  # σ of the noise n of eq. 1, on [−1, 1] (assumed)
        config.guidance.noise_at_inference = False  # whether n is added at inference too, not only in training (assumed)

        config.optimizer.noise_loss_ramp = 60_000  # steps over which w of L = L_guidance + w·L_DPM grows from 0 to 1

    @classmethod
    def check(cls, config: ml_collections.ConfigDict) -> None:
        super().check(config)
        unets.check_section(config, "unet")
        guidance, levels = config.guidance, len(config.unet.multipliers)
        if len(set(guidance.scales)) < len(guidance.scales):
            raise wrong_value("guidance.scales", guidance.scales, "different numbers")
        if guidance.route != "input" and any(not 0 <= guided_level(config, k) < levels for k in guidance.scales):
            first = guided_level(config, 0)
            raise wrong_value(
                "guidance.scales", guidance.scales, f"scales of the UNet, {max(1, -first)} to {levels - 1 - first}"
            )
        if guidance.route == "input" and len(guidance.scales) != 1:
            raise IcdpmError(f"`guidance.scales` must be one scale if `guidance.route` is input. Received: {guidance.scales}.")

    @classmethod
    def size_multiple_for(cls, config: ml_collections.ConfigDict) -> int:
        return max([unets.size_multiple(config.unet), *(2**k for k in config.guidance.scales)])

    def __init__(self, config: ml_collections.ConfigDict | Mapping, **options: Any) -> None:
        super().__init__(config, **options)
        config, guidance = self.config, self.config.guidance
        self.guidance_networks = {str(k): self._guidance_network(f"guidance_{k}") for k in guidance.scales}
        guided = [guided_level(config, k) for k in guidance.scales] if guidance.route != "input" else ()
        shared = guidance.projection == "scale"
        self.unet = unets.make_network(config.unet, config.precision, guided_levels=guided, shared_projection=shared)

    def _guidance_network(self, name):
        """Returns a guidance network with the UNet's type of block."""
        guidance = self.config.guidance
        options = {"outputs": self._structure_channels, "zero_last": self.config.unet.zero_last, "name": name}
        options["dtype"] = self.config.precision
        if self.config.unet.block == "naf":
            return NAFGuidanceNetwork(guidance.channels, blocks=guidance.middle_blocks, **options)
        return GuidanceNetwork(guidance.channels, middle_blocks=guidance.middle_blocks, **options)

    @property
    def _structure_channels(self):
        return {"gray": 1, "rgb": 3}[self.config.guidance.color]

    # Size.

    @property
    def receptive_field_radius(self) -> int:
        """Receptive-field radius of the UNet; `encode_condition_in_tiles` is exact by overlaps of its own."""
        return -(-self.unet.receptive_field_radius // self.size_multiple) * self.size_multiple

    @property
    def tile_overlap(self) -> int:
        return unets.tile_overlap(self.config.unet, self.receptive_field_radius, self.size_multiple)

    @property
    def bytes_per_pixel(self) -> float:
        # The guidance networks work on tiles of half the side.
        return max([self.unet.bytes_per_pixel, *(network.bytes_per_pixel / 4 for network in self.guidance_networks.values())])

    # Guidance.

    def structure(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes φ_k without its noise (eq. 1): {k: images in the guidance's color space, downsampled by 2^k}."""
        if self.config.guidance.color == "gray":
            images = tf.image.rgb_to_grayscale(images)
        return {str(k): average_pool(images, 2**k) for k in self.config.guidance.scales}

    def encode_condition(self, blurry: tf.Tensor, seeds: tf.Tensor | None = None) -> dict[str, Any]:
        """Computes guidance features and regression outputs, which do not depend on the noise level.

        Args:
          blurry: the blurry images.
          seeds: int64 [batch, 2] in training, for the noise of eq. 1; None at inference: no noise, or with
            `guidance.noise_at_inference` the noise of `_inference_noise`, which is the same for every image.
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

    def _inference_noise(self, scale: int, shape: tf.Tensor, first: int, last: int | tf.Tensor) -> tf.Tensor:
        """Returns rows of the noise n of eq. 1 at inference.

        The noise follows from the config's seed, the scale and the size of φ_k. Each row is bit-identical with and
        without the others, so that an image has one result: alone, in a batch, in tiles and exported.

        Args:
          scale: k.
          shape: height, width and channels of φ_k of the whole image; int32 [3].
          first: first row.
          last: row after the last one.

        Returns:
          float32 [1, last − first, width, channels].
        """
        seed = tf.constant([[self.config.seed, random.RandomDomain.INFERENCE_GUIDANCE]], tf.int64)
        return self.config.guidance.noise_std * random.sampling_noise(seed, _GUIDANCE + scale, shape, first, last)

    def intermediate_outputs(self, condition: dict[str, Any]) -> dict[str, tf.Tensor]:
        """Returns the regression outputs of the guidance networks."""
        return {f"guidance_{k}": condition[k][1] for k in sorted(condition, key=int)}

    @property
    def has_intermediate_outputs(self) -> bool:
        return bool(self.guidance_networks)

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        super().build(input_shape)
        structures = images_spec(self._structure_channels)
        self._compiled_structure = tf.function(self.structure, input_signature=[images_spec(3)], autograph=False)
        self._compiled_guidance_networks = {
            k: tf.function(network.call, input_signature=[structures], autograph=False)
            for k, network in self.guidance_networks.items()
        }

    def encode_condition_in_tiles(
        self, image: LazyImage, tiling: Tiling, on_tile: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """Computes the condition tile by tile, exactly: at low resolution, overlaps of the receptive field cost little."""
        strips = self._structure_in_strips(image)
        return {k: self._guidance_in_tiles(k, tf.concat(strips.pop(k), axis=1), tiling, on_tile) for k in list(strips)}

    def _structure_in_strips(self, image: LazyImage) -> dict[str, list[tf.Tensor]]:
        """Computes φ_k of an image, strip by strip: {k: strips of rows, [1, rows, width/2^k, channels] each}."""
        height, width, multiple = image.height, image.width, self.size_multiple
        strips: dict[str, list[tf.Tensor]] = {}
        for rows in split_rows(slice(0, height // multiple), width * multiple):
            values = image.window(slice(rows.start * multiple, rows.stop * multiple))
            for k, structure in self._compiled_structure(values).items():
                if self.config.guidance.noise_at_inference:
                    scale = 2 ** int(k)
                    shape = [height // scale, width // scale, structure.shape[-1]]
                    first = rows.start * multiple // scale
                    structure += self._inference_noise(int(k), shape, first, first + structure.shape[1])
                strips.setdefault(k, []).append(structure)
        return strips

    def _guidance_in_tiles(
        self, k: str, structure: tf.Tensor, tiling: Tiling, on_tile: Callable[[], None]
    ) -> tuple[RowStrips, RowStrips]:
        """Evaluates the guidance network of scale k tile by tile.

        Args:
          k: the scale, a key of `guidance_networks`.
          structure: φ_k of the whole image, [1, height/2^k, width/2^k, channels].
          tiling: the tiles of the image, of which those of the features have half the side.
          on_tile: called without arguments after each tile.

        Returns:
          (h_k, regression).
        """
        radius = self.guidance_networks[k].receptive_field_radius
        tile = max(tiling.longest_side // 2, 4 * radius)
        tiles = make_tiling(structure.shape[1], structure.shape[2], tile, radius)
        features, regression = RowStrips(2 ** int(k)), RowStrips(2 ** int(k))
        for rows in tiles.rows:
            cores = []
            for columns in tiles.columns:
                outputs = self._compiled_guidance_networks[k](structure[:, rows.extent, columns.extent])
                cores.append([output[:, rows.core_in_window, columns.core_in_window] for output in outputs])
                on_tile()
            for strips, row in zip((features, regression), zip(*cores)):
                strips.append(tf.concat(row, axis=2))
        return features, regression

    # Denoising.

    def network_output(
        self,
        x_gamma: tf.Tensor,
        blurry: tf.Tensor,
        gamma: tf.Tensor,
        condition: dict[str, Any],
        dropout_seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        inputs = [self.parametrization.network_input(x_gamma, blurry, gamma[:, None, None, None])]
        if self.config.unet.concat_blurry:
            inputs.append(blurry)
        features = None
        if self.config.guidance.route != "input":
            features = {guided_level(self.config, int(k)): h for k, (h, _) in condition.items()}
        if self.config.guidance.route != "latent":
            # Table 8 (b): upsampled to the nearest pixel (assumed).
            for k, (_, regression) in condition.items():
                inputs.append(repeat_pixels(regression, 2 ** int(k)))
        return self.unet(tf.concat(inputs, axis=-1), tf.sqrt(gamma), features, dropout_seed)

    # Training.

    def compute_losses(self, batch: Mapping[str, tf.Tensor], seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        """Computes the losses of §3.3: 'guidance' (L_guidance) and 'noise' (the diffusion loss L_DPM)."""
        condition = self.encode_condition(batch["blurry"], seeds if training else None)
        return {
            "guidance": self.guidance_loss(batch, condition),
            "noise": self.noise_loss(batch, condition, seeds, training),
        }

    def guidance_loss(self, batch: Mapping[str, tf.Tensor], condition: dict[str, Any]) -> tf.Tensor:
        """Computes the mean squared error of the regression outputs, averaged over the scales; 0 without scales."""
        targets = self.structure(batch["sharp"])
        squares = [tf.reduce_mean(tf.square(output - targets[k])) for k, (_, output) in condition.items()]
        return tf.add_n(squares) / len(squares) if squares else tf.constant(0.0)

    def loss_weights(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns w of L = L_guidance + w·L_DPM."""
        return {"noise": linear_ramp(step, self.config.optimizer.noise_loss_ramp)}

    # Export.

    def extra_signatures(self, max_pixels: int) -> list:
        from icdpm.serving.icdpm_signatures import icdpm_signatures

        return icdpm_signatures(self, max_pixels)


def guided_level(config: ml_collections.ConfigDict, scale: int) -> int:
    """Returns the UNet's level at 1/2^scale of the resolution, which receives the guidance features of that scale."""
    return scale + 1 - config.unet.patch.bit_length()


@keras.saving.register_keras_serializable(package="icdpm")
class AlignedICDPM(ICDPM):
    """icDPM whose guidance features are aligned between two domains (Fig. 9 of the paper, where alignment decreased quality).

    A discriminator for each scale distinguishes features h_k of the source pairs from those of unlabeled target images. The
    guidance networks are trained against it with the non-saturating loss (Goodfellow et al., 2014), in addition to icDPM's
    losses. Training should start from a trained icDPM (--start_from). The paper states neither the discriminator nor the loss
    weight.
    """

    title = "Aligned icDPM"
    needs_target = True
    constraints = {**ICDPM.constraints, "alignment.weight": NON_NEGATIVE}
    loss_names = (*ICDPM.loss_names, "discriminator", "alignment")

    @classmethod
    def add_fields(cls, config: ml_collections.ConfigDict) -> None:
        super().add_fields(config)
        config.alignment = ml_collections.ConfigDict()
        config.alignment.weight = 0.01  # of the loss against the discriminators (assumed)
        config.alignment.channels = 64  # of the discriminators (assumed)

    def __init__(self, config: ml_collections.ConfigDict | Mapping, **options: Any) -> None:
        super().__init__(config, **options)
        channels = self.config.alignment.channels
        self.discriminators = {k: Discriminator(channels, f"discriminator_{k}") for k in self.guidance_networks}

    def build_networks(self, blank: tf.Tensor) -> None:
        for k, (features, _) in self.encode_condition(blank).items():
            self.discriminators[k](tf.cast(features, tf.float32))
        super().build_networks(blank)

    def compute_losses(self, batch: Mapping[str, tf.Tensor], seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        """Computes icDPM's losses and, in training, those of the discriminators and of the guidance networks against them."""
        losses = super().compute_losses(batch, seeds, training)
        if not training:
            return losses
        source, target = (self._features(batch[key]) for key in ("blurry", "target"))
        count = len(self.discriminators)
        discriminator_loss = alignment_loss = 0.0
        for k, discriminator in self.discriminators.items():
            discriminator_loss += _cross_entropy(discriminator(tf.stop_gradient(source[k])), 1.0) / (2 * count)
            discriminator_loss += _cross_entropy(discriminator(tf.stop_gradient(target[k])), 0.0) / (2 * count)
            alignment_loss += _cross_entropy(discriminator(target[k], frozen=True), 1.0) / count
        return {**losses, "discriminator": discriminator_loss, "alignment": alignment_loss}

    def loss_weights(self, step: tf.Tensor) -> dict[str, tf.Tensor]:
        return {**super().loss_weights(step), "alignment": tf.constant(self.config.alignment.weight)}

    def _features(self, blurry):
        """Returns {k: h_k in float32}."""
        return {k: tf.cast(features, tf.float32) for k, (features, _) in self.encode_condition(blurry).items()}


def _cross_entropy(logits, label):
    """Returns the mean cross-entropy between a discriminator's logits and a label (1: source, 0: target)."""
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.fill(tf.shape(logits), label), logits))
