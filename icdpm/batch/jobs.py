"""Where each restored photo goes."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from icdpm.batch.selection import STANDARD_STREAM
from icdpm.errors import IcdpmError
from icdpm.images.formats import FORMATS, SUFFIXES, Format, format_for_path
from icdpm.storage import is_remote, storage_path


@dataclasses.dataclass(frozen=True)
class ExtraOutputs:
    """Paths of files beside a restored photo; None, or none, where they are not wanted.

    Attributes:
      comparison: a picture of before | after.
      spread: pictures of the spread of the samples: (the gray picture, the array).
      samples: pictures of each sample.
    """

    comparison: Path | None = None
    spread: tuple[Path, Path] | None = None
    samples: tuple[Path, ...] = ()

    @property
    def paths(self):
        """All of them."""
        return [*([self.comparison] if self.comparison else []), *(self.spread or ()), *self.samples]


def extra_outputs(target, *, compare=False, spread=False, kept_samples=0):
    """The ExtraOutputs of a restored photo at `target`: for photo.jpg these are photo.compare.png, photo.spread.png and
    photo.spread.npy, and photo.sample-1.jpg … of `kept_samples`.
    """

    def beside(ending):
        return target.with_name(target.stem + ending)

    return ExtraOutputs(
        comparison=beside(".compare.png") if compare else None,
        spread=(beside(".spread.png"), beside(".spread.npy")) if spread else None,
        samples=tuple(beside(f".sample-{number}{target.suffix}") for number in range(1, kept_samples + 1)),
    )


@dataclasses.dataclass(frozen=True)
class Job:
    """A photo and where its restoration goes.

    Attributes:
      source: path of the photo, or None for standard input.
      target: path of the restored photo, or None for standard output.
      format: what it is written as, or None for the format that the photo has.
      beside: what else is written.
    """

    source: Path | None
    target: Path | None
    format: Format | None
    beside: ExtraOutputs = ExtraOutputs()

    @property
    def name(self):
        """What people call the photo."""
        return "standard input" if self.source is None else str(self.source)


def plan_jobs(photos, output, format_name=None, overwrite=False, skip_existing=False, shard=None, **beside):
    """Decides where each restored photo goes, before anything is made.

    Args:
      photos: of `select_images`.
      output: a folder, in which photos keep their names and the folders that they were found in; or, for one photo
        given by its own name, a name that ends as a picture does; or `-` for standard output.
      format_name: a key of `FORMATS` that all photos are written in, or None: as their names end.
      overwrite: whether files that are already there may be replaced.
      skip_existing: whether photos that are there already, with all that is wanted beside them, are left out without a
        word, as what an interrupted run has done; what is there of others is replaced.
      shard: a Shard, to plan its photos only, or None. What is wrong with all of them together is wrong for each shard.
      **beside: what else is wanted (`extra_outputs`); standard output takes nothing else.

    Returns:
      ([Job], one sentence for each photo that cannot be restored to where it would go).

    Raises:
      IcdpmError: `output` does not fit the photos, cannot be written, or is where a photo lies; or two photos would go
        to one file, or one to what is written beside another.
    """
    chosen = FORMATS[format_name] if format_name else None
    if output == STANDARD_STREAM:
        if len(photos) > 1:
            raise IcdpmError(f"standard output takes one photo, not {len(photos)}; choose a folder as --output")
        return [Job(photos[0].source, None, chosen)], []
    if _is_name_of_one(output, photos):
        target = storage_path(output)
        if chosen not in (None, format_for_path(target)):
            raise IcdpmError(f"{target} is not how a file of --format={format_name} is named; choose one of the two")
        targets = {photos[0]: target}
    elif any(photo.source is None for photo in photos):
        raise IcdpmError(f"the photo from standard input has no name to keep in {output}; choose a file name or -")
    else:
        targets = {photo: storage_path(output) / _renamed(photo.place, chosen) for photo in photos}
    _check_apart({photo: [target, *extra_outputs(target, **beside).paths] for photo, target in targets.items()})
    jobs, failures = [], []
    for photo, target in targets.items():
        if shard and not shard.holds(photo.place):
            continue
        if target.suffix.lower() not in SUFFIXES:
            failures.append(f"{photo.source} is not named as a picture that can be written; choose a --format")
            continue
        job = Job(photo.source, target, format_for_path(target), extra_outputs(target, **beside))
        wanted = [target, *job.beside.paths]
        there = [path for path in wanted if (path.exists() if is_remote(path) else os.path.exists(path))]
        if skip_existing and there == wanted:
            continue
        if there and not (overwrite or skip_existing):
            failures.append(f"{there[0]} is there already; choose another --output, or add --overwrite or --skip_existing")
        else:
            jobs.append(job)
    for folder in {job.target.parent for job in jobs}:
        _check_writable(folder)
    return jobs, failures


def _is_name_of_one(output, photos):
    if len(photos) > 1 or not photos[0].alone:
        return False
    path = storage_path(output)
    is_folder = path.is_dir() if is_remote(path) else os.path.isdir(path)
    return bool(path.suffix) and not output.endswith((os.sep, "/")) and not is_folder


def _renamed(place, chosen):
    if chosen is None or place.suffix.lower() in chosen.suffixes:
        return place
    stem = place.stem if place.suffix.lower() in SUFFIXES else place.name
    return place.with_name(stem + chosen.suffixes[0])


def _check_apart(planned):
    """Raises IcdpmError where two photos would be written to one file, or one over a photo that is read."""
    sources = {_real(photo.source): photo.source for photo in planned if photo.source is not None}
    taken = {}
    for photo, paths in planned.items():
        for path in paths:
            other = taken.setdefault(path, photo)
            if other is not photo:
                raise IcdpmError(f"{other.source} and {photo.source} would both be restored to {path}; restore them apart")
            if (source := sources.get(_real(path))) is not None:
                raise IcdpmError(f"{source} would be replaced by a restoration; choose another --output")


def _real(path):
    # Path.resolve would raise where links lead in a circle.
    return os.fspath(path) if is_remote(path) else os.path.realpath(path)


def _check_writable(folder):
    """Raises IcdpmError where nothing can be written in a folder: better known before hours of work than after."""
    if is_remote(folder):
        try:
            folder.check_writable()
        except OSError as error:
            raise IcdpmError(f"cannot write in {folder}: {error.strerror}; choose another --output") from error
        return
    existing = folder.absolute()
    while not os.path.isdir(existing):
        if os.path.lexists(existing):
            raise IcdpmError(f"cannot write in {folder}: {existing} is not a folder; choose another --output")
        existing = existing.parent
    if not os.access(existing, os.W_OK | os.X_OK):
        raise IcdpmError(f"cannot write in {folder}: {existing} is write-protected; choose another --output")
