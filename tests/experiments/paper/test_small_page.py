"""The page of the scale small, of a small model and pairs of noise, and its sentences."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from paper_stand_ins import read_results

from icdpm.errors import IcdpmError
from icdpm.evaluation.pairing import parse_named_folders
from icdpm.images.writing import write_image
from icdpm_experiments.paper import ablations, small_answers, small_images, small_page, table2, tables3to7
from icdpm_experiments.paper.models import ComparedModel
from icdpm_experiments.paper.small_images import ImageValues
from icdpm_experiments.paper.small_scale import describe_image


def difference(question, dataset, row, value, low, high):
    interval = {"value": value, "low": low, "high": high, "seeds_low": None, "seeds_high": None}
    return {"question": question, "set": dataset, "row": row, **interval}


def test_a_verdict_follows_from_the_interval():
    for low, high, words in (
        (0.01, 0.2, "a gain"),
        (-0.2, -0.01, "a loss"),
        (-0.1, 0.1, "no difference that the interval shows"),
    ):
        text = small_answers.describe_difference(difference("size", "gopro", "x", (low + high) / 2, low, high))
        assert text.endswith(words) and f"[{low:+.3f}, {high:+.3f}]" in text


def test_a_verdict_needs_both_intervals():
    one = difference("size", "gopro", "x", 0.1, 0.05, 0.15)
    confirmed, unconfirmed = ({**one, "seeds_low": low, "seeds_high": 0.2} for low in (0.01, -0.01))
    assert small_answers.describe_difference(confirmed).endswith("], a gain")
    assert small_answers.describe_difference(unconfirmed).endswith(
        "a gain over the images, which the interval over the seeds does not confirm"
    )
    assert small_answers.difference_sign(confirmed) == 1 and small_answers.difference_sign(unconfirmed) == 0
    single = {**one, "low": None, "high": None}
    assert small_answers.describe_difference(single) == "+0.100 dB, without an interval"
    assert small_answers.difference_sign(single) == 0


def answer_size(inside, outside):
    differences = [
        difference("size", "gopro", "(b) − (a)", *inside),
        difference("size", small_answers.OUTSIDE, "(b) − (a)", *outside),
    ]
    (sentence,) = small_answers.answer_size(differences)
    return sentence


def test_the_answer_about_size_follows_from_the_intervals():
    gain, loss, none = (0.1, 0.05, 0.15), (-0.1, -0.15, -0.05), (0.0, -0.05, 0.05)
    assert "gains in the domain and loses outside, as the paper finds" in answer_size(gain, loss)
    assert "gains in the domain, and no gain is shown outside, which is part of what the paper finds" in answer_size(gain, none)
    assert "this is not the pattern of the paper" in answer_size(gain, gain)
    assert "this is not the pattern of the paper" in answer_size(none, loss)


def test_the_answer_about_guidance_compares_the_sets():
    rng = np.random.default_rng(0)
    unguided = rng.normal(1, 0.1, (2, 30))
    for more, words in ((0.3, "helps outside more"), (-0.3, "helps outside less"), (0.0, "neither more nor less")):
        gains = {
            "gopro": {"a": unguided, "c": unguided + 0.1},
            small_answers.OUTSIDE: {"a": unguided, "c": unguided + 0.1 + more + rng.normal(0, 0.01, (2, 30))},
        }
        differences = [
            {"question": "guidance", "set": name, **table2.difference_row("(c) − (a)", name, "psnr", each["c"], each["a"])}
            for name, each in gains.items()
        ]
        (sentence,) = small_answers.answer_guidance(gains, differences)
        assert words in sentence and "+0.100 dB [+0.100, +0.100], a gain in the domain" in sentence


def test_differences_have_intervals_over_images_and_seeds():
    gains = np.array([[1.0, 2.0, 3.0], [1.2, 2.2, 3.2], [9.0, 9.0, 9.0]])
    row = table2.difference_row("c", "set", "psnr", gains, np.zeros((2, 3)))
    assert row["seeds"] == 2 and row["value"] == pytest.approx(2.1)  # only seeds that both have
    half = 12.7062 * 0.1  # Student's t with one degree of freedom times the standard error
    assert (row["seeds_low"], row["seeds_high"]) == pytest.approx((2.1 - half, 2.1 + half), abs=1e-3)
    assert 1.1 <= row["low"] < 2.1 < row["high"] <= 3.1
    assert table2.difference_row("c", "set", "psnr", gains[:1], gains[:1])["seeds_low"] is None
    assert table2.difference_row("c", "set", "psnr", None, gains)["value"] is None


def test_images_are_chosen_in_turn_from_all_sets():
    assert small_images.choose_images({"a": 10, "b": 2, "c": 20}, 7) == [
        ("a", 0), ("a", 4), ("a", 9), ("b", 0), ("b", 1), ("c", 0), ("c", 19),
    ]  # fmt: skip
    assert small_images.choose_images({"a": 1, "b": 1}, 10) == [("a", 0), ("b", 0)]


BLURRY_IMAGE = ImageValues(24.0, 0.4, 0.0)


@pytest.mark.parametrize(
    ("icdpm", "ours", "phrases"),
    [
        ((24.7, 0.46, 2.0), (24.9, 0.5, 2.0), ("Both models help: icDPM-L changes the PSNR by +0.70 dB, ours by +0.90 dB",
         "so ours is ahead by 0.20 dB.", "Fine detail rises to 46 % with icDPM-L and 50 % with ours.")),
        ((24.7, 0.46, 5.2), (24.68, 0.5, 1.0), ("ours by +0.68 dB; the difference between them is too small to see.",
         "the light of a region drifts by up to 5.2 gray levels of 255 with icDPM-L and 1.0 with ours.")),
        ((24.2, 0.41, 0.0), (24.01, 0.41, 0.0), ("Only icDPM-L helps a little", "so icDPM-L is ahead by 0.19 dB.",
         "hardly changes (41 % with both), so the image stays as soft as it was.")),
        ((23.5, 0.3, 0.0), (23.9, 1.2, 0.0), ("Neither model helps: icDPM-L changes the PSNR by -0.50 dB, ours by -0.10 dB",
         "what exceeds 100 % is noise, grain or ringing.")),
        ((24.1, 0.3, 0.0), (24.2, 0.5, 0.0), ("Both models help a little", "so the image gets softer.",)),
        ((24.049, 0.5, 0.0), (24.07, 0.5, 0.0), ("Both models help a little", "too small to see", "rises to 50 % with both.")),
    ],
)  # fmt: skip
def test_a_paragraph_follows_from_the_values_of_its_image(icdpm, ours, phrases):
    text = small_images.describe_values(BLURRY_IMAGE, ImageValues(*icdpm), ImageValues(*ours))
    assert text.startswith("The blurry image has a PSNR of 24.00 dB and 40 % of the sharp image's fine detail. ")
    assert all(phrase in text for phrase in phrases), text
    assert ("drifts" in text) == (max(icdpm[2], ours[2]) >= 4)


def test_an_image_is_described_by_its_set_and_name():
    assert describe_image("gopro", "1") == "Held-out photo 1 under synthetic motion blur, the training domain"
    assert describe_image("realblur_j", "kernels/1") == "Held-out photo 1 under a real camera-shake kernel"
    assert describe_image("realblur_j", "embedded/night_00") == "Embedded night scene night_00"
    assert describe_image("hide", "a/1") == "GoPro test pair a/1, averaged high-speed video"


@pytest.mark.slow
def test_the_page_has_the_trained_rows_and_says_what_is_missing(extended_runs):
    small_page.run(extended_runs)
    content = read_results("small")
    assert {row["row"] for row in content["rows"]} == {"blurry", "(a)", "(c)"}
    metrics = {row["metric"] for row in content["rows"] if row["row"] == "(a)"}
    assert {"psnr", "ssim", "detail", "color drift", "psnr − blurry", "GFLOP"} <= metrics
    differences = {(each["question"], each["row"], each["set"]): each for each in content["differences"]}
    assert set(differences) == {("guidance", "(c) − (a)", name) for name in ("gopro", "realblur_j", small_answers.OUTSIDE)}
    assert all(each["value"] == 0 and each["seeds"] == 1 for each in differences.values())  # one model for all variants
    text = Path("results/small.md").read_text()
    assert "Not trained yet, so without values: (b) (table2_b), (d) (table2_d)" in text
    assert "Number of seeds: (a) 2, (c) 1." in text and "no difference that the interval shows" in text
    assert "It is not trained yet (runs/small/table2_a_steps" in text
    assert "realblur_j: not measured" not in text and "- reds: not measured, PAIRS='reds=…' was not given." in text
    assert PIL.Image.open("results/pd_small.png").width > 600 and not Path("results/images_small").exists()
    assert content["images"] == []


@pytest.mark.slow
def test_the_page_shows_images_of_the_two_large_models(extended_runs, micro_workdir):
    import shutil

    for name in ("table2_b", "table2_f"):
        shutil.copytree(micro_workdir, extended_runs.workdir(name))
    small_page.run(extended_runs)
    text = Path("results/small.md").read_text()
    assert "(b) − (a), the larger network without guidance" in text and "## 4 images" in text  # two of each set
    images = read_results("small")["images"]
    assert [each["set"] for each in images] == ["gopro", "gopro", "realblur_j", "realblur_j"]
    assert all(each["psnr icDPM-L"] == each["psnr ours"] for each in images)  # one model for all variants
    for number, each in enumerate(images, 1):
        assert PIL.Image.open(f"results/images_small/{number:02d}.jpg").width > 4 * 96
        strip = text.index(f"](images_small/{number:02d}.jpg)")
        assert strip < text.index(f"has a PSNR of {each['psnr blurry']:.2f} dB", strip) < strip + 60


@pytest.mark.slow
def test_tables_have_further_columns_and_empty_rows(extended_runs, tmp_path):
    pairs = extended_runs.scale.test_pairs("gopro")
    for index, name in enumerate(pairs.names):
        write_image(tmp_path / f"others/{name}.bmp", pairs.load(index)[1])
    tables3to7.run_table(extended_runs, "table3", parse_named_folders([f"Other={tmp_path}/others"]))
    rows = {(row["row"], row["metric"]): row for row in read_results("table3_small")["rows"]}
    assert {row for row, _ in rows} == {"blurry", "Other", "UNet", "DvSR", "DvSR-SA", "Ours", "Ours-SA", "HI-Diff"}
    assert rows["Other", "detail"]["value"] == 1
    assert (
        rows["UNet", "psnr"]["value"] > 0
        and rows["Ours", "psnr"]["value"] is None
        and rows["Ours", "psnr"]["published"] == 31.19
    )
    assert (
        rows["blurry", "color drift"]["value"] == 0
        and rows["UNet", "detail"]["value"] > 0
        and rows["UNet", "GFLOP"]["value"] > 0
    )
    gain = rows["UNet", "psnr − blurry"]
    assert gain["value"] == pytest.approx(rows["UNet", "psnr"]["value"] - rows["blurry", "psnr"]["value"])
    folder = extended_runs.restore(ComparedModel("regression_l"), "gopro")  # with the config's sampling
    once = extended_runs.measure_differences("gopro", {"UNet": folder}, "psnr")["UNet"]
    assert rows["UNet", "psnr − blurry, one evaluation"]["value"] == once.value
    text = Path("results/table3_small.md").read_text()
    assert (
        "Not trained yet, so without values: DvSR (dvsr), DvSR-SA (dvsr)" in text
        and "HI-Diff (hidiff_gopro)" in text
        and "Training steps:" in text
    )
    ablations.run(extended_runs, "table8")
    rows = {(row["row"], row["metric"]): row["value"] for row in read_results("table8_small")["rows"]}
    assert rows["a", "psnr"] > 0 and rows["b", "psnr"] is None and rows["e", "psnr − a"] == 0 and rows["e", "detail"] > 0


@pytest.mark.slow
def test_table_2_has_means_over_seeds(extended_runs):
    table2.run_table(extended_runs)
    table2.run_figure(extended_runs, "fig5")
    content = read_results("table2_small")
    rows = {(row["row"], row["metric"]): row for row in content["rows"] if row["dataset"] == "not gopro"}
    points = [each["psnr"] for each in table2.sweep_seeds(extended_runs, ["table2_a", "table2_a_seed1"], "gopro")[0]]
    assert rows["a", "best psnr"]["value"] == max(points) and rows["b", "best psnr"]["value"] is None
    assert rows["c", "best psnr − (a)"]["value"] == 0 and rows["c", "best psnr − (a)"]["seeds"] == 1
    text = Path("results/table2_small.md").read_text()
    assert "Number of seeds: (a) 2, (b) 0, (c) 1" in text and "GFLOP" in text
    assert {row["row"] for row in read_results("fig5_small")["rows"]} == {"a", "c"} and Path("results/fig5_small.png").exists()


def test_a_page_of_nothing_is_an_error(extended_runs):
    extended_runs.folder = Path("elsewhere")
    with pytest.raises(IcdpmError, match="None of the six models of Table 2 is trained. Leave out TRAINED_ONLY"):
        small_page.run(extended_runs)
