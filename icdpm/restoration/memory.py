"""How much memory a restoration takes, and the tiles with which it takes no more than it may.

What is chosen follows from the picture's size, the settings and the budget alone, never from the memory that happens to be
free: the same photo becomes the same bytes everywhere.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from icdpm.diffusion.tiling import make_tiling
from icdpm.errors import MemoryLimitError

DEFAULT_MAX_MEMORY = 3 * 2**30

# A process that has imported TensorFlow, loaded a model and restored a small picture: measured, with a tenth more.
_PROCESS = 640 * 2**20
# A float32 weight, and its copies in the network's precision and layout.
_WEIGHT = 8
# float32 RGB.
_PIXEL = 12
# What is held in strips, and what TensorFlow keeps of those that it has dropped: measured.
_STRIPS = 1.1


def choose_tiling(model, image, plan, *, margin, samples, at_once, keep_samples, spread, max_memory):
    """The largest tiles with which a picture is restored within a budget: one tile, if that can be.

    Args:
      model: a trained model.
      image: the picture.
      plan: the steps of its sampler.
      margin: of the tiles; None where the system takes none.
      samples, at_once: how many samples are drawn, and how many of them together where the picture is one tile.
      keep_samples, spread: see `restore`.
      max_memory: what the process may hold at its peak, in bytes.

    Returns:
      A Tiling.

    Raises:
      MemoryLimitError: no tiles are small enough.
    """
    height, width = (side + -side % model.size_multiple for side in image.shape[:2])
    held_with = functools.partial(held_memory, model, image, plan, samples, keep_samples, spread)
    fades = model.receptive_field_radius is None
    tiling = make_tiling(height, width, max(height, width), 0, model.size_multiple)
    needed = held_with(at_once) + at_once * tile_memory(model, tiling)
    if needed <= max_memory:
        return tiling
    held = held_with(1)
    for side in [max(height, width)] if margin is None else _sides(height, width, margin, model.size_multiple):
        tiling = make_tiling(height, width, side, margin or 0, model.size_multiple, fades)
        needed = held + tile_memory(model, tiling)
        if needed <= max_memory:
            return tiling
    why = f" ({model.title} sees all of it at once: it takes no tiles)" if margin is None else ""
    raise MemoryLimitError(
        f"a picture of {image.shape[1]}×{image.shape[0]} pixels needs {math.ceil(needed / 2**20)} MiB with these "
        f"settings{why}, and {max_memory / 2**20:.0f} MiB are allowed; allow more (max_memory) or restore a smaller copy"
    )


def _sides(height, width, margin, factor):
    """Sides that tiles may have, from the largest; the last ones are mostly margin."""
    side, smallest = max(height, width), min(max(height, width), 4 * max(margin, factor))
    while side > smallest:
        yield side
        side -= max(factor, side // (32 * factor) * factor)
    yield smallest


def held_memory(model, image, plan, samples, keep_samples, spread, at_once):
    """Bytes that are held through a restoration, whatever the tiles; arguments as of `choose_tiling`."""
    height, width = image.shape[:2]
    pictures = image.nbytes * (3 + (samples if keep_samples else 0))  # the blurry one, padded; the restored one; samples
    state = _PIXEL * at_once * (2 if np.any(plan.weights[:, 2] != 0) else 1)
    moments = image.size // (height * width) * ((8 + 4 * bool(spread)) if samples > 1 else 0)
    state += moments + model.condition_bytes_per_pixel
    weights = sum(math.prod(variable.shape) for variable in model.variables)
    return _PROCESS + _WEIGHT * weights + pictures + math.ceil(_STRIPS * state * height * width)


def tile_memory(model, tiling):
    """Bytes that working on one tile takes at its peak, for each sample."""
    rows, columns = tiling.rows[0], tiling.columns[0]
    # Besides, what comes out of a row of tiles waits until all of it is there.
    pixels = rows.stop * columns.stop * model.bytes_per_pixel + _PIXEL * rows.stop * tiling.width
    return math.ceil(pixels) + model.working_bytes
