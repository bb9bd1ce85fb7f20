"""Frames of video."""

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets.response import RESPONSES
from icdpm_datasets.video import average, find_sequences


@pytest.mark.parametrize("response, expected", [("linear", 50), ("gamma2.2", 73), ("srgb", 71)])
def test_frames_are_averaged_in_the_light_of_the_response(response, expected):
    # In light, 0 and 100 make more than half of 100: 100 / 2^(1/2.2) = 72.97; sRGB: encode(decode(100) / 2) = 71.4.
    pair = [np.full((2, 2, 3), value, np.uint8) for value in (0, 100)]
    assert np.unique(average(pair, RESPONSES[response])) == [expected]


def test_sequences_are_in_the_order_of_their_numbers(tmp_path, picture):
    for name in ("b/frame_10.png", "b/frame_9.png", "a/001.png"):
        picture(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    names = [[name for name, _ in frames] for frames in find_sequences(tmp_path)]
    assert names == [["a-001"], ["b-frame_9", "b-frame_10"]]


def test_a_frame_without_a_number_is_named(tmp_path, picture):
    picture(tmp_path / "title.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(IcdpmError, match="title.png: no number in its name"):
        find_sequences(tmp_path)
