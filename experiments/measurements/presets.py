"""Measures the gain of more network evaluations and derives the presets "fast" and "balanced" of a model.

    python -m icdpm_experiments.measurements.presets --data=pairs
    python -m icdpm_experiments.measurements.presets --data=pairs --workdir=/tmp/tiny

--data are held-out pairs: neither training nor test data of the model. Writes results/presets.json, presets.md and presets.png,
and presets.json in the workdir, from which icdpm-deblur and all other commands read the presets. An interrupted command
continues when it is repeated; runs/presets.jsonl keeps the measured values.
"""

from pathlib import Path

import numpy as np
from absl import app, flags

from icdpm.cli import reject_arguments, run_command
from icdpm_experiments import pairs as pair_flags
from icdpm_experiments.pairs import select_blurred

FLAGS = flags.FLAGS
JOURNAL = Path("runs") / "presets.jsonl"
METRICS = ("psnr", "ssim", "niqe")
NEGLIGIBLE_GAIN = 0.05  # dB PSNR: a smaller difference is not visible
# Candidates: (steps, samples) with each noise variance of the first step.
_STEPS_AND_SAMPLES = ((1, 1), (1, 2), (2, 1), (3, 1), (1, 4), (2, 2), (1, 8), (2, 4))
_START_VARIANCES = (0.99, 0.995, 0.999)
# Numbers of steps of one sample, with the first start variance only, that show the effect of many steps.
_MANY_STEPS = (4, 8, 50)


def define_flags():
    """Defines the flags of this command."""
    pair_flags.define_flags()
    flags.adopt_module_key_flags(pair_flags)
    flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")


def main(argv):
    """Measures the settings, writes results/presets and the presets of the workdir."""
    reject_arguments(argv)
    if not FLAGS["data"].present:
        raise app.UsageError("--data is missing: the presets follow from held-out pairs. From make: DATA=FOLDER.")
    from icdpm import pretrained
    from icdpm.models.workdir import load, presets_file
    from icdpm_experiments.measurements.sweep import Journal, available_metrics, measure_blurry
    from icdpm_experiments.results import print_table, write_results

    workdir = FLAGS.workdir or pretrained.WORKDIR
    model, pairs = load(workdir), select_blurred(pair_flags.load_selected_pairs())
    rows = search_presets(model, pairs, Journal(JOURNAL), presets_file(workdir))
    print_table(rows)
    blurry = measure_blurry(pairs, available_metrics(METRICS, pairs)[0])
    plot_gains(rows, blurry)
    chosen = [
        f"{name}: " + ", ".join(f"{setting} {value}" for setting, value in changes.items())
        for name, changes in choose_presets(rows).items()
    ]
    path = write_results(
        "presets",
        command=pair_flags.reproducing_command("bench-presets"),
        data=f"PSNR gain over the blurry input, dB, of {len(pairs)} pairs restored by the model {model.config.name}",
        scale="packaged",
        rows=rows,
        title="Presets: gain by network evaluations",
        notes=[
            "from and to: 95 % bootstrap interval of the gain. fast: the best setting of one evaluation. balanced: the fewest "
            f"evaluations within {NEGLIGIBLE_GAIN} dB of the largest gain. The blurry images: "
            + ", ".join(f"{name} {value:.3f}" for name, value in blurry.items())
            + ". detail is relative to the sharp image. Plot: [presets.png](presets.png).",
            "",
            *(f"- {each}" for each in chosen),
        ],
    )
    print(*chosen, f"Numbers: {path}; presets: {presets_file(workdir)}", sep="\n")


def candidate_settings():
    """Returns the list of candidate `SamplingSettings`, sorted by their network evaluations."""
    from icdpm.models.settings import SamplingSettings

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
    from icdpm.evaluation.intervals import mean_with_interval
    from icdpm.evaluation.measure import measure_image
    from icdpm_experiments.measurements.sweep import OF_MEAN, available_metrics, measure_settings

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
    from icdpm.models.sampling_presets import write_presets

    rows = measure_gains(model, pairs, journal)
    write_presets(path, choose_presets(rows), {"pairs": len(pairs), "rows": rows})
    return rows


def plot_gains(rows, blurry):
    """Writes results/presets.png: the effect of more steps of one sample, and of averaging more samples of one step.

    Args:
      rows: rows of `measure_gains`.
      blurry: {metric: value} of the blurry images.
    """
    from icdpm_experiments.figures import Panel, write_plot
    from icdpm_experiments.results import RESULTS_FOLDER

    start = rows[0]["max_noise_variance"]
    selected = {
        "steps of one sample": [row for row in rows if row["samples"] == 1 and row["max_noise_variance"] == start],
        "samples of one step, averaged": [row for row in rows if row["steps"] == 1 and row["max_noise_variance"] == start],
    }
    labels = {"gain": "gain in PSNR (dB)", "ssim": "SSIM", "niqe": "NIQE (lower is better)"}
    panels = []
    for metric, label in labels.items():
        if metric in rows[0]:
            series = {name: [(row["evaluations"], row[metric]) for row in each] for name, each in selected.items()}
            level = 0.0 if metric == "gain" else blurry[metric]
            panels.append(Panel("network evaluations", label, series, {"blurry": level}, log_x=True))
    write_plot(RESULTS_FOLDER / "presets.png", panels, f"From a noise variance of {start}")


if __name__ == "__main__":
    define_flags()
    run_command(main)
