"""Where more evaluations of the network stop to pay: the presets "fast" and "balanced" of a very model."""

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.evaluation.intervals import mean_with_interval
from icdpm.evaluation.measure import measure_image
from icdpm.models.sampling_presets import write_presets
from icdpm.models.settings import SamplingSettings
from icdpm_experiments.sweeping.sweep import OF_MEAN, available_metrics, measure_settings

# What is tried: evaluations of a sample, how many are averaged, and the noise variance that the first begins with.
_SHAPES = ((1, 1), (1, 2), (2, 1), (3, 1), (1, 4), (2, 2), (1, 8), (2, 4))
_STARTS = (0.99, 0.995, 0.999)
# Steps of one sample that are tried from the first of the starts only: they show what many do.
_MANY = (4, 8, 50)
METRICS = ("psnr", "ssim", "niqe")
# dB PSNR: who looks at pictures does not see so small a difference.
UNSEEN = 0.05


def candidates():
    """The settings that are tried, the cheapest first."""
    tried = [(steps, start, samples) for steps, samples in _SHAPES for start in _STARTS]
    tried += [(steps, _STARTS[0], 1) for steps in _MANY]
    return sorted((SamplingSettings("ancestral", *each, "log_snr") for each in tried), key=lambda each: each.evaluations)


def measured_gains(model, pairs, journal, settings=None):
    """What each of the settings gains over the blurry pictures.

    Args:
      model: a trained model that draws samples.
      pairs: a `PairSource` that it was not trained on.
      journal: a `Journal`.
      settings: a list of `SamplingSettings`; None: `candidates`.

    Returns:
      [{'evaluations', 'steps', 'samples', 'max_noise_variance', 'gain' in dB PSNR, 'from', 'to', …}], 'from' and 'to' the
      95 % interval of the gain; then the means of what else can be measured here of such pictures.

    Raises:
      IcdpmError: the system draws no samples.
    """
    if not isinstance(model.settings(), SamplingSettings):
        raise IcdpmError(f"{model.title} gives one answer, at once: there is nothing to choose")
    settings = candidates() if settings is None else settings
    metrics, _ = available_metrics(METRICS, pairs)
    psnr = {"psnr": metrics["psnr"]}
    blurry = [measure_image(psnr, *pairs.load(index))[0]["psnr"] for index in range(len(pairs))]
    rows = []
    for each, values in zip(settings, measure_settings(model, pairs, settings, metrics, journal)):
        suffix = OF_MEAN if each.samples > 1 else ""
        mean = mean_with_interval(np.subtract([picture["psnr" + suffix] for picture in values], blurry))
        row = {"evaluations": each.evaluations, "steps": each.steps, "samples": each.samples}
        row["max_noise_variance"] = each.max_noise_variance
        row.update({"gain": mean.value, "from": mean.low, "to": mean.high})
        others = {name: float(np.mean([picture[name + suffix] for picture in values])) for name in metrics if name != "psnr"}
        rows.append({**row, **others})
    return rows


def presets_of(rows):
    """{'fast', 'balanced': settings} by what `measured_gains` gave.

    fast is the best of one evaluation; balanced takes the fewest after which no more gain `UNSEEN` dB.
    """
    enough = max(row["gain"] for row in rows) - UNSEEN
    least = {"fast": 1, "balanced": min(row["evaluations"] for row in rows if row["gain"] >= enough)}
    return {name: _changes(_best(row for row in rows if row["evaluations"] == count)) for name, count in least.items()}


def measure_own_presets(model, pairs, journal, path):
    """Measures, and writes what follows to the file `path` of the model. Returns what `measured_gains` does."""
    rows = measured_gains(model, pairs, journal)
    write_presets(path, presets_of(rows), {"pairs": len(pairs), "rows": rows})
    return rows


def _best(rows):
    return max(rows, key=lambda row: row["gain"])


def _changes(row):
    same = {name: row[name] for name in ("steps", "max_noise_variance", "samples")}
    return {"sampler": "ancestral", "schedule": "log_snr", **same}
