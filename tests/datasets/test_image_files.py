"""Image files and their cache; `test_folders` tests formats and damaged files."""

import threading

import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.images.codecs import encode_png16, encode_tiff
from icdpm_datasets import image_files
from icdpm_datasets.image_files import ImageCache, find_images, image_size, is_deep, read_image, read_pixels


def test_images_in_subfolders_are_found_with_hyphenated_names(tmp_path, write_image):
    for name in ("b.png", "a/1.jpg", "a/deep/2.PNG", ".hidden.png"):
        write_image(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    assert list(find_images(tmp_path)) == ["a-1", "a-deep-2", "b"]
    (tmp_path / "none").mkdir()
    with pytest.raises(IcdpmError, match="none has no images"):
        find_images(tmp_path / "none")


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_in_the_header_equals_that_of_the_pixels(tmp_path, write_image, ending, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    write_image(tmp_path / f"a.{ending}", np.zeros((20, 30, 3), np.uint8), exif=exif)
    assert image_size(tmp_path / f"a.{ending}") == read_image(tmp_path / f"a.{ending}").shape[1::-1]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_sixteen_bits(tmp_path, ending, orientation, channels):
    exif = Image.Exif()
    exif[0x0112] = orientation
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, channels), np.uint16)
    encode = {"png": encode_png16, "tif": encode_tiff}[ending]
    path = tmp_path / f"a.{ending}"
    path.write_bytes(encode(deep, exif.tobytes(), b""))
    upright = np.rot90(deep, -1) if orientation == 6 else deep
    pixels = read_pixels(path)
    assert is_deep(path) and pixels.dtype == np.uint16 and image_size(path) == pixels.shape[1::-1]
    np.testing.assert_array_equal(pixels, upright[..., :3] if channels > 2 else np.repeat(upright[..., :1], 3, axis=-1))
    np.testing.assert_array_equal(read_image(path), np.round(pixels / 257))


@pytest.mark.parametrize("read", [image_size, read_image])
def test_errors_name_the_file(tmp_path, write_image, read):
    Image.fromarray(np.zeros((20, 30), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(IcdpmError, match="float.tif does not have 8 or 16 bits per channel"):
        read(tmp_path / "float.tif")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("missing.png", "empty.png"):
        with pytest.raises(IcdpmError, match=f"{name} cannot be read as an image"):
            read(tmp_path / name)


@pytest.fixture
def paths(tmp_path, write_image):
    paths = [tmp_path / f"{k}.png" for k in range(6)]
    for k, path in enumerate(paths):
        write_image(path, np.full((20, 30, 3), 10 * k, np.uint8))
    return paths


def are_cached(images, paths):
    return [images.read(path) is images.read(path) for path in paths]


def test_the_first_images_are_cached_until_the_cache_is_full(paths):
    images = ImageCache(paths, max_bytes=2 * 20 * 30 * 3)
    assert are_cached(images, paths) == [True, True, False, False, False, False]
    assert are_cached(images, paths) == [True, True, False, False, False, False]
    for k, path in enumerate(paths):
        assert images.read(path).shape == (20, 30, 3) and np.unique(images.read(path)) == [10 * k]


def test_cached_images_are_read_only(paths):
    with pytest.raises(ValueError, match="read-only"):
        ImageCache(paths).read(paths[0])[0, 0] = 0


def test_several_threads_do_not_exceed_the_size_of_the_cache(paths, monkeypatch):
    images, together = ImageCache(paths, max_bytes=2 * 20 * 30 * 3), threading.Barrier(6)
    read = image_files.read_image
    monkeypatch.setattr(image_files, "read_image", lambda path: together.wait(10) and None or read(path))
    threads = [threading.Thread(target=images.read, args=(path,)) for path in paths[:3] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.setattr(image_files, "read_image", read)
    assert sum(are_cached(images, paths)) == 2


def test_sizes_are_known_without_decoding(paths, monkeypatch):
    monkeypatch.delattr(image_files, "read_image")
    images = ImageCache(paths)
    assert images.sizes == {path: (30, 20) for path in paths}
    images.check_crop(20)
    with pytest.raises(IcdpmError, match="0.png is 30×20 px, too small for crops of 21 px. Remove it or use smaller crops"):
        images.check_crop(21)
