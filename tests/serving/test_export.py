"""An exported model: the Python path's results, bit for bit, errors in words, and all that lies beside it."""

import hashlib
import io
import json
import shutil
import struct
import subprocess
import sys
import zlib

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from icdpm.diffusion.random import RandomDomain, example_seeds
from icdpm.errors import IcdpmError
from icdpm.images.formats import FORMATS, Image
from icdpm.images.pixels import pad_to_multiple, to_values
from icdpm.images.reading import decode_image
from icdpm.images.writing import encode_image
from icdpm.models.registry import build_model
from icdpm.models.sampling import sample
from icdpm.models.sampling_presets import SAMPLING_PRESETS as PRESETS
from icdpm.models.workdir import config_file, data_file, load
from icdpm.restoration.restore import restore
from icdpm.serving import images as graph_images
from icdpm.serving.export import export
from icdpm.serving.icdpm_signatures import denoising_signature, guidance_signature
from icdpm.serving.signatures import all_signatures, input_specs, restoration_signatures
from icdpm.serving.warmup import WARMUP_FILE

SEED, MAX_PIXELS, SAMPLES = 5, 40_000, 3
SIZES = [(64, 48), (37, 51), (1, 3)]


@pytest.fixture(scope="module")
def model(micro_workdir):
    return load(micro_workdir)


@pytest.fixture(scope="module")
def settings(model):
    return model.settings(samples=SAMPLES)


def picture(height, width, channels=3, dtype=np.uint8):
    random = np.random.default_rng(height)
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


def png(pixels, alpha=None):
    return encode_image(Image(pixels, alpha), FORMATS["png"])


def restore_encoded(served, *contents, signature="serving_default"):
    answer = served.signatures[signature](image_bytes=tf.constant(contents, tf.string))
    return answer["image_bytes"].numpy().tolist(), [error.decode() for error in answer["error"].numpy()]


def python_mean(model, settings, image):
    """The mean of the samples in [0, 1], as Python draws them."""
    padded = pad_to_multiple(to_values(image), model.size_multiple)[None]
    guidance = model.compiled_encode_condition(padded)
    seeds = example_seeds([SEED, RandomDomain.RESTORATION], tf.range(SAMPLES, dtype=tf.int64))
    blurry, guidance = tf.nest.map_structure(lambda x: tf.repeat(x, SAMPLES, axis=0), (padded, guidance))
    mean = sample(model, blurry, guidance, model.sampling_schedule(settings), seeds).numpy().mean(axis=0, dtype=np.float64)
    return ((mean + 1) / 2)[: image.shape[0], : image.shape[1]].astype(np.float32)


def test_equal_to_the_python_path_bit_for_bit(served, model, settings):
    images = [picture(*size) for size in SIZES]
    encoded, errors = restore_encoded(served, *map(png, images))
    assert errors == ["", "", ""]
    for image, content in zip(images, encoded):
        expected = restore(model, image, settings, seed=SEED).pixels
        np.testing.assert_array_equal(decode_image(content, "answer").pixels, expected)
        floats = served.signatures["restore"](images=(image[None] / np.float32(255)))["images"].numpy()
        np.testing.assert_array_equal(floats[0], python_mean(model, settings, image))


def test_what_shares_a_batch_changes_nothing(served):
    images = np.stack([picture(20, 30), picture(20, 30)[::-1]]).astype(np.float32) / 255
    together = served.signatures["restore"](images=images)["images"].numpy()
    for i in range(2):
        np.testing.assert_array_equal(served.signatures["restore"](images=images[i : i + 1])["images"][0], together[i])


def test_presets_have_signatures_of_their_own(served, model):
    image = picture(9, 14)
    expected = restore(model, image, model.settings(**PRESETS["balanced"].changes), seed=SEED).pixels
    encoded, _ = restore_encoded(served, png(image), signature="serving_balanced")
    np.testing.assert_array_equal(decode_image(encoded[0], "answer").pixels, expected)
    assert {f"{kind}_{preset}" for kind in ("serving", "restore") for preset in PRESETS} < set(served.signatures)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_stay_of_their_kind(served, model, settings, dtype):
    image, alpha = picture(12, 18, dtype=dtype), picture(12, 18, 1, dtype)[..., 0]
    for pixels, its_alpha in ((image, None), (image, alpha), (image[..., 0], None), (image[..., 0], alpha)):
        encoded, errors = restore_encoded(served, png(pixels, its_alpha))
        assert errors == [""]
        answer = decode_image(encoded[0], "answer")
        np.testing.assert_array_equal(answer.pixels, restore(model, pixels, settings, seed=SEED).pixels)
        np.testing.assert_array_equal(answer.alpha, its_alpha)


