"""What a run notes of itself beside its weights: its config and the data that it has seen."""

import json

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.models.config import config_to_json
from icdpm.models.workdir import choose_step, config_file, data_file, read_config, read_data

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


def changed_data(config, workdir, training, validation):
    """Compares the data of a run with those of its start before, by `data.json` and the config of the workdir.

    Args:
      config, workdir: of the run, which has been started before.
      training, validation: descriptions of `PairSource`s, as of `note_data`.

    Returns:
      {'training' or 'validation': (what it was, what it is now)}, of what differs.
    """
    seen, changed = read_data(workdir), {}
    for name, now in (("training", training), ("validation", validation)):
        before = seen[name][-len(now) :]  # each start puts its own last
        if before and before != now:
            changed[name] = " and ".join(before), " and ".join(now)
    if "validation" not in changed and "run.validation_images" in changed_fields(config, workdir):
        counts = (each.run.validation_images for each in (read_config(workdir), config))
        changed["validation"] = tuple(f"{count} images (run.validation_images)" for count in counts)
    return changed


def note_data(workdir, start_from, training, validation):
    """Notes, for those who get the model, which data it has seen: each start of the run may name others.

    Those of this start are the last.

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
    for name, before, now in (("training", earlier, training), ("validation", [], validation)):
        seen[name] = [each for each in dict.fromkeys([*seen[name], *before]) if each not in now] + now
    with write_atomically(data_file(workdir)) as temporary:
        temporary.write_text(json.dumps(seen, indent=2, ensure_ascii=False) + "\n")


def _fields(config):
    return [
        (f"{section}.{field}", value)
        for section, fields in config.to_dict().items()
        for field, value in (fields.items() if isinstance(fields, dict) else [("", fields)])
    ]
