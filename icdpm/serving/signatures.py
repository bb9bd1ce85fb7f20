"""The signatures of an exported model.

`restore_in_graph` performs the operations of `icdpm.restoration.restore.restore` on one image, with equal results, bit
for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.models.image_restorer import ImageRestorer
from icdpm.models.sampling import sample_in_graph, unpadded_intermediate_outputs
from icdpm.models.settings import Settings
from icdpm.networks.operations import reflect_pad_to_multiple
from icdpm.restoration.restore import PIXELS_AT_ONCE
from icdpm.serving.encoded_images import decode_in_graph, encode_in_graph, to_rgb
from icdpm.serving.input_checks import check_images, check_layout


class Signature(NamedTuple):
    """A signature that a model class adds to its exported models (`ImageRestorer.extra_signatures`).

    Attributes:
      name: name of the signature.
      graph: a concrete function with named inputs that returns {name: tensor}.
      description: a sentence for the model card.
      example: returns valid inputs {name: array}, which warm up a server, for blurry images, float32 [batch, height,
        width, 3] in [−1, 1].
    """

    name: str
    graph: Any
    description: str
    example: Callable[[np.ndarray], dict[str, np.ndarray]]


def all_signatures(
    model: ImageRestorer, settings: Settings, presets: Mapping[str, Settings], seed: int, max_pixels: int
) -> Iterator[tuple[str, Any]]:
    """Traces the signatures that every exported model has.

    TensorFlow Serving has no optional inputs, so settings are constants of a graph and each preset has its own signatures.

    Args:
      model: see `restoration_signatures`.
      settings: see `restoration_signatures`.
      seed: see `restoration_signatures`.
      max_pixels: see `restoration_signatures`.
      presets: {name: settings}.

    Yields:
      (name, concrete function): `serving_default` and `restore` with `settings`, `serving_NAME` and `restore_NAME` with
      each preset, and `intermediate_outputs` if the model has any. Those of the same settings are the same function.
    """
    traced: dict[Settings, tuple] = {}
    for name, chosen in {"": settings, **presets}.items():
        if chosen not in traced:
            traced[chosen] = restoration_signatures(model, chosen, seed, max_pixels)
        encoded, arrays = traced[chosen]
        yield f"serving_{name}" if name else "serving_default", encoded
        yield f"restore_{name}" if name else "restore", arrays
    if model.has_intermediate_outputs:
        yield "intermediate_outputs", intermediate_outputs_signature(model, max_pixels)


def restoration_signatures(model: ImageRestorer, settings: Settings, seed: int, max_pixels: int) -> tuple[Any, Any]:
    """Traces two signatures that restore images: encoded files and arrays.

    Each image is restored on its own, as `icdpm.restoration.restore.restore` does with this seed. The result does not
    depend on the rest of the batch.

    Args:
      model: a trained model.
      settings: see `ImageRestorer.settings`.
      seed: seed of the samples, an int from 0.
      max_pixels: the largest number of pixels of an image.

    Returns:
      Two concrete functions:
      `image_bytes` (string [batch], PNG or JPEG files) → `image_bytes` (string [batch], PNG files) and `error` (string
      [batch], the error message with an empty file, or "");
      `images` (float32 [batch, height, width, 3] in [0, 1]) → `images` (likewise).
    """
    schedule = model.sampling_schedule(settings)
    seeds = example_seeds([seed, RandomDomain.RESTORATION], tf.range(settings.samples, dtype=tf.int64))

    def restore_file(content):
        image, error = decode_in_graph(content, max_pixels)

        def restore():
            return encode_in_graph(restore_in_graph(model, to_rgb(image), schedule, seeds), image)

        return tf.cond(tf.equal(error, ""), restore, lambda: tf.constant(b"")), error

    def restore_array(image):
        return tf.cast((restore_in_graph(model, image * 2.0 - 1.0, schedule, seeds) + 1.0) / 2.0, tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")], autograph=False)
    def encoded(image_bytes):
        contents = check_layout(image_bytes, "image_bytes", ["batch"])
        restored, errors = tf.map_fn(restore_file, contents, fn_output_signature=(tf.string, tf.string), parallel_iterations=1)
        return {"image_bytes": restored, "error": errors}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "images")], autograph=False)
    def arrays(images):
        images = check_images(images, "images", 0.0, 1.0, max_pixels)
        return {"images": tf.map_fn(restore_array, images, parallel_iterations=1)}

    return encoded.get_concrete_function(), arrays.get_concrete_function()


def restore_in_graph(model: ImageRestorer, image: tf.Tensor, schedule: Any, seeds: tf.Tensor) -> tf.Tensor:
    """Returns the mean of several samples of a blurry image.

    Args:
      model: a trained model.
      image: float32 [height, width, 3] in [−1, 1], of any size.
      schedule: see `ImageRestorer.sampling_schedule`.
      seeds: int64 [samples, 2].

    Returns:
      float64 [height, width, 3] in [−1, 1].
    """
    padded = reflect_pad_to_multiple(image[None], model.size_multiple)
    condition = model.compiled_encode_condition(padded)
    batch = tf.maximum(1, PIXELS_AT_ONCE // (tf.shape(padded)[1] * tf.shape(padded)[2]))
    samples = seeds.shape[0]

    def add_batch(first, total):
        batch_seeds = seeds[first : first + batch]
        count = tf.shape(batch_seeds)[0]
        conditions = tf.nest.map_structure(lambda features: tf.repeat(features, count, axis=0), condition)
        sampled = sample_in_graph(model, tf.repeat(padded, count, axis=0), conditions, schedule, batch_seeds)
        return first + count, total + tf.reduce_sum(tf.cast(sampled, tf.float64), axis=0)

    start = [tf.constant(0), tf.zeros_like(padded[0], tf.float64)]
    _, total = tf.while_loop(lambda first, _: first < samples, add_batch, start, parallel_iterations=1)
    return (total / samples)[: tf.shape(image)[0], : tf.shape(image)[1]]


def intermediate_outputs_signature(model: ImageRestorer, max_pixels: int) -> Any:
    """Traces a signature that returns the model's intermediate outputs.

    Args:
      model: a trained model.
      max_pixels: the largest number of pixels of an image.

    Returns:
      A concrete function: `blurry` (float32 [batch, height, width, 3] in [−1, 1]) → each of `model.intermediate_outputs`
      by its name, float32 [batch, height/s, width/s, 1 or 3] in [−1, 1], sizes rounded up.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, "blurry")], autograph=False)
    def intermediate_outputs(blurry):
        blurry = check_images(blurry, "blurry", -1.0, 1.0, max_pixels)
        padded = reflect_pad_to_multiple(blurry, model.size_multiple)
        _, height, width, _ = tf.unstack(tf.shape(blurry))
        condition = model.compiled_encode_condition(padded)
        return unpadded_intermediate_outputs(model, condition, tf.shape(padded)[1], height, width)

    return intermediate_outputs.get_concrete_function()


def input_specs(signature: Any) -> dict[str, tf.TensorSpec]:
    """Returns {name: TensorSpec} of the inputs of a concrete function."""
    positional, named = signature.structured_input_signature
    return {**{spec.name: spec for spec in positional}, **named}
