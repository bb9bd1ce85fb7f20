"""Compares guided and unguided models, a small version of the paper's Table 2: same data, same compute, three seeds each.

    make bench-guided FOLDER=images PAIRS='gopro=gopro_test reds=reds_test'

FOLDER is that of `make weights`; its validation pairs are the training domain. The blurred embedded test scenes, which differ
from it, are measured as well. A step of the guided model takes 1.1 times as long as one of the unguided model, so the latter is
trained for 1.1 times as many steps; it is also measured after the same number of steps. Runs are kept in runs/guided; an
interrupted command continues when it is repeated. Writes results/guided.

    make bench-guided FOLDER=images GUIDED=runs/guided_long UNGUIDED=runs/unguided_long PAIRS=…

measures two given runs of the same number of steps instead and writes results/guided_long.
"""

import itertools
from pathlib import Path

import numpy as np
from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm.errors import IcdpmError

FLAGS = flags.FLAGS
RUNS = Path("runs/guided")
SEEDS = (0, 1, 2)
STEPS, STEPS_OF_SAME_COMPUTE = 2000, 2200
# {model: (config, training steps)}
CONFIGS = {"guided": ("small_naf", STEPS), "unguided": ("small_naf_unguided", STEPS_OF_SAME_COMPUTE)}
GUIDED, SAME_STEPS, SAME_COMPUTE = "guided", "unguided, same steps", "unguided, same compute"
SAMPLES = 8


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_string("folder", None, "Folder of the training data, with the contents that --help of weights lists.")
    flags.DEFINE_multi_string("pairs", [], "NAME=DIR of further pairs to measure. Repeatable.")
    flags.DEFINE_string("guided", None, "Workdir of a guided run, to compare with that of --unguided without training.")
    flags.DEFINE_string("unguided", None, "Workdir of the unguided run to compare --guided with.")


def main(argv):
    """Trains the missing runs, measures all runs and writes the results."""
    reject_arguments(argv)
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.packaged_model.weights import load_training_data
    from icdpm_experiments.pairs import select_blurred
    from icdpm_experiments.results import make_command, print_table, write_results

    if bool(FLAGS.guided) != bool(FLAGS.unguided):
        raise IcdpmError("Two runs are compared: give both GUIDED=DIR and UNGUIDED=DIR, or neither.")
    training, validation = load_training_data(FLAGS.folder)
    if FLAGS.guided:
        compared = given_runs(FLAGS.guided, FLAGS.unguided)
    elif signal := _train_runs(training, validation):
        return 128 + signal
    else:
        compared = seeded_runs()
    sets = {"training domain": select_blurred(validation), "embedded": select_blurred(load_pairs("embedded", "test"))}
    sets.update({name: load_pairs(folder, "test") for name, folder in parse_named_folders(FLAGS.pairs).items()})
    rows = []
    for name, pairs in sets.items():
        rows += gain_rows(name, {model: measure_gains(name, pairs, model, runs) for model, runs in compared.items()})
    print_table(rows)
    path = write_results(
        "guided_long" if FLAGS.guided else "guided",
        command=make_command(
            "bench-guided", FOLDER=FLAGS.folder, GUIDED=FLAGS.guided, UNGUIDED=FLAGS.unguided, PAIRS=" ".join(FLAGS.pairs)
        ),
        data=", ".join(f"{name}: {len(pairs)} pairs" for name, pairs in sets.items())
        + f"; PSNR gain over the blurry input, dB, mean of {SAMPLES} samples",
        scale="packaged",
        rows=rows,
        title="Guided and unguided, " + ("one long run each" if FLAGS.guided else "three seeds each"),
        notes=[_describe_runs(compared), _describe_differences()],
    )
    print(f"\nNumbers: {path}")
    return 0


def _train_runs(training, validation):
    """Trains or continues the runs of all seeds. Returns the number of the signal that stopped the training, if any."""
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy

    for (name, (config_name, steps)), seed in itertools.product(CONFIGS.items(), SEEDS):
        config = load_config(config_name, [f"run.steps={steps}", f"seed={seed}", "optimizer.ema_decay=0.998"])
        print(f"training {name}, seed {seed}", flush=True)
        if signal := train(config, seeded_workdir(name, seed), training, validation, make_strategy("single")):
            return signal


