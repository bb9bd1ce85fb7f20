"""Tables of measured and published values."""

import json

import pytest

from icdpm.evaluation.intervals import Mean
from icdpm_experiments.paper.comparison import COST, comparison_table, interval_row, result_row, write_comparison
from icdpm_experiments.paper.scales import MicroScale, PaperScale, Scale

ROWS = [
    result_row("blurry", "set A", "psnr", 20.123, None),
    result_row("blurry", "set B", "psnr", 21.0, None),
    result_row("Ours", "set A", "psnr", 25.5, 33.2),
    result_row("Ours", "set B", "psnr", None, 30.96),
    result_row("Ours", "set A", "lpips_alex", None, None),
]


def test_cells_have_the_measured_and_the_published_value():
    assert comparison_table(ROWS) == [  # without lpips_alex, which has no value
        "| | set A: psnr | set B: psnr |",
        "|---|---|---|",
        "| blurry | 20.12 | 21.00 |",
        "| Ours | 25.50 (33.20) | – (30.96) |",
    ]


def test_columns_have_the_order_of_the_rows_that_lack_values():
    rows = [
        result_row("blurry", "set A", "lpips_alex", None, None),
        ROWS[0],
        result_row("Ours", "set A", "lpips_alex", 0.2, None),
    ]
    assert comparison_table(rows)[0] == "| | lpips_alex | psnr |"


def test_headings_name_the_data_set_where_there_are_several():
    cost = result_row("Ours", COST, "ms", 99.0, None)
    assert comparison_table([ROWS[0], cost])[0] == "| | psnr | training step: ms |"
    assert comparison_table([*ROWS[:2], cost])[0] == "| | set A: psnr | set B: psnr | training step: ms |"
    assert comparison_table([cost])[0] == "| | ms |"


def test_cells_have_the_interval_of_a_mean():
    rows = [*ROWS[:1], interval_row("Ours", "set A", "psnr − blurry", Mean(0.3127, 0.25, 0.4)), ROWS[2]]
    assert comparison_table(rows)[2:] == ["| blurry | 20.1 |  |", "| Ours | 25.5 (33.2) | 0.313 [0.250, 0.400] |"]


def test_the_suffix_and_variables_of_a_scale_are_in_its_results(tmp_path):
    class Small(Scale):
        name, suffix, make_variables = "small", "_small", {"FOLDER": "images", "PAIRS": "a=b c=d"}

    write_comparison("table0", "Title", Small(), ROWS)
    assert [path.name for path in sorted((tmp_path / "results").iterdir())] == ["table0_small.json", "table0_small.md"]
    content = json.loads((tmp_path / "results/table0_small.json").read_text())
    assert content["command"] == "make bench-table0 SCALE=small FOLDER=images PAIRS='a=b c=d'"


@pytest.mark.parametrize("scale", [MicroScale(), PaperScale()])
def test_a_table_states_its_scale_protocols_and_missing_metrics(scale, tmp_path):
    write_comparison(
        "table0", "Title", scale, ROWS, notes=["A note."], protocols={"psnr": "in dB", "fid": "x"}, not_available={"fid": "why"}
    )
    # Micro results test the code, so they are not among the results.
    folder = tmp_path / ("runs/micro/results" if scale.name == "micro" else "results")
    content = json.loads((folder / "table0.json").read_text())
    assert content["rows"] == ROWS and content["scale"] == scale.name and content["not_available"] == {"fid": "why"}
    text = (folder / "table0.md").read_text()
    assert "- psnr: in dB" in text and "- fid: not available: why" in text and "A note." in text
    assert ("test the code path, not the paper's claims" in text) == (scale.name == "micro")
