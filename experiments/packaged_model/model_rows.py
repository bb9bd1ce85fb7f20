"""What a model makes of a set of pairs: a row for the blurry pictures and one for each of some settings."""

import numpy as np

from icdpm.evaluation.intervals import mean_with_interval
from icdpm.evaluation.measure import measure
from icdpm.evaluation.metric_selection import select_metrics
from icdpm.evaluation.pairing import BLURRY, pair_with_source
from icdpm.evaluation.restore_dataset import restore_dataset
from icdpm_experiments.results import abbreviate_home


def settings_by_name(model):
    """({name: Settings} for whole pictures, {name: Settings} of the paper's many steps, none of a system without presets)."""
    presets = {f"--preset={name}": model.settings(name) for name in model.sampling_presets}
    if not presets:
        return {"its answer": model.settings()}, {}
    paper = {"--preset=paper": presets.pop("--preset=paper")}
    return {"one sample": model.settings(samples=1), "mean of 8": model.settings(samples=8), **presets}, paper


def measured_rows(model, label, source, settings, metrics, folder):
    """Restores and measures a set.

    Args:
      model: a trained model.
      label: of the set.
      source: a `PairSource`.
      settings: {name: Settings}.
      metrics: names, psnr among them.
      folder: where the restored pictures are kept.

    Returns:
      (rows of the table, {metric: why it is not available}).
    """
    folders = {}
    for name, each in settings.items():
        print(f"{label}: {name}, {each.evaluations} evaluations", flush=True)
        folders[name] = folder / name
        restore_dataset(model, source, each, 0, folders[name])
    measured = measure(pair_with_source(folders, source), select_metrics(metrics), folder, workers=1)
    rows = [_row(label, name, values, measured.values[BLURRY]["psnr"]) for name, values in measured.values.items()]
    return list(filter(None, rows)), {name: abbreviate_home(reason) for name, reason in measured.unavailable.items()}


def _row(label, name, values, blurry):
    """A row; None for sharp pictures as input, of which there is nothing to say before they are restored.

    Args:
      label: of the set.
      name: of what restored, or `BLURRY`.
      values: {metric: [pictures]}.
      blurry: PSNR of the blurry pictures [pictures], infinite for sharp ones.
    """
    sharp_input, is_input = not np.isfinite(blurry).all(), name == BLURRY
    if sharp_input and is_input:
        return None
    row = {"set": label, "restored": name, "gain": "", "from": "", "to": "", "worst": "", "below the input": ""}
    means = {metric: round(float(each.mean()), 4) for metric, each in values.items()}
    if is_input:
        return {**row, **means}
    if sharp_input:
        return {**row, "worst": round(float(values["psnr"].min()), 2), **means}
    gains = values["psnr"] - blurry
    mean, low, high = mean_with_interval(gains)
    row.update(zip(("gain", "from", "to"), ("" if end is None else round(end, 3) for end in (mean, low, high))))
    row.update(worst=round(float(gains.min()), 2))
    row["below the input"] = f"{int((gains < 0).sum())} of {len(gains)}"
    return {**row, **means}
