"""What guided and unguided models of three seeds gain over the blurry input, and how far they differ."""

from pathlib import Path

import numpy as np

from icdpm.evaluation.bootstrap import mean_with_interval
from icdpm.evaluation.choice import choose_metrics
from icdpm.metrics.psnr import psnr
from icdpm.systems.registry import settings_of
from icdpm.systems.workdir import load
from icdpm_experiments.sweeping.journal import Journal
from icdpm_experiments.sweeping.sweep import OF_MEAN, measure_each

RUNS = Path("runs/guided")
SEEDS = (0, 1, 2)
STEPS, STEPS_OF_SAME_COMPUTE = 2000, 2600
CONFIGS = {"guided": ("small", STEPS), "unguided": ("small_unguided", STEPS_OF_SAME_COMPUTE)}
# What is compared: which run, after how many steps.
GUIDED, SAME_STEPS, SAME_COMPUTE = "guided", "unguided, same steps", "unguided, same compute"
MODELS = {
    GUIDED: ("guided", STEPS),
    SAME_STEPS: ("unguided", STEPS),
    SAME_COMPUTE: ("unguided", STEPS_OF_SAME_COMPUTE),
}
SAMPLES = 8


def workdir(name, seed):
    """The workdir of a run."""
    return RUNS / f"{CONFIGS[name][0]}-seed{seed}"


def measured_gains(dataset, pairs, model):
    """PSNR gains [seeds, pictures] over the blurry input of the mean of samples, in dB."""
    name, step = MODELS[model]
    journal = Journal(RUNS / "gains.jsonl")
    blurry = np.array([psnr(*pairs.load(index)) for index in range(len(pairs))])
    metrics = choose_metrics(["psnr"]).of_pictures
    gains = []
    for seed in SEEDS:
        system = load(workdir(name, seed), step)
        settings = settings_of(system.config, samples=SAMPLES)
        (values,) = measure_each(system, pairs, [settings], metrics, journal, f"{dataset}, {model}, seed {seed}: ")
        gains.append([each["psnr" + OF_MEAN] for each in values] - blurry)
    return np.array(gains)


def rows_of_set(dataset, gains):
    """Rows of the table from {model: gains [seeds, pictures]}."""
    rows = []
    for model, each in gains.items():
        row = {"set": dataset, "model": model, "gain": round(float(each.mean()), 3)}
        row.update({f"seed {seed}": round(float(value), 3) for seed, value in zip(SEEDS, each.mean(axis=1))})
        difference = mean_with_interval((gains[GUIDED] - each).mean(axis=0))
        is_other = model != GUIDED
        for name, value in zip(("guided − it", "from", "to"), difference):
            row[name] = round(value, 3) if is_other and value is not None else ""
        rows.append(row)
    return rows
