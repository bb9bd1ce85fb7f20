"""Restores test scenes with the packaged model, then fine-tunes the model for a few steps; takes minutes on a CPU.

    python -m icdpm_experiments.demo

Writes results/demo.png (images), results/demo.json and results/demo.md (numbers).
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from icdpm.cli import reject_arguments, run_command

FLAGS = flags.FLAGS
MEAN_SAMPLES = 8
# Scenes in results/demo.png, before the photo.
SHOWN = ("photo_camera_1", "photo_brick_1", "deadleaves_01", "text_00", "mixed_00")


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_integer("steps", 30, "Number of training steps.", 1)


def main(argv):
    """Restores the embedded test scenes and a real blurred photo, writes results/demo and fine-tunes the model."""
    reject_arguments(argv)
    import icdpm
    from icdpm_datasets.load import load_pairs

    started = time.time()
    test = load_pairs("embedded", "test")
    print("1/2 restoring test scenes and a real photo with the packaged model", flush=True)
    restored = restore_all(icdpm.load(), test)
    report(restored, time.time() - started)
    print(f"\n2/2 fine-tuning the packaged model for {FLAGS.steps} steps", flush=True)
    return fine_tune(test, FLAGS.steps)


def fine_tune(test, steps):
    """Fine-tunes the packaged model in a temporary workdir.

    Args:
      test: `PairSource`, whose blurred pairs are the validation data.
      steps: number of training steps.

    Returns:
      Exit status: 0, or 128 + the number of the signal that stopped the training.
    """
    from icdpm import pretrained
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.pairs import select_blurred

    every = max(1, steps // 3)
    run = [f"run.steps={steps}", f"run.validate_every={every}", "run.log_every=5", "run.validation_images=8"]
    rate = ["optimizer.learning_rate=1e-4", "optimizer.learning_rate_ramp=10", "optimizer.learning_rate_decay=()"]
    # Small batches in float32 are fast on any CPU.
    config = load_config("small_naf", [*run, *rate, "data.batch=4", "data.crop=64", "precision=float32"])
    # Scenes without blur are excluded: their PSNR, which is far higher, can only decrease.
    training, validation = load_pairs("embedded", "train"), select_blurred(test)
    with tempfile.TemporaryDirectory() as folder:
        if signal := train(config, Path(folder), training, validation, make_strategy("single"), start_from=pretrained.WORKDIR):
            return 128 + signal
    print(
        "To fine-tune on your own pairs:\n"
        "icdpm-train --config=small_naf --data=my_pairs --workdir=/tmp/mine --start_from=packaged "
        "--set=optimizer.learning_rate=1e-4"
    )
    return 0


def restore_all(model, pairs):
    """Restores all pairs and scikit-image's motion-blurred clock.

    Args:
      model: trained model.
      pairs: `PairSource`.

    Returns:
      List of {'name': name, 'blurry', 'sharp', 'sample', 'mean': uint8 [height, width, 3]}; the clock has no sharp image.
    """
    from icdpm.images.reading import read_rgb
    from icdpm.progress import progress_bar
    from icdpm_datasets.photos import clock_motion_path

    images = [dict(name=name, **dict(zip(("blurry", "sharp"), pairs.load(i)))) for i, name in enumerate(pairs.names)]
    images.append({"name": "clock_motion", "blurry": read_rgb(clock_motion_path()), "sharp": None})
    for image in progress_bar("restoring", len(images), iterable=images):
        image["sample"] = model.restore(image["blurry"])
        image["mean"] = model.restore(image["blurry"], samples=MEAN_SAMPLES)
    return images


def report(images, seconds):
    """Prints the table and writes results/demo.json, demo.md and demo.png.

    Args:
      images: return value of `restore_all`.
      seconds: time that the restoration took.
    """
    from icdpm.metrics.psnr import psnr
    from icdpm.metrics.ssim import ssim
    from icdpm_experiments.figures import write_gallery
    from icdpm_experiments.pairs import UNBLURRED_PSNR, center_crop
    from icdpm_experiments.results import RESULTS_FOLDER, print_table, write_results

    rows, unblurred = [], []
    for image in images:
        if image["sharp"] is not None:
            row = {"image": image["name"]}
            for metric in (psnr, ssim):
                for name, key in (("blurry", "blurry"), ("restored", "mean")):
                    row[f"{metric.__name__}_{name}"] = round(metric(image[key], image["sharp"]), 4)
            row["psnr_one_sample"] = round(psnr(image["sample"], image["sharp"]), 4)
            (unblurred if row["psnr_blurry"] > UNBLURRED_PSNR else rows).append(row)
    print_table(rows)
    gains = np.array([row["psnr_restored"] - row["psnr_blurry"] for row in rows])
    notes = [
        f"The mean of {MEAN_SAMPLES} samples gains {gains.mean():+.2f} dB PSNR over the blurry input on average over the "
        f"{len(rows)} blurred scenes, which were not trained on, and is better on {int((gains > 0).sum())} of them."
    ]
    if unblurred:
        names = ", ".join(f"{row['image']} at {row['psnr_restored']:.1f} dB" for row in unblurred)
        notes.append(f"Scenes without blur are not part of the mean. They remain almost unchanged: {names}.")
    path = write_results(
        "demo",
        command="make demo",
        data=f"the embedded test scenes, restored by the packaged model; restored: the mean of {MEAN_SAMPLES} samples",
        scale="demo",
        rows=rows,
        title="Demo",
        notes=notes,
        mean_gain_db=round(float(gains.mean()), 4),
        better=int((gains > 0).sum()),
        unblurred=unblurred,
        seconds=round(seconds),
    )
    columns = {"blurry": "blurry", "sample": "one sample", "mean": f"mean of {MEAN_SAMPLES}", "sharp": "sharp"}
    shown = [[image[key] for key in columns] for image in images if image["name"] in (*SHOWN, "clock_motion")]
    crops = [[each if each is None else center_crop(each, 256) for each in row] for row in shown]
    write_gallery(RESULTS_FOLDER / "demo.png", list(columns.values()), crops)
    print("", *notes, f"Numbers: {path}", f"Images: {RESULTS_FOLDER / 'demo.png'}", sep="\n")


if __name__ == "__main__":
    define_flags()
    run_command(main)
