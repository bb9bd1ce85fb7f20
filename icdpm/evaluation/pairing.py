"""Pairs restored images with sharp images by name, never by order.

A pair has one name in all forms of the published data sets and of folders of results: GOPR0384_11_00/000001 of GoPro is also
GOPR0384_11_00/sharp/000001 and GOPR0384_11_00-000001. `icdpm_datasets.published.sets` lists these forms. The name of any other
image is its path without extension. Names are compared in one form of Unicode (NFC); results have the names that were given.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Union

from icdpm.errors import IcdpmError, format_list
from icdpm.evaluation.lazy_images import CachedPairs, FileImage, SourceImage, find_mismatch
from icdpm.images.search import find_image_files, normalize_name
from icdpm_datasets.pairs import PairSource
from icdpm_datasets.published.sets import PUBLISHED

BLURRY = "blurry"
# {side: names of the folders of the other images that published data sets have next to those of the side}
_OTHER_SIDES: dict[str, set[str]] = {
    "sharp": {folder for each in PUBLISHED for folder in each.blurry_folders},
    BLURRY: {folder for each in PUBLISHED for folder in (*each.sharp_folders, *each.blurry_folders[1:])},
    "restored": set(),
}
_PUBLISHED_TESTS = {
    benchmark.title: each.variants[benchmark.test].layout for each in PUBLISHED for benchmark in each.benchmarks.values()
}
_NAME_PATTERNS = [(re.compile(rf"(?:^|(?<=/)){forms}$"), name) for forms, name in (each.pair_names for each in PUBLISHED)]

LazyImage = Union[FileImage, SourceImage]


@dataclasses.dataclass(frozen=True)
class PairedSet:
    """The images of an evaluation.

    Attributes:
      description: one line for the report.
      sharp: {name of the pair: sharp image}, in the order of the report.
      methods: {name of the method: {name of the pair: restored image}}. Every method has every pair.
    """

    description: str
    sharp: Mapping[str, LazyImage]
    methods: Mapping[str, Mapping[str, LazyImage]]

    @property
    def bits(self) -> int:
        """Bits per channel with which the images are compared: 16 if an image has more than 8, otherwise 8."""
        return max(image.bits for images in (self.sharp, *self.methods.values()) for image in images.values())


def pair_name(path: str) -> str:
    """Returns the name of the pair of an image.

    Args:
      path: path of the image relative to the folder of its side, with slashes and without extension; or a published name.
    """
    for pattern, name in _NAME_PATTERNS:
        path, found = pattern.subn(name, path)
        if found:
            break
    return path


def parse_named_folders(arguments: Iterable[str]) -> dict[str, str]:
    """Parses arguments of the form DIR, named after the folder, or NAME=DIR.

    Args:
      arguments: the arguments.

    Returns:
      {name: folder}.

    Raises:
      IcdpmError: a name is given twice, empty, or reserved.
    """
    folders: dict[str, str] = {}
    for argument in arguments:
        name, equals, folder = argument.partition("=")
        if not equals or "/" in name or Path(argument).is_dir():
            name, folder = Path(argument).resolve().name, argument
        if not name or not folder or name == BLURRY:
            raise IcdpmError(f"{argument!r} is not a valid name and folder. Write NAME=DIR, with a name other than {BLURRY}.")
        if name in folders:
            raise IcdpmError(f"{folders[name]} and {folder} are both called {name}. Name them: NAME=DIR.")
        folders[name] = folder
    return folders


def pair_folders(
    restored: Mapping[str, str | os.PathLike], sharp: str | os.PathLike, blurry: str | os.PathLike | None = None
) -> PairedSet:
    """Pairs folders of restored images with a folder of sharp images.

    `sharp` and `blurry` may be the folder of a published data set, or a folder inside it: its test split is used, unless the
    restored images correspond to all images of the folder.

    Args:
      restored: {name of the method: folder}.
      sharp: folder of the sharp images.
      blurry: folder of the blurry images, which are measured as the method `blurry`, or `None`.

    Returns:
      A `PairedSet`.

    Raises:
      IcdpmError: a folder has no images or two of one name, images have no partner, or size or color differ from the partner.
    """
    folders = {method: list_images(Path(folder), "restored") for method, folder in restored.items()}
    title, wanted = _choose_images(Path(sharp), "sharp", folders)
    description = f"{len(wanted)} pairs of {title}"
    if blurry is not None:
        title, files = _choose_images(Path(blurry), BLURRY, {"sharp": wanted})
        folders = {BLURRY: files, **folders}
        description += f", blurry images of {title}"
    given = {name: _given_name(name, path, Path(sharp)) for name, path in wanted.items()}
    sharp_images = {given[name]: FileImage(path) for name, path in wanted.items()}
    methods = {method: {given[name]: FileImage(files[name]) for name in wanted} for method, files in folders.items()}
    for images in methods.values():
        _require_same_format(images, sharp_images)
    return PairedSet(description, sharp_images, methods)


def pair_with_source(restored: Mapping[str, str | os.PathLike], source: PairSource, note: str | None = None) -> PairedSet:
    """Pairs folders of restored images with a `PairSource`, whose blurry images are measured as the method `blurry`.

    Args:
      restored: {name of the method: folder}.
      source: return value of `icdpm_datasets.load.load_pairs`.
      note: addition to the description, or `None`.

    Returns:
      A `PairedSet`, in the order of the source.

    Raises:
      IcdpmError: as for `pair_folders`.
    """
    given = [pair_name(name) for name in source.names]
    names = {normalize_name(name): index for index, name in enumerate(given)}
    if len(names) < len(source):
        raise IcdpmError(f"{source.description}: two pairs have equivalent names. Rename one of them.")
    pairs = CachedPairs(source)
    methods: dict[str, dict[str, LazyImage]] = {
        BLURRY: {name: SourceImage(pairs, index, 0) for index, name in enumerate(given)}
    }
    for method, folder in restored.items():
        files = list_images(Path(folder), "restored")
        _require_same_names(method, files, names, source.description)
        methods[method] = {given[index]: FileImage(files[name]) for name, index in names.items()}
    sharp = {name: SourceImage(pairs, index, 1) for index, name in enumerate(given)}
    return PairedSet("; ".join(filter(None, [source.description, note])), sharp, methods)


def pair_methods(
    restored: Mapping[str, str | os.PathLike], blurry: str | os.PathLike | None = None
) -> tuple[dict[str, dict[str, FileImage]], dict[str, FileImage] | None]:
    """Pairs folders of restored images with each other.

    Args:
      restored: {name of the method: folder}.
      blurry: folder of the blurry images, or `None`.

    Returns:
      ({name of the method: {name of the pair: image}}, {name of the pair: blurry image} or `None`).

    Raises:
      IcdpmError: as for `pair_folders`.
    """
    folders = {method: list_images(Path(folder), "restored") for method, folder in restored.items()}
    (first, wanted), *others = folders.items()
    for method, files in others:
        _require_same_names(method, files, wanted, first, first)
    given = {name: _given_name(name, path, Path(restored[first])) for name, path in wanted.items()}
    methods = {method: {given[name]: FileImage(files[name]) for name in wanted} for method, files in folders.items()}
    blurry_images = None
    if blurry is not None:
        _, files = _choose_images(Path(blurry), BLURRY, {first: wanted})
        blurry_images = {given[name]: FileImage(files[name]) for name in wanted}
    for images in [*list(methods.values())[1:], *([blurry_images] if blurry_images else [])]:
        _require_same_format(images, methods[first])
    return methods, blurry_images


def _choose_images(folder: Path, side: str, others: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, Path]]:
    """Chooses the published test split or all images of a folder, whichever has the same names as `others`.

    Args:
      folder: the folder.
      side: 'sharp' or 'blurry'.
      others: {method: {name of the pair: anything}}.

    Returns:
      (title, {name of the pair: path}).

    Raises:
      IcdpmError: neither has the same names. The message lists the differences from the closer one.
    """

    def count_differences(candidate):
        return sum(len(candidate[1].keys() ^ names.keys()) for names in others.values())

    candidates = _find_published_tests(folder, side)
    if all(map(count_differences, candidates)):
        candidates.append((str(folder), list_images(folder, side)))
    title, files = min(candidates, key=count_differences)
    for method, names in others.items():
        _require_same_names(method, names, files, title, side)
    return title, files


def _find_published_tests(folder: Path, side: str) -> list[tuple[str, dict[str, Path]]]:
    """Returns [(title, {name: path})] of the published test splits that a folder is, contains, or is part of."""
    found = []
    for title, layout in _PUBLISHED_TESTS.items():
        for root in (folder.resolve(), *list(folder.resolve().parents)[:2]):
            if layout.is_root(root):
                # Errors of the layout are ignored: they matter only as far as names are missing.
                pairs = layout.list_pairs(root, []).get("test", [])
                files = {normalize_name(pair_name(pair.name)): getattr(pair, side) for pair in pairs}
                files = {name: path for name, path in files.items() if folder.resolve() in path.parents}
                if files:
                    # GoPro has two kinds of blurry images, whose results are not comparable.
                    kind = f" ({next(iter(files.values())).parent.name})" if side == BLURRY else ""
                    found.append((f"{title} in {folder}{kind}", files))
    names = [files.keys() for _, files in found]
    if any(names.count(each) > 1 for each in names):
        titles = " and ".join(title for title, _ in found)
        raise IcdpmError(f"{folder} has images of the same names twice ({titles}). Give the folder of one of them.")
    return found


def list_images(folder: Path, side: str) -> dict[str, Path]:
    """Lists all images in a folder and its subfolders, by the rule of `icdpm.images.search`.

    Args:
      folder: the folder.
      side: 'sharp', 'blurry' or 'restored'. Folders of other sides are skipped.

    Returns:
      {name of the pair, normalized: path}, sorted by name.

    Raises:
      IcdpmError: the folder does not exist or has no images, two images have one name, or a name is not valid UTF-8, which no
        file of results could contain.
    """
    files: dict[str, Path] = {}
    for path in find_image_files(folder):
        relative = path.relative_to(folder)
        if len(relative.parts) > 1 and path.parent.name in _OTHER_SIDES[side]:
            continue
        try:
            os.fspath(relative).encode()
        except UnicodeEncodeError as error:
            raise IcdpmError(f"{path}: the name is not valid UTF-8. Rename the file.") from error
        name = normalize_name(pair_name(relative.with_suffix("").as_posix()))
        if name in files:
            raise IcdpmError(f"{files[name]} and {path} are both the {side} image of {name}. Remove one of them.")
        files[name] = path
    if not files:
        raise IcdpmError(f"{folder} contains no {side} images, only {'blurry' if side == 'sharp' else 'sharp'} ones.")
    return dict(sorted(files.items()))


def _given_name(name: str, path: Path, folder: Path) -> str:
    """Returns the name of the pair of an image in the Unicode form of its path below a folder."""
    given = pair_name(Path(os.path.relpath(path, folder)).with_suffix("").as_posix())
    return given if normalize_name(given) == name else name


def _require_same_names(
    method: str, restored: Mapping[str, Any], sharp: Mapping[str, Any], title: str, side: str = "sharp"
) -> None:
    """Raises `IcdpmError` with all names that only one side has."""
    lines = [f"{name} has no {side} image" for name in sorted(restored.keys() - sharp.keys())]
    lines += [f"{name} has no {method} image" for name in sorted(sharp.keys() - restored.keys())]
    if lines:
        raise IcdpmError(format_list(f"the images of {method} and of {title} do not match by name", lines))


def _require_same_format(images: Mapping[str, FileImage], partners: Mapping[str, FileImage]) -> None:
    """Raises `IcdpmError` with all images whose size or color differs from their partner's."""
    lines = []
    for name, image in images.items():
        if reason := find_mismatch(image, partners[name]):
            lines.append(f"{image} {reason}")
    if lines:
        raise IcdpmError(format_list("images differ from their partners", lines))
