"""Which restored picture belongs to which sharp one: by name, never by order."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

from icdpm.errors import IcdpmError, format_list
from icdpm.evaluation.lazy_images import FileImage, LoadedOnce, SourceImage, difference
from icdpm.images.formats import SUFFIXES
from icdpm_datasets.published.sets import PUBLISHED

BLURRY = "blurry"
# What the folders of the other pictures are called where a published tree holds them side by side.
_OTHER_SIDES = {
    "sharp": {folder for each in PUBLISHED for folder in each.blurry_folders},
    BLURRY: {folder for each in PUBLISHED for folder in (*each.sharp_folders, *each.blurry_folders[1:])},
    "restored": set(),
}
_PUBLISHED_TESTS = {
    benchmark.title: each.variants[benchmark.test].layout for each in PUBLISHED for benchmark in each.benchmarks.values()
}


@dataclasses.dataclass(frozen=True)
class PairedSet:
    """What is measured.

    Attributes:
      description: one line for the report.
      sharp: {name of the pair: its sharp picture}, in the order in which they are reported.
      methods: {name of the method: {name of the pair: its restored picture}}; every method has every pair.
    """

    description: str
    sharp: Mapping[str, object]
    methods: Mapping[str, Mapping[str, object]]


def parse_named_folders(arguments):
    """{name of the method: folder} from arguments that are DIR, named after the folder, or NAME=DIR.

    Raises:
      IcdpmError: two of one name, or a name that is not one.
    """
    folders = {}
    for argument in arguments:
        name, equals, folder = argument.partition("=")
        if not equals or "/" in name or Path(argument).is_dir():
            name, folder = Path(argument).resolve().name, argument
        if not name or not folder or name == BLURRY:
            raise IcdpmError(f"{argument} does not name what is compared; write NAME=DIR, and another name than {BLURRY}")
        if name in folders:
            raise IcdpmError(f"{folders[name]} and {folder} are both called {name}; name them: NAME=DIR")
        folders[name] = folder
    return folders


def pair_folders(restored, sharp, blurry=None):
    """Pairs folders of restored pictures with a folder of sharp ones.

    `sharp` and `blurry` may be (in) the tree of a published data set: then its test split is meant, unless the
    restored pictures are all pictures there.

    Args:
      restored: {name of the method: folder}.
      sharp: a folder.
      blurry: a folder of the blurry pictures, which are measured as a method called `blurry`; or None.

    Returns:
      A PairedSet.

    Raises:
      IcdpmError: a folder has no pictures or two of one name; or it lists the pictures without a partner, and those
        whose size or colour is not their partner's.
    """
    folders = {method: list_images(Path(folder), "restored") for method, folder in restored.items()}
    title, wanted = _choose(Path(sharp), "sharp", folders)
    description = f"{len(wanted)} pairs of {title}"
    if blurry is not None:
        title, files = _choose(Path(blurry), BLURRY, {"sharp": wanted})
        folders = {BLURRY: files, **folders}
        description += f", blurry pictures of {title}"
    sharp_pictures = {name: FileImage(path) for name, path in wanted.items()}
    methods = {method: {name: FileImage(files[name]) for name in sharp_pictures} for method, files in folders.items()}
    for pictures in methods.values():
        _require_alike(pictures, sharp_pictures)
    return PairedSet(description, sharp_pictures, methods)


def pair_with_source(restored, source, note=None):
    """Pairs folders of restored pictures with a `PairSource`, whose blurry pictures are measured as a method too.

    Args:
      restored: {name of the method: folder}.
      source: of `icdpm_datasets.load.load_pairs`.
      note: what the description is to say besides, or None.

    Returns:
      A PairedSet, in the source's order.

    Raises:
      IcdpmError: as `pair_folders`.
    """
    names = {pair_name(name): index for index, name in enumerate(source.names)}
    if len(names) < len(source):
        raise IcdpmError(f"{source.description}: two pairs have names that mean the same; rename one of them")
    pairs = LoadedOnce(source)
    methods = {BLURRY: {name: SourceImage(pairs, index, 0) for name, index in names.items()}}
    for method, folder in restored.items():
        files = list_images(Path(folder), "restored")
        _require_same_names(method, files, names, source.description)
        methods[method] = {name: FileImage(files[name]) for name in names}
    sharp = {name: SourceImage(pairs, index, 1) for name, index in names.items()}
    return PairedSet("; ".join(filter(None, [source.description, note])), sharp, methods)


def pair_methods(restored, blurry=None):
    """Pairs folders of restored pictures with each other.

    Args:
      restored: {name of the method: folder}.
      blurry: a folder of the blurry pictures, or None.

    Returns:
      ({name of the method: {name of the pair: its picture}}, {name of the pair: blurry picture} or None).

    Raises:
      IcdpmError: as `pair_folders`.
    """
    folders = {method: list_images(Path(folder), "restored") for method, folder in restored.items()}
    (first, wanted), *others = folders.items()
    for method, files in others:
        _require_same_names(method, files, wanted, first, first)
    blurry_files = None if blurry is None else _choose(Path(blurry), BLURRY, {first: wanted})[1]
    methods = {method: {name: FileImage(files[name]) for name in wanted} for method, files in folders.items()}
    blurry_pictures = blurry_files and {name: FileImage(blurry_files[name]) for name in wanted}
    for pictures in [*list(methods.values())[1:], *([blurry_pictures] if blurry_pictures else [])]:
        _require_alike(pictures, methods[first])
    return methods, blurry_pictures


def _choose(folder, side, others):
    """What is meant in a folder: the published test split or all pictures there, whichever has the names of `others`.

    Returns:
      (title, {name: path}).

    Raises:
      IcdpmError: neither has; it lists what differs from the nearer one.
    """

    def misfits(candidate):
        return sum(len(candidate[1].keys() ^ names.keys()) for names in others.values())

    candidates = _published_tests(folder, side)
    if all(map(misfits, candidates)):
        candidates.append((str(folder), list_images(folder, side)))
    title, files = min(candidates, key=misfits)
    for method, names in others.items():
        _require_same_names(method, names, files, title, side)
    return title, files


def _published_tests(folder, side):
    """[(title, {name: path})] of the published test splits that a folder is, holds or lies in."""
    found = []
    for title, layout in _PUBLISHED_TESTS.items():
        for root in (folder.resolve(), *folder.resolve().parents[:2]):
            if layout.is_root(root):
                # What is wrong with the tree shows in the names, where it matters.
                pairs = layout.list_pairs(root, []).get("test", [])
                files = {pair_name(pair.name): getattr(pair, side) for pair in pairs}
                files = {name: path for name, path in files.items() if folder.resolve() in path.parents}
                if files:
                    # GoPro has two kinds of blurry pictures; results on them cannot be compared.
                    kind = f" ({next(iter(files.values())).parent.name})" if side == BLURRY else ""
                    found.append((f"{title} in {folder}{kind}", files))
    names = [files.keys() for _, files in found]
    if any(names.count(each) > 1 for each in names):
        titles = " and ".join(title for title, _ in found)
        raise IcdpmError(f"{folder} has pictures of the same names twice ({titles}); give the folder of one of them")
    return found


def list_images(folder, side):
    """{name of the pair: path} of all pictures in a folder and the folders in it, sorted by name."""
    if not folder.is_dir():
        raise IcdpmError(f"{folder} is not a folder")
    files = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in relative.parts):
            continue
        if len(relative.parts) > 1 and path.parent.name in _OTHER_SIDES[side]:
            continue
        name = pair_name(relative.with_suffix("").as_posix())
        if name in files:
            raise IcdpmError(f"{files[name]} and {path} are both the {side} picture of {name}; leave one of them out")
        files[name] = path
    if not files:
        raise IcdpmError(f"{folder} has no pictures; they end in {', '.join(SUFFIXES)}")
    return dict(sorted(files.items()))


def _require_same_names(method, restored, sharp, title, side="sharp"):
    """Raises IcdpmError that lists the names which are on one side only."""
    lines = [f"{name} has no {side} picture" for name in sorted(restored.keys() - sharp.keys())]
    lines += [f"{name} has no {method} picture" for name in sorted(sharp.keys() - restored.keys())]
    if lines:
        raise IcdpmError(format_list(f"the pictures of {method} and of {title} do not match by name", lines))


def _require_alike(pictures, partners):
    """Raises IcdpmError that lists the pictures whose size or colour is not their partner's."""
    lines = []
    for name, picture in pictures.items():
        if reason := difference(picture, partners[name]):
            lines.append(f"{picture} {reason}")
    if lines:
        raise IcdpmError(format_list("pictures differ from their partners", lines))


_PATTERNS = [(re.compile(rf"(?:^|(?<=/)){forms}$"), name) for forms, name in (each.pair_names for each in PUBLISHED)]


def pair_name(path):
    """The name of the pair that a picture belongs to.

    Args:
      path: of the picture, relative to its side's folder, with slashes and without suffix; or a published name.
    """
    for pattern, name in _PATTERNS:
        path, found = pattern.subn(name, path)
        if found:
            break
    return path
