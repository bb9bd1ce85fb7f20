"""Measures one input pipeline, in a process of its own, and prints a line of JSON.

python -m icdpm_experiments.measurements.input_measure PIPELINE FOLDER
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

from icdpm.announcements import silence_tensorflow
from icdpm_experiments.measurements.input_frames import SEQUENCE

BATCH, CROP = 256, 128
CORES = 2
_SECONDS = 10.0  # at least, after the warm-up
_LOADER_BATCHES = 6  # of which two, one for each worker, warm up


def measure_strips(folder):
    """The project's own pipeline, on strips."""
    from icdpm_datasets.published.crop_cache import CropCache

    started = time.perf_counter()
    pairs = CropCache("gopro", "train", folder / "records")
    seconds = time.perf_counter() - started
    return {**_measure_dataset(pairs, warm_up=3), "seconds_to_lay_out": round(seconds, 1), "frames": len(pairs)}


def measure_decoding(folder):
    """The same pipeline on the records themselves: a whole PNG decoded for every crop."""
    from icdpm_datasets.published.recorded import RecordedPairs

    return _measure_dataset(RecordedPairs("gopro", "train", folder / "records"), warm_up=1)


def _measure_dataset(pairs, warm_up):
    from icdpm_datasets.pipeline import training_dataset

    return _timed(iter(training_dataset(pairs, batch=BATCH, crop=CROP, seed=0)), warm_up)


def measure_bucket(folder):
    """The project's own pipeline, on records in a slow bucket, whose server has the same cores."""
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.measurements.throttled_bucket import BUCKET, throttled_bucket

    with throttled_bucket(folder) as environment:
        os.environ.update(environment)
        return _measure_dataset(load_pairs("gopro", "train", f"s3://{BUCKET}/records"), warm_up=3)


def measure_data_loader(folder):
    """The plain DataLoader, two workers."""
    from icdpm_experiments.measurements.torch_loader import data_loader

    loader = data_loader(folder / "tree" / SEQUENCE, batch=BATCH, crop=CROP, batches=_LOADER_BATCHES, workers=CORES)
    measured = _timed(iter(loader), warm_up=2, batches=_LOADER_BATCHES - 2)
    del loader  # ends the workers, whose memory is known then
    workers = CORES * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {**measured, "peak_rss_bytes": measured["peak_rss_bytes"] + workers}


def _timed(batches_of_pairs, warm_up, batches=None):
    """Crop pairs per second over `batches` batches, or over as many as come in `_SECONDS`, after some to warm up."""
    for _ in range(warm_up):
        next(batches_of_pairs)
    done, started = 0, time.perf_counter()
    while done < batches if batches else time.perf_counter() - started < _SECONDS:
        next(batches_of_pairs)
        done += 1
    rate = done * BATCH / (time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"crop_pairs_per_second": rate, "peak_rss_bytes": peak}


PIPELINES = {
    "strips": measure_strips,
    "decoding": measure_decoding,
    "bucket": measure_bucket,
    "data_loader": measure_data_loader,
}


if __name__ == "__main__":
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    silence_tensorflow()
    print(json.dumps(PIPELINES[sys.argv[1]](Path(sys.argv[2]))), flush=True)
    if "tensorflow_io" in sys.modules:
        os._exit(0)  # the AWS library inside it aborts at the end of Python
