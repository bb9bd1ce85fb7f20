"""Picture files as arrays."""

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.images.reading import read_picture
from icdpm.images.writing import write_picture


def gradient():
    rows, columns = np.mgrid[0:40, 0:60]
    return np.stack([rows * 6, columns * 4, (rows + columns) * 2], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("suffix, error", [(".png", 0), (".bmp", 0), (".tif", 0), (".jpg", 4), (".webp", 14)])
def test_round_trip(tmp_path, suffix, error):
    path = tmp_path / "a folder" / f"Straße{suffix}"
    write_picture(path, gradient())
    assert np.abs(read_picture(path).astype(int) - gradient()).max() <= error
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_gray_has_three_channels_and_deep_pictures_keep_16_bits(tmp_path):
    PIL.Image.fromarray(gradient()[..., 0]).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "gray.png"), gradient()[..., [0, 0, 0]])
    deep = gradient().astype(np.uint16) * 257 + 3
    write_picture(tmp_path / "deep.png", deep)
    np.testing.assert_array_equal(read_picture(tmp_path / "deep.png"), deep)


def test_only_known_formats_are_written(tmp_path):
    with pytest.raises(IcdpmError, match="choose one of these suffixes"):
        write_picture(tmp_path / "picture.gif", gradient())
    with pytest.raises(IcdpmError, match="WEBP cannot hold"):
        write_picture(tmp_path / "long.webp", np.zeros((1, 20000, 3), np.uint8))
    assert not list(tmp_path.iterdir())
