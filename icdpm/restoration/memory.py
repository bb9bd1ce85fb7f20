"""Memory of a restoration, and the choice of tiles that keep it below a limit.

The choice depends on the image's size, the settings and the limit, never on the memory that happens to be free, so that the
tiling is the same on every machine. The limit is a target based on estimates; the peak may exceed it slightly.
"""

from __future__ import annotations

import functools
import math
import typing

import numpy as np

from icdpm.diffusion.tiling import Tiling, make_tiling
from icdpm.errors import MemoryLimitError

if typing.TYPE_CHECKING:
    from icdpm.diffusion.samplers import SamplingSchedule
    from icdpm.models.image_restorer import ImageRestorer

DEFAULT_MAX_MEMORY = 3 * 2**30

# A process that has imported TensorFlow, loaded a model and restored a small image: measured, plus a tenth.
_PROCESS_BYTES = 640 * 2**20
# A float32 weight, and its copies in the network's precision and layout.
_WEIGHT_BYTES = 8
# float32 RGB.
_PIXEL_BYTES = 12
# Measured ratio of the memory for strips, with what TensorFlow keeps of dropped ones, to the strips alone.
_STRIPS = 1.1


def choose_tiling(
    model: ImageRestorer,
    image: np.ndarray,
    schedule: SamplingSchedule,
    *,
    overlap: int | None,
    samples: int,
    at_once: int,
    keep_samples: bool,
    spread: bool,
    max_memory: float,
) -> Tiling:
    """Returns the tiling with the largest tiles that keep a restoration within a memory limit: one tile, if possible.

    Args:
      model: trained model.
      image: image to restore, [height, width, …].
      schedule: sampling schedule.
      overlap: overlap per side of a tile in pixels; neighboring tiles share twice as much. `None` if the model does not support
        tiles.
      samples: number of samples.
      at_once: number of samples that run together if the image is one tile.
      keep_samples: as in `icdpm.restoration.restore.restore`.
      spread: as in `icdpm.restoration.restore.restore`.
      max_memory: limit for the memory of the process, in bytes.

    Raises:
      MemoryLimitError: no tiles are small enough.
    """
    multiple = model.size_multiple
    height, width = (side + -side % multiple for side in image.shape[:2])
    held_with = functools.partial(held_memory, model, image, schedule, samples, keep_samples, spread)
    blends = model.receptive_field_radius is None
    tiling = make_tiling(height, width, max(height, width), 0, multiple)
    needed = held_with(at_once) + at_once * tile_memory(model, tiling)
    if needed <= max_memory:
        return tiling
    held = held_with(1)
    for side in [max(height, width)] if overlap is None else _tile_sides(height, width, overlap, multiple):
        tiling = make_tiling(height, width, side, overlap or 0, multiple, blends)
        needed = held + tile_memory(model, tiling)
        if needed <= max_memory:
            return tiling
    why = f" ({model.title} models process the whole image at once and do not support tiles)" if overlap is None else ""
    raise MemoryLimitError(
        f"an image of {image.shape[1]}×{image.shape[0]} pixels needs {math.ceil(needed / 2**20)} MiB with these "
        f"settings{why}, and {math.floor(max_memory / 2**20)} MiB are allowed; allow more (max_memory) or restore a smaller "
        "copy"
    )


def _tile_sides(height, width, overlap, multiple):
    """Yields possible sides of tiles, largest first; the last ones consist mostly of overlap."""
    side, smallest = max(height, width), min(max(height, width), 4 * max(overlap, multiple))
    while side > smallest:
        yield side
        side -= max(multiple, side // (32 * multiple) * multiple)
    yield smallest


def held_memory(
    model: ImageRestorer,
    image: np.ndarray,
    schedule: SamplingSchedule,
    samples: int,
    keep_samples: bool,
    spread: bool,
    at_once: int,
) -> int:
    """Returns the bytes that a restoration holds independently of its tiles. Args as in `choose_tiling`."""
    height, width = image.shape[:2]
    images = image.nbytes * (3 + (samples if keep_samples else 0))  # input, padded input, result; samples
    state: float = _PIXEL_BYTES * at_once * (2 if np.any(schedule.weights[:, 2] != 0) else 1)
    moments = image.size // (height * width) * ((8 + 4 * bool(spread)) if samples > 1 else 0)
    state += moments + model.condition_bytes_per_pixel
    weights = sum(math.prod(variable.shape) for variable in model.variables)
    return _PROCESS_BYTES + _WEIGHT_BYTES * weights + images + math.ceil(_STRIPS * state * height * width)


def tile_memory(model: ImageRestorer, tiling: Tiling) -> int:
    """Returns the peak bytes of one evaluation of the network on one tile of one sample."""
    rows, columns = tiling.rows[0], tiling.columns[0]
    # The outputs of a row of tiles are kept until the row is complete.
    pixels = rows.stop * columns.stop * model.bytes_per_pixel + _PIXEL_BYTES * rows.stop * tiling.width
    return math.ceil(pixels) + model.working_bytes
