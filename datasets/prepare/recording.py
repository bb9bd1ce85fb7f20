"""Writing of TFDS records, which appear when they are complete, on a disk or in remote storage."""

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
from icdpm_datasets.published.builder import RecordBuilder
from icdpm_datasets.published.recorded import MARKER, Prepared, remote_folder


@contextlib.contextmanager
def local_data_dir(recorded: str, data_dir: str | os.PathLike | None) -> Iterator[Path | None]:
    """Yields a local folder of TFDS' data sets to record in: `data_dir` itself, or a temporary one for remote storage.

    At the end of the block, the records of a temporary folder are copied, and the marker of complete records comes last.

    Args:
      recorded: TFDS' name of the data set.
      data_dir: folder of TFDS' data sets, optionally a URL; None for TFDS' default.

    Raises:
      IcdpmError: the storage cannot be written.
    """
    if data_dir is None or not is_remote(data_dir):
        yield Path(data_dir).expanduser() if data_dir else None
        return
    remote = RemotePath(data_dir)
    folder = remote_folder(recorded, remote)
    try:
        folder.mkdir()
        folder.check_writable()
        with tempfile.TemporaryDirectory() as local:
            yield Path(local)
            if folder.exists():  # empty, or left by a killed run
                folder.rmtree()
            with make_folder_atomically(folder, MARKER) as copied:
                for path in (Path(local) / folder.relative_to(remote)).iterdir():
                    path.rename(copied / path.name)
    except OSError as error:
        if error.filename is not None and not is_remote(error.filename):
            raise  # about a local file, which it names
        raise IcdpmError(f"The records in {folder} cannot be written: {error.strerror}. They are incomplete.") from error


def write_records(builder: RecordBuilder) -> None:
    """Writes the records of a builder that knows its pairs.

    Raises:
      IcdpmError: the disk is full or cannot be written.
    """
    folder = Path(builder.data_dir)
    for leftover in folder.parent.glob(f"incomplete.*_{folder.name}"):  # of a killed run; TFDS renames complete records
        shutil.rmtree(leftover)
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    # TFDS prints that it is downloading.
    with _write_errors(folder), contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_config=config)


def summarize(prepared: Prepared) -> str:
    """Returns name, numbers of pairs and folder of records."""
    metadata = prepared.info.metadata
    note = " (partial: not the benchmark)" if metadata["partial"] else ""
    counts = ", ".join(f"{count} {split}" for split, count in metadata["counts"].items())
    return f"{prepared.info.full_name}, {counts} pairs{note}, in {prepared.folder}"


@contextlib.contextmanager
def _write_errors(data_dir: Path) -> Iterator[None]:
    tf = import_tensorflow()  # not at the top, since the import takes seconds

    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        about = getattr(error, "filename", None)
        if about and data_dir.parent not in Path(about).parents:
            raise  # about a file of the source, which it names
        reason = getattr(error, "strerror", None) or str(error).rpartition("; ")[2]
        raise IcdpmError(f"The records in {data_dir} cannot be written: {reason}. Nothing was kept.") from error
