"""The rule for finding image files, in the search itself and in everything that searches folders."""

import os

import numpy as np
import PIL.Image
import pytest

from icdpm.batch.selection import select_images
from icdpm.errors import IcdpmError
from icdpm.evaluation.pairing import list_images, pair_folders
from icdpm.images.search import find_image_files, is_hidden
from icdpm_datasets.folders import FolderPairs
from icdpm_datasets.image_files import find_images
from icdpm_datasets.load import load_pairs
from icdpm_datasets.prepare.own_pairs import prepare_shake
from icdpm_datasets.published.layout import list_folders, match_pairs
from icdpm_datasets.video import find_sequences

FOREIGN = [
    "._1.png",
    ".Trashes/501/9.png",
    ".ipynb_checkpoints/1-checkpoint.png",
    "@eaDir/1.png/SYNOPHOTO_THUMB_S.jpg",
    "__MACOSX/1.png",
    "$RECYCLE.BIN/1.png",
    "$Recycle.Bin/1.png",
    "Thumbs/1.png",
    "lost+found/1.png",
    "System Volume Information/1.png",
    "#recycle/1.png",
    "deep/@eaDir/1.png",
]


def save(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(np.random.default_rng(value).integers(0, 256, (64, 64, 3), np.uint8)).save(path)


def fill(folder):
    """Writes two images among hidden and foreign ones, and a folder and a pipe with names of images."""
    for value, name in enumerate(["1.png", "2.png", *FOREIGN]):
        save(folder / name, value)
    (folder / "3.png").mkdir()
    os.mkfifo(folder / "4.png")
    (folder / "notes.txt").write_text("not an image")
    return folder


@pytest.mark.parametrize("own_name", ["photos", ".hidden", "Thumbs", "photos.png"])
def test_only_visible_files_are_images(tmp_path, own_name):
    folder = fill(tmp_path / own_name)
    assert find_image_files(folder) == [folder / "1.png", folder / "2.png"]
    save(folder / "deep/5.JPG")
    assert find_image_files(folder) == [folder / "1.png", folder / "2.png", folder / "deep/5.JPG"]


def test_links(tmp_path):
    folder = tmp_path / "photos"
    save(folder / "1.png")
    (folder / "circle").symlink_to("..")
    (folder / "to_file.png").symlink_to("1.png")
    (folder / "broken.png").symlink_to("nothing.png")
    # The error of reading a broken link names it.
    assert [path.name for path in find_image_files(folder)] == ["1.png", "broken.png", "to_file.png"]


def test_names():
    assert not any(map(is_hidden, ["a.png", "Thumbs.png", "eaDir", "@home", "lost", "recycle"]))


def test_errors(tmp_path):
    (tmp_path / "empty/.hidden").mkdir(parents=True)
    save(tmp_path / "empty/.hidden/1.png")
    (tmp_path / "file.png").touch()
    for name, message in (("none", "none does not exist"), ("file.png", "is not a folder"), ("empty", "has no images")):
        with pytest.raises(IcdpmError, match=message):
            find_image_files(tmp_path / name)


@pytest.mark.parametrize("own_name", ["photos", ".hidden", "photos.png"])
def test_everything_that_searches_folders_uses_the_rule(tmp_path, own_name):
    folder = fill(tmp_path / own_name)
    both = [folder / "1.png", folder / "2.png"]
    for arguments in ([folder], [folder / "**"], [folder / "*.png"], [folder / "**/*.png"]):
        assert [image.source for image in select_images([str(each) for each in arguments]).images] == both
    assert list(find_images(folder).values()) == both
    assert list(list_images(folder, "sharp").values()) == both
    assert [[path for _, path in frames] for frames in find_sequences(folder)] == [both]
    for kind in ("shake", "motion", "long_motion", "handheld", "frames", "noise", "jpeg", "downscale"):
        assert load_pairs(f"{kind}:{folder}", "train").names == ["1", "2"]
    problems = []
    assert [pair.sharp for pair in match_pairs("", folder, folder, problems)] == both and not problems
    assert [path.name for path in list_folders(folder)] == ["3.png", "deep"]
    assert pair_folders({"same": folder}, folder).sharp.keys() == {"1", "2"}


def test_folders_of_pairs_and_prepared_pairs(tmp_path):
    fill(tmp_path / "pairs/blur"), fill(tmp_path / "pairs/sharp")
    assert FolderPairs(tmp_path / "pairs").names == ["1", "2"]
    prepare_shake(str(tmp_path / "pairs/sharp"), str(tmp_path / "shaken"), (2.0, 3.0))
    assert FolderPairs(tmp_path / "shaken").names == ["1", "2"]
