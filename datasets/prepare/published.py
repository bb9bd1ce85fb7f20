"""Verification and recording of published data sets for TFDS."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from icdpm.cli import import_tensorflow
from icdpm.errors import IcdpmError
from icdpm.files import make_folder_atomically
from icdpm.storage import RemotePath, is_remote
from icdpm_datasets.published.recorded import MARKER, Prepared, find_prepared, prepared_set, remote_folder
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
        return f"exists already: {_summary(existing)}"
    local_source = Path(source).expanduser()
    if data_dir is not None and is_remote(data_dir):
        return f"ready: {_summary(_record_remotely(recorded, local_source, RemotePath(data_dir), partial))}"
    prepared, unpacked = _record(recorded, local_source, Path(data_dir).expanduser() if data_dir else None, partial)
    return f"ready: {_summary(prepared)}" + (f"; {unpacked} was unpacked and can be removed" if unpacked else "")


def _record(recorded: str, source: Path, data_dir: Path | None, partial: bool) -> tuple[Prepared, Path | None]:
    """Verifies and records locally; returns the records and the folder of unpacked archives, if any."""
    builder = tfds.builder(recorded, data_dir=data_dir, partial=partial)
    folder = Path(builder.data_dir)
    root = builder.verify(source)
    _remove_leftovers(folder)
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    # TFDS prints that it is downloading.
    with _write_errors(folder), contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_config=config)
    return Prepared(folder, builder.info), root if builder.data_dir_root in root.parents else None


def _record_remotely(recorded: str, source: Path, data_dir: RemotePath, partial: bool) -> Prepared:
    """Verifies, records in a temporary folder, and copies the records; the marker of complete records comes last."""
    folder = remote_folder(recorded, data_dir)
    try:
        folder.mkdir()
        folder.check_writable()
        with tempfile.TemporaryDirectory() as local:
            prepared, _ = _record(recorded, source, Path(local), partial)
            if folder.exists():  # empty, or left by a killed run
                folder.rmtree()
            with make_folder_atomically(folder, MARKER) as copied:
                for path in prepared.folder.iterdir():
                    path.rename(copied / path.name)
    except OSError as error:
        if error.filename is not None and not is_remote(error.filename):
            raise  # about a local file, which it names
        raise IcdpmError(f"The records in {folder} cannot be written: {error.strerror}. They are incomplete.") from error
    return Prepared(folder, prepared.info)


def is_partial(data_dir: str | os.PathLike | None, name: str) -> bool:
    """Returns whether the records of a data set are a subset, so that results on them are not the benchmark.

    Args:
      data_dir: as for `prepare_published`.
      name: as for `prepare_published`.

    Raises:
      IcdpmError: the data set has not been recorded there.
    """
    return prepared_set(name, data_dir).info.metadata["partial"]


def _summary(prepared: Prepared) -> str:
    metadata = prepared.info.metadata
    counts = ", ".join(f"{count} {split}" for split, count in metadata["counts"].items())
    note = " (partial: not the benchmark)" if metadata["partial"] else ""
    return f"{prepared.info.full_name}, {counts} pairs{note}, in {prepared.folder}"


def _remove_leftovers(data_dir: Path) -> None:
    """Removes folders that a killed run left, which TFDS renames when they are complete."""
    for leftover in data_dir.parent.glob(f"incomplete.*_{data_dir.name}"):
        shutil.rmtree(leftover)


@contextlib.contextmanager
def _write_errors(data_dir: Path) -> Iterator[None]:
    tf = import_tensorflow()  # not at the top, since the import takes seconds and is_partial does not need it

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        about = getattr(error, "filename", None)
        if about and data_dir.parent not in Path(about).parents:
            raise  # about a file of the source, which it names
        reason = getattr(error, "strerror", None) or str(error).rpartition("; ")[2]
        raise IcdpmError(f"The records in {data_dir} cannot be written: {reason}. Nothing was kept.") from error
