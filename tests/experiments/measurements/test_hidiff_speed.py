"""HI-Diff's speed: what is timed runs, and what is missing is said in one sentence."""

import json

import pytest

from icdpm.errors import IcdpmError
from icdpm_experiments.measurements import hidiff_speed, hidiff_speed_measure

TINY = ["transformer.channels=8", "transformer.blocks=(1,1,1,1)", "transformer.refinement_blocks=1", "encoder.blocks=1"]


def test_without_the_official_code_it_says_where_it_is(tmp_path):
    for folder in (None, "", str(tmp_path)):
        with pytest.raises(IcdpmError, match=r"git clone https://github.com/zhengchen1999/HI-Diff, .* REFERENCE=FOLDER"):
            hidiff_speed.check_reference(folder)


def test_our_restoration_is_timed(capsys):
    hidiff_speed_measure.main("ours", "restore", "float32", "16", "24", "2", "", *TINY)
    seconds = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(seconds) == 2 and all(each > 0 for each in seconds)
