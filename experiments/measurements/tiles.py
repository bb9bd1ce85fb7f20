"""Tiles beside the whole picture: the error by margin, time and memory at 1280×720, and at 24 megapixels.

    python -m icdpm_experiments.measurements.tiles [--workdir=DIR] [--photo=FILE]

It ends with results/tiles.png, tiles.json and tiles.md, or tiles_SYSTEM for a model of another system than icdpm. Time and
memory are those of icdpm-deblur as a process, from file to file.
"""

import tempfile
from pathlib import Path

import numpy as np
import PIL.Image
from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm.errors import IcdpmError
from icdpm_experiments.measurements.tile_sizes import CORE, HEIGHT, LARGE, STEPS, WIDTH
from icdpm_experiments.pairs import center_crop

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")
flags.DEFINE_string("photo", None, "A blurry photo of 1280×720 or more. Default: one made of an embedded photo.")

_AMPLIFIED = 20


def main(argv):
    """Parses, measures, writes tables and picture."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.models.workdir import load
    from icdpm_experiments.figures import write_gallery
    from icdpm_experiments.measurements.deblur_runs import measure_runs
    from icdpm_experiments.measurements.tile_margins import measure_margins, settings_of
    from icdpm_experiments.results import RESULTS_FOLDER, make_command, markdown_table, write_results

    workdir = FLAGS.workdir or pretrained.WORKDIR
    photo = _photo()
    model = load(workdir, precision="float32")
    settings = settings_of(model)
    with tempfile.TemporaryDirectory() as folder:
        runs = measure_runs(Path(folder), workdir, photo, sampled=len(settings) > 1)
    rows, pictures = measure_margins(model, photo)
    chosen = next(row for row in rows if row["is_default"])
    low_precision, _ = measure_margins(load(workdir, precision="mixed_bfloat16"), photo, [chosen["margin"]])
    rounded = "; ".join("{} {:.3f} and {:.1f}".format(name, *_errors(low_precision[0], name)) for name in settings)
    notes = [
        f"Errors are differences from the whole picture{_after_steps(settings)}, mean and largest, in 8-bit steps; in float32,",
        f"of a picture of 16 bits. A tile of that table is {CORE}×{CORE} pixels and the margin around them. The default margin",
        f"is {chosen['margin']} pixels{_of_the_reach(model, rows)}.",
        f"In bfloat16 the errors with the default margin are: {rounded}. There the least difference grows to one of rounding.",
        f"icdpm-deblur: from file to file, a process each{_after_steps(settings)}.",
    ]
    shown = [{key: f"{value:.5f}" if isinstance(value, float) else value for key, value in row.items()} for row in rows]
    table = [*markdown_table(shown), "", *markdown_table(runs)]
    print("\n".join([*table, "", *notes]))
    name = "tiles" if model.config.model == "icdpm" else f"tiles_{model.config.model}"
    path = write_results(
        name,
        command=make_command("bench-tiles", WORKDIR=FLAGS.workdir and "…", PHOTO=FLAGS.photo and "…"),
        data=f"a blurry photo of {WIDTH}×{HEIGHT}, and enlarged to {LARGE[0]}×{LARGE[1]}",
        scale="demo",
        rows=rows,
        title="Tiles",
        notes=notes,
        table=table,
        runs=runs,
        bfloat16=low_precision,
    )
    columns = ["whole", f"tiles, margin {chosen['margin']}", f"difference, {_AMPLIFIED} times", "the same without margins"]
    whole, tiled, bare = (pictures[name] for name in ("whole", chosen["margin"], 0))
    shown = [whole, tiled, _amplified(tiled, whole), _amplified(bare, whole)]
    write_gallery(RESULTS_FOLDER / f"{name}.png", columns, [[_shown(each) for each in shown]])
    print(f"Numbers: {path}", f"Picture: {RESULTS_FOLDER / name}.png", sep="\n")


def _after_steps(settings):
    return f" after {STEPS} steps" if len(settings) > 1 else ""


def _of_the_reach(model, rows):
    """What the default margin is of what the system sees, in words."""
    if model.receptive_field_radius is None:
        return f", over which tiles fade into each other: {model.title} sees all of a picture, and no margin gives the whole"
    return f", a fifth of the network's reach; {rows[-1]['margin']} pixels are all of it"


def _photo():
    """The photo, uint8 [HEIGHT, WIDTH, 3]."""
    from icdpm.images.reading import read_rgb
    from icdpm_datasets.photos import photo

    if FLAGS.photo is None:
        picture = PIL.Image.fromarray(photo("coffee")).resize((WIDTH, WIDTH * 2 // 3), PIL.Image.Resampling.BICUBIC)
        values = np.asarray(picture, np.float64)[:HEIGHT]
        blurred = np.mean([np.roll(values, shift, axis=1) for shift in range(-5, 6)], axis=0)
        return np.round(blurred).astype(np.uint8)
    picture = read_rgb(FLAGS.photo)
    if picture.shape[0] < HEIGHT or picture.shape[1] < WIDTH or picture.dtype != np.uint8:
        raise IcdpmError(f"{FLAGS.photo} is not a photo of 8 bits and at least {WIDTH}×{HEIGHT} pixels")
    return picture[:HEIGHT, :WIDTH]


def _errors(row, sampler):
    return row[f"{sampler}_mean"], row[f"{sampler}_max"]


def _amplified(picture, whole):
    """Differences around gray, in 8 bits."""
    difference = (picture.astype(np.float64) - whole) / 257
    return np.clip(np.round(128 + _AMPLIFIED * difference), 0, 255).astype(np.uint8)


def _shown(picture):
    """The middle of a picture, in 8 bits."""
    shown = center_crop(picture, 480)
    return (shown // 257).astype(np.uint8) if shown.dtype == np.uint16 else shown


if __name__ == "__main__":
    run_command(main)
