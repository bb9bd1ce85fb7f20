"""Verification and recording of published data sets for TFDS."""

from __future__ import annotations

import os
from pathlib import Path

import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm_datasets.prepare.recording import local_data_dir, summarize, write_records
from icdpm_datasets.published.recorded import find_prepared, prepared_set
from icdpm_datasets.published.sets import tfds_name


def prepare_published(name: str, source: str, data_dir: str | os.PathLike | None, partial: bool = False) -> str:
    """Verifies and records a published data set.

    The records appear when they are complete; existing records are kept. Records for remote storage are written to a temporary
    local folder first.

    Args:
      name: as for `icdpm_datasets.published.sets.tfds_name`.
      source: an archive as published, a folder with the archives, or the unpacked tree.
      data_dir: folder of TFDS' data sets, optionally a URL; None for TFDS' default.
      partial: accept a subset, which the records then state.

    Returns:
      A one-line summary.

    Raises:
      IcdpmError: the source is not as published, the disk is full, or partial records exist in place of complete ones.
    """
    recorded = tfds_name(name)
    existing = find_prepared(recorded, data_dir)
    if existing:
        if existing.info.metadata["partial"] and not partial:
            raise IcdpmError(f"{existing.folder} has a partial {name}. Remove it or choose another --data_dir.")
        return f"exists already: {summarize(existing)}"
    with local_data_dir(recorded, data_dir) as local:
        builder = tfds.builder(recorded, data_dir=local, partial=partial)
        root = builder.verify(Path(source).expanduser())
        write_records(builder)
    # Archives are unpacked next to the records; a temporary folder is gone.
    unpacked = f"; {root} was unpacked and can be removed" if builder.data_dir_root in root.parents and root.exists() else ""
    return f"ready: {summarize(prepared_set(recorded, data_dir))}{unpacked}"
