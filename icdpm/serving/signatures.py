"""The signatures of an exported model: what it can be asked for, and the graphs that answer."""

import tensorflow as tf

from icdpm.diffusion.random import example_seeds
from icdpm.serving.checks import check_finite, check_images, check_layout, check_that
from icdpm.serving.images import decode_image, encode_like, to_rgb
from icdpm.serving.restoration import pad_in_graph, restore_in_graph


def all_signatures(system, settings, presets, seed, max_pixels):
    """Every signature of an exported model, as they become ready.

    TensorFlow Serving knows no optional inputs, so that settings are part of the graph: each preset has signatures of its own.

    Args:
      system, settings, seed, max_pixels: see `restoration_signatures`.
      presets: {name: Settings}.

    Yields:
      (name, concrete function): serving_default and restore with the settings, serving_NAME and restore_NAME with those of
      each preset, denoise, and, unless the system is unguided, guidance.
    """
    for name, chosen in {"": settings, **presets}.items():
        encoded, arrays = restoration_signatures(system, chosen, seed, max_pixels)
        yield f"serving_{name}" if name else "serving_default", encoded
        yield f"restore_{name}" if name else "restore", arrays
    yield "denoise", denoising_signature(system, max_pixels)
    if system.config.guidance.scales:
        yield "guidance", guidance_signature(system, max_pixels)


def restoration_signatures(system, settings, seed, max_pixels):
    """The two signatures that restore, of which one takes encoded images and one takes arrays.

    Every image is restored by itself, as `icdpm.restoration.restore.restore` does it with this seed: what it becomes does
    not depend on its batch.

    Args:
      system: a trained system.
      settings: a Settings.
      seed: a whole number.
      max_pixels: how many pixels an image may have.

    Returns:
      Two concrete functions:
      image_bytes (string [batch]: PNG or JPEG files) → image_bytes (string [batch]: PNG files), error (string [batch]: what
      is wrong, or ""; then the PNG is empty);
      images (float32 [batch, height, width, 3] in [0, 1]) → images, alike.
    """
    plan = settings.plan()
    seeds = example_seeds([seed, 3], tf.range(settings.samples, dtype=tf.int64))

    def restore_encoded(content):
        image, error = decode_image(content, max_pixels)

        def restored():
            return encode_like(restore_in_graph(system, to_rgb(image), plan, seeds), image)

        return tf.cond(tf.equal(error, ""), restored, lambda: tf.constant(b"")), error

    def restore_array(image):
        return tf.cast((restore_in_graph(system, image * 2.0 - 1.0, plan, seeds) + 1.0) / 2.0, tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def encoded(image_bytes):
        contents = check_layout(image_bytes, "image_bytes", ["batch"])
        restored, errors = tf.map_fn(
            restore_encoded, contents, fn_output_signature=(tf.string, tf.string), parallel_iterations=1
        )
        return {"image_bytes": restored, "error": errors}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "images")])
    def arrays(images):
        images = check_images(images, "images", 0.0, 1.0, max_pixels)
        return {"images": tf.map_fn(restore_array, images, parallel_iterations=1)}

    return encoded.get_concrete_function(), arrays.get_concrete_function()


def guidance_signature(system, max_pixels):
    """What the denoiser is told of blurry images, once for each.

    Returns:
      A concrete function: blurry (float32 [batch, height, width, 3] in [−1, 1]) → for each scale k features_k (float32
      [batch, height/2^k, width/2^k, channels]) and regression_k (the same with 1 or 3 channels, in [−1, 1]). Height and
      width are first padded by reflection to multiples of `system.factor`.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "blurry")])
    def guidance(blurry):
        blurry = check_images(blurry, "blurry", -1.0, 1.0, max_pixels)
        outputs = {}
        for k, (features, regression) in system.compiled_guide(pad_in_graph(blurry, system.factor)).items():
            outputs |= {f"features_{k}": tf.cast(features, tf.float32), f"regression_{k}": regression}
        return outputs

    return guidance.get_concrete_function()


def denoising_signature(system, max_pixels):
    """One evaluation of the network, for samplers of one's own.

    Returns:
      A concrete function: x_gamma and blurry (float32 [batch, height, width, 3]; blurry in [−1, 1]), gamma (float32
      [batch] in (0, 1]) and, of the outputs of the signature `guidance`, those that the network uses: features_k or, where
      guidance.route is 'input', regression_k → images: x̂, in [−1, 1].
    """
    factor = system.factor
    route, kind = (0, "features") if system.config.guidance.route == "latent" else (1, "regression")
    told = {k: outputs[route].shape[-1] for k, outputs in system.compiled_guide(tf.zeros([1, factor, factor, 3])).items()}
    specs = {name: tf.TensorSpec([None, None, None, 3], tf.float32, name) for name in ("x_gamma", "blurry")}
    specs["gamma"] = tf.TensorSpec([None], tf.float32, "gamma")
    for k, channels in told.items():
        specs[f"{kind}_{k}"] = tf.TensorSpec([None, None, None, channels], tf.float32, f"{kind}_{k}")

    @tf.function
    def denoise(x_gamma, blurry, gamma, **guidance):
        blurry = check_images(blurry, "blurry", -1.0, 1.0, max_pixels)
        shape, padded = tf.shape(blurry), pad_in_graph(blurry, factor)
        x_gamma = check_finite(_of_shape(x_gamma, "x_gamma", ["batch", "height", "width", 3], shape), "x_gamma")
        gamma = _of_shape(gamma, "gamma", ["batch"], shape[:1])
        gamma = check_that(gamma, tf.reduce_all((gamma > 0.0) & (gamma <= 1.0)), "gamma must be in (0, 1]")
        guide = {}
        for k, channels in told.items():
            name, scale = f"{kind}_{k}", 2 ** int(k)
            layout = ["batch", f"padded height/{scale}", f"padded width/{scale}", channels]
            size = tf.concat([shape[:1], tf.shape(padded)[1:3] // scale, [channels]], axis=0)
            output = _of_shape(guidance[name], name, layout, size)
            guide[k] = (output, None) if route == 0 else (None, output)
        image = system.denoise(pad_in_graph(x_gamma, factor), padded, gamma, guide)
        return {"images": image[:, : shape[1], : shape[2]]}

    return denoise.get_concrete_function(**specs)


def _of_shape(tensor, name, layout, shape):
    """The tensor, once it has the shape (int32 [rank]) that follows from that of blurry."""
    tensor = check_layout(tensor, name, layout)
    message = tf.strings.format(
        f"{name} has the shape {{}}; with the given blurry it must be {{}}", [tf.shape(tensor), shape]
    )
    return check_that(tensor, tf.reduce_all(tf.equal(tf.shape(tensor), shape)), message)


def input_specs(signature):
    """{name: TensorSpec} of what a concrete function takes."""
    positional, named = signature.structured_input_signature
    return {**{spec.name: spec for spec in positional}, **named}
