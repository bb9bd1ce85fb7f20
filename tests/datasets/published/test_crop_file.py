"""Pairs as strips."""

import errno
import os

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets.published.crop_file import STRIP, CropFile, laid_out_bytes, write_crop_file

SIZES = [(40, 3 * STRIP), (33, 2 * STRIP + 5), (50, 41)]


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    return [tuple(rng.integers(0, 256, (2, *size, 3), np.uint8)) for size in SIZES]


@pytest.fixture
def path(tmp_path, pairs):
    write_crop_file(tmp_path / "a.strips", "made from this", pairs)
    return tmp_path / "a.strips"


def test_every_crop_is_that_of_the_pictures(path, pairs):
    file = CropFile(path)
    assert file.fingerprint == "made from this" and file.sizes == SIZES
    rng = np.random.default_rng(1)
    for index, pair in enumerate(pairs):
        height, width = SIZES[index]
        corners = [(0, 0), (height - 32, width - 32)]
        corners += [(rng.integers(height - 31), rng.integers(width - 31)) for _ in range(50)]
        for top, left in corners:
            expected = np.stack(pair)[:, top : top + 32, left : left + 32]
            np.testing.assert_array_equal(file.read_crop(index, top, left, 32), expected)


def test_the_size_is_known_beforehand(path):
    assert sum(map(laid_out_bytes, SIZES)) < path.stat().st_size < sum(map(laid_out_bytes, SIZES)) + 500


@pytest.mark.parametrize("left", [0, 10, 5000, -1])
def test_a_file_that_is_cut_off_is_refused(path, left):
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ValueError, match="it has no table"):
        CropFile(path)


@pytest.mark.parametrize("place, what", [(-4, "no table"), (-40, "no table"), ("last pair", "last pair has changed")])
def test_a_changed_byte_is_noticed(path, place, what):
    data = bytearray(path.read_bytes())
    data[sum(map(laid_out_bytes, SIZES)) - 9 if place == "last pair" else place] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=what):
        CropFile(path)


def test_pairs_that_are_missing_in_the_middle_are_noticed(path):
    data = path.read_bytes()
    path.write_bytes(data[laid_out_bytes(SIZES[0]) :])
    with pytest.raises(ValueError, match="its length"):
        CropFile(path)


def test_what_fails_half_way_leaves_nothing(tmp_path, pairs):
    def failing():
        yield pairs[0]
        raise IcdpmError("damaged")

    with pytest.raises(IcdpmError, match="damaged"):
        write_crop_file(tmp_path / "b.strips", "x", failing())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, pairs, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(IcdpmError, match="cannot write .*b.strips: No space left on device"):
        write_crop_file(tmp_path / "b.strips", "x", pairs)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_shrinks_or_goes_while_it_is_read_is_named(path):
    file = CropFile(path)
    path.write_bytes(b"")
    with pytest.raises(IcdpmError, match="a.strips: cut off"):
        file.read_crop(0, 0, 0, 16)
    path.unlink()
    with pytest.raises(IcdpmError, match="a.strips: cannot be read .No such file"):
        file.read_crop(0, 0, 0, 16)
