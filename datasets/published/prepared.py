"""A published data set that icdpm-prepare has recorded, by the name that people use."""

from __future__ import annotations

from pathlib import Path

import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm_datasets.published.sets import tfds_name


def is_there(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether the records are complete."""
    # Unlike builder.is_prepared(), this logs nothing where there is nothing.
    return (Path(builder.data_dir) / "dataset_info.json").is_file()


def prepared_builder(name: str, data_dir: str | None, split: str = "test") -> tfds.core.DatasetBuilder:
    """The builder of a data set whose records are there.

    Args:
      name, split: as for `tfds_name`.
      data_dir: where TFDS keeps its data sets; None for TFDS's own default.

    Raises IcdpmError that says what to run where the records are not there.
    """
    recorded = tfds_name(name, split)
    builder = tfds.builder(recorded, data_dir=data_dir and Path(data_dir).expanduser())
    if not is_there(builder):
        wanted = name if tfds_name(name) == recorded else recorded
        command = f"icdpm-prepare {wanted} --source=ARCHIVE_OR_FOLDER" + (f" --data_dir={data_dir}" if data_dir else "")
        raise IcdpmError(f"{builder.data_dir}: {wanted} is not there; make it with {command}")
    return builder
