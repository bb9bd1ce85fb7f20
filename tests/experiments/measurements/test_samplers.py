"""Tests of the comparison of samplers."""

import json

import PIL.Image

from icdpm.models.settings import SamplingSettings
from icdpm_experiments.measurements import samplers


def comparison(reference, **few):
    """Rows of two samplers with 8 evaluations and the reference."""
    rows = [
        {"sampler": name, "evaluations": 8, "schedule": "log_snr", "max_noise_variance": 0.99, **numbers}
        for name, numbers in few.items()
    ]
    last = {"sampler": "ancestral", "evaluations": 500, "schedule": "linear_beta", "max_noise_variance": 0.02, **reference}
    return [*rows, last]


def test_few_evaluations_are_compared_with_the_reference(metrics, in_a_folder_of_its_own, capsys):
    reference = {"psnr": 25.0, "ssim": 0.8, "detail": 1.0}
    near = {"psnr": 24.91, "ssim": 0.796, "detail": 1.0}
    rows = comparison(reference, ddim=near, dpmpp_2m={**near, "ssim": 0.794}, ancestral={**near, "psnr": 24.89})
    assert [row["sampler"] for row in samplers.equivalent_rows(rows)] == ["ddim"]
    samplers.write_samplers(rows, near, "make bench-samplers", "3 pairs", 1, metrics)
    content = json.loads((in_a_folder_of_its_own / "results/samplers.json").read_text())
    assert {"sampler", "evaluations", "psnr", "ssim"} <= set(content["rows"][0])
    assert content["reached"] == {"one sample": ["ddim 8 (log_snr 0.99)"]}
    assert "1 of 3 settings with at most 10 evaluations" in capsys.readouterr().out
    samplers.write_samplers(rows[1:], near, "make bench-samplers", "3 pairs", 1, metrics)
    assert "None of 2 settings" in (in_a_folder_of_its_own / "results/samplers.md").read_text()
    assert PIL.Image.open(in_a_folder_of_its_own / "results/samplers.png").width > 1000


def test_the_last_setting_is_the_reference():
    settings = samplers.comparison_settings(8)
    assert settings[-1] == SamplingSettings("ancestral", 500, 0.02, 8) and len(settings) == len(set(settings))
    assert {each.sampler for each in settings} == set(samplers.SAMPLERS)
