import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm_datasets.folders import FolderPairs
from icdpm_datasets.image_files import find_images, read_image
from icdpm_datasets.prepare.shake import compress_jpeg, prepare_shake, read_kernel

EXTENT = (3.0, 9.0)


@pytest.fixture
def photos(tmp_path, write_image):
    rng = np.random.default_rng(0)
    for name in ("b.png", "a.jpg", "trip/a.png"):
        write_image(tmp_path / "photos" / name, rng.integers(0, 255, (40, 48, 3), np.uint8))
    return tmp_path / "photos"


def test_every_photo_becomes_a_pair_of_the_same_name(photos, tmp_path):
    prepare_shake(photos, tmp_path / "pairs", EXTENT)
    pairs = FolderPairs(tmp_path / "pairs")
    assert pairs.names == ["a", "b", "trip-a"]
    for index in range(3):
        blurry, sharp = pairs.load(index)
        assert np.var(np.diff(blurry.astype(float), axis=0)) < 0.7 * np.var(np.diff(sharp.astype(float), axis=0))


def test_seed_and_name_determine_the_blur(photos, tmp_path):
    def made(name, **how):
        prepare_shake(photos, tmp_path / name, EXTENT, **how)
        return {path.name: path.read_bytes() for path in (tmp_path / name / "blur").iterdir()}

    first, other = made("first", seed=1), made("other", seed=2)
    (photos / "b.png").unlink()
    assert made("fewer", seed=1).items() <= first.items()
    assert all(other[name] != first[name] for name in first)


def test_continues_after_an_interruption_with_the_same_result(photos, tmp_path, monkeypatch):
    prepare_shake(photos, tmp_path / "whole", EXTENT)
    saved, save = [], Image.Image.save

    def interrupted(image, *arguments, **how):
        saved.append(image)
        if len(saved) == 4:
            raise KeyboardInterrupt
        save(image, *arguments, **how)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Image.Image, "save", interrupted)
        prepare_shake(photos, tmp_path / "broken", EXTENT)
    prepare_shake(photos, tmp_path / "broken", EXTENT)
    files = [
        {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.*") if path.is_file()}
        for root in (tmp_path / "whole", tmp_path / "broken")
    ]
    assert files[0] == files[1]


def test_given_kernels_are_convolved_and_centered(photos, tmp_path, write_image):
    kernel = np.zeros((5, 9), np.uint8)
    kernel[1, 2] = 255  # one bright point, away from the middle: no blur and no shift
    write_image(tmp_path / "kernels/k.png", kernel)
    np.testing.assert_array_equal(read_kernel(tmp_path / "kernels/k.png").nonzero(), [[6], [6]])
    prepare_shake(photos, tmp_path / "pairs", EXTENT, kernels=tmp_path / "kernels")
    blurry, sharp = FolderPairs(tmp_path / "pairs").load(0)
    assert np.abs(blurry.astype(int) - sharp).mean() < 3  # noise alone


def test_kernels_keep_their_orientation(tmp_path, write_image):
    stroke = np.zeros((7, 7), np.uint8)
    stroke[3, 1:6] = [50, 50, 100, 200, 200]
    write_image(tmp_path / "k.png", stroke)
    kernel = read_kernel(tmp_path / "k.png")
    assert kernel.sum() == pytest.approx(1) and kernel.dtype == np.float32
    bright = np.argwhere(kernel > 0.3)
    assert bright[:, 1].tolist() == [kernel.shape[1] // 2, kernel.shape[1] // 2 + 1]


def test_jpeg_has_the_given_quality(photos):
    photo = read_image(photos / "b.png")
    error = [np.abs(compress_jpeg(photo, quality).astype(int) - photo).mean() for quality in (20, 90)]
    assert error[0] > error[1] + 5 > 5


def test_errors_name_the_file(photos, tmp_path, write_image):
    write_image(tmp_path / "black/k.png", np.zeros((5, 5), np.uint8))
    with pytest.raises(IcdpmError, match="k.png is black"):
        prepare_shake(photos, tmp_path / "pairs", EXTENT, kernels=tmp_path / "black")
    write_image(photos / "small.png", np.zeros((6, 6, 3), np.uint8))
    with pytest.raises(IcdpmError, match="small.png: .*too small"):
        prepare_shake(photos, tmp_path / "pairs", (9.0, 9.0))
    (photos / "small.png").write_bytes(b"not an image")
    with pytest.raises(IcdpmError, match="small.png cannot be read"):
        prepare_shake(photos, tmp_path / "other", EXTENT)
    write_image(photos / "b.jpg", np.zeros((6, 6, 3), np.uint8))
    with pytest.raises(IcdpmError, match="b.png and .*b.jpg have the same name"):
        find_images(photos)


def test_16_bit_images_are_refused(tmp_path, write_image):
    write_image(tmp_path / "deep.png", np.zeros((6, 6), np.uint16))
    with pytest.raises(IcdpmError, match="deep.png does not have 8 bits per channel"):
        read_image(tmp_path / "deep.png")
