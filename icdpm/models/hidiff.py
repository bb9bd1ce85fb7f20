"""HI-Diff (Chen et al., *Hierarchical Integration Diffusion Model for Realistic Image Deblurring*, NeurIPS 2023)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ml_collections
import tensorflow as tf

from icdpm.diffusion import random
from icdpm.diffusion.sampling_loops import PosteriorMeanChain
from icdpm.diffusion.schedules import linear_betas, quadratic_betas
from icdpm.diffusion.tiling import LazyImage, Tiling, make_tiling, scale_slice
from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.models.constraints import POSITIVE_FRACTION, FieldConstraints, wrong_value
from icdpm.models.image_restorer import ImageRestorer
from icdpm.networks.hidiff.prior import LatentEncoder, MixerDenoiser, PerceptronDenoiser, adaptive_average_pool
from icdpm.networks.hidiff.transformer import DeblurringTransformer

_SPACINGS = {"linear": linear_betas, "quadratic": quadratic_betas}

# Overlap of tiles on each side, in pixels; tiles are blended over it.
_TILE_OVERLAP = 64
# Side in pixels of the windows in which the condition encoder processes an image that is restored in tiles.
_ENCODER_WINDOW = 1024


@keras.saving.register_keras_serializable(package="icdpm")
class HIDiff(ImageRestorer):
    """Transformer that restores an image in one evaluation, guided by a few prior tokens that a small diffusion model predicts.

    Training has two stages. In the first, a latent encoder computes the prior from the sharp and the blurry image together
    (`config.prior.source` is 'encoded'). In the second ('diffused'), that encoder is frozen; a condition encoder that receives
    the blurry image and a denoiser of tokens predict its prior by a chain of few steps, all of which are run in training, and
    the transformer is trained with them. 'none' is the baseline without a prior.

    The chain adds no noise. The official code draws its start anew in every call; here it is drawn once from the config's seed,
    so that an image has one result.

    The condition is {'prior': float32 [batch, tokens, width]}, computed from the whole image. Since channel attention also
    depends on the whole image, a tile that is restored with this prior is close to that part of the whole image's result, but
    not equal.
    """

    title = "HI-Diff"
    description = (
        "A transformer that restores an image in one evaluation, guided at several scales by a prior that a diffusion in a "
        "compact latent space predicts (*Hierarchical Integration Diffusion Model for Realistic Image Deblurring*, Chen et "
        "al., NeurIPS 2023)."
    )
    constraints = {
        "transformer.guide": FieldConstraints(choices=("hierarchical", "single")),
        "prior.source": FieldConstraints(choices=("encoded", "diffused", "none")),
        "encoder.kind": FieldConstraints(choices=("gelu", "leaky_relu")),
        "denoiser.kind": FieldConstraints(choices=("mixer", "perceptron")),
        "chain.spacing": FieldConstraints(choices=tuple(_SPACINGS)),
        "chain.predicts": FieldConstraints(choices=("noise", "image")),
        "chain.beta_start": POSITIVE_FRACTION,
        "chain.beta_end": POSITIVE_FRACTION,
    }

    @classmethod
    def add_fields(cls, config: ml_collections.ConfigDict) -> None:
        # The transformer of the GoPro model; the expansion of the RealBlur models is 2.
        config.transformer = ml_collections.ConfigDict()
        config.transformer.channels = 48
        config.transformer.blocks = (3, 5, 6, 6)
        config.transformer.refinement_blocks = 4
        config.transformer.heads = (1, 2, 4, 8)
        config.transformer.expansion = 2.66  # of the feed-forward networks
        config.transformer.patch = 1  # side of the pixel patches that it processes as one pixel
        config.transformer.zero_last = False  # whether residual branches and head start at zero, for short training
        config.transformer.guide = "hierarchical"  # single: the same prior at every level (the ablation's Single-Guide)

        # The prior z.
        config.prior = ml_collections.ConfigDict()
        config.prior.source = "diffused"  # encoded: the first stage; diffused: the second; none: the baseline
        config.prior.side = 4  # side of the square grid of tokens
        config.prior.width = 256  # channels of a token
        config.prior.joint = True  # the second stage trains the transformer too; False: the ablation's Split-Training
        config.prior.latent_encoder = True  # False: published weights without it, which restore but cannot be trained

        # The latent encoder and the condition encoder, which differ in their inputs.
        config.encoder = ml_collections.ConfigDict()
        config.encoder.kind = "gelu"  # leaky_relu: the RealBlur models'
        config.encoder.channels = 64
        config.encoder.blocks = 6
        config.encoder.token_expansion = 0.5
        config.encoder.channel_expansion = 4.0

        # The denoiser of tokens.
        config.denoiser = ml_collections.ConfigDict()
        config.denoiser.kind = "mixer"  # perceptron: the RealBlur models', which use only `blocks`
        config.denoiser.hidden = 512
        config.denoiser.blocks = 2
        config.denoiser.token_expansion = 0.5
        config.denoiser.channel_expansion = 2.0

        # The diffusion chain, the same in training and restoration.
        config.chain = ml_collections.ConfigDict()
        config.chain.steps = 8
        config.chain.beta_start = 0.1
        config.chain.beta_end = 0.99
        config.chain.spacing = "linear"  # of β; quadratic: linear in √β
        config.chain.predicts = "noise"  # x̂ follows and is clipped to [−1, 1]; image: x̂ itself

    @classmethod
    def check(cls, config: ml_collections.ConfigDict) -> None:
        transformer = config.transformer
        for field in ("blocks", "heads"):
            if len(transformer[field]) != 4:
                raise wrong_value(f"transformer.{field}", transformer[field], "four numbers")
        for level, heads in enumerate(transformer.heads):
            if transformer.channels * 2**level % heads or transformer.channels % 2:
                raise IcdpmError(
                    f"`transformer.channels` must be even, and {2**level} times it, the channels of level {level}, must be "
                    f"divisible by {heads} heads. Received: {transformer.channels}."
                )
        if config.prior.side % 2:
            raise wrong_value("prior.side", config.prior.side, "even")
        encoder, tokens = config.encoder, config.prior.side**2
        for section, field, width in (
            ("transformer", "expansion", transformer.channels),
            ("encoder", "token_expansion", tokens),
            ("encoder", "channel_expansion", encoder.channels if encoder.kind == "gelu" else config.prior.width),
            ("denoiser", "token_expansion", tokens),
            ("denoiser", "channel_expansion", config.denoiser.hidden),
        ):
            if width * config[section][field] < 1:
                raise wrong_value(f"{section}.{field}", config[section][field], f"at least 1/{width}, which is one channel")

    @classmethod
    def size_multiple_for(cls, config: ml_collections.ConfigDict) -> int:
        return DeblurringTransformer.size_multiple * config.transformer.patch

    @classmethod
    def check_restores(cls, config: ml_collections.ConfigDict) -> None:
        if config.prior.source == "encoded":
            raise IcdpmError(
                "A HI-Diff model cannot restore after its first stage, because its prior depends on the sharp image. Train the "
                "second stage with --start_from."
            )

    @classmethod
    def check_start(cls, config: ml_collections.ConfigDict, start: ml_collections.ConfigDict | None) -> None:
        if config.prior.source != "diffused":
            return
        if start is None or start.get("model") != config.model or not _has_latent_encoder(start):
            raise IcdpmError(
                "The second stage of HI-Diff starts with the latent encoder of the first. Name the first stage's workdir "
                "with --start_from."
            )
        if not config.prior.latent_encoder:
            raise IcdpmError("HI-Diff with `prior.latent_encoder` False cannot be trained: it has no target for the prior.")

    def __init__(self, config: ml_collections.ConfigDict | Mapping, **options: Any) -> None:
        super().__init__(config, **options)
        config = self.config
        prior, transformer = config.prior, config.transformer
        tokens = prior.side**2
        self.transformer = DeblurringTransformer(
            transformer.channels,
            transformer.blocks,
            transformer.heads,
            transformer.refinement_blocks,
            transformer.expansion,
            dtype=config.precision,
            guide="none" if prior.source == "none" else transformer.guide,
            tokens=tokens,
            prior_width=prior.width,
            patch=transformer.patch,
            zero_last=transformer.zero_last,
        )
        self.latent_encoder: Any = self._encoder("latent_encoder") if _has_latent_encoder(config) else None
        self.condition_encoder: Any = None
        if prior.source == "diffused":
            self.condition_encoder = self._encoder("condition_encoder")
            self.denoiser = _denoiser(config.denoiser, tokens, prior.width)
            betas = _SPACINGS[config.chain.spacing](config.chain.steps, config.chain.beta_start, config.chain.beta_end)
            self.chain = PosteriorMeanChain(betas, config.chain.predicts)

    def _encoder(self, name):
        encoder, prior = self.config.encoder, self.config.prior
        return LatentEncoder(
            encoder.kind,
            encoder.channels,
            encoder.blocks,
            prior.side,
            prior.width,
            encoder.token_expansion,
            encoder.channel_expansion,
            dtype=self.config.precision,
            name=name,
        )

    @property
    def tile_overlap(self) -> int:
        return -(-_TILE_OVERLAP // self.size_multiple) * self.size_multiple

    @property
    def bytes_per_pixel(self) -> float:
        return self.transformer.bytes_per_pixel

    @property
    def working_bytes(self) -> int:
        return self.transformer.working_bytes

    # The prior.

    def encoded_prior(self, blurry: tf.Tensor, sharp: tf.Tensor) -> tf.Tensor:
        """Returns the latent encoder's prior z, float32 [batch, tokens, width]; images in [−1, 1]."""
        return self.latent_encoder(_to_zero_one(tf.concat([sharp, blurry], axis=-1)))

    def diffused_prior(self, blurry: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        """Returns ẑ at the end of the chain from z_T = `start`, float32 [batch, tokens, width]; images in [−1, 1]."""
        return self._run_chain(self.condition_encoder(_to_zero_one(blurry)), start)

    def _run_chain(self, condition, start):
        return self.chain.sample(lambda noisy, step: self.denoiser(noisy, condition, step=step), start)

    def priors_along_chain(self, blurry: tf.Tensor) -> list[tf.Tensor]:
        """Computes the prior before each step of the reverse chain and after the last one.

        Args:
          blurry: float32 [batch, height, width, 3] in [−1, 1].

        Returns:
          [z_T, …, z_0], each float32 [batch, tokens, width].
        """
        condition = self.condition_encoder(_to_zero_one(blurry))
        priors = []

        def predict(noisy, step):
            priors.append(noisy)
            return self.denoiser(noisy, condition, step=step)

        last = self.chain.sample(predict, self._initial_prior(tf.shape(blurry)[0]))
        return [*priors, last]

    def _initial_prior(self, count):
        """Returns z_T, [count, tokens, width]: the same standard normal numbers for each image."""
        shape = [self.config.prior.side**2, self.config.prior.width]
        start = random.normal(tf.constant([self.config.seed, random.RandomDomain.RESTORATION], tf.int64), shape)
        return tf.repeat(start[None], count, axis=0)

    def encode_condition(self, blurry: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the prior of the whole image.

        A first-stage model needs the sharp image, which is unknown here; the blurry image takes its place.
        """
        prior = self.config.prior
        if prior.source == "none":
            return {}
        if prior.source == "encoded":
            return {"prior": self.encoded_prior(blurry, blurry)}
        return {"prior": self.diffused_prior(blurry, self._initial_prior(tf.shape(blurry)[0]))}

    def encode_condition_in_tiles(
        self, image: LazyImage, tiling: Tiling, on_tile: Callable[[], None] = lambda: None
    ) -> dict[str, tf.Tensor]:
        """Computes the prior of the whole image from windows that overlap by the condition encoder's receptive field."""
        if tiling.count == 1 or self.config.prior.source != "diffused":
            return super().encode_condition_in_tiles(image, tiling, on_tile)
        encoder, multiple = self.condition_encoder, self.size_multiple
        patch, overlap = encoder.patch, -(-encoder.receptive_field_radius // multiple) * multiple
        windows = make_tiling(image.height, image.width, max(_ENCODER_WINDOW, 4 * overlap), overlap, multiple)
        pooled = 0.0
        for rows in windows.rows:
            for columns in windows.columns:
                features = encoder.features(_to_zero_one(image.window(rows.extent, columns.extent)))
                core = features[:, scale_slice(rows.core_in_window, patch), scale_slice(columns.core_in_window, patch)]
                whole = image.height // patch, image.width // patch
                begin = rows.core_start // patch, columns.core_start // patch
                pooled += adaptive_average_pool(core, encoder.side, whole, begin)
                on_tile()
        return {"prior": self._run_chain(encoder.tokens(pooled), self._initial_prior(1))}

    def encode_pair_condition(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Returns the prior for validation; in the first stage it depends on the sharp images, as in training."""
        if self.config.prior.source == "encoded":
            return {"prior": self.encoded_prior(batch["blurry"], batch["sharp"])}
        return super().encode_pair_condition(batch)

    # Restoration.

    def estimate(self, blurry: tf.Tensor, prior: tf.Tensor | None) -> tf.Tensor:
        """Returns the transformer's estimate of the sharp images, scaled to [0, 1] and not clipped.

        Args:
          blurry: the blurry images, in [−1, 1].
          prior: float32 [batch, tokens, width]; None for the baseline.
        """
        return self.transformer(_to_zero_one(blurry), prior)

    def denoise(self, x: tf.Tensor, blurry: tf.Tensor, gamma: tf.Tensor, condition: dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.clip_by_value(2.0 * self.estimate(blurry, condition.get("prior")) - 1.0, -1.0, 1.0)

    def build_networks(self, blank: tf.Tensor) -> None:
        if self.latent_encoder is not None:
            self.encoded_prior(blank, blank)
        super().build_networks(blank)
        if self.config.prior.source == "diffused":  # after building: Keras 3 marks existing weights only
            if self.latent_encoder is not None:
                self.latent_encoder.trainable = False
            self.transformer.trainable = self.config.prior.joint

    # Training.

    @property
    def loss_names(self) -> tuple[str, ...]:  # type: ignore[override]
        prior = self.config.prior
        if prior.source != "diffused":
            return ("deblurring",)
        return ("prior", "deblurring") if prior.joint else ("prior",)

    def compute_losses(self, batch: Mapping[str, tf.Tensor], seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        """Computes the L1 losses of images in [0, 1] and, in stage 2, of the prior (Split-Training: the latter alone)."""
        blurry, sharp, prior = batch["blurry"], batch["sharp"], self.config.prior
        if prior.source == "none":
            return {"deblurring": _l1(self.estimate(blurry, None), _to_zero_one(sharp))}
        encoded = self.encoded_prior(blurry, sharp)
        if prior.source == "encoded":
            return {"deblurring": _l1(self.estimate(blurry, encoded), _to_zero_one(sharp))}
        encoded = tf.stop_gradient(encoded)
        noise = random.normal_each(seeds, [prior.side**2, prior.width])
        diffused = self.diffused_prior(blurry, self.chain.diffuse(encoded, noise))
        losses = {"prior": _l1(diffused, encoded)}
        if prior.joint:
            losses["deblurring"] = _l1(self.estimate(blurry, diffused), _to_zero_one(sharp))
        return losses


def _has_latent_encoder(config):
    return config.prior.source == "encoded" or (config.prior.source == "diffused" and config.prior.latent_encoder)


def _denoiser(fields, tokens, width):
    if fields.kind == "perceptron":
        return PerceptronDenoiser(width, fields.blocks)
    return MixerDenoiser(tokens, width, fields.hidden, fields.blocks, fields.token_expansion, fields.channel_expansion)


def _to_zero_one(images):
    """Converts images from [−1, 1] to [0, 1], the range of the transformer and the encoders."""
    return 0.5 * images + 0.5


def _l1(one, other):
    return tf.reduce_mean(tf.abs(one - other))
