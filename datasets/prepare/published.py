"""A published data set, from its archives or folders to verified records that TFDS reads."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from pathlib import Path

import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm.files import make_folder_atomically
from icdpm.storage import RemotePath, is_remote, storage_path
from icdpm_datasets.published.recorded import MARKER, Prepared, find_prepared, prepared_set, remote_folder
from icdpm_datasets.published.sets import tfds_name


def prepare_published(name: str, source: str, data_dir: str | None, partial: bool = False) -> str:
    """Verifies and records a published data set; returns a line that says what is there now.

    Args:
      name: as for `icdpm_datasets.published.sets.tfds_name`.
      source: an archive as published, a folder with the archives, or the unpacked tree.
      data_dir: where TFDS keeps its data sets, perhaps a URL; None for TFDS's own default.
      partial: accept a subset; the records then say that they are one.

    The records appear only when all of them are written. A set that is there already is left as it is. What goes to a URL is
    recorded in a temporary folder of this computer first.

    Raises IcdpmError for whatever is wrong with the source, for a full disk, and where partial records stand in the way
    of complete ones.
    """
    recorded = tfds_name(name)
    there = find_prepared(recorded, data_dir)
    if there:
        if there.info.metadata["partial"] and not partial:
            raise IcdpmError(f"{there.folder}: holds a partial {name}; remove it or choose another --data_dir")
        return f"already there: {_summary(there)}"
    source = Path(source).expanduser()
    if is_remote(data_dir or ""):
        return f"ready: {_summary(_record_remotely(recorded, source, storage_path(data_dir), partial))}"
    made, unpacked = _record(recorded, source, data_dir and Path(data_dir).expanduser(), partial)
    return f"ready: {_summary(made)}" + (f"; what was unpacked to {unpacked} can be removed" if unpacked else "")


def _record(recorded: str, source: Path, data_dir: Path | None, partial: bool) -> tuple[Prepared, Path | None]:
    """Verifies and records on this computer; returns what is there then, and the folder that was unpacked to, if one was."""
    builder = tfds.builder(recorded, data_dir=data_dir, partial=partial)
    folder = Path(builder.data_dir)
    root = builder.verify(source)
    _remove_leftovers(folder)
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    # TFDS prints that it is downloading.
    with _write_errors_named(folder), contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_config=config)
    return Prepared(folder, builder.info), root if builder.data_dir_root in root.parents else None


def _record_remotely(recorded: str, source: Path, data_dir: RemotePath, partial: bool) -> Prepared:
    """Verifies, records in a temporary folder, and copies that; what says that the records are complete comes last."""
    folder = remote_folder(recorded, data_dir)
    try:
        folder.mkdir()
        folder.check_writable()
        with tempfile.TemporaryDirectory() as local:
            made, _ = _record(recorded, source, Path(local), partial)
            if folder.exists():  # empty, or what a killed run left
                folder.rmtree()
            with make_folder_atomically(folder, MARKER) as copied:
                for path in made.folder.iterdir():
                    path.rename(copied / path.name)
    except OSError as error:
        if error.filename is not None and not is_remote(error.filename):
            raise  # about a file of this computer, and it says which
        raise IcdpmError(f"{folder}: the records cannot be written ({error.strerror}); nothing there counts") from error
    return Prepared(folder, made.info)


def is_partial(data_dir: str | None, name: str) -> bool:
    """Whether the records of a data set are a subset of it, so that no result from them is the benchmark's.

    Args:
      data_dir: as for `prepare_published`.
      name: likewise.

    Raises IcdpmError where the data set has not been prepared there.
    """
    return prepared_set(name, data_dir).info.metadata["partial"]


def _summary(prepared: Prepared) -> str:
    metadata = prepared.info.metadata
    counts = ", ".join(f"{count} {split}" for split, count in metadata["counts"].items())
    note = " (partial: not the benchmark)" if metadata["partial"] else ""
    return f"{prepared.info.full_name}, {counts} pairs{note}, in {prepared.folder}"


def _remove_leftovers(data_dir: Path) -> None:
    """Removes what a killed run left: TFDS writes to a folder with such a name and renames it when it is complete."""
    for leftover in data_dir.parent.glob(f"incomplete.*_{data_dir.name}"):
        shutil.rmtree(leftover)


@contextlib.contextmanager
def _write_errors_named(data_dir: Path):
    import tensorflow as tf  # not at the top: the import takes seconds, and is_partial can do without

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        about = getattr(error, "filename", None)
        if about and data_dir.parent not in Path(about).parents:
            raise  # about the source, and it says which file
        reason = getattr(error, "strerror", None) or str(error).rpartition("; ")[2]
        raise IcdpmError(f"{data_dir}: the records cannot be written ({reason}); nothing was kept") from error
