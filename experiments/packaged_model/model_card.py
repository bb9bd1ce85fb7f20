"""The card of the packaged model: what it is, what it was trained on, what it reaches."""

import hashlib
import itertools
import json

from icdpm.models.workdir import checkpoint_steps, load, presets_file, read_data, weights_file
from icdpm_experiments.figures import Panel, write_plot
from icdpm_experiments.packaged_model.training_runs import read_curve
from icdpm_experiments.results import RESULTS_FOLDER, markdown_table
from icdpm_experiments.sweeping.preset_search import NEGLIGIBLE_GAIN

CARD = "MODEL_CARD.md"
PICTURES = """\
- photos: the training and validation parts of BSDS500 and 6 samples of DIV2K (research use)
- video, frames, averaged: 240 fps frames of GoPro training sequences and averages of them (CC BY 4.0); the pairs in `averaged`
  are not the benchmark's"""


def write_model_card(folder, runs, half_precision_change):
    """Writes MODEL_CARD.md of a packaged workdir and the learning curve of its runs, results/weights_curve.png.

    Args:
      folder: the packaged workdir.
      runs: the workdirs of the runs it is from, each of which began where the one before it ended.
      half_precision_change: what half precision changes of the validation PSNR, in dB.
    """
    (step,) = checkpoint_steps(folder)
    model = load(folder, step)
    config = model.config
    parameters = sum(array.size for array in model.get_weights())
    steps = [checkpoint_steps(run)[-1] for run in runs]
    curve, hours = _joined(runs, steps)
    write_plot(
        RESULTS_FOLDER / "weights_curve.png",
        [
            Panel("step", "PSNR of one sample over the blurry picture's (dB)", _series(curve, "gain")),
            Panel("step", "loss of the denoiser", _series(curve, "noise_loss")),
        ],
        f"Validation of the packaged model on the middle {config.data.crop}×{config.data.crop} of each pair",
    )
    digest = hashlib.sha256(weights_file(folder, step).read_bytes()).hexdigest()
    scales = " and ".join(f"1/{2**k}" for k in config.guidance.scales)
    paragraphs = [
        f"# {config.name}: the model that comes with icdpm",
        "A guided, image-conditioned diffusion model (icDPM, arXiv 2212.01789) for photos that are blurred by motion: "
        f"{parameters:,} parameters, averaged (EMA, decay {config.optimizer.ema_decay}) over training, the mean of the "
        f"last two runs, stored in half precision, which changes the PSNR on the validation pairs by "
        f"{half_precision_change:+.4f} dB. The network works on "
        f"{config.unet.patch}×{config.unet.patch} patches of pixels; guidance enters at {scales}. All else: `config.json`.",
        "## Training",
        f"{sum(steps):,} steps of {config.data.batch} crops of {config.data.crop}×{config.data.crop}"
        + (f", in runs of {', '.join(f'{each:,}' for each in steps[:-1])} and {steps[-1]:,}" if len(steps) > 1 else "")
        + f", by `make weights`; these took {hours:.1f} hours on one or two CPU cores.",
        "\n".join(f"- {kind} data: {each}" for kind, descriptions in read_data(folder).items() for each in descriptions),
        PICTURES,
        "Nothing of the pictures that the table below is measured on was trained on.",
        "## Presets",
        presets_in_words(folder),
        "## Measured",
        _measured(digest),
        "## Limits",
        "It sharpens medium motion blur; long motions stay, and so does what is out of focus. Lines of small print and other "
        "fine stripes that are blurred across can come out as stripes in the wrong places, and lights or letters that the "
        "shake drew twice as fragments. A picture that is closer to its sharp one than sharp pictures stay to themselves (see "
        "above) can only lose. What it draws is plausible, not known: do not take it for evidence (faces, number plates, "
        "medical or forensic images). Strong sensor noise and JPEG artefacts were not trained on.",
        "## Checksum",
        f"SHA-256 of `{weights_file('', step)}`: `{digest}`.",
    ]
    (folder / CARD).write_text("\n\n".join(paragraphs) + "\n")


def _joined(runs, steps):
    """The validations of runs one after another, and how many hours they took, as `read_curve`."""
    curve, hours = [], 0.0
    for run, before in zip(runs, itertools.accumulate(steps, initial=0)):
        rows, of_run = read_curve(run)
        curve += [{**row, "step": before + row["step"], "gain": row["psnr"] - row["psnr_blurry"]} for row in rows]
        hours += of_run
    return curve, hours


def presets_in_words(folder):
    """Which settings the model's presets stand for and why, by what was measured (`icdpm.models.sampling_presets`)."""
    noted = json.loads(presets_file(folder).read_text())
    rows, pairs = noted["measured"]["rows"], noted["measured"]["pairs"]
    best = max(rows, key=lambda row: row["gain"])
    lines = [
        f"- `--preset={name}`: {' '.join(f'--{setting}={value}' for setting, value in preset['changes'].items())}, "
        f"{_gain(_row_of(rows, preset['changes']))}"
        for name, preset in noted["presets"].items()
    ]
    return "\n".join(
        [
            f"Measured on {pairs} validation pairs; the most of {len(rows)} settings is {_gain(best)}. balanced takes the "
            f"fewest evaluations after which no more gain {NEGLIGIBLE_GAIN} dB.",
            "",
            *lines,
            "- `--preset=paper` is not for this model, and says so: it was trained for few steps.",
        ]
    )


def _row_of(rows, changes):
    return next(row for row in rows if all(row[name] == value for name, value in changes.items() if name in row))


def _gain(row):
    evaluations = f"{row['evaluations']} evaluation{'s' * (row['evaluations'] > 1)}"
    return f"{row['gain']:+.2f} dB [{row['from']:.2f}, {row['to']:.2f}] in {evaluations}"


def _series(curve, name):
    return {name: [(row["step"], row[name]) for row in curve]}


def _measured(digest):
    """The table of `make bench-weights`, if it is of these weights."""
    path = RESULTS_FOLDER / "weights.json"
    if not path.is_file():
        return "Not yet: `make bench-weights`."
    results = json.loads(path.read_text())
    if results["weights"] != digest:
        return "Not yet: `make bench-weights`, then `make weights`."
    return "\n".join([f"`{results['command']}`:", "", *markdown_table(results["rows"])])
