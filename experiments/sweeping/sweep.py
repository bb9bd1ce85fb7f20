"""Settings of samplers, measured over pictures one after the other; a sweep that is killed goes on where it was."""

import dataclasses
import hashlib
import itertools
import sys
import time

import numpy as np

from icdpm.batch.processing import process_images
from icdpm.errors import IcdpmError
from icdpm.evaluation.measure import measure_image
from icdpm.progress import print_above
from icdpm.restoration.restore import restore

# Suffix of what is measured of the mean of a picture's samples, where there are several.
OF_MEAN = "_of_mean"


def sweep(model, pairs, settings, metrics, journal, label="", seed=0):
    """Means over the pictures of what `measure_each` measures: [{metric: mean}] in the order of `settings`."""
    return [means_of(values) for values in measure_each(model, pairs, settings, metrics, journal, label, seed)]


def measure_each(model, pairs, settings, metrics, journal, label="", seed=0):
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
            values = means_of([journal.get(key(each, picture)) for picture in pictures])
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
    return means_of([measure_image(metrics, *pairs.load(index))[0] for index in range(len(pairs))])


def means_of(values):
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
