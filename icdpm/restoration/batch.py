"""Restores many photos, one after the other."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import tensorflow as tf
import tqdm

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.restoration.formats import FORMATS, SUFFIXES, Format, format_called, format_of
from icdpm.restoration.interrupts import held_interrupts
from icdpm.restoration.reading import decode_photo, read_photo
from icdpm.restoration.restore import restore
from icdpm.restoration.selection import STANDARD_STREAM
from icdpm.restoration.writing import check_fits, encode_photo


@dataclasses.dataclass(frozen=True)
class Job:
    """A photo and where its restoration goes.

    Attributes:
      source: path of the photo, or None for standard input.
      target: path of the restored photo, or None for standard output.
      format: what it is written as, or None for the format that the photo has.
    """

    source: Path | None
    target: Path | None
    format: Format | None

    @property
    def name(self):
        """What people call the photo."""
        return "standard input" if self.source is None else str(self.source)


def plan_jobs(photos, output, format_name=None, overwrite=False):
    """Decides where each restored photo goes, before anything is made.

    Args:
      photos: of `select_photos`.
      output: a folder, in which photos keep their names and the folders that they were found in; or, for one photo
        given by its own name, a name that ends as a picture does; or `-` for standard output.
      format_name: a key of `FORMATS` that all photos are written in, or None: as their names end.
      overwrite: whether restored photos that are already there may be replaced.

    Returns:
      ([Job], one sentence for each photo that cannot be restored to where it would go).

    Raises:
      IcdpmError: `output` does not fit the photos, cannot be written, or is where a photo lies; or two photos would go
        to one file.
    """
    chosen = FORMATS[format_name] if format_name else None
    if output == STANDARD_STREAM:
        if len(photos) > 1:
            raise IcdpmError(f"standard output takes one photo, not {len(photos)}; choose a folder as --output")
        return [Job(photos[0].source, None, chosen)], []
    if _is_name_of_one(output, photos):
        target = Path(output)
        if chosen not in (None, format_of(target)):
            raise IcdpmError(f"{target} is not how a file of --format={format_name} is named; choose one of the two")
        targets = {photos[0]: target}
    elif any(photo.source is None for photo in photos):
        raise IcdpmError(f"the photo from standard input has no name to keep in {output}; choose a file name or -")
    else:
        targets = {photo: Path(output) / _renamed(photo.place, chosen) for photo in photos}
    _check_apart(targets)
    jobs, failures = [], []
    for photo, target in targets.items():
        if target.suffix.lower() not in SUFFIXES:
            failures.append(f"{photo.source} is not named as a picture that can be written; choose a --format")
        elif os.path.exists(target) and not overwrite:
            failures.append(f"{target} is there already; choose another --output or add --overwrite")
        else:
            jobs.append(Job(photo.source, target, format_of(target)))
    for folder in {job.target.parent for job in jobs}:
        _check_writable(folder)
    return jobs, failures


def _is_name_of_one(output, photos):
    if len(photos) > 1 or not photos[0].alone:
        return False
    return bool(Path(output).suffix) and not output.endswith((os.sep, "/")) and not os.path.isdir(output)


def _renamed(place, chosen):
    if chosen is None or place.suffix.lower() in chosen.suffixes:
        return place
    stem = place.stem if place.suffix.lower() in SUFFIXES else place.name
    return place.with_name(stem + chosen.suffixes[0])


def _check_apart(targets):
    taken = {}
    for photo, target in targets.items():
        other = taken.setdefault(target, photo)
        if other is not photo:
            raise IcdpmError(f"{other.source} and {photo.source} would both be restored to {target}; restore them apart")
        if photo.source is not None and target.resolve() == photo.source.resolve():
            raise IcdpmError(f"{photo.source} would be replaced by its restoration; choose another --output")


def _check_writable(folder):
    """Raises IcdpmError where nothing can be written in a folder: better known before hours of work than after."""
    existing = folder.absolute()
    while not os.path.isdir(existing):
        if os.path.lexists(existing):
            raise IcdpmError(f"cannot write in {folder}: {existing} is not a folder; choose another --output")
        existing = existing.parent
    if not os.access(existing, os.W_OK | os.X_OK):
        raise IcdpmError(f"cannot write in {folder}: {existing} is write-protected; choose another --output")


def restore_jobs(system, jobs, settings, seed):
    """Restores photos with a progress bar over photos and steps. A photo that fails does not stop the rest.

    Ctrl-C ends it after the step at hand, and leaves whole photos only.

    Args:
      system, settings, seed: see `restore`.
      jobs: of `plan_jobs`.

    Returns:
      (sentences that tell what of photos was not kept, one sentence for each photo that failed).
    """
    notices, failures = [], []
    each = settings.steps * settings.samples
    # A terminal is drawn anew; a log file grows.
    interval = 0.1 if sys.stderr.isatty() else 30.0
    bar = tqdm.tqdm(total=len(jobs) * each, unit="step", mininterval=interval, dynamic_ncols=True)
    with bar, held_interrupts() as check_interrupt:

        def on_step(count):
            bar.update(count)
            check_interrupt()

        for number, job in enumerate(jobs):
            bar.set_description(f"{number + 1}/{len(jobs)} {Path(job.name).name}")
            try:
                notices += _restore_job(system, job, settings, seed, on_step)
            except IcdpmError as error:
                failures.append(str(error))
            except (MemoryError, tf.errors.ResourceExhaustedError):
                failures.append(f"{job.name} needs more memory than there is; restore a smaller copy")
            bar.update((number + 1) * each - bar.n)
            check_interrupt()
    return notices, failures


def _restore_job(system, job, settings, seed, on_step):
    """Restores one photo. Returns sentences that tell what of it was not kept. Raises IcdpmError where it fails."""
    if job.source is None:
        photo = decode_photo(sys.stdin.buffer.read(), job.name)
    else:
        photo = read_photo(job.source)
    file_format = job.format or format_called(photo.format)
    if file_format is None:
        raise IcdpmError(f"{job.name} is a {photo.format} file, which is not written here; choose a --format")
    # Before the work: what does not fit the format fails now.
    notices = [*photo.notices, *check_fits(photo, job.name, file_format)]
    restored = restore(system, photo.pixels, settings, seed=seed, on_step=on_step)
    content = encode_photo(dataclasses.replace(photo, pixels=restored.pixels), file_format)
    if job.target is None:
        _write_standard_output(content)
    else:
        with write_atomically(job.target) as temporary:
            temporary.write_bytes(content)
    return notices


def _write_standard_output(content):
    try:
        # Not sys.stdout, which would try again, and complain, when the program ends.
        with open(sys.stdout.fileno(), "wb", closefd=False) as output:
            output.write(content)
    except OSError as error:
        raise IcdpmError(f"cannot write to standard output: {error.strerror}") from error
