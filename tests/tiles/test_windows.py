"""Windows: all of one length, their cores share a side out, with the margin that was asked for."""

import pytest

from icdpm.tiles.windows import Window, cover


@pytest.mark.parametrize("factor", [1, 2, 8])
def test_every_length_is_covered(factor):
    for margin in range(0, 5 * factor, factor):
        for longest in range(2 * margin + factor, 2 * margin + 8 * factor, factor):
            for length in range(factor, 40 * factor, factor):
                windows = cover(length, longest, margin, factor)
                (side,) = {window.stop - window.start for window in windows}
                assert side == min(length, side) <= longest
                assert [window.first for window in windows] == [0, *(window.last for window in windows[:-1])]
                assert (windows[0].start, windows[-1].stop, windows[-1].last) == (0, length, length)
                for window in windows:
                    assert window.first < window.last
                    assert window.start == 0 if window.first == 0 else window.first - window.start >= margin
                    assert window.stop == length if window.last == length else window.stop - window.last >= margin
                    assert not any(end % factor for end in (window.start, window.stop, window.first, window.last))


def test_no_more_windows_than_are_needed_and_none_longer():
    assert cover(100, 100, 16) == [Window(0, 100, 0, 100)]
    assert [window.stop - window.start for window in cover(101, 100, 16)] == [67, 67]  # 2 · 67 − 2 · 16 = 102
    assert len(cover(168, 100, 16)) == 2 and len(cover(169, 100, 16)) == 3
