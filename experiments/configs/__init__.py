"""One small file for each variant that is trained; each has `get_config()`.

The files' docstrings say what the variant is; `icdpm-train --config=NAME` takes a file's name from here or any path.
"""

from pathlib import Path


def config_path(name):
    """The path of a config given by its name here or by a path of one's own."""
    own = Path(__file__).parent / f"{name}.py"
    return own if own.is_file() and not name.startswith("_") else Path(name)


def config_names():
    """Names of the configs that come with the project."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
