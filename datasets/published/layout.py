"""A data set as its authors lay it out in folders, and whether a copy of it is complete and well paired."""

from __future__ import annotations

import abc
import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm_datasets.console import listed, warn
from icdpm_datasets.published.archives import Archive, unpack, verify_checksum

_SUFFIXES = {".png", ".jpg", ".jpeg"}


@dataclasses.dataclass(frozen=True)
class Pair:
    """One blurry picture and its sharp one.

    Attributes:
      name: the pair's published name, such as GOPR0384_11_00/000001; results are matched by it.
      blurry: its file.
      sharp: its file, of the same size.
    """

    name: str
    blurry: Path
    sharp: Path

    @property
    def sequence(self) -> str:
        """The part of the name before its last slash: a sequence, clip or scene; "" where names have no slash."""
        return self.name.rpartition("/")[0]


Splits = Mapping[str, list[Pair]]


class Layout(abc.ABC):
    """How a data set (one variant of it) lies in folders.

    Attributes:
      title: its name for people.
      tree: what the folders look like, in one line for people.
      page: the official page that offers the archives.
      archives: the published files that together hold this variant.
      counts: {split: number of pairs} as published.
      sequence_counts: {split: {sequence: number of pairs}} where that is known.
      blurry_format: of the blurry pictures' files, "png" or "jpeg"; the sharp ones are PNG everywhere.
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
        """Where to get the data set, for people."""
        names = ", ".join(archive.name for archive in self.archives)
        return f"{names} from the official page {self.page}, or the folders that they hold: {self.tree}"

    @abc.abstractmethod
    def is_root(self, folder: Path) -> bool:
        """Whether the published tree starts in this folder, however incomplete."""

    @abc.abstractmethod
    def list_pairs(self, root: Path, problems: list[str]) -> Splits:
        """All pairs below `root` by split, in the fixed order of the data set.

        Appends a line to `problems` for whatever is not as published, such as a file without its partner.
        """

    def find_pairs(self, root: Path, partial: bool) -> Splits:
        """As `list_pairs`, without empty splits, and checked.

        Args:
          root: where the tree starts.
          partial: accept a subset; otherwise the counts must be those published, sequence by sequence where known.

        Raises IcdpmError that lists everything wrong: missing partners, duplicates, misplaced sequences, counts.
        """
        problems = []
        splits = self.list_pairs(root, problems)
        problems += _duplicates(splits) + self._misplaced(splits)
        if not partial:
            missing = self.count_problems(splits)
            if missing:
                missing.append("with --partial a subset is accepted, but no result from it is the benchmark's")
            problems += missing
        splits = {split: pairs for split, pairs in splits.items() if pairs}
        if not splits and not problems:
            problems.append(f"no pairs; expected {self.tree}")
        if problems:
            raise IcdpmError(listed(f"{root}: not {self.title} as published ({self.page})", problems))
        self._warn_of_unknown_sequences(splits)
        return splits

    def count_problems(self, splits: Splits) -> list[str]:
        """A line for each split, or sequence where those are known, whose number of pairs is not the published one."""
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
        """A line for each sequence that lies in one split and belongs to another: training on it would be cheating."""
        home = {sequence: split for split, sequences in self.sequence_counts.items() for sequence in sequences}
        found = {(split, pair.sequence) for split, pairs in splits.items() for pair in pairs}
        return [
            f"{split}/{sequence}: belongs to the {home[sequence]} split"
            for split, sequence in sorted(found)
            if home.get(sequence, split) != split
        ]

    def _warn_of_unknown_sequences(self, splits: Splits) -> None:
        for split, sequences in self.sequence_counts.items():
            found = {pair.sequence for pair in splits.get(split, [])}
            for sequence in sorted(found - sequences.keys()):
                warn(f"{split}/{sequence}: {self.title} has no sequence of that name")


def match(sequence: str, blurry_folder: Path, sharp_folder: Path, problems: list[str]) -> list[Pair]:
    """Pairs the pictures of two folders by their names without suffix, sorted by name.

    Args:
      sequence: goes before each pair's name, with a slash; "" for none.
      blurry_folder: of the blurry pictures.
      sharp_folder: of the sharp pictures.
      problems: gets a line for each missing folder, missing partner and duplicate.
    """
    absent = [folder for folder in (blurry_folder, sharp_folder) if not folder.is_dir()]
    if absent:
        problems += [f"{folder}: missing folder" for folder in absent]
        return []
    blurry, sharp = pictures(blurry_folder, problems), pictures(sharp_folder, problems)
    problems += [f"{sharp[stem]}: no blurry picture {blurry_folder / stem}.*" for stem in sorted(sharp.keys() - blurry)]
    problems += [f"{blurry[stem]}: no sharp picture {sharp_folder / stem}.*" for stem in sorted(blurry.keys() - sharp)]
    prefix = f"{sequence}/" if sequence else ""
    return [Pair(prefix + stem, blurry[stem], sharp[stem]) for stem in sorted(blurry.keys() & sharp)]


def pictures(folder: Path, problems: list[str]) -> dict[str, Path]:
    """The PNG and JPEG files of a folder by name without suffix; hidden files are left out, duplicates are problems."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            problems.append(f"{path}: duplicates {found[path.stem].name}")
        found[path.stem] = path
    return found


