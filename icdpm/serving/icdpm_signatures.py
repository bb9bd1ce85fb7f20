"""What icDPM's exported models can be asked for besides restoring: its two halves, for samplers of one's own."""

import numpy as np
import tensorflow as tf

from icdpm.networks.operations import reflect_pad_to_multiple
from icdpm.serving.input_checks import check_finite, check_images, check_shape, check_that
from icdpm.serving.signatures import Signature

# The outputs of a guidance network, in its order.
_KINDS = ("features", "regression")


def icdpm_signatures(model, max_pixels):
    """Returns the additional signatures of an exported icDPM: `denoise` and, unless it is unguided, `guidance`."""
    signatures = [denoising_signature(model, max_pixels)]
    if model.config.guidance.scales:
        signatures.append(guidance_signature(model, max_pixels))
    return signatures


def guidance_signature(model, max_pixels):
    """What the denoiser is told of blurry images, once for each.

    Returns:
      A Signature: blurry (float32 [batch, height, width, 3] in [−1, 1]) → for each scale k features_k (float32
      [batch, height/2^k, width/2^k, channels]) and regression_k (the same with 1 or 3 channels, in [−1, 1]). Height and
      width are first padded by reflection to multiples of `model.size_multiple`.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "blurry")], autograph=False)
    def guidance(blurry):
        blurry = check_images(blurry, "blurry", -1.0, 1.0, max_pixels)
        outputs = {}
        for k, (features, regression) in model.compiled_encode_condition(
            reflect_pad_to_multiple(blurry, model.size_multiple)
        ).items():
            outputs |= {f"features_{k}": tf.cast(features, tf.float32), f"regression_{k}": regression}
        return outputs

    words = "what the denoiser is told of the scene, once for an image: features and what is regressed from them, by scale."
    return Signature("guidance", guidance.get_concrete_function(), words, lambda blurry: {"blurry": blurry})


def denoising_signature(model, max_pixels):
    """One evaluation of the network, for samplers of one's own.

    Returns:
      A Signature: x_gamma and blurry (float32 [batch, height, width, 3]; blurry in [−1, 1]), gamma (float32 [batch] in
      (0, 1]) and, of the outputs of the signature `guidance`, those that the network uses: features_k, regression_k where
      guidance.route is 'input', or both where it is 'both' → images: x̂, in [−1, 1].
    """
    factor = model.size_multiple
    kinds = {"latent": ("features",), "input": ("regression",), "both": _KINDS}[model.config.guidance.route]

    def used(conditions):
        """{(k, kind): output} of the conditions that the network uses."""
        each = ((k, dict(zip(_KINDS, outputs))) for k, outputs in conditions.items())
        return {(k, kind): outputs[kind] for k, outputs in each for kind in kinds}

    blank = tf.zeros([1, factor, factor, 3])
    told = {key: output.shape[-1] for key, output in used(model.compiled_encode_condition(blank)).items()}
    specs = {name: tf.TensorSpec([None, None, None, 3], tf.float32, name) for name in ("x_gamma", "blurry")}
    specs["gamma"] = tf.TensorSpec([None], tf.float32, "gamma")
    for (k, kind), channels in told.items():
        specs[f"{kind}_{k}"] = tf.TensorSpec([None, None, None, channels], tf.float32, f"{kind}_{k}")

    @tf.function(autograph=False)
    def denoise(x_gamma, blurry, gamma, **guidance):
        blurry = check_images(blurry, "blurry", -1.0, 1.0, max_pixels)
        shape, padded = tf.shape(blurry), reflect_pad_to_multiple(blurry, factor)
        x_gamma = check_finite(check_shape(x_gamma, "x_gamma", ["batch", "height", "width", 3], shape), "x_gamma")
        gamma = check_shape(gamma, "gamma", ["batch"], shape[:1])
        gamma = check_that(gamma, tf.reduce_all((gamma > 0.0) & (gamma <= 1.0)), "gamma must be in (0, 1]")
        outputs = {}
        for (k, kind), channels in told.items():
            name, scale = f"{kind}_{k}", 2 ** int(k)
            layout = ["batch", f"padded height/{scale}", f"padded width/{scale}", channels]
            size = tf.concat([shape[:1], tf.shape(padded)[1:3] // scale, [channels]], axis=0)
            outputs.setdefault(k, {})[kind] = check_shape(guidance[name], name, layout, size)
        guide = {k: tuple(given.get(kind) for kind in _KINDS) for k, given in outputs.items()}
        image = model.denoise(reflect_pad_to_multiple(x_gamma, factor), padded, gamma, guide)
        return {"images": image[:, : shape[1], : shape[2]]}

    def example(blurry):
        conditions = model.compiled_encode_condition(reflect_pad_to_multiple(tf.constant(blurry), factor))
        guidance = {f"{kind}_{k}": np.float32(output) for (k, kind), output in used(conditions).items()}
        return {"x_gamma": blurry, "blurry": blurry, "gamma": np.full([len(blurry)], 0.5, np.float32), **guidance}

    words = (
        "one evaluation x̂(x_γ) for samplers of one's own; values in [−1, 1], gamma in (0, 1]; takes outputs of `guidance`, "
        f"whose sizes are those of the image padded to multiples of {factor}, over 2^k."
    )
    return Signature("denoise", denoise.get_concrete_function(**specs), words, example)