def test_pixels_become_the_values_of_the_python_path():
    image = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for pixels in (np.repeat(image[..., None], 3, axis=-1), picture(50, 50)):
        decoded = tf.function(lambda content: graph_images.to_rgb(graph_images.decode_image(content, 10**6)[0]))(png(pixels))
        np.testing.assert_array_equal(decoded, to_values(pixels))
    for quality, sampling in ((50, 2), (95, 0)):
        file = io.BytesIO()
        PIL.Image.fromarray(picture(40, 56)).save(file, "JPEG", quality=quality, subsampling=sampling)
        values = graph_images.to_rgb(graph_images.decode_image(tf.constant(file.getvalue()), 10**6)[0])
        np.testing.assert_array_equal(values, to_values(decode_image(file.getvalue(), "photo").pixels))


def test_bad_images_fail_alone(served):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def saved(file_format):
        file = io.BytesIO()
        PIL.Image.fromarray(picture(40, 30)).save(file, file_format)
        return file.getvalue()

    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 50000, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")
    damaged, unknown = "the image is damaged", "the bytes are not a PNG or JPEG image"
    cases = [
        (png(picture(8, 8)), ""),
        (b"", "the image is empty: it has no bytes"),
        (b"hello", unknown),
        (saved("GIF"), unknown),
        (bomb, "the image has 60000 x 50000 pixels; this model takes at most 40000 pixels"),
        (saved("PNG")[:20], damaged),
        (saved("PNG")[:2000], damaged),
        (saved("JPEG")[:700], damaged),
        (b"\xff\xd8\xff" + bytes(50), damaged),
        (png(picture(201, 200)), "the image has 200 x 201 pixels; this model takes at most 40000 pixels"),
        (saved("JPEG"), ""),
    ]
    encoded, errors = restore_encoded(served, *(content for content, _ in cases))
    assert errors == [error for _, error in cases]
    assert [bool(content) for content in encoded] == [not error for _, error in cases]
    assert decode_image(encoded[-1], "answer").pixels.shape == (40, 30, 3)
    assert restore_encoded(served)[0] == []


@pytest.fixture(scope="module")
def session(exported, tmp_path_factory):
    """Runs signatures as a server in C++ does, which nothing keeps from feeding other shapes than the declared ones."""
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


def test_the_graph_says_what_is_wrong_with_arrays(session):
    image = np.random.default_rng(0).random((1, 6, 10, 3)).astype(np.float32)
    assert session("restore", images=image)["images"].shape == image.shape
    broken = image.copy()
    broken[0, 2, 3, 1] = np.nan
    for images, said in [
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
        assert f"assertion failed: [{said}]" in str(raised.value)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"image_bytes has the shape \[\]; it must be \[batch\]"):
        session("serving_default", image_bytes=b"one")


def test_own_samplers(session, model):
    """guidance and denoise are what the system's own do, and say what does not fit together."""
    random = np.random.default_rng(1)
    blurry, x_gamma = random.uniform(-1, 1, (2, 2, 7, 10, 3)).astype(np.float32)
    gamma = np.array([0.3, 0.9], np.float32)
    told = session("guidance", blurry=blurry)
    assert told["features_1"].shape == (2, 4, 5, 4) and told["regression_1"].shape == (2, 4, 5, 1)
    padded, padded_x = (np.stack([pad_to_multiple(image, 2) for image in images]) for images in (blurry, x_gamma))
    guidance = model.compiled_encode_condition(padded)
    np.testing.assert_allclose(told["features_1"], guidance["1"][0], atol=1e-6)
    np.testing.assert_allclose(told["regression_1"], guidance["1"][1], atol=1e-6)
    inputs = {"x_gamma": x_gamma, "blurry": blurry, "gamma": gamma, "features_1": told["features_1"]}
    images = session("denoise", **inputs)["images"]
    np.testing.assert_allclose(images, model.denoise(padded_x, padded, gamma, guidance)[:, :7], atol=1e-5)
    for name, value, said in [
        ("gamma", gamma[:1], "gamma has the shape [1]; with the given blurry it must be [2]"),
        ("gamma", gamma * 0, "gamma must be in (0, 1]"),
        ("x_gamma", x_gamma[:, 1:], "x_gamma has the shape [2 6 10 3]; with the given blurry it must be [2 7 10 3]"),
        ("x_gamma", x_gamma * np.inf, "x_gamma holds NaN or infinite values"),
        ("blurry", blurry * 3, "they must be in [-1.0, 1.0]"),
        ("features_1", told["features_1"][:, :3], "with the given blurry it must be [2 4 5 4]"),
        ("features_1", told["regression_1"], "it must be [batch, padded height/2, padded width/2, 4]"),
    ]:
        with pytest.raises(tf.errors.InvalidArgumentError) as raised:
            session("denoise", **{**inputs, name: value})
        assert said in str(raised.value)


