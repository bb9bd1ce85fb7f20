"""The password of a page for others."""

import pytest

from icdpm.errors import IcdpmError
from icdpm.serving.password import password_check


def test_whoever_knows_it_gets_in(tmp_path):
    (tmp_path / "password").write_text("größer als zwölf\n")
    lets_in = password_check(tmp_path / "password")
    assert lets_in("anyone", "größer als zwölf") and not lets_in("anyone", "größer als zwölF") and not lets_in("anyone", "")


@pytest.mark.parametrize("content", [b"", b"\n", b"too short\n", b"one password\nanother password\n"])
def test_what_is_no_password_is_one_sentence(tmp_path, content):
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(IcdpmError, match="password must hold one line, a password of 12 characters or more$"):
        password_check(tmp_path / "password")
    (tmp_path / "password").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(IcdpmError, match="is not text"):
        password_check(tmp_path / "password")
