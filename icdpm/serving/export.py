"""Exports a trained model as a SavedModel that needs only TensorFlow."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError, summarize_error
from icdpm.files import make_folder_atomically
from icdpm.images.formats import FORMATS, Image
from icdpm.images.writing import encode_image
from icdpm.models.config import config_to_json
from icdpm.models.image_restorer import ImageRestorer
from icdpm.models.settings import Settings
from icdpm.models.weights import named_variables
from icdpm.models.workdir import choose_step, load, weights_file
from icdpm.progress import progress_bar
from icdpm.serving.model_card import model_card
from icdpm.serving.signatures import Signature, all_signatures

# {name of a preset: its description}, for user interfaces; those that differ from the settings of the export.
PRESETS_FILE = "presets.json"
# {"max_pixels": largest number of pixels of an image}.
LIMITS_FILE = "limits.json"
# TensorFlow Serving answers these requests before it accepts others.
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
_WEIGHTS_FILE = "variables/variables.data-00000-of-00001"
_WARMUP_SIDE = 32  # height and width of the images of warm-up requests


def export(
    workdir: str | os.PathLike,
    output: str | os.PathLike,
    *,
    checkpoint: str | int = "latest",
    precision: str | None = None,
    seed: int = 0,
    max_pixels: int = 4_000_000,
    settings: Callable[[ImageRestorer], Settings] = lambda model: model.settings(),
) -> None:
    """Exports the averaged weights of a run as a SavedModel.

    The folder also holds MODEL_CARD.md, config.json, presets.json, limits.json and SHA256SUMS. It is complete or absent; in a
    bucket it is complete as soon as it has saved_model.pb.

    Args:
      workdir: folder of a training run.
      output: a new folder. TensorFlow Serving expects a number as its name, the model's version: MODELS/icdpm/1.
      checkpoint: see `icdpm.models.workdir.load`.
      precision: see `icdpm.models.workdir.load`.
      seed: see `icdpm.serving.signatures.restoration_signatures`.
      max_pixels: see `icdpm.serving.signatures.restoration_signatures`.
      settings: function of the model that returns the settings of the signatures `serving_default` and `restore`. Default:
        those of the model's config.

    Raises:
      IcdpmError: `output` exists; the workdir, the checkpoint or its averaged weights do not exist; or
        tensorflow-serving-api is not installed.
    """
    _import_serving_api()  # fails before the graphs are traced
    with make_folder_atomically(output, marker="saved_model.pb") as folder:
        step = choose_step(workdir, checkpoint)
        model = load(workdir, step, precision)
        chosen = settings(model)
        presets = {name: model.settings(name) for name in model.sampling_presets}
        extra = model.extra_signatures(max_pixels)
        count = 2 * (1 + len(presets)) + model.has_intermediate_outputs
        traced = all_signatures(model, chosen, presets, seed, max_pixels)
        signatures = dict(progress_bar("tracing graphs", count, "signature", iterable=traced))
        signatures |= {each.name: each.graph for each in extra}
        # Saved with the Keras model itself, each of its layers would add graphs of its own.
        module = tf.Module(name="icdpm")
        module.weights = list(named_variables(model).values())
        try:
            tf.saved_model.save(module, str(folder), signatures=signatures)
            (folder / WARMUP_FILE).parent.mkdir()
            _write_warmup_requests(folder / WARMUP_FILE, signatures, extra)
        except tf.errors.OpError as error:
            reason = summarize_error(error).rpartition("; ")[2]  # without the names of temporary files
            raise IcdpmError(f"Cannot write {output}: {reason}.") from error
        (folder / "config.json").write_text(config_to_json(model.config), encoding="utf-8")
        offered = {name: preset.purpose for name, preset in model.offered_presets.items() if presets[name] != chosen}
        for file, content in ((PRESETS_FILE, offered), (LIMITS_FILE, {"max_pixels": max_pixels})):
            (folder / file).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        source = weights_file(workdir, step)
        checksums = {_WEIGHTS_FILE: _sha256(folder / _WEIGHTS_FILE), f"{source.parent.name}/{source.name}": _sha256(source)}
        card = model_card(
            workdir=workdir,
            step=step,
            model=model,
            signatures=signatures,
            extra=extra,
            settings=chosen,
            presets=presets,
            seed=seed,
            max_pixels=max_pixels,
            checksums=checksums,
        )
        (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        (folder / "SHA256SUMS").write_text("".join(f"{_sha256(folder / file)}  {file}\n" for file in files), encoding="utf-8")


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _import_serving_api():
    """Returns the modules of TensorFlow Serving's messages."""
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError as error:
        version = tf.__version__.rpartition(".")[0]
        raise IcdpmError(
            "An export needs a package for its warm-up requests that is not installed. Run pip install --no-deps "
            f"'tensorflow-serving-api=={version}.*'."
        ) from error
    return predict_pb2, prediction_log_pb2


def _write_warmup_requests(path: Path, signatures: Mapping[str, Any], extra: Sequence[Signature]) -> None:
    """Writes a small request for each signature: a TFRecord file of tensorflow.serving.PredictionLog messages."""
    predict_pb2, prediction_log_pb2 = _import_serving_api()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, inputs in _warmup_inputs(signatures, extra):
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "icdpm"
            request.model_spec.signature_name = name
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())


def _warmup_inputs(signatures, extra) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields (name, {input: array}) for each signature."""
    ramp = np.linspace(0, 255, _WARMUP_SIDE**2 * 3).astype(np.uint8).reshape(_WARMUP_SIDE, _WARMUP_SIDE, 3)
    content = encode_image(Image(ramp), FORMATS["png"])
    images = ramp[None].astype(np.float32) / 255
    examples = {each.name: each.example for each in extra}
    for name in signatures:
        if name in examples:
            yield name, examples[name](images * 2 - 1)
        elif name.startswith("serving_"):
            yield name, {"image_bytes": np.array([content])}
        elif name == "intermediate_outputs":
            yield name, {"blurry": images * 2 - 1}
        else:
            yield name, {"images": images}
