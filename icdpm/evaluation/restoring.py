"""Restores a data set's blurry pictures into a folder, from which they are measured."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import tensorflow as tf

from icdpm.albums.interrupts import held_interrupts
from icdpm.errors import IcdpmError
from icdpm.evaluation.progress import progress_bar
from icdpm.files import write_atomically
from icdpm.photos.pictures import write_picture
from icdpm.restoration.restore import restore

_SETTINGS = "settings.json"


def restore_source(system, source, settings, seed, folder):
    """Writes FOLDER/NAME.png of every pair of a source that is not there yet, with a progress bar.

    Args:
      system: a trained system.
      source: a `PairSource`; its blurry pictures are restored.
      settings: a `restoration.settings.Settings`.
      seed: of the samples; the same for all pictures, as icdpm-deblur has it.
      folder: where to; it also gets a note of what made the pictures.

    Returns:
      What made the pictures, in words for a report.

    Raises:
      IcdpmError: the folder has pictures that were made otherwise, or cannot be written; or a picture cannot be
        read.
    """
    folder = Path(folder)
    making = _making(system, source, settings, seed)
    _require_same_making(folder / _SETTINGS, making)
    missing = [index for index, name in enumerate(source.names) if not (folder / f"{name}.png").exists()]
    evaluations = settings.evaluations
    with progress_bar("restoring", len(missing)) as bar, held_interrupts() as check:

        def on_step(count):
            bar.update(count / evaluations)
            check()

        for number, index in enumerate(missing):
            name = source.names[index]
            blurry, _ = source.load(index)
            try:
                restored = restore(system, blurry, settings, seed=seed, on_step=on_step)
            except IcdpmError as error:
                raise IcdpmError(f"{name}: {error}") from error
            except (MemoryError, tf.errors.ResourceExhaustedError) as error:
                raise IcdpmError(f"{name} needs more memory than there is; restore on a larger machine") from error
            write_picture(folder / f"{name}.png", restored.pixels)
            bar.update(number + 1 - bar.n)
            check()
    return ", ".join(f"{key} {value}" for key, value in making.items() if key != "data")


def _making(system, source, settings, seed):
    weights = hashlib.blake2b(digest_size=8)
    for array in system.get_weights():
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
