"""The recipes: one small file for each variant that is trained; each has `get_config()`, and its docstring says what it is.

`icdpm-train --config=NAME` takes a file's name from here, or the path of any other Python file with a `get_config()`.
"""

import ast
import importlib.util
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.models.config import RENAMED_FIELDS, check_config

_FOLDER = Path(__file__).parent


def config_names():
    """Names of the configs that come with the project."""
    return sorted(path.stem for path in _FOLDER.glob("*.py") if not path.stem.startswith("_"))


def load_config(name, changes=()):
    """The checked config of a file, with changes made to it.

    Args:
      name: of `config_names`, or the path of a Python file with a function `get_config()`.
      changes: texts 'section.field=value', values as Python writes them; quotes around words may be left out.

    Raises:
      IcdpmError: no such file, a file that fails, an unknown field or a wrong value.
    """
    return change_config(_get_config(_FOLDER / f"{name}.py" if str(name) in config_names() else Path(name)), changes)


def change_config(config, changes=()):
    """The checked config that a config becomes by changes, which are as of `load_config`."""
    config = check_config(config)
    for change in changes:
        _make(change, config)
    return check_config(config)


def _get_config(path):
    """What the file's `get_config()` gives."""
    if path.suffix != ".py" or not path.is_file():
        raise IcdpmError(f"there is no config {path}; give the name of one that comes with the project or a .py file")
    spec = importlib.util.spec_from_file_location(f"config_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config()
    except Exception as error:  # whatever the user's own file does wrong
        reason = str(error).splitlines()[0] if str(error) else "no message"
        raise IcdpmError(f"the config {path} fails: {type(error).__name__}: {reason}") from error
    if not hasattr(config, "items"):
        raise IcdpmError(f"get_config() of {path} gives {config!r}; it must give the config that it started from")
    return config


def _make(change, config):
    """Makes one change to a config."""
    field, equals, text = change.partition("=")
    if not equals:
        raise IcdpmError(f"{change!r} is not of the form section.field=value")
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = {"true": True, "false": False}.get(text.lower(), text)
    *sections, leaf = RENAMED_FIELDS.get(field, field).split(".")
    part = config
    for section in sections:
        part = part.get(section) if hasattr(part, "get") else None
    if not hasattr(part, "items") or leaf not in part or hasattr(part[leaf], "items"):
        raise IcdpmError(f"the config has no field {field!r}")
    with part.ignore_type():  # check_config says what is wrong with a value, and where
        part[leaf] = value
