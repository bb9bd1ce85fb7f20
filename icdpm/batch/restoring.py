"""An album: photo files read, restored by whatever restores them, and written with what is wanted beside them."""

import contextlib
import dataclasses
import functools
import sys

from icdpm.batch.extra_outputs import before_and_after, encode_array, encode_spread
from icdpm.batch.processing import process_images
from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.images.color_drift import measure_drift
from icdpm.images.formats import FORMATS, format_by_name
from icdpm.images.reading import read_file, read_header, read_image, read_image_stream
from icdpm.images.writing import check_fits, encode_image
from icdpm.storage import is_remote


def restore_album(jobs, restore, *, evaluations, match_color=False, verbose=False):
    """Restores photos with a progress bar over steps. A photo that fails does not stop the rest.

    A step of the bar is an evaluation for a photo of the mean size; a larger photo's counts for as many more as it has pixels.

    Ctrl-C ends it after the step at hand, and leaves whole photos only.

    Args:
      jobs: of `plan_jobs`; they say whether samples are kept and their spread is wanted.
      restore: function (pixels, *, keep_samples, spread, on_step) -> Restored: `icdpm.restoration.restore.restore` with its
        other arguments given. Or several, which each work on a photo of their own at the same time.
      evaluations: how many evaluations of the network a photo takes.
      match_color, verbose: as of `work_through`.

    Returns:
      As `work_through`.
    """

    shares = _shares(jobs)

    def restore_photo(restore, photo, job, on_step):
        try:
            return restore(
                photo.pixels,
                keep_samples=bool(job.beside.samples),
                spread=job.beside.spread is not None,
                on_step=lambda count: on_step(count * shares[job]),
            )
        except IcdpmError as error:
            raise IcdpmError(f"{job.name}: {error}") from error

    def steps(job):
        return evaluations * shares[job]

    each = [functools.partial(restore_photo, one) for one in ([restore] if callable(restore) else restore)]
    return work_through(jobs, each, steps=steps, unit="step", match_color=match_color, verbose=verbose)


def _shares(jobs):
    """{job: the pixels of its photo, in photos of the mean size}; one that cannot be read, and fails at once, has none."""
    if any(job.source is None or is_remote(job.source) for job in jobs):
        return dict.fromkeys(jobs, 1.0)  # to know the sizes, all photos would have to be fetched once more
    pixels = {job: _pixels(job) for job in jobs}
    mean = sum(pixels.values()) / len(jobs)
    return {job: each / mean if mean else 1.0 for job, each in pixels.items()}


def _pixels(job):
    try:
        header = read_header(read_file(job.source), job.name)
        header.check_size(job.name)
    except IcdpmError:
        return 0
    return header.pixels


def work_through(jobs, restore_photo, *, steps=1, unit="photo", at_once=False, match_color=False, verbose=False):
    """Reads, restores and writes photos, one by one.

    Args:
      jobs: of `plan_jobs`.
      restore_photo: function (photo, job, on_step) -> Restored, as the `work` of `process_images`, or several; its errors
        name the photo.
      steps, unit, at_once: see `process_images`.
      match_color: whether drift of colour is taken out (`icdpm.images.color_drift`).
      verbose: whether it is told how the colours of each photo drifted.

    Returns:
      (sentences that tell what of photos was not kept and how others are to be read, one sentence for each photo that
      failed).
    """
    notices = {}

    def work(restore_photo, job, on_step):
        def restored_of(photo):
            restored = restore_photo(photo, job, on_step)
            return restored.match_color(photo.pixels) if match_color else restored

        notices[job] = _do(job, restored_of, verbose)

    works = [functools.partial(work, one) for one in ([restore_photo] if callable(restore_photo) else restore_photo)]
    failures = process_images(jobs, works, name=lambda job: job.name, steps=steps, unit=unit, at_once=at_once)
    return [notice for job in jobs for notice in notices.get(job, ())], failures


def _do(job, restored_of, verbose):
    """Restores one photo by restored_of(photo). Returns notices. Raises IcdpmError where it fails."""
    photo = read_image_stream(sys.stdin.buffer, job.name) if job.source is None else read_image(job.source)
    file_format = job.format or format_by_name(photo.format)
    # Before the work: what does not fit the format fails now.
    notices = [*photo.notices, *check_fits(photo, job.name, file_format)]
    restored = restored_of(photo)
    notices += [f"{job.name}: {notice}" for notice in restored.notices]
    if verbose:
        notices.append(f"{job.name}: {measure_drift(photo.pixels, restored.pixels)}")
    if job.target is None:
        _write_standard_output(encode_image(dataclasses.replace(photo, pixels=restored.pixels), file_format))
    else:
        notices += _write_files(job, photo, restored, file_format)
    return notices


def _write_files(job, photo, restored, file_format):
    """Writes a restored photo and what is wanted beside it: all of it or, where something fails, nothing."""
    notices = []
    # The last one written takes its name first: when the photo is there, everything is.
    with contextlib.ExitStack() as files:

        def write(path, content):
            files.enter_context(write_atomically(path)).write_bytes(content)

        write(job.target, encode_image(dataclasses.replace(photo, pixels=restored.pixels), file_format))
        for path, sample in zip(job.beside.samples, restored.samples or ()):
            write(path, encode_image(dataclasses.replace(photo, pixels=sample), file_format))
        if job.beside.comparison:
            write(job.beside.comparison, encode_image(before_and_after(photo, restored.pixels), FORMATS["png"]))
        if job.beside.spread:
            picture, array = job.beside.spread
            content, scale = encode_spread(restored.spread)
            write(picture, content)
            write(array, encode_array(restored.spread))
            notices.append(f"in {picture} {scale}")
    return notices


def _write_standard_output(content):
    try:
        # Not sys.stdout, which would try again, and complain, when the program ends.
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            output.write(content)
    except OSError as error:
        raise IcdpmError(f"cannot write to standard output: {error.strerror}") from error
