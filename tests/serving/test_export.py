"""Exports: all files of the folder, their use without icdpm, and errors."""

import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.images.reading import read_rgb
from icdpm.models.sampling_presets import SAMPLING_PRESETS as PRESETS
from icdpm.models.workdir import config_file, data_file, load
from icdpm.serving.export import WARMUP_FILE, export
from icdpm.serving.model_card import model_card
from icdpm_experiments.measurements.export import measure_path

pytestmark = pytest.mark.slow


def test_warm_up_requests(served, exported):
    from tensorflow_serving.apis import prediction_log_pb2

    names = set()
    for record in tf.data.TFRecordDataset(str(exported / WARMUP_FILE)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        signature = request.model_spec.signature_name
        names.add(signature)
        if not signature.endswith(tuple(PRESETS)):  # they are alike, and some are slow
            outputs = served.signatures[signature](**inputs)
            assert not any(error for error in outputs.get("error", tf.constant([b""])).numpy())
    assert names == set(served.signatures)


def test_files_of_an_export(exported, micro_workdir):
    sums = dict(reversed(line.split("  ")) for line in (exported / "SHA256SUMS").read_text().splitlines())
    files = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    assert set(sums) == files - {"SHA256SUMS"}
    for name, checksum in sums.items():
        assert hashlib.sha256((exported / name).read_bytes()).hexdigest() == checksum
    assert json.loads((exported / "config.json").read_text()) == json.loads(config_file(micro_workdir).read_text())
    card = (exported / "MODEL_CARD.md").read_text()
    weights = hashlib.sha256((micro_workdir / "checkpoints/step-000000006/weights.npz").read_bytes()).hexdigest()
    for text in (
        "# micro: image deblurring",
        "| `serving_default` | image_bytes string [?] | image_bytes string [?], error string [?] |",
        "| `serving_default`, `restore` | ancestral | 3 | 0.9 | 3 | linear_beta |",
        "| `serving_balanced`, `restore_balanced` | ancestral | 2 | 0.99 | 8 | log_snr |",
        "training data: not recorded in the workdir",
        "The run has not been validated",
        "after 6 of 6 steps",
        f"`{weights}`",
        f"`{sums['variables/variables.data-00000-of-00001']}`",
    ):
        assert text in card, text


def test_the_model_card_lists_data_and_validation(micro_workdir, tmp_path):
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
    assert "of the best checkpoint, after 4 steps; these weights differ" in card and "- psnr: 31.25" in card
    assert "Compute precision: mixed_bfloat16" in card


OUTSIDE = """
import sys

class Reject:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("icdpm", "icdpm_datasets", "tensorflow_addons"):
            raise ImportError(name)

sys.meta_path.insert(0, Reject())
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


def test_it_needs_only_tensorflow(exported, served, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (13, 22, 3), np.uint8)
    (tmp_path / "out").mkdir()
    np.save(tmp_path / "images.npy", image[None] / np.float32(255))
    done = subprocess.run([sys.executable, "-c", OUTSIDE, exported, tmp_path], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "inputs['images'] tensor_info" in done.stdout and "shape: (-1, -1, -1, 3)" in done.stdout
    expected = served.signatures["restore"](images=image[None] / np.float32(255))["images"]
    np.testing.assert_array_equal(np.load(tmp_path / "loaded.npy"), expected)
    np.testing.assert_array_equal(np.load(tmp_path / "out/images.npy"), expected)


def test_a_failed_export_is_an_error_and_leaves_nothing(exported, micro_workdir, tmp_path):
    before = sorted(path.name for path in exported.parent.iterdir())
    with pytest.raises(IcdpmError, match="already exists; choose another name"):
        export(micro_workdir, exported)
    untrained = tmp_path / "untrained"
    untrained.mkdir()
    shutil.copy(config_file(micro_workdir), untrained)
    without_average = tmp_path / "without average"
    shutil.copytree(micro_workdir, without_average)
    (without_average / "checkpoints/step-000000006/weights.npz").unlink()
    for workdir, message in [
        (tmp_path / "none", "is not the workdir of a training run"),
        (untrained, "has no checkpoint yet"),
        (without_average, r"the file of the averaged \(EMA\) weights, does not exist"),
    ]:
        with pytest.raises(IcdpmError, match=message):
            export(workdir, tmp_path / "models" / "1")
    assert list((tmp_path / "models").iterdir()) == []
    assert sorted(path.name for path in exported.parent.iterdir()) == before


@pytest.mark.parametrize("path", ["python", "saved_model"])
def test_the_measurement_of_each_path(path, exported, micro_workdir, tmp_path):
    source = {"python": micro_workdir, "saved_model": exported}[path]
    measured = measure_path(path, str(source), tmp_path / "output.png", 8, 10)
    assert list(measured) == ["load_seconds", "first_seconds", "steady_seconds"] and min(measured.values()) > 0
    output = read_rgb(tmp_path / "output.png")
    assert output.shape == (8, 10, 3) and output.dtype == "uint16"
