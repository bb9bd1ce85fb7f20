"""Tiles beside the whole picture: the error by margin, time and memory at 1280×720, and at 24 megapixels.

    python -m icdpm_experiments.tiles [--workdir=DIR] [--photo=FILE]

It ends with results/tiles.png, tiles.json and tiles.md. Time and memory are those of icdpm-deblur as a process, from file to
file.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL.Image
from absl import app, flags

from icdpm.commands.main import run_command
from icdpm.errors import IcdpmError

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")
flags.DEFINE_string("photo", None, "A blurry photo of 1280×720 or more. Default: one made of an embedded photo.")

WIDTH, HEIGHT = 1280, 720
LARGE = (6000, 4000)
MARGINS = (0, 8, 16, 24, 32, 40, 48, 64, 96, 128)
CORE = 192  # pixels to a side that a tile of the margin table stands for
SAMPLERS = ("ancestral", "dpmpp_2m")
STEPS = 5
_AMPLIFIED = 20
_DEBLUR = "import sys; sys.argv[0] = 'icdpm-deblur'; from icdpm.commands.deblur import run; run()"
# What is measured of icdpm-deblur: (which picture, flags).
RUNS = (
    ("photo.png", ()),
    ("photo.png", ("--tile=512",)),
    ("photo.png", ("--samples=8", "--spread")),
    ("large.jpg", ()),
    ("large.png", ("--sampler=dpmpp_2m", "--samples=2", "--spread", "--keep_samples", "--compare")),
)


def main(argv):
    """Parses, measures, writes tables and picture."""
    if len(argv) > 1:
        raise app.UsageError(f"{argv[1]} is not a flag; the photo is named by --photo")
    from icdpm import pretrained
    from icdpm.systems.workdir import load
    from icdpm_experiments.gallery import write_gallery
    from icdpm_experiments.results import FOLDER, markdown_table, write_results

    workdir = FLAGS.workdir or pretrained.WORKDIR
    photo = _photo()
    with tempfile.TemporaryDirectory() as folder:
        runs = _measure_runs(Path(folder), workdir, photo)
    rows, pictures = measure_margins(load(workdir, precision="float32"), photo)
    chosen = next(row for row in rows if row["is_default"])
    low_precision, _ = measure_margins(load(workdir, precision="mixed_bfloat16"), photo, [chosen["margin"]])
    rounded = "; ".join("{} {:.3f} and {:.1f}".format(name, *_errors(low_precision[0], name)) for name in SAMPLERS)
    notes = [
        f"Errors are differences from the whole picture after {STEPS} steps, mean and largest, in 8-bit steps; in float32,",
        f"of a picture of 16 bits. A tile of that table is {CORE}×{CORE} pixels and the margin around them. The default margin",
        f"is {chosen['margin']} pixels, a fifth of the network's reach; {rows[-1]['margin']} pixels are all of it.",
        f"In bfloat16 the errors with the default margin are: {rounded}. There the least difference grows to one of rounding.",
        f"icdpm-deblur: from file to file, a process each, {STEPS} steps.",
    ]
    shown = [{key: f"{value:.5f}" if isinstance(value, float) else value for key, value in row.items()} for row in rows]
    table = [*markdown_table(shown), "", *markdown_table(runs)]
    print("\n".join([*table, "", *notes]))
    path = write_results(
        "tiles",
        command=" ".join(["make bench-tiles", *(f"{name.upper()}=…" for name in ("workdir", "photo") if FLAGS[name].present)]),
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
    write_gallery(FOLDER / "tiles.png", columns, [[_shown(each) for each in shown]])
    print(f"Numbers: {path}", f"Picture: {FOLDER / 'tiles.png'}", sep="\n")


def _photo():
    """The photo, uint8 [HEIGHT, WIDTH, 3]."""
    from icdpm.photos.reading import read_picture
    from icdpm_datasets.photos import photo

    if FLAGS.photo is None:
        picture = PIL.Image.fromarray(photo("coffee")).resize((WIDTH, WIDTH * 2 // 3), PIL.Image.Resampling.BICUBIC)
        values = np.asarray(picture, np.float64)[:HEIGHT]
        blurred = np.mean([np.roll(values, shift, axis=1) for shift in range(-5, 6)], axis=0)
        return np.round(blurred).astype(np.uint8)
    picture = read_picture(FLAGS.photo)
    if picture.shape[0] < HEIGHT or picture.shape[1] < WIDTH or picture.dtype != np.uint8:
        raise IcdpmError(f"{FLAGS.photo} is not a photo of 8 bits and at least {WIDTH}×{HEIGHT} pixels")
    return picture[:HEIGHT, :WIDTH]


def measure_margins(system, photo, margins=None):
    """Errors of tiles against the whole picture.

    Args:
      system: a trained system.
      photo: uint8 [height, width, 3].
      margins: which are measured; None: `MARGINS`, the default one and the whole reach.

    Returns:
      (rows: {'margin', 'is_default', 'tiles', and for each sampler its mean and its largest error, in 8-bit steps},
      pictures of the first sampler: {'whole', each margin: uint16}).
    """
    from icdpm.restoration.restore import default_margin, restore
    from icdpm.restoration.settings import Settings
    from icdpm.restoration.tiling import divide

    default, factor = default_margin(system), system.factor
    margins = margins or sorted({margin for margin in MARGINS if margin % factor == 0} | {default, system.reach})
    deep = photo.astype(np.uint16) * 257
    settings = {name: Settings(name, STEPS, 0.5) for name in SAMPLERS}
    whole = {name: restore(system, deep, each, tile=2 * WIDTH).pixels for name, each in settings.items()}
    pictures, rows = {"whole": whole[SAMPLERS[0]]}, []
    for margin in margins:
        tile = CORE + 2 * margin
        row = {"margin": margin, "is_default": margin == default, "tiles": divide(*photo.shape[:2], tile, margin, factor).count}
        for name, each in settings.items():
            print(f"margin {margin}, {name}", flush=True)
            tiled = restore(system, deep, each, tile=tile, margin=margin).pixels
            errors = np.abs(tiled.astype(np.float64) - whole[name]) / 257
            row |= {f"{name}_mean": float(errors.mean()), f"{name}_max": float(errors.max())}
            pictures.setdefault(margin, tiled)
        rows.append(row)
    return rows, pictures


def _measure_runs(folder, workdir, photo):
    """Rows of time and memory of icdpm-deblur."""
    picture = PIL.Image.fromarray(photo)
    picture.save(folder / "photo.png")
    large = np.asarray(picture.resize(LARGE, PIL.Image.Resampling.BICUBIC))
    # Sensor noise: files then are as large as a camera's.
    noise = np.random.default_rng(0).integers(-3, 4, large.shape, np.int8)
    large = PIL.Image.fromarray(np.clip(large.astype(np.int16) + noise, 0, 255).astype(np.uint8))
    large.save(folder / "large.jpg", quality=95)
    large.save(folder / "large.png", compress_level=1)
    rows = []
    for number, (name, flags_given) in enumerate(RUNS):
        print(f"icdpm-deblur {name} {' '.join(flags_given)}", flush=True)
        target = folder / f"restored-{number}" / name
        command = [sys.executable, "-c", _DEBLUR, str(folder / name), f"--workdir={workdir}", f"--output={target}"]
        started = time.perf_counter()
        process = subprocess.Popen([*command, f"--steps={STEPS}", "--max_noise_variance=0.5", *flags_given])
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise IcdpmError(f"icdpm-deblur {name} {' '.join(flags_given)} failed")
        width, height = LARGE if name.startswith("large") else (WIDTH, HEIGHT)
        rows.append(
            {
                "picture": f"{width}×{height} {target.suffix[1:].upper()}",
                "flags": " ".join(flags_given),
                "seconds": round(time.perf_counter() - started, 1),
                "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
                "peak_rss_mib": round(usage.ru_maxrss / 1024),
            }
        )
    return rows


def _errors(row, sampler):
    return row[f"{sampler}_mean"], row[f"{sampler}_max"]


def _amplified(picture, whole):
    """Differences around gray, in 8 bits."""
    difference = (picture.astype(np.float64) - whole) / 257
    return np.clip(np.round(128 + _AMPLIFIED * difference), 0, 255).astype(np.uint8)


def _shown(picture):
    """The middle of a picture, in 8 bits."""
    top, left = (HEIGHT - 480) // 2, (WIDTH - 480) // 2
    middle = picture[top : top + 480, left : left + 480]
    return (middle // 257).astype(np.uint8) if middle.dtype == np.uint16 else middle


def run():
    """The command."""
    run_command(main)


if __name__ == "__main__":
    run()
