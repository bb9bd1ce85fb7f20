"""The image-conditioned diffusion model with multiscale structure guidance (icDPM; Ren et al., arXiv 2212.01789)."""

import tensorflow as tf

from icdpm.diffusion import random
from icdpm.diffusion.noise_levels import piecewise_uniform
from icdpm.diffusion.parametrisations import (
    NoisePrediction,
    PreconditionedEstimatePrediction,
    PreconditionedNoisePrediction,
)
from icdpm.diffusion.process import diffuse
from icdpm.diffusion.samplers import draw
from icdpm.diffusion.schedules import linear_betas, signal_levels
from icdpm.networks.resampling import average_pool, repeat_pixels
from icdpm.systems.config import guided_level, size_factor
from icdpm.systems.networks import make_guidance_network, make_unet
from icdpm.systems.ramps import linear_ramp

# Purposes of the random numbers of a training example; each folds its own number into the example's seed.
_STEP, _LEVEL, _NOISE, _DROPOUT, _GUIDANCE = range(5)
# Added to every blur's strength, so that a sharp example's weight is finite: that of a blur of 44 dB PSNR at σ_r = 0.13.
_FLOOR = 0.01


class ICDPM(tf.keras.Model):
    """A denoising UNet, its guidance networks, and how they are trained.

    Images are float32 [batch, height, width, 3] in [−1, 1]; height and width divisible by `factor`.

    Args:
      config: a config checked by `check_config`.
    """

    def __init__(self, config):
        super().__init__(name="icdpm", dtype=config.precision)
        self.config = config
        self.factor = size_factor(config)
        self.guidance_networks = {str(k): make_guidance_network(config, k) for k in config.guidance.scales}
        self.unet = make_unet(config)
        self.parametrisation = {
            "noise": NoisePrediction(),
            "preconditioned_noise": PreconditionedNoisePrediction(config.diffusion.residual_std),
            "preconditioned_estimate": PreconditionedEstimatePrediction(config.diffusion.residual_std),
        }[config.diffusion.parametrisation]
        diffusion = config.diffusion
        self.training_levels = signal_levels(linear_betas(diffusion.steps, diffusion.beta_start, diffusion.beta_end)).numpy()
        # What `train_step` returns is already reduced over the replicas.
        self.distribute_reduction_method = "first"
        self._compile()
        self._make_weights()

    @property
    def reach(self):
        """How many pixels beyond a window what is denoised within it depends on (`DenoisingUNet.reach`), guidance aside."""
        return -(-self.unet.reach // self.factor) * self.factor

    def _make_weights(self):
        """Creates the weights, in float32 and a fixed order; their initial values follow the config's seed."""
        tf.keras.utils.set_random_seed(self.config.seed)
        blank = tf.zeros([1, self.factor, self.factor, 3])
        self.call(blank)

    def call(self, blurry):
        """One evaluation at γ = 0.5 of the blurry image itself: touches every weight. Use `sample` to restore."""
        return self.denoise(blurry, blurry, tf.fill([tf.shape(blurry)[0]], 0.5), self.guide(blurry))

    # Guidance.

    def structure(self, images):
        """φ_k without its noise (eq. 1): {k: images in the guidance's colour space, downsampled by 2^k}."""
        if self.config.guidance.color == "gray":
            images = tf.image.rgb_to_grayscale(images)
        return {str(k): average_pool(images, 2**k) for k in self.config.guidance.scales}

    def guide(self, blurry, seeds=None):
        """What the denoiser is told of the scene; it does not depend on the noise level: once for each image.

        Args:
          blurry: the blurry images.
          seeds: int64 [batch, 2] in training, for the noise of eq. 1; None at inference: no noise.

        Returns:
          {'k': (h_k [batch, height/2^k, width/2^k, channels], regression output in [−1, 1] at that size)}.
        """
        guidance = {}
        for k, structure in self.structure(blurry).items():
            if seeds is not None:
                noise_seeds = random.fold_in(seeds, _GUIDANCE + int(k))
                structure += self.config.guidance.noise_std * random.normal_each(noise_seeds, tf.shape(structure)[1:])
            guidance[k] = self.guidance_networks[k](structure)
        return guidance

    # Denoising.

    def predict_output(self, x_gamma, blurry, gamma, guidance, dropout_seed=None):
        """The network's output: what the parametrisation's `target` is compared with.

        Args:
          x_gamma: noisy images.
          blurry: the blurry images.
          gamma: float32 [batch].
          guidance: of `guide`.
          dropout_seed: stateless seed (int32 [2]) in training, None at inference.
        """
        inputs = [self.parametrisation.network_input(x_gamma, blurry, gamma[:, None, None, None])]
        if self.config.unet.concat_blurry:
            inputs.append(blurry)
        features = None
        if self.config.guidance.route == "latent":
            features = {guided_level(self.config, int(k)): h for k, (h, _) in guidance.items()}
        else:
            for k, (_, regression) in guidance.items():
                inputs.append(repeat_pixels(regression, 2 ** int(k)))
        return self.unet(tf.concat(inputs, axis=-1), tf.sqrt(gamma), features, dropout_seed)

    def denoise(self, x_gamma, blurry, gamma, guidance):
        """x̂: the sharp images that the network sees in x_γ, clipped to [−1, 1]. Arguments as of `predict_output`."""
        output = self.predict_output(x_gamma, blurry, gamma, guidance)
        image = self.parametrisation.image(output, x_gamma, blurry, gamma[:, None, None, None])
        return tf.clip_by_value(image, -1.0, 1.0)

    # Training.

    def losses_of(self, blurry, sharp, seeds, training):
        """The two losses of §3.3 and the numbers they were made with.

        Args:
          blurry, sharp: pairs.
          seeds: int64 [batch, 2]; all random numbers of an example follow from its seed.
          training: whether guidance noise and dropout are on.

        Returns:
          (guidance loss: MSE averaged over the scales, 0 if unguided; noise loss: mean distance from the target).
        """
        guidance = self.guide(blurry, seeds if training else None)
        targets = self.structure(sharp)
        squares = [tf.reduce_mean(tf.square(output - targets[k])) for k, (_, output) in guidance.items()]
        guidance_loss = tf.add_n(squares) / len(squares) if squares else tf.constant(0.0)

        gamma = piecewise_uniform(
            tf.constant(self.training_levels),
            random.uniform_each(random.fold_in(seeds, _STEP), []),
            random.uniform_each(random.fold_in(seeds, _LEVEL), []),
        )
        noise = random.normal_each(random.fold_in(seeds, _NOISE), tf.shape(sharp)[1:])
        level = gamma[:, None, None, None]
        dropout_seed = None
        if training and self.config.unet.dropout:
            dropout_seed = tf.random.experimental.stateless_fold_in(seeds[0], tf.constant(_DROPOUT, tf.int64), alg="philox")
        output = self.predict_output(diffuse(sharp, noise, level), blurry, gamma, guidance, dropout_seed)
        target = self.parametrisation.target(sharp, blurry, noise, level)
        distance = {"l1": tf.abs, "l2": tf.square}[self.config.diffusion.loss]
        losses = tf.reduce_mean(distance(output - target), axis=[1, 2, 3])
        if exponent := self.config.diffusion.blur_exponent:
            strength = tf.reduce_mean(tf.square(sharp - blurry), axis=[1, 2, 3]) / self.config.diffusion.residual_std**2
            losses /= (strength + _FLOOR) ** exponent
        return guidance_loss, tf.reduce_mean(losses)

    def train_step(self, batch):
        """One update from {'blurry', 'sharp', 'index'}; returns the step's losses, weight, gradient norm, learning rate.

        The losses returned are those of the whole global batch. The batch goes through the network in
        `optimizer.accumulation` parts, whose gradients are averaged.
        """
        replica = tf.distribute.get_replica_context()
        step = self.optimizer.iterations
        noise_weight = linear_ramp(step, self.config.optimizer.noise_loss_ramp)
        gradients, losses = self._accumulated_gradients(batch, noise_weight)
        # The mean over replicas, taken here so that the norm is that of the gradient which is applied.
        share = 1.0 / replica.num_replicas_in_sync
        gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, [g * share for g in gradients])
        guidance_loss, noise_loss = replica.all_reduce(tf.distribute.ReduceOp.SUM, [loss * share for loss in losses])
        norm = tf.linalg.global_norm(gradients)
        limit = self.config.optimizer.gradient_clip
        if limit:
            scale = limit / tf.maximum(norm, limit)
            gradients = [g * scale for g in gradients]
        learning_rate = self.optimizer.learning_rate
        logs = {
            "loss": guidance_loss + noise_weight * noise_loss,
            "guidance_loss": guidance_loss,
            "noise_loss": noise_loss,
            "noise_weight": noise_weight,
            "gradient_norm": norm,
            "learning_rate": learning_rate(step) if callable(learning_rate) else learning_rate + 0.0,
        }
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables), experimental_aggregate_gradients=False)
        return logs

    def _accumulated_gradients(self, batch, noise_weight):
        """Mean gradient and mean losses over the parts of this replica's batch."""
        parts = self.config.optimizer.accumulation
        variables = self.trainable_variables

        def gradients_of(blurry, sharp, index):
            seeds = random.example_seeds([self.config.seed, 0], index)
            with tf.GradientTape() as tape:
                guidance_loss, noise_loss = self.losses_of(blurry, sharp, seeds, training=True)
                loss = guidance_loss + noise_weight * noise_loss
            return tape.gradient(loss, variables), [guidance_loss, noise_loss]

        if parts == 1:
            return gradients_of(batch["blurry"], batch["sharp"], batch["index"])
        divided = {key: tf.reshape(x, tf.concat([[parts, -1], tf.shape(x)[1:]], axis=0)) for key, x in batch.items()}

        def add_part(part, gradients, losses):
            new_gradients, new_losses = gradients_of(*(divided[key][part] for key in ("blurry", "sharp", "index")))
            return (
                part + 1,
                [total + g / parts for total, g in zip(gradients, new_gradients)],
                [total + loss / parts for total, loss in zip(losses, new_losses)],
            )

        zeros = [tf.zeros(variable.shape) for variable in variables]
        start = (tf.constant(0), zeros, [tf.constant(0.0)] * 2)
        _, gradients, losses = tf.while_loop(lambda part, *_: part < parts, add_part, start, maximum_iterations=parts)
        return gradients, losses

    def test_step(self, batch):
        """The losses of {'blurry', 'sharp', 'index'} without guidance noise; the same numbers at every call."""
        seeds = random.example_seeds([self.config.seed, 1], batch["index"])
        guidance_loss, noise_loss = self.losses_of(batch["blurry"], batch["sharp"], seeds, training=False)
        return {"guidance_loss": guidance_loss, "noise_loss": noise_loss}

    # Sampling.

    def sample(self, blurry, guidance, plan, seeds, on_step=None, follow=draw):
        """Draws one sharp image for each blurry one.

        Args:
          blurry: the blurry images.
          guidance: of `compiled_guide(blurry)`.
          plan: the steps of a sampler (`icdpm.diffusion.samplers.make_plan`).
          seeds: int64 [batch, 2]; an image's sample follows from its own seed, whatever else is in the batch.
          on_step: called without arguments after each evaluation of the network.
          follow: what walks down the plan: `draw`, or in graphs `icdpm.diffusion.loop.draw_in_graph`.

        Returns:
          float32, of blurry's shape, in [−1, 1].
        """
        shape = tf.shape(blurry)[1:]

        def denoise(x, gamma):
            image = self.compiled_denoise(x, blurry, tf.fill([tf.shape(x)[0]], tf.cast(gamma, tf.float32)), guidance)
            if on_step is not None:
                on_step()
            return image

        def noise(step):
            return sampling_noise(seeds, tf.convert_to_tensor(step), shape, 0, shape[0])

        start = self.parametrisation.start(noise(plan.steps), blurry, tf.cast(plan.gammas[-1], tf.float32))
        return follow(denoise, start, noise, plan)

    def _compile(self):
        """Makes the graphs of `guide`, its two parts, and `denoise`.

        Each is one graph for images of any number and size: graphs made for one size round otherwise, and what becomes of a
        picture would depend on those before it.
        """
        images = _images_of(3)
        outputs = {"gray": 1, "rgb": 3}[self.config.guidance.color]
        features = _images_of(self.config.guidance.channels, self.compute_dtype)
        guidance = {k: (features, _images_of(outputs)) for k in self.guidance_networks}
        self.compiled_structure = tf.function(self.structure, input_signature=[images])
        self.compiled_guidance_networks = {
            k: tf.function(network.call, input_signature=[_images_of(outputs)]) for k, network in self.guidance_networks.items()
        }
        self.compiled_guide = tf.function(self.guide, input_signature=[images])
        self.compiled_denoise = tf.function(self.denoise, input_signature=[images, images, tf.TensorSpec([None]), guidance])


def _images_of(channels, dtype=tf.float32):
    return tf.TensorSpec([None, None, None, channels], dtype)


@tf.function(
    input_signature=[
        tf.TensorSpec([None, 2], tf.int64),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([3], tf.int32),
        tf.TensorSpec([], tf.int32),
        tf.TensorSpec([], tf.int32),
    ]
)
def sampling_noise(seeds, step, shape, first, last):
    """Standard normal numbers of a sampling step, one image a seed.

    Args:
      seeds: int64 [batch, 2].
      step: number of the step.
      shape: of one image.
      first, last: which of its rows are made, the last one exclusive; they are the same with and without the others.
    """
    return random.normal_rows_each(random.fold_in(seeds, step), shape, first, last)
