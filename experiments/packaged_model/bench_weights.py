"""Measures the packaged model on pairs it was not trained on: one sample, the mean of eight, and each preset.

One sample is also measured with inputs that were compressed as JPEG, with sharp inputs, which it should keep, and with mildly
blurred crops of photos, which it should not degrade.

    make bench-weights PAIRS='gopro=gopro_test reds=reds_test' FOLDER=images

Each folder of PAIRS contains blur/ and sharp/. Without PAIRS the blurred embedded test scenes are measured. FOLDER contains
photos/. Restored images are kept in runs/bench-weights and not restored again. Writes results/weights, or
results/weights_NAME for another model.
"""

import hashlib
from pathlib import Path

import numpy as np
from absl import flags

from icdpm.cli import reject_arguments, run_command

FLAGS = flags.FLAGS
RESTORED_FOLDER = Path("runs/bench-weights")
ONE_SAMPLE, SHARP_INPUT = "one sample", "sharp image as input, one sample"
JPEG_QUALITY = 50
NOTICEABLE_LOSS = 0.3  # dB


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_multi_string("pairs", [], "NAME=DIR of pairs to measure. Repeatable. Default: the embedded test scenes.")
    flags.DEFINE_string("folder", None, "Folder with photos/, of whose test split mildly blurred crops are measured.")
    flags.DEFINE_string("workdir", None, "Folder of a training run to measure. Default: the packaged model.")
    flags.DEFINE_list("metrics", "psnr,ssim,lpips_alex,niqe", "Metrics of icdpm-evaluate.")
    flags.DEFINE_integer("paper_crop", 128, "Side of the center crops on which the preset of 500 steps is measured.", 16)


