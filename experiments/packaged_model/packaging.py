"""Turns trained runs into the small workdir that the package contains, with its model card."""

import hashlib
import json
import re
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
    "The model removes medium motion blur and reduces longer blur. The longest motions, fast objects and defocus remain. "
    "Blurred small print and other fine stripes can become stripes in wrong positions; lights or letters that the camera "
    "shake doubled can become fragments. An image whose PSNR is higher than that of restored sharp images (see above) can "
    "only lose. Details are plausible, not certain: do not use the output as evidence (faces, number plates, medical or "
    "forensic images). Strong sensor noise and JPEG artifacts are rare in the training data."
)


def package(runs, averaged, target, validation_pairs, data_folder):
    """Writes a workdir of mean weights in half precision, with config, data, presets and model card.

    Args:
      runs: workdirs of all runs, in the order of training.
      averaged: workdirs of the runs whose mean is packaged.
      target: folder of the packaged model. It is replaced.
      validation_pairs: `PairSource`, from which the presets are derived as well.
      data_folder: folder of the training data. It is removed from the descriptions of the data.

    Returns:
      Change of the mean validation PSNR by half precision, in dB.
    """
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    with make_folder_atomically(new) as folder:
        write_mean(averaged, folder)
        data = data_file(folder).read_text(encoding="utf-8")
        data_file(folder).write_text(data.replace(f"{Path(data_folder)}/", ""), encoding="utf-8")
        (step,) = checkpoint_steps(folder)
        exact = mean_psnr(load(folder, step), validation_pairs)
        save_weights(weights_file(folder, step), read_weights(weights_file(folder, step)), np.float16)
        packaged = load(folder, step)
        change = mean_psnr(packaged, validation_pairs) - exact
        journal = Journal(Path(runs[-1]) / "presets.jsonl")
        search_presets(packaged, select_blurred(validation_pairs), journal, presets_file(folder))
        write_model_card(folder, runs, averaged, change)
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    return change


def write_mean(runs, folder):
    """Writes a workdir with the mean of the latest averaged weights of runs of one architecture.

    The mean of runs that continue each other, or start from the same weights, is often better than either ("Model soups",
    Wortsman et al., ICML 2022).

    Args:
      runs: workdirs. The new one has the config and step of the last of them, and lists the data of all.
      folder: the new workdir.

    Returns:
      `folder`.
    """
    step = checkpoint_steps(runs[-1])[-1]
    weights = [read_weights(weights_file(run, checkpoint_steps(run)[-1])) for run in runs]
    data = {}
    for run in runs:
        for kind, descriptions in read_data(run).items():
            data[kind] = list(dict.fromkeys([*data.get(kind, ()), *descriptions]))
    weights_file(folder, step).parent.mkdir(parents=True, exist_ok=True)
    config_file(folder).write_text(config_to_json(read_config(runs[-1])), encoding="utf-8")
    data_file(folder).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    mean = {name: np.mean([each[name] for each in weights], axis=0) for name in weights[0]}
    save_weights(weights_file(folder, step), mean, np.float32)
    return folder


def mean_psnr(model, pairs):
    """Returns the mean PSNR in dB of restorations with the model's default settings."""
    settings = model.settings()
    values = []
    for index in range(len(pairs)):
        blurry, sharp = pairs.load(index)
        values.append(psnr(restore(model, blurry, settings).pixels, sharp))
    return float(np.mean(values))


def write_model_card(folder, runs, averaged, half_precision_change):
    """Writes MODEL_CARD.md of a packaged workdir, and the validation curves of its runs, results/weights_curve.png.

    Args:
      folder: the packaged workdir.
      runs: workdirs of all runs, in the order of training.
      averaged: workdirs of the runs whose mean is packaged.
      half_precision_change: change of the mean validation PSNR by half precision, in dB.
    """
    (step,) = checkpoint_steps(folder)
    model = load(folder, step)
    config = model.config
    parameters = sum(array.size for array in model.get_weights())
    hours = write_curves(runs)
    digest = hashlib.sha256(weights_file(folder, step).read_bytes()).hexdigest()
    mean = f"the mean of {len(averaged)} runs" if len(averaged) > 1 else "one run"
    scales = " and ".join(f"1/{2**k}" for k in config.guidance.scales)
    paragraphs = [
        f"# {config.name}: the packaged model of icdpm",
        "A guided, image-conditioned diffusion model (icDPM, arXiv 2212.01789) for photos with motion blur. It has "
        f"{parameters:,} parameters: the averaged weights (EMA) of {mean}, stored in half precision, which changes the PSNR on "
        f"the validation pairs by {half_precision_change:+.4f} dB. The network "
        f"works on patches of {config.unet.patch}×{config.unet.patch} pixels; guidance enters at {scales}. `config.json` has "
        "all settings.",
        "## Training",
        f"`make weights` trains these runs, in {hours:.1f} hours, each on one or two CPU cores:",
        "\n".join(markdown_table([_describe_run(run, run in averaged) for run in runs])),
        "Their data, each mixture once:",
        "\n".join(_describe_data(folder)),
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


def _describe_run(run, is_averaged):
    """Returns the row of the model card about a run."""
    config = read_config(run)
    return {
        "run": Path(run).name,
        "steps": f"{checkpoint_steps(run)[-1]:,}",
        "crops per step": f"{config.data.batch} of {config.data.crop}×{config.data.crop}",
        "packaged": "yes" if is_averaged else "no",
    }


def _describe_data(folder):
    """Returns lines of a Markdown list about the data of all runs behind a workdir, without repetitions."""
    lines = [
        f"- {kind} data: {re.sub(r'^before, in [0-9]+ steps: ', '', each)}"
        for kind, descriptions in read_data(folder).items()
        for each in descriptions
    ]
    return dict.fromkeys(lines)


def write_curves(runs):
    """Writes the validation curves of runs, results/weights_curve.png, and returns the hours of training of all together."""
    restored, noise_loss, hours = {}, {}, 0.0
    for run in runs:
        curve, run_hours = read_curve(run)
        restored[run.name] = [(row["step"], row["psnr"]) for row in curve]
        noise_loss[run.name] = [(row["step"], row["noise_loss"]) for row in curve]
        hours += run_hours
    write_plot(
        RESULTS_FOLDER / "weights_curve.png",
        [
            Panel("step of the run", "PSNR of one sample (dB)", restored),
            Panel("step of the run", "noise loss", noise_loss),
        ],
        "Validation of the packaged model's runs on the center of each pair, as large as their training crops",
    )
    return hours


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
