"""The error of tiles by their margin."""

import numpy as np

from icdpm.systems.workdir import load
from icdpm_experiments.measurements import tile_margins


def test_with_the_whole_reach_as_margin_tiles_are_the_whole(micro_workdir, monkeypatch):
    monkeypatch.setattr(tile_margins, "CORE", 16)
    system = load(micro_workdir)
    photo = np.random.default_rng(0).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    (bare, whole), pictures = tile_margins.measure_margins(system, photo, [0, system.reach])
    assert bare["tiles"] > whole["tiles"] > 1 and set(pictures) == {"whole", 0, system.reach}
    for sampler in tile_margins.SAMPLERS:
        assert bare[f"{sampler}_mean"] > 0.01 > whole[f"{sampler}_max"]
