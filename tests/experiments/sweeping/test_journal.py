"""What a journal keeps."""

import pytest

from icdpm.errors import IcdpmError
from icdpm_experiments.sweeping.journal import Journal


def test_a_damaged_journal_is_named(tmp_path):
    journal = Journal(tmp_path / "journal")
    journal.add({"a": 1}, {"psnr": 2.5})
    assert Journal(tmp_path / "journal").get({"a": 1}) == {"psnr": 2.5} and journal.get({"a": 2}) is None
    (tmp_path / "journal").write_text("nonsense\n" + (tmp_path / "journal").read_text())
    with pytest.raises(IcdpmError, match="journal, line 1, is damaged"):
        Journal(tmp_path / "journal")
