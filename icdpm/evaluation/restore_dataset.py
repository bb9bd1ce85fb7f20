"""Restores a data set with a trained model into a folder, from which the images are measured."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icdpm.batch.processing import process_images
from icdpm.errors import IcdpmError, format_list
from icdpm.files import write_atomically
from icdpm.images.writing import write_image
from icdpm.restoration.restore import restore
from icdpm_datasets.pairs import FileSource, PairSource

if TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer
    from icdpm.models.settings import Settings

_SETTINGS_FILE = "settings.json"


def restore_dataset(model: ImageRestorer, source: PairSource, settings: Settings, seed: int, folder: str | os.PathLike) -> str:
    """Restores the images of a data set to FOLDER/NAME.png, with a progress bar.

    Images that exist already are kept, unless a file of their pair is newer. An error of one image does not stop the others.

    Args:
      model: trained model.
      source: `PairSource` whose blurry images are restored.
      settings: settings of the restoration.
      seed: seed of the samples, the same for all images, as in icdpm-deblur.
      folder: output folder. A file in it records how its images were restored.

    Returns:
      Description of the restoration for a report.

    Raises:
      IcdpmError: the folder contains images that were restored with other settings, it is not writable, or some images failed.
    """
    folder = Path(folder)
    record = _make_record(model, source, settings, seed)
    _check_record(folder / _SETTINGS_FILE, record)
    missing = [index for index, name in enumerate(source.names) if not _is_current(folder / f"{name}.png", source, index)]

    def restore_one(index, on_step):
        name = source.names[index]
        try:
            blurry, _ = source.load(index)
            restored = restore(model, blurry, settings, seed=seed, on_step=on_step)
        except IcdpmError as error:
            raise IcdpmError(f"{name}: {error}") from error
        write_image(folder / f"{name}.png", restored.pixels)

    names, steps = source.names, settings.evaluations
    _, failures = process_images(missing, restore_one, name=names.__getitem__, steps=steps, unit="evaluation")
    if failures:
        raise IcdpmError(format_list(f"{len(failures)} of {len(source)} images could not be restored", failures))
    return ", ".join(f"{key} {value}" for key, value in record.items() if key != "data")


def _is_current(restored: Path, source: PairSource, index: int) -> bool:
    """Returns whether a restored image exists and is not older than the files of its pair."""
    files = source.files(index) if isinstance(source, FileSource) else []
    return restored.exists() and all(restored.stat().st_mtime >= file.stat().st_mtime for file in files)


def _make_record(model, source, settings, seed) -> dict[str, Any]:
    """Returns everything that determines the restored images."""
    weights = hashlib.blake2b(digest_size=8)
    for array in model.get_weights():
        weights.update(array.tobytes())
    return {**dataclasses.asdict(settings), "seed": seed, "weights": weights.hexdigest(), "data": source.description}


def _check_record(path: Path, record: dict[str, Any]) -> None:
    """Raises `IcdpmError` if the file holds another record, otherwise writes this one."""
    if path.exists():
        try:
            existing = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise IcdpmError(f"{path} is damaged. Delete {path.parent}; its images are restored again.") from error
        differing = sorted(key for key in record.keys() | existing.keys() if record.get(key) != existing.get(key))
        if differing:
            raise IcdpmError(
                f"{path.parent} contains images that were restored with different settings ({', '.join(differing)}). "
                "Choose another --output or delete the folder."
            )
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
