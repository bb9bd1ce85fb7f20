"""Additional signatures of an exported icDPM: its guidance networks and its denoiser, for custom samplers."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from icdpm.models.image_restorer import ImageRestorer
from icdpm.networks.operations import reflect_pad_to_multiple
from icdpm.serving.input_checks import check_condition, check_finite, check_images, check_shape
from icdpm.serving.signatures import Signature

# The outputs of a guidance network, in order.
_KINDS = ("features", "regression")


def icdpm_signatures(model: ImageRestorer, max_pixels: int) -> list[Signature]:
    """Returns the additional signatures of an exported icDPM: `denoise` and, unless it is unguided, `guidance`.

    Args:
      model: an `icdpm.models.icdpm.ICDPM`.
      max_pixels: the largest number of pixels of an image.
    """
    signatures = [denoising_signature(model, max_pixels)]
    if model.config.guidance.scales:
        signatures.append(guidance_signature(model, max_pixels))
    return signatures


def guidance_signature(model: ImageRestorer, max_pixels: int) -> Signature:
    """Traces the signature that evaluates the guidance networks.

    Args:
      model: see `icdpm_signatures`.
      max_pixels: see `icdpm_signatures`.

    Returns:
      `blurry` (float32 [batch, height, width, 3] in [−1, 1]) → for each scale k `features_k` (float32 [batch, height/2^k,
      width/2^k, channels]) and `regression_k` (the same with 1 or 3 channels, in [−1, 1]). Height and width are first
      padded by reflection to multiples of `model.size_multiple`.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "blurry")], autograph=False)
    def guidance(blurry):
        blurry = check_images(blurry, "blurry", -1.0, 1.0, max_pixels)
        padded = reflect_pad_to_multiple(blurry, model.size_multiple)
        outputs = {}
        for k, (features, regression) in model.compiled_encode_condition(padded).items():
            outputs |= {f"features_{k}": tf.cast(features, tf.float32), f"regression_{k}": regression}
        return outputs

    description = "outputs of the guidance networks, computed once per image: features and regressed structure of each scale."
    return Signature("guidance", guidance.get_concrete_function(), description, lambda blurry: {"blurry": blurry})


def denoising_signature(model: ImageRestorer, max_pixels: int) -> Signature:
    """Traces the signature of one evaluation of the denoiser.

    Args:
      model: see `icdpm_signatures`.
      max_pixels: see `icdpm_signatures`.

    Returns:
      `x_gamma` and `blurry` (float32 [batch, height, width, 3]; blurry in [−1, 1]), `gamma` (float32 [batch] in (0, 1])
      and the outputs of the signature `guidance` that the denoiser uses (`features_k`; `regression_k` if guidance.route
      is 'input'; both if it is 'both') → `images`: x̂, in [−1, 1].
    """
    multiple = model.size_multiple
    kinds = {"latent": ("features",), "input": ("regression",), "both": _KINDS}[model.config.guidance.route]

    def used_outputs(condition):
        """Returns {(k, kind): output} of the guidance outputs that the denoiser uses."""
        named = ((k, dict(zip(_KINDS, outputs))) for k, outputs in condition.items())
        return {(k, kind): outputs[kind] for k, outputs in named for kind in kinds}

    blank = tf.zeros([1, multiple, multiple, 3])
    channels_of = {key: output.shape[-1] for key, output in used_outputs(model.compiled_encode_condition(blank)).items()}
    specs = {name: tf.TensorSpec([None, None, None, 3], tf.float32, name) for name in ("x_gamma", "blurry")}
    specs["gamma"] = tf.TensorSpec([None], tf.float32, "gamma")
    for (k, kind), channels in channels_of.items():
        specs[f"{kind}_{k}"] = tf.TensorSpec([None, None, None, channels], tf.float32, f"{kind}_{k}")

    @tf.function(autograph=False)
    def denoise(x_gamma, blurry, gamma, **guidance):
        blurry = check_images(blurry, "blurry", -1.0, 1.0, max_pixels)
        shape, padded = tf.shape(blurry), reflect_pad_to_multiple(blurry, multiple)
        x_gamma = check_finite(check_shape(x_gamma, "x_gamma", ["batch", "height", "width", 3], shape), "x_gamma")
        gamma = check_shape(gamma, "gamma", ["batch"], shape[:1])
        gamma = check_condition(gamma, tf.reduce_all((gamma > 0.0) & (gamma <= 1.0)), "gamma must be in (0, 1]")
        outputs = {}
        for (k, kind), channels in channels_of.items():
            name, scale = f"{kind}_{k}", 2 ** int(k)
            layout = ["batch", f"padded height/{scale}", f"padded width/{scale}", channels]
            size = tf.concat([shape[:1], tf.shape(padded)[1:3] // scale, [channels]], axis=0)
            outputs.setdefault(k, {})[kind] = check_shape(guidance[name], name, layout, size)
        condition = {k: tuple(given.get(kind) for kind in _KINDS) for k, given in outputs.items()}
        image = model.denoise(reflect_pad_to_multiple(x_gamma, multiple), padded, gamma, condition)
        return {"images": image[:, : shape[1], : shape[2]]}

    def example(blurry):
        condition = model.compiled_encode_condition(reflect_pad_to_multiple(tf.constant(blurry), multiple))
        guidance = {f"{kind}_{k}": np.float32(output) for (k, kind), output in used_outputs(condition).items()}
        return {"x_gamma": blurry, "blurry": blurry, "gamma": np.full([len(blurry)], 0.5, np.float32), **guidance}

    description = (
        "one evaluation x̂(x_γ) of the denoiser, for custom samplers; images in [−1, 1], gamma in (0, 1]. It takes outputs of "
        f"`guidance`, whose height and width are those of the image, padded to multiples of {multiple}, divided by 2^k."
    )
    return Signature("denoise", denoise.get_concrete_function(**specs), description, example)
