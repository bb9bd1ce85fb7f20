"""Turns trained runs into the small workdir that the package contains, with its model card."""

import hashlib
import itertools
import json
import shutil
from pathlib import Path

import numpy as np

from icdpm.files import make_folder_atomically
from icdpm.metrics.psnr import psnr
from icdpm.models.config import config_to_json
from icdpm.models.weights import read_weights, save_weights
from icdpm.models.workdir import (
    checkpoint_steps,
    config_file,
    data_file,
    load,
    presets_file,
    read_config,
    read_data,
    weights_file,
)
from icdpm.restoration.restore import restore
from icdpm_experiments.figures import Panel, write_plot
from icdpm_experiments.measurements.presets import NEGLIGIBLE_GAIN, search_presets
from icdpm_experiments.measurements.sweep import Journal
from icdpm_experiments.pairs import select_blurred
from icdpm_experiments.results import RESULTS_FOLDER, markdown_table
from icdpm_experiments.training_logs import read_curve

CARD = "MODEL_CARD.md"
_DATA_SOURCES = """\
- photos: the training and validation parts of BSDS500 and 6 samples of DIV2K (research use)
- video, frames, averaged: 240 fps frames of GoPro training sequences and averages of them (CC BY 4.0); the pairs in `averaged`
  are not those of the benchmark"""
_LIMITS = (
    "The model removes medium motion blur. Long motions and defocus remain. Blurred small print and other fine stripes can "
    "become stripes in wrong positions; lights or letters that the camera shake doubled can become fragments. An image whose "
    "PSNR is higher than that of restored sharp images (see above) can only lose. Details are plausible, not certain: do not "
    "use the output as evidence (faces, number plates, medical or forensic images). The training data contain neither strong "
    "sensor noise nor JPEG artifacts."
)


def package(runs, target, validation_pairs, data_folder):
    """Writes a workdir of the mean weights of the last two runs in half precision, with config, data, presets and model card.

    Averaging weights of runs that continue each other is often better than either ("Robust fine-tuning of zero-shot models",
    Wortsman et al., CVPR 2022).

    Args:
      runs: workdirs of two or more runs. Each started from the averaged weights of the previous one.
      target: folder of the packaged model. It is replaced.
      validation_pairs: `PairSource`, from which the presets are derived as well.
      data_folder: folder of the training data. It is removed from the descriptions of the data.

    Returns:
      Change of the mean validation PSNR by half precision, in dB.
    """
    workdir = runs[-1]
    step = checkpoint_steps(workdir)[-1]
    weights = mean_weights(runs[-2:])
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    with make_folder_atomically(new) as folder:
        weights_file(folder, step).parent.mkdir(parents=True)
        config_file(folder).write_text(config_to_json(read_config(workdir)), encoding="utf-8")
        data = {
            kind: [each.replace(f"{data_folder}/", "") for each in descriptions]
            for kind, descriptions in read_data(workdir).items()
        }
        data_file(folder).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        psnrs = []
        for precision in (np.float32, np.float16):
            save_weights(weights_file(folder, step), weights, precision)
            packaged = load(folder, step)
            psnrs.append(mean_psnr(packaged, validation_pairs))
        change = psnrs[1] - psnrs[0]
        journal = Journal(Path(workdir) / "presets.jsonl")
        search_presets(packaged, select_blurred(validation_pairs), journal, presets_file(folder))
        write_model_card(folder, runs, change)
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    return change


def mean_weights(runs):
    """Returns {name: float32 array}, the mean of the latest averaged weights of runs of one architecture."""
    weights = [read_weights(weights_file(run, checkpoint_steps(run)[-1])) for run in runs]
    return {name: np.mean([each[name] for each in weights], axis=0) for name in weights[0]}


def mean_psnr(model, pairs):
    """Returns the mean PSNR in dB of restorations with the model's default settings."""
    settings = model.settings()
    values = []
    for index in range(len(pairs)):
        blurry, sharp = pairs.load(index)
        values.append(psnr(restore(model, blurry, settings).pixels, sharp))
    return float(np.mean(values))


