"""A published data set, from its archives or folders to verified records that TFDS reads."""

from __future__ import annotations

import contextlib
import io
import shutil
from pathlib import Path

import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm_datasets.published.prepared import is_there, prepared_builder
from icdpm_datasets.published.sets import tfds_name


def prepare_published(name: str, source: str, data_dir: str | None, partial: bool = False) -> str:
    """Verifies and records a published data set; returns a line that says what is there now.

    Args:
      name: as for `icdpm_datasets.published.sets.tfds_name`.
      source: an archive as published, a folder with the archives, or the unpacked tree.
      data_dir: where TFDS keeps its data sets; None for TFDS's own default.
      partial: accept a subset; the records then say that they are one.

    The records appear only when all of them are written. A set that is there already is left as it is.

    Raises IcdpmError for whatever is wrong with the source, for a full disk, and where partial records stand in the way
    of complete ones.
    """
    data_dir = data_dir and Path(data_dir).expanduser()
    builder = tfds.builder(tfds_name(name), data_dir=data_dir, partial=partial)
    if is_there(builder):
        if _is_partial(builder) and not partial:
            raise IcdpmError(f"{builder.data_dir}: holds a partial {name}; remove it or choose another --data_dir")
        return f"already there: {_summary(builder)}"
    root = builder.verify(Path(source).expanduser())
    _remove_leftovers(Path(builder.data_dir))
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    # TFDS prints that it is downloading.
    with _write_errors_named(Path(builder.data_dir)), contextlib.redirect_stdout(io.StringIO()):
        builder.download_and_prepare(download_config=config)
    unpacked = builder.data_dir_root in root.parents
    return f"ready: {_summary(builder)}" + (f"; what was unpacked to {root} can be removed" if unpacked else "")


def is_partial(data_dir: str | None, name: str) -> bool:
    """Whether the records of a data set are a subset of it, so that no result from them is the benchmark's.

    Args:
      data_dir: as for `prepare_published`.
      name: likewise.

    Raises IcdpmError where the data set has not been prepared there.
    """
    return _is_partial(prepared_builder(name, data_dir))


def _is_partial(builder: tfds.core.DatasetBuilder) -> bool:
    return builder.info.metadata["partial"]


def _summary(builder: tfds.core.DatasetBuilder) -> str:
    metadata = builder.info.metadata
    counts = ", ".join(f"{count} {split}" for split, count in metadata["counts"].items())
    note = " (partial: not the benchmark)" if metadata["partial"] else ""
    return f"{builder.info.full_name}, {counts} pairs{note}, in {builder.data_dir}"


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
