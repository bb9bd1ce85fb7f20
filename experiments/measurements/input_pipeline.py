"""Measures how many training pairs per second the input pipeline reads, compared with a PyTorch DataLoader.

    python -m icdpm_experiments.measurements.input_pipeline [--frames=DIR]

Each pipeline runs in a process of its own, on the same frames and the same two cores. Rates per CPU second are comparable on a
busy machine too. File formats that records could store are also compared. Requires PyTorch (extra `bench`) and about 1 GB for
temporary files. Reading from a bucket requires TensorFlow I/O (also in `bench`), which has no release for Python 3.12 and
later; that row is omitted there. Writes results/input.json and input.md.
"""

import functools
import os
import resource
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import PIL.Image
from absl import flags

from icdpm.cli import reject_arguments, run_command, silence_tensorflow
from icdpm.errors import IcdpmError
from icdpm_experiments.measurements.input_formats import measure_formats
from icdpm_experiments.measurements.input_frames import HEIGHT, SEQUENCE, WIDTH, lay_out_frames, make_frames
from icdpm_experiments.paper.published import TABLE11
from icdpm_experiments.results import make_command, markdown_table, print_table, run_in_subprocess, write_results

FLAGS = flags.FLAGS
FRAMES = 160  # so that a batch shows at least 128 different frames
BATCH, CROP = 256, 128
CORES = 2
TITLES = {
    "records": "icdpm, records on a disk",
    "bucket": "icdpm, records in a bucket of 5 ms a read and 100 MB/s",
    "folder": "icdpm, folder of PNG files, decoded for every crop",
    "data_loader": f"PyTorch DataLoader, {CORES} workers",
}
_MEASURED_SECONDS = 10.0  # minimum, after the warm-up
_LOADER_BATCHES = 6  # of which two, one for each worker, are the warm-up
_TRAINING_STEPS = 5
# TPU v3: peak of 123 TFLOP/s per chip of two cores, eight cores per host. The paper trained on 32 cores.
_PEAK_FLOPS, _TPU_CORES, _HOSTS = 61.5e12, 32, 4


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_string("frames", None, "Folder of PNG pairs in blur/ and sharp/. Default: synthetic frames.")


def main(argv):
    """Prepares frames, measures all pipelines and writes results/input."""
    reject_arguments(argv)
    if find_spec("torch") is None:
        raise IcdpmError("PyTorch, which is compared with, is not installed. Run make bench-input, which installs it.")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = _prepare_records(folder)
        titles = {name: title for name, title in TITLES.items() if name != "bucket" or find_spec("tensorflow_io")}
        measured = {name: run_in_subprocess(title, measure_pipeline, name, folder) for name, title in titles.items()}
        formats = run_in_subprocess("file formats", measure_formats, folder / "tree" / SEQUENCE)
    rows = [{"pipeline": title, **measured[name]} for name, title in titles.items()]
    ratio = rows[0]["crop_pairs_per_cpu_second"] / rows[-1]["crop_pairs_per_cpu_second"]
    tiny, paper = _measure_tiny_training(), _compute_paper_training()
    notes = [
        f"Per CPU second, records on a disk give {ratio:.0f} times as many pairs as the DataLoader. All frames were in the",
        "system's file cache. The bucket is an S3 server on the same cores, whose CPU time is not counted. Without TensorFlow",
        "I/O its row is missing.",
        f"A training step of the config `tiny` needs {tiny:.0f} crop pairs of 64×64 per second on these cores. The paper's",
        f"largest model (f), batch {BATCH} of {CROP}×{CROP} on {_TPU_CORES} TPU v3 cores, would need {paper:.0f} on each of",
        f"{_HOSTS} hosts at the peak performance of the TPUs, which no training reaches.",
        "",
        "Formats of an image, mean of size and of CPU time for decoding:",
        "",
        *markdown_table(formats),
    ]
    print_table(rows)
    print("\n".join(notes))
    path = write_results(
        "input",
        command=make_command("bench-input", FRAMES=FLAGS.frames),
        data=f"{CROP}×{CROP} crops from {data} of {WIDTH}×{HEIGHT}, batch {BATCH}, {CORES} cores",
        scale="paper",
        rows=rows,
        title="Input pipeline",
        notes=notes,
        ratio=ratio,
        formats=formats,
        tiny_step_needs=tiny,
        paper_step_needs_per_host=paper,
    )
    print(f"Numbers: {path}")


def _prepare_records(folder):
    """Writes frames and their records to `folder` and returns their description."""
    from icdpm_datasets.prepare.published import prepare_published

    if FLAGS.frames:
        count = lay_out_frames(Path(FLAGS.frames).expanduser(), folder / "tree", FRAMES)
        description = f"{count} pairs of frames" + (f", repeated to {FRAMES}," if count < FRAMES else "")
    else:
        make_frames(folder / "tree", FRAMES)
        description = f"{FRAMES} pairs of composed frames"
    size = np.mean([path.stat().st_size for path in (folder / "tree").rglob("*.png")]) / 1e6
    prepare_published("gopro", folder / "tree", folder / "records", partial=True)
    return f"{description} (PNG of {size:.1f} MB on average)"


def _measure_tiny_training():
    """Returns the crop pairs per second that a training step of the config `tiny` consumes on this machine."""
    import tensorflow as tf

    from icdpm.configs import load_config
    from icdpm.models.registry import build_model
    from icdpm.models.training_step import take_step
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
    for _ in range(_TRAINING_STEPS):
        step(examples)["loss"].numpy()
    return _TRAINING_STEPS * batch / (time.perf_counter() - started)


