"""Time and memory of icdpm-deblur as people run it: a process, from file to file."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import PIL.Image

from icdpm.errors import IcdpmError
from icdpm_experiments.measurements.tile_sizes import HEIGHT, LARGE, STEPS, WIDTH

DEBLUR = str(Path(sys.executable).with_name("icdpm-deblur"))
# (which picture, flags).
RUNS = (
    ("photo.png", ()),
    ("photo.png", ("--tile=512",)),
    ("photo.png", ("--samples=8", "--spread")),
    ("large.jpg", ()),
    ("large.png", ("--sampler=dpmpp_2m", "--samples=2", "--spread", "--keep_samples", "--compare")),
)
# Of models that have no samples to draw.
RUNS_AT_ONCE = (("photo.png", ()), ("photo.png", ("--tile=512",)), ("large.jpg", ()))


def measure_runs(folder, workdir, photo, sampled=True):
    """Rows of time and memory of icdpm-deblur.

    Args:
      folder: for what is restored.
      workdir: of the model.
      photo: uint8 [HEIGHT, WIDTH, 3]; it is also enlarged to `LARGE`.
      sampled: whether the model draws samples in steps.
    """
    sampling = (f"--steps={STEPS}", "--max_noise_variance=0.5") if sampled else ()
    picture = PIL.Image.fromarray(photo)
    picture.save(folder / "photo.png")
    large = np.asarray(picture.resize(LARGE, PIL.Image.Resampling.BICUBIC))
    # Sensor noise: files then are as large as a camera's.
    noise = np.random.default_rng(0).integers(-3, 4, large.shape, np.int8)
    large = PIL.Image.fromarray(np.clip(large.astype(np.int16) + noise, 0, 255).astype(np.uint8))
    large.save(folder / "large.jpg", quality=95)
    large.save(folder / "large.png", compress_level=1)
    rows = []
    for number, (name, flags_given) in enumerate(RUNS if sampled else RUNS_AT_ONCE):
        print(f"icdpm-deblur {name} {' '.join(flags_given)}", flush=True)
        target = folder / f"restored-{number}" / name
        command = [DEBLUR, str(folder / name), f"--workdir={workdir}", f"--output={target}"]
        started = time.perf_counter()
        process = subprocess.Popen([*command, *sampling, *flags_given])
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
