"""Tiles that fade into each other: where they agree nothing changes, and where they do not there is no step."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion.loops import follow_in_tiles
from icdpm.diffusion.samplers import ONE_EVALUATION
from icdpm.tiles.fading import cross_faded
from icdpm.tiles.windows import divide


@pytest.mark.parametrize("axis", [1, 2])
def test_parts_of_one_map_give_the_map(axis):
    whole = tf.constant(np.random.default_rng(0).standard_normal([1, 20, 20, 3]), tf.float32)

    def part(start, stop):
        return whole[:, start:stop] if axis == 1 else whole[:, :, start:stop]

    faded = cross_faded([None, part(0, 8), part(4, 15), part(11, 20)], 2, axis)
    np.testing.assert_allclose(faded, whole, atol=1e-6)
    np.testing.assert_array_equal(cross_faded([part(0, 8), part(8, 20)], 0, axis), whole)


@pytest.mark.parametrize("height, width, tile, margin", [(96, 120, 48, 8), (40, 200, 48, 16), (96, 96, 40, 16)])
def test_tiles_that_agree_give_the_whole_and_others_no_step(height, width, tile, margin):
    tiling = divide(height, width, tile, margin, 8, fades=True)
    assert tiling.count > 3 and 0 < tiling.fade <= margin
    whole = tf.constant(np.random.default_rng(0).standard_normal([1, height, width, 3]), tf.float32)

    def restored(answer):
        def denoise(x, rows, columns, gamma):
            return answer(rows, columns)[:, rows.faded(tiling.fade)][:, :, columns.faded(tiling.fade)]

        made = follow_in_tiles(denoise, lambda rows: tf.zeros_like(whole[:, rows]), None, ONE_EVALUATION, tiling, 8)
        return made.whole().numpy()

    np.testing.assert_allclose(restored(lambda rows, columns: whole), whole, atol=1e-6)
    # Each tile says something else: its row's and its column's number.
    stairs = restored(
        lambda rows, columns: tf.fill([1, height, width, 3], float(tiling.rows.index(rows) + tiling.columns.index(columns)))
    )
    for axis in (1, 2):
        assert np.abs(np.diff(stairs, axis=axis)).max() <= 0.51 / tiling.fade
    assert stairs[0, 0, 0, 0] == 0 and stairs[0, -1, -1, 0] == len(tiling.rows) + len(tiling.columns) - 2
