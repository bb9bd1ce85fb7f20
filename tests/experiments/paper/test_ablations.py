"""The ablations, of a small model and pairs of noise."""

import pytest
from paper_stand_ins import rows_of

from icdpm_experiments.paper import ablations
from icdpm_experiments.paper.ablations import ABLATIONS, shared_setting_note
from icdpm_experiments.paper.models import ComparedModel
from icdpm_experiments.paper.scales import MicroScale, PaperScale


@pytest.mark.slow
def test_the_hidiff_ablation_has_a_row_for_each_variant(runs):
    ablations.run(runs, "hidiff-ablation")
    rows = {(row["row"], row["metric"]): row for row in rows_of("hidiff_ablation")}
    assert {row for row, _ in rows} == {"blurry", "Baseline", "Single-Guide", "Split-Training", "HI-Diff"}
    assert rows["Split-Training", "psnr"]["published"] == 30.73 and rows["Split-Training", "psnr"]["value"] > 0
    assert rows["HI-Diff", "ssim_matlab_rgb"]["published"] == 0.9558 and 0 < rows["HI-Diff", "ssim_matlab_rgb"]["value"] < 1
    assert rows["HI-Diff", "psnr − Baseline"]["value"] == 0  # one model for all variants
    assert rows["Baseline", "psnr − blurry"]["low"] < rows["Baseline", "psnr − blurry"]["high"]
    with open("results/hidiff_ablation.md") as file:
        assert "`make bench-hidiff-ablation SCALE=micro`" in file.read()


@pytest.mark.slow
def test_tables_8_and_9_have_their_rows_and_differences(runs):
    ablations.run(runs, "table8")
    assert [row["row"] for row in rows_of("table8") if row["metric"] == "psnr"] == ["blurry", *"abcde"]
    assert all(row["value"] is not None for row in rows_of("table8") if row["metric"] == "psnr")
    rows = {(row["row"], row["metric"]): row for row in rows_of("table8")}
    assert ("blurry", "psnr − blurry") not in rows and ("a", "psnr − a") in rows
    gain = rows["b", "psnr − blurry"]
    assert gain["value"] == pytest.approx(rows["b", "psnr"]["value"] - rows["blurry", "psnr"]["value"])
    assert gain["low"] < gain["value"] < gain["high"]
    assert rows["b", "psnr − a"]["value"] == pytest.approx(rows["b", "psnr"]["value"] - rows["a", "psnr"]["value"])
    with open("results/table8.md") as file:
        text = file.read()
    assert "one fixed sampling setting, that of the configs (ancestral, 3 steps, linear_beta 0.9)" in text
    assert "LPIPS 0.137 and PSNR 28.63 are both better than the best of Table 2 (c) on the same set, 0.145 and 28.286" in text
    ablations.run(runs, "table9")
    rows = {(row["row"], row["dataset"], row["metric"]): row["published"] for row in rows_of("table9")}
    assert rows["w/ concatenation", "not gopro", "psnr"] == 30.65
    assert rows["w/o input concatenation", "not realblur_j", "lpips_alex"] == 0.177


@pytest.mark.parametrize("scale", [MicroScale(), PaperScale()])
def test_the_rows_of_an_ablation_share_one_setting(scale):
    models = [*ABLATIONS["table8"].models.values(), *ABLATIONS["table9"].models.values()]
    setting = {"micro": "ancestral, 2 steps, linear_beta 0.8", "paper": "ancestral, 50 steps, linear_beta 0.2"}[scale.name]
    assert f"({setting}); no sweep selects it" in shared_setting_note(models, scale)


def test_an_ablation_with_different_settings_is_an_error():
    with pytest.raises(ValueError, match="must share one sampling setting. Received: ancestral, 2 steps.*; at once"):
        shared_setting_note([ComparedModel("table8_a"), ComparedModel("regression_l")], MicroScale())
