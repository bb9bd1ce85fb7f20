"""Measures sampling settings over the images of a data set. An interrupted sweep continues where it stopped."""

import dataclasses
import hashlib
import json
import sys
import time
from pathlib import Path

import numpy as np

from icdpm.batch.processing import process_images
from icdpm.errors import IcdpmError
from icdpm.evaluation.measure import measure_image
from icdpm.evaluation.metric_selection import ImageMetric, select_metrics
from icdpm.files import write_atomically
from icdpm.metrics.inputs import as_uint8_pair
from icdpm.models.settings import SamplingSettings
from icdpm.progress import print_above
from icdpm.restoration.restore import restore
from icdpm_experiments.results import abbreviate_home

# Suffix of the metrics of the mean of an image's samples, if there are several samples.
OF_MEAN = "_of_mean"
# {metric: axis label}, in the order of preference for plots of perception against distortion.
_PERCEPTION_LABELS = {
    "lpips_alex": "LPIPS (lower is better)",
    "niqe": "NIQE (lower is better)",
    "detail": "fine detail, relative to the sharp image (1 is right)",
}
DETAIL_PROTOCOL = (
    "mean absolute Laplacian (4 neighbors) of the restored image over that of the sharp image: "
    "below 1 is smoother than the sharp image, above 1 has spurious grain or ringing"
)


def sweep(model, pairs, settings, metrics, journal, label="", seed=0):
    """Measures all settings and returns [{metric: mean over the images}], one dict for each of `settings`.

    Args:
      model, pairs, settings, metrics, journal, label, seed: as for `measure_settings`.
    """
    return [mean_values(values) for values in measure_settings(model, pairs, settings, metrics, journal, label, seed)]


def measure_settings(model, pairs, settings, metrics, journal, label="", seed=0):
    """Restores every image with all settings and measures the results, with a progress bar and a printed line per setting.

    Args:
      model: trained model.
      pairs: `PairSource` whose blurry images are restored.
      settings: list of `SamplingSettings`.
      metrics: {name: ImageMetric}.
      journal: `Journal`. Values that it contains are not measured again.
      label: beginning of the printed lines.
      seed: seed of the samples, the same for all images.

    Returns:
      For each of `settings` a list of {metric: value}, one for each image. If there are several samples, the value is the mean
      over the samples, and the metric of the samples' mean image has the suffix `OF_MEAN`.

    Raises:
      IcdpmError: the model does not sample, or an image cannot be restored or measured.
    """
    if not isinstance(model.settings(), SamplingSettings):
        raise IcdpmError(f"{model.title} models do not sample, so they have no sampling settings to compare.")
    weights = _digest_arrays(model.get_weights())
    images = [{"picture": name, "pixels": _digest_arrays(pairs.load(index))} for index, name in enumerate(pairs.names)]
    shared = {"weights": weights, "seed": seed, "metrics": ",".join(metrics)}
    keys = {each: [{**image, **shared, **dataclasses.asdict(each)} for image in images] for each in settings}
    started = {}

    def print_if_complete(each):
        values = [journal.get(key) for key in keys[each]]
        if values and None not in values:
            numbers = ", ".join(f"{metric} {value:.4g}" for metric, value in mean_values(values).items())
            seconds = f" ({time.time() - started[each]:.0f} s)" if each in started else ""
            print_above(f"{label}{each}: {numbers}{seconds}", sys.stdout)

    def measure_one(item, on_step):
        each, index = item
        started.setdefault(each, time.time())
        blurry, sharp = pairs.load(index)
        restored = restore(model, blurry, each, seed=seed, on_step=on_step, keep_samples=True)
        journal.add(keys[each][index], _measure_restored(metrics, restored, sharp))
        print_if_complete(each)

    for each in keys:
        print_if_complete(each)
    missing = [(each, index) for each in keys for index, key in enumerate(keys[each]) if journal.get(key) is None]
    _, failures = process_images(
        missing,
        measure_one,
        name=lambda item: f"{item[0]}, {pairs.names[item[1]]}",
        steps=lambda item: item[0].evaluations,
        unit="evaluation",
    )
    if failures:
        raise IcdpmError(failures[0])
    return [[journal.get(key) for key in keys[each]] for each in settings]


