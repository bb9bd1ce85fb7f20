"""The signatures of an exported model: results equal those of Python, bit for bit, and invalid inputs are errors."""

import io
import shutil
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.images.formats import FORMATS, Image
from icdpm.images.pixels import pad_to_multiple, to_values
from icdpm.images.reading import decode_image
from icdpm.images.writing import encode_image
from icdpm.models.registry import build_model
from icdpm.models.sampling import sample
from icdpm.models.sampling_presets import SAMPLING_PRESETS as PRESETS
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore
from icdpm.serving.encoded_images import decode_in_graph, to_rgb
from icdpm.serving.icdpm_signatures import denoising_signature, guidance_signature
from icdpm.serving.signatures import all_signatures, input_specs, restoration_signatures

pytestmark = pytest.mark.slow
SEED, MAX_PIXELS, SAMPLES = 5, 40_000, 3
SIZES = [(64, 48), (37, 51), (1, 3)]


@pytest.fixture(scope="module")
def model(micro_workdir):
    return load(micro_workdir)


@pytest.fixture(scope="module")
def settings(model):
    return model.settings(samples=SAMPLES)


def random_image(height, width, channels=3, dtype=np.uint8):
    random = np.random.default_rng(height)
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


def png(pixels, alpha=None):
    return encode_image(Image(pixels, alpha), FORMATS["png"])


def restore_encoded(served, *contents, signature="serving_default"):
    outputs = served.signatures[signature](image_bytes=tf.constant(contents, tf.string))
    return outputs["image_bytes"].numpy().tolist(), [error.decode() for error in outputs["error"].numpy()]


def python_mean(model, settings, image):
    """Returns the mean of the samples in [0, 1], computed without the exported graph."""
    padded = pad_to_multiple(to_values(image), model.size_multiple)[None]
    guidance = model.compiled_encode_condition(padded)
    seeds = example_seeds([SEED, RandomDomain.RESTORATION], tf.range(SAMPLES, dtype=tf.int64))
    blurry, guidance = tf.nest.map_structure(lambda x: tf.repeat(x, SAMPLES, axis=0), (padded, guidance))
    mean = sample(model, blurry, guidance, model.sampling_schedule(settings), seeds).numpy().mean(axis=0, dtype=np.float64)
    return ((mean + 1) / 2)[: image.shape[0], : image.shape[1]].astype(np.float32)


def test_results_equal_those_of_python_bit_for_bit(served, model, settings):
    images = [random_image(*size) for size in SIZES]
    encoded, errors = restore_encoded(served, *map(png, images))
    assert errors == ["", "", ""]
    for image, content in zip(images, encoded):
        expected = restore(model, image, settings, seed=SEED).pixels
        np.testing.assert_array_equal(decode_image(content, "output").pixels, expected)
        floats = served.signatures["restore"](images=(image[None] / np.float32(255)))["images"].numpy()
        np.testing.assert_array_equal(floats[0], python_mean(model, settings, image))


def test_the_rest_of_the_batch_changes_nothing(served):
    images = np.stack([random_image(20, 30), random_image(20, 30)[::-1]]).astype(np.float32) / 255
    together = served.signatures["restore"](images=images)["images"].numpy()
    for i in range(2):
        np.testing.assert_array_equal(served.signatures["restore"](images=images[i : i + 1])["images"][0], together[i])


def test_each_preset_has_signatures(served, model):
    image = random_image(9, 14)
    expected = restore(model, image, model.settings(**PRESETS["balanced"].changes), seed=SEED).pixels
    encoded, _ = restore_encoded(served, png(image), signature="serving_balanced")
    np.testing.assert_array_equal(decode_image(encoded[0], "output").pixels, expected)
    assert {f"{kind}_{preset}" for kind in ("serving", "restore") for preset in PRESETS} < set(served.signatures)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_channels_bit_depth_and_alpha_are_kept(served, model, settings, dtype):
    image, alpha = random_image(12, 18, dtype=dtype), random_image(12, 18, 1, dtype)[..., 0]
    for pixels, alpha_channel in ((image, None), (image, alpha), (image[..., 0], None), (image[..., 0], alpha)):
        encoded, errors = restore_encoded(served, png(pixels, alpha_channel))
        assert errors == [""]
        decoded = decode_image(encoded[0], "output")
        np.testing.assert_array_equal(decoded.pixels, restore(model, pixels, settings, seed=SEED).pixels)
        np.testing.assert_array_equal(decoded.alpha, alpha_channel)