def unlike(config, **fields):
    """The config with other fields of its guidance."""
    config = config.copy_and_resolve_references()
    config.guidance.update(fields)
    return config


def test_an_unguided_model_has_no_guidance_to_give_or_take(micro_config):
    model = build_model(unlike(micro_config, scales=()))
    signatures = dict(all_signatures(model, model.settings(), {}, SEED, MAX_PIXELS))
    assert set(signatures) == {"serving_default", "restore"}
    signatures |= {each.name: each.graph for each in model.extra_signatures(MAX_PIXELS)}
    assert set(signatures) == {"serving_default", "restore", "denoise"}
    blurry, gamma = tf.constant(picture(6, 8)[None] / np.float32(255)), tf.constant([0.5])
    assert signatures["restore"](blurry)["images"].shape == blurry.shape
    assert set(input_specs(signatures["denoise"])) == {"x_gamma", "blurry", "gamma"}
    images = signatures["denoise"](x_gamma=blurry, blurry=blurry, gamma=gamma)["images"]
    np.testing.assert_allclose(images, model.denoise(blurry, blurry, gamma, {}), atol=1e-5)


def test_where_the_regression_is_the_input_it_is_what_denoise_takes(micro_config):
    model = build_model(unlike(micro_config, route="input", color="rgb"))
    blurry, gamma = tf.constant(picture(6, 8)[None] / np.float32(255)), tf.constant([0.5])
    regression = guidance_signature(model, MAX_PIXELS).graph(blurry)["regression_1"]
    denoise = denoising_signature(model, MAX_PIXELS).graph
    assert set(input_specs(denoise)) == {"x_gamma", "blurry", "gamma", "regression_1"}
    images = denoise(x_gamma=blurry, blurry=blurry, gamma=gamma, regression_1=regression)["images"]
    np.testing.assert_allclose(images, model.denoise(blurry, blurry, gamma, model.encode_condition(blurry)), atol=1e-5)


def test_both_routes_take_features_and_regression(micro_config):
    model = build_model(unlike(micro_config, route="both", projection="scale"))
    blurry, gamma = tf.constant(picture(6, 8)[None] / np.float32(255)), tf.constant([0.5])
    guidance = guidance_signature(model, MAX_PIXELS).graph(blurry)
    signature = denoising_signature(model, MAX_PIXELS)
    assert set(input_specs(signature.graph)) == {"x_gamma", "blurry", "gamma", *guidance}
    images = signature.graph(x_gamma=blurry, blurry=blurry, gamma=gamma, **guidance)["images"]
    np.testing.assert_allclose(images, model.denoise(blurry, blurry, gamma, model.encode_condition(blurry)), atol=1e-5)
    assert set(signature.example(blurry.numpy())) == set(input_specs(signature.graph))


def test_noise_of_the_guidance_is_that_of_the_python_path(micro_config):
    model = build_model(unlike(micro_config, noise_std=0.5, noise_at_inference=True))
    settings = model.settings(samples=SAMPLES)
    image = picture(37, 51)
    _, arrays = restoration_signatures(model, settings, SEED, MAX_PIXELS)
    floats = image[None] / np.float32(255)
    expected = python_mean(model, settings, image)
    for images in (floats, np.concatenate([floats, floats])):
        np.testing.assert_array_equal(arrays(images)["images"][-1], expected)


