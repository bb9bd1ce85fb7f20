"""Measures tiled restoration: the error of tiles by their overlap, time and memory at 1280×720 and at 24 megapixels.

    python -m icdpm_experiments.measurements.tiles [--workdir=DIR] [--photo=FILE]

Time and memory are those of an icdpm-deblur process, from file to file. Writes results/tiles.png, tiles.json and tiles.md, or
tiles_MODEL for a model of another class than icdpm.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL.Image
from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm.errors import IcdpmError
from icdpm_experiments.pairs import center_crop

FLAGS = flags.FLAGS
WIDTH, HEIGHT = 1280, 720
LARGE = (6000, 4000)  # width, height
CORE = 192  # pixels per side of a tile without its overlap, in the table of errors
OVERLAPS = (0, 8, 16, 24, 32, 40, 48, 64, 96, 128)  # pixels
SAMPLERS = ("ancestral", "dpmpp_2m")
STEPS = 5
DEBLUR = str(Path(sys.executable).with_name("icdpm-deblur"))
# (input file, flags) of the runs of icdpm-deblur, for models that sample and for models without sampling.
SAMPLING_RUNS = (
    ("photo.png", ()),
    ("photo.png", ("--tile=512",)),
    ("photo.png", ("--samples=8", "--spread")),
    ("large.jpg", ()),
    ("large.png", ("--sampler=dpmpp_2m", "--samples=2", "--spread", "--keep_samples", "--compare")),
)
REGRESSION_RUNS = (("photo.png", ()), ("photo.png", ("--tile=512",)), ("large.jpg", ()))
_AMPLIFICATION = 20


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")
    flags.DEFINE_string("photo", None, "Blurry 8-bit photo of at least 1280×720. Default: an embedded photo with added blur.")


def main(argv):
    """Measures runs and errors and writes results/tiles."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.models.workdir import load
    from icdpm_experiments.figures import write_gallery
    from icdpm_experiments.results import RESULTS_FOLDER, make_command, markdown_table, write_results

    workdir = FLAGS.workdir or pretrained.WORKDIR
    image = _load_photo()
    model = load(workdir, precision="float32")
    settings = compared_settings(model)
    with tempfile.TemporaryDirectory() as folder:
        runs = measure_runs(Path(folder), workdir, image, samples=len(settings) > 1)
    rows, images = measure_overlaps(model, image)
    default = next(row for row in rows if row["is_default"])
    bfloat16, _ = measure_overlaps(load(workdir, precision="mixed_bfloat16"), image, [default["margin"]])
    bfloat16_errors = "; ".join(
        "{} {:.3f} and {:.1f}".format(name, bfloat16[0][f"{name}_mean"], bfloat16[0][f"{name}_max"]) for name in settings
    )
    after_steps = f" after {STEPS} steps" if len(settings) > 1 else ""
    notes = [
        f"Errors are differences from the restoration of the whole image{after_steps}, mean and maximum, in 8-bit steps,",
        f"measured in float32 on a 16-bit image. A tile of this table has {CORE}×{CORE} pixels and the margin (overlap) around",
        f"them. The default margin is {default['margin']} pixels{describe_receptive_field(model)}.",
        f"The errors in bfloat16 with the default margin: {bfloat16_errors}. In bfloat16 the smallest difference grows to one",
        f"of rounding. icdpm-deblur: from file to file, a process each{after_steps}.",
    ]
    shown = [{key: f"{value:.5f}" if isinstance(value, float) else value for key, value in row.items()} for row in rows]
    table = [*markdown_table(shown), "", *markdown_table(runs)]
    print("\n".join([*table, "", *notes]))
    name = "tiles" if model.config.model == "icdpm" else f"tiles_{model.config.model}"
    path = write_results(
        name,
        command=make_command("bench-tiles", WORKDIR=FLAGS.workdir, PHOTO=FLAGS.photo),
        data=f"a blurry photo of {WIDTH}×{HEIGHT}, and enlarged to {LARGE[0]}×{LARGE[1]}",
        scale="demo",
        rows=rows,
        title="Tiles",
        notes=notes,
        table=table,
        runs=runs,
        bfloat16=bfloat16,
    )
    columns = ["whole", f"tiles, margin {default['margin']}", f"difference × {_AMPLIFICATION}", "difference without margins"]
    whole, tiled, without = (images[key] for key in ("whole", default["margin"], 0))
    shown = [whole, tiled, _amplify_difference(tiled, whole), _amplify_difference(without, whole)]
    write_gallery(RESULTS_FOLDER / f"{name}.png", columns, [[_crop_as_uint8(each) for each in shown]])
    print(f"Numbers: {path}", f"Image: {RESULTS_FOLDER / name}.png", sep="\n")


