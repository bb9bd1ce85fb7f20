"""The signatures of an exported model: what it can be asked for, and the graphs that answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.models.sampling import unpadded_intermediate_outputs
from icdpm.networks.operations import reflect_pad_to_multiple
from icdpm.serving.graph import restore_in_graph
from icdpm.serving.images import decode_image, encode_like, to_rgb
from icdpm.serving.input_checks import check_images, check_layout


class Signature(NamedTuple):
    """A signature.

    Attributes:
      name: what it is called by.
      graph: a concrete function with named inputs that gives {name: tensor}.
      words: a sentence of the model card.
      example: function of an array of blurry images, float32 [batch, height, width, 3] in [−1, 1], that gives inputs which the
        graph answers, {name: array}: what servers are warmed up with.
    """

    name: str
    graph: Any
    words: str
    example: Callable


def all_signatures(model, settings, presets, seed, max_pixels):
    """Every signature of an exported model, as they become ready.

    TensorFlow Serving knows no optional inputs, so that settings are part of the graph: each preset has signatures of its own.

    Args:
      system, settings, seed, max_pixels: see `restoration_signatures`.
      presets: {name: Settings}.

    Yields:
      (name, concrete function): serving_default and restore with the settings, serving_NAME and restore_NAME with those of
      each preset, and pictures, if the system has any.
    """
    for name, chosen in {"": settings, **presets}.items():
        encoded, arrays = restoration_signatures(model, chosen, seed, max_pixels)
        yield f"serving_{name}" if name else "serving_default", encoded
        yield f"restore_{name}" if name else "restore", arrays
    if model.has_intermediate_outputs:
        yield "pictures", pictures_signature(model, max_pixels)


def restoration_signatures(model, settings, seed, max_pixels):
    """The two signatures that restore, of which one takes encoded images and one takes arrays.

    Every image is restored by itself, as `icdpm.restoration.restore.restore` does it with this seed: what it becomes does
    not depend on its batch.

    Args:
      model: a trained model.
      settings: of `model.settings`.
      seed: a whole number.
      max_pixels: how many pixels an image may have.

    Returns:
      Two concrete functions:
      image_bytes (string [batch]: PNG or JPEG files) → image_bytes (string [batch]: PNG files), error (string [batch]: what
      is wrong, or ""; then the PNG is empty);
      images (float32 [batch, height, width, 3] in [0, 1]) → images, alike.
    """
    plan = model.sampling_schedule(settings)
    seeds = example_seeds([seed, RandomDomain.RESTORATION], tf.range(settings.samples, dtype=tf.int64))

    def restore_encoded(content):
        image, error = decode_image(content, max_pixels)

        def restored():
            return encode_like(restore_in_graph(model, to_rgb(image), plan, seeds), image)

        return tf.cond(tf.equal(error, ""), restored, lambda: tf.constant(b"")), error

    def restore_array(image):
        return tf.cast((restore_in_graph(model, image * 2.0 - 1.0, plan, seeds) + 1.0) / 2.0, tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")], autograph=False)
    def encoded(image_bytes):
        contents = check_layout(image_bytes, "image_bytes", ["batch"])
        restored, errors = tf.map_fn(
            restore_encoded, contents, fn_output_signature=(tf.string, tf.string), parallel_iterations=1
        )
        return {"image_bytes": restored, "error": errors}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "images")], autograph=False)
    def arrays(images):
        images = check_images(images, "images", 0.0, 1.0, max_pixels)
        return {"images": tf.map_fn(restore_array, images, parallel_iterations=1)}

    return encoded.get_concrete_function(), arrays.get_concrete_function()


def pictures_signature(model, max_pixels):
    """What shows people the inside of the system.

    Returns:
      A concrete function: blurry (float32 [batch, height, width, 3] in [−1, 1]) → each of `model.intermediate_outputs`
      by its name, float32 [batch, height/s, width/s, 1 or 3] in [−1, 1], sizes rounded up.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "blurry")], autograph=False)
    def pictures(blurry):
        blurry = check_images(blurry, "blurry", -1.0, 1.0, max_pixels)
        padded = reflect_pad_to_multiple(blurry, model.size_multiple)
        _, height, width, _ = tf.unstack(tf.shape(blurry))
        return unpadded_intermediate_outputs(
            model, model.compiled_encode_condition(padded), tf.shape(padded)[1], height, width
        )

    return pictures.get_concrete_function()


def input_specs(signature):
    """{name: TensorSpec} of what a concrete function takes."""
    positional, named = signature.structured_input_signature
    return {**{spec.name: spec for spec in positional}, **named}
