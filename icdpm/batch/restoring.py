"""Restores many image files with one or several restoration functions, and writes them with their extra outputs."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import sys
import threading
from collections.abc import Callable, Sequence

from icdpm.batch.extra_outputs import encode_array, encode_spread, make_comparison
from icdpm.batch.jobs import Job
from icdpm.batch.processing import process_images
from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.images.color_drift import measure_drift
from icdpm.images.formats import FORMATS, Format, Image, format_by_name
from icdpm.images.hidden_pixels import fill_hidden
from icdpm.images.reading import read_file_header, read_image, read_image_stream
from icdpm.images.writing import check_fits, encode_image
from icdpm.restoration.result import Restored
from icdpm.storage import is_remote

_THREADS_PER_DEVICE = 3  # one reads an image, one restores, one writes


def restore_images(
    jobs: Sequence[Job],
    restore: Callable[..., Restored] | Sequence[Callable[..., Restored]],
    *,
    evaluations: int | None = None,
    match_color: bool = False,
    verbose: bool = False,
    accept_truncated: bool = False,
    defer_interrupts: bool = True,
) -> tuple[list[str], list[str]]:
    """Restores image files with a progress bar. A failure of an image does not stop the others.

    While a device restores an image, the next one is read and the previous one is written. An interrupt leaves only complete
    files.

    Args:
      jobs: jobs of `plan_jobs`.
      restore: function as in `process_image`, or several, one per device, that restore different images at the same time.
      evaluations: evaluations of the network per image, which the progress bar counts. An evaluation for a larger image takes
        up more of the bar in proportion to its pixels. `None`: the bar counts images.
      match_color: whether to remove color drift (`icdpm.images.color_drift`).
      verbose: whether to report the color drift of each image.
      accept_truncated: as in `icdpm.images.reading.decode_image`.
      defer_interrupts: as in `process_images`.

    Returns:
      (notices about properties that were not kept, a sentence for each image that failed).
    """
    restore_functions = [restore] if callable(restore) else restore
    if defer_interrupts and len(jobs) > 1:
        restore_functions = [_in_turns(each) for each in restore_functions] * _THREADS_PER_DEVICE
    processes = [
        functools.partial(
            process_image, restore=each, match_color=match_color, verbose=verbose, accept_truncated=accept_truncated
        )
        for each in restore_functions
    ]
    weights = _relative_sizes(jobs) if evaluations else dict.fromkeys(jobs, 1.0)
    results, failures = process_images(
        jobs,
        processes,
        name=lambda job: job.name,
        steps=evaluations or 1,
        weight=weights.__getitem__,
        unit="evaluation" if evaluations else "image",
        defer_interrupts=defer_interrupts,
    )
    return [notice for notices in results for notice in notices or ()], failures


def _in_turns(restore):
    """Returns `restore` for several threads, of which one restores at a time."""
    lock = threading.Lock()

    def restore_alone(*args, **kwargs):
        with lock:
            return restore(*args, **kwargs)

    return restore_alone


def process_image(
    job: Job,
    on_step: Callable[[float], object] | None = None,
    *,
    restore: Callable[..., Restored],
    match_color: bool = False,
    verbose: bool = False,
    accept_truncated: bool = False,
) -> list[str]:
    """Reads, restores and writes one image.

    Args:
      job: job of `plan_jobs`.
      on_step: function that `restore` calls after each evaluation of the network.
      restore: function (pixels, *, keep_samples, spread, on_step) -> Restored, such as `icdpm.restoration.restore.restore` with
        its other arguments bound.
      match_color: whether to remove color drift.
      verbose: whether to report the color drift.
      accept_truncated: as in `icdpm.images.reading.decode_image`.

    Returns:
      Notices about properties that were not kept.

    Raises:
      IcdpmError: the image cannot be read, restored or written. The message names it.
    """
    if job.source is None:
        if sys.stdin is None:
            raise IcdpmError(f"{job.name}: is closed")
        image = read_image_stream(sys.stdin.buffer, job.name, accept_truncated)
    else:
        image = read_image(job.source, accept_truncated)
    file_format = job.format or format_by_name(image.format)
    # Before the restoration, so that an image that does not fit the format fails early.
    notices = [*image.notices, *check_fits(image, job.name, file_format)]
    extra = job.extra_outputs
    filled = fill_hidden(image.pixels, image.alpha)
    try:
        restored = restore(filled, keep_samples=bool(extra.samples), spread=extra.spread is not None, on_step=on_step)
    except IcdpmError as error:
        raise IcdpmError(f"{job.name}: {error}") from error
    if match_color:
        restored = restored.match_color(filled)
    notices += [f"{job.name}: {notice}" for notice in restored.notices]
    if verbose:
        notices.append(f"{job.name}: {measure_drift(filled, restored.pixels)}")
    restored = restored.restore_hidden(image.pixels, image.alpha)
    if job.target is None:
        _write_standard_output(encode_image(dataclasses.replace(image, pixels=restored.pixels), file_format))
    else:
        notices += _write_outputs(job, image, restored, file_format)
    return notices


def _write_outputs(job: Job, image: Image, restored: Restored, file_format: Format) -> list[str]:
    """Writes a restored image and its extra outputs: all of them or, after an error, none."""
    extra, notices = job.extra_outputs, []
    # The files appear in reverse order: once the restored image exists, so do its extra outputs.
    with contextlib.ExitStack() as files:

        def write(path, content):
            if not is_remote(path) and path not in job.replaces and os.path.lexists(path):
                # On file systems that ignore case, such as those of macOS, two names may be one file.
                raise IcdpmError(
                    f"{job.name} was not written to {path}: another photo, whose name differs only in case, or another program "
                    "has written it in the meantime; choose another --output"
                )
            files.enter_context(write_atomically(path)).write_bytes(content)

        write(job.target, encode_image(dataclasses.replace(image, pixels=restored.pixels), file_format))
        for path, sample in zip(extra.samples, restored.samples or ()):
            write(path, encode_image(dataclasses.replace(image, pixels=sample), file_format))
        if extra.comparison:
            write(extra.comparison, encode_image(make_comparison(image, restored.pixels), FORMATS["png"]))
        if extra.spread and restored.spread is not None:
            image_path, array_path = extra.spread
            content, scale = encode_spread(restored.spread)
            write(image_path, content)
            write(array_path, encode_array(restored.spread))
            notices.append(f"in {image_path} {scale}")
    return notices


def _write_standard_output(content: bytes) -> None:
    if sys.stdout is None:
        raise IcdpmError("standard output is closed")
    try:
        # Not through sys.stdout, which repeats a failed write when the program ends.
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            output.write(content)
    except OSError as error:
        raise IcdpmError(f"cannot write to standard output: {error.strerror}") from error


def _relative_sizes(jobs: Sequence[Job]) -> dict[Job, float]:
    """Returns {job: the pixels of its image, relative to the mean}; 0 for an unreadable image, which fails at once."""
    if any(job.source is None or is_remote(job.source) for job in jobs):
        return dict.fromkeys(jobs, 1.0)  # the sizes of remote images would take a second download
    pixels = {job: _count_pixels(job) for job in jobs}
    mean = sum(pixels.values()) / max(1, len(jobs))
    return {job: count / mean if mean else 1.0 for job, count in pixels.items()}


def _count_pixels(job):
    try:
        header = read_file_header(job.source)
        header.check_size(job.name)
    except IcdpmError:
        return 0
    return header.pixels
