"""Derives the presets "fast" and "balanced" of a model from the measured gain of more network evaluations."""

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.evaluation.intervals import mean_with_interval
from icdpm.evaluation.measure import measure_image
from icdpm.models.sampling_presets import write_presets
from icdpm.models.settings import SamplingSettings
from icdpm_experiments.measurements.sweep import OF_MEAN, available_metrics, measure_settings

METRICS = ("psnr", "ssim", "niqe")
NEGLIGIBLE_GAIN = 0.05  # dB PSNR: a smaller difference is not visible
# Candidates: (steps, samples) with each noise variance of the first step.
_STEPS_AND_SAMPLES = ((1, 1), (1, 2), (2, 1), (3, 1), (1, 4), (2, 2), (1, 8), (2, 4))
_START_VARIANCES = (0.99, 0.995, 0.999)
# Numbers of steps of one sample, with the first start variance only, that show the effect of many steps.
_MANY_STEPS = (4, 8, 50)


def candidate_settings():
    """Returns the list of candidate `SamplingSettings`, sorted by their network evaluations."""
    candidates = [(steps, start, samples) for steps, samples in _STEPS_AND_SAMPLES for start in _START_VARIANCES]
    candidates += [(steps, _START_VARIANCES[0], 1) for steps in _MANY_STEPS]
    settings = [SamplingSettings("ancestral", *each, "log_snr") for each in candidates]
    return sorted(settings, key=lambda each: each.evaluations)


def measure_gains(model, pairs, journal, settings=None):
    """Measures the gain of each setting over the blurry images.

    Args:
      model: trained model that samples.
      pairs: `PairSource` of pairs that are not training data of the model.
      journal: `Journal` of the measured values.
      settings: list of `SamplingSettings`. Default: `candidate_settings()`.

    Returns:
      List of dicts, one for each setting: evaluations, steps, samples, max_noise_variance, gain in dB PSNR, from and to (95 %
      interval of the gain), and the means of the other available metrics of `METRICS`.

    Raises:
      IcdpmError: the model does not sample.
    """
    if not isinstance(model.settings(), SamplingSettings):
        raise IcdpmError(f"{model.title} models do not sample, so they have no presets.")
    settings = candidate_settings() if settings is None else settings
    metrics, _ = available_metrics(METRICS, pairs)
    psnr = {"psnr": metrics["psnr"]}
    blurry = [measure_image(psnr, *pairs.load(index))[0]["psnr"] for index in range(len(pairs))]
    rows = []
    for each, values in zip(settings, measure_settings(model, pairs, settings, metrics, journal)):
        suffix = OF_MEAN if each.samples > 1 else ""
        mean = mean_with_interval(np.subtract([image["psnr" + suffix] for image in values], blurry))
        row = {"evaluations": each.evaluations, "steps": each.steps, "samples": each.samples}
        row["max_noise_variance"] = each.max_noise_variance
        row.update({"gain": mean.value, "from": mean.low, "to": mean.high})
        others = {name: float(np.mean([image[name + suffix] for image in values])) for name in metrics if name != "psnr"}
        rows.append({**row, **others})
    return rows


def choose_presets(rows):
    """Returns {'fast', 'balanced': changes of settings} for rows of `measure_gains`.

    fast is the best setting of one evaluation. balanced is the best setting of the fewest evaluations whose gain is within
    `NEGLIGIBLE_GAIN` of the largest gain.
    """
    threshold = max(row["gain"] for row in rows) - NEGLIGIBLE_GAIN
    evaluations = {"fast": 1, "balanced": min(row["evaluations"] for row in rows if row["gain"] >= threshold)}
    presets = {}
    for name, count in evaluations.items():
        best = max((row for row in rows if row["evaluations"] == count), key=lambda row: row["gain"])
        changes = {setting: best[setting] for setting in ("steps", "max_noise_variance", "samples")}
        presets[name] = {"sampler": "ancestral", "schedule": "log_snr", **changes}
    return presets


def search_presets(model, pairs, journal, path):
    """Measures the gains and writes the presets of the model.

    Args:
      model, pairs, journal: as for `measure_gains`.
      path: file of the presets, in the model's workdir.

    Returns:
      Rows of `measure_gains`.
    """
    rows = measure_gains(model, pairs, journal)
    write_presets(path, choose_presets(rows), {"pairs": len(pairs), "rows": rows})
    return rows
