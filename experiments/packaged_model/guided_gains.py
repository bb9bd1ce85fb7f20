"""What guided and unguided models gain over the blurry input, and how far they differ."""

from pathlib import Path

import numpy as np

from icdpm.evaluation.intervals import mean_with_interval
from icdpm.evaluation.metric_selection import select_metrics
from icdpm.metrics.psnr import psnr
from icdpm.models.workdir import choose_step, load
from icdpm_experiments.sweeping.sweep import OF_MEAN, Journal, measure_settings

RUNS = Path("runs/guided")
SEEDS = (0, 1, 2)
STEPS, STEPS_OF_SAME_COMPUTE = 2000, 2200
CONFIGS = {"guided": ("small_naf", STEPS), "unguided": ("small_naf_unguided", STEPS_OF_SAME_COMPUTE)}
GUIDED, SAME_STEPS, SAME_COMPUTE = "guided", "unguided, same steps", "unguided, same compute"
SAMPLES = 8


def workdir(name, seed):
    """The workdir of a run."""
    return RUNS / f"{CONFIGS[name][0]}-seed{seed}"


def seeded_runs():
    """What is compared of the runs of all seeds: {model: [(workdir, step) of each seed]}."""
    compared = {
        GUIDED: ("guided", STEPS),
        SAME_STEPS: ("unguided", STEPS),
        SAME_COMPUTE: ("unguided", STEPS_OF_SAME_COMPUTE),
    }
    return {model: [(workdir(name, seed), step) for seed in SEEDS] for model, (name, step) in compared.items()}


def given_runs(guided, unguided):
    """The same of two workdirs of the same steps, at their latest."""
    return {model: [(each, choose_step(each))] for model, each in ((GUIDED, guided), (SAME_STEPS, unguided))}


def measured_gains(dataset, pairs, model, runs):
    """PSNR gains [runs, pictures] over the blurry input of the mean of samples, in dB.

    Args:
      dataset, model: their names.
      pairs: a `PairSource`.
      runs: [(workdir, step)].
    """
    journal = Journal(RUNS / "gains.jsonl")
    blurry = np.array([psnr(*pairs.load(index)) for index in range(len(pairs))])
    metrics = select_metrics(["psnr"]).image_metrics
    gains = []
    for seed, (folder, step) in enumerate(runs):
        system = load(folder, step)
        settings = system.settings(samples=SAMPLES)
        (values,) = measure_settings(system, pairs, [settings], metrics, journal, f"{dataset}, {model}, seed {seed}: ")
        gains.append([each["psnr" + OF_MEAN] for each in values] - blurry)
    return np.array(gains)


def rows_of_set(dataset, gains):
    """Rows of the table from {model: gains [seeds, pictures]}, with the seeds' own columns where there are several."""
    rows = []
    for model, each in gains.items():
        row = {"set": dataset, "model": model, "gain": round(float(each.mean()), 3)}
        if len(each) > 1:
            row.update({f"seed {seed}": round(float(value), 3) for seed, value in enumerate(each.mean(axis=1))})
        difference = mean_with_interval((gains[GUIDED] - each).mean(axis=0))
        is_other = model != GUIDED
        for name, value in zip(("guided − it", "from", "to"), difference):
            row[name] = round(value, 3) if is_other and value is not None else ""
        rows.append(row)
    return rows
