"""Measures the pictures of a test set, one after the other: no more than a few of them are in memory."""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import functools
import math
import multiprocessing
import os
import signal
from collections.abc import Mapping
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np

from icdpm.batch.processing import deferred_interrupts
from icdpm.cli import silence_tensorflow
from icdpm.errors import IcdpmError
from icdpm.evaluation.alignment import align
from icdpm.evaluation.metric_selection import MetricSelection
from icdpm.evaluation.results import ImageResults
from icdpm.metrics.weights import MetricUnavailable
from icdpm.progress import progress_bar

_MOST_WORKERS = 16


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured of a test set.

    Attributes:
      description: of the test set, one line.
      names: of its pairs.
      metrics: the MetricSelection.
      values: {method: {metric: float64 [pictures]}} of metrics of pictures, in the order of `names`.
      set_values: {method: {metric: number}} of metrics of sets.
      unavailable: {metric: why it could not be measured}.
    """

    description: str
    names: list
    metrics: MetricSelection
    values: Mapping[str, Mapping[str, np.ndarray]]
    set_values: Mapping[str, Mapping[str, float]]
    unavailable: Mapping[str, str]


def measure(pairs, metrics, output, workers=None):
    """Measures every method of a test set, with progress bars. Started again after whatever stopped it, it continues.

    Args:
      pairs: a `pairing.PairedSet`.
      metrics: of `choice.select_metrics`.
      output: folder for METHOD.csv of each method, with its values by picture.
      workers: number of processes; None: as many as cores, from 2 to 16. One works in this process.

    Returns:
      A Measured.

    Raises:
      IcdpmError: a picture cannot be read or measured; what was measured before is in `output`.
    """
    workers = workers or min(max(2, os.cpu_count() or 2), _MOST_WORKERS)
    unavailable, results = {}, {}
    with contextlib.ExitStack() as stack:
        check_interrupt = stack.enter_context(deferred_interrupts())
        for method in pairs.methods:
            stamps = _stamps(pairs, method)
            results[method] = stack.enter_context(ImageResults(Path(output) / f"{method}.csv", metrics.image_metrics, stamps))
        _measure_pictures(pairs, metrics.image_metrics, results, unavailable, workers, check_interrupt)
        set_values = _measure_sets(pairs, metrics, unavailable, check_interrupt)
    available = [name for name in metrics.image_metrics if name not in unavailable]
    values = {
        method: {metric: np.array([kept.values[name][metric] for name in pairs.sharp]) for metric in available}
        for method, kept in results.items()
    }
    return Measured(pairs.description, list(pairs.sharp), metrics, values, set_values, unavailable)


def measure_image(metrics, restored, sharp):
    """Measures one picture.

    Args:
      metrics: {name: ImageMetric}.
      restored, sharp: uint8 [height, width, 3].

    Returns:
      ({name: value}, {name: why it is not available}).

    Raises:
      IcdpmError: a metric cannot be computed of these pictures.
    """
    values, unavailable, aligned = {}, {}, None
    for name, metric in metrics.items():
        try:
            if metric.of == "pair":
                values[name] = metric.function(restored, sharp)
            elif metric.of == "restored":
                values[name] = metric.function(restored)
            else:
                aligned = aligned or align(restored, sharp)
                values[name] = metric.function(aligned)
        except MetricUnavailable as error:
            unavailable[name] = str(error)
        except ValueError as error:  # which IcdpmError is too
            raise IcdpmError(f"{name} cannot be measured: {error}") from error
        if math.isnan(values.get(name, 0.0)):
            raise IcdpmError(f"{name} cannot be measured: it came out as not a number")
    return values, unavailable


def _stamps(pairs, method):
    pictures = pairs.methods[method]
    return {name: f"{pictures[name].stamp()} {sharp.stamp()}" for name, sharp in pairs.sharp.items()}


def _measure_pictures(pairs, image_metrics, results, unavailable, workers, check_interrupt):
    """Measures what `results` lack and adds it to them; fills `unavailable` in."""
    tasks = [(name, method) for name in pairs.sharp for method in pairs.methods if results[method].missing(name)]
    read_sharp = functools.lru_cache(maxsize=1)(lambda name: pairs.sharp[name].read())

    def start(task):
        name, method = task
        missing = {metric: image_metrics[metric] for metric in results[method].missing(name) if metric not in unavailable}
        if not missing:
            return []
        pictures = pairs.methods[method][name].read(), read_sharp(name)
        parts = [
            (place, {each: metric for each, metric in missing.items() if metric.in_tensorflow == in_tensorflow})
            for place, in_tensorflow in ((pool, False), (ThisProcess(), True))
        ]
        return [place.submit(measure_image, part, *pictures) for place, part in parts if part]

    with progress_bar("measuring", len(tasks)) as bar, worker_pool(workers) as pool:
        try:
            for (name, method), futures in started_ahead(tasks, start, 2 * workers):
                values = {}
                for future in futures:
                    of_part, reasons = _result(future, pairs.methods[method][name])
                    values.update(of_part)
                    unavailable.update(reasons)
                if values:
                    results[method].add(name, values)
                bar.update()
                check_interrupt()
        except BrokenProcessPool as error:
            raise IcdpmError("a worker process was ended, perhaps for lack of memory; the same command continues") from error


def _result(future, picture):
    try:
        return future.result()
    except IcdpmError as error:
        raise IcdpmError(f"{picture}: {error}") from error


def _measure_sets(pairs, metrics, unavailable, check_interrupt):
    """{method: {metric: value}} of metrics of whole sets; fills `unavailable` in."""
    values = {method: {} for method in pairs.methods}
    if not metrics.set_metrics:
        return values
    sets = [pairs.sharp, *pairs.methods.values()]
    features = []
    try:
        with progress_bar("Inception features", sum(map(len, sets))) as bar:
            for pictures in sets:
                rows = []
                for picture in pictures.values():
                    rows.append(_features(metrics, picture))
                    bar.update()
                    check_interrupt()
                features.append(np.concatenate(rows))
    except MetricUnavailable as error:
        unavailable.update(dict.fromkeys(metrics.set_metrics, str(error)))
        return values
    sharp, *restored = features
    for method, of_method in zip(values, restored):
        for name, metric in metrics.set_metrics.items():
            try:
                values[method][name] = metric.function(of_method, sharp)
            except ValueError as error:
                raise IcdpmError(f"{name} cannot be measured: {error}") from error
    return values


def _features(metrics, picture):
    pixels = picture.read()
    try:
        return metrics.features(pixels)
    except IcdpmError:
        raise
    except ValueError as error:
        raise IcdpmError(f"{picture}: {' and '.join(metrics.set_metrics)} cannot be measured: {error}") from error


@contextlib.contextmanager
def worker_pool(workers):
    """A pool with a `submit(function, *arguments)` that gives a future. One worker is this process, at once."""
    if workers == 1:
        yield ThisProcess()
        return
    # Not forked: TensorFlow's threads would not survive it.
    pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), silence_tensorflow)
    try:
        yield OtherProcesses(pool)
    finally:
        pool.shutdown(cancel_futures=True)


class OtherProcesses:
    """A ProcessPoolExecutor whose processes leave Ctrl-C to this one."""

    def __init__(self, pool):
        self._pool = pool

    def submit(self, function, *arguments):
        """A future."""
        # Here processes are started, when they are needed, and they inherit which signals are blocked.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.submit(function, *arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ThisProcess:
    """A pool whose work is done when it is submitted."""

    def submit(self, function, *arguments):
        """A future that is done."""
        future = concurrent.futures.Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def started_ahead(tasks, start, ahead):
    """Yields (task, start(task)) in the tasks' order, each after up to `ahead` later ones have been started.

    Where starting one fails, those before it are yielded first.
    """
    under_way = collections.deque()
    for task in tasks:
        try:
            under_way.append((task, start(task)))
        except Exception:
            yield from under_way
            raise
        if len(under_way) > ahead:
            yield under_way.popleft()
    yield from under_way
