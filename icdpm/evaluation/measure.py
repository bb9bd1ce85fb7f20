"""Measures the restored images of a test set in worker processes. Only a few images are in memory at a time."""

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
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Callable, Protocol, TypeVar

import numpy as np

from icdpm.batch.processing import deferred_interrupts
from icdpm.cli import silence_tensorflow
from icdpm.errors import IcdpmError
from icdpm.evaluation.alignment import align
from icdpm.evaluation.metric_selection import ImageMetric, MetricSelection
from icdpm.evaluation.pairing import PairedSet
from icdpm.evaluation.results import ImageResults
from icdpm.metrics.inputs import MetricUndefined
from icdpm.metrics.weights import MetricUnavailable
from icdpm.progress import progress_bar

_MAX_WORKERS = 16
Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Measured:
    """The measured values of a test set.

    Attributes:
      description: one line about the test set.
      names: names of its pairs.
      metrics: the `MetricSelection`.
      values: {method: {metric: float64 [images]}} of metrics of images, in the order of `names`.
      set_values: {method: {metric: number}} of metrics of sets.
      unavailable: {metric: reason} of metrics that could not be measured.
      bits: bits per channel of the images, 8 or 16.
      undefined: {method: {metric: {name: reason}}} of metrics that are not defined for some images. Their values are NaN.
    """

    description: str
    names: list[str]
    metrics: MetricSelection
    values: dict[str, dict[str, np.ndarray]]
    set_values: dict[str, dict[str, float]]
    unavailable: dict[str, str]
    bits: int
    undefined: dict[str, dict[str, dict[str, str]]]


def measure(pairs: PairedSet, metrics: MetricSelection, output: str | os.PathLike, workers: int | None = None) -> Measured:
    """Measures all methods of a test set, with progress bars. An interrupted evaluation continues where it stopped.

    Args:
      pairs: the test set and the restored images of each method.
      metrics: return value of `select_metrics`.
      output: folder. METHOD.csv in it stores the values of each image.
      workers: number of processes; 1 works in this process. Default: the number of cores, from 2 to 16.

    Returns:
      A `Measured`.

    Raises:
      IcdpmError: an image cannot be read or measured. Values that were measured before are in `output`.
    """
    workers = workers or min(max(2, os.cpu_count() or 2), _MAX_WORKERS)
    unavailable: dict[str, str] = {}
    bits = pairs.bits
    results: dict[str, ImageResults] = {}
    with contextlib.ExitStack() as stack:
        check_interrupt = stack.enter_context(deferred_interrupts())
        for method in pairs.methods:
            file = Path(output) / f"{method}.csv"
            results[method] = stack.enter_context(ImageResults(file, metrics.image_metrics, _make_stamps(pairs, method, bits)))
        undefined = _measure_images(pairs, metrics.image_metrics, results, unavailable, workers, check_interrupt)
        set_values = _measure_sets(pairs, metrics, unavailable, check_interrupt)
    available = [name for name in metrics.image_metrics if name not in unavailable]
    values = {
        method: {metric: np.array([stored.values[name].get(metric, math.nan) for name in pairs.sharp]) for metric in available}
        for method, stored in results.items()
    }
    return Measured(pairs.description, list(pairs.sharp), metrics, values, set_values, unavailable, bits, undefined)


def measure_image(
    metrics: Mapping[str, ImageMetric], restored: np.ndarray, sharp: np.ndarray
) -> tuple[dict[str, float], dict[str, str]]:
    """Measures one image.

    Args:
      metrics: {name: ImageMetric}.
      restored: uint8 or uint16 [height, width, 3].
      sharp: uint8 or uint16 [height, width, 3].

    Returns:
      ({name: value}, {name of an unavailable metric: reason}).

    Raises:
      IcdpmError: a metric is not defined for these images.
    """
    values, unavailable, undefined = measure_defined(metrics, restored, sharp)
    for name, reason in undefined.items():
        raise IcdpmError(f"{name} cannot be measured: {reason}")
    return values, unavailable


def measure_defined(
    metrics: Mapping[str, ImageMetric], restored: np.ndarray, sharp: np.ndarray
) -> tuple[dict[str, float], dict[str, str], dict[str, str]]:
    """Measures one image by the metrics that are defined for it.

    Args:
      metrics: as for `measure_image`.
      restored: as for `measure_image`.
      sharp: as for `measure_image`.

    Returns:
      ({name: value}, {name of an unavailable metric: reason}, {name of a metric that is not defined for the image: reason}).

    Raises:
      IcdpmError: the images are invalid.
    """
    values: dict[str, float] = {}
    unavailable: dict[str, str] = {}
    undefined: dict[str, str] = {}
    aligned = None
    for name, metric in metrics.items():
        try:
            if metric.of == "pair":
                value = metric.function(restored, sharp)
            elif metric.of == "restored":
                value = metric.function(restored)
            else:
                aligned = aligned or align(restored, sharp)
                value = metric.function(aligned)
        except MetricUnavailable as error:
            unavailable[name] = str(error)
        except MetricUndefined as error:
            undefined[name] = str(error)
        except ValueError as error:  # includes IcdpmError
            raise IcdpmError(f"{name} cannot be measured: {error}") from error
        else:
            if math.isnan(value):
                undefined[name] = "its value is not a number."
            else:
                values[name] = float(value)  # NumPy's scalars have another `repr`, which CSV files store
    return values, unavailable, undefined


