"""Files of the web page: the results of a restoration, the limit of what is stored, and the deletion of old files."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from icdpm.batch.extra_outputs import encode_spread
from icdpm.batch.jobs import MAX_NAME_BYTES, name_output
from icdpm.errors import IcdpmError
from icdpm.images.formats import FORMATS, Image, format_by_name
from icdpm.images.writing import encode_image
from icdpm.restoration.result import Restored


@dataclasses.dataclass(frozen=True)
class ResultFiles:
    """Paths of the files that the page shows for a restored photo.

    Attributes:
      download: the restored photo as icdpm-deblur writes it, in the format of its name, with its EXIF data and color profile.
      before, after: the blurry and the restored photo as JPEG, for browsers.
      spread: (image of the samples' standard deviation, description of its scale), or None.
      intermediate_outputs: [(image, description of its size)].
    """

    download: Path
    before: Path
    after: Path
    spread: tuple[Path, str] | None
    intermediate_outputs: list[tuple[Path, str]]


def write_results(folder: Path, name: str, image: Image, restored: Restored) -> ResultFiles:
    """Writes the files of a restored photo.

    Args:
      folder: an empty folder for them.
      name: file name of the photo.
      image: the photo.
      restored: its restoration.
    """

    def write(name, content):
        (folder / name).write_bytes(content)
        return folder / name

    def encode_for_browsers(pixels):
        return encode_image(Image(pixels, icc_profile=image.icc_profile), FORMATS["jpeg"])

    target, file_format = name_output(name, format_by_name(image.format))
    spread = None
    if restored.spread is not None:
        content, scale = encode_spread(restored.spread)
        spread = write("spread.png", content), scale
    return ResultFiles(
        download=write(
            _with_ending(target, "-restored"),
            encode_image(dataclasses.replace(image, pixels=restored.pixels), file_format),
        ),
        before=write("before.jpg", encode_for_browsers(image.pixels)),
        after=write("after.jpg", encode_for_browsers(restored.pixels)),
        spread=spread,
        intermediate_outputs=[
            (write(f"{name}.png", encode_image(Image(output), FORMATS["png"])), _describe_scale(image.pixels, output))
            for name, output in (restored.intermediate_outputs or {}).items()
        ],
    )


def _with_ending(name, ending):
    """Returns a file name with an ending before its extension, and with a shorter stem if it would be too long."""
    path = Path(name)
    ending += path.suffix
    return os.fsencode(path.stem)[: MAX_NAME_BYTES - len(os.fsencode(ending))].decode("utf-8", "ignore") + ending


def _describe_scale(pixels: np.ndarray, output: np.ndarray) -> str:
    """Describes the size of an intermediate output, whose sides are 1/s of the image's, rounded up."""
    sides, output_sides = pixels.shape[:2], output.shape[:2]
    scale = next(s for s in range(1, max(sides) + 1) if all(-(-side // s) == out for side, out in zip(sides, output_sides)))
    return f"1/{scale} of the size" if scale > 1 else "full size"


class Storage:
    """A folder with a limited size.

    Gradio limits the size of one uploaded file, but neither their sum nor their number.

    Args:
      folder: folder of uploads and results.
      max_bytes: the largest total size of its files.
      max_entries: the largest number of files and folders in it.
    """

    def __init__(self, folder: str | Path, max_bytes: int, max_entries: int) -> None:
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._reserved = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Reserves `size` bytes, which the block may write.

        Raises:
          IcdpmError: the limit would be exceeded.
        """
        with self._lock:
            used, entries = self._measure()
            if used + self._reserved + size > self._max_bytes or entries >= self._max_entries:
                raise IcdpmError("The storage of this page is full. Try again later, when older photos have been deleted.")
            self._reserved += size
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= size

    def _measure(self):
        """Returns (bytes of all files, number of files and folders) of the folder."""
        used = entries = 0
        for parent, folders, files in os.walk(self._folder):  # ignores folders that are deleted at the same time
            entries += len(folders) + len(files)
            for name in files:
                with contextlib.suppress(FileNotFoundError):
                    used += os.path.getsize(os.path.join(parent, name))
        return used, entries


def delete_old_files(folder: str | Path, max_age: float) -> None:
    """Deletes files and empty folders, at any depth, that have not changed for `max_age` seconds.

    Gradio's `delete_cache` does not delete what an interrupted upload leaves behind, nor empty folders.
    """
    for path in list(Path(folder).rglob("*")):
        # Gradio may delete it at the same time, and a folder may not be empty.
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > max_age:
                path.rmdir() if path.is_dir() else path.unlink()