def folders(folder: Path) -> list[Path]:
    """The sub-folders of a folder, sorted, without hidden ones and what macOS puts into archives."""
    if not folder.is_dir():
        return []
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".") and path.name != "__MACOSX"
    )


def _duplicates(splits: Splits) -> list[str]:
    first, problems = {}, []
    for split, pairs in splits.items():
        for pair in pairs:
            if pair.name in first:
                problems.append(f"{split}/{pair.name}: duplicates {first[pair.name]}/{pair.name}")
            first.setdefault(pair.name, split)
    return problems


_DEPTH = 2  # folders between the given one and the root, as archives and people put one or two around a tree


def find_tree(layout: Layout, source: Path, unpack_to: Path) -> Path:
    """Finds the root of a data set's tree, unpacking its archives first where there is no tree yet.

    Args:
      layout: of the data set.
      source: an archive, a folder that holds the archives, or a folder in which (or up to two below) the tree starts.
      unpack_to: archives are unpacked in a folder of their own below it, which is kept: a later run continues.

    Raises IcdpmError where there is neither tree nor archives, or an archive fails its checks.
    """
    if not source.exists():
        raise IcdpmError(f"{source}: no such file or folder; needed: {layout.instructions}")
    root = _find_root(layout, source) if source.is_dir() else None
    if root is not None:
        return root
    archives = _find_archives(layout, source)
    # Named for what it comes from, so that files of another download never mix in.
    size = sum(path.stat().st_size for path, _ in archives)
    folder = unpack_to / f"{'+'.join(path.stem for path, _ in archives)}-{size}"
    for path, archive in archives:
        verify_checksum(path, archive, layout.page)
        unpack(path, folder)
    root = _find_root(layout, folder)
    if root is None:
        raise IcdpmError(f"{source}: its contents are not {layout.title}'s; needed: {layout.instructions}")
    return root


def _find_root(layout: Layout, folder: Path) -> Path | None:
    level = [folder]
    for _ in range(_DEPTH + 1):
        roots = [path for path in level if layout.is_root(path)]
        if len(roots) > 1:
            raise IcdpmError(f"{folder}: {layout.title} is there twice, {roots[0]} and {roots[1]}; give one of them")
        if roots:
            return roots[0]
        level = [path for parent in level for path in folders(parent)]
    return None


def _find_archives(layout: Layout, source: Path) -> list[tuple[Path, Archive]]:
    if source.is_file():
        known = {archive.name: archive for archive in layout.archives}
        return [(source, known.get(source.name, Archive(source.name)))]
    found = [(source / archive.name, archive) for archive in layout.archives]
    absent = [path.name for path, _ in found if not path.is_file()]
    if absent:
        missing = ", ".join(absent)
        raise IcdpmError(f"{source}: {layout.title} is not there, {missing} missing; needed: {layout.instructions}")
    return found
