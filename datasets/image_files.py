"""Image files of a user's own data: names, pixels, and a cache of decoded images."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from icdpm.errors import IcdpmError
from icdpm.images.reading import read_file_header, read_rgb
from icdpm.images.search import find_image_files
from icdpm.images.upright_size import read_upright_size

CACHE_BYTES = 256 << 20  # of decoded pixels

Size = tuple[int, int]  # width, height


def find_images(folder: Path) -> dict[str, Path]:
    """Finds all image files in a folder and its subfolders, by the rule of `icdpm.images.search`.

    Returns:
      {name: file}, sorted. A name is the path below the folder without suffix, with hyphens in place of slashes:
      'sequence-000001' for sequence/000001.png.

    Raises:
      IcdpmError: the folder does not exist or has no images, or two files have the same name.
    """
    found: dict[str, Path] = {}
    for path in find_image_files(folder):
        name = "-".join(path.relative_to(folder).with_suffix("").parts)
        if name in found:
            raise IcdpmError(f"{path} and {found[name]} have the same name, {name}. Rename one of them.")
        found[name] = path
    return found


def is_deep(path: Path) -> bool:
    """Returns whether a file has more than 8 bits per channel, which `read_rgb` returns as 16. Only the header is read."""
    return read_file_header(path).bits > 8


def read_image(path: Path) -> np.ndarray:
    """Returns the pixels of an image, upright, uint8 [H, W, 3]; 16 bits are rounded to 8.

    Gray is repeated in all channels.

    Raises:
      IcdpmError: as `icdpm.images.reading.read_rgb`.
    """
    pixels = read_rgb(path)
    return pixels if pixels.dtype == np.uint8 else np.round(pixels / 257).astype(np.uint8)


def to_dtype(image: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """Returns an image of 8 bits in 16, without loss, if `dtype` is uint16; otherwise the image itself."""
    return image.astype(np.uint16) * 257 if dtype == np.uint16 and image.dtype == np.uint8 else image


def check_equal_sizes(images: str, paths: Sequence[Path], sizes: Mapping[Path, Size]) -> None:
    """Raises IcdpmError, with two files, if the images, which `images` names in the plural, differ in size."""
    for path in paths:
        if sizes[path] != sizes[paths[0]]:
            (width, height), (other_width, other_height) = sizes[paths[0]], sizes[path]
            raise IcdpmError(
                f"The {images} must have equal sizes. Received: {paths[0]} of {width}×{height} px and {path} of "
                f"{other_width}×{other_height} px."
            )


class ImageCache:
    """Image files whose decoded pixels are kept until the cache is full.

    Each epoch reads every image once. The first images are therefore kept for good, which serves a part of the reads from
    memory; a cache that drops the oldest image would serve none.

    Args:
      paths: the files, whose headers are read.
      keep_depth: images are uint16 if a file has 16 bits per channel. Otherwise 16 bits are rounded to 8.

    Attributes:
      sizes: {file: (width, height)}.
      dtype: of all images.

    Raises:
      IcdpmError: a file is not an image with 8 or 16 bits per channel.
    """

    def __init__(self, paths: Iterable[Path], keep_depth: bool = False) -> None:
        self.sizes = {path: read_upright_size(path) for path in paths}
        self.dtype = np.dtype(np.uint16 if keep_depth and any(map(is_deep, self.sizes)) else np.uint8)
        self._images: dict[Path, np.ndarray] = {}
        self._free_bytes = CACHE_BYTES
        self._lock = threading.Lock()

    def read(self, path: Path) -> np.ndarray:
        """Returns the pixels of a file, upright, `dtype` [H, W, 3], read-only. Is thread-safe.

        Raises:
          IcdpmError: the file is damaged, has transparent parts, or its size has changed.
        """
        if path in self._images:
            return self._images[path]
        pixels = read_image(path) if self.dtype == np.uint8 else to_dtype(read_rgb(path), self.dtype)
        height, width, _ = pixels.shape
        if (width, height) != self.sizes[path]:
            raise IcdpmError(
                "{} is {}×{} px, but was {}×{} px when the folder was opened. If nobody has changed it, save it without EXIF "
                "orientation.".format(path, width, height, *self.sizes[path])
            )
        pixels.setflags(write=False)
        with self._lock:
            if path not in self._images and pixels.nbytes <= self._free_bytes:
                self._free_bytes -= pixels.nbytes
                self._images[path] = pixels
        return pixels

    def check_crop(self, crop: int) -> None:
        """Raises IcdpmError if an image is smaller than `crop` pixels in height or width."""
        for path, (width, height) in self.sizes.items():
            if min(width, height) < crop:
                raise IcdpmError(
                    f"{path} is {width}×{height} px, too small for crops of {crop} px. Remove it or use smaller crops."
                )
