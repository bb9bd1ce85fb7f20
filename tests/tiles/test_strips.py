"""Strips: any window of them is that of the whole."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm.tiles import strips
from icdpm.tiles.strips import Strips, strip_rows


def test_rows_are_divided(monkeypatch):
    monkeypatch.setattr(strips, "_PIXELS", 20)
    assert strip_rows(slice(3, 10), 7) == [slice(3, 5), slice(5, 7), slice(7, 9), slice(9, 10)]
    assert strip_rows(slice(0, 2), 50) == [slice(0, 1), slice(1, 2)]


def test_windows_of_strips_are_those_of_the_whole():
    whole = np.arange(2 * 10 * 6 * 3).reshape(2, 10, 6, 3)
    parts = Strips()
    for rows in (slice(0, 4), slice(4, 5), slice(5, 10)):
        parts.append(tf.constant(whole[:, rows]))
    for first in range(10):
        for last in range(first + 1, 11):
            np.testing.assert_array_equal(parts.window(slice(first, last)), whole[:, first:last])
    np.testing.assert_array_equal(parts.window(slice(3, 8), slice(2, 5)), whole[:, 3:8, 2:5])
    parts.drop_above(4)
    np.testing.assert_array_equal(parts.window(slice(4, 10)), whole[:, 4:])
    parts.drop_above(9)
    np.testing.assert_array_equal(parts.window(slice(5, 7)), whole[:, 5:7])
    parts.drop_above(10)
    with pytest.raises(tf.errors.InvalidArgumentError):
        parts.window(slice(5, 7))
