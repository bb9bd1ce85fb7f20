"""Tables 3 to 7, of a small model and pairs of noise."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from paper_stand_ins import rows_of

from icdpm.errors import IcdpmError
from icdpm.images.reading import read_rgb
from icdpm.images.writing import write_image
from icdpm.metrics.psnr import psnr
from icdpm.models.settings import SamplingSettings, Settings
from icdpm_experiments.paper import tables3to7
from icdpm_experiments.paper.experiment import RequiredRun
from icdpm_experiments.paper.models import DEBLURRING, PREFERENCE, ComparedModel
from icdpm_experiments.paper.published import TABLE3
from icdpm_experiments.paper.scales import MicroScale, PaperScale
from icdpm_experiments.paper.tables3to7 import best_point, point_notes, point_records, required_at_best, restore_at_best


@pytest.mark.slow
def test_deblurring_tables_measure_our_images_and_others(runs, tmp_path, capsys):
    pairs = runs.scale.test_pairs("gopro")
    for index, name in enumerate(pairs.names):
        write_image(tmp_path / "others" / f"{name}.png", pairs.load(index)[1])
    tables3to7.run_table(runs, "table3", {"HINet": tmp_path / "others", "New": tmp_path / "others"})
    rows = {(row["row"], row["metric"]): row for row in rows_of("table3")}
    assert {row for row, _ in rows} == {"blurry", "New", "UNet", *TABLE3}
    assert rows["HINet", "ssim"] == {"row": "HINet", "dataset": "not gopro", "metric": "ssim", "value": 1.0, "published": 0.96}
    assert rows["New", "ssim"]["value"] == 1 and rows["New", "ssim"]["published"] is None
    assert rows["MPRNet", "psnr"]["value"] is None and rows["MPRNet", "psnr"]["published"] == 32.66
    assert rows["Ours", "kid_x1000"]["value"] is None and rows["Ours", "kid_x1000"]["published"] == 0.77
    content = json.loads((tmp_path / "results/table3.json").read_text())
    assert set(content["not_available"]) == {"lpips_alex", "niqe", "fid", "kid"} and content["test_set"] == "gopro"
    for row in ("Ours", "Ours-SA"):
        folder = tmp_path / content["restored"][row]
        measured = [psnr(read_rgb(folder / f"{name}.png"), pairs.load(i)[1]) for i, name in enumerate(pairs.names)]
        assert rows[row, "psnr"]["value"] == pytest.approx(np.mean(measured))
    assert rows["Ours", "psnr"]["value"] != rows["Ours-SA", "psnr"]["value"]
    assert content["sampling"]["Ours-SA"] == {**content["sampling"]["Ours"], "samples": 8}
    assert content["command"].startswith(f"make bench-table3 SCALE=micro RESTORED='HINet={tmp_path / 'others'}")
    assert "| Ours |" in capsys.readouterr().out
    with pytest.raises(IcdpmError, match="The row Ours is already restored here"):
        tables3to7.run_table(runs, "table3", {"Ours": tmp_path / "others"})


@pytest.mark.slow
def test_ours_is_the_best_point_of_the_sweep_on_the_table_s_set_and_is_not_measured_twice(runs, monkeypatch):
    tables3to7.run_table(runs, "table4", {})
    rows = {(row["row"], row["metric"]): row["value"] for row in rows_of("table4")}
    swept, _, reasons = runs.sweep("table2_f", "realblur_j")
    assert {"lpips_alex", "niqe"} <= set(reasons)  # without weights PSNR selects
    best = max(swept, key=lambda each: each["psnr"])
    assert rows["Ours", "psnr"] == pytest.approx(best["psnr"]) and best["psnr"] != min(each["psnr"] for each in swept)
    with open("results/table4.json") as file:
        point = json.load(file)["sampling"]["Ours"]
    chosen = {"steps": best["steps"], "max_noise_variance": best["max_noise_variance"]}
    assert point == {**chosen, "samples": 1, "chosen_by": "psnr", "value": best["psnr"]}
    with open("results/table4.md") as file:
        text = file.read()
    settings = f"(ancestral, {best['steps']} steps, linear_beta {best['max_noise_variance']:g})"
    assert f"Ours: one sample of table2_f {settings}; selected by psnr, {best['psnr']:.4g} for one sample." in text
    assert f"Ours-SA: the mean of 8 samples of table2_f {settings}; selected by psnr" in text
    # The journal and the restored images make a second run free.
    for place in ("icdpm_experiments.measurements.sweep.restore", "icdpm.evaluation.restore_dataset.restore"):
        monkeypatch.setattr(place, lambda *_, **__: pytest.fail("an image was restored again"))
    tables3to7.run_table(runs, "table4", {})
    assert {(row["row"], row["metric"]): row["value"] for row in rows_of("table4")} == rows


@pytest.mark.slow
def test_a_method_that_is_restored_here_is_one_entry(runs, monkeypatch):
    # Each of these draws samples here: a sweep and the chosen point.
    made = [name for name in ("regression_l", "dvsr", "dvsr", "table2_f", "table2_f", "table2_b") for _ in range(2)]
    monkeypatch.setitem(tables3to7.DEBLURRING, "MPRNet", ComparedModel("table2_b"))
    for table, published in {"table4": 28.7, "table5": 26.8}.items():
        assert [each.variant for each in tables3to7.required_for_table(runs.scale, table)] == made
        tables3to7.run_table(runs, table, {})
        (row,) = (row for row in rows_of(table) if (row["row"], row["metric"]) == ("MPRNet", "psnr"))
        assert row["value"] > 0 and row["published"] == published
        with open(f"results/{table}.md") as file:
            assert re.search(
                r"MPRNet: one sample of table2_b \(ancestral, [12] steps, linear_beta 0.[98]\); selected by psnr", file.read()
            )


@pytest.mark.slow
def test_preferences_are_collected_and_tabulated(runs, tmp_path):
    tables3to7.run_table7(runs, {})
    page = (runs.folder / "preference.html").read_text()
    assert all(f'"{method}"' in page for method in ("DvSR", "icDPM", "Ours-SA", "Ours"))
    with open("results/table7.json") as file:
        assert set(json.load(file)["sampling"]) == {"DvSR", "icDPM", "Ours-SA", "Ours"}
    assert all(row["value"] is None for row in rows_of("table7"))
    answers = {"study": "x", "methods": ["DvSR", "icDPM", "Ours"], "rater": "one", "comparisons": 3}
    answers["answers"] = [
        {"image": str(i), "left": "icDPM", "right": "Ours", "preferred": winner} for i, winner in enumerate(["Ours", "icDPM"])
    ]
    answers["answers"].append({"image": "0", "left": "DvSR", "right": "Ours", "preferred": "Ours"})
    (tmp_path / "answers-one.json").write_text(json.dumps(answers))
    tables3to7.run_table7(runs, {}, answers=str(tmp_path / "answers-*.json"))
    rows = {(row["row"], row["metric"]): row for row in rows_of("table7")}
    assert rows["Ours", "over icDPM"]["value"] == 0.5 and rows["Ours", "over icDPM"]["published"] == 0.79
    assert rows["Ours", "over icDPM"]["low"] < 0.5 < rows["Ours", "over icDPM"]["high"]
    assert rows["Ours", "over DvSR"]["value"] == 1 and rows["Ours", "over DvSR"]["published"] == 0.71
    assert rows["DvSR", "over Ours"]["value"] == 0 and rows["DvSR", "over icDPM"]["value"] is None
    with open("results/table7.json") as file:
        assert json.load(file)["command"] == f"make bench-table7 SCALE=micro ANSWERS={tmp_path}/answers-*.json"


# The best point of the sweep.

# Each metric has its best at another of the grid's points.
PSNR, NIQE, LPIPS = (25.0, 27.0, 26.0), (3.0, 4.0, 5.0), (0.3, 0.2, 0.1)


class Scale(MicroScale):
    def grid(self):
        return [SamplingSettings("ancestral", steps, 0.5) for steps in (10, 20, 30)]


class SweptRuns:
    """`Runs` with known sweeps. They record their restorations without executing them."""

    scale = Scale()

    def __init__(self, **metrics):
        self._metrics = metrics
        self.sweeps, self.restorations = [], []

    def sweep(self, variant, dataset):
        self.sweeps.append((variant, dataset))
        # On another test set the order is reversed.
        turn = -1 if dataset == "hide" else 1
        return [dict(zip(self._metrics, each)) for each in zip(*self._metrics.values())][::turn], {}, {}

    def restore(self, model, dataset, settings):
        self.restorations.append((model.variant, settings))
        return Path(dataset) / f"{len(self.restorations)}"


@pytest.mark.parametrize(
    ("metrics", "chosen_by", "steps", "value"),
    [
        ({"psnr": PSNR, "lpips_alex": LPIPS, "niqe": NIQE, "detail": PSNR}, "lpips_alex", 30, 0.1),
        ({"psnr": PSNR, "niqe": NIQE, "detail": PSNR}, "niqe", 10, 3.0),
        ({"psnr": PSNR, "detail": LPIPS}, "psnr", 20, 27.0),
    ],
)
def test_lpips_selects_else_niqe_else_psnr(metrics, chosen_by, steps, value):
    settings, metric, best = best_point(SweptRuns(**metrics), "table2_f", "gopro")
    assert (settings.steps, metric, best) == (steps, chosen_by, value)


def test_each_test_set_has_its_own_point():
    runs = SweptRuns(psnr=PSNR, lpips_alex=LPIPS)
    assert [best_point(runs, "table2_f", dataset).settings.steps for dataset in ("gopro", "hide")] == [30, 10]


def test_means_of_samples_use_the_point_of_one_sample_and_one_pass_models_have_none():
    runs = SweptRuns(psnr=PSNR)
    folders, points = restore_at_best(runs, DEBLURRING, "gopro")
    assert list(folders) == list(DEBLURRING) and set(points) == set(DEBLURRING) - {"UNet"}
    point = SamplingSettings("ancestral", 20, 0.5)
    assert [(variant, settings) for variant, settings in runs.restorations] == [
        ("regression_l", Settings()),
        ("dvsr", point),
        ("dvsr", point.changed(samples=8)),
        ("table2_f", point.changed(samples=8)),
        ("table2_f", point),
    ]
    assert runs.sweeps == [("dvsr", "gopro"), ("table2_f", "gopro")]  # one sweep for each model
    notes = point_notes(DEBLURRING, points, runs.scale)
    assert notes[0] == "UNet: regression_l, at once."
    expected = (
        "Ours-SA: the mean of 8 samples of table2_f (ancestral, 20 steps, linear_beta 0.5); selected by psnr, 27 for one "
        "sample."
    )
    assert expected in notes
    assert any("10 to 0.5, 20 to 0.5, 30 to 0.5." in note for note in notes) and "Assumed: " in notes[-1]
    records = point_records(DEBLURRING, points)
    assert records["DvSR-SA"] == {"steps": 20, "max_noise_variance": 0.5, "samples": 8, "chosen_by": "psnr", "value": 27.0}


def test_the_required_runs_are_the_sweep_and_the_longest_point():
    models = [DEBLURRING["UNet"], DEBLURRING["Ours"], DEBLURRING["Ours-SA"]]
    sweep = RequiredRun("table2_f", "hide", 20 + 30 + 2 * 50 + 3 * 100 + 4 * (200 + 500 + 1000), restorations=19)
    assert required_at_best(models, PaperScale(), "hide") == [
        RequiredRun("regression_l", "hide", 1),
        sweep,
        RequiredRun("table2_f", "hide", 1000),
        sweep,
        RequiredRun("table2_f", "hide", 8 * 1000),
    ]


def test_table_7_has_the_rows_of_table_4_that_are_restored_here():
    assert set(PREFERENCE) == {"DvSR", "icDPM", "Ours-SA", "Ours"}
    # The images of Table 4's rows of the same names.
    assert all(PREFERENCE[row] == DEBLURRING[row] for row in ("DvSR", "Ours-SA", "Ours"))
