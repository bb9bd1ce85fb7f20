"""Tests of the speed measurement of HI-Diff."""

import pytest

from icdpm.errors import IcdpmError
from icdpm_experiments.measurements.hidiff_speed import check_reference, measure_seconds

TINY = ["transformer.channels=8", "transformer.blocks=(1,1,1,1)", "transformer.refinement_blocks=1", "encoder.blocks=1"]


def test_missing_official_code_is_reported(tmp_path):
    for folder in (None, "", str(tmp_path)):
        with pytest.raises(IcdpmError, match=r"git clone https://github.com/zhengchen1999/HI-Diff, .* REFERENCE=FOLDER"):
            check_reference(folder)


@pytest.mark.slow
def test_our_restoration_is_timed():
    seconds = measure_seconds("ours", "restore", "float32", 16, 24, 2, "", TINY)
    assert len(seconds) == 2 and all(each > 0 for each in seconds)
