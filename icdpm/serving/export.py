"""A trained system as a SavedModel that needs nothing but TensorFlow."""

import hashlib
import json

import tensorflow as tf

from icdpm.errors import IcdpmError, summarize_error
from icdpm.files import make_folder_atomically
from icdpm.models.config import config_to_json
from icdpm.models.weights import named_variables
from icdpm.models.workdir import choose_step, load, weights_file
from icdpm.progress import progress_bar
from icdpm.serving.model_card import model_card
from icdpm.serving.signatures import all_signatures
from icdpm.serving.warmup import WARMUP_FILE, import_messages, write_warmup

_WEIGHTS = "variables/variables.data-00000-of-00001"
# {name of a preset: what it is for}, for those who show them to people.
PRESETS_FILE = "presets.json"


def export(workdir, output, *, checkpoint="latest", precision=None, seed=0, max_pixels=4_000_000, **changes):
    """Writes OUTPUT/: a SavedModel with the averaged weights; MODEL_CARD.md, config.json, presets.json, SHA256SUMS beside it.

    The folder is whole or absent; in a bucket it is whole as soon as it has saved_model.pb.

    Args:
      workdir: folder of a training run.
      output: a new folder; for TensorFlow Serving its name is the model's version, a number: MODELS/icdpm/1.
      checkpoint, precision: see `icdpm.models.workdir.load`.
      seed, max_pixels: see `icdpm.serving.signatures.restoration_signatures`.
      **changes: preset and settings of `ImageRestorer.settings`, for `serving_default` and `restore`.

    Raises:
      IcdpmError: there is something at `output`, or no such workdir or checkpoint, or no averaged weights in it; or
        tensorflow-serving-api is not installed.
    """
    import_messages()  # rather missed now than when all graphs are made
    with make_folder_atomically(output, marker="saved_model.pb") as folder:
        step = choose_step(workdir, checkpoint)
        model = load(workdir, step, precision)
        settings = model.settings(**changes)
        presets = {name: model.settings(name) for name in model.sampling_presets}
        extra = model.extra_signatures(max_pixels)
        signatures = _trace(model, settings, presets, seed, max_pixels) | {each.name: each.graph for each in extra}
        try:
            _save(folder, model, signatures, extra)
        except tf.errors.OpError as error:
            reason = summarize_error(error).rpartition("; ")[2]  # behind names of temporary files
            raise IcdpmError(f"cannot write {output}: {reason}") from error
        (folder / "config.json").write_text(config_to_json(model.config))
        purposes = {name: str(preset) for name, preset in model.sampling_presets.items()}
        (folder / PRESETS_FILE).write_text(json.dumps(purposes, indent=2) + "\n")
        source = weights_file(workdir, step)
        checksums = {_WEIGHTS: _sha256(folder / _WEIGHTS), f"{source.parent.name}/{source.name}": _sha256(source)}
        card = model_card(
            workdir=workdir,
            step=step,
            model=model,
            signatures=signatures,
            extra=extra,
            settings=settings,
            presets=presets,
            seed=seed,
            max_pixels=max_pixels,
            checksums=checksums,
        )
        (folder / "MODEL_CARD.md").write_text(card)
        files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        (folder / "SHA256SUMS").write_text("".join(f"{_sha256(folder / file)}  {file}\n" for file in files))


def _trace(model, settings, presets, seed, max_pixels):
    total = 2 * (1 + len(presets)) + model.has_intermediate_outputs
    made = all_signatures(model, settings, presets, seed, max_pixels)
    return dict(progress_bar("making graphs", total, "signature", iterable=made))


def _save(folder, model, signatures, extra):
    # The Keras model itself would be saved with graphs of each of its layers.
    module = tf.Module(name="icdpm")
    module.weights = list(named_variables(model).values())
    tf.saved_model.save(module, str(folder), signatures=signatures)
    (folder / WARMUP_FILE).parent.mkdir()
    write_warmup(folder / WARMUP_FILE, signatures, extra)


def _sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
