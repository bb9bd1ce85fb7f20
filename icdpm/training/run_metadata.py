"""Metadata that a run stores in its workdir: its config and the data that it has been trained on."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from ml_collections import ConfigDict

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.models.config import config_to_json
from icdpm.models.workdir import choose_step, config_file, data_file, read_config, read_data

_BEFORE = "before, in"  # begins an entry of data.json that describes the data of an earlier run


def changed_fields(config: ConfigDict, workdir: str | os.PathLike) -> list[str]:
    """Returns the fields, such as 'run.steps', in which a config differs from the workdir's; none without a stored config.

    Raises:
      IcdpmError: the configs differ in a field outside `run`, so the weights would differ.
    """
    if not config_file(workdir).exists():
        return []
    stored = _flatten(read_config(workdir))
    changed = [field for field, value in _flatten(config).items() if value != stored.get(field)]
    decisive = [field for field in changed if not field.startswith("run.")]
    if decisive:
        raise IcdpmError(
            f"{workdir} holds a run with another config: {decisive[0]} differs. Only fields of `run` may change between "
            "starts. Choose another --workdir."
        )
    return changed


def save_config(config: ConfigDict, workdir: str | os.PathLike) -> None:
    """Writes the config to the workdir unless it is stored there already."""
    path = config_file(workdir)
    if not path.exists() or changed_fields(config, workdir):
        with write_atomically(path) as temporary:
            temporary.write_text(config_to_json(config), encoding="utf-8")


def changed_data(
    config: ConfigDict, workdir: str | os.PathLike, training: Sequence[str], validation: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Compares the data of a run with those of its previous launch.

    Args:
      config: the config of the run.
      workdir: the folder of the run, which has been started before.
      training: descriptions of this launch's training data.
      validation: descriptions of this launch's validation data.

    Returns:
      {'training' or 'validation': (previous data, present data)} of what differs.
    """
    recorded, changed = read_data(workdir), {}
    for name, now in (("training", list(training)), ("validation", list(validation))):
        before = recorded[name][-len(now) :]  # each launch appends its own data
        if before and before != now:
            changed[name] = " and ".join(before), " and ".join(now)
    if "validation" not in changed and "run.validation_images" in changed_fields(config, workdir):
        before, now = (each.run.validation_images for each in (read_config(workdir), config))
        changed["validation"] = (f"{before} images (run.validation_images)", f"{now} images (run.validation_images)")
    return changed


def record_data(
    workdir: str | os.PathLike,
    start_from: str | os.PathLike | None,
    training: Sequence[str],
    validation: Sequence[str],
) -> None:
    """Records in data.json which data the model has been trained on; each launch may use different data.

    The data of the latest launch are listed last.

    Args:
      workdir: the folder of the run.
      start_from: workdir of the run whose weights this one started from, or None. Its training data are recorded too.
      training: descriptions of the training data (`PairSource.description`).
      validation: descriptions of the validation data.
    """
    earlier: list[str] = []
    if start_from:
        step = choose_step(start_from)
        entries = read_data(start_from)["training"]
        earlier = [each if each.startswith(_BEFORE) else f"{_BEFORE} {step} steps: {each}" for each in entries]
    data = read_data(workdir)
    for name, before, now in (("training", earlier, list(training)), ("validation", [], list(validation))):
        data[name] = [each for each in dict.fromkeys([*data[name], *before]) if each not in now] + now
    with write_atomically(data_file(workdir)) as temporary:
        temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _flatten(config: ConfigDict) -> dict[str, Any]:
    """Returns {field: value}, with fields such as 'seed' and 'run.steps'."""
    flat: dict[str, Any] = {}
    for name, value in config.to_dict().items():
        flat |= {f"{name}.{field}": each for field, each in value.items()} if isinstance(value, dict) else {name: value}
    return flat