def _compute_paper_training():
    """Returns the crop pairs per second and host that the paper's largest model consumes at the peak of the TPUs.

    The FLOPs of a training step are estimated as three times those of the forward pass, which Table 11 states for 720×1280.
    """
    _, flops = TABLE11["f"]
    per_pair = 3 * flops * (CROP * CROP) / (720 * 1280)
    return _PEAK_FLOPS * _TPU_CORES / per_pair / _HOSTS


def measure_pipeline(name, folder):
    """Measures one input pipeline on `CORES` cores; runs in a process of its own.

    Args:
      name: one of `TITLES`.
      folder: folder of tree/ (frames) and records/ (records of the frames).

    Returns:
      Dict of `crop_pairs_per_second`, `crop_pairs_per_cpu_second`, `cpu_seconds_to_first_batch` and `peak_rss_bytes`.
    """
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    silence_tensorflow()
    measure = {
        "records": _measure_records,
        "bucket": _measure_bucket,
        "folder": _measure_folder,
        "data_loader": _measure_data_loader,
    }[name]
    return measure(Path(folder))


def _measure_records(folder):
    """Measures the pipeline on records on a disk."""
    from icdpm_datasets.load import load_pairs

    return _measure_dataset(load_pairs("gopro", "train", folder / "records"), warm_up=3)


def _measure_bucket(folder):
    """Measures the pipeline on records in a slow bucket, whose server runs on the same cores."""
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.measurements.throttled_bucket import BUCKET, throttled_bucket

    with throttled_bucket(folder) as environment:
        os.environ.update(environment)
        return _measure_dataset(load_pairs("gopro", "train", f"s3://{BUCKET}/records"), warm_up=3)


def _measure_folder(folder):
    """Measures the pipeline on a user's own folder: a whole PNG is decoded for every crop."""
    from icdpm_datasets.folders import FolderPairs

    return _measure_dataset(FolderPairs(folder / "tree" / SEQUENCE), warm_up=1)


def _measure_dataset(pairs, warm_up):
    from icdpm_datasets.pipeline import training_dataset

    return _measure_rate(lambda: iter(training_dataset(pairs, batch=BATCH, crop=CROP, seed=0)), warm_up)


def _measure_data_loader(folder):
    """Measures the common PyTorch pipeline: two PNG files are decoded, cropped and flipped for every example."""
    import torch

    pairs = _TorchPairs(folder / "tree" / SEQUENCE, CROP)
    epochs = -(-BATCH * _LOADER_BATCHES // len(pairs))
    order = torch.cat([torch.randperm(len(pairs)) for _ in range(epochs)]).tolist()[: BATCH * _LOADER_BATCHES]
    loader = torch.utils.data.DataLoader(pairs, BATCH, sampler=order, num_workers=CORES)
    started = time.process_time()
    measured = _measure_rate(loader.__iter__, warm_up=2, batches=_LOADER_BATCHES - 2)
    own = time.process_time() - started
    del loader  # ends the workers, after which their memory and CPU time are known
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own + workers.ru_utime + workers.ru_stime  # of all batches
    return {
        **measured,
        "crop_pairs_per_cpu_second": BATCH * _LOADER_BATCHES / cpu,
        "cpu_seconds_to_first_batch": cpu / _LOADER_BATCHES,
        "peak_rss_bytes": measured["peak_rss_bytes"] + CORES * workers.ru_maxrss * 1024,
    }


class _TorchPairs:
    """Map-style PyTorch data set of random crops: (blurry, sharp), float32 [3, crop, crop] in [−1, 1].

    It does not derive from `torch.utils.data.Dataset`, so that this module can be imported without PyTorch.
    """

    def __init__(self, folder, crop):
        self._folder, self._crop = folder, crop
        self._files = sorted(path.name for path in (folder / "sharp").iterdir())

    def __len__(self):
        return len(self._files)

    def __getitem__(self, index):
        import torch

        images = [_decode_png(self._folder / side / self._files[index]) for side in ("blur", "sharp")]
        positions = [size - self._crop + 1 for size in images[1].shape[:2]]
        top, left, flipped = (int(torch.randint(limit, ())) for limit in (*positions, 2))
        window = slice(top, top + self._crop), slice(left, left + self._crop)
        crops = [image[window][:, ::-1] if flipped else image[window] for image in images]
        return tuple(torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))).float() / 127.5 - 1.0 for crop in crops)


def _decode_png(path):
    with PIL.Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _measure_rate(make_iterator, warm_up, batches=None):
    """Measures crop pairs per second and per CPU second, and the peak memory of this process.

    Args:
      make_iterator: returns an iterator of batches of pairs.
      warm_up: number of batches before the measurement.
      batches: number of measured batches. Default: as many as arrive in `_MEASURED_SECONDS`.
    """
    cpu_started = time.process_time()
    iterator = make_iterator()
    next(iterator)
    first = time.process_time() - cpu_started
    for _ in range(warm_up - 1):
        next(iterator)
    count, started, cpu_started = 0, time.perf_counter(), time.process_time()
    while count < batches if batches else time.perf_counter() - started < _MEASURED_SECONDS:
        next(iterator)
        count += 1
    return {
        "crop_pairs_per_second": count * BATCH / (time.perf_counter() - started),
        "crop_pairs_per_cpu_second": count * BATCH / (time.process_time() - cpu_started),
        "cpu_seconds_to_first_batch": first,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


if __name__ == "__main__":
    define_flags()
    run_command(main)
