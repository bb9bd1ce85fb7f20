"""Plans the output paths of restored images and of their extra outputs."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Sequence
from pathlib import Path, PurePath

from icdpm.batch.selection import STANDARD_STREAM, SelectedImage, Shard
from icdpm.errors import IcdpmError
from icdpm.images.formats import (
    FORMATS,
    READ_ONLY_SUFFIXES,
    SUFFIXES,
    Format,
    format_by_name,
    format_for_path,
)
from icdpm.images.reading import read_file, read_file_header, read_header
from icdpm.images.search import has_image_suffix
from icdpm.storage import RemotePath, is_remote, storage_path

MAX_NAME_BYTES = 255  # of a file, in all common file systems


@dataclasses.dataclass(frozen=True)
class ExtraOutputs:
    """Paths of further files that are written with a restored image; `None` or empty if they are not requested.

    Attributes:
      comparison: image of before | after.
      spread: standard deviation of the samples: (a gray image, a NumPy array).
      samples: images of the samples.
    """

    comparison: Path | RemotePath | None = None
    spread: tuple[Path | RemotePath, Path | RemotePath] | None = None
    samples: tuple[Path | RemotePath, ...] = ()

    @property
    def paths(self) -> list[Path | RemotePath]:
        """All paths."""
        return [*([self.comparison] if self.comparison else []), *(self.spread or ()), *self.samples]


@dataclasses.dataclass(frozen=True)
class Job:
    """An image and the outputs of its restoration.

    Attributes:
      source: Path of the image; `None` for standard input.
      target: Path of the restored image; `None` for standard output.
      format: format to write; `None` for the format of the image.
      extra_outputs: further files to write.
      replaces: those of the outputs that exist already and may be replaced.
    """

    source: Path | RemotePath | None
    target: Path | RemotePath | None
    format: Format | None
    extra_outputs: ExtraOutputs = ExtraOutputs()
    replaces: tuple[Path | RemotePath, ...] = ()

    @property
    def name(self) -> str:
        """Name of the image in messages."""
        return "standard input" if self.source is None else str(self.source)


def make_extra_outputs(
    target: Path | RemotePath, *, compare: bool = False, spread: bool = False, kept_samples: int = 0
) -> ExtraOutputs:
    """Names the extra outputs of a restored image.

    For photo.jpg these are photo.compare.png, photo.spread.png and photo.spread.npy, photo.sample-1.jpg, photo.sample-2.jpg, …

    Args:
      target: Path of the restored image.
      compare: whether to write an image of before | after.
      spread: whether to write the standard deviation of the samples.
      kept_samples: number of samples to write.
    """

    def path(ending):
        return target.with_name(target.stem + ending)

    return ExtraOutputs(
        comparison=path(".compare.png") if compare else None,
        spread=(path(".spread.png"), path(".spread.npy")) if spread else None,
        samples=tuple(path(f".sample-{number}{target.suffix}") for number in range(1, kept_samples + 1)),
    )


def plan_jobs(
    images: Sequence[SelectedImage],
    output: str,
    format_name: str | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    shard: Shard | None = None,
    **extra: typing.Any,
) -> tuple[list[Job], list[str]]:
    """Plans the outputs of all images before anything is written.

    Args:
      images: images of `select_images`.
      output: A folder, in which images keep their relative paths; a file name with an extension, if there is one image given by
        its own name; or '-' for standard output.
      format_name: key of `FORMATS` for all outputs. By default the extension of each name decides (`name_output`).
      overwrite: whether existing files may be replaced.
      skip_existing: whether to skip images whose outputs all exist, as after an interrupted run. Of other images existing
        outputs are replaced.
      shard: shard to plan; `None` for all images. Errors that concern all images are raised for every shard.
      **extra: arguments of `make_extra_outputs`; ignored for standard output.

    Returns:
      (the jobs, a sentence for each image that cannot be restored to its output).

    Raises:
      IcdpmError: `output` does not fit the images, cannot be written, or would replace an image; or two outputs have the same
        path.
    """
    chosen = FORMATS[format_name] if format_name else None
    failures: list[str] = []
    if output == STANDARD_STREAM:
        if len(images) > 1:
            raise IcdpmError(f"standard output takes one image, not {len(images)}; choose a folder as --output")
        return [Job(images[0].source, None, chosen)], []
    if _is_file_name(output, images):
        target = storage_path(output)
        if chosen not in (None, format_for_path(target)):
            raise IcdpmError(f"{target} does not have a file name extension of --format={format_name}; change one of the two")
        targets = {images[0]: target}
    elif any(image.source is None for image in images):
        raise IcdpmError(f"the image from standard input has no name for a file in {output}; choose a file name or -")
    else:
        targets, failures = _name_targets(images, storage_path(output), chosen, shard)
    _check_distinct({image: [target, *make_extra_outputs(target, **extra).paths] for image, target in targets.items()})
    jobs = []
    for image, target in targets.items():
        if shard and not shard.contains(image.relative_path):
            continue
        job = Job(image.source, target, format_for_path(target), make_extra_outputs(target, **extra))
        paths = [target, *job.extra_outputs.paths]
        if too_long := [path for path in paths if len(os.fsencode(path.name)) > MAX_NAME_BYTES]:
            name = max(too_long, key=lambda path: len(os.fsencode(path.name))).name
            failures.append(
                f"{image.source}: the output {name} would have a name of {len(os.fsencode(name))} bytes; the limit is "
                f"{MAX_NAME_BYTES}; rename the image"
            )
            continue
        existing = [path for path in paths if (path.exists() if is_remote(path) else os.path.exists(path))]
        if skip_existing and existing == paths:
            continue
        if existing and not (overwrite or skip_existing):
            failures.append(f"{existing[0]} already exists; choose another --output, or add --overwrite or --skip_existing")
        else:
            jobs.append(dataclasses.replace(job, replaces=tuple(existing)))
    for folder in {job.target.parent for job in jobs if job.target is not None}:
        _check_writable(folder)
    return jobs, failures


def name_output(name: str, own_format: Format) -> tuple[str, Format]:
    """Returns the name and format of the file that an image is restored to.

    The file name extension decides the format, even if the image's own format differs; that of a format that is only read
    becomes .png. A name without an image's extension gets that of the image's own format.

    Args:
      name: file name of the image.
      own_format: format of the image.
    """
    path = _with_suffix(PurePath(name), None if has_image_suffix(PurePath(name)) else own_format)
    return str(path), format_for_path(path)


def _name_targets(images, folder, chosen, shard):
    """Returns ({image: path of its output}, a sentence for each image whose format could not be read)."""
    targets, failures = {}, []
    for image in images:
        own_format = chosen
        if chosen is None and not has_image_suffix(image.relative_path):
            try:
                content = read_file(image.source) if is_remote(image.source) else None
                header = read_file_header(image.source) if content is None else read_header(content, image.source)
            except IcdpmError as error:
                if shard is None or shard.contains(image.relative_path):
                    failures.append(str(error))
                continue
            own_format = format_by_name(header.format)
        targets[image] = folder / _with_suffix(image.relative_path, own_format)
    return targets, failures


def _is_file_name(output, images):
    if len(images) > 1 or not images[0].is_explicit:
        return False
    path = storage_path(output)
    is_folder = path.is_dir() if is_remote(path) else os.path.isdir(path)
    return bool(path.suffix) and not output.endswith((os.sep, "/")) and not is_folder


def _with_suffix(path, chosen):
    if chosen is None and path.suffix.lower() in READ_ONLY_SUFFIXES:
        chosen = FORMATS["png"]
    if chosen is None or path.suffix.lower() in chosen.suffixes:
        return path
    stem = path.stem if path.suffix.lower() in SUFFIXES else path.name
    return path.with_name(stem + chosen.suffixes[0])


def _check_distinct(planned):
    """Raises IcdpmError if two images have an output in common, or an output would replace an image that is read."""
    sources = {_real_path(image.source): image.source for image in planned if image.source is not None}
    taken = {}
    for image, paths in planned.items():
        for path in paths:
            other = taken.setdefault(path, image)
            if other is not image:
                raise IcdpmError(f"{other.source} and {image.source} would both be restored to {path}; restore them separately")
            if (source := sources.get(_real_path(path))) is not None:
                raise IcdpmError(f"{source} would be replaced by a restored image; choose another --output")


def _real_path(path):
    # Path.resolve raises an error for circular links.
    return os.fspath(path) if is_remote(path) else os.path.realpath(path)


def _check_writable(folder):
    """Raises IcdpmError if a folder is not writable, before hours of work."""
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
