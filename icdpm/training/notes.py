"""What a run notes of itself beside its weights: its config and the data that it has seen."""

import json

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.systems.config import config_to_json
from icdpm.systems.workdir import choose_step, config_file, data_file, read_config, read_data

_BEFORE = "before, in"


def changed_fields(config, workdir):
    """The fields in which a config differs from that of the workdir, if there is one.

    Raises:
      IcdpmError: one of them decides the weights; how long, how watched and how often saved may change from one start to the
        next.
    """
    if not config_file(workdir).exists():
        return []
    present = dict(_fields(read_config(workdir)))
    changed = [field for field, value in _fields(config) if value != present.get(field)]
    decisive = [field for field in changed if not field.startswith("run.")]
    if decisive:
        raise IcdpmError(f"{workdir} holds a run of another config ({decisive[0]} differs); choose another workdir")
    return changed


def note_config(config, workdir):
    """Saves the config, unless the workdir's is the same."""
    path = config_file(workdir)
    if not path.exists() or changed_fields(config, workdir):
        with write_atomically(path) as temporary:
            temporary.write_text(config_to_json(config))


def note_data(workdir, start_from, training, validation):
    """Notes, for those who get the model, which data it has seen: each start of the run may name others.

    Args:
      workdir: of the run.
      start_from: workdir of the run whose weights are the first of this one, or None: what that has seen, this has too.
      training, validation: descriptions of `PairSource`s.
    """
    earlier = []
    if start_from:
        step = choose_step(start_from)
        seen_there = read_data(start_from)["training"]
        earlier = [each if each.startswith(_BEFORE) else f"{_BEFORE} {step} steps: {each}" for each in seen_there]
    seen = read_data(workdir)
    for name, descriptions in {"training": earlier + training, "validation": validation}.items():
        seen[name] += [description for description in descriptions if description not in seen[name]]
    with write_atomically(data_file(workdir)) as temporary:
        temporary.write_text(json.dumps(seen, indent=2, ensure_ascii=False) + "\n")


def _fields(config):
    return [
        (f"{section}.{field}", value)
        for section, fields in config.to_dict().items()
        for field, value in (fields.items() if isinstance(fields, dict) else [("", fields)])
    ]
