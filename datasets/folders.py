"""Folders of a user's own images: pairs, and sharp images from which pairs are made on the fly."""

from __future__ import annotations

import collections
import itertools
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError, shorten_list
from icdpm.images.search import find_image_files, normalize_name
from icdpm_datasets.image_files import ImageCache, check_equal_sizes, find_images

_LISTED_NAMES = 10  # in an error


class FolderPairs:
    """Pairs in `folder/blur` and `folder/sharp`, matched by path below these folders without suffix; a `PairSource`.

    Image files with 8 or 16 bits per channel are read. If one has 16 bits, all images are uint16, those of 8 bits without loss.
    Gray is repeated in three channels and EXIF orientation is applied. An image with transparent parts is an error when it is
    read. Other files and hidden files are ignored.

    Args:
      folder: the folder, of which every image's header is read.

    Attributes:
      names: paths without suffix, such as sequence/000001, sorted; those of the blurry images if the Unicode forms (NFC, NFD)
        of a pair differ.
      dtype: uint8 or uint16, of all images.
      description: one line for logs.

    Raises:
      IcdpmError: a folder is missing or empty, a name has no partner or occurs twice, a file is not an image with 8 or 16 bits
        per channel, or the images of a pair differ in size.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        folder = Path(folder)
        blurry, sharp = _images_by_name(folder / "blur"), _images_by_name(folder / "sharp")
        _check_partners(folder, blurry, sharp)
        pairs = sorted((_name(file, folder / "blur"), file, sharp[name]) for name, file in blurry.items())
        self.names = [name for name, *_ in pairs]
        self._files = [files for _, *files in pairs]
        self._images = ImageCache(itertools.chain(*self._files), keep_depth=True)
        for files in self._files:
            check_equal_sizes("images of a pair", files, self._images.sizes)
        self.dtype = self._images.dtype
        self.description = f"{len(self)} pairs in {folder}" + (" of 16 bits" if self.dtype == np.uint16 else "")

    def __len__(self) -> int:
        return len(self.names)

    def files(self, index: int) -> list[Path]:
        return self._files[index]

    def load(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        blurry, sharp = self._files[index]
        return self._images.read(blurry), self._images.read(sharp)

    def check_crop(self, crop: int) -> None:
        self._images.check_crop(crop)


class SharpImages:
    """Base class for sources that make pairs from the sharp images of a folder and its subfolders.

    `load` is deterministic: the file name seeds the degradation. `load_crop` draws a new degradation for each training example.
    Subclasses implement both.

    Args:
      folder: the folder, of which every image's header is read.

    Attributes:
      names: paths below the folder without suffix, with hyphens in place of slashes, sorted.
      description: one line for logs.

    Raises:
      IcdpmError: the folder has no images, or a file is not an image with 8 bits per channel.
    """

    kind: str  # describes the blur or degradation
    stream: int  # separates the random numbers of this class from those of others

    def __init__(self, folder: Path) -> None:
        self.paths = find_images(folder)
        self.names = list(self.paths)
        # data.json of old runs has this text, and a changed description counts as changed data.
        self.description = f"{len(self)} photos in {folder}, {self.kind}"
        self._images = ImageCache(self.paths.values())

    def __len__(self) -> int:
        return len(self.names)

    def files(self, index: int) -> list[Path]:
        return [self.paths[self.names[index]]]

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError if an image is smaller than `crop` pixels in height or width."""
        self._images.check_crop(crop)

    def sharp(self, index: int) -> np.ndarray:
        """Returns the sharp image at `index`, uint8 [H, W, 3], read-only."""
        return self._images.read(self.paths[self.names[index]])

    def generator_of(self, index: int) -> np.random.Generator:
        """Returns the random generator of the whole pair at `index`."""
        return np.random.default_rng([self.stream, zlib.crc32(self.names[index].encode())])


def _images_by_name(folder: Path) -> dict[str, Path]:
    """Returns {name, normalized: file} of the images in a folder and its subfolders.

    Raises:
      IcdpmError: the folder is missing or has no images, or a name occurs twice.
    """
    if not folder.is_dir():
        raise IcdpmError(f"The folder {folder} is missing. Pairs are read from two folders, blur and sharp.")
    files = collections.defaultdict(list)
    for file in find_image_files(folder):
        files[normalize_name(_name(file, folder))].append(file)
    duplicates = [" and ".join(str(file.relative_to(folder)) for file in same) for same in files.values() if len(same) > 1]
    if duplicates:
        raise IcdpmError(f"{folder} has several images of one name: {', '.join(shorten_list(duplicates, _LISTED_NAMES))}.")
    return {name: same[0] for name, same in files.items()}


def _name(file: Path, folder: Path) -> str:
    """Returns the path of a file below a folder, with slashes and without suffix."""
    return file.relative_to(folder).with_suffix("").as_posix()


def _check_partners(folder: Path, blurry: Iterable[str], sharp: Iterable[str]) -> None:
    """Raises IcdpmError if a name occurs on one side only."""
    alone = [f"blur/{name}" for name in sorted(set(blurry) - set(sharp))]
    alone += [f"sharp/{name}" for name in sorted(set(sharp) - set(blurry))]
    if alone:
        names = ", ".join(shorten_list(alone, _LISTED_NAMES))
        raise IcdpmError(f"{folder} has images without a partner of the same name on the other side: {names}.")
