"""Parts of the work: each photo in one of them, and always in the same."""

from pathlib import Path

import pytest

from icdpm.batch.shards import Shard, read_shard
from icdpm.errors import IcdpmError

PLACES = [Path(f"trip/{number:04}.jpg") for number in range(1000)]


def test_each_photo_is_in_one_part():
    for count in (1, 2, 7):
        parts = [[place for place in PLACES if Shard(number, count).holds(place)] for number in range(count)]
        assert sorted(sum(parts, [])) == PLACES
        assert all(abs(len(part) - 1000 / count) < 5 * (1000 / count) ** 0.5 for part in parts)


def test_a_photo_stays_in_its_part():
    """Pinned: shards of different versions and machines must agree."""
    own = [place.name for place in PLACES[:12] if Shard(1, 3).holds(place)]
    assert own == ["0001.jpg", "0008.jpg", "0010.jpg"]


def test_how_shards_are_written():
    assert read_shard("0/1") == Shard(0, 1) and read_shard("11/12") == Shard(11, 12)
    for text in ("", "3", "1/1", "4/4", "-1/4", "0/0", "a/b", "1/4 ", "1.0/4"):
        with pytest.raises(IcdpmError, match="NUMBER/COUNT, counted from 0"):
            read_shard(text)
