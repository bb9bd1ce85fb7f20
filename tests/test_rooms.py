"""The rooms of the house and what each may know: imports run from the ground up, and nowhere in a circle."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# From the ground up; a room may import those above it in this list, unless `KNOWS` says which.
ROOMS = (
    "errors storage files locks announcements progress srgb torch_file command_line keras networks graphs photos tiles "
    "diffusion metrics icdpm_datasets pretrained systems configs training restoration albums evaluation serving "
    "commands icdpm_experiments"
).split()
GROUND = {"errors", "storage", "files", "locks", "announcements", "progress", "srgb", "torch_file"}
KNOWS = {
    "command_line": {"errors", "announcements"},
    "keras": set(),
    "networks": {"keras"},
    "graphs": set(),
    "photos": GROUND,
    "tiles": {"photos"},
    "diffusion": {"tiles"},
    "metrics": GROUND,
    "icdpm_datasets": GROUND,
    "systems": GROUND | {"keras", "networks", "graphs", "tiles", "diffusion"},
    "configs": GROUND | {"systems"},
    "icdpm_experiments": set(ROOMS[:-1]) - {"commands"},
}
# Methods of every model that import what is built on models, when they are called.
WHEN_CALLED = {"icdpm/systems/system.py": {"icdpm.restoration.api.restore_any"}}
WITHOUT_TENSORFLOW = ("photos", "albums")
# What Keras 3 has no more, or has otherwise, and the one module that may use it.
OF_KERAS_2 = {
    r"\btf\.keras\b|\btf_keras\b|^(from|import) keras\b": "icdpm/keras.py",
    r"\boptimizers\.legacy\b|\btensorflow_addons\b": None,
    r"\b(v|variable|kernel|weight|average)\.name\b": "icdpm/keras.py",
    r"\._dtype_policy\b": None,
    r"\.submodules\b": None,
}


def modules():
    """(path, the package that it is in) of every module of the project."""
    for package, folder in (("icdpm", "icdpm"), ("icdpm_datasets", "datasets"), ("icdpm_experiments", "experiments")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, package, path.relative_to(ROOT / folder).with_suffix("").parts


def room_of(module):
    """The room that a dotted name lies in; None for other people's, and for the door of the house, icdpm itself."""
    first, *rest = module.split(".")
    if first == "icdpm":
        return rest[0] if rest and rest[0] != "__version__" else None
    return first if first in ROOMS else None


def imported(path):
    when_called = WHEN_CALLED.get(str(path.relative_to(ROOT)), ())
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{name.name}" for name in node.names)
            yield from (name for name in names if name not in when_called)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_rooms_know_what_they_may():
    wrong = []
    for path, package, parts in modules():
        here = room_of(".".join([package, *parts]))
        if here == "__init__":
            continue  # the door
        assert here in ROOMS, f"{path} lies in no room that is known here"
        may = KNOWS.get(here, set(ROOMS[: ROOMS.index(here)]))
        known = {None, here, *may}
        wrong += [f"{path.relative_to(ROOT)} imports {name}" for name in imported(path) if room_of(name) not in known]
    assert not wrong, "\n".join(wrong)


def test_the_list_of_what_may_be_known_has_no_circle():
    for room, known in KNOWS.items():
        assert known <= set(ROOMS[: ROOMS.index(room)]), room


@pytest.mark.parametrize("room", WITHOUT_TENSORFLOW)
def test_rooms_without_tensorflow(room):
    names = [".".join([package, *parts]) for _, package, parts in modules() if parts[0] == room and parts[-1] != "__init__"]
    check = f"import sys, {', '.join(names)}\nsys.exit('tensorflow' in sys.modules)"
    assert len(names) > 5 and subprocess.run([sys.executable, "-c", check]).returncode == 0


@pytest.mark.parametrize("words, place", OF_KERAS_2.items())
def test_what_is_of_keras_2_alone_lies_in_one_place(words, place):
    users = {str(path.relative_to(ROOT)) for path, *_ in modules() if re.search(words, path.read_text(), re.MULTILINE)}
    assert users == ({place} if place else set())


HOUSE = (ROOT / "icdpm/README.md").read_text()


def test_the_list_of_rooms_is_the_house():
    """Each room once, from the ground up, with a link to where it is."""
    listed = re.findall(r"^\| \[(\w+)\]\((\S+?)\) \| \S", HOUSE, re.MULTILINE)
    assert [room for room, _ in listed] == list(ROOMS)
    for room, link in listed:
        folder = {"icdpm_datasets": "datasets", "icdpm_experiments": "experiments"}.get(room, f"icdpm/{room}")
        place = (ROOT / "icdpm" / link).resolve()
        assert place in (ROOT / folder, ROOT / folder / "README.md", ROOT / f"{folder}.py"), room


def test_the_drawing_is_the_house():
    """Each room once; what a room imports lies in a row below it."""
    rows = [set(re.findall(r"\w+", line)) for line in re.findall(r"^ +│(.*)│", HOUSE, re.MULTILINE)]
    height = {room: -number for number, row in enumerate(rows) for room in row}
    assert sorted(room for row in rows for room in row) == sorted(ROOMS)
    for path, package, parts in modules():
        here = room_of(".".join([package, *parts]))
        for name in imported(path) if here in height else ():
            room = room_of(name)
            assert room in (None, here) or height[room] < height[here], f"{path.relative_to(ROOT)} imports {name}"
