"""Cache of arrays on disk."""

import pathlib

import numpy as np
import pytest

from icdpm_datasets.embedded import cache_folder, cached_arrays


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache"


class Maker:
    """Counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return {"numbers": np.arange(1000), "names": np.array(["a", "bc"])}


def check(arrays):
    np.testing.assert_array_equal(arrays["numbers"], np.arange(1000))
    assert arrays["names"].tolist() == ["a", "bc"]


def test_arrays_are_made_once(folder):
    make = Maker()
    check(cached_arrays("thing", make))
    check(cached_arrays("thing", make))
    assert make.calls == 1
    assert [file.name for file in folder.iterdir()] == ["thing.npz"]
    check(cached_arrays("other", make))
    assert make.calls == 2


@pytest.mark.parametrize("damage", [b"", b"not an archive", "half", "flipped"])
def test_a_damaged_cache_file_is_made_again(folder, capsys, damage):
    make = Maker()
    cached_arrays("thing", make)
    file = folder / "thing.npz"
    whole = file.read_bytes()
    if damage == "half":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "flipped":
        file.write_bytes(whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:])
    else:
        file.write_bytes(damage)
    check(cached_arrays("thing", make))
    assert make.calls == 2
    assert f"{file} cannot be read" in capsys.readouterr().err
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_prints_a_warning(folder, capsys):
    folder.parent.parent.mkdir(exist_ok=True)
    folder.parent.write_text("a file where the folder should be")
    make = Maker()
    check(cached_arrays("thing", make))
    check(cached_arrays("thing", make))
    assert make.calls == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all("cannot write" in line and line.endswith("(the images will be made again next time)") for line in lines)


def test_an_interruption_leaves_nothing(folder, monkeypatch):
    def interrupted(file, **arrays):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cached_arrays("thing", Maker())
    assert list(folder.iterdir()) == []


def test_the_default_folder(monkeypatch):
    monkeypatch.delenv("ICDPM_CACHE")
    assert cache_folder() == pathlib.Path.home() / ".cache" / "icdpm"