def seeded_workdir(name, seed):
    """Returns the workdir of the run of one model (a key of `CONFIGS`) and seed."""
    return RUNS / f"{CONFIGS[name][0]}-seed{seed}"


def seeded_runs():
    """Returns the runs of all seeds, {model: [(workdir, step) of each seed]}."""
    compared = {
        GUIDED: ("guided", STEPS),
        SAME_STEPS: ("unguided", STEPS),
        SAME_COMPUTE: ("unguided", STEPS_OF_SAME_COMPUTE),
    }
    return {model: [(seeded_workdir(name, seed), step) for seed in SEEDS] for model, (name, step) in compared.items()}


def given_runs(guided, unguided):
    """Returns two given runs at their latest checkpoints, {model: [(workdir, step)]}."""
    from icdpm.models.workdir import choose_step

    return {model: [(each, choose_step(each))] for model, each in ((GUIDED, guided), (SAME_STEPS, unguided))}


def measure_gains(dataset, pairs, model, runs):
    """Measures the PSNR gain over the blurry input of the mean of `SAMPLES` samples.

    Args:
      dataset, model: names for the progress messages.
      pairs: `PairSource`.
      runs: list of (workdir, step).

    Returns:
      Gains in dB, float64 [runs, images].
    """
    from icdpm.evaluation.metric_selection import select_metrics
    from icdpm.metrics.psnr import psnr
    from icdpm.models.workdir import load
    from icdpm_experiments.measurements.sweep import OF_MEAN, Journal, measure_settings

    journal = Journal(RUNS / "gains.jsonl")
    blurry = np.array([psnr(*pairs.load(index)) for index in range(len(pairs))])
    metrics = select_metrics(["psnr"]).image_metrics
    gains = []
    for seed, (folder, step) in enumerate(runs):
        restorer = load(folder, step)
        settings = restorer.settings(samples=SAMPLES)
        label = f"{dataset}, {model}, seed {seed}: "
        (values,) = measure_settings(restorer, pairs, [settings], metrics, journal, label)
        gains.append([each["psnr" + OF_MEAN] for each in values] - blurry)
    return np.array(gains)


def gain_rows(dataset, gains):
    """Returns the rows of one data set, with one column per seed if there are several.

    Args:
      dataset: name of the data set.
      gains: {model: gains in dB [seeds, images]}.
    """
    from icdpm.evaluation.intervals import mean_with_interval

    rows = []
    for model, each in gains.items():
        row = {"set": dataset, "model": model, "gain": round(float(each.mean()), 3)}
        if len(each) > 1:
            row.update({f"seed {seed}": round(float(value), 3) for seed, value in enumerate(each.mean(axis=1))})
        difference = mean_with_interval((gains[GUIDED] - each).mean(axis=0))
        for name, value in zip(("guided − it", "from", "to"), difference):
            row[name] = round(value, 3) if model != GUIDED and value is not None else ""
        rows.append(row)
    return rows


def _describe_runs(compared):
    from icdpm.models.workdir import read_config, read_data

    if FLAGS.guided:
        runs = [run for (run,) in compared.values()]
        configs = " and ".join(f"{read_config(workdir).name} ({step:,} steps)" for workdir, step in runs)
        data = [each.replace(f"{Path(FLAGS.folder)}/", "") for each in read_data(FLAGS.guided)["training"]]
        return f"One run each of {configs}. Training data: {'; '.join(data)}."
    (guided, _), (unguided, _) = CONFIGS.values()
    return (
        f"Guided: config {guided}, {STEPS} steps. Unguided: {unguided}, {STEPS} steps, and {STEPS_OF_SAME_COMPUTE} steps, "
        "whose compute is that of the guided runs. The columns of the seeds show the variation between seeds."
    )


def _describe_differences():
    kind = "differences image by image" if FLAGS.guided else "differences of the means over seeds, image by image"
    seeds = " The interval does not include the variation between seeds." if FLAGS.guided else ""
    return f"guided − it: {kind}; from and to: their 95 % bootstrap interval over the images.{seeds}"


if __name__ == "__main__":
    define_flags()
    run_command(main)
