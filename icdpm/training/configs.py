"""Config files: Python with a `get_config()`, and changes to single fields."""

import ast
import importlib.util
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.systems.config import check_config


def load_config(path, changes=()):
    """The checked config of a file, with changes made to it.

    Args:
      path: a Python file with a function `get_config()`.
      changes: texts 'section.field=value', values as Python writes them; quotes around words may be left out.

    Raises:
      IcdpmError: no such file, a file that fails, an unknown field or a wrong value.
    """
    path = Path(path)
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
    config = check_config(config)
    for change in changes:
        _make(change, config)
    return check_config(config)


def _make(change, config):
    field, equals, text = change.partition("=")
    if not equals:
        raise IcdpmError(f"{change!r} is not of the form section.field=value")
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = {"true": True, "false": False}.get(text.lower(), text)
    *sections, leaf = field.split(".")
    part = config
    for section in sections:
        part = part.get(section) if hasattr(part, "get") else None
    if not hasattr(part, "items") or leaf not in part or hasattr(part[leaf], "items"):
        raise IcdpmError(f"the config has no field {field!r}")
    with part.ignore_type():  # check_config says what is wrong with a value, and where
        part[leaf] = value