def measure_overlaps(model, image, overlaps=None, core=CORE):
    """Measures the errors of tiled restoration compared with the restoration of the whole image.

    Args:
      model: trained model.
      image: uint8 [height, width, 3].
      overlaps: overlaps in pixels. Default: `OVERLAPS`, the model's default and its receptive-field radius.
      core: pixels per side of a tile without its overlap.

    Returns:
      (rows, images). A row has 'margin' (the overlap), 'is_default', 'tiles' and, for each of `compared_settings(model)`,
      NAME_mean and NAME_max, the errors in 8-bit steps. `images` are {'whole' or overlap: uint16 [height, width, 3]} restored
      with the first settings.
    """
    from icdpm.diffusion.tiling import make_tiling
    from icdpm.restoration.restore import restore

    default, multiple = model.tile_overlap, model.size_multiple
    if overlaps is None:
        largest = model.receptive_field_radius or default
        overlaps = sorted({overlap for overlap in OVERLAPS if overlap % multiple == 0} | {default, largest})
    deep = image.astype(np.uint16) * 257
    settings = compared_settings(model)
    whole = {name: restore(model, deep, each, tile=2 * WIDTH).pixels for name, each in settings.items()}
    images, rows = {"whole": next(iter(whole.values()))}, []
    for overlap in overlaps:
        tile = core + 2 * overlap
        count = make_tiling(*image.shape[:2], tile, overlap, multiple).count
        row = {"margin": overlap, "is_default": overlap == default, "tiles": count}
        for name, each in settings.items():
            print(f"margin {overlap}, {name}", flush=True)
            tiled = restore(model, deep, each, tile=tile, overlap=overlap).pixels
            errors = np.abs(tiled.astype(np.float64) - whole[name]) / 257
            row |= {f"{name}_mean": float(errors.mean()), f"{name}_max": float(errors.max())}
            images.setdefault(overlap, tiled)
        rows.append(row)
    return rows, images


def compared_settings(model):
    """Returns {name: Settings} for the comparison of tiles: one per sampler, or the only settings of other models."""
    from icdpm.models.settings import SamplingSettings

    if isinstance(model.settings(), SamplingSettings):
        return {name: SamplingSettings(name, STEPS, 0.5) for name in SAMPLERS}
    return {"restored": model.settings()}


def measure_runs(folder, workdir, image, samples=True):
    """Measures time and memory of icdpm-deblur processes.

    Args:
      folder: folder for input and output files.
      workdir: workdir of the model.
      image: uint8 [HEIGHT, WIDTH, 3]; it is restored as it is and enlarged to `LARGE`.
      samples: whether the model samples.

    Returns:
      List of rows: image, flags, seconds, cpu_seconds, peak_rss_mib.
    """
    sampling = (f"--steps={STEPS}", "--max_noise_variance=0.5") if samples else ()
    photo = PIL.Image.fromarray(image)
    photo.save(folder / "photo.png")
    large = np.asarray(photo.resize(LARGE, PIL.Image.Resampling.BICUBIC))
    # Noise of a sensor makes the files as large as those of a camera.
    noise = np.random.default_rng(0).integers(-3, 4, large.shape, np.int8)
    large = PIL.Image.fromarray(np.clip(large.astype(np.int16) + noise, 0, 255).astype(np.uint8))
    large.save(folder / "large.jpg", quality=95)
    large.save(folder / "large.png", compress_level=1)
    rows = []
    for number, (name, options) in enumerate(SAMPLING_RUNS if samples else REGRESSION_RUNS):
        print(f"icdpm-deblur {name} {' '.join(options)}", flush=True)
        target = folder / f"restored-{number}" / name
        command = [DEBLUR, str(folder / name), f"--workdir={workdir}", f"--output={target}"]
        started = time.perf_counter()
        process = subprocess.Popen([*command, *sampling, *options])
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise IcdpmError(f"icdpm-deblur {name} {' '.join(options)} failed.")
        width, height = LARGE if name.startswith("large") else (WIDTH, HEIGHT)
        rows.append(
            {
                "image": f"{width}×{height} {target.suffix[1:].upper()}",
                "flags": " ".join(options),
                "seconds": round(time.perf_counter() - started, 1),
                "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
                "peak_rss_mib": round(usage.ru_maxrss / 1024),
            }
        )
    return rows


def describe_receptive_field(model):
    """Returns the end of the sentence about a model's default overlap."""
    radius = model.receptive_field_radius
    if radius is None:
        return f", over which tiles are blended: {model.title} models have a global receptive field, so tiles are not exact"
    share = 100 * model.tile_overlap / radius
    return f", {share:.0f} % of the receptive-field radius; with {radius} pixels, all of it, tiles are exact"


def _load_photo():
    """Returns the photo, uint8 [HEIGHT, WIDTH, 3]."""
    from icdpm.images.reading import read_rgb
    from icdpm_datasets.photos import load_photo

    if FLAGS.photo is None:
        enlarged = PIL.Image.fromarray(load_photo("coffee")).resize((WIDTH, WIDTH * 2 // 3), PIL.Image.Resampling.BICUBIC)
        values = np.asarray(enlarged, np.float64)[:HEIGHT]
        blurred = np.mean([np.roll(values, shift, axis=1) for shift in range(-5, 6)], axis=0)
        return np.round(blurred).astype(np.uint8)
    image = read_rgb(FLAGS.photo)
    if image.shape[0] < HEIGHT or image.shape[1] < WIDTH or image.dtype != np.uint8:
        raise IcdpmError(f"{FLAGS.photo} must be an 8-bit photo of at least {WIDTH}×{HEIGHT} pixels.")
    return image[:HEIGHT, :WIDTH]


def _amplify_difference(image, whole):
    """Returns the amplified difference of two uint16 images around gray, as uint8."""
    difference = (image.astype(np.float64) - whole) / 257
    return np.clip(np.round(128 + _AMPLIFICATION * difference), 0, 255).astype(np.uint8)


def _crop_as_uint8(image):
    cropped = center_crop(image, 480)
    return (cropped // 257).astype(np.uint8) if cropped.dtype == np.uint16 else cropped


if __name__ == "__main__":
    define_flags()
    run_command(main)
