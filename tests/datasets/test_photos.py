"""Photos of scikit-image, and crops of them."""

import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm_datasets import photos
from icdpm_datasets.photos import PHOTOS, clock_motion_path, load_photo, random_photo_crop, recolor


@pytest.mark.parametrize("entry", PHOTOS, ids=lambda entry: entry.name)
def test_every_photo_exists_with_a_free_license(entry):
    image = load_photo(entry.name)
    assert image.dtype == np.uint8
    assert image.ndim == 3 and image.shape[2] == 3
    assert not image.flags.writeable
    assert entry.split in ("train", "test")
    assert entry.license.startswith(("CC0, ", "public domain, "))


def test_no_photo_is_in_two_splits():
    assert len({entry.name for entry in PHOTOS}) == len({entry.file for entry in PHOTOS}) == len(PHOTOS)
    assert {entry.split for entry in PHOTOS} == {"train", "test"}


def test_the_blurred_clock_is_not_among_them():
    assert clock_motion_path().name not in {entry.file for entry in PHOTOS}
    with Image.open(clock_motion_path()) as image:
        assert image.size == (400, 300)


def test_unknown_and_missing_photos_are_named(monkeypatch):
    with pytest.raises(IcdpmError, match="must be one of astronaut, .*Received: 'lena'"):
        load_photo("lena")
    monkeypatch.setattr(photos.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(IcdpmError, match="pip install scikit-image"):
        clock_motion_path()


def test_a_crop_of_the_whole_height():
    image = load_photo("chelsea")
    crop = random_photo_crop(np.random.default_rng(0), "chelsea", 300)
    assert crop.shape == (300, 300, 3)
    pieces = [image[:, left : left + 300] for left in range(152)]
    assert any((crop == piece).all() or (crop == piece[:, ::-1]).all() for piece in pieces)


def test_crops_differ_and_fit():
    crops = [random_photo_crop(np.random.default_rng(seed), "coffee", 96) for seed in range(8)]
    assert {crop.shape for crop in crops} == {(96, 96, 3)}
    assert len({crop.tobytes() for crop in crops}) == 8
    with pytest.raises(ValueError, match="too small for a crop of 301 px"):
        random_photo_crop(np.random.default_rng(0), "chelsea", 301)


def test_recolor_preserves_the_content():
    crop = random_photo_crop(np.random.default_rng(0), "coffee", 96)
    for seed in range(5):
        changed = recolor(np.random.default_rng(seed), crop)
        assert changed.dtype == np.uint8
        assert (changed != crop).any()
        for channel in range(3):
            assert np.corrcoef(changed[..., channel].ravel(), crop[..., channel].ravel())[0, 1] > 0.95
