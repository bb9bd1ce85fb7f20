"""Frames of video that are averaged as they are read."""

import os
import subprocess
import sys

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets.camera import RESPONSES
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import load_crop
from icdpm_datasets.pipeline import training_dataset
from icdpm_datasets.video import average, find_sequences


@pytest.fixture
def frames(tmp_path, write_image):
    """Frames of level 10·k in two sequences of 12 and of 1."""
    for k in range(12):
        write_image(tmp_path / f"video/one/{k:03d}.png", np.full((20, 24, 3), 10 * k, np.uint8))
    write_image(tmp_path / "video/two/000.png", np.full((20, 24, 3), 200, np.uint8))
    return tmp_path / "video"


def test_a_whole_pair_is_the_mean_of_nine_frames_and_of_fewer_at_the_ends(frames):
    source = load_pairs(f"frames:{frames}", "train")
    assert source.names == [*(f"one-{k:03d}" for k in range(12)), "two-000"]
    for index, level in ((0, 0), (5, 50), (11, 110), (12, 200)):
        blurry, sharp = source.load(index)
        assert np.unique(sharp) == [level] and np.unique(blurry) == [level]  # a steady ramp: its mean is its middle


def test_crops_show_exposures_of_many_lengths(frames, write_image):
    write_image(frames / "one/005.png", np.full((20, 24, 3), 250, np.uint8))
    source = load_pairs(f"frames:{frames}", "train")
    levels = set()
    for seed in range(80):
        blurry, sharp = load_crop(source, 5, 16, np.random.default_rng(seed).integers(0, 2**31, 3))
        assert blurry.shape == sharp.shape == (16, 16, 3) and np.unique(sharp) == [250]
        levels.add(int(np.unique(blurry)[0]))
    assert 250 in levels  # a single frame
    assert round(50 + 200 / 3) in levels and round(50 + 200 / 11) in levels  # three, and all of the sequence, in linear light
    assert len(levels) > 10  # with the other responses


def test_a_training_run_can_start_anywhere(frames):
    source = load_pairs(f"frames:{frames}", "train")
    whole = list(training_dataset(source, batch=4, crop=16, seed=1, steps=3).as_numpy_iterator())
    late = list(training_dataset(source, batch=4, crop=16, seed=1, start_step=2, steps=1).as_numpy_iterator())
    np.testing.assert_array_equal(whole[2]["blurry"], late[0]["blurry"])


def test_errors_name_the_frame(frames, tmp_path, write_image):
    with pytest.raises(IcdpmError, match="000.png is 24×20 px, too small for crops of 21 px"):
        load_pairs(f"frames:{frames}", "train").check_crop(21)
    (frames / "one/002.png").write_bytes((frames / "one/003.png").read_bytes()[:-30])
    with pytest.raises(IcdpmError, match="002.png is damaged"):
        load_pairs(f"frames:{frames}", "train").load(2)
    write_image(frames / "one/002.png", np.zeros((20, 25, 3), np.uint8))
    with pytest.raises(IcdpmError, match="000.png of 24×20 px and .*002.png of 25×20 px"):
        load_pairs(f"frames:{frames}", "train")
    (frames / "one/004.png").unlink()
    with pytest.raises(IcdpmError, match="005.png follows frame number 3"):
        load_pairs(f"frames:{frames}", "train")
    with pytest.raises(IcdpmError, match="none is neither a known data set"):
        load_pairs(f"frames:{tmp_path / 'none'}", "train")


MEMORY = """
import sys
from icdpm_datasets.pipeline import training_dataset
from icdpm_datasets.load import load_pairs

def train(folder):
    source = load_pairs(f"frames:{folder}", "train")
    return sum(len(batch["index"]) for batch in training_dataset(source, batch=16, crop=32, seed=0, steps=20))

train(sys.argv[1])
before = peak_memory()
examples = train(sys.argv[2])
print(examples, (peak_memory() - before) / 2**20)
"""


@pytest.mark.slow
def test_2000_frames_take_less_than_400_mb(tmp_path, write_image, peak_memory):
    # Decoded, all of them take 733 MiB, and those that 320 examples show about 500.
    for folder, count in (("few", 3), ("many", 2000)):
        write_image(tmp_path / folder / "0000.png", np.full((320, 400, 3), 100, np.uint8))
        for k in range(1, count):
            os.link(tmp_path / folder / "0000.png", tmp_path / folder / f"{k:04d}.png")
    arguments = [sys.executable, "-c", peak_memory + MEMORY, str(tmp_path / "few"), str(tmp_path / "many")]
    examples, growth = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()
    assert int(examples) == 320 and float(growth) < 400


@pytest.mark.parametrize("response, expected", [("linear", 50), ("gamma2.2", 73), ("srgb", 71)])
def test_frames_are_averaged_in_the_light_of_the_response(response, expected):
    # In light, 0 and 100 make more than half of 100: 100 / 2^(1/2.2) = 72.97; sRGB: encode(decode(100) / 2) = 71.4.
    pair = [np.full((2, 2, 3), value, np.uint8) for value in (0, 100)]
    assert np.unique(average(pair, RESPONSES[response])) == [expected]


def test_sequences_are_in_the_order_of_their_numbers(tmp_path, write_image):
    for name in ("b/frame_10.png", "b/frame_9.png", "a/001.png"):
        write_image(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    names = [[name for name, _ in frames] for frames in find_sequences(tmp_path)]
    assert names == [["a-001"], ["b-frame_9", "b-frame_10"]]


def test_a_frame_without_a_number_is_named(tmp_path, write_image):
    write_image(tmp_path / "title.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(IcdpmError, match="title.png has no number in its name"):
        find_sequences(tmp_path)