def _make_stamps(pairs, method, bits) -> dict[str, str]:
    images, depth = pairs.methods[method], "" if bits == 8 else f" {bits} bits"
    return {name: f"{images[name].stamp()} {sharp.stamp()}{depth}" for name, sharp in pairs.sharp.items()}


def _measure_images(pairs, image_metrics, results, unavailable, workers, check_interrupt) -> dict:
    """Adds the missing values of images to `results` and the reasons of unavailable metrics to `unavailable`.

    Returns:
      `Measured.undefined`.
    """
    undefined: dict[str, dict[str, dict[str, str]]] = {}
    tasks = [(name, method) for name in pairs.sharp for method in pairs.methods if results[method].missing(name)]
    read_sharp = functools.lru_cache(maxsize=1)(lambda name: pairs.sharp[name].read())

    def start(task):
        name, method = task
        missing = {metric: image_metrics[metric] for metric in results[method].missing(name) if metric not in unavailable}
        if not missing:
            return []
        images = pairs.methods[method][name].read(), read_sharp(name)
        parts = [
            (place, {each: metric for each, metric in missing.items() if metric.in_tensorflow == in_tensorflow})
            for place, in_tensorflow in ((pool, False), (_InlinePool(), True))
        ]
        return [place.submit(measure_defined, part, *images) for place, part in parts if part]

    with progress_bar("measuring", len(tasks)) as bar, worker_pool(workers) as pool:
        try:
            for (name, method), futures in prefetch(tasks, start, 2 * workers):
                values = {}
                for future in futures:
                    part_values, reasons, reasons_of_image = _result_of(future, pairs.methods[method][name])
                    values.update(part_values)
                    unavailable.update(reasons)
                    for metric, reason in reasons_of_image.items():
                        undefined.setdefault(method, {}).setdefault(metric, {})[name] = reason
                if values:
                    results[method].add(name, values)
                bar.update()
                check_interrupt()
        except BrokenProcessPool as error:
            raise IcdpmError("A worker process was killed, perhaps for lack of memory. Repeat the command.") from error
    return undefined


def _result_of(future, image):
    try:
        return future.result()
    except IcdpmError as error:
        raise IcdpmError(f"{image}: {error}") from error


def _measure_sets(pairs, metrics, unavailable, check_interrupt) -> dict[str, dict[str, float]]:
    """Returns {method: {metric: value}} of metrics of sets and adds unavailable metrics to `unavailable`."""
    values: dict[str, dict[str, float]] = {method: {} for method in pairs.methods}
    if not metrics.set_metrics:
        return values
    sets = [pairs.sharp, *pairs.methods.values()]
    features = []
    try:
        with progress_bar("Inception features", sum(map(len, sets))) as bar:
            for images in sets:
                rows = []
                for image in images.values():
                    rows.append(_compute_features(metrics, image))
                    bar.update()
                    check_interrupt()
                features.append(np.concatenate(rows))
    except (MetricUnavailable, MetricUndefined) as error:
        unavailable.update(dict.fromkeys(metrics.set_metrics, str(error)))
        return values
    sharp, *restored = features
    for method, method_features in zip(values, restored):
        for name, metric in metrics.set_metrics.items():
            try:
                values[method][name] = metric.function(method_features, sharp)
            except MetricUndefined as error:
                unavailable[name] = str(error)
            except ValueError as error:
                raise IcdpmError(f"{name} cannot be measured: {error}") from error
    return values


def _compute_features(metrics, image) -> np.ndarray:
    pixels = image.read()
    try:
        return metrics.features(pixels)
    except MetricUndefined as error:
        raise MetricUndefined(f"{image}: {error}") from error
    except IcdpmError:
        raise
    except ValueError as error:
        raise IcdpmError(f"{image}: {' and '.join(metrics.set_metrics)} cannot be measured: {error}") from error


class _Pool(Protocol):
    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Returns a future of `function(*arguments)`."""


@contextlib.contextmanager
def worker_pool(workers: int) -> Iterator[_Pool]:
    """Context manager: a pool of processes with a method `submit(function, *arguments)` that returns a future.

    Args:
      workers: number of processes; 1 works in this process, during `submit`.
    """
    if workers == 1:
        yield _InlinePool()
        return
    # Spawned, not forked: the threads of TensorFlow do not survive a fork.
    pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), silence_tensorflow)
    try:
        yield _ProcessPool(pool)
    finally:
        pool.shutdown(cancel_futures=True)


class _ProcessPool:
    """A ProcessPoolExecutor whose processes ignore Ctrl-C, which this process handles."""

    def __init__(self, pool: concurrent.futures.ProcessPoolExecutor) -> None:
        self._pool = pool

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        # `submit` starts processes when they are needed, and they inherit the blocked signals.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.submit(function, *arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _InlinePool:
    """A pool that calls the function in this process, during `submit`."""

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        future: Future[Result] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def prefetch(tasks: Iterable[Task], start: Callable[[Task], Result], ahead: int) -> Iterator[tuple[Task, Result]]:
    """Yields (task, start(task)) in order, after up to `ahead` later tasks are started.

    If `start` raises, the tasks before are yielded first.
    """
    pending: collections.deque[tuple[Task, Result]] = collections.deque()
    for task in tasks:
        try:
            pending.append((task, start(task)))
        except Exception:
            yield from pending
            raise
        if len(pending) > ahead:
            yield pending.popleft()
    yield from pending
