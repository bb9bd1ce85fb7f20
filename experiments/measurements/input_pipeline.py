"""How fast training pairs are read, beside a plain PyTorch DataLoader and beside what the training step needs.

    python -m icdpm_experiments.measurements.input_pipeline [--frames=DIR]

Each pipeline runs in a process of its own on the same frames and the same two cores. It needs PyTorch, the extra
`bench`, and about 2 GB for temporary files. The one that reads from a bucket needs TensorFlow I/O, of the same extra, which has
no release for Python 3.12 and later, and is left out there.
"""

import functools
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm.errors import IcdpmError
from icdpm.models.training_step import take_step
from icdpm_experiments.measurements.input_frames import HEIGHT, WIDTH, lay_out_frames, make_frames
from icdpm_experiments.measurements.input_measure import BATCH, CORES, CROP
from icdpm_experiments.paper.published import TABLE11
from icdpm_experiments.results import make_command, print_table, run_in_subprocess, write_results

FLAGS = flags.FLAGS
flags.DEFINE_string("frames", None, "A folder with blur/ and sharp/, pairs of PNG files; without it frames are made.")

MEASURE = "icdpm_experiments.measurements.input_measure"
FRAMES = 160  # so that a batch shows at least 128 different ones
TITLES = {
    "strips": "icdpm, strips",
    "decoding": "icdpm, PNG decoded for every crop",
    "bucket": "icdpm, records in a bucket of 5 ms a read and 100 MB/s",
    "data_loader": "PyTorch DataLoader, 2 workers",
}
_STEPS = 5
# TPU v3 at its peak: 123 TFLOP/s a chip of two cores, eight cores a host. The paper trained on 32 cores.
_PEAK_FLOPS, _TPU_CORES, _HOSTS = 61.5e12, 32, 4


def main(argv):
    """Makes frames, measures, writes results/input."""
    reject_arguments(argv)
    if find_spec("torch") is None:
        raise IcdpmError("PyTorch, to compare with, is not installed: make bench-input installs it (the extra bench)")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = _prepare(folder)
        titles = {name: title for name, title in TITLES.items() if name != "bucket" or find_spec("tensorflow_io")}
        measured = {name: run_in_subprocess(title, MEASURE, name, folder) for name, title in titles.items()}
    rows = [
        {"pipeline": title, **{key: measured[name][key] for key in ("crop_pairs_per_second", "peak_rss_bytes")}}
        for name, title in titles.items()
    ]
    given = rows[0]["crop_pairs_per_second"]
    ratio = given / measured["data_loader"]["crop_pairs_per_second"]
    tiny, paper = _tiny_need(), _paper_need()
    notes = [
        f"The pipeline gives {ratio:.0f} times what the DataLoader gives. Laying the pairs out took",
        f"{measured['strips']['seconds_to_lay_out']} s, once. All frames were in the system's file cache.",
        "The bucket is a server of S3's protocol on the same cores; without TensorFlow I/O its row is missing.",
        f"The tiny config's step needs {tiny:.0f} crop pairs of 64×64 a second on these cores. The paper's largest model (f),",
        f"batch {BATCH} of {CROP}×{CROP} on {_TPU_CORES} TPU v3 cores, would need {paper:.0f} on each of {_HOSTS} hosts at the",
        "TPUs' peak, which no training reaches.",
    ]
    print_table(rows)
    print("\n".join(notes))
    path = write_results(
        "input",
        command=make_command("bench-input", FRAMES=FLAGS.frames and "DIR"),
        data=f"{CROP}×{CROP} crops from {data} of {WIDTH}×{HEIGHT}, batch {BATCH}, {CORES} cores",
        scale="paper",
        rows=rows,
        title="Input pipeline",
        notes=notes,
        ratio=ratio,
        seconds_to_lay_out=measured["strips"]["seconds_to_lay_out"],
        tiny_step_needs=tiny,
        paper_step_needs_per_host=paper,
    )
    print(f"written to {path}")


def _prepare(folder):
    """Frames and their records in `folder`; returns what they are, in words."""
    from icdpm_datasets.prepare.published import prepare_published

    if FLAGS.frames:
        different = lay_out_frames(Path(FLAGS.frames).expanduser(), folder / "tree", FRAMES)
        words = f"{different} pairs of frames" + (f", repeated to {FRAMES}," if different < FRAMES else "")
    else:
        make_frames(folder / "tree", FRAMES)
        words = f"{FRAMES} pairs of composed frames"
    size = np.mean([path.stat().st_size for path in (folder / "tree").rglob("*.png")]) / 1e6
    prepare_published("gopro", folder / "tree", folder / "records", partial=True)
    return f"{words} (PNG of {size:.1f} MB on average)"


def _tiny_need():
    """Crop pairs per second that the tiny config's training step consumes on this machine."""
    import tensorflow as tf

    from icdpm.configs import load_config
    from icdpm.models.registry import build_model
    from icdpm.training.strategy import silence_first_compilation

    silence_first_compilation()
    config = load_config("tiny")
    model = build_model(config)
    model.compile()
    batch, crop = config.data.batch, config.data.crop
    blurry, sharp = tf.random.uniform([2, batch, crop, crop, 3], -1.0, 1.0)
    examples = {"blurry": blurry, "sharp": sharp, "index": tf.range(batch, dtype=tf.int64)}
    step = tf.function(functools.partial(take_step, model), autograph=False)
    step(examples)
    started = time.perf_counter()
    for _ in range(_STEPS):
        step(examples)["loss"].numpy()
    return _STEPS * batch / (time.perf_counter() - started)


def _paper_need():
    """Crop pairs per second and host at which the paper's largest model would train at the TPUs' peak.

    A training step is taken as three times the forward pass, whose FLOPs Table 11 gives for 720×1280.
    """
    _, flops = TABLE11["f"]
    per_pair = 3 * flops * (CROP * CROP) / (720 * 1280)
    return _PEAK_FLOPS * _TPU_CORES / per_pair / _HOSTS


if __name__ == "__main__":
    run_command(main)
