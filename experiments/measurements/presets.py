"""A model's own presets: what more evaluations gain, and where they stop to pay.

    python -m icdpm_experiments.measurements.presets --data=pairs
    python -m icdpm_experiments.measurements.presets --data=pairs --workdir=/tmp/tiny

--data are pairs that the model was neither trained nor is judged on: what is held out for validation. It ends with
results/presets.json, presets.md and presets.png, and with presets.json in the workdir, which icdpm-deblur and all else that has
presets read from then on. Interrupted, the same command goes on; what was measured is kept in runs/presets.jsonl.
"""

from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm_experiments.measurements import sweep_flags

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(sweep_flags)
flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")
flags.DEFINE_integer("crop", None, "Side of the middle part of each picture that is restored. Default: whole pictures.", 16)

JOURNAL = Path("runs") / "presets.jsonl"


def main(argv):
    """Measures, writes the table and the workdir's presets."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.models.workdir import load, presets_file
    from icdpm_experiments.pairs import select_blurred
    from icdpm_experiments.results import print_table, write_results
    from icdpm_experiments.sweeping.preset_search import METRICS, UNSEEN, measure_own_presets, presets_of
    from icdpm_experiments.sweeping.sweep import Journal, available_metrics, measure_blurry

    workdir = FLAGS.workdir or pretrained.WORKDIR
    model, pairs = load(workdir), select_blurred(sweep_flags.chosen_pairs())
    rows = measure_own_presets(model, pairs, Journal(JOURNAL), presets_file(workdir))
    print_table(rows)
    blurry = measure_blurry(pairs, available_metrics(METRICS, pairs)[0])
    _draw(rows, blurry)
    chosen = [
        f"{name}: " + ", ".join(f"{setting} {value}" for setting, value in changes.items())
        for name, changes in presets_of(rows).items()
    ]
    path = write_results(
        "presets",
        command=sweep_flags.command_given("bench-presets"),
        data=f"PSNR gain over the blurry input, dB, of {len(pairs)} pairs restored by the model {model.config.name}",
        scale="packaged",
        rows=rows,
        title="Presets: gain by evaluations of the network",
        notes=[
            "from and to end the 95 % bootstrap interval of the gain. fast: the best of one evaluation. balanced: the fewest "
            f"evaluations after which no more gain {UNSEEN} dB. The blurry pictures themselves: "
            + ", ".join(f"{name} {value:.3f}" for name, value in blurry.items())
            + ". Detail is relative to the sharp picture's. Drawn: [presets.png](presets.png).",
            "",
            *(f"- {each}" for each in chosen),
        ],
    )
    print(*chosen, f"Numbers: {path}; presets: {presets_file(workdir)}", sep="\n")


def _draw(rows, blurry):
    """Draws what more steps of one sample do, and what a mean of more samples of one step does."""
    from icdpm_experiments.figures import Panel, write_plot
    from icdpm_experiments.results import RESULTS_FOLDER

    start = rows[0]["max_noise_variance"]
    drawn = {
        "steps of one sample": [row for row in rows if row["samples"] == 1 and row["max_noise_variance"] == start],
        "samples of one step, averaged": [row for row in rows if row["steps"] == 1 and row["max_noise_variance"] == start],
    }
    labels = {"gain": "gain in PSNR (dB)", "ssim": "SSIM", "niqe": "NIQE (less is better)"}
    panels = []
    for metric, label in labels.items():
        if metric in rows[0]:
            series = {name: [(row["evaluations"], row[metric]) for row in each] for name, each in drawn.items()}
            level = 0.0 if metric == "gain" else blurry[metric]
            panels.append(Panel("evaluations of the network", label, series, {"blurry": level}, log_x=True))
    write_plot(RESULTS_FOLDER / "presets.png", panels, f"From a noise variance of {start}")


if __name__ == "__main__":
    run_command(main)
