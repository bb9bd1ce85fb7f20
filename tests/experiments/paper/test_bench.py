"""The tables and figures, of a small untrained model and pairs of noise."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.images.reading import read_rgb
from icdpm.images.writing import write_image
from icdpm.metrics.psnr import psnr
from icdpm.metrics.ssim import ssim
from icdpm.metrics.ssim_matlab_rgb import ssim_matlab_rgb
from icdpm.models.workdir import load, read_config
from icdpm.training.strategy import make_strategy
from icdpm_experiments.pairs import SelectedPairs
from icdpm_experiments.paper import (
    catalog,
    failures,
    figure4,
    figure8,
    figure9,
    hidiff,
    hidiff_ablation,
    table1,
    table2,
    table7,
    table8,
    table9,
    tables3to6,
    visual_comparison,
)
from icdpm_experiments.paper.guidance_pictures import guidance_pictures
from icdpm_experiments.paper.models import Model
from icdpm_experiments.paper.published import TABLE1, TABLE3
from icdpm_experiments.paper.runs import Runs
from icdpm_experiments.paper.scales import PaperScale


class OneModelScale:
    """A scale whose every variant is one small model, and whose every test set is a few pairs of noise."""

    name = "micro"
    suffix = ""
    given = {}

    def __init__(self, config, pairs):
        self._config = config
        self._pairs = pairs

    def config(self, variant):
        return self._config

    def training_pairs(self, dataset="gopro"):
        return self._pairs

    def test_pairs(self, dataset):
        return SelectedPairs(self._pairs, [0, 2], f"pairs in place of {dataset}")

    def label(self, dataset):
        return f"not {dataset}"

    def alignment(self, dataset):
        return "none"

    def grid(self):
        from icdpm.models.settings import SamplingSettings

        return [SamplingSettings("ancestral", 1, 0.9), SamplingSettings("ancestral", 2, 0.8)]


@pytest.fixture(scope="module")
def system(micro_workdir):
    return load(micro_workdir)


@pytest.fixture
def runs(tmp_path, monkeypatch, micro_workdir, system, random_pairs):
    """Trained `Runs` in a folder of their own, all of one system, without any downloaded weights of metrics."""
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("icdpm_experiments.paper.runs.load", lambda workdir: system)
    pairs = type(random_pairs)(count=5, size=96)  # NIQE and LPIPS want some size
    made = Runs(OneModelScale(read_config(micro_workdir), pairs), make_strategy("single"))
    names = "table2_a table2_b table2_c table2_f table8_b table8_c table8_d table9_without_concatenation".split()
    names += "regression_l dvsr fig9_aligned fig9_unaligned hidiff_gopro hidiff_realblur hidiff_realblur_r".split()
    names += [model.variant for model in hidiff_ablation.MODELS.values()]
    for name in names:
        shutil.copytree(micro_workdir, made.workdir(name))
    return made


def rows_of(name):
    with open(f"results/{name}.json") as file:
        return json.load(file)["rows"]


def test_a_variant_is_trained_once(tmp_path, micro_workdir, random_pairs, monkeypatch):
    config, strategy, trained = read_config(micro_workdir), make_strategy("single"), []

    def train(given, workdir, training, validation, on):
        trained.append((given is config, workdir, training is random_pairs, len(validation), on is strategy))
        shutil.copytree(micro_workdir, workdir)

    monkeypatch.setattr("icdpm_experiments.paper.runs.train", train)
    runs = Runs(OneModelScale(config, random_pairs), strategy, tmp_path)
    assert not runs.is_trained("table8_e")
    # Table 8 (e) is Table 2 (c).
    runs.train("table8_e")
    runs.train("table2_c")
    assert trained == [(True, tmp_path / "micro/table2_c", True, 2, True)]
    # A run that stopped early goes on; a signal ends the command by its own exit status.
    config.run.steps = 7
    monkeypatch.setattr("icdpm_experiments.paper.runs.train", lambda *_: 15)
    with pytest.raises(SystemExit) as ended:
        runs.train("table2_c")
    assert ended.value.code == 128 + 15


def test_deblurring_tables_measure_our_pictures_and_others(runs, tmp_path, capsys):
    pairs = runs.scale.test_pairs("gopro")
    for index, name in enumerate(pairs.names):
        write_image(tmp_path / "others" / f"{name}.png", pairs.load(index)[1])
    tables3to6.run(runs, "table3", {"HINet": tmp_path / "others", "New": tmp_path / "others"})
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
    assert "| Ours |" in capsys.readouterr().out
    with pytest.raises(IcdpmError, match="Ours is the name of a row that is made here"):
        tables3to6.run(runs, "table3", {"Ours": tmp_path / "others"})


def test_ours_is_the_best_point_of_the_sweep_on_the_table_s_set_and_is_not_measured_twice(runs, monkeypatch):
    tables3to6.run(runs, "table4", {})
    rows = {(row["row"], row["metric"]): row["value"] for row in rows_of("table4")}
    swept, _, reasons = runs.swept("table2_f", "realblur_j")
    assert {"lpips_alex", "niqe"} <= set(reasons)  # no weights: PSNR decides
    best = max(swept, key=lambda each: each["psnr"])
    assert rows["Ours", "psnr"] == pytest.approx(best["psnr"]) and best["psnr"] != min(each["psnr"] for each in swept)
    with open("results/table4.json") as file:
        point = json.load(file)["sampling"]["Ours"]
    chosen = {"steps": best["steps"], "max_noise_variance": best["max_noise_variance"]}
    assert point == {**chosen, "samples": 1, "chosen_by": "psnr", "value": best["psnr"]}
    with open("results/table4.md") as file:
        text = file.read()
    settings = f"(ancestral, {best['steps']} steps, linear_beta {best['max_noise_variance']:g})"
    assert f"Ours: one sample of table2_f {settings}; chosen by psnr, {best['psnr']:.4g} for one sample." in text
    assert f"Ours-SA: the mean of 8 samples of table2_f {settings}; chosen by psnr" in text
    # The journal and the restored pictures make a second run free.
    for place in ("icdpm_experiments.sweeping.sweep.restore", "icdpm.evaluation.restore_dataset.restore"):
        monkeypatch.setattr(place, lambda *_, **__: pytest.fail("a picture was restored again"))
    tables3to6.run(runs, "table4", {})
    assert {(row["row"], row["metric"]): row["value"] for row in rows_of("table4")} == rows


def test_hidiff_s_table_has_a_column_for_each_set_and_rows_for_what_it_was_trained_on(runs, tmp_path):
    pairs = runs.scale.test_pairs("hide")
    for index, name in enumerate(pairs.names):
        write_image(tmp_path / "others/hide" / f"{name}.png", pairs.load(index)[1])
    hidiff.run(runs, {"MPRNet": str(tmp_path / "others")})
    rows = {(row["row"], row["dataset"], row["metric"]): row for row in rows_of("hidiff")}
    assert rows["HI-Diff", "not hide", "psnr"]["published"] == 31.46 and rows["HI-Diff", "not hide", "psnr"]["value"] > 0
    matlab = "ssim_matlab_rgb"
    assert rows["MPRNet", "not hide", matlab]["value"] == 1 and rows["MPRNet", "not gopro", matlab]["value"] is None
    # Each column by the protocol of its published values.
    measured_by = {"gopro": (matlab, ssim_matlab_rgb), "hide": (matlab, ssim_matlab_rgb), "realblur_j": ("ssim", ssim)}
    for dataset, (name, function) in measured_by.items():
        pairs = runs.scale.test_pairs(dataset)
        expected = np.mean([function(*pairs.load(index)) for index in range(len(pairs))])
        assert rows["blurry", f"not {dataset}", name]["value"] == pytest.approx(expected)
        assert rows["HI-Diff", f"not {dataset}", name]["published"] == {"gopro": 0.964, "hide": 0.945}.get(dataset, 0.89)
    assert ("HI-Diff", "not gopro", "ssim") not in rows
    own = "HI-Diff, trained on RealBlur"
    assert rows[own, "not realblur_r", "psnr"]["published"] == 41.01 and rows[own, "not realblur_r", "psnr"]["value"] > 0
    assert rows[own, "not gopro", "psnr"]["value"] is None
    with pytest.raises(IcdpmError, match="holds none of gopro, hide, realblur_r, realblur_j: the folder of New needs one"):
        hidiff.run(runs, {"New": str(tmp_path)})


def test_hidiff_s_ablation_has_a_row_for_each_variant(runs):
    hidiff_ablation.run(runs)
    rows = {(row["row"], row["metric"]): row for row in rows_of("hidiff_ablation")}
    assert {row for row, _ in rows} == {"blurry", "Baseline", "Single-Guide", "Split-Training", "HI-Diff"}
    assert rows["Split-Training", "psnr"]["published"] == 30.73 and rows["Split-Training", "psnr"]["value"] > 0
    assert rows["HI-Diff", "ssim_matlab_rgb"]["published"] == 0.9558 and 0 < rows["HI-Diff", "ssim_matlab_rgb"]["value"] < 1
    assert rows["HI-Diff", "psnr − Baseline"]["value"] == 0  # one model for all variants
    assert rows["Baseline", "psnr − blurry"]["low"] < rows["Baseline", "psnr − blurry"]["high"]
    with open("results/hidiff_ablation.md") as file:
        assert "`make bench-hidiff-ablation SCALE=micro`" in file.read()


def test_second_stages_begin_with_their_first_and_each_has_its_data(tmp_path, micro_workdir, random_pairs, monkeypatch):
    trained = []

    class Scale(OneModelScale):
        def training_pairs(self, dataset="gopro"):
            return dataset

    def train(config, workdir, training, validation, strategy, **further):
        trained.append((workdir.name, training, *further.values()))
        shutil.copytree(micro_workdir, workdir)

    monkeypatch.setattr("icdpm_experiments.paper.runs.train", train)
    runs = Runs(Scale(read_config(micro_workdir), random_pairs), make_strategy("single"), tmp_path)
    for variant in ("hidiff_realblur_r", "hidiff_gopro", "hidiff_ablation_split", "hidiff_ablation_full"):
        runs.train(variant)
    assert trained == [
        ("hidiff_realblur_r_stage1", "realblur_r"),
        ("hidiff_realblur_r", "realblur_r", tmp_path / "micro/hidiff_realblur_r_stage1"),
        ("hidiff_gopro_stage1", "gopro"),
        ("hidiff_gopro", "gopro", tmp_path / "micro/hidiff_gopro_stage1"),
        ("hidiff_ablation_stage1", "gopro"),
        ("hidiff_ablation_split", "gopro", tmp_path / "micro/hidiff_ablation_stage1"),
        ("hidiff_ablation_full", "gopro", tmp_path / "micro/hidiff_ablation_stage1"),
    ]


def test_a_row_of_another_method_that_is_made_here_is_one_entry(runs, monkeypatch):
    # Each of these draws samples here: a sweep and the chosen point.
    made = [name for name in ("regression_l", "dvsr", "dvsr", "table2_f", "table2_f", "table2_b") for _ in range(2)]
    monkeypatch.setitem(tables3to6.DEBLURRING, "MPRNet", Model("table2_b"))
    for table, published in {"table4": 28.7, "table5": 26.8}.items():
        assert [need.variant for need in tables3to6.restorings(runs.scale, table)] == made
        tables3to6.run(runs, table, {})
        (row,) = (row for row in rows_of(table) if (row["row"], row["metric"]) == ("MPRNet", "psnr"))
        assert row["value"] > 0 and row["published"] == published
        with open(f"results/{table}.md") as file:
            assert re.search(
                r"MPRNet: one sample of table2_b \(ancestral, [12] steps, linear_beta 0.[98]\); chosen by psnr", file.read()
            )


def test_figure_9_holds_alignment_against_the_same_steps_without(runs, monkeypatch):
    monkeypatch.setattr(runs.scale, "target_pairs", lambda: runs.scale.test_pairs("realblur_j"), raising=False)
    figure9.run(runs)
    rows = rows_of("fig9")
    assert {(row["row"], row["dataset"]) for row in rows} == {(row, "not realblur_j") for row in ("blurry", *figure9.MODELS)}
    assert all(row["value"] > 0 for row in rows if row["metric"] == "psnr")
    with open("results/fig9.md") as file:
        assert "Unlabelled pictures of the other domain: pairs in place of realblur_j." in file.read()
    assert PIL.Image.open("results/fig9.png").width > 5 * 96


def test_what_is_further_trained_is_trained_first(tmp_path, micro_workdir, random_pairs, monkeypatch):
    trained = []

    def train(config, workdir, training, validation, strategy, **further):
        trained.append((workdir.name, further))
        shutil.copytree(micro_workdir, workdir)

    monkeypatch.setattr("icdpm_experiments.paper.runs.train", train)
    scale = OneModelScale(read_config(micro_workdir), random_pairs)
    scale.target_pairs = lambda: random_pairs
    Runs(scale, make_strategy("single"), tmp_path).train("fig9_aligned")
    further = {"start_from": tmp_path / "micro/table2_c", "target_pairs": random_pairs}
    assert trained == [("table2_c", {}), ("fig9_aligned", further)]


def test_domains_are_compared_in_every_space(runs, monkeypatch):
    monkeypatch.setattr(runs.scale, "test_pairs", lambda dataset: SelectedPairs(runs.scale.training_pairs(), range(5), dataset))
    # The model's guidance has one scale only; the rows of the others stay empty.
    monkeypatch.setattr(table1, "inception_features", lambda picture: picture[:2, :2, 0].reshape(1, 4) / 255.0)
    table1.run(runs)
    rows = {(row["row"], row["metric"]): row for row in rows_of("table1")}
    assert {row for row, _ in rows} == set(TABLE1)
    for space in ("input", "input ×2", "guidance ×2"):
        assert rows[space, "fid"]["value"] == pytest.approx(0, abs=1e-6)  # a set against itself
    assert rows["input ×4", "fid"]["value"] is None and rows["input ×4", "fid"]["published"] == 56.313


def test_missing_inception_weights_are_told_in_place_of_numbers(runs):
    table1.run(runs)
    assert all(row["value"] is None for row in rows_of("table1"))
    with open("results/table1.md") as file:
        assert "fid: not available: the weights" in file.read()


def test_spaces_are_what_they_are_called(runs):
    picture = np.random.default_rng(0).integers(0, 256, (10, 14, 3), dtype=np.uint8)
    system = runs.system("table2_f")
    spaces = table1.spaces(system, picture)
    assert list(spaces) == ["input", "input ×2", "guidance ×2"]
    gray = picture @ [0.2989, 0.587, 0.114]
    assert np.abs(spaces["input"][..., 0] - gray).max() <= 1
    pooled = gray.reshape(5, 2, 7, 2).mean(axis=(1, 3))
    assert spaces["input ×2"].shape == (5, 7, 3) and np.abs(spaces["input ×2"][..., 1] - pooled).max() <= 1
    features = guidance_pictures(system, picture).features[1]
    assert features.shape == (5, 7, 4) and features.dtype == np.float32


def test_tables_8_and_9_have_their_rows(runs):
    table8.run(runs)
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
    table9.run(runs)
    rows = {(row["row"], row["dataset"], row["metric"]): row["published"] for row in rows_of("table9")}
    assert rows["w/ concatenation", "not gopro", "psnr"] == 30.65
    assert rows["w/o input concatenation", "not realblur_j", "lpips_alex"] == 0.177


def test_table_2_takes_the_best_of_the_grid_and_the_figures_show_all_of_it(runs, monkeypatch):
    monkeypatch.setattr(table2, "TABLE2", {row: table2.TABLE2[row] for row in "ac"})
    monkeypatch.setattr(table2, "MODELS", {row: table2.MODELS[row] for row in "ac"})
    table2.run(runs)
    catalog.EXPERIMENTS["fig5"].run(runs)
    best = {(row["row"], row["metric"]): row for row in rows_of("table2") if row["dataset"] == "not realblur_j"}
    points = rows_of("fig5")
    assert len(points) == 4 and {point["dataset"] for point in points} == {"not realblur_j"}
    for row in "ac":
        assert best[row, "best psnr"]["value"] == max(point["psnr"] for point in points if point["row"] == row)
        assert best[row, "best lpips_alex"]["value"] is None
    assert best["c", "best psnr"]["published"] == 28.286
    pairs = runs.scale.test_pairs("realblur_j")
    blurry = np.mean([psnr(*pairs.load(index)) for index in range(len(pairs))])
    gain = best["c", "best psnr − blurry"]
    assert gain["value"] == pytest.approx(best["c", "best psnr"]["value"] - blurry)
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert PIL.Image.open("results/fig5.png").width > 300


def test_preferences_are_asked_for_and_tabulated(runs, tmp_path):
    table7.run(runs, {})
    page = (runs.folder / "preference.html").read_text()
    assert all(f'"{method}"' in page for method in ("DvSR", "icDPM", "Ours-SA", "Ours"))
    with open("results/table7.json") as file:
        assert set(json.load(file)["sampling"]) == {"DvSR", "icDPM", "Ours-SA", "Ours"}
    assert all(row["value"] is None for row in rows_of("table7"))
    answers = {"study": "x", "methods": ["DvSR", "icDPM", "Ours"], "rater": "one", "comparisons": 3}
    answers["answers"] = [
        {"picture": str(i), "left": "icDPM", "right": "Ours", "preferred": winner} for i, winner in enumerate(["Ours", "icDPM"])
    ]
    answers["answers"].append({"picture": "0", "left": "DvSR", "right": "Ours", "preferred": "Ours"})
    (tmp_path / "answers-one.json").write_text(json.dumps(answers))
    table7.run(runs, {}, answers=str(tmp_path / "answers-*.json"))
    rows = {(row["row"], row["metric"]): row for row in rows_of("table7")}
    assert rows["Ours", "over icDPM"]["value"] == 0.5 and rows["Ours", "over icDPM"]["published"] == 0.79
    assert rows["Ours", "over icDPM"]["low"] < 0.5 < rows["Ours", "over icDPM"]["high"]
    assert rows["Ours", "over DvSR"]["value"] == 1 and rows["Ours", "over DvSR"]["published"] == 0.71
    assert rows["DvSR", "over Ours"]["value"] == 0 and rows["DvSR", "over icDPM"]["value"] is None
    with pytest.raises(IcdpmError, match="there are no answers"):
        table7.run(runs, {}, answers="nowhere/*.json")


def test_figures_show_their_pictures(runs):
    figure4.run(runs)
    # Two pictures of 96×96 with 4 versions and one regression output, a heading; below a line, and one that is broken in two.
    assert PIL.Image.open("results/fig4.png").size == (5 * 96 + 6 * 8, 28 + 2 * (96 + 8) + 8 + 3 * 28)
    figure8.run(runs)
    assert PIL.Image.open("results/fig8.png").width > 96
    assert [row["picture"] for row in rows_of("fig4")] == runs.scale.test_pairs("realblur_j").names
    assert len(rows_of("fig8")) == 4


def test_a_figure_of_crops_and_a_table_share_restored_pictures(runs):
    visual_comparison.run(runs, "fig1", {}, ["pair_2=0,0,48,48"])
    folder = runs.restored(visual_comparison.MADE["Ours"], "realblur_j")
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    assert set(before) == {"pair_0.png", "pair_2.png"}
    failures.run(runs, {})
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")} == before
    assert {row["picture"] for row in rows_of("failures")} == {"pair_0", "pair_2"}
    (row,) = rows_of("fig1")
    gains = {each["picture"]: each["gain Ours"] for each in rows_of("failures")}
    assert row["psnr Ours"] - row["psnr blurry"] == pytest.approx(gains["pair_2"], abs=2e-4)
    # A figure's own pictures are counted alone.
    scale = PaperScale()
    assert [need.pictures for need in visual_comparison.restorings(scale, "fig6")] == [3, 3]
    assert [need.pictures for need in failures.restorings(scale)] == [None, None]


def test_the_channels_that_vary_most_are_shown():
    features = np.random.default_rng(0).standard_normal((8, 8, 20)).astype(np.float32) * np.arange(20)
    channels = figure8.strongest_channels(features)
    assert len(channels) == 12 and channels[0] == np.argmax(features.std(axis=(0, 1)))
    shown = figure8.stretched(features[..., channels[0]])
    assert np.corrcoef(shown[..., 0].ravel(), features[..., channels[0]].ravel())[0, 1] > 0.99
    assert shown.min() == 0 and shown.max() == 255


def test_every_table_and_figure_of_the_list_can_be_asked_for():
    expected = {*(f"table{n}" for n in range(1, 10)), "fig4", "fig5", "fig7", "fig8", "fig9", "hidiff"}
    expected |= {*(f"fig{n}" for n in (1, 6, *range(11, 27))), "failures"}
    expected |= {"hidiff-ablation", "hidiff-realblur", "hidiff-photos", "hidiff-chain"}
    assert set(catalog.EXPERIMENTS) == expected
    text = (Path(catalog.__file__).resolve().parents[2] / "Makefile").read_text()
    targets = re.search(r"^PAPER := (.*?[^\\])$", text, re.MULTILINE | re.DOTALL)[1].replace("\\", "").split()
    assert {target.removeprefix("bench-") for target in targets} == expected
    assert all(f"\nbench-{name}:  ## " in text for name in expected)


def test_wrong_flags_are_told(run_each):
    cases = [
        (["table10"], "name one or several of table1"),
        (["table8", "--restored=a=b"], "--restored is for table3, table4, table5, table6, table7"),
        (["table3", "table4", "--restored=a=b"], "--restored is for one table at a time"),
        (["table1", "--answers=x"], "--answers is for table7"),
        (["table8", "--crops=a"], "--crops is for fig1, fig6, fig11"),
        (["fig1", "fig6", "--crops=a"], "--crops is for one figure at a time"),
        (["fig1", "--photos=x"], "--photos is for hidiff-photos"),
        (["table3", "--scale=small"], "name one or several of table2, table8, table9, or all"),
    ]
    runs = run_each("icdpm_experiments.paper.bench", [arguments for arguments, _ in cases])
    for (_, message), result in zip(cases, runs):
        assert result.returncode == 2 and message in result.stderr
        assert len(result.stderr.splitlines()) == 1