def main(argv):
    """Restores and measures all sets and writes the results."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm.models.workdir import choose_step, load, weights_file
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.pairs import CenterCrops, JpegPairs, MildCrops, SharpPairs, select_blurred
    from icdpm_experiments.results import make_command, print_table, write_results

    workdir = FLAGS.workdir or pretrained.WORKDIR
    step = choose_step(workdir)
    digest = hashlib.sha256(weights_file(workdir, step).read_bytes()).hexdigest()
    model = load(workdir, step)
    sets = {name: load_pairs(folder, "test") for name, folder in parse_named_folders(FLAGS.pairs).items()}
    sets = sets or {"embedded": select_blurred(load_pairs("embedded", "test"))}

    whole_settings, paper_settings = named_settings(model)
    one_sample = next(iter(whole_settings.values()))
    names = list(dict.fromkeys(["psnr", *FLAGS.metrics]))
    rows, unavailable = [], {}
    for name, pairs in sets.items():
        for label, source, settings, metrics in (
            (name, pairs, whole_settings, names),
            (
                f"{name}, middle {FLAGS.paper_crop}×{FLAGS.paper_crop}",
                CenterCrops(pairs, FLAGS.paper_crop),
                paper_settings,
                ["psnr"],
            ),
            (f"{name}, JPEG quality {JPEG_QUALITY}", JpegPairs(pairs, JPEG_QUALITY), {ONE_SAMPLE: one_sample}, names),
            (f"{name}, sharp", SharpPairs(pairs), {SHARP_INPUT: one_sample}, ["psnr"]),
        ):
            if settings:
                folder = RESTORED_FOLDER / digest[:8] / label
                measured, reasons = measure_rows(model, label, source, settings, metrics, folder)
                rows += measured
                unavailable.update(reasons)
    if FLAGS.folder:
        source = MildCrops(load_pairs(f"motion:{FLAGS.folder}/photos", "test"))
        folder = RESTORED_FOLDER / digest[:8] / "mild"
        rows += measure_rows(model, "mild blur", source, {ONE_SAMPLE: one_sample}, ["psnr"], folder)[0]
    names = [name for name in names if name not in unavailable]
    rows = [{**row, **{name: row.get(name, "") for name in names}} for row in rows]
    print_table(rows)
    packaged = workdir == pretrained.WORKDIR
    path = write_results(
        "weights" if packaged else f"weights_{model.config.name}",
        command=make_command("bench-weights", PAIRS=" ".join(FLAGS.pairs), FOLDER=FLAGS.folder, WORKDIR=FLAGS.workdir),
        data="; ".join(f"{name}: {len(pairs)} pairs" for name, pairs in sets.items()),
        scale="packaged" if packaged else model.config.name,
        rows=rows,
        title="The packaged model" if packaged else f"{model.config.name}, {step} steps",
        notes=[
            "gain: mean PSNR gain over the blurry input, image by image; from and to: its 95 % bootstrap interval; worst: the "
            "smallest gain of an image. For sharp images as input, PSNR compares the output with the input, and worst is the "
            "lowest PSNR.",
            *(f"{metric} is not available: {reason}." for metric, reason in unavailable.items()),
        ],
        weights=digest,
        step=step,
    )
    print(f"\nNumbers: {path}")


def named_settings(model):
    """Returns the settings to measure.

    Args:
      model: trained model.

    Returns:
      ({name: Settings} for whole images, {name: Settings} of the preset "paper" with its many steps). Of presets with the same
      settings, one is measured. The second dict is empty for a model without presets.
    """
    if not model.sampling_presets:
        return {"restored": model.settings()}, {}
    presets = {f"--preset={name}": model.settings(name) for name in (*model.offered_presets, "paper")}
    paper = {"--preset=paper": presets.pop("--preset=paper")}
    return {ONE_SAMPLE: model.settings(samples=1), "mean of 8": model.settings(samples=8), **presets}, paper


def measure_rows(model, label, source, settings, metrics, folder):
    """Restores a set with all settings and measures the results.

    Args:
      model: trained model.
      label: name of the set in the rows.
      source: `PairSource`.
      settings: {name: Settings}.
      metrics: names of metrics, including psnr.
      folder: folder of the restored images.

    Returns:
      (rows of the table, {name of an unavailable metric: reason}).
    """
    from icdpm.evaluation.measure import measure
    from icdpm.evaluation.metric_selection import select_metrics
    from icdpm.evaluation.pairing import BLURRY, pair_with_source
    from icdpm.evaluation.restore_dataset import restore_dataset
    from icdpm_experiments.results import abbreviate_home

    folders = {}
    for name, each in settings.items():
        print(f"{label}: {name}, {each.evaluations} evaluations", flush=True)
        folders[name] = folder / name
        restore_dataset(model, source, each, 0, folders[name])
    measured = measure(pair_with_source(folders, source), select_metrics(metrics), folder, workers=1)
    blurry = measured.values.pop(BLURRY)
    rows = [_make_row(label, name, values, blurry["psnr"]) for name, values in measured.values.items()]
    if np.isfinite(blurry["psnr"]).all():  # not if the inputs are the sharp images
        rows.insert(0, {**_empty_row(label, BLURRY), **_mean_metrics(blurry)})
    return rows, {name: abbreviate_home(reason) for name, reason in measured.unavailable.items()}


def _make_row(label, name, values, blurry):
    """Returns the row of restored images, from {metric: [images]} and the PSNR of the inputs, [images]."""
    from icdpm.evaluation.intervals import mean_with_interval

    row = _empty_row(label, name)
    if np.isfinite(blurry).all():
        gains = values["psnr"] - blurry
        mean, low, high = mean_with_interval(gains)
        row.update(zip(("gain", "from", "to"), ("" if value is None else round(value, 3) for value in (mean, low, high))))
        row["worst"] = round(float(gains.min()), 2)
        row["below the input"] = f"{int((gains < 0).sum())} of {len(gains)}"
        row[f"by {NOTICEABLE_LOSS} dB"] = int((gains < -NOTICEABLE_LOSS).sum())
    else:
        row["worst"] = round(float(values["psnr"].min()), 2)
    return {**row, **_mean_metrics(values)}


def _empty_row(label, name):
    empty = dict.fromkeys(("gain", "from", "to", "worst", "below the input", f"by {NOTICEABLE_LOSS} dB"), "")
    return {"set": label, "restored": name, **empty}


def _mean_metrics(values):
    return {metric: round(float(each.mean()), 4) for metric, each in values.items()}


if __name__ == "__main__":
    define_flags()
    run_command(main)
