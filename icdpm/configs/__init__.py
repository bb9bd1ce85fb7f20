"""Configs by name: one module for each family of models, one function for each config.

`icdpm-train --config=NAME` accepts the name of a function in a family's `CONFIGS`, or the path of a Python file of your own
with a function `get_config()`:

    from icdpm.configs.small import tiny

    def get_config():
        config = tiny()
        config.name = "mine"
        config.unet.channels = 24
        return config
"""

from __future__ import annotations

import ast
import importlib.util
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ml_collections import ConfigDict

from icdpm.configs import dvsr, fig9, hidiff, paper, regression, small
from icdpm.errors import IcdpmError
from icdpm.models.config import RENAMED_FIELDS, check_config

_CONFIGS: dict[str, Callable[[], ConfigDict]] = {
    function.__name__: function for family in (paper, fig9, dvsr, regression, small, hidiff) for function in family.CONFIGS
}


def config_names() -> list[str]:
    """Returns the names of the packaged configs."""
    return sorted(_CONFIGS)


def load_config(name: str | os.PathLike, changes: Iterable[str] | str = ()) -> ConfigDict:
    """Loads a config and applies changes.

    Args:
      name: one of `config_names`, or the path of a Python file with a function `get_config()`.
      changes: texts 'section.field=value' with values in Python syntax, or a single one; quotes around strings are optional.

    Returns:
      A checked config.

    Raises:
      IcdpmError: the file does not exist or fails, a field is unknown, or a value is invalid.
    """
    if str(name) not in _CONFIGS:
        return change_config(_config_of_file(Path(name)), changes)
    config = _CONFIGS[str(name)]()
    config.name = str(name)
    return change_config(config, changes)


def change_config(config: ConfigDict | Mapping, changes: Iterable[str] | str = ()) -> ConfigDict:
    """Checks a config and applies changes, which are described in `load_config`; returns a new config."""
    config = check_config(config)
    for change in [changes] if isinstance(changes, str) else changes:
        _apply(change, config)
    return check_config(config)


def _config_of_file(path):
    if path.suffix != ".py" or not path.is_file():
        raise IcdpmError(f"`config` must be the name of a packaged config or an existing .py file. Received: {str(path)!r}.")
    spec = importlib.util.spec_from_file_location(f"config_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config()
    except Exception as error:  # any error of the user's code
        reason = str(error).splitlines()[0] if str(error) else "no message"
        raise IcdpmError(f"The config {path} fails: {type(error).__name__}: {reason}") from error
    if not hasattr(config, "items"):
        raise IcdpmError(f"get_config() of {path} must return a config. Received: {config!r}.")
    return config


def _apply(change, config):
    name, equals, text = change.partition("=")
    if not equals:
        raise IcdpmError(f"A change of the config must have the form section.field=value. Received: {change!r}.")
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError):
        value = {"true": True, "false": False}.get(text.lower(), text)
    *sections, field = RENAMED_FIELDS.get(name, name).split(".")
    part = config
    for section in sections:
        part = part.get(section) if hasattr(part, "get") else None
    if not hasattr(part, "items") or field not in part or hasattr(part[field], "items"):
        raise IcdpmError(f"The config has no field `{name}`.")
    with part.ignore_type():  # `check_config` checks the value and names the field
        part[field] = value
