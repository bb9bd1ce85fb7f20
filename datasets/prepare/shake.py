"""Pairs from sharp photos, by camera shake, highlights beyond the sensor's range, noise and JPEG compression."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.progress import progress_bar
from icdpm_datasets.blur import blur_by_kernel, blur_pair
from icdpm_datasets.image_files import find_images, read_image
from icdpm_datasets.prepare.pair_folder import PairFolder


def prepare_shake(
    source: str,
    output: str,
    extent: tuple[float, float],
    kernels: str | None = None,
    jpeg_quality: int | None = None,
    seed: int = 0,
) -> str:
    """Blurs every image of a folder once.

    Args:
      source: folder of sharp images, whose names the pairs keep.
      output: folder of the pairs.
      extent: shortest and longest shake in pixels; unused with `kernels`.
      kernels: folder of kernels as gray images, one of which is chosen randomly for each image, instead of random shake.
      jpeg_quality: quality 1 to 95 of the blurry images' JPEG compression; None for no compression.
      seed: determines, with the name of an image, its blur.

    Returns:
      A one-line summary.

    Raises:
      IcdpmError: an image or kernel is damaged, or an image is too small for its blur.
    """
    folder, kernel_folder = Path(source).expanduser(), kernels and Path(kernels).expanduser()
    images = find_images(folder)
    given_kernels = [read_kernel(path) for path in find_images(kernel_folder).values()] if kernel_folder else []
    settings: dict[str, Any] = {"made_by": "icdpm-prepare shake", "source": str(folder.resolve()), "extent": list(extent)}
    settings |= {"kernels": kernel_folder and str(kernel_folder.resolve()), "jpeg_quality": jpeg_quality, "seed": seed}
    pairs = PairFolder(Path(output).expanduser(), settings)
    for name, path in progress_bar("blurring images", len(images), "pair", iterable=images.items()):
        if name in pairs:
            continue
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        image = read_image(path)
        try:
            if given_kernels:
                blurry, sharp = blur_by_kernel(rng, image, given_kernels[rng.integers(len(given_kernels))])
            else:
                blurry, sharp = blur_pair(rng, image, rng.uniform(*extent))
        except ValueError as error:
            raise IcdpmError(f"{path}: {error}") from error
        pairs.write(name, blurry if jpeg_quality is None else compress_jpeg(blurry, jpeg_quality), sharp)
    return f"ready: {len(images)} pairs in {output}"


def read_kernel(path: Path) -> np.ndarray:
    """Reads a kernel from a gray image.

    Returns:
      float32 [2r+1, 2r+1] with sum 1 and its centroid within half a pixel of the middle.

    Raises:
      IcdpmError: the image is damaged or black.
    """
    kernel = read_image(path).astype(np.float64).mean(axis=-1)
    if kernel.sum() == 0:
        raise IcdpmError(f"{path} is black, so it is not a kernel. Remove it.")
    kernel /= kernel.sum()
    # Centered, so that the blurry image is not shifted relative to the sharp one.
    row, column = (int(round((kernel * indices).sum())) for indices in np.indices(kernel.shape))
    height, width = kernel.shape
    radius = max(row, height - 1 - row, column, width - 1 - column)
    centered = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    centered[radius - row : radius - row + height, radius - column : radius - column + width] = kernel
    return centered


def compress_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """Returns an image, uint8 [H, W, 3], after JPEG compression."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    with Image.open(file) as compressed:
        return np.asarray(compressed)
