"""HI-Diff (Chen et al., *Hierarchical Integration Diffusion Model for Realistic Image Deblurring*, NeurIPS 2023)."""

import ml_collections
import tensorflow as tf

from icdpm.diffusion import random
from icdpm.diffusion.sampling_loops import PosteriorMeanChain
from icdpm.diffusion.schedules import linear_betas, quadratic_betas
from icdpm.diffusion.tiling import make_tiling, scale_slice
from icdpm.errors import IcdpmError
from icdpm.keras import keras
from icdpm.models.image_restorer import ImageRestorer
from icdpm.models.rules import Rules
from icdpm.networks.adaptive_pooling import adaptive_average_pool
from icdpm.networks.deblurring_transformer import DeblurringTransformer
from icdpm.networks.latent_encoder import LatentEncoder
from icdpm.networks.prior_denoiser import MixerDenoiser, PerceptronDenoiser

_SPACINGS = {"linear": linear_betas, "quadratic": quadratic_betas}

# Of tiles, in pixels: over twice as many they fade into each other.
_MARGIN = 64
# Side of the windows in which the condition encoder sees a picture that is restored in tiles.
_ENCODED_AT_ONCE = 1024


@keras.saving.register_keras_serializable(package="icdpm")
class HIDiff(ImageRestorer):
    """A transformer that restores a picture in one pass, told of it by a prior of a few tokens that a small diffusion predicts.

    It is trained in two stages. In the first the prior is what a latent encoder says of the sharp picture and the blurry one
    together (`config.prior.source` is 'encoded'). In the second that encoder stays as it is; a condition encoder that sees the
    blurry picture and a denoiser of tokens predict its prior, by a chain of few steps that is walked whole, and the
    transformer is trained along ('diffused'). Without a prior it is the baseline that the paper starts from ('none').

    The chain adds no noise. What it starts with, which the official code draws anew at every call, is drawn once for a model,
    from the config's seed: a picture has one answer.

    Its conditions are {'prior': float32 [batch, tokens, width]}, of the whole picture. Channel attention sees the whole picture
    too: with the prior of the whole a tile is still another picture, near to that part of the whole.
    """

    title = "a HI-Diff"
    description = (
        "A transformer that restores a picture in one pass, guided at several scales by a prior that a diffusion in a compact "
        "latent space predicts (*Hierarchical Integration Diffusion Model for Realistic Image Deblurring*, Chen et al., "
        "NeurIPS 2023)."
    )
    rules = Rules(
        choices={
            "transformer.guide": ("hierarchical", "single"),
            "prior.source": ("encoded", "diffused", "none"),
            "encoder.kind": ("gelu", "leaky_relu"),
            "denoiser.kind": ("mixer", "perceptron"),
            "chain.spacing": tuple(_SPACINGS),
            "chain.predicts": ("noise", "image"),
        },
        below_one={"chain.beta_start", "chain.beta_end"},
    )

    @classmethod
    def add_fields(cls, config):
        # The transformer (the GoPro model's; the RealBlur models' expansion is 2).
        config.transformer = ml_collections.ConfigDict()
        config.transformer.channels = 48
        config.transformer.blocks = (3, 5, 6, 6)
        config.transformer.refinement_blocks = 4
        config.transformer.heads = (1, 2, 4, 8)
        config.transformer.expansion = 2.66  # of the feed-forward networks
        config.transformer.patch = 1  # pixels to a side of what it sees as one pixel
        config.transformer.zero_last = False  # whether branches and head start at zero: for short training
        config.transformer.guide = "hierarchical"  # or single: the same prior at every level (the ablation's Single-Guide)

        # The prior z.
        config.prior = ml_collections.ConfigDict()
        config.prior.source = "diffused"  # encoded: the first stage; diffused: the second; none: the baseline
        config.prior.side = 4  # tokens to a side
        config.prior.width = 256  # channels of a token
        config.prior.joint = True  # the second stage trains the transformer too; False: the ablation's Split-Training
        config.prior.latent_encoder = True  # False: without it, as published weights come: restores, but is not trained

        # The latent encoder and the condition encoder, which differ in what they are shown.
        config.encoder = ml_collections.ConfigDict()
        config.encoder.kind = "gelu"  # or leaky_relu: the RealBlur models'
        config.encoder.channels = 64
        config.encoder.blocks = 6
        config.encoder.token_expansion = 0.5
        config.encoder.channel_expansion = 4.0

        # The denoiser of tokens.
        config.denoiser = ml_collections.ConfigDict()
        config.denoiser.kind = "mixer"  # or perceptron: the RealBlur models', of which only `blocks` is looked at
        config.denoiser.hidden = 512
        config.denoiser.blocks = 2
        config.denoiser.token_expansion = 0.5
        config.denoiser.channel_expansion = 2.0

        # The chain of the diffusion, the same in training and restoring.
        config.chain = ml_collections.ConfigDict()
        config.chain.steps = 8
        config.chain.beta_start = 0.1
        config.chain.beta_end = 0.99
        config.chain.spacing = "linear"  # of β; quadratic: linear in √β
        config.chain.predicts = "noise"  # with x̂ clipped to [−1, 1]; image: x̂ itself

    @classmethod
    def check(cls, config):
        for field in ("blocks", "heads"):
            if len(config.transformer[field]) != 4:
                raise IcdpmError(
                    f"the config field transformer.{field} is {config.transformer[field]}; it must hold four numbers"
                )
        for level, heads in enumerate(config.transformer.heads):
            if config.transformer.channels * 2**level % heads or config.transformer.channels % 2:
                raise IcdpmError(
                    f"the config field transformer.channels is {config.transformer.channels}; it must be even, and its "
                    f"{2**level}-fold at level {level} must divide into {heads} heads"
                )
        if config.prior.side % 2:
            raise IcdpmError(f"the config field prior.side is {config.prior.side}; it must be even")

    @classmethod
    def size_multiple_for(cls, config):
        return DeblurringTransformer.size_multiple * config.transformer.patch

    @classmethod
    def check_restores(cls, config):
        if config.prior.source == "encoded":
            raise IcdpmError(
                "this is a HI-Diff after its first stage, whose prior is taken from the sharp picture: it cannot restore; "
                "train the second stage with --start_from"
            )

    @classmethod
    def check_start(cls, config, start):
        if config.prior.source != "diffused":
            return
        if start is None or start.get("model") != config.model or not _has_latent_encoder(start):
            raise IcdpmError(
                "the second stage of a HI-Diff begins with the latent encoder of the first: name its workdir with --start_from"
            )
        if not config.prior.latent_encoder:
            raise IcdpmError("with prior.latent_encoder False a HI-Diff cannot be trained: nothing says what the prior is")

    def __init__(self, config, **options):
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
        self.latent_encoder = self._encoder("latent_encoder") if _has_latent_encoder(config) else None
        self.condition_encoder = None
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
    def tile_overlap(self):
        return -(-_MARGIN // self.size_multiple) * self.size_multiple

    @property
    def bytes_per_pixel(self):
        return self.transformer.bytes_per_pixel

    @property
    def working_bytes(self):
        return self.transformer.working_bytes

    # The prior.

    def encoded_prior(self, blurry, sharp):
        """z of the latent encoder; images in [−1, 1]."""
        return self.latent_encoder(_to_unit(tf.concat([sharp, blurry], axis=-1)))

    def diffused_prior(self, blurry, start):
        """ẑ at the end of the chain that begins with `start`, float32 [batch, tokens, width]."""
        return self._follow_chain(self.condition_encoder(_to_unit(blurry)), start)

    def _follow_chain(self, condition, start):
        return self.chain.sample(lambda noisy, step: self.denoiser(noisy, condition, step=step), start)

    def priors_along_chain(self, blurry):
        """Computes the prior before each step of the reverse chain and after the last one.

        Args:
          blurry: float32 [batch, height, width, 3] in [−1, 1].

        Returns:
          [z_T, …, z_0], each float32 [batch, tokens, width].
        """
        condition = self.condition_encoder(_to_unit(blurry))
        priors = []

        def predict(noisy, step):
            priors.append(noisy)
            return self.denoiser(noisy, condition, step=step)

        last = self.chain.sample(predict, self._start_of_chain(tf.shape(blurry)[0]))
        return [*priors, last]

    def _start_of_chain(self, count):
        shape = [self.config.prior.side**2, self.config.prior.width]
        start = random.normal(tf.constant([self.config.seed, random.RandomDomain.RESTORATION], tf.int64), shape)
        return tf.repeat(start[None], count, axis=0)

    def encode_condition(self, blurry):
        """The prior of the whole picture.

        Of the first stage, which has none without the sharp picture, it is that of a picture that was sharp already.
        """
        prior = self.config.prior
        if prior.source == "none":
            return {}
        if prior.source == "encoded":
            return {"prior": self.encoded_prior(blurry, blurry)}
        return {"prior": self.diffused_prior(blurry, self._start_of_chain(tf.shape(blurry)[0]))}

    def encode_condition_in_tiles(self, picture, tiling, on_tile=lambda: None):
        """The prior of the whole picture, of windows of it that see all they depend on: the tiles' own do not."""
        if tiling.count == 1 or self.config.prior.source != "diffused":
            return super().encode_condition_in_tiles(picture, tiling, on_tile)
        encoder = self.condition_encoder
        patch, margin = encoder.patch, -(-encoder.receptive_field_radius // self.size_multiple) * self.size_multiple
        windows = make_tiling(picture.height, picture.width, max(_ENCODED_AT_ONCE, 4 * margin), margin, self.size_multiple)
        pooled = 0.0
        for rows in windows.rows:
            for columns in windows.columns:
                features = encoder.features(_to_unit(picture.window(rows.extent, columns.extent)))
                core = features[:, scale_slice(rows.core_in_window, patch), scale_slice(columns.core_in_window, patch)]
                whole, begin = (
                    (picture.height // patch, picture.width // patch),
                    (rows.core_start // patch, columns.core_start // patch),
                )
                pooled += adaptive_average_pool(core, encoder.side, whole, begin)
                on_tile()
        return {"prior": self._follow_chain(encoder.tokens(pooled), self._start_of_chain(1))}

    def encode_pair_condition(self, batch):
        """With the sharp pictures for the first stage, as it is trained."""
        if self.config.prior.source == "encoded":
            return {"prior": self.encoded_prior(batch["blurry"], batch["sharp"])}
        return super().encode_pair_condition(batch)

    # Restoring.

    def estimate(self, blurry, prior):
        """The sharp images as the transformer says them, in [0, 1] but not clipped; `prior` None for the baseline."""
        return self.transformer(_to_unit(blurry), prior)

    def denoise(self, x, blurry, gamma, conditions):
        return tf.clip_by_value(2.0 * self.estimate(blurry, conditions.get("prior")) - 1.0, -1.0, 1.0)

    def build_networks(self, blank):
        if self.latent_encoder is not None:
            self.encoded_prior(blank, blank)
        super().build_networks(blank)
        if self.config.prior.source == "diffused":  # only now: Keras 3 marks the weights that there are
            if self.latent_encoder is not None:
                self.latent_encoder.trainable = False
            self.transformer.trainable = self.config.prior.joint

    # Training.

    @property
    def loss_names(self):
        prior = self.config.prior
        if prior.source != "diffused":
            return ("deblurring",)
        return ("prior", "deblurring") if prior.joint else ("prior",)

    def compute_losses(self, batch, seeds, training):
        """L1 of the images in [0, 1] and, in the second stage, of the prior; of Split-Training the prior's alone."""
        blurry, sharp, prior = batch["blurry"], batch["sharp"], self.config.prior
        if prior.source == "none":
            return {"deblurring": _distance(self.estimate(blurry, None), _to_unit(sharp))}
        encoded = self.encoded_prior(blurry, sharp)
        if prior.source == "encoded":
            return {"deblurring": _distance(self.estimate(blurry, encoded), _to_unit(sharp))}
        encoded = tf.stop_gradient(encoded)
        noise = random.normal_each(seeds, [prior.side**2, prior.width])
        diffused = self.diffused_prior(blurry, self.chain.diffuse(encoded, noise))
        losses = {"prior": _distance(diffused, encoded)}
        if prior.joint:
            losses["deblurring"] = _distance(self.estimate(blurry, diffused), _to_unit(sharp))
        return losses


def _has_latent_encoder(config):
    return config.prior.source == "encoded" or (config.prior.source == "diffused" and config.prior.latent_encoder)


def _denoiser(fields, tokens, width):
    if fields.kind == "perceptron":
        return PerceptronDenoiser(width, fields.blocks)
    return MixerDenoiser(tokens, width, fields.hidden, fields.blocks, fields.token_expansion, fields.channel_expansion)


def _to_unit(images):
    """[−1, 1] → [0, 1], in which the transformer and the encoders see images."""
    return 0.5 * images + 0.5


def _distance(one, other):
    return tf.reduce_mean(tf.abs(one - other))
