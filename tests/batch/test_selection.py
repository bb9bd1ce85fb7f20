"""Which files a command's arguments stand for."""

import os
from pathlib import Path

import pytest

from icdpm.batch.selection import Shard, parse_shard, select_images
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
    selection = select_images([str(argument) for argument in arguments], **options)
    assert all(photo.source is None or photo.source.is_file() for photo in selection.images)
    assert selection.notices == []
    return [str(photo.relative_path) for photo in selection.images], selection.ignored


def test_a_folder_is_searched_and_mirrored(album):
    found = ["B.PNG", "a.jpg", "odd [1].png", "trip/c.tiff", "trip/deep/d.webp"]
    assert places(album, exclude=album / "out") == (found, 2)
    assert places(album)[0] == found[:3] + ["out/a.jpg"] + found[3:]
    # A folder of restored photos around the photos is no reason to leave them out.
    assert places(album / "trip", exclude=album) == (["c.tiff", "deep/d.webp"], 1)


def test_patterns_keep_what_lies_below_their_fixed_part(album):
    assert places(album / "*.jpg") == (["a.jpg"], 0)
    assert places(album / "*.*", exclude=album)[0] == ["B.PNG", "a.jpg", "odd [1].png"]
    found = ["B.PNG", "a.jpg", "odd [1].png", "trip/c.tiff", "trip/deep/d.webp"]
    assert sorted(places(album / "**", exclude=album / "out")[0]) == found
    assert sorted(places(album / "**/*", exclude=album / "out")[0]) == found
    assert places(album / "tr*")[0] == ["trip/c.tiff", "trip/deep/d.webp"]
    assert places(album / "*/c.*") == (["trip/c.tiff"], 0)


def test_names_are_taken_as_they_stand(album):
    assert places(album / "odd [1].png") == (["odd [1].png"], 0)
    # It is said when it is read that one is no picture, or is not there.
    selection = select_images([str(album / "notes.txt"), "no such.jpg", "-"])
    assert [photo.source for photo in selection.images] == [album / "notes.txt", Path("no such.jpg"), None]
    assert all(photo.is_explicit for photo in selection.images) and not selection.ignored


def test_each_photo_is_taken_once(album):
    assert places(album / "a.jpg", album / "*.jpg", album / "../album/a.jpg", album / "**/a.jpg", album / "**/*.jpg") == (
        ["a.jpg", "out/a.jpg"],
        0,
    )


def test_a_link_to_a_photo_is_a_photo_of_its_own_name(album):
    (album / "again.jpg").symlink_to("a.jpg")
    (album / "trip/c.jpg").symlink_to("../a.jpg")
    assert places(album / "*.jpg") == (["a.jpg", "again.jpg"], 0)
    assert places(album, exclude=album / "out")[0][1:3] == ["a.jpg", "again.jpg"]
    assert places(album / "trip/**/*.*p*") == (["c.jpg", "deep/d.webp"], 0)


def test_links_in_circles_are_taken_by_their_names(album):
    (album / "circle.jpg").symlink_to("circle.jpg")
    (album / "nowhere.jpg").symlink_to("gone.jpg")
    for argument in (album, album / "*.jpg", album / "circle.jpg"):
        found = [photo.source.name for photo in select_images([str(argument)], exclude=album / "out").images]
        assert "circle.jpg" in found


@pytest.mark.parametrize("pattern", ["", "**", "**/*", "**/*.jpg"])
def test_links_to_folders_that_are_come_across_are_named(album, pattern):
    """Two of them lead in circles, in which a search that followed them would double with each turn."""
    (album / "trip/up").symlink_to("..")
    (album / "trip/round").symlink_to(".")
    (album / "linked").symlink_to("trip/deep")
    selection = select_images([str(album / pattern)])
    assert all(photo.relative_path.parent.name not in ("up", "round", "linked") for photo in selection.images)
    links = [album / "linked", album / "trip/round", album / "trip/up"]
    expected = [f"{link} is a link to a folder and was skipped; name it to restore its images" for link in links]
    assert sorted(selection.notices) == expected
    # Named, it is followed; where a pattern does not ask for it, nothing is said.
    assert places(album / "linked") == (["d.webp"], 1) == places(album / "linked/*")
    assert places(album / "*.jpg") == (["a.jpg"], 0)


def test_a_folder_with_nothing_but_links_names_them(album):
    (album / "links").mkdir()
    (album / "links/up").symlink_to("..")
    for argument in (album / "links", album / "links/*"):
        with pytest.raises(IcdpmError, match="no image was found; .*; .*links/up is a link to a folder and was skipped"):
            select_images([str(argument)])


def test_an_empty_name_is_said_to_be_empty():
    with pytest.raises(IcdpmError, match="the name of an image is empty"):
        select_images(["a.jpg", ""])


def test_nothing_found_is_an_error(album):
    (album / "trip" / "c.tiff").unlink()
    (album / "trip" / "deep" / "d.webp").unlink()
    with pytest.raises(IcdpmError, match="no image was found"):
        places(album / "trip")
    with pytest.raises(IcdpmError, match="no/\\*.jpg matches nothing"):
        places("no/*.jpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may search any folder")
def test_a_folder_that_cannot_be_searched_is_named(album):
    (album / "trip").chmod(0)
    with pytest.raises(IcdpmError, match="trip cannot be searched"):
        places(album)


PLACES = [Path(f"trip/{number:04}.jpg") for number in range(1000)]


def test_each_photo_is_in_one_part():
    for count in (1, 2, 7):
        parts = [[place for place in PLACES if Shard(number, count).contains(place)] for number in range(count)]
        assert sorted(sum(parts, [])) == PLACES
        assert all(abs(len(part) - 1000 / count) < 5 * (1000 / count) ** 0.5 for part in parts)


def test_a_photo_stays_in_its_part():
    """Pinned: shards of different versions and machines must agree."""
    own = [place.name for place in PLACES[:12] if Shard(1, 3).contains(place)]
    assert own == ["0001.jpg", "0008.jpg", "0010.jpg"]


def test_how_shards_are_written():
    assert parse_shard("0/1") == Shard(0, 1) and parse_shard("11/12") == Shard(11, 12)
    for text in ("", "3", "1/1", "4/4", "-1/4", "0/0", "a/b", "1/4 ", "1.0/4"):
        with pytest.raises(IcdpmError, match="NUMBER/COUNT, counted from 0"):
            parse_shard(text)
