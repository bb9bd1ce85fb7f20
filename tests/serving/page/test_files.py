"""The page's files: results, the limit of what is stored, and the deletion of old files."""

import os
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from icdpm.batch.jobs import plan_jobs
from icdpm.batch.selection import SelectedImage
from icdpm.errors import IcdpmError
from icdpm.images.formats import Image
from icdpm.images.reading import decode_image
from icdpm.restoration.result import Restored
from icdpm.serving.page.files import Storage, delete_old_files, write_results


def noise(height, width, shape=(3,)):
    return np.random.default_rng(0).integers(0, 256, (height, width, *shape), np.uint8)


def test_results_of_a_photo(tmp_path):
    profile = b"a profile" * 20
    image = Image(noise(40, 50), format="TIFF", icc_profile=profile)
    output = noise(5, 7, shape=())
    restored = Restored(255 - image.pixels, np.ones((40, 50, 3), np.float32), intermediate_outputs={"guidance_3": output})
    files = write_results(tmp_path, "scan.tif", image, restored)
    assert files.download.name == "scan-restored.tif"
    downloaded = decode_image(files.download.read_bytes(), "download")
    assert np.array_equal(downloaded.pixels, restored.pixels) and downloaded.icc_profile == profile
    assert PIL.Image.open(files.before).info["icc_profile"] == PIL.Image.open(files.after).info["icc_profile"] == profile
    assert files.spread[1] == "white is a standard deviation of 1 8-bit step or more"
    [(path, size)] = files.intermediate_outputs
    assert size == "1/8 of the size" and np.array_equal(np.asarray(PIL.Image.open(path)), output)


@pytest.mark.parametrize(
    "name, own, expected, content",
    [
        ("photo.jpg", "WEBP", "photo-restored.jpg", "JPEG"),  # a WebP file that a website has called .jpg
        ("photo.JPG", "PNG", "photo-restored.JPG", "JPEG"),
        ("scan.tiff", "TIFF", "scan-restored.tiff", "TIFF"),
        ("photo.png", "JPEG", "photo-restored.png", "PNG"),
        ("photo", "WEBP", "photo-restored.webp", "WEBP"),
        ("v1.2", "JPEG", "v1.2-restored.jpg", "JPEG"),
        ("photo.heic", "JPEG", "photo-restored.png", "PNG"),
        ("ü" * 125 + ".png", "PNG", "ü" * 121 + "-restored.png", "PNG"),
    ],
)
def test_the_suffix_of_the_name_decides_the_format(tmp_path, name, own, expected, content):
    """The rule of icdpm-deblur."""
    image = Image(noise(20, 30), format=own)
    download = write_results(tmp_path, name, image, Restored(image.pixels)).download
    assert download.name == expected and PIL.Image.open(download).format == content
    source = tmp_path / "in"
    PIL.Image.new("RGB", (9, 8)).save(source, own)
    job = plan_jobs([SelectedImage(source, Path(name), is_explicit=True)], str(tmp_path / "out"))[0][0]
    assert (job.target.suffix, job.format.name) == (download.suffix, content)


def test_stored_and_reserved_bytes_are_limited(tmp_path):
    (tmp_path / "a").mkdir()
    storage = Storage(tmp_path, 10_000, 10)
    (tmp_path / "a/photo").write_bytes(bytes(6000))
    with storage.reserve(3000):
        with pytest.raises(IcdpmError, match="The storage of this page is full"), storage.reserve(2000):
            raise AssertionError("the limit was exceeded")
    with storage.reserve(4000):
        pass


def test_files_and_folders_are_limited(tmp_path):
    storage = Storage(tmp_path, 10**9, 4)
    for name in ["a", "b", "c"]:
        (tmp_path / name).mkdir()
    with storage.reserve(0):
        (tmp_path / "a/photo").touch()
    with pytest.raises(IcdpmError), storage.reserve(0):
        raise AssertionError("the limit was exceeded")


def test_folders_may_be_deleted_while_the_storage_is_measured(tmp_path, monkeypatch):
    (tmp_path / "a/b").mkdir(parents=True)
    scandir = os.scandir

    def delete_and_scan(path):
        if Path(path).name == "b":
            Path(path).rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", delete_and_scan)
    with Storage(tmp_path, 1, 10).reserve(1):
        assert not (tmp_path / "a/b").exists()


def test_old_files_are_deleted_at_any_depth(tmp_path):
    (tmp_path / "empty").mkdir()
    for name, age in [("a/b/old.png", 61), ("older.jpg", 3600), ("a/new.png", 30)]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    os.utime(tmp_path / "empty", (time.time() - 61,) * 2)
    delete_old_files(tmp_path, 60)
    assert not (tmp_path / "empty").exists()
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["new.png"]
