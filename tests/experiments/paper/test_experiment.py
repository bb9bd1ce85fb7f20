"""The cost estimate of an experiment."""

import re

import pytest

from icdpm.configs import load_config
from icdpm.models.registry import build_model
from icdpm.training.cost import estimate_cost, restoration_flops
from icdpm_experiments.paper import experiment
from icdpm_experiments.paper.experiment import (
    RequiredRun,
    core_hours,
    count_restoration_flops,
    describe_cost,
    required_sweep,
)
from icdpm_experiments.paper.models import SAME
from icdpm_experiments.paper.scales import MicroScale, scale_to_micro


class UntrainedRuns:
    """`Runs` in which only the variants in `trained` are trained, of networks with few blocks."""

    scale = MicroScale()

    def __init__(self, *trained):
        self._trained = trained

    def config(self, variant):
        config = self.scale.config(variant)
        config.unet.update(multipliers=(1, 2), encoder_blocks=1, middle_blocks=0)
        config.guidance.update(scales=(1,), middle_blocks=0)
        return config

    def is_trained(self, variant):
        return SAME.get(variant, variant) in self._trained


def hours_in(sentence):
    return [float(each.replace(",", "")) for each in re.findall(r"([\d.,]+) to (?:train|restore)", sentence)]


def computed_once(function):
    """Returns a function of a model or config that remembers its results by name: each takes a graph."""
    results = {}

    def remembered(model, *arguments):
        key = getattr(model, "config", model).name, *arguments
        if key not in results:
            results[key] = function(model, *arguments)
        return results[key]

    return remembered


def test_core_hours_follow_from_the_sustained_flops():
    assert core_hours(0.35 * 61.5e12 * 3600) == pytest.approx(1)


@pytest.mark.slow
def test_a_training_step_of_table_11_f_costs_three_forward_passes():
    # Table 11's row (f): 1M steps × 256 crops of 128² at 9858 GFLOP for 720×1280 pixels.
    expected = 3 * 1e6 * 256 * 128**2 * 9858e9 / (720 * 1280)
    assert estimate_cost(load_config("table2_f"), 1).training_flops == pytest.approx(expected, rel=1e-3)


def test_the_predictor_of_dvsr_is_counted_once_per_restoration(random_pairs):
    model = build_model(scale_to_micro(load_config("dvsr")))
    predictor, denoiser = restoration_flops(model, *random_pairs.load(0)[0].shape[:2])
    assert predictor > denoiser > 0  # the predictor is the larger network
    one, ten = (count_restoration_flops(model, random_pairs, RequiredRun("dvsr", "gopro", steps)) for steps in (1, 10))
    assert one == len(random_pairs) * (predictor + denoiser)
    assert ten - one == len(random_pairs) * 9 * denoiser
    # A sweep restores each image at every point of the grid.
    sweep = required_sweep("dvsr", MicroScale(), "gopro")
    expected = len(random_pairs) * (5 * predictor + (1 + 2 + 5 + 10 + 20) * denoiser)
    assert count_restoration_flops(model, random_pairs, sweep) == expected
    # Only some of the images, without any evaluation of the denoiser.
    assert count_restoration_flops(model, random_pairs, RequiredRun("dvsr", "gopro", 0, images=2)) == 2 * predictor


@pytest.mark.slow
def test_the_estimate_counts_a_model_once_and_trained_models_only_for_restoring(monkeypatch):
    for name in ("estimate_cost", "restoration_flops"):
        monkeypatch.setattr(experiment, name, computed_once(getattr(experiment, name)))
    monkeypatch.setattr(experiment, "PEAK_FLOPS", 1e6)  # micro networks cost little
    once = hours_in(describe_cost(UntrainedRuns(), [RequiredRun("table2_c", "gopro", 7)]))
    # Table 8 (e) is Table 2 (c).
    same = [RequiredRun("table2_c", "gopro", 7), RequiredRun("table8_e", "gopro", 7)]
    assert hours_in(describe_cost(UntrainedRuns(), same)) == once and once[0] > once[1] > 0
    assert hours_in(describe_cost(UntrainedRuns("table2_c"), same)) == [0, once[1]]
    # Figure 9's models start from Table 2 (c), which has to be trained first.
    tuned = [RequiredRun("fig9_unaligned", "gopro", 7)]
    with_first, alone = (hours_in(describe_cost(UntrainedRuns(*trained), tuned))[0] for trained in ((), ("table2_c",)))
    assert with_first == pytest.approx(alone + once[0], abs=1)
