"""One's own pairs: a folder with `blur` and `sharp` in it, matched by file name."""

from __future__ import annotations

import collections
import itertools
import os
import pathlib
from collections.abc import Iterable

import numpy as np

from icdpm.errors import IcdpmError
from icdpm_datasets.image_files import ENDINGS, ImageCache

_MOST_NAMES = 10  # told one by one; the rest are counted


class FolderPairs:
    """The pairs of `path/blur` and `path/sharp`: blur/a.jpg belongs to sharp/a.png, whatever their order.

    PNG, JPEG, BMP, TIFF and WebP of 8 bits; gray pictures get three equal channels, alpha is dropped, EXIF orientation
    applied. Other files and hidden ones are left alone.

    Attributes:
      names: the file names without ending, sorted.
      description: one line for logs.
    """

    def __init__(self, path: str | os.PathLike[str]):
        """Reads the header of every picture.

        Raises IcdpmError for a missing or empty folder, a name without a partner, a name that occurs twice, a file that
        is no picture of 8 bits, and a pair of two sizes.
        """
        folder = pathlib.Path(path)
        blurry, sharp = _pictures(folder / "blur"), _pictures(folder / "sharp")
        _require_partners(folder, blurry, sharp)
        self.names = sorted(blurry)
        self._files = [(blurry[name], sharp[name]) for name in self.names]
        self._pictures = ImageCache(itertools.chain(*self._files))
        self._require_common_sizes()
        self.description = f"{len(self)} pairs in {folder}"

    def __len__(self) -> int:
        return len(self.names)

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The pair (blurry, sharp) at `index`, uint8 [H, W, 3], read-only.

        Raises IcdpmError where a file is damaged or truncated, or has another size than when the folder was opened.
        """
        return tuple(map(self._pictures.read, self._files[index]))

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError where a picture is narrower or lower than `crop` pixels."""
        self._pictures.check_crop(crop)

    def _require_common_sizes(self) -> None:
        for blurry, sharp in self._files:
            (width, height), (other_width, other_height) = (self._pictures.sizes[file] for file in (blurry, sharp))
            if (width, height) != (other_width, other_height):
                raise IcdpmError(
                    f"{blurry} is {width}×{height} px but {sharp} is {other_width}×{other_height} px: "
                    "the two pictures of a pair must have one size."
                )


def _pictures(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The pictures in a folder by name without ending.

    Raises IcdpmError where there are none, or a name occurs twice.
    """
    if not folder.is_dir():
        raise IcdpmError(f"{folder} is missing: pairs are read from two folders, blur and sharp, side by side.")
    files = collections.defaultdict(list)
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in ENDINGS and not file.name.startswith(".") and file.is_file():
            files[file.stem].append(file)
    if not files:
        raise IcdpmError(f"{folder} has no pictures: it must hold {', '.join(sorted(ENDINGS))} files.")
    twice = [" and ".join(file.name for file in same) for same in files.values() if len(same) > 1]
    if twice:
        raise IcdpmError(f"{folder} has pictures of one name, so their partners are not clear: {_listed(twice)}.")
    return {name: same[0] for name, same in files.items()}


def _require_partners(folder: pathlib.Path, blurry: Iterable[str], sharp: Iterable[str]) -> None:
    """Raises IcdpmError where a name is on one side only."""
    alone = [f"blur/{name}" for name in sorted(set(blurry) - set(sharp))]
    alone += [f"sharp/{name}" for name in sorted(set(sharp) - set(blurry))]
    if alone:
        raise IcdpmError(f"{folder} has pictures without a partner of their name on the other side: {_listed(alone)}.")


def _listed(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    rest = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