def test_decoded_values_equal_those_of_python():
    image = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for pixels in (np.repeat(image[..., None], 3, axis=-1), random_image(50, 50)):
        decoded = tf.function(lambda content: to_rgb(decode_in_graph(content, 10**6)[0]))(png(pixels))
        np.testing.assert_array_equal(decoded, to_values(pixels))
    for quality, sampling in ((50, 2), (95, 0)):
        file = io.BytesIO()
        PIL.Image.fromarray(random_image(40, 56)).save(file, "JPEG", quality=quality, subsampling=sampling)
        values = to_rgb(decode_in_graph(tf.constant(file.getvalue()), 10**6)[0])
        np.testing.assert_array_equal(values, to_values(decode_image(file.getvalue(), "photo").pixels))


def test_invalid_images_do_not_fail_their_batch(served):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def saved(file_format):
        file = io.BytesIO()
        PIL.Image.fromarray(random_image(40, 30)).save(file, file_format)
        return file.getvalue()

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 50000, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")
    damaged, unknown = "the image is damaged", "the bytes are not a PNG or JPEG image"
    cases = [
        (png(random_image(8, 8)), ""),
        (b"", "the image is empty: it has no bytes"),
        (b"hello", unknown),
        (saved("GIF"), unknown),
        (bomb, "the image has 60000 x 50000 pixels; this model takes at most 40000 pixels"),
        (saved("PNG")[:20], damaged),
        (saved("PNG")[:2000], damaged),
        (saved("JPEG")[:700], damaged),
        (b"\xff\xd8\xff" + bytes(50), damaged),
        (png(random_image(201, 200)), "the image has 200 x 201 pixels; this model takes at most 40000 pixels"),
        (saved("JPEG"), ""),
    ]
    encoded, errors = restore_encoded(served, *(content for content, _ in cases))
    assert errors == [error for _, error in cases]
    assert [bool(content) for content in encoded] == [not error for _, error in cases]
    assert decode_image(encoded[-1], "output").pixels.shape == (40, 30, 3)
    assert restore_encoded(served)[0] == []


@pytest.fixture(scope="module")
def session(exported, tmp_path_factory):
    """Returns a function that runs signatures as a C++ server does, which may feed other shapes than the declared ones."""
    folder = tmp_path_factory.mktemp("undeclared") / "1"
    shutil.copytree(exported, folder)
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    for node in model.meta_graphs[0].graph_def.node:
        node.attr.pop("_output_shapes", None)
        if node.op == "Placeholder":
            node.attr["shape"].shape.Clear()
            node.attr["shape"].shape.unknown_rank = True
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        signatures = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(folder)).signature_def

    def run(name, **inputs):
        feeds = {signatures[name].inputs[key].name: value for key, value in inputs.items()}
        return session.run({key: tensor.name for key, tensor in signatures[name].outputs.items()}, feeds)

    yield run
    session.close()


def test_invalid_arrays_are_errors(session):
    image = np.random.default_rng(0).random((1, 6, 10, 3)).astype(np.float32)
    assert session("restore", images=image)["images"].shape == image.shape
    broken = image.copy()
    broken[0, 2, 3, 1] = np.nan
    for images, message in [
        (image[0, 0, 0], "images has the shape [3]; it must be [batch, height, width, 3]"),
        (image[0], "images has the shape [6 10 3]; it must be [batch, height, width, 3]"),
        (image[None], "images has the shape [1 1 6 10 3]; it must be [batch, height, width, 3]"),
        (image[..., :1], "images has the shape [1 6 10 1]; it must be [batch, height, width, 3]"),
        (image[:, :0], "images is empty: its shape is [1 0 10 3]"),
        (image[:0], "images is empty: its shape is [0 6 10 3]"),
        (broken, "images holds NaN or infinite values"),
        (image * 0 - 1, "images holds values from -1 to -1; they must be in [0.0, 1.0]"),
        (image * 0 + 255, "images holds values from 255 to 255; they must be in [0.0, 1.0]"),
        (np.zeros([1, 201, 200, 3]), "an image of images has 200 x 201 pixels; this model takes at most 40000 pixels"),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError) as raised:
            session("restore", images=images)
        assert f"assertion failed: [{message}]" in str(raised.value)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"image_bytes has the shape \[\]; it must be \[batch\]"):
        session("serving_default", image_bytes=b"one")


