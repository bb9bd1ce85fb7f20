"""Windows partition a side, blending leaves no seams, and strips return the values of the whole tensor."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.diffusion import tiling
from icdpm.diffusion.samplers import single_evaluation
from icdpm.diffusion.sampling_loops import run_sampling_loop_in_tiles
from icdpm.diffusion.tiling import RowStrips, Window, blend_parts, make_tiling, make_windows, split_rows


@pytest.mark.parametrize("multiple", [1, 2, 8])
def test_windows_cover_every_length(multiple):
    for overlap in range(0, 5 * multiple, multiple):
        for longest in range(2 * overlap + multiple, 2 * overlap + 8 * multiple, multiple):
            for length in range(multiple, 40 * multiple, multiple):
                windows = make_windows(length, longest, overlap, multiple)
                (side,) = {window.stop - window.start for window in windows}
                assert side == min(length, side) <= longest
                assert [window.core_start for window in windows] == [0, *(window.core_stop for window in windows[:-1])]
                assert (windows[0].start, windows[-1].stop, windows[-1].core_stop) == (0, length, length)
                for window in windows:
                    start, stop, first, last = window.start, window.stop, window.core_start, window.core_stop
                    assert first < last
                    assert start == 0 if first == 0 else first - start >= overlap
                    assert stop == length if last == length else stop - last >= overlap
                    assert not any(end % multiple for end in (start, stop, first, last))


def test_windows_are_as_few_and_as_short_as_possible():
    assert make_windows(100, 100, 16) == [Window(0, 100, 0, 100)]
    assert [window.stop - window.start for window in make_windows(101, 100, 16)] == [67, 67]  # 2 · 67 − 2 · 16 = 102
    assert len(make_windows(168, 100, 16)) == 2 and len(make_windows(169, 100, 16)) == 3


@pytest.mark.parametrize("axis", [1, 2])
def test_blending_parts_of_one_map_returns_the_map(axis):
    whole = tf.constant(np.random.default_rng(0).standard_normal([1, 20, 20, 3]), tf.float32)

    def part(start, stop):
        return whole[:, start:stop] if axis == 1 else whole[:, :, start:stop]

    blended = blend_parts([None, part(0, 8), part(4, 15), part(11, 20)], 2, axis)
    np.testing.assert_allclose(blended, whole, atol=1e-6)
    np.testing.assert_array_equal(blend_parts([part(0, 8), part(8, 20)], 0, axis), whole)


@pytest.mark.parametrize("height, width, tile, overlap", [(96, 120, 48, 8), (40, 200, 48, 16), (96, 96, 40, 16)])
def test_equal_tiles_give_the_whole_image_and_unequal_ones_no_seam(height, width, tile, overlap):
    tiles = make_tiling(height, width, tile, overlap, 8, blends=True)
    assert tiles.count > 3 and 0 < tiles.blend <= overlap
    whole = tf.constant(np.random.default_rng(0).standard_normal([1, height, width, 3]), tf.float32)

    def restored(output):
        def denoise(x, rows, columns, gamma):
            return output(rows, columns)[:, rows.core_with_blend(tiles.blend)][:, :, columns.core_with_blend(tiles.blend)]

        x = run_sampling_loop_in_tiles(denoise, lambda rows: tf.zeros_like(whole[:, rows]), None, single_evaluation(), tiles, 8)
        return x.whole().numpy()

    np.testing.assert_allclose(restored(lambda rows, columns: whole), whole, atol=1e-6)
    # The output of each tile is constant: the sum of the numbers of its row and its column.
    stairs = restored(
        lambda rows, columns: tf.fill([1, height, width, 3], float(tiles.rows.index(rows) + tiles.columns.index(columns)))
    )
    for axis in (1, 2):
        assert np.abs(np.diff(stairs, axis=axis)).max() <= 0.51 / tiles.blend
    assert stairs[0, 0, 0, 0] == 0 and stairs[0, -1, -1, 0] == len(tiles.rows) + len(tiles.columns) - 2


def test_rows_are_split_into_strips(monkeypatch):
    monkeypatch.setattr(tiling, "STRIP_PIXELS", 20)
    assert split_rows(slice(3, 10), 7) == [slice(3, 5), slice(5, 7), slice(7, 9), slice(9, 10)]
    assert split_rows(slice(0, 2), 50) == [slice(0, 1), slice(1, 2)]


def test_windows_of_strips_are_those_of_the_whole_tensor():
    whole = np.arange(2 * 10 * 6 * 3).reshape(2, 10, 6, 3)
    strips = RowStrips()
    for rows in (slice(0, 4), slice(4, 5), slice(5, 10)):
        strips.append(tf.constant(whole[:, rows]))
    for first in range(10):
        for last in range(first + 1, 11):
            np.testing.assert_array_equal(strips.window(slice(first, last)), whole[:, first:last])
    np.testing.assert_array_equal(strips.window(slice(3, 8), slice(2, 5)), whole[:, 3:8, 2:5])
    strips.drop_above(4)
    np.testing.assert_array_equal(strips.window(slice(4, 10)), whole[:, 4:])
    strips.drop_above(9)
    np.testing.assert_array_equal(strips.window(slice(5, 7)), whole[:, 5:7])
    strips.drop_above(10)
    with pytest.raises(tf.errors.InvalidArgumentError):
        strips.window(slice(5, 7))
