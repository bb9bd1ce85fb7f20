import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets.published.layout import Pair
from icdpm_datasets.published.verify import verify_images


@pytest.fixture
def splits(tmp_path, published):
    def pair(number):
        blurry, sharp = tmp_path / f"blur/{number}.png", tmp_path / f"sharp/{number}.png"
        published.pair(blurry, sharp)
        return Pair(f"{number}", blurry, sharp)

    return {"train": [pair(0), pair(1)], "test": [pair(2)]}


def test_good_pairs_are_silent(splits, capsys):
    verify_images(splits)
    assert "warning" not in capsys.readouterr().err


def test_names_every_truncated_and_every_damaged_image(splits):
    truncated, damaged = splits["train"][0].blurry, splits["test"][0].sharp
    truncated.write_bytes(truncated.read_bytes()[:-300])
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1  # in the pixels, which changes the checksum of the chunk
    damaged.write_bytes(content)
    with pytest.raises(IcdpmError) as error:
        verify_images(splits)
    assert f"{truncated} is damaged or truncated" in str(error.value)
    assert f"{damaged} is damaged or truncated" in str(error.value)


def test_names_a_truncated_jpeg(splits, write_image, tmp_path):
    jpeg = tmp_path / "blur/9.jpg"
    write_image(jpeg, np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8))
    jpeg.write_bytes(jpeg.read_bytes()[:-200])
    with pytest.raises(IcdpmError, match="9.jpg is damaged or truncated"):
        verify_images({"test": [Pair("9", jpeg, splits["test"][0].sharp)]})


def test_names_a_pair_of_two_sizes(splits, write_image):
    write_image(splits["test"][0].sharp, np.zeros((24, 31, 3), np.uint8))
    with pytest.raises(IcdpmError, match="blur/2.png is 32×24 px and .*sharp/2.png is 31×24 px"):
        verify_images(splits)


def test_warns_of_swapped_folders(splits, capsys):
    swapped = [Pair(pair.name, pair.sharp, pair.blurry) for pair in splits["train"]]
    verify_images({"train": swapped})
    assert "Check whether they are swapped." in capsys.readouterr().err


def test_warns_of_duplicates(splits, capsys):
    first, second = splits["train"]
    second.sharp.write_bytes(first.sharp.read_bytes())
    verify_images(splits)
    assert f"warning: {second.sharp} is identical to {first.sharp}" in capsys.readouterr().err
