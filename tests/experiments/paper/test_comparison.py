"""Tables of measured and published values, and what an experiment costs."""

import json

import pytest

from icdpm.evaluation.intervals import Mean
from icdpm_experiments.paper import cost
from icdpm_experiments.paper.comparison import comparison_table, mean_row, row_of, write_comparison
from icdpm_experiments.paper.scales import MicroScale, PaperScale

ROWS = [
    row_of("blurry", "set A", "psnr", 20.123, None),
    row_of("blurry", "set B", "psnr", 21.0, None),
    row_of("Ours", "set A", "psnr", 25.5, 33.2),
    row_of("Ours", "set B", "psnr", None, 30.96),
    row_of("Ours", "set A", "lpips_alex", None, None),
]


def test_the_published_value_stands_beside_the_measured_one():
    assert comparison_table(ROWS) == [
        "| | set A: psnr | set B: psnr | set A: lpips_alex |",
        "|---|---|---|---|",
        "| blurry | 20.12 | 21.00 |  |",
        "| Ours | 25.50 (33.20) | – (30.96) | – |",
    ]


def test_an_interval_stands_behind_its_mean():
    rows = [*ROWS[:1], mean_row("Ours", "set A", "psnr − blurry", Mean(0.3127, 0.25, 0.4)), ROWS[2]]
    assert comparison_table(rows)[2:] == ["| blurry | 20.1 |  |", "| Ours | 25.5 (33.2) | 0.313 [0.250, 0.400] |"]


def test_a_scale_beside_another_keeps_its_own_results(tmp_path):
    class Small:
        name, suffix, given = "small", "_small", {"FOLDER": "pictures", "PAIRS": "a=b c=d"}

    write_comparison("table0", "Title", Small, ROWS)
    assert [path.name for path in sorted((tmp_path / "results").iterdir())] == ["table0_small.json", "table0_small.md"]
    content = json.loads((tmp_path / "results/table0_small.json").read_text())
    assert content["command"] == "make bench-table0 SCALE=small FOLDER=pictures PAIRS='a=b c=d'"


@pytest.mark.parametrize("scale", [MicroScale(), PaperScale()])
def test_a_table_says_its_scale_its_protocols_and_what_is_missing(scale, tmp_path):
    write_comparison(
        "table0", "Title", scale, ROWS, notes=["A note."], protocols={"psnr": "in dB", "fid": "x"}, not_available={"fid": "why"}
    )
    content = json.loads((tmp_path / "results/table0.json").read_text())
    assert content["rows"] == ROWS and content["scale"] == scale.name and content["not_available"] == {"fid": "why"}
    text = (tmp_path / "results/table0.md").read_text()
    assert "- psnr: in dB" in text and "- fid: not available: why" in text and "A note." in text
    assert ("test the code path, not the paper's claims" in text) == (scale.name == "micro")


def test_cost_is_flops_over_what_the_core_does():
    config = PaperScale().config("table2_f")
    # Table 11's row (f), by hand: 3 × 1M steps × 256 crops of 128², over 0.35 × 61.5 TFLOP/s.
    per_pixel = 9858e9 / (720 * 1280)
    expected = 3 * 1e6 * 256 * 128**2 * per_pixel / (0.35 * 61.5e12) / 3600
    assert cost.hours(cost.training_flops(config, per_pixel)) == pytest.approx(expected) == pytest.approx(1737, rel=1e-3)


def test_the_estimate_counts_a_model_once_and_no_trained_one(random_pairs, monkeypatch):
    monkeypatch.setattr(cost, "count", lambda config: (0, 720 * 1280 * 1e9))  # 1 GFLOP a pixel

    class Runs:
        scale = PaperScale()
        trained = False
        workdir = staticmethod(lambda variant: variant.replace("table8_e", "table2_c"))
        config = staticmethod(scale.config)

        def is_trained(self, variant):
            return self.trained

    monkeypatch.setattr(PaperScale, "test_pairs", lambda self, dataset: random_pairs)
    runs, needs = Runs(), [cost.Restoring("table2_c", "gopro", 7), cost.Restoring("table8_e", "gopro", 7)]
    training = cost.hours(3 * 1e6 * 256 * 128**2 * 1e9)
    restoring = cost.hours(2 * 10 * 7 * 24 * 24 * 1e9)
    assert f"{training:,.0f} to train, {restoring:,.0f} to restore" in cost.describe(runs, needs)
    runs.trained = True
    assert " 0 to train" in cost.describe(runs, needs)
