"""Measures one way to restore a picture, in a process of its own, and prints a line of JSON.

    python -m icdpm_experiments.measurements.export_measure python WORKDIR ANSWER HEIGHT WIDTH
    python -m icdpm_experiments.measurements.export_measure saved_model MODEL ANSWER HEIGHT WIDTH

At last a picture of 16 bits is restored to ANSWER, for comparison.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from icdpm.announcements import silence_tensorflow
from icdpm.images.formats import FORMATS, Image
from icdpm.images.reading import decode_image
from icdpm.images.writing import encode_image

_REPEATED = 3


def load_python(workdir):
    """A function of the bytes of a PNG file, as icdpm-deblur restores it."""
    from icdpm.models.workdir import load
    from icdpm.restoration.restore import restore

    model = load(workdir, precision="float32")
    settings = model.settings()
    png = FORMATS["png"]
    return lambda content: encode_image(Image(restore(model, decode_image(content, "noise").pixels, settings).pixels), png)


def load_saved_model(folder):
    """The same function, by the exported graph."""
    import tensorflow as tf

    model = tf.saved_model.load(folder)  # kept by the function, as its variables live no longer than it

    def restore(content):
        answer = model.signatures["serving_default"](image_bytes=tf.constant([content]))
        assert answer["error"].numpy()[0] == b"", answer["error"]
        return answer["image_bytes"].numpy()[0]

    return restore


PATHS = {"python": load_python, "saved_model": load_saved_model}


def noise(height, width, dtype):
    """The bytes of a PNG file."""
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, 3), dtype)
    return encode_image(Image(pixels), FORMATS["png"])


def measure(path, source, answer, height, width):
    """Seconds to load, to answer first, and to answer."""
    import tensorflow  # noqa: F401 - its import is not measured

    def timed(function, *arguments):
        started = time.perf_counter()
        result = function(*arguments)
        return time.perf_counter() - started, result

    load_seconds, restore = timed(PATHS[path], source)
    content = noise(height, width, np.uint8)
    seconds = [timed(restore, content)[0] for _ in range(1 + _REPEATED)]
    Path(answer).write_bytes(restore(noise(height, width, np.uint16)))
    return {"load_seconds": load_seconds, "first_seconds": seconds[0], "steady_seconds": statistics.median(seconds[1:])}


if __name__ == "__main__":
    silence_tensorflow()
    print(json.dumps(measure(*sys.argv[1:4], *map(int, sys.argv[4:]))))
