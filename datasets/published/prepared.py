"""A published data set that icdpm-prepare has recorded, by the name that people use."""

from __future__ import annotations

from pathlib import Path

import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError

_DATASETS = ("gopro", "hide", "realblur", "reds")
_ALSO = {"realblur_j": "realblur/j", "realblur_r": "realblur/r"}  # names that people use, as TFDS has them
NAMES = (*_DATASETS, *_ALSO)


def tfds_name(name: str) -> str:
    """The name that TFDS has for gopro, hide, realblur_j, realblur_r or reds, or one with a config after a slash.

    Raises IcdpmError where there is no such data set or config.
    """
    known_as = _ALSO.get(name, name)
    dataset, _, config = known_as.partition("/")
    if dataset not in _DATASETS:
        raise IcdpmError(f"{name}: no such data set; there are {', '.join(NAMES)}")
    configs = tfds.builder_cls(dataset).builder_configs
    if config and config not in configs:
        known = [f"{dataset}/{config}" for config in configs] or [dataset]
        raise IcdpmError(f"{name}: no such variant; there are {', '.join(known)}")
    return known_as


def is_there(builder: tfds.core.DatasetBuilder) -> bool:
    """Whether the records are complete."""
    # Unlike builder.is_prepared(), this logs nothing where there is nothing.
    return (Path(builder.data_dir) / "dataset_info.json").is_file()


def prepared_builder(name: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    """The builder of a data set whose records are there.

    Args:
      name: as for `tfds_name`.
      data_dir: where TFDS keeps its data sets; None for TFDS's own default.

    Raises IcdpmError that says what to run where the records are not there.
    """
    builder = tfds.builder(tfds_name(name), data_dir=data_dir and Path(data_dir).expanduser())
    if not is_there(builder):
        command = f"icdpm-prepare {name} --source=ARCHIVE_OR_FOLDER" + (f" --data_dir={data_dir}" if data_dir else "")
        raise IcdpmError(f"{builder.data_dir}: {name} is not there; make it with {command}")
    return builder
