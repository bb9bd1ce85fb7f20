"""Sharp images that are blurred by camera shake as they are read."""

import itertools

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets import blur
from icdpm_datasets.folders import FolderPairs
from icdpm_datasets.load import load_pairs
from icdpm_datasets.motion_blur import CameraShakeImages
from icdpm_datasets.pipeline import training_dataset
from icdpm_datasets.prepare.own_pairs import prepare_shake


@pytest.fixture
def photos(tmp_path, write_image):
    rng = np.random.default_rng(0)
    for name, size in (("b.png", (60, 70)), ("a.png", (90, 64)), ("trip/c.png", (64, 64))):
        write_image(tmp_path / "photos" / name, rng.integers(0, 256, (*size, 3), np.uint8))
    return tmp_path / "photos"


def test_whole_pairs_equal_those_of_icdpm_prepare(photos, tmp_path):
    prepare_shake(photos, tmp_path / "pairs", (3.0, 21.0))
    prepared, shaken = FolderPairs(tmp_path / "pairs"), load_pairs(f"shake:{photos}", "test")
    assert shaken.names == prepared.names == ["a", "b", "trip-c"]
    for index in range(3):
        np.testing.assert_array_equal(shaken.load(index), prepared.load(index))


def test_a_crop_is_blurred_as_the_whole_image_would_be(photos, monkeypatch):
    monkeypatch.setattr(blur, "_SATURATED", 0.0)
    monkeypatch.setattr(blur, "add_noise", lambda rng, light: light)
    shaken = CameraShakeImages(photos)
    for index, seed in itertools.product(range(3), range(8)):
        bits = np.random.default_rng(seed).integers(0, 2**31, 3)
        blurry, sharp = shaken.load_crop(index, 32, bits)
        photo = shaken.sharp(index)
        top, left = (int(bit) % (size - 31) for bit, size in zip(bits[:2], photo.shape))
        np.testing.assert_array_equal(sharp, photo[top : top + 32, left : left + 32])
        whole, _ = blur.blur_pair(rng := np.random.default_rng(bits), photo, rng.uniform(3.0, 21.0))
        assert np.abs(blurry.astype(int) - whole[top : top + 32, left : left + 32]).max() <= 1


def test_every_example_has_its_own_blur_determined_by_its_number(photos, check_examples):
    check_examples(load_pairs(f"shake:{photos}", "train"))


def test_errors_name_the_image(photos, tmp_path, write_image):
    with pytest.raises(IcdpmError, match="b.png is 70×60 px, too small for crops of 61 px"):
        training_dataset(CameraShakeImages(photos), batch=2, crop=61, seed=0)
    with pytest.raises(IcdpmError, match="none is neither a known data set"):
        load_pairs(f"shake:{tmp_path / 'none'}", "train")
    write_image(photos / "small.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(IcdpmError, match="small.png: .*too small for a kernel"):
        CameraShakeImages(photos).load(2)
    (photos / "small.png").write_bytes(b"no image")
    with pytest.raises(IcdpmError, match="small.png is not an image in a known format"):
        CameraShakeImages(photos)
