"""Measures the gain of more network evaluations and derives the presets "fast" and "balanced" of a model.

    python -m icdpm_experiments.measurements.presets --data=pairs
    python -m icdpm_experiments.measurements.presets --data=pairs --workdir=/tmp/tiny

--data are held-out pairs: neither training nor test data of the model. Writes results/presets.json, presets.md and presets.png,
and presets.json in the workdir, from which icdpm-deblur and all other commands read the presets. An interrupted command
continues when it is repeated; runs/presets.jsonl keeps the measured values.
"""

from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm_experiments.measurements import sweep_flags

FLAGS = flags.FLAGS
JOURNAL = Path("runs") / "presets.jsonl"


def define_flags():
    """Defines the flags of this command."""
    sweep_flags.define_sweep_flags()
    flags.adopt_module_key_flags(sweep_flags)
    flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")


def main(argv):
    """Measures the settings, writes results/presets and the presets of the workdir."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.models.workdir import load, presets_file
    from icdpm_experiments.measurements.preset_search import METRICS, NEGLIGIBLE_GAIN, choose_presets, search_presets
    from icdpm_experiments.measurements.sweep import Journal, available_metrics, measure_blurry
    from icdpm_experiments.pairs import select_blurred
    from icdpm_experiments.results import print_table, write_results

    workdir = FLAGS.workdir or pretrained.WORKDIR
    model, pairs = load(workdir), select_blurred(sweep_flags.load_selected_pairs())
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
        command=sweep_flags.reproducing_command("bench-presets"),
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


def plot_gains(rows, blurry):
    """Writes results/presets.png: the effect of more steps of one sample, and of averaging more samples of one step.

    Args:
      rows: rows of `preset_search.measure_gains`.
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
