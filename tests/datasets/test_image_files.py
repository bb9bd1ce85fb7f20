"""Picture files of one's own; `test_folders` has their formats and what may be wrong with them."""
# MERGED DOC of test_kept_pictures.py: Pictures of which a bounded number stays decoded.

import threading

import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm_datasets import image_files
from icdpm_datasets.image_files import ImageCache, find_images, image_size, read_image


def test_pictures_are_found_in_folders_below_by_names_without_folders(tmp_path, picture):
    for name in ("b.png", "a/1.jpg", "a/deep/2.PNG", ".hidden.png"):
        picture(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    assert list(find_images(tmp_path)) == ["a-1", "a-deep-2", "b"]
    (tmp_path / "none").mkdir()
    with pytest.raises(IcdpmError, match="none: no pictures"):
        find_images(tmp_path / "none")


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_the_header_is_that_of_the_pixels(tmp_path, picture, ending, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture(tmp_path / f"a.{ending}", np.zeros((20, 30, 3), np.uint8), exif=exif)
    assert image_size(tmp_path / f"a.{ending}") == read_image(tmp_path / f"a.{ending}").shape[1::-1]


@pytest.mark.parametrize("read", [image_size, read_image])
def test_what_is_wrong_with_a_file_is_told_with_its_name(tmp_path, picture, read):
    picture(tmp_path / "deep.png", np.zeros((20, 30), np.uint16))
    with pytest.raises(IcdpmError, match="deep.png does not have 8 bits a channel"):
        read(tmp_path / "deep.png")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("missing.png", "empty.png"):
        with pytest.raises(IcdpmError, match=f"{name} cannot be read as a picture"):
            read(tmp_path / name)


@pytest.fixture
def paths(tmp_path, picture):
    paths = [tmp_path / f"{k}.png" for k in range(6)]
    for k, path in enumerate(paths):
        picture(path, np.full((20, 30, 3), 10 * k, np.uint8))
    return paths


def kept(pictures, paths):
    return [pictures.read(path) is pictures.read(path) for path in paths]


def test_the_first_ones_are_kept_until_the_room_is_full(paths, monkeypatch):
    monkeypatch.setattr(image_files, "_ROOM", 2 * 20 * 30 * 3)
    pictures = ImageCache(paths)
    assert kept(pictures, paths) == [True, True, False, False, False, False]
    assert kept(pictures, paths) == [True, True, False, False, False, False]
    for k, path in enumerate(paths):
        assert pictures.read(path).shape == (20, 30, 3) and np.unique(pictures.read(path)) == [10 * k]


def test_what_is_kept_cannot_be_changed(paths):
    with pytest.raises(ValueError, match="read-only"):
        ImageCache(paths).read(paths[0])[0, 0] = 0


def test_several_threads_never_keep_more_than_there_is_room_for(paths, monkeypatch):
    monkeypatch.setattr(image_files, "_ROOM", 2 * 20 * 30 * 3)
    pictures, together = ImageCache(paths), threading.Barrier(6)
    read = image_files.read_image
    monkeypatch.setattr(image_files, "read_image", lambda path: together.wait(10) and None or read(path))
    threads = [threading.Thread(target=pictures.read, args=(path,)) for path in paths[:3] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.setattr(image_files, "read_image", read)
    assert sum(kept(pictures, paths)) == 2


def test_sizes_are_known_without_decoding(paths, monkeypatch):
    monkeypatch.delattr(image_files, "read_image")
    pictures = ImageCache(paths)
    assert pictures.sizes == {path: (30, 20) for path in paths}
    pictures.check_crop(20)
    with pytest.raises(IcdpmError, match="0.png is 30×20 px, too small for crops of 21 px: remove it or use smaller crops"):
        pictures.check_crop(21)
