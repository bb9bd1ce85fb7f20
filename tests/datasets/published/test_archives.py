import errno
import hashlib
import io
import os
import shutil
import tarfile
import zipfile

import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets.published import archives
from icdpm_datasets.published.archives import Archive, unpack, verify_checksum

CONTENT = b"an archive"
RIGHT, WRONG = hashlib.sha256(CONTENT).hexdigest(), "0" * 64


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(CONTENT)
    return path


def test_a_right_checksum_is_silent(archive, capsys):
    verify_checksum(archive, Archive("a.zip", RIGHT), "https://page")
    assert "warning" not in capsys.readouterr().err


def test_a_wrong_checksum_is_refused_with_the_official_page(archive):
    with pytest.raises(IcdpmError, match=f"a.zip: the sha256 is {RIGHT}, but the published one is {WRONG}.* https://page"):
        verify_checksum(archive, Archive("a.zip", WRONG), "https://page")


@pytest.mark.parametrize("known", [Archive("a.zip", WRONG, confirmed=False), Archive("a.zip")])
def test_an_unconfirmed_or_unknown_checksum_only_warns(archive, capsys, known):
    verify_checksum(archive, known, "https://page")
    assert f"warning: {archive}" in capsys.readouterr().err


FILES = {"tree/a.png": b"a" * 1000, "tree/deep/b.png": b"b" * 2000}


def make_zip(path, files=FILES):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tree/", b"")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path, files=FILES, links=()):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for entry in links:
            archive.addfile(entry)
    return path


MAKERS = {"a.zip": make_zip, "a.tar.gz": make_tar}


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", MAKERS)
def test_unpacks_everything(tmp_path, name):
    unpack(MAKERS[name](tmp_path / name), tmp_path / "out")
    assert contents(tmp_path / "out") == FILES


@pytest.mark.parametrize("bad", ["../evil.png", "tree/../../evil.png", "/tmp/evil.png", "..\\evil.png", "C:\\evil.png"])
@pytest.mark.parametrize("name", MAKERS)
def test_refuses_paths_outside_the_target_before_writing(tmp_path, name, bad):
    archive = MAKERS[name](tmp_path / name, {**FILES, bad: b"evil"})
    with pytest.raises(IcdpmError, match="is refused: its member .*evil.png.* outside the target folder"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not (tmp_path / "evil.png").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_refuses_links_and_devices_in_tar_files(tmp_path, kind):
    link = tarfile.TarInfo("tree/link")
    link.type, link.linkname = kind, "/etc/passwd"
    with pytest.raises(IcdpmError, match="'tree/link' is a link or a device"):
        unpack(make_tar(tmp_path / "a.tar.gz", links=[link]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_refuses_links_in_zip_files(tmp_path):
    archive = make_zip(tmp_path / "a.zip")
    with zipfile.ZipFile(archive, "a") as file:
        link = zipfile.ZipInfo("tree/link")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    with pytest.raises(IcdpmError, match="'tree/link' is a link or a device"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", MAKERS)
def test_names_a_truncated_archive(tmp_path, name):
    archive = MAKERS[name](tmp_path / name, {"a.bin": os.urandom(100_000)})
    archive.write_bytes(archive.read_bytes()[:50_000])
    with pytest.raises(IcdpmError, match=f"{name} .*Download it again"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_a_damaged_archive(tmp_path):
    archive = make_zip(tmp_path / "a.zip")
    archive.write_bytes(archive.read_bytes().replace(b"b" * 2000, b"b" * 1999 + b"c"))
    with pytest.raises(IcdpmError, match="a.zip is damaged or truncated .*CRC.*tree/deep/b.png"):
        unpack(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == {"tree/a.png": FILES["tree/a.png"]}


def test_unsupported_compression_has_a_remedy(tmp_path):
    archive = make_zip(tmp_path / "a.zip")
    content = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):  # method 9 is Deflate64, as Windows writes it
        for start in (i for i in range(len(content)) if content[i : i + 4] == signature):
            content[start + offset] = 9
    archive.write_bytes(content)
    with pytest.raises(IcdpmError, match="a.zip cannot be unpacked here .*Unpack it and give the folder"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("name", MAKERS)
def test_continues_after_an_interrupt(tmp_path, name, monkeypatch):
    archive, out = MAKERS[name](tmp_path / name), tmp_path / "out"
    copy = shutil.copyfileobj

    def interrupted_in_the_second_file(source, target):
        copy(source, target)
        if os.fspath(target.name).endswith("-b.png"):
            target.truncate(10)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "copyfileobj", interrupted_in_the_second_file)
        unpack(archive, out)
    assert list(contents(out)) == ["tree/a.png"]
    before = (out / "tree/a.png").stat().st_mtime_ns
    unpack(archive, out)
    assert contents(out) == FILES
    assert (out / "tree/a.png").stat().st_mtime_ns == before


def test_writes_again_what_has_another_size(tmp_path):
    (tmp_path / "out/tree").mkdir(parents=True)
    (tmp_path / "out/tree/a.png").write_bytes(b"a" * 999)
    unpack(make_zip(tmp_path / "a.zip"), tmp_path / "out")
    assert contents(tmp_path / "out") == FILES


def test_a_disk_that_fills_up_leaves_no_partial_file(tmp_path, monkeypatch):
    def full(source, target):
        target.write(source.read(10))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(IcdpmError, match="cannot write .*tree/a.png: No space left on device"):
        unpack(make_zip(tmp_path / "a.zip"), tmp_path / "out")
    assert contents(tmp_path / "out") == {}


def test_checks_disk_space_before_writing(tmp_path, monkeypatch):
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(0, 0, 2999))
    with pytest.raises(IcdpmError, match="out needs .* MB"):
        unpack(make_zip(tmp_path / "a.zip"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