def test_it_warms_up(served, exported):
    from tensorflow_serving.apis import prediction_log_pb2

    asked = set()
    for record in tf.data.TFRecordDataset(str(exported / WARMUP_FILE)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        signature = request.model_spec.signature_name
        asked.add(signature)
        if not signature.endswith(tuple(PRESETS)):  # they are alike, and some take a while
            outputs = served.signatures[signature](**inputs)
            assert not any(error for error in outputs.get("error", tf.constant([b""])).numpy())
    assert asked == set(served.signatures)


def test_what_lies_beside_it(exported, micro_workdir):
    sums = dict(reversed(line.split("  ")) for line in (exported / "SHA256SUMS").read_text().splitlines())
    files = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert set(sums) == files - {"SHA256SUMS"}
    for name, checksum in sums.items():
        assert hashlib.sha256((exported / name).read_bytes()).hexdigest() == checksum
    assert json.loads((exported / "config.json").read_text()) == json.loads(config_file(micro_workdir).read_text())
    card = (exported / "MODEL_CARD.md").read_text()
    weights = hashlib.sha256((micro_workdir / "checkpoints/step-000000006/weights.npz").read_bytes()).hexdigest()
    for words in (
        "# micro: image deblurring",
        "| `serving_default` | image_bytes string [?] | image_bytes string [?], error string [?] |",
        "| `serving_default`, `restore` | ancestral | 3 | 0.9 | 3 | linear_beta |",
        "| `serving_balanced`, `restore_balanced` | ancestral | 2 | 0.99 | 8 | log_snr |",
        "training data: not noted in the workdir",
        "the run has not been validated",
        "after 6 of 6 steps",
        f"`{weights}`",
        f"`{sums['variables/variables.data-00000-of-00001']}`",
    ):
        assert words in card, words


def test_the_card_tells_of_data_and_numbers(micro_workdir, tmp_path):
    from icdpm.serving.model_card import model_card

    workdir = tmp_path / "run"
    shutil.copytree(micro_workdir, workdir)
    data_file(workdir).write_text(json.dumps({"training": ["GoPro, blur", "REDS"], "validation": ["GoPro, test"]}))
    (workdir / "checkpoints/best.json").write_text(json.dumps({"step": 4, "psnr": 31.25}))
    model = load(workdir, precision="mixed_bfloat16")
    assert model.unet.compute_dtype == "bfloat16"
    settings = model.settings()
    blank = tf.function(lambda images: {"images": images}, input_signature=[tf.TensorSpec([None], tf.float32, "images")])
    card = model_card(
        workdir=workdir,
        step=6,
        model=model,
        extra=[],
        signatures={"restore": blank.get_concrete_function()},
        settings=settings,
        presets={},
        seed=0,
        max_pixels=1,
        checksums={},
    )
    assert "training data: GoPro, blur; REDS" in card and "validation data: GoPro, test" in card
    assert "after 4 steps, the best of the run; these weights are others" in card and "- psnr: 31.25" in card
    assert "Numbers of the network: mixed_bfloat16" in card


OUTSIDE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("icdpm", "icdpm_datasets", "tensorflow_addons"):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
import numpy as np
import tensorflow as tf
from tensorflow.python.tools import saved_model_cli

model, folder = sys.argv[1:]
images = np.load(f"{folder}/images.npy")
np.save(f"{folder}/loaded", tf.saved_model.load(model).signatures["restore"](images=images)["images"])
where = ["--dir", model, "--tag_set", "serve", "--signature_def", "restore"]
for arguments in (["show", *where], ["run", *where, "--inputs", f"images={folder}/images.npy", "--outdir", f"{folder}/out"]):
    sys.argv = ["saved_model_cli", *arguments]
    try:
        saved_model_cli.main()
    except SystemExit as ended:
        assert not ended.code
assert "icdpm" not in sys.modules
"""


def test_it_needs_nothing_but_tensorflow(exported, tmp_path, model, settings):
    image = picture(13, 22)
    (tmp_path / "out").mkdir()
    np.save(tmp_path / "images.npy", image[None] / np.float32(255))
    done = subprocess.run([sys.executable, "-c", OUTSIDE, exported, tmp_path], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "inputs['images'] tensor_info" in done.stdout and "shape: (-1, -1, -1, 3)" in done.stdout
    expected = python_mean(model, settings, image)
    np.testing.assert_array_equal(np.load(tmp_path / "loaded.npy")[0], expected)
    np.testing.assert_array_equal(np.load(tmp_path / "out/images.npy")[0], expected)


def test_what_cannot_be_exported_is_one_sentence_and_leaves_nothing(exported, micro_workdir, tmp_path):
    before = sorted(path.name for path in exported.parent.iterdir())
    with pytest.raises(IcdpmError, match="already exists; choose another name"):
        export(micro_workdir, exported)
    untrained = tmp_path / "untrained"
    untrained.mkdir()
    shutil.copy(config_file(micro_workdir), untrained)
    without_average = tmp_path / "without average"
    shutil.copytree(micro_workdir, without_average)
    (without_average / "checkpoints/step-000000006/weights.npz").unlink()
    for workdir, said in [
        (tmp_path / "none", "is not the workdir of a training run"),
        (untrained, "holds no checkpoint yet"),
        (without_average, r"which holds the averaged \(EMA\) weights; copy all of the checkpoint"),
    ]:
        with pytest.raises(IcdpmError, match=said):
            export(workdir, tmp_path / "models" / "1")
    assert list((tmp_path / "models").iterdir()) == []
    assert sorted(path.name for path in exported.parent.iterdir()) == before
