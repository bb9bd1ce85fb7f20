"""Which files a command's arguments stand for."""

import os
from pathlib import Path

import pytest

from icdpm.albums.selection import select_photos
from icdpm.errors import IcdpmError


@pytest.fixture
def album(tmp_path):
    names = ["a.jpg", "B.PNG", "notes.txt", ".hidden.jpg", "trip/c.tiff", "trip/deep/d.webp", "trip/deep/raw.dng"]
    names += [".thumbnails/e.jpg", "out/a.jpg", "odd [1].png"]
    for name in names:
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "album"


def places(*arguments, **options):
    photos, ignored = select_photos([str(argument) for argument in arguments], **options)
    assert all(photo.source is None or photo.source.is_file() for photo in photos)
    return [str(photo.place) for photo in photos], ignored


def test_a_folder_is_searched_and_mirrored(album):
    found = ["B.PNG", "a.jpg", "odd [1].png", "trip/c.tiff", "trip/deep/d.webp"]
    assert places(album, leave_out=album / "out") == (found, 2)
    assert places(album)[0] == found[:3] + ["out/a.jpg"] + found[3:]
    # A folder of restored photos around the photos is no reason to leave them out.
    assert places(album / "trip", leave_out=album) == (["c.tiff", "deep/d.webp"], 1)


def test_patterns_keep_what_lies_below_their_fixed_part(album):
    assert places(album / "*.jpg") == (["a.jpg"], 0)
    assert places(album / "*.*", leave_out=album)[0] == ["B.PNG", "a.jpg", "odd [1].png"]
    found = ["B.PNG", "a.jpg", "odd [1].png", "trip/c.tiff", "trip/deep/d.webp"]
    assert sorted(places(album / "**", leave_out=album / "out")[0]) == found
    assert sorted(places(album / "**/*", leave_out=album / "out")[0]) == found
    assert places(album / "tr*")[0] == ["trip/c.tiff", "trip/deep/d.webp"]
    assert places(album / "*/c.*") == (["trip/c.tiff"], 0)


def test_names_are_taken_as_they_stand(album):
    assert places(album / "odd [1].png") == (["odd [1].png"], 0)
    # It is said when it is read that one is no picture, or is not there.
    photos, ignored = select_photos([str(album / "notes.txt"), "no such.jpg", "-"])
    assert [photo.source for photo in photos] == [album / "notes.txt", Path("no such.jpg"), None] and not ignored
    assert all(photo.alone for photo in photos)


def test_each_photo_is_taken_once(album):
    (album / "again.jpg").symlink_to(album / "a.jpg")
    assert places(album / "a.jpg", album / "again.jpg", album / "*.jpg", album / "../album/a.jpg") == (["a.jpg"], 0)


def test_nothing_found_is_an_error(album):
    (album / "trip" / "c.tiff").unlink()
    (album / "trip" / "deep" / "d.webp").unlink()
    with pytest.raises(IcdpmError, match="no picture was found"):
        places(album / "trip")
    with pytest.raises(IcdpmError, match="no/\\*.jpg matches nothing"):
        places("no/*.jpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may search any folder")
def test_a_folder_that_cannot_be_searched_is_named(album):
    (album / "trip").chmod(0)
    with pytest.raises(IcdpmError, match="trip cannot be searched"):
        places(album)
