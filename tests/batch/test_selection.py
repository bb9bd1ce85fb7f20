"""Tests of icdpm.batch.selection."""

import os
import unicodedata
from pathlib import Path

import pytest

from icdpm.batch.selection import Shard, parse_shard, select_images
from icdpm.errors import IcdpmError


@pytest.fixture
def folder(tmp_path):
    names = ["a.jpg", "B.PNG", "notes.txt", ".hidden.jpg", "trip/c.tiff", "trip/deep/d.webp", "trip/deep/raw.dng"]
    names += [".thumbnails/e.jpg", "out/a.jpg", "odd [1].png"]
    for name in names:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "photos"


def relative_paths(*arguments, **options):
    selection = select_images([str(argument) for argument in arguments], **options)
    assert all(image.source is None or image.source.is_file() for image in selection.images)
    assert selection.notices == []
    return [str(image.relative_path) for image in selection.images], selection.ignored


def test_folders_are_searched_and_mirrored(folder):
    found = ["B.PNG", "a.jpg", "odd [1].png", "trip/c.tiff", "trip/deep/d.webp"]
    assert relative_paths(folder, exclude=folder / "out") == (found, 2)
    assert relative_paths(folder)[0] == found[:3] + ["out/a.jpg"] + found[3:]
    # Images within the excluded folder are selected if an argument names their folder.
    assert relative_paths(folder / "trip", exclude=folder) == (["c.tiff", "deep/d.webp"], 1)


def test_patterns_keep_paths_below_their_fixed_part(folder):
    assert relative_paths(folder / "*.jpg") == (["a.jpg"], 0)
    assert relative_paths(folder / "*.*", exclude=folder)[0] == ["B.PNG", "a.jpg", "odd [1].png"]
    found = ["B.PNG", "a.jpg", "odd [1].png", "trip/c.tiff", "trip/deep/d.webp"]
    assert sorted(relative_paths(folder / "**", exclude=folder / "out")[0]) == found
    assert sorted(relative_paths(folder / "**/*", exclude=folder / "out")[0]) == found
    assert relative_paths(folder / "tr*")[0] == ["trip/c.tiff", "trip/deep/d.webp"]
    assert relative_paths(folder / "*/c.*") == (["trip/c.tiff"], 0)


def test_explicit_names_are_selected_unchecked(folder):
    assert relative_paths(folder / "odd [1].png") == (["odd [1].png"], 0)
    # Whether it exists and is an image is checked when it is read.
    selection = select_images([str(folder / "notes.txt"), "no such.jpg", "-"])
    assert [image.source for image in selection.images] == [folder / "notes.txt", Path("no such.jpg"), None]
    assert all(image.is_explicit for image in selection.images) and not selection.ignored


def test_each_image_is_selected_once(folder):
    names = ("a.jpg", "*.jpg", "../photos/a.jpg", "**/a.jpg", "**/*.jpg")
    assert relative_paths(*(folder / name for name in names)) == (["a.jpg", "out/a.jpg"], 0)


def test_link_to_an_image_is_an_image_of_its_own_name(folder):
    (folder / "again.jpg").symlink_to("a.jpg")
    (folder / "trip/c.jpg").symlink_to("../a.jpg")
    assert relative_paths(folder / "*.jpg") == (["a.jpg", "again.jpg"], 0)
    assert relative_paths(folder, exclude=folder / "out")[0][1:3] == ["a.jpg", "again.jpg"]
    assert relative_paths(folder / "trip/**/*.*p*") == (["c.jpg", "deep/d.webp"], 0)


def test_circular_links_are_selected_by_name(folder):
    (folder / "circle.jpg").symlink_to("circle.jpg")
    (folder / "nowhere.jpg").symlink_to("gone.jpg")
    for argument in (folder, folder / "*.jpg", folder / "circle.jpg"):
        found = [image.source.name for image in select_images([str(argument)], exclude=folder / "out").images]
        assert "circle.jpg" in found


@pytest.mark.parametrize("pattern", ["", "**", "**/*", "**/*.jpg"])
def test_links_to_folders_are_reported_and_not_followed(folder, pattern):
    """Two of the links are circular: a search that followed them would not end."""
    (folder / "trip/up").symlink_to("..")
    (folder / "trip/round").symlink_to(".")
    (folder / "linked").symlink_to("trip/deep")
    selection = select_images([str(folder / pattern)])
    assert all(image.relative_path.parent.name not in ("up", "round", "linked") for image in selection.images)
    links = [folder / "linked", folder / "trip/round", folder / "trip/up"]
    expected = [f"{link} is a link to a folder and was skipped; name it to restore its images" for link in links]
    assert sorted(selection.notices) == expected
    # A link is followed if an argument names it, and not reported if no pattern matches it.
    assert relative_paths(folder / "linked") == (["d.webp"], 1) == relative_paths(folder / "linked/*")
    assert relative_paths(folder / "*.jpg") == (["a.jpg"], 0)


def test_error_for_a_folder_of_links_names_them(folder):
    (folder / "links").mkdir()
    (folder / "links/up").symlink_to("..")
    for argument in (folder / "links", folder / "links/*"):
        with pytest.raises(IcdpmError, match="no image was found; .*; .*links/up is a link to a folder and was skipped"):
            select_images([str(argument)])


def test_empty_name_is_an_error():
    with pytest.raises(IcdpmError, match="the name of an image is empty"):
        select_images(["a.jpg", ""])


def test_nothing_found_is_an_error(folder):
    (folder / "trip" / "c.tiff").unlink()
    (folder / "trip" / "deep" / "d.webp").unlink()
    with pytest.raises(IcdpmError, match="no image was found"):
        relative_paths(folder / "trip")
    with pytest.raises(IcdpmError, match="no/\\*.jpg matches nothing"):
        relative_paths("no/*.jpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may search any folder")
def test_unreadable_folder_is_named(folder):
    (folder / "trip").chmod(0)
    with pytest.raises(IcdpmError, match="trip cannot be searched"):
        relative_paths(folder)


PATHS = [Path(f"trip/{number:04}.jpg") for number in range(1000)]


def test_each_image_is_in_one_shard():
    for count in (1, 2, 7):
        parts = [[path for path in PATHS if Shard(number, count).contains(path)] for number in range(count)]
        assert sorted(sum(parts, [])) == PATHS
        assert all(abs(len(part) - 1000 / count) < 5 * (1000 / count) ** 0.5 for part in parts)


def test_shard_of_an_image_is_pinned():
    """Shards of different versions and machines must agree."""
    names = [path.name for path in PATHS[:12] if Shard(1, 3).contains(path)]
    assert names == ["0001.jpg", "0008.jpg", "0010.jpg"]


def test_forms_of_unicode_are_in_one_shard():
    for number in range(20):
        forms = [Path(unicodedata.normalize(form, f"déjà/{number}.jpg")) for form in ("NFC", "NFD")]
        assert len({Shard(0, 2).contains(path) for path in forms}) == 1


def test_parse_shard():
    assert parse_shard("0/1") == Shard(0, 1) and parse_shard("11/12") == Shard(11, 12)
    for text in ("", "3", "1/1", "4/4", "-1/4", "0/0", "a/b", "1/4 ", "1.0/4"):
        with pytest.raises(IcdpmError, match="INDEX/COUNT, counted from 0"):
            parse_shard(text)
