"""How long an exported model takes to load, to answer first and to answer, beside the Python path; and whether both agree.

    python -m icdpm_experiments.measurements.export [--workdir=DIR]

Every measurement is made in a process of its own, from the bytes of a PNG file to those of another.
"""

import tempfile
import time
from pathlib import Path

from absl import flags

from icdpm import pretrained
from icdpm.cli import reject_arguments, run_command
from icdpm_experiments.results import make_command, print_table, run_in_subprocess, write_results

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")

MEASURE = "icdpm_experiments.measurements.export_measure"
PATHS = {"python": "Python (icdpm)", "saved_model": "SavedModel (TensorFlow alone)"}
SIZES = [(256, 256), (355, 501), (720, 1280)]


def main(argv):
    """Exports, measures, writes results/export."""
    reject_arguments(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workdir = FLAGS.workdir or pretrained.WORKDIR
        seconds, mebibytes = _export(workdir, folder / "model")
        rows = []
        for height, width in SIZES:
            for path, title in PATHS.items():
                measured = _measure(path, workdir, folder, height, width)
                rows.append({"path": title, "size": f"{width}×{height}", **measured})
            rows[-1]["difference"] = _difference(folder, height, width)
            rows[-2]["difference"] = 0
    notes = [
        "Seconds; load: of the model, once TensorFlow is imported; first: the first answer; steady: the median of three more.",
        "difference: the largest one to the Python path's result of the same image in 16 bits, in steps of 1/65535.",
        f"The export took {seconds:.0f} s and {mebibytes:.1f} MiB.",
    ]
    print_table(rows)
    print("\n".join(notes))
    path = write_results(
        "export",
        command=make_command("bench-export", WORKDIR=FLAGS.workdir and "…"),
        data=f"noise as PNG files, {'a' if FLAGS.workdir else 'the packaged'} model in float32 with its own settings",
        scale="packaged",
        rows=rows,
        title="Exported model and Python path",
        notes=notes,
        export_seconds=seconds,
        export_mebibytes=mebibytes,
    )
    print(f"written to {path}")


def _export(workdir, folder):
    """Seconds that the export takes, and its size in MiB."""
    from icdpm.serving.export import export

    started = time.perf_counter()
    export(workdir, folder, precision="float32")
    seconds = time.perf_counter() - started
    return seconds, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _measure(path, workdir, folder, height, width):
    source = workdir if path == "python" else folder / "model"
    answer = folder / f"{path}-{height}-{width}.png"
    return run_in_subprocess(f"{PATHS[path]}, {width}×{height}", MEASURE, path, source, answer, height, width)


def _difference(folder, height, width):
    import numpy as np

    from icdpm.images.reading import read_rgb

    pixels = [read_rgb(folder / f"{path}-{height}-{width}.png").astype(int) for path in PATHS]
    return int(np.abs(pixels[0] - pixels[1]).max())


if __name__ == "__main__":
    run_command(main)
