"""The project's main job, in minutes: restores with the packaged model, then fine-tunes it for a few steps.

    python -m icdpm_experiments.demo

It ends with results/demo.png to look at, and the numbers in results/demo.json and results/demo.md.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from icdpm.cli import reject_arguments, run_command

FLAGS = flags.FLAGS
flags.DEFINE_integer("steps", 30, "How many steps to train.", 1)

MEAN_SAMPLES = 8
SHOWN = ("photo_camera_1", "photo_brick_1", "deadleaves_01", "text_00", "mixed_00")


def main(argv):
    """Restores the embedded test scenes and a real blurred photo, writes table and picture; trains."""
    reject_arguments(argv)
    import icdpm
    from icdpm_datasets.load import load_pairs

    started = time.time()
    test = load_pairs("embedded", "test")
    print("1/2 restoring test scenes and a real photo with the packaged model", flush=True)
    restored = restore_all(icdpm.load(), test)
    report(restored, time.time() - started)
    print(f"\n2/2 fine-tuning the packaged model for {FLAGS.steps} steps", flush=True)
    return train_briefly(test)


def train_briefly(test):
    """Fine-tunes the packaged model, in a folder that is removed again; returns the exit status."""
    from icdpm import pretrained
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_datasets.load import load_pairs

    every = max(1, FLAGS.steps // 2)
    changes = [f"run.steps={FLAGS.steps}", f"run.validate_every={every}", "run.log_every=5", "run.validation_images=8"]
    rate = ["optimizer.learning_rate=1e-4", "optimizer.learning_rate_ramp=10", "optimizer.learning_rate_decay=()"]
    # Small batches in float32, which is fast on any CPU.
    config = load_config("small_naf", [*changes, *rate, "data.batch=4", "data.crop=64", "precision=float32"])
    pairs, strategy = load_pairs("embedded", "train"), make_strategy("single")
    with tempfile.TemporaryDirectory() as folder:
        if signal := train(config, Path(folder), pairs, test, strategy, start_from=pretrained.WORKDIR):
            return 128 + signal
    print(
        "Validation stays above the blurry input. To fine-tune on your own pairs:\n"
        "icdpm-train --config=small_naf --data=my_pairs --workdir=/tmp/mine --start_from=packaged "
        "--set=optimizer.learning_rate=1e-4"
    )
    return 0


def restore_all(restorer, pairs):
    """[{'picture', 'blurry', 'sharp', 'sample', 'mean'}] of the pairs and of scikit-image's motion-blurred clock."""
    from icdpm.images.reading import read_rgb
    from icdpm.progress import progress_bar
    from icdpm_datasets.photos import clock_motion_path

    pictures = [dict(picture=name, **dict(zip(("blurry", "sharp"), pairs.load(i)))) for i, name in enumerate(pairs.names)]
    pictures.append({"picture": "clock_motion", "blurry": read_rgb(clock_motion_path()), "sharp": None})
    for picture in progress_bar("restoring", len(pictures), iterable=pictures):
        picture["sample"] = restorer.restore(picture["blurry"])
        picture["mean"] = restorer.restore(picture["blurry"], samples=MEAN_SAMPLES)
    return pictures


def report(pictures, seconds):
    """Prints and writes the table and the picture."""
    from icdpm.metrics.psnr import psnr
    from icdpm.metrics.ssim import ssim
    from icdpm_experiments.figures import write_gallery
    from icdpm_experiments.pairs import UNBLURRED_PSNR, center_crop
    from icdpm_experiments.results import RESULTS_FOLDER, print_table, write_results

    rows, unblurred = [], []
    for picture in pictures:
        if picture["sharp"] is not None:
            row = {"picture": picture["picture"]}
            for metric in (psnr, ssim):
                for name, key in (("blurry", "blurry"), ("restored", "mean")):
                    row[f"{metric.__name__}_{name}"] = round(metric(picture[key], picture["sharp"]), 4)
            row["psnr_one_sample"] = round(psnr(picture["sample"], picture["sharp"]), 4)
            (unblurred if row["psnr_blurry"] > UNBLURRED_PSNR else rows).append(row)
    print_table(rows)
    gains = np.array([row["psnr_restored"] - row["psnr_blurry"] for row in rows])
    notes = [
        f"The mean of {MEAN_SAMPLES} samples is {gains.mean():+.2f} dB PSNR from the blurry input on average over the "
        f"{len(rows)} unseen scenes that are blurred, and better on {int((gains > 0).sum())} of them."
    ]
    if unblurred:
        kept = ", ".join(f"{row['picture']} at {row['psnr_restored']:.1f} dB" for row in unblurred)
        notes.append(f"Scenes that are sharp already are left out of the mean; they stay near themselves: {kept}.")
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
    shown = [picture for picture in pictures if picture["picture"] in (*SHOWN, "clock_motion")]
    columns = {"blurry": "blurry", "sample": "one sample", "mean": f"mean of {MEAN_SAMPLES}", "sharp": "sharp"}
    versions = [[picture[key] for key in columns] for picture in shown]
    picture_path = RESULTS_FOLDER / "demo.png"
    crops = [[each if each is None else center_crop(each, 256) for each in row] for row in versions]
    write_gallery(picture_path, list(columns.values()), crops)
    print("", *notes, f"Numbers: {path}", f"Picture: {picture_path}", sep="\n")


if __name__ == "__main__":
    run_command(main)
