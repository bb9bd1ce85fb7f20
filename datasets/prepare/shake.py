"""Pairs from sharp photos: camera shake, highlights beyond what a sensor records, noise and JPEG."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

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
    """Blurs every photo of a folder once; returns a line that says what was made.

    Args:
      source: the folder of sharp photos; the pairs keep their names.
      output: the folder of pairs.
      extent: the shortest and the longest shake in pixels; unused with `kernels`.
      kernels: a folder of kernels as gray pictures, one of which is drawn for each photo, instead of trajectories.
      jpeg_quality: 1 to 95: the blurry picture goes through JPEG of that quality; None for no compression.
      seed: of all that is random. A photo's blur depends on it and on the photo's name, not on the other photos.

    Raises IcdpmError for a damaged photo or kernel, and for a photo too small for its blur.
    """
    folder, kernel_folder = Path(source).expanduser(), kernels and Path(kernels).expanduser()
    photos = find_images(folder)
    drawn = [read_kernel(path) for path in find_images(kernel_folder).values()] if kernel_folder else []
    settings = {"made_by": "icdpm-prepare shake", "source": str(folder.resolve()), "extent": list(extent)}
    settings |= {"kernels": kernel_folder and str(kernel_folder.resolve()), "jpeg_quality": jpeg_quality, "seed": seed}
    pairs = PairFolder(Path(output).expanduser(), settings)
    for name, path in progress_bar("blurring photos", len(photos), "pair", iterable=photos.items()):
        if name in pairs:
            continue
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        photo = read_image(path)
        try:
            if drawn:
                blurry, sharp = blur_by_kernel(rng, photo, drawn[rng.integers(len(drawn))])
            else:
                blurry, sharp = blur_pair(rng, photo, rng.uniform(*extent))
        except ValueError as error:
            raise IcdpmError(f"{path}: {error}") from error
        pairs.write(name, blurry if jpeg_quality is None else through_jpeg(blurry, jpeg_quality), sharp)
    return f"ready: {len(photos)} pairs in {output}"


def read_kernel(path: Path) -> np.ndarray:
    """A kernel from a gray picture, float32 [2r+1, 2r+1], sum 1, its centroid within half a pixel of the middle."""
    kernel = read_image(path).astype(np.float64).mean(axis=-1)
    if kernel.sum() == 0:
        raise IcdpmError(f"{path}: black all over, so not a kernel")
    kernel /= kernel.sum()
    # Centred, the blurry picture is not shifted against the sharp one.
    row, column = (int(round((kernel * place).sum())) for place in np.indices(kernel.shape))
    height, width = kernel.shape
    radius = max(row, height - 1 - row, column, width - 1 - column)
    centred = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    centred[radius - row : radius - row + height, radius - column : radius - column + width] = kernel
    return centred


def through_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """The picture, uint8 [H, W, 3], after JPEG compression of that quality."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    with Image.open(file) as compressed:
        return np.asarray(compressed)
