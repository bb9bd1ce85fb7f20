"""Settings of samplers, measured over pictures one after the other; a sweep that is killed goes on where it was."""

import dataclasses
import hashlib
import itertools
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
from icdpm.metrics.as_uint8 import as_uint8_pair
from icdpm.progress import print_above
from icdpm.restoration.restore import restore
from icdpm_experiments.results import abbreviate_home

# Suffix of what is measured of the mean of a picture's samples, where there are several.
OF_MEAN = "_of_mean"


def sweep(model, pairs, settings, metrics, journal, label="", seed=0):
    """Means over the pictures of what `measure_settings` measures: [{metric: mean}] in the order of `settings`."""
    return [mean_values(values) for values in measure_settings(model, pairs, settings, metrics, journal, label, seed)]


def measure_settings(model, pairs, settings, metrics, journal, label="", seed=0):
    """Measures every picture by every setting, with a progress bar and a printed line for each setting.

    Args:
      model: a trained model.
      pairs: a `PairSource`, all of whose blurry pictures are restored.
      settings: list of `Settings`.
      metrics: {name: ImageMetric}.
      journal: a `Journal`; what it holds is not measured again.
      label: what the printed lines begin with.
      seed: of the samples, the same for all pictures.

    Returns:
      [[{metric: value} of each picture] of each of `settings`]. Of several samples a picture's value is their mean; that of
      their average is under the metric's name with `OF_MEAN`.
    """
    weights = _digest(model.get_weights())
    pictures = [{"picture": name, "pixels": _digest(pairs.load(index))} for index, name in enumerate(pairs.names)]

    def key(each, picture):
        return {**picture, "weights": weights, "seed": seed, **dataclasses.asdict(each), "metrics": ",".join(metrics)}

    started, waiting = {}, {each: {picture["picture"] for picture in pictures} for each in settings}

    def is_known(each, picture):
        return journal.get(key(each, picture)) is not None

    def note_known(each, picture):
        """Prints a setting's means once its last picture is measured."""
        waiting[each].discard(picture["picture"])
        if not waiting[each]:
            values = mean_values([journal.get(key(each, picture)) for picture in pictures])
            numbers = ", ".join(f"{metric} {value:.4g}" for metric, value in values.items())
            seconds = f" ({time.time() - started[each]:.0f} s)" if each in started else ""
            print_above(f"{label}{each}: {numbers}{seconds}", sys.stdout)

    def measure_one(item, on_step):
        each, index = item
        started.setdefault(each, time.time())
        blurry, sharp = pairs.load(index)
        restored = restore(model, blurry, each, seed=seed, on_step=on_step, keep_samples=True)
        journal.add(key(each, pictures[index]), _values(metrics, restored, sharp))
        note_known(each, pictures[index])

    for each, picture in itertools.product(waiting, pictures):
        if is_known(each, picture):
            note_known(each, picture)
    missing = [
        (each, index) for each in waiting for index, picture in enumerate(pictures) if not is_known(each, picture)
    ]
    failures = process_images(
        missing,
        measure_one,
        name=lambda item: f"{item[0]}, {pairs.names[item[1]]}",
        steps=lambda item: item[0].evaluations,
        unit="evaluation",
    )
    if failures:
        raise IcdpmError(failures[0])
    return [[journal.get(key(each, picture)) for picture in pictures] for each in settings]


def measure_blurry(pairs, metrics):
    """{metric: mean over the pictures} of the blurry pictures as they are."""
    return mean_values([measure_image(metrics, *pairs.load(index))[0] for index in range(len(pairs))])


def mean_values(values):
    """{metric: mean} over the pictures of a list of {metric: value}."""
    return {metric: float(np.mean([value[metric] for value in values])) for metric in values[0]}


def _values(metrics, restored, sharp):
    samples = [measure_image(metrics, sample, sharp)[0] for sample in restored.samples]
    values = {name: float(np.mean([sample[name] for sample in samples])) for name in metrics}
    if len(samples) > 1:
        of_mean, _ = measure_image(metrics, restored.pixels, sharp)
        values.update({name + OF_MEAN: value for name, value in of_mean.items()})
    return values


def _digest(arrays):
    """Tells one list of arrays from another."""
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


class Journal:
    """A file of lines of JSON, {"key": {...}, "values": {...}}, each appended as soon as it is known.

    Args:
      path: of the file; made where it is missing. A last line that a kill has torn is dropped.

    Raises:
      IcdpmError: another line cannot be read.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._values = {}
        if not self.path.exists():
            return
        *lines, torn = self.path.read_text().split("\n")
        for number, line in enumerate(lines, 1):
            try:
                entry = json.loads(line)
                self._values[_text(entry["key"])] = entry["values"]
            except (ValueError, KeyError, TypeError) as error:
                raise IcdpmError(f"{self.path}, line {number}, is damaged; delete it, and it is measured again") from error
        if torn:
            with write_atomically(self.path) as temporary:
                temporary.write_text("".join(f"{line}\n" for line in lines))

    def get(self, key):
        """The values kept under a key (a flat dict), or None."""
        return self._values.get(_text(key))

    def add(self, key, values):
        """Keeps values (a flat dict) under a key."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a") as file:
            file.write(json.dumps({"key": key, "values": values}) + "\n")
        self._values[_text(key)] = values


def _text(key):
    return json.dumps(key, sort_keys=True)


# {metric: label of its axis}; the first that is available is drawn.
_PERCEPTION = {
    "lpips_alex": "LPIPS (less is better)",
    "niqe": "NIQE (less is better)",
    "detail": "fine detail, relative to the sharp picture (1 is right)",
}


def available_metrics(names, pairs):
    """Those of the metrics that can be measured here of these pictures, and `detail`, which always can.

    Args:
      names: of `icdpm.evaluation.metric_selection.select_metrics`.
      pairs: a `PairSource`; its first pair is tried.

    Returns:
      ({name: ImageMetric}, {name: why it cannot be measured}).
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
    """(name, label of the axis) of the metric that stands for perception, of those that were measured."""
    return next((name, label) for name, label in _PERCEPTION.items() if name in metrics)


DETAIL_PROTOCOL = (
    "mean absolute Laplacian (4 neighbours) of the restored picture over that of the sharp one: "
    "below 1 is smoother than the truth, above 1 has grain or ringing that is not there"
)


def detail(restored, sharp):
    """The ratio; 1 is right. Pictures as `icdpm.metrics` takes them, 3×3 or larger and the sharp one not of one colour."""
    restored, sharp = as_uint8_pair(restored, sharp)
    return float(_laplacian(restored) / _laplacian(sharp))


def _laplacian(picture):
    picture = picture.astype(np.float64)
    neighbours = picture[:-2, 1:-1] + picture[2:, 1:-1] + picture[1:-1, :-2] + picture[1:-1, 2:]
    return np.abs(4 * picture[1:-1, 1:-1] - neighbours).mean()
