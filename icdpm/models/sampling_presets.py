"""Presets that are a model's own: what "balanced" is depends on where more evaluations stop to pay, which differs.

A file in the workdir holds them, as they were measured there:

    {"presets": {"balanced": {"purpose": "…", "changes": {"steps": 1, …}}, …}, …}

A purpose that is not given is that of the system's preset of the same name.
"""

import json

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.models.settings import Preset
from icdpm.storage import storage_path


def read_presets(path, model):
    """Those of a file.

    Args:
      path: of the file, which need not be there.
      model: the model that they are for.

    Returns:
      {name: Preset}.

    Raises:
      IcdpmError: the file is no such file, or holds settings that the model does not have.
    """
    path = storage_path(path)
    if not path.is_file():
        return {}
    presets, theirs = {}, model.default_presets(model.config)
    try:
        for name, entry in json.loads(path.read_text(encoding="utf-8"))["presets"].items():
            purpose = entry["purpose"] if "purpose" in entry else theirs[name].purpose
            presets[name] = Preset(str(purpose), dict(entry["changes"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IcdpmError(f"{path} is damaged; delete it, and the presets are those of any such model") from error
    for name, preset in presets.items():
        try:
            model.settings_of(model.config, **preset.changes)
        except (IcdpmError, TypeError) as error:
            raise IcdpmError(f"{path}: {name}: {error}") from error
    return presets


def write_presets(path, presets, measured):
    """Writes such a file.

    Args:
      path: of the file.
      presets: {name: {setting: value}}.
      measured: what they were chosen by, that JSON takes.
    """
    content = {"presets": {name: {"changes": changes} for name, changes in presets.items()}, "measured": measured}
    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
