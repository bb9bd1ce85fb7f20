"""How far tiles are from the whole picture, by the margin around them."""

import numpy as np

from icdpm.diffusion.tiling import make_tiling
from icdpm.models.settings import SamplingSettings
from icdpm.restoration.restore import restore
from icdpm_experiments.measurements.tile_sizes import CORE, SAMPLERS, STEPS, WIDTH

MARGINS = (0, 8, 16, 24, 32, 40, 48, 64, 96, 128)


def measure_margins(model, photo, margins=None):
    """Errors of tiles against the whole picture.

    Args:
      model: a trained model.
      photo: uint8 [height, width, 3].
      margins: which are measured; None: `MARGINS`, the default one and the whole reach.

    Returns:
      (rows: {'margin', 'is_default', 'tiles', and for each of `settings_of(model)` its mean and its largest error, in 8-bit
      steps}, pictures of the first of them: {'whole', each margin: uint16}).
    """
    default, factor = model.tile_overlap, model.size_multiple
    margins = margins or sorted(
        {margin for margin in MARGINS if margin % factor == 0} | {default, model.receptive_field_radius or default}
    )
    deep = photo.astype(np.uint16) * 257
    settings = settings_of(model)
    whole = {name: restore(model, deep, each, tile=2 * WIDTH).pixels for name, each in settings.items()}
    pictures, rows = {"whole": next(iter(whole.values()))}, []
    for margin in margins:
        tile = CORE + 2 * margin
        count = make_tiling(*photo.shape[:2], tile, margin, factor).count
        row = {"margin": margin, "is_default": margin == default, "tiles": count}
        for name, each in settings.items():
            print(f"margin {margin}, {name}", flush=True)
            tiled = restore(model, deep, each, tile=tile, margin=margin).pixels
            errors = np.abs(tiled.astype(np.float64) - whole[name]) / 257
            row |= {f"{name}_mean": float(errors.mean()), f"{name}_max": float(errors.max())}
            pictures.setdefault(margin, tiled)
        rows.append(row)
    return rows, pictures


def settings_of(model):
    """{name: Settings} with which a system's tiles are compared: by sampler, or its own where it draws no samples."""
    if isinstance(model.settings(), SamplingSettings):
        return {name: SamplingSettings(name, STEPS, 0.5) for name in SAMPLERS}
    return {"restored": model.settings()}
