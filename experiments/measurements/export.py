"""Compares an exported SavedModel with the Python path: load time, first and later restorations, equality of the results.

    python -m icdpm_experiments.measurements.export [--workdir=DIR]

Each measurement runs in a process of its own and restores a PNG file to a PNG file. Writes results/export.json and export.md.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import flags

from icdpm import pretrained
from icdpm.cli import import_tensorflow, reject_arguments, run_command
from icdpm.images.formats import FORMATS, Image
from icdpm.images.reading import decode_image, read_rgb
from icdpm.images.writing import encode_image
from icdpm_experiments.results import make_command, print_table, run_in_subprocess, write_results

FLAGS = flags.FLAGS
TITLES = {"python": "Python (icdpm)", "saved_model": "SavedModel (TensorFlow alone)"}
SIZES = [(256, 256), (355, 501), (720, 1280)]  # (height, width)
_REPEATS = 3


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")


def main(argv):
    """Exports the model, measures both paths and writes results/export."""
    reject_arguments(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workdir = FLAGS.workdir or pretrained.WORKDIR
        seconds, mebibytes = _export(workdir, folder / "model")
        sources = {"python": workdir, "saved_model": folder / "model"}
        rows = []
        for height, width in SIZES:
            size, outputs = f"{width}×{height}", {path: folder / f"{path}-{height}-{width}.png" for path in TITLES}
            for path, title in TITLES.items():
                arguments = (path, sources[path], outputs[path], height, width)
                rows.append({"path": title, "size": size, **run_in_subprocess(f"{title}, {size}", measure_path, *arguments)})
            rows[-1]["difference"] = _largest_difference(*outputs.values())
            rows[-2]["difference"] = 0
    notes = [
        "Times are in seconds. load: loading the model after TensorFlow is imported. first: the first restoration. steady: the",
        f"median of {_REPEATS} more. difference: the largest difference from the result of the Python path for the same 16-bit",
        f"image, in steps of 1/65535. The export took {seconds:.0f} s and {mebibytes:.1f} MiB.",
    ]
    print_table(rows)
    print("\n".join(notes))
    path = write_results(
        "export",
        command=make_command("bench-export", WORKDIR=FLAGS.workdir),
        data=f"noise as PNG files, {'a' if FLAGS.workdir else 'the packaged'} model in float32 with its default settings",
        scale="packaged",
        rows=rows,
        title="Exported model and Python path",
        notes=notes,
        export_seconds=seconds,
        export_mebibytes=mebibytes,
    )
    print(f"Numbers: {path}")


def _export(workdir, folder):
    """Returns the duration of the export in seconds and its size in MiB."""
    from icdpm.serving.export import export

    started = time.perf_counter()
    export(workdir, folder, precision="float32")
    seconds = time.perf_counter() - started
    return seconds, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _largest_difference(first, second):
    return int(np.abs(read_rgb(first).astype(int) - read_rgb(second).astype(int)).max())


def measure_path(path, source, output, height, width):
    """Measures one of the two paths; runs in a process of its own.

    Args:
      path: 'python' or 'saved_model'.
      source: workdir of the model, or folder of the SavedModel.
      output: PNG file. A 16-bit image is restored to it after the measurement, for the comparison of both paths.
      height, width: size of the images in pixels.

    Returns:
      Dict of `load_seconds`, `first_seconds` and `steady_seconds`.
    """
    import_tensorflow()  # not part of the measurement

    def timed(function, *arguments):
        started = time.perf_counter()
        result = function(*arguments)
        return time.perf_counter() - started, result

    load = {"python": _load_python, "saved_model": _load_saved_model}[path]
    load_seconds, restore = timed(load, source)
    content = _encode_noise(height, width, np.uint8)
    seconds = [timed(restore, content)[0] for _ in range(1 + _REPEATS)]
    Path(output).write_bytes(restore(_encode_noise(height, width, np.uint16)))
    return {"load_seconds": load_seconds, "first_seconds": seconds[0], "steady_seconds": statistics.median(seconds[1:])}


def _load_python(workdir):
    """Returns a function that restores the bytes of a PNG file as icdpm-deblur does."""
    from icdpm.models.workdir import load
    from icdpm.restoration.restore import restore

    model = load(workdir, precision="float32")
    settings = model.settings()
    png = FORMATS["png"]
    return lambda content: encode_image(Image(restore(model, decode_image(content, "noise").pixels, settings).pixels), png)


def _load_saved_model(folder):
    """Returns a function that restores the bytes of a PNG file with the exported graph."""
    import tensorflow as tf

    model = tf.saved_model.load(folder)  # referenced by the function: its variables exist only as long as the model

    def restore(content):
        outputs = model.signatures["serving_default"](image_bytes=tf.constant([content]))
        assert outputs["error"].numpy()[0] == b"", outputs["error"]
        return outputs["image_bytes"].numpy()[0]

    return restore


def _encode_noise(height, width, dtype):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, 3), dtype)
    return encode_image(Image(pixels), FORMATS["png"])


if __name__ == "__main__":
    define_flags()
    run_command(main)
