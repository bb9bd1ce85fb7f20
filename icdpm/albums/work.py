"""Works through many photos, whatever restores them. Nothing here needs TensorFlow."""

import contextlib
import dataclasses
import io
import sys
from pathlib import Path

import numpy as np
import tqdm

from icdpm.albums.comparison import before_and_after
from icdpm.albums.spread import encode_spread
from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.photos.drift import drift_of, match_restored
from icdpm.photos.formats import FORMATS, format_called
from icdpm.photos.reading import decode_photo, read_photo
from icdpm.photos.writing import check_fits, encode_photo

# Steps are counted in fractions, as tiles are done.
_BAR = "{desc}{percentage:3.0f}%|{bar}| {n:.1f}/{total} {unit}s [{elapsed}<{remaining}]"


def work_through(jobs, restore_photo, *, steps=1, unit="photo", check=lambda: None, match_color=False, verbose=False):
    """Restores photos with a progress bar. A photo that fails does not stop the rest.

    Args:
      jobs: of `plan_jobs`.
      restore_photo: function (photo, job, on_step) -> Restored. It may call `on_step` with what it has done of `steps`.
      steps, unit: what a photo counts, and of what.
      check: called after each step and photo; it may raise.
      match_color: whether drift of colour is taken out (`icdpm.photos.drift`).
      verbose: whether it is told how the colours of each photo drifted.

    Returns:
      (sentences that tell what of photos was not kept and how others are to be read, one sentence for each photo that
      failed).
    """
    notices, failures = [], []
    # A terminal is drawn anew; a log file grows.
    interval = 0.1 if sys.stderr.isatty() else 30.0
    bar = tqdm.tqdm(total=len(jobs) * steps, unit=unit, bar_format=_BAR, mininterval=interval, dynamic_ncols=True)

    def on_step(count):
        bar.update(count)
        check()

    def restored_of(photo, job):
        restored = restore_photo(photo, job, on_step)
        return match_restored(photo.pixels, restored) if match_color else restored

    with bar:
        for number, job in enumerate(jobs):
            bar.set_description(f"{number + 1}/{len(jobs)} {Path(job.name).name}")
            try:
                notices += _do(job, restored_of, verbose)
            except IcdpmError as error:
                failures.append(str(error))
            except MemoryError:
                failures.append(f"{job.name} needs more memory than there is; restore a smaller copy")
            bar.update((number + 1) * steps - bar.n)
            check()
    return notices, failures


def _do(job, restored_of, verbose):
    """Restores one photo by restored_of(photo, job). Returns notices. Raises IcdpmError where it fails."""
    if job.source is None:
        photo = decode_photo(sys.stdin.buffer.read(), job.name)
    else:
        photo = read_photo(job.source)
    file_format = job.format or format_called(photo.format)
    if file_format is None:
        raise IcdpmError(f"{job.name} is a {photo.format} file, which is not written here; choose a --format")
    # Before the work: what does not fit the format fails now.
    notices = [*photo.notices, *check_fits(photo, job.name, file_format)]
    restored = restored_of(photo, job)
    if verbose:
        notices.append(f"{job.name}: {drift_of(photo.pixels, restored.pixels)}")
    if job.target is None:
        _write_standard_output(encode_photo(dataclasses.replace(photo, pixels=restored.pixels), file_format))
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

        write(job.target, encode_photo(dataclasses.replace(photo, pixels=restored.pixels), file_format))
        for path, sample in zip(job.beside.samples, restored.samples or ()):
            write(path, encode_photo(dataclasses.replace(photo, pixels=sample), file_format))
        if job.beside.comparison:
            write(job.beside.comparison, encode_photo(before_and_after(photo, restored.pixels), FORMATS["png"]))
        if job.beside.spread:
            picture, array = job.beside.spread
            content, scale = encode_spread(restored.spread)
            write(picture, content)
            write(array, _encode_array(restored.spread))
            notices.append(f"in {picture} {scale}")
    return notices


def _encode_array(array):
    """The bytes of a .npy file."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getbuffer()


def _write_standard_output(content):
    try:
        # Not sys.stdout, which would try again, and complain, when the program ends.
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            output.write(content)
    except OSError as error:
        raise IcdpmError(f"cannot write to standard output: {error.strerror}") from error
