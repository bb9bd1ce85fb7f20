"""Trains both stages of hidiff_tiny and a model without prior on two CPU cores, and compares their gains.

    make bench-hidiff-tiny

The models are trained on the embedded scenes and measured on the blurred embedded test scenes, which influence no choice.
Writes results/hidiff_tiny.png, hidiff_tiny.json and hidiff_tiny.md. Runs are kept in runs/hidiff_tiny; an interrupted command
continues when it is repeated.
"""

from pathlib import Path

from icdpm.cli import reject_arguments, run_command

RUNS = Path("runs/hidiff_tiny")
VALIDATION = ["run.validate_every=250", "run.validation_images=22"]
STAGE_1, STAGE_2, NO_PRIOR = "stage 1: prior of the sharp image", "stage 2: predicted prior", "without prior"
# A step without prior is cheaper: 4,000 steps take less time than the 3,000 of both stages. The schedule ends like stage 2.
NO_PRIOR_CHANGES = [
    "prior.source=none",
    "run.steps=4000",
    "optimizer.learning_rate_decay=(2000, 4000)",
    "data.progressive_steps=(3500,)",
]


def main(argv):
    """Trains the three runs, measures their gains and writes results/hidiff_tiny."""
    reject_arguments(argv)
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.pairs import select_blurred
    from icdpm_experiments.results import print_table, write_results
    from icdpm_experiments.training_logs import read_curve

    pairs = select_blurred(load_pairs("embedded", "test"))
    runs = {
        STAGE_1: (load_config("hidiff_tiny_stage1", VALIDATION), RUNS / "stage1", None),
        STAGE_2: (load_config("hidiff_tiny", VALIDATION), RUNS / "stage2", RUNS / "stage1"),
        NO_PRIOR: (load_config("hidiff_tiny", VALIDATION + NO_PRIOR_CHANGES), RUNS / "without", None),
    }
    for name, (config, workdir, start_from) in runs.items():
        print(f"training: {name}", flush=True)
        training = load_pairs("embedded", "train")
        if signal := train(config, workdir, training, pairs, make_strategy("single"), start_from):
            return 128 + signal
    curves = {name: read_curve(workdir) for name, (_, workdir, _) in runs.items()}
    _plot_curves({name: rows for name, (rows, _) in curves.items()})
    minutes = {name: round(60 * hours) for name, (_, hours) in curves.items()}
    minutes[STAGE_2] += minutes[STAGE_1]
    gains = {name: _measure_gains(runs[name][1], pairs) for name in (STAGE_2, NO_PRIOR)}
    rows = [_row(name, each, minutes[name]) for name, each in gains.items()]
    rows.append(_row("stage 2 − without prior", gains[STAGE_2] - gains[NO_PRIOR], ""))
    print_table(rows)
    path = write_results(
        "hidiff_tiny",
        command="make bench-hidiff-tiny",
        data=f"gain in PSNR over the blurry input, dB, on {pairs.description}",
        scale="demo",
        rows=rows,
        title="hidiff_tiny and a model without prior",
        notes=[
            "One run each. from and to: 95 % bootstrap interval of the mean over the scenes. minutes: training time, of both "
            "stages for stage 2. The curves are measured on the center of each scene (64×64 in stage 1, otherwise 96×96): "
            "[hidiff_tiny.png](hidiff_tiny.png)."
        ],
    )
    print(f"\nNumbers: {path}")
    return 0


def _measure_gains(workdir, pairs):
    """Returns the PSNR gain over the blurry input of each image, in dB, [images]."""
    import numpy as np

    from icdpm.metrics.psnr import psnr
    from icdpm.models.workdir import load
    from icdpm.restoration.restore import restore

    model = load(workdir)
    gains = []
    for blurry, sharp in map(pairs.load, range(len(pairs))):
        gains.append(psnr(restore(model, blurry, model.settings()).pixels, sharp) - psnr(blurry, sharp))
    return np.array(gains)


def _row(name, gains, minutes):
    from icdpm.evaluation.intervals import mean_with_interval

    mean, low, high = (round(float(value), 3) for value in mean_with_interval(gains))
    above = f"{(gains > 0).sum()} of {len(gains)}"
    return {"": name, "gain": mean, "from": low, "to": high, "above 0": above, "minutes": minutes}


def _plot_curves(curves):
    """Plots {run: rows of its validations}; the steps of stage 2 follow those of stage 1."""
    from icdpm_experiments.figures import Panel, write_plot
    from icdpm_experiments.results import RESULTS_FOLDER

    before = {STAGE_2: curves[STAGE_1][-1]["step"]}
    series = {
        name: [(row["step"] + before.get(name, 0), row["psnr"] - row["psnr_blurry"]) for row in curve]
        for name, curve in curves.items()
    }
    write_plot(
        RESULTS_FOLDER / "hidiff_tiny.png",
        [Panel("step", "gain in PSNR over the blurry input (dB)", series)],
        "hidiff_tiny on the blurred embedded test scenes",
    )


if __name__ == "__main__":
    run_command(main)