def test_guidance_and_denoise(session, model):
    random = np.random.default_rng(1)
    blurry, x_gamma = random.uniform(-1, 1, (2, 2, 7, 10, 3)).astype(np.float32)
    gamma = np.array([0.3, 0.9], np.float32)
    outputs = session("guidance", blurry=blurry)
    assert outputs["features_1"].shape == (2, 4, 5, 4) and outputs["regression_1"].shape == (2, 4, 5, 1)
    padded, padded_x = (np.stack([pad_to_multiple(image, 2) for image in images]) for images in (blurry, x_gamma))
    guidance = model.compiled_encode_condition(padded)
    np.testing.assert_allclose(outputs["features_1"], guidance["1"][0], atol=1e-6)
    np.testing.assert_allclose(outputs["regression_1"], guidance["1"][1], atol=1e-6)
    inputs = {"x_gamma": x_gamma, "blurry": blurry, "gamma": gamma, "features_1": outputs["features_1"]}
    images = session("denoise", **inputs)["images"]
    np.testing.assert_allclose(images, model.denoise(padded_x, padded, gamma, guidance)[:, :7], atol=1e-5)
    for name, value, message in [
        ("gamma", gamma[:1], "gamma has the shape [1]; with the given blurry it must be [2]"),
        ("gamma", gamma * 0, "gamma must be in (0, 1]"),
        ("x_gamma", x_gamma[:, 1:], "x_gamma has the shape [2 6 10 3]; with the given blurry it must be [2 7 10 3]"),
        ("x_gamma", x_gamma * np.inf, "x_gamma holds NaN or infinite values"),
        ("blurry", blurry * 3, "they must be in [-1.0, 1.0]"),
        ("features_1", outputs["features_1"][:, :3], "with the given blurry it must be [2 4 5 4]"),
        ("features_1", outputs["regression_1"], "it must be [batch, padded height/2, padded width/2, 4]"),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError) as raised:
            session("denoise", **{**inputs, name: value})
        assert message in str(raised.value)


def with_guidance(config, **fields):
    """Returns the config with changed fields of its guidance."""
    config = config.copy_and_resolve_references()
    config.guidance.update(fields)
    return config


def test_an_unguided_model_has_no_guidance_signature(micro_config):
    model = build_model(with_guidance(micro_config, scales=()))
    signatures = dict(all_signatures(model, model.settings(), {}, SEED, MAX_PIXELS))
    assert set(signatures) == {"serving_default", "restore"}
    signatures |= {each.name: each.graph for each in model.extra_signatures(MAX_PIXELS)}
    assert set(signatures) == {"serving_default", "restore", "denoise"}
    blurry, gamma = tf.constant(random_image(6, 8)[None] / np.float32(255)), tf.constant([0.5])
    assert signatures["restore"](blurry)["images"].shape == blurry.shape
    assert set(input_specs(signatures["denoise"])) == {"x_gamma", "blurry", "gamma"}
    images = signatures["denoise"](x_gamma=blurry, blurry=blurry, gamma=gamma)["images"]
    np.testing.assert_allclose(images, model.denoise(blurry, blurry, gamma, {}), atol=1e-5)


def test_with_the_input_route_denoise_takes_the_regression(micro_config):
    model = build_model(with_guidance(micro_config, route="input", color="rgb"))
    blurry, gamma = tf.constant(random_image(6, 8)[None] / np.float32(255)), tf.constant([0.5])
    regression = guidance_signature(model, MAX_PIXELS).graph(blurry)["regression_1"]
    denoise = denoising_signature(model, MAX_PIXELS).graph
    assert set(input_specs(denoise)) == {"x_gamma", "blurry", "gamma", "regression_1"}
    images = denoise(x_gamma=blurry, blurry=blurry, gamma=gamma, regression_1=regression)["images"]
    np.testing.assert_allclose(images, model.denoise(blurry, blurry, gamma, model.encode_condition(blurry)), atol=1e-5)


def test_with_both_routes_denoise_takes_features_and_regression(micro_config):
    model = build_model(with_guidance(micro_config, route="both", projection="scale"))
    blurry, gamma = tf.constant(random_image(6, 8)[None] / np.float32(255)), tf.constant([0.5])
    guidance = guidance_signature(model, MAX_PIXELS).graph(blurry)
    signature = denoising_signature(model, MAX_PIXELS)
    assert set(input_specs(signature.graph)) == {"x_gamma", "blurry", "gamma", *guidance}
    images = signature.graph(x_gamma=blurry, blurry=blurry, gamma=gamma, **guidance)["images"]
    np.testing.assert_allclose(images, model.denoise(blurry, blurry, gamma, model.encode_condition(blurry)), atol=1e-5)
    assert set(signature.example(blurry.numpy())) == set(input_specs(signature.graph))


def test_noise_of_the_guidance_equals_that_of_python(micro_config):
    model = build_model(with_guidance(micro_config, noise_std=0.5, noise_at_inference=True))
    settings = model.settings(samples=SAMPLES)
    image = random_image(37, 51)
    _, arrays = restoration_signatures(model, settings, SEED, MAX_PIXELS)
    floats = image[None] / np.float32(255)
    expected = python_mean(model, settings, image)
    for images in (floats, np.concatenate([floats, floats])):
        np.testing.assert_array_equal(arrays(images)["images"][-1], expected)
