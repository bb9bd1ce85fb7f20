"""Tests of selections of pairs."""

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.metrics.psnr import psnr
from icdpm_datasets.load import load_pairs
from icdpm_experiments.pairs import JpegPairs, MildCrops, SharpPairs, load_test_pairs, select_blurred


def test_pairs_are_evenly_spaced_center_crops(tmp_path):
    for name in "abcde":
        for number, side in enumerate(("blur", "sharp")):
            image = np.full((40, 30, 3), 50 * number, np.uint8)
            image[12:28, 7:23] = 100 + ord(name) - ord("a")
            (tmp_path / side).mkdir(exist_ok=True)
            PIL.Image.fromarray(image).save(tmp_path / side / f"{name}.png")
    pairs = load_test_pairs(str(tmp_path), count=3, crop=16)
    assert pairs.names == ["a", "c", "e"] and len(pairs) == 3 and "3 of" in pairs.description and "16×16" in pairs.description
    for index, value in enumerate((100, 102, 104)):
        blurry, sharp = pairs.load(index)
        assert blurry.shape == (16, 16, 3) and (blurry == value).all() and (sharp == value).all()
        assert pairs.files(index) == [tmp_path / side / f"{pairs.names[index]}.png" for side in ("blur", "sharp")]
    assert load_test_pairs(str(tmp_path), crop=64).load(0)[0].shape == (40, 30, 3)


def test_pairs_without_blur_are_excluded(random_pairs):
    assert select_blurred(random_pairs) is random_pairs
    random_pairs.blurry[3] = random_pairs.sharp[3]
    few = select_blurred(random_pairs)
    assert len(few) == 9 and "pair_3" not in few.names and few.description == "random pairs without the 1 not blurred"


def test_inputs_of_sharp_pairs_are_sharp(random_pairs):
    pairs = SharpPairs(random_pairs)
    assert pairs.names == random_pairs.names
    assert pairs.description == "the sharp pictures of random pairs"  # folders of restored images are compared by it
    for index in range(len(pairs)):
        for side in pairs.load(index):
            np.testing.assert_array_equal(side, random_pairs.sharp[index])


def test_inputs_of_jpeg_pairs_are_compressed(random_pairs):
    pairs = JpegPairs(random_pairs, 50)
    blurry, sharp = pairs.load(3)
    np.testing.assert_array_equal(sharp, random_pairs.sharp[3])
    assert blurry.dtype == np.uint8 and 1 < np.abs(np.float32(blurry) - random_pairs.blurry[3]).mean() < 60
    np.testing.assert_array_equal(blurry, pairs.load(3)[0])


def test_mild_crops_are_hardly_blurred_and_always_the_same(tmp_path):
    ramp = np.linspace(0, 255, 80 * 80 * 3).reshape(80, 80, 3)
    photo = np.uint8(np.clip(ramp + np.random.default_rng(0).normal(0, 8, ramp.shape), 0, 255))
    PIL.Image.fromarray(photo).save(tmp_path / "photo.png")
    source = load_pairs(f"motion:{tmp_path}", "test")
    pairs = MildCrops(source, count=6, side=32)
    assert len(pairs) == len(set(pairs.names)) == 6 and pairs.load(0)[0].shape == (32, 32, 3)
    assert all(32 <= psnr(*pairs.load(index)) <= 45 for index in range(6))
    np.testing.assert_array_equal(pairs.load(5), MildCrops(source, count=6, side=32).load(5))
    with pytest.raises(IcdpmError, match="photo.png is 80×80 px, too small for crops of 81 px"):
        MildCrops(source, side=81)
