"""A published data set that icdpm-prepare has recorded, by the name that people use."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import tensorflow_datasets as tfds
from google.protobuf import json_format

from icdpm.errors import IcdpmError
from icdpm.storage import RemotePath, access_hint, is_remote, storage_path
from icdpm_datasets.published.records import INDEX
from icdpm_datasets.published.sets import tfds_name

MARKER = "dataset_info.json"  # the records are complete where it is


class Prepared(NamedTuple):
    """A data set's records: the folder that they lie in, and what TFDS knows of them."""

    folder: Path | RemotePath
    info: tfds.core.DatasetInfo


def find_prepared(recorded: str, data_dir: str | Path | RemotePath | None) -> Prepared | None:
    """A data set whose records are complete; None where they are not.

    Args:
      recorded: TFDS's name of it.
      data_dir: where TFDS keeps its data sets, perhaps a URL; None for TFDS's own default.

    Raises IcdpmError where the folder cannot be read, or its description is not one.
    """
    try:
        if is_remote(data_dir or ""):
            return _find_remotely(recorded, storage_path(data_dir))
        builder = tfds.builder(recorded, data_dir=data_dir and Path(data_dir).expanduser())
        folder = Path(builder.data_dir)
        # Unlike builder.is_prepared(), this logs nothing where there is nothing.
        return Prepared(folder, builder.info) if (folder / MARKER).is_file() else None
    except OSError as error:
        raise IcdpmError(f"{data_dir}: cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, AssertionError, json_format.Error) as error:
        if isinstance(error, IcdpmError):
            raise
        raise IcdpmError(f"{data_dir}: what describes {recorded} there is damaged; remove it and run icdpm-prepare") from error


def remote_folder(recorded: str, data_dir: RemotePath) -> RemotePath:
    """Where the records of a data set lie, or are to lie."""
    with tempfile.TemporaryDirectory() as root:
        return data_dir / Path(tfds.builder(recorded, data_dir=root).data_dir).relative_to(root).as_posix()


def _find_remotely(recorded: str, data_dir: RemotePath) -> Prepared | None:
    """As `find_prepared`. TFDS knows fewer storages than TensorFlow, so it is shown copies of what describes the set."""
    folder = remote_folder(recorded, data_dir)
    if not (folder / MARKER).is_file():
        return None
    with tempfile.TemporaryDirectory() as root:
        copy = Path(root) / folder.relative_to(data_dir)
        copy.mkdir(parents=True)
        for file in folder.iterdir():
            if file.suffix == ".json" and file.name != INDEX:
                (copy / file.name).write_bytes(file.read_bytes())
        info = tfds.builder(recorded, data_dir=root).info
        info.metadata["partial"]  # read when it is first asked for, and the copy does not stay
        return Prepared(folder, info)


def prepared_set(name: str, data_dir: str | None, split: str = "test") -> Prepared:
    """A data set whose records are there.

    Args:
      name, split: as for `tfds_name`.
      data_dir: as for `find_prepared`.

    Raises IcdpmError that says what to run where the records are not there, and those of `find_prepared`.
    """
    recorded = tfds_name(name, split)
    prepared = find_prepared(recorded, data_dir)
    if prepared is None:
        wanted = name if tfds_name(name) == recorded else recorded
        command = f"icdpm-prepare {wanted} --source=ARCHIVE_OR_FOLDER" + (f" --data_dir={data_dir}" if data_dir else "")
        where = data_dir or tfds.core.constants.DATA_DIR
        raise IcdpmError(f"{where}: {wanted} is not there{access_hint(where)}; make it with {command}")
    return prepared
