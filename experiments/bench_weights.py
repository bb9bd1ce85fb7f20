"""The packaged model on pairs that it was not trained on: one sample, the mean of eight and each preset beside the input.

    make bench-weights PAIRS='gopro=gopro_test reds=reds_test'

Each folder has blur/ and sharp/ in it. Without any, the embedded test scenes are measured. What is restored is kept in
runs/bench-weights and not made again.
"""

import hashlib
from pathlib import Path

import numpy as np
from absl import app, flags

from icdpm.commands.main import run_command

FLAGS = flags.FLAGS
flags.DEFINE_multi_string("pairs", [], "NAME=FOLDER of pairs to measure on. Repeatable. Default: the embedded test scenes.")
flags.DEFINE_string("workdir", None, "Folder of a training run to measure. Default: the packaged model.")
flags.DEFINE_list("metrics", "psnr,ssim,lpips_alex,niqe", "Metrics of icdpm-evaluate.")
flags.DEFINE_integer("paper_crop", 128, "Side of the middle of each picture on which the paper's 500 steps are measured.", 16)

FOLDER = Path("runs/bench-weights")
KEPT = "sharp picture as input, one sample"


def main(argv):
    """Restores, measures, writes results/weights."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")
    from icdpm import pretrained
    from icdpm.evaluation.pairing import named_folders
    from icdpm.systems.workdir import choose_step, load, weights_file
    from icdpm_datasets.source import open_source
    from icdpm_experiments.chosen_pairs import CentralCrops, SharpPairs, blurred
    from icdpm_experiments.results import print_table, write_results

    workdir = FLAGS.workdir or pretrained.WORKDIR
    step = choose_step(workdir)
    digest = hashlib.sha256(weights_file(workdir, step).read_bytes()).hexdigest()
    system = load(workdir, step)
    sets = {name: open_source(folder, "test") for name, folder in named_folders(FLAGS.pairs).items()}
    sets = sets or {"embedded": blurred(open_source("embedded", "test"))}

    on_whole, paper = settings_by_name(system.config)
    kept = {KEPT: on_whole["one sample"]}
    names = list(dict.fromkeys(["psnr", *FLAGS.metrics]))
    rows, unavailable = [], {}
    for name, pairs in sets.items():
        middle = CentralCrops(pairs, FLAGS.paper_crop)
        for label, source, settings, metrics in (
            (name, pairs, on_whole, names),
            (f"{name}, middle {FLAGS.paper_crop}×{FLAGS.paper_crop}", middle, paper, ["psnr"]),
            (f"{name}, sharp", SharpPairs(pairs), kept, ["psnr"]),
        ):
            rows += _measured(system, label, source, settings, metrics, FOLDER / digest[:8] / label, unavailable)
    names = [name for name in names if name not in unavailable]
    rows = [{**row, **{name: row.get(name, "") for name in names}} for row in rows]
    print_table(rows)
    path = write_results(
        "weights",
        command=" ".join(["make bench-weights", *([f"PAIRS='{' '.join(FLAGS.pairs)}'"] if FLAGS.pairs else [])]),
        data="; ".join(f"{name}: {len(pairs)} pairs" for name, pairs in sets.items()),
        scale="packaged",
        rows=rows,
        title=f"The packaged model, {step} steps",
        notes=[
            "Gains are over the blurry input, picture by picture; from and to end the 95 % bootstrap interval of their mean; "
            "worst is that of the picture which gains least. Of sharp pictures as input PSNR is that against themselves, worst "
            "the lowest.",
            *(f"{metric} is not available: {reason}." for metric, reason in unavailable.items()),
        ],
        weights=digest,
        step=step,
    )
    print(f"\nNumbers: {path}")


def settings_by_name(config):
    """({name: Settings} for whole pictures, {name: Settings} of the paper's many steps)."""
    from icdpm.restoration.presets import PRESETS, changes_of
    from icdpm.restoration.settings import settings_of

    presets = {f"--preset={name}": settings_of(config, **changes_of(name)) for name in PRESETS}
    paper = {"--preset=paper": presets.pop("--preset=paper")}
    return {"one sample": settings_of(config, samples=1), "mean of 8": settings_of(config, samples=8), **presets}, paper


def _measured(system, label, source, settings, metrics, folder, unavailable):
    """Rows of a set: the blurry pictures and those restored with each of the settings."""
    from icdpm.evaluation.bootstrap import mean_with_interval
    from icdpm.evaluation.choice import choose_metrics
    from icdpm.evaluation.measure import measure
    from icdpm.evaluation.outputs import write_outputs
    from icdpm.evaluation.pairing import BLURRY, pair_with_source

    folders = {}
    for name, each in settings.items():
        print(f"{label}: {name}, {each.samples} × {each.steps} evaluations", flush=True)
        folders[name] = folder / name
        write_outputs(system, source, each, 0, folders[name])
    measured = measure(pair_with_source(folders, source), choose_metrics(metrics), folder, workers=1)
    unavailable.update({name: reason.replace(str(Path.home()), "~") for name, reason in measured.unavailable.items()})
    blurry = measured.values[BLURRY]["psnr"]
    sharp_input = not np.isfinite(blurry).all()
    rows = []
    for name, values in measured.values.items():
        if sharp_input and name == BLURRY:
            continue
        row = {"set": label, "restored": name}
        gains = values["psnr"] - (0.0 if sharp_input else blurry)
        mean, low, high = mean_with_interval(gains)
        ends = ("", "") if low is None else (round(low, 3), round(high, 3))
        is_gain = not sharp_input and name != BLURRY
        row["gain"], row["from"], row["to"] = (round(mean, 3), *ends) if is_gain else ("", "", "")
        row["worst"] = round(float(gains.min()), 2) if name != BLURRY else ""
        row["below the input"] = f"{int((gains < 0).sum())} of {len(gains)}" if is_gain else ""
        row.update({metric: round(float(each.mean()), 4) for metric, each in values.items()})
        rows.append(row)
    return rows


def run():
    """The command."""
    run_command(main)


if __name__ == "__main__":
    run()