def measure_blurry(pairs, metrics):
    """Returns {metric: mean over the images} of the blurry images."""
    return mean_values([measure_image(metrics, *pairs.load(index))[0] for index in range(len(pairs))])


def mean_values(values):
    """Returns {metric: mean} of a list of {metric: value}."""
    return {metric: float(np.mean([value[metric] for value in values])) for metric in values[0]}


def _measure_restored(metrics, restored, sharp):
    samples = [measure_image(metrics, sample, sharp)[0] for sample in restored.samples]
    values = {name: float(np.mean([sample[name] for sample in samples])) for name in metrics}
    if len(samples) > 1:
        of_mean, _ = measure_image(metrics, restored.pixels, sharp)
        values.update({name + OF_MEAN: value for name, value in of_mean.items()})
    return values


def _digest_arrays(arrays):
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


class Journal:
    """Append-only file of measured values, one JSON line {"key": {...}, "values": {...}} for each measurement.

    Args:
      path: the file. It is created if it is missing. An incomplete last line, left by a killed process, is dropped.

    Raises:
      IcdpmError: another line is damaged.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._values = {}
        if not self.path.exists():
            return
        *lines, incomplete = self.path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                self._values[_key_text(entry["key"])] = entry["values"]
            except (ValueError, KeyError, TypeError) as error:
                raise IcdpmError(f"{self.path}, line {number}, is damaged. Delete the line; it is measured again.") from error
        if incomplete:
            with write_atomically(self.path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def get(self, key):
        """Returns the values stored under a flat dict, or `None`."""
        return self._values.get(_key_text(key))

    def add(self, key, values):
        """Stores values (a flat dict) under a key (a flat dict)."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a") as file:
            file.write(json.dumps({"key": key, "values": values}) + "\n")
        self._values[_key_text(key)] = values


def _key_text(key):
    return json.dumps(key, sort_keys=True)


def available_metrics(names, pairs):
    """Selects the metrics that can be measured on this machine and these images.

    Args:
      names: names for `icdpm.evaluation.metric_selection.select_metrics`. `detail` is always added.
      pairs: `PairSource`. The metrics are tried on its first pair.

    Returns:
      ({name: ImageMetric}, {name of an unavailable metric: reason}).
    """
    metrics = {**select_metrics(names).image_metrics, "detail": ImageMetric(detail, DETAIL_PROTOCOL, False, of="pair")}
    reasons = {}
    for name, metric in metrics.items():
        try:
            reasons.update(measure_image({name: metric}, *pairs.load(0))[1])
        except IcdpmError as error:
            reasons[name] = str(error)
    reasons = {name: abbreviate_home(reason) for name, reason in reasons.items()}
    return {name: metric for name, metric in metrics.items() if name not in reasons}, reasons


def perception_metric(metrics):
    """Returns (name, axis label) of the preferred perceptual metric among the measured metrics."""
    return next((name, label) for name, label in _PERCEPTION_LABELS.items() if name in metrics)


def detail(restored, sharp):
    """Returns the fine detail of a restored image relative to the sharp image. It requires no weights.

    Args:
      restored, sharp: images as `icdpm.metrics` takes them, at least 3×3. The sharp image must not be of a single color.

    Returns:
      Ratio of the mean absolute Laplacians; 1 is right.
    """
    restored, sharp = as_uint8_pair(restored, sharp)
    return float(_mean_laplacian(restored) / _mean_laplacian(sharp))


def _mean_laplacian(image):
    image = image.astype(np.float64)
    neighbors = image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:]
    return np.abs(4 * image[1:-1, 1:-1] - neighbors).mean()
