"""From what the user has, an archive or a folder, to the folder in which the published tree starts."""

from __future__ import annotations

from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm_datasets.published.archives import Archive, verify_checksum
from icdpm_datasets.published.layout import Layout, folders
from icdpm_datasets.published.unpack import unpack

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
