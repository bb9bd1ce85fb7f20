"""Folder layouts of published data sets, and checks that a copy is complete and correctly paired."""

from __future__ import annotations

import abc
import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from icdpm.errors import IcdpmError, format_list
from icdpm.images.search import list_folder
from icdpm.progress import print_warning
from icdpm_datasets.published.archives import Archive, unpack, verify_checksum

_DEPTH = 2  # folders between the given one and the root, since archives and users add one or two
_SUFFIXES = {".png", ".jpg", ".jpeg"}


@dataclasses.dataclass(frozen=True)
class Pair:
    """Files of a blurry image and its sharp one.

    Attributes:
      name: published name of the pair, such as GOPR0384_11_00/000001, by which results are matched.
      blurry: file of the blurry image.
      sharp: file of the sharp image, of equal size.
    """

    name: str
    blurry: Path
    sharp: Path

    @property
    def sequence(self) -> str:
        """The part of the name before its last slash: a sequence, clip or scene; "" without a slash."""
        return self.name.rpartition("/")[0]


Splits = Mapping[str, list[Pair]]


class Layout(abc.ABC):
    """Base class for the folder layout of a variant of a published data set.

    Attributes:
      title: name of the data set for messages.
      tree: description of the folders in one line.
      page: the official page with the archives.
      archives: the published files that together contain this variant.
      counts: {split: number of pairs} as published.
      sequence_counts: {split: {sequence: number of pairs}} if known.
      blurry_format: format of the blurry images, "png" or "jpeg". Sharp images are always PNG.
    """

    title: str
    tree: str
    page: str
    archives: tuple[Archive, ...]
    counts: Mapping[str, int]
    sequence_counts: Mapping[str, Mapping[str, int]] = {}
    blurry_format: str = "png"

    @property
    def instructions(self) -> str:
        """Instructions where to get the data set."""
        names = ", ".join(archive.name for archive in self.archives)
        return f"{names} from the official page {self.page}, or the folders in them: {self.tree}"

    @abc.abstractmethod
    def is_root(self, folder: Path) -> bool:
        """Returns whether the published tree starts in this folder, even if it is incomplete."""

    @abc.abstractmethod
    def list_pairs(self, root: Path, problems: list[str]) -> Splits:
        """Lists all pairs by split, in the fixed order of the data set.

        Args:
          root: folder where the tree starts.
          problems: receives a line for each deviation from the published tree, such as a file without a partner.
        """

    def find_pairs(self, root: Path, partial: bool) -> Splits:
        """Lists and checks all pairs by split, without empty splits.

        Args:
          root: folder where the tree starts.
          partial: accept a subset. Otherwise the published counts are required, per sequence if known.

        Raises:
          IcdpmError: lists all problems: missing partners, duplicates, misplaced sequences, wrong counts.
        """
        problems: list[str] = []
        splits = self.list_pairs(root, problems)
        problems += _duplicates(splits) + self._misplaced(splits)
        if not partial:
            missing = self.count_problems(splits)
            if missing:
                missing.append("--partial accepts a subset, but results from it are not the benchmark")
            problems += missing
        splits = {split: pairs for split, pairs in splits.items() if pairs}
        if not splits and not problems:
            problems.append(f"no pairs, expected {self.tree}")
        if problems:
            raise IcdpmError(format_list(f"{root} is not {self.title} as published ({self.page})", problems))
        self._warn_of_unknown_sequences(splits)
        return splits

    def count_problems(self, splits: Splits) -> list[str]:
        """Returns a line for each split, or sequence if known, whose number of pairs differs from the published one."""
        problems = []
        for split, expected in self.counts.items():
            pairs = splits.get(split, [])
            sequences = self.sequence_counts.get(split, {})
            if pairs and sequences:
                found = collections.Counter(pair.sequence for pair in pairs)
                for sequence in sorted(sequences.keys() | found.keys()):
                    if found[sequence] != sequences.get(sequence, 0):
                        problems.append(f"{split}/{sequence}: {found[sequence]} pairs of {sequences.get(sequence, 0)}")
            elif len(pairs) != expected:
                problems.append(f"{split}: {len(pairs)} pairs of {expected}")
        return problems

    def _misplaced(self, splits: Splits) -> list[str]:
        """Returns a line for each sequence in the wrong split, since training on it would invalidate results."""
        expected = {sequence: split for split, sequences in self.sequence_counts.items() for sequence in sequences}
        found = {(split, pair.sequence) for split, pairs in splits.items() for pair in pairs}
        return [
            f"{split}/{sequence}: belongs to the {expected[sequence]} split"
            for split, sequence in sorted(found)
            if expected.get(sequence, split) != split
        ]

    def _warn_of_unknown_sequences(self, splits: Splits) -> None:
        for split, sequences in self.sequence_counts.items():
            found = {pair.sequence for pair in splits.get(split, [])}
            for sequence in sorted(found - sequences.keys()):
                print_warning(f"{split}/{sequence}: {self.title} has no sequence of that name")


