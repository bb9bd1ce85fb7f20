"""Failure cases, of images of noise."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from paper_stand_ins import StandInRuns, read_results, rows_of

from icdpm_experiments.paper import failures, visual_comparison
from icdpm_experiments.paper.scales import PaperScale


def test_failures_are_ranked_by_gain_and_darkness(stand_in_runs, tmp_path, monkeypatch):
    pairs = stand_in_runs.scale.test_pairs("realblur_j")
    pairs.blurry, pairs.sharp = pairs.blurry.copy(), pairs.sharp.copy()
    for side in (pairs.blurry, pairs.sharp):
        side[3] //= 8  # the darkest
    pairs.blurry[5] = pairs.sharp[5]
    monkeypatch.setattr(StandInRuns, "SHARE", {"table2_b": 0.0, "table2_f": 0.5})
    failures.run(stand_in_runs, {})
    content = read_results("failures")
    assert content["rows"][0]["image"] == "pair_3" and len(content["rows"]) == 5
    assert content["rows"][0]["gray"] < 64 < min(row["gray"] for row in content["rows"][1:])
    assert content["rows"][0]["gain icDPM"] == 0 < content["rows"][0]["gain Ours"]
    assert PIL.Image.open("results/failures.png").size[0] == 4 * 64 + 5 * 8
    text = Path("results/failures.md").read_text()
    assert "Ours gains" in text and "on the darkest quarter (1 of 5)" in text
    assert "Left out as not blurred (more than 40 dB): 1 of 6." in text


def test_rank_sums_two_places():
    # Places in gain and in brightness: 3 + 1, 1 + 4, 2 + 2 and 4 + 3; of equal sums the lower gain comes first.
    rows = [{"gain Ours": gain, "gray": gray} for gain, gray in ((1.0, 10), (-1.0, 200), (0.0, 20), (2.0, 90))]
    assert [row["gray"] for row in failures.rank(rows)] == [20, 10, 200, 90]


@pytest.mark.parametrize(
    ("numbers", "gains", "phrases"),
    [
        ((30, 0.0, 10.0, 0.5), (0.5,), ["blur remains", "in low light"]),
        ((30, 2.0, 50.0, 0.5), (0.5,), []),
        (
            (30, 2.0, 10.0, -0.2),
            (-0.3, -0.2),
            ["worse than the input", "all methods fail", "blur remains", "in low light with light streaks"],
        ),
        ((120, 2.0, 10.0, 0.05), (0.4, 0.05), ["no gain", "blur remains"]),
        ((120, 0.0, 160.0, 0.4), (0.4,), ["structure that the sharp image does not have"]),
        ((120, 0.0, 90.0, 1.4), (0.4, 1.4), []),
    ],
)
def test_failures_follow_from_the_numbers(numbers, gains, phrases):
    row = dict(zip(("gray", "saturated", "returned", "gain Ours"), numbers))
    assert failures.describe_failures(row, gains) == phrases


def test_the_restored_part_of_the_gradient(random_pairs):
    blurry, sharp = random_pairs.load(0)
    assert failures.measure_light_and_gradient(blurry, sharp, blurry)["returned"] == 0
    assert failures.measure_light_and_gradient(blurry, sharp, sharp)["returned"] == 100
    assert failures.measure_light_and_gradient(sharp, sharp, blurry)["returned"] == 100
    white = np.full((8, 8, 3), 255, np.uint8)
    assert failures.measure_light_and_gradient(white, white, white) == {"gray": 255.0, "saturated": 100.0, "returned": 100.0}


@pytest.mark.slow
def test_a_figure_of_crops_and_the_failures_share_restored_images(runs):
    visual_comparison.run(runs, "fig1", {}, ["pair_2=0,0,48,48"])
    folder = runs.restore(visual_comparison.MODELS["Ours"], "realblur_j")
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    assert set(before) == {"pair_0.png", "pair_2.png"}
    failures.run(runs, {})
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")} == before
    assert {row["image"] for row in rows_of("failures")} == {"pair_0", "pair_2"}
    (row,) = rows_of("fig1")
    gains = {each["image"]: each["gain Ours"] for each in rows_of("failures")}
    assert row["psnr Ours"] - row["psnr blurry"] == pytest.approx(gains["pair_2"], abs=2e-4)
    # Only a figure's own images are counted.
    scale = PaperScale()
    assert [each.images for each in visual_comparison.required(scale, "fig6")] == [3, 3]
    assert [each.images for each in failures.required(scale)] == [None, None]
