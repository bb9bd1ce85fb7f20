"""Picture files of one's own; `test_folders` has their formats and what may be wrong with them."""

import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm_datasets.picture_files import find_pictures, picture_size, read_picture


def test_pictures_are_found_in_folders_below_by_names_without_folders(tmp_path, picture):
    for name in ("b.png", "a/1.jpg", "a/deep/2.PNG", ".hidden.png"):
        picture(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    assert list(find_pictures(tmp_path)) == ["a-1", "a-deep-2", "b"]
    (tmp_path / "none").mkdir()
    with pytest.raises(IcdpmError, match="none: no pictures"):
        find_pictures(tmp_path / "none")


@pytest.mark.parametrize("ending", ["png", "jpg", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_the_header_is_that_of_the_pixels(tmp_path, picture, ending, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture(tmp_path / f"a.{ending}", np.zeros((20, 30, 3), np.uint8), exif=exif)
    assert picture_size(tmp_path / f"a.{ending}") == read_picture(tmp_path / f"a.{ending}").shape[1::-1]


@pytest.mark.parametrize("read", [picture_size, read_picture])
def test_what_is_wrong_with_a_file_is_told_with_its_name(tmp_path, picture, read):
    picture(tmp_path / "deep.png", np.zeros((20, 30), np.uint16))
    with pytest.raises(IcdpmError, match="deep.png does not have 8 bits a channel"):
        read(tmp_path / "deep.png")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("missing.png", "empty.png"):
        with pytest.raises(IcdpmError, match=f"{name} cannot be read as a picture"):
            read(tmp_path / name)