def write_model_card(folder, runs, half_precision_change):
    """Writes MODEL_CARD.md of a packaged workdir, and the validation curves of its runs, results/weights_curve.png.

    Args:
      folder: the packaged workdir.
      runs: workdirs of its runs, each of which started from the previous one.
      half_precision_change: change of the mean validation PSNR by half precision, in dB.
    """
    (step,) = checkpoint_steps(folder)
    model = load(folder, step)
    config = model.config
    parameters = sum(array.size for array in model.get_weights())
    steps = [checkpoint_steps(run)[-1] for run in runs]
    curve, hours = _concatenate_curves(runs, steps)
    gain, noise_loss = ({name: [(row["step"], row[name]) for row in curve]} for name in ("gain", "noise_loss"))
    write_plot(
        RESULTS_FOLDER / "weights_curve.png",
        [Panel("step", "PSNR gain of one sample over the blurry image (dB)", gain), Panel("step", "noise loss", noise_loss)],
        f"Validation of the packaged model on the center {config.data.crop}×{config.data.crop} of each pair",
    )
    digest = hashlib.sha256(weights_file(folder, step).read_bytes()).hexdigest()
    scales = " and ".join(f"1/{2**k}" for k in config.guidance.scales)
    several_runs = f", in runs of {', '.join(f'{each:,}' for each in steps[:-1])} and {steps[-1]:,}" if len(steps) > 1 else ""
    paragraphs = [
        f"# {config.name}: the packaged model of icdpm",
        "A guided, image-conditioned diffusion model (icDPM, arXiv 2212.01789) for photos with motion blur. It has "
        f"{parameters:,} parameters: the mean of the averaged weights (EMA, decay {config.optimizer.ema_decay}) of the last "
        "two runs, stored in half precision, which changes the PSNR on the validation pairs by "
        f"{half_precision_change:+.4f} dB. The network works on patches of {config.unet.patch}×{config.unet.patch} pixels; "
        f"guidance enters at {scales}. "
        "`config.json` has all settings.",
        "## Training",
        f"{sum(steps):,} steps of {config.data.batch} crops of {config.data.crop}×{config.data.crop}{several_runs}, by "
        f"`make weights`, in {hours:.1f} hours on one or two CPU cores.",
        "\n".join(f"- {kind} data: {each}" for kind, descriptions in read_data(folder).items() for each in descriptions),
        _DATA_SOURCES,
        "No image of the table below was trained on.",
        "## Presets",
        _describe_presets(folder),
        "## Results",
        _results_table(digest),
        "## Limits",
        _LIMITS,
        "## Checksum",
        f"SHA-256 of `{weights_file('', step)}`: `{digest}`.",
    ]
    (folder / CARD).write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")


def _concatenate_curves(runs, steps):
    """Returns (rows, hours) of `read_curve` for consecutive runs, with the steps of earlier runs added and a column `gain`."""
    curve, hours = [], 0.0
    for run, offset in zip(runs, itertools.accumulate(steps, initial=0)):
        rows, run_hours = read_curve(run)
        curve += [{**row, "step": offset + row["step"], "gain": row["psnr"] - row["psnr_blurry"]} for row in rows]
        hours += run_hours
    return curve, hours


def _describe_presets(folder):
    """Returns Markdown about the settings and the measured gain of each preset of a workdir."""
    presets = json.loads(presets_file(folder).read_text(encoding="utf-8"))
    rows, pairs = presets["measured"]["rows"], presets["measured"]["pairs"]
    best = max(rows, key=lambda row: row["gain"])

    def row_of(changes):
        return next(row for row in rows if all(row[name] == value for name, value in changes.items() if name in row))

    lines = [
        f"Measured on {pairs} validation pairs. The largest gain of {len(rows)} settings is {_describe_gain(best)}. balanced "
        f"has the fewest evaluations within {NEGLIGIBLE_GAIN} dB of it.",
        "",
    ]
    flags: dict[str, list[str]] = {}  # of the presets with the same description
    for name, preset in presets["presets"].items():
        options = " ".join(f"--{setting}={value}" for setting, value in preset["changes"].items())
        flags.setdefault(f"{options}, {_describe_gain(row_of(preset['changes']))}", []).append(f"`--preset={name}`")
    lines += [f"- {' and '.join(names)}: {description}" for description, names in flags.items()]
    lines.append("- `--preset=paper` is not suitable for this model, which was trained for few steps; the commands warn.")
    return "\n".join(lines)


def _describe_gain(row):
    evaluations = f"{row['evaluations']} evaluation{'s' * (row['evaluations'] > 1)}"
    return f"{row['gain']:+.2f} dB [{row['from']:.2f}, {row['to']:.2f}] in {evaluations}"


def _results_table(digest):
    """Returns the table of `make bench-weights` if it belongs to the weights of this digest."""
    path = RESULTS_FOLDER / "weights.json"
    if not path.is_file():
        return "Not yet measured. Run `make bench-weights`."
    results = json.loads(path.read_text(encoding="utf-8"))
    if results["weights"] != digest:
        return "Not yet measured. Run `make bench-weights`, then `make weights`."
    return "\n".join([f"`{results['command']}`:", "", *markdown_table(results["rows"])])
