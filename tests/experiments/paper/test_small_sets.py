"""Data of the scale small: what stands in for the published sets, and errors for data that were not given."""

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.images.reading import read_rgb
from icdpm.images.writing import write_image
from icdpm_datasets.prepare.own_pairs import prepare_shake
from icdpm_experiments.paper.small_sets import KernelBlurredImages, SmallSets


def test_each_published_set_has_data_in_its_place(small_pictures):
    pairs = {"gopro": str(small_pictures / "averaged"), "reds": str(small_pictures / "reds")}
    sets = SmallSets(small_pictures, pairs, small_pictures / "kernels")
    assert sets.available() == ["gopro", "realblur_j", "hide", "reds"]
    assert "85.0% 2 photos in" in sets.training.description and "15.0% 1 photos in" in sets.training.description
    assert "averaged" not in sets.training.description
    assert len(sets.held_out) == 6 and set(sets.test("gopro").names) <= set("012345")
    assert sets.label("hide") == "GoPro test pairs, averaged high-speed video (2)" and sets.label("reds") == "REDS pairs (2)"
    names = sets.test("realblur_j").names
    assert [name for name in names if name.startswith("kernels/")] == [f"kernels/{number}" for number in range(6)]
    scenes = [name.removeprefix("embedded/") for name in names[6:]]
    assert scenes and all(name.startswith(("night", "text")) for name in scenes)
    assert sets.target.names == ["1", "2"] and sets.test("realblur_j") is sets.test("realblur_j")


def test_kernel_blurred_images_are_those_of_icdpm_prepare(small_pictures, tmp_path):
    source, kernels = small_pictures / "photos/test", small_pictures / "kernels"
    images = KernelBlurredImages(source, kernels)
    prepare_shake(str(source), str(tmp_path / "prepared"), (3.0, 21.0), str(kernels))
    for index, name in enumerate(images.names):
        blurry, sharp = images.load(index)
        assert np.array_equal(blurry, read_rgb(tmp_path / f"prepared/blur/{name}.png"))
        assert np.array_equal(sharp, read_rgb(tmp_path / f"prepared/sharp/{name}.png"))
    bits = np.array([5, 9, 1])
    one, other = images.load_crop(0, 32, bits), images.load_crop(0, 32, bits)
    assert one[0].shape == one[1].shape == (32, 32, 3)
    assert np.array_equal(one[0], other[0]) and not np.array_equal(one[0], one[1])


def test_a_photo_among_the_kernels_is_an_error(small_pictures):
    folder = small_pictures / "kernels"
    assert SmallSets(small_pictures, {}, folder).kernel_names() == ["line"]
    write_image(folder / "photo.png", np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8))
    with pytest.raises(IcdpmError, match="photo.png is a photo, not a camera-shake kernel"):
        SmallSets(small_pictures, {}, folder).test("realblur_j")


def test_missing_data_are_named_by_their_variable(small_pictures, tmp_path):
    sets = SmallSets(small_pictures, {}, None)
    assert sets.available() == ["gopro"]
    with pytest.raises(IcdpmError, match="SCALE=small needs PAIRS='gopro=FOLDER' here: GoPro test pairs"):
        sets.test("hide")
    with pytest.raises(IcdpmError, match="SCALE=small needs KERNELS=FOLDER, .* for the set realblur_j"):
        sets.test("realblur_j")
    with pytest.raises(IcdpmError, match="KERNELS=FOLDER, .* for the target domain of Figure 9"):
        _ = sets.target
    with pytest.raises(IcdpmError, match="No data stand in for the set realblur_r"):
        sets.test("realblur_r")
    with pytest.raises(IcdpmError, match="The folder '' of training images does not exist. Set it with FOLDER=pictures"):
        SmallSets(None, {}, None)
    with pytest.raises(IcdpmError, match="SCALE=small needs the folder .*photos/train"):
        SmallSets(tmp_path, {}, None)
    with pytest.raises(IcdpmError, match="PAIRS at SCALE=small names gopro and reds. Received: other"):
        SmallSets(small_pictures, {"other": "x"}, None)
