"""A system's outputs on a data set: its restored pictures in a folder, from which they are measured."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

from icdpm.batch.processing import process_images
from icdpm.errors import IcdpmError, format_list
from icdpm.files import write_atomically
from icdpm.images.writing import write_image
from icdpm.restoration.restore import restore

_SETTINGS = "settings.json"


def restore_dataset(model, source, settings, seed, folder):
    """Writes FOLDER/NAME.png of every pair of a source that is not there yet, with a progress bar.

    A picture that fails does not stop the rest.

    Args:
      model: a trained model.
      source: a `PairSource`; its blurry pictures are restored.
      settings: of the restoration, as the system has them.
      seed: of the samples; the same for all pictures, as icdpm-deblur has it.
      folder: where to; it also gets a note of what made the pictures.

    Returns:
      What made the pictures, in words for a report.

    Raises:
      IcdpmError: the folder has pictures that were made otherwise, or cannot be written; or pictures failed, and which.
    """
    folder = Path(folder)
    making = _making(model, source, settings, seed)
    _require_same_making(folder / _SETTINGS, making)
    missing = [index for index, name in enumerate(source.names) if not (folder / f"{name}.png").exists()]

    def work(index, on_step):
        name = source.names[index]
        try:
            blurry, _ = source.load(index)
            restored = restore(model, blurry, settings, seed=seed, on_step=on_step)
        except IcdpmError as error:
            raise IcdpmError(f"{name}: {error}") from error
        write_image(folder / f"{name}.png", restored.pixels)

    _, failures = process_images(missing, work, name=source.names.__getitem__, steps=settings.evaluations, unit="evaluation")
    if failures:
        raise IcdpmError(format_list(f"{len(failures)} of {len(source)} pictures could not be restored", failures))
    return ", ".join(f"{key} {value}" for key, value in making.items() if key != "data")


def _making(model, source, settings, seed):
    weights = hashlib.blake2b(digest_size=8)
    for array in model.get_weights():
        weights.update(array.tobytes())
    return {**dataclasses.asdict(settings), "seed": seed, "weights": weights.hexdigest(), "data": source.description}


def _require_same_making(path, making):
    """Raises IcdpmError where `path` notes another making of the folder's pictures; otherwise notes this one."""
    if path.exists():
        try:
            noted = json.loads(path.read_text())
        except ValueError as error:
            raise IcdpmError(f"{path} is damaged; delete {path.parent}, and its pictures are restored again") from error
        differing = sorted(key for key in making.keys() | noted.keys() if making.get(key) != noted.get(key))
        if differing:
            raise IcdpmError(
                f"{path.parent} has pictures that were restored with other {', '.join(differing)}; "
                "choose another --output or delete it"
            )
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(making, indent=2) + "\n")
