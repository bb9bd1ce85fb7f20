"""Image files and their cache; `test_folders` tests formats and damaged files."""

import threading

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from icdpm.errors import IcdpmError
from icdpm.images.codecs import encode_png, encode_tiff
from icdpm_datasets import image_files
from icdpm_datasets.image_files import ImageCache, find_images, is_deep, read_image


def test_images_in_subfolders_are_found_with_hyphenated_names(tmp_path, write_image):
    for name in ("b.png", "a/1.jpg", "a/deep/2.PNG", ".hidden.png"):
        write_image(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    assert list(find_images(tmp_path)) == ["a-1", "a-deep-2", "b"]
    (tmp_path / "none").mkdir()
    with pytest.raises(IcdpmError, match="none has no images"):
        find_images(tmp_path / "none")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("encode", [encode_png, encode_tiff])
def test_sixteen_bits_are_rounded_to_eight(tmp_path, encode, channels):
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, channels), np.uint16)
    if channels in (2, 4):
        deep[..., -1] = 65535  # opaque
    (tmp_path / "a.png").write_bytes(encode(deep, b"", b""))
    colors = deep[..., :3] if channels > 2 else np.repeat(deep[..., :1], 3, axis=-1)
    assert is_deep(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.round(colors / 257))


def test_errors_name_the_file(tmp_path, write_image):
    Image.fromarray(np.zeros((20, 30), np.float32)).save(tmp_path / "float.tif")
    (tmp_path / "empty.png").write_bytes(b"")
    write_image(tmp_path / "good.png", np.zeros((20, 30, 3), np.uint8))
    for name in ("float.tif", "missing.png", "empty.png"):
        for read in (read_image, lambda path: ImageCache([tmp_path / "good.png", path])):
            with pytest.raises(IcdpmError, match=f"{name} (has 32 bits|is not|does not exist|is empty)"):
                read(tmp_path / name)


@pytest.fixture
def paths(tmp_path, write_image):
    paths = [tmp_path / f"{k}.png" for k in range(6)]
    for k, path in enumerate(paths):
        write_image(path, np.full((20, 30, 3), 10 * k, np.uint8))
    return paths


def are_cached(images, paths):
    return [images.read(path) is images.read(path) for path in paths]


@pytest.fixture
def cache_of_two(paths, monkeypatch):
    monkeypatch.setattr(image_files, "CACHE_BYTES", 2 * 20 * 30 * 3)
    return ImageCache(paths)


def test_the_first_images_are_cached_until_the_cache_is_full(cache_of_two, paths):
    images = cache_of_two
    assert are_cached(images, paths) == [True, True, False, False, False, False]
    assert are_cached(images, paths) == [True, True, False, False, False, False]
    for k, path in enumerate(paths):
        assert images.read(path).shape == (20, 30, 3) and np.unique(images.read(path)) == [10 * k]


def test_cached_images_are_read_only(paths):
    with pytest.raises(ValueError, match="read-only"):
        ImageCache(paths).read(paths[0])[0, 0] = 0


def test_several_threads_do_not_exceed_the_size_of_the_cache(cache_of_two, paths, monkeypatch):
    images, together = cache_of_two, threading.Barrier(6)
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


def test_png_files_with_long_texts_are_read(tmp_path, write_image):
    """Pillow refuses compressed texts of more than 1 MiB, as programs of scientists and phones write them."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    text = PngInfo()
    text.add_text("Comment", "x" * 2_000_000, zip=True)
    write_image(tmp_path / "a.png", pixels, pnginfo=text)
    images = ImageCache([tmp_path / "a.png"])
    np.testing.assert_array_equal(images.read(tmp_path / "a.png"), pixels)