def match_pairs(sequence: str, blurry_folder: Path, sharp_folder: Path, problems: list[str]) -> list[Pair]:
    """Matches the images of two folders by their names without suffix, sorted by name.

    Args:
      sequence: precedes each pair's name, with a slash; "" for none.
      blurry_folder: folder of the blurry images.
      sharp_folder: folder of the sharp images.
      problems: receives a line for each missing folder, missing partner and duplicate.
    """
    absent = [folder for folder in (blurry_folder, sharp_folder) if not folder.is_dir()]
    if absent:
        problems += [f"{folder}: missing folder" for folder in absent]
        return []
    blurry, sharp = list_images(blurry_folder, problems), list_images(sharp_folder, problems)
    problems += [f"{sharp[stem]}: no blurry image {blurry_folder / stem}.*" for stem in sorted(sharp.keys() - blurry)]
    problems += [f"{blurry[stem]}: no sharp image {sharp_folder / stem}.*" for stem in sorted(blurry.keys() - sharp)]
    prefix = f"{sequence}/" if sequence else ""
    return [Pair(prefix + stem, blurry[stem], sharp[stem]) for stem in sorted(blurry.keys() & sharp)]


def list_images(folder: Path, problems: list[str]) -> dict[str, Path]:
    """Lists the PNG and JPEG files of a folder.

    Args:
      folder: the folder. Hidden files are ignored.
      problems: receives a line for each duplicate.

    Returns:
      {name without suffix: file}.
    """
    found: dict[str, Path] = {}
    _, names = list_folder(folder)
    for path in (folder / name for name in names):
        if path.suffix.lower() not in _SUFFIXES:
            continue
        if path.stem in found:
            problems.append(f"{path}: duplicates {found[path.stem].name}")
        found[path.stem] = path
    return found


def list_folders(folder: Path) -> list[Path]:
    """Lists the subfolders of a folder, sorted, without hidden ones and those of the system."""
    return [folder / name for name in list_folder(folder)[0]] if folder.is_dir() else []


def _duplicates(splits: Splits) -> list[str]:
    first: dict[str, str] = {}
    problems = []
    for split, pairs in splits.items():
        for pair in pairs:
            if pair.name in first:
                problems.append(f"{split}/{pair.name}: duplicates {first[pair.name]}/{pair.name}")
            first.setdefault(pair.name, split)
    return problems


def find_tree(layout: Layout, source: Path, unpack_to: Path) -> Path:
    """Finds the root of a data set's tree, and unpacks its archives if there is no tree.

    Args:
      layout: layout of the data set.
      source: an archive, a folder with the archives, or a folder in which the tree starts, or up to two levels below.
      unpack_to: archives are unpacked to a folder of their own below it, which is kept, so that a later run continues.

    Returns:
      The folder where the tree starts.

    Raises:
      IcdpmError: neither tree nor archives are found, or an archive fails its checks.
    """
    if not source.exists():
        raise IcdpmError(f"{source} does not exist. Required: {layout.instructions}.")
    root = _find_root(layout, source) if source.is_dir() else None
    if root is not None:
        return root
    archives = _find_archives(layout, source)
    # Named after its archives, so that files of another download never mix in.
    size = sum(path.stat().st_size for path, _ in archives)
    folder = unpack_to / f"{'+'.join(path.stem for path, _ in archives)}-{size}"
    for path, archive in archives:
        verify_checksum(path, archive, layout.page)
        unpack(path, folder)
    root = _find_root(layout, folder)
    if root is None:
        raise IcdpmError(f"{source} does not contain {layout.title}. Required: {layout.instructions}.")
    return root


def _find_root(layout: Layout, folder: Path) -> Path | None:
    level = [folder]
    for _ in range(_DEPTH + 1):
        roots = [path for path in level if layout.is_root(path)]
        if len(roots) > 1:
            raise IcdpmError(f"{folder} contains {layout.title} twice, in {roots[0]} and {roots[1]}. Give one of them.")
        if roots:
            return roots[0]
        level = [path for parent in level for path in list_folders(parent)]
    return None


def _find_archives(layout: Layout, source: Path) -> list[tuple[Path, Archive]]:
    if source.is_file():
        known = {archive.name: archive for archive in layout.archives}
        return [(source, known.get(source.name, Archive(source.name)))]
    found = [(source / archive.name, archive) for archive in layout.archives]
    absent = [path.name for path, _ in found if not path.is_file()]
    if absent:
        raise IcdpmError(f"{source} lacks {', '.join(absent)} of {layout.title}. Required: {layout.instructions}.")
    return found
