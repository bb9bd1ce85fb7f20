"""The grid of Table 10, the best point of it, and the settings that the rows of an ablation share."""

from pathlib import Path

import pytest

from icdpm.models.settings import SamplingSettings, Settings
from icdpm_experiments.paper.ablations import ABLATIONS, shared_setting_note
from icdpm_experiments.paper.experiment import RequiredRun
from icdpm_experiments.paper.models import DEBLURRING, PREFERENCE, ComparedModel
from icdpm_experiments.paper.sampling_settings import (
    best_point,
    grid_settings,
    point_notes,
    point_records,
    required_at_best,
    restore_at_best,
)
from icdpm_experiments.paper.scales import MicroScale, PaperScale

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


@pytest.mark.parametrize("scale", [MicroScale(), PaperScale()])
def test_the_rows_of_an_ablation_share_one_setting(scale):
    models = [*ABLATIONS["table8"].models.values(), *ABLATIONS["table9"].models.values()]
    setting = {"micro": "ancestral, 2 steps, linear_beta 0.8", "paper": "ancestral, 50 steps, linear_beta 0.2"}[scale.name]
    assert f"({setting}); no sweep selects it" in shared_setting_note(models, scale)


def test_an_ablation_with_different_settings_is_an_error():
    with pytest.raises(ValueError, match="must share one sampling setting. Received: ancestral, 2 steps.*; at once"):
        shared_setting_note([ComparedModel("table8_a"), ComparedModel("regression_l")], MicroScale())


def test_table_7_has_the_rows_of_table_4_that_are_restored_here():
    assert set(PREFERENCE) == {"DvSR", "icDPM", "Ours-SA", "Ours"}
    # The images of Table 4's rows of the same names.
    assert all(PREFERENCE[row] == DEBLURRING[row] for row in ("DvSR", "Ours-SA", "Ours"))


def test_table_10_has_19_settings():
    settings = grid_settings(samples=8)
    assert [(each.steps, each.max_noise_variance) for each in settings] == [
        (20, 0.5), (30, 0.5), (50, 0.2), (50, 0.5), (100, 0.1), (100, 0.2), (100, 0.5),
        (200, 0.05), (200, 0.1), (200, 0.2), (200, 0.5), (500, 0.02), (500, 0.05), (500, 0.1), (500, 0.2),
        (1000, 0.01), (1000, 0.02), (1000, 0.05), (1000, 0.1),
    ]  # fmt: skip
    assert {(each.sampler, each.schedule, each.samples) for each in settings} == {("ancestral", "linear_beta", 8)}
