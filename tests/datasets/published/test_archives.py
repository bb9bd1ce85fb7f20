import hashlib

import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets.published.archives import Archive, verify_checksum

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


def test_a_wrong_checksum_is_refused_with_the_page_to_get_the_archive_from(archive):
    with pytest.raises(IcdpmError, match=f"a.zip: its sha256 is {RIGHT}, not {WRONG} .* https://page"):
        verify_checksum(archive, Archive("a.zip", WRONG), "https://page")


@pytest.mark.parametrize("known", [Archive("a.zip", WRONG, confirmed=False), Archive("a.zip")])
def test_an_unconfirmed_or_unknown_checksum_only_warns(archive, capsys, known):
    verify_checksum(archive, known, "https://page")
    assert f"warning: {archive}" in capsys.readouterr().err
