"""What visitors of the page ask for: each one's photo restored, one after the other, or not after all."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
from pathlib import Path

import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.photos.formats import format_called
from icdpm.photos.photo import Photo
from icdpm.photos.reading import decode_photo, read_file, read_header
from icdpm.photos.writing import check_fits
from icdpm.restoration.result import Restored
from icdpm.serving.waiting_line import WaitingLine

_MOST_WAITING = 8
# RGB and alpha of 16 bits.
_BYTES_OF_A_PIXEL = 8


class Cancelled(Exception):
    """A visitor wants it no more."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What has become of a visitor's photo.

    Attributes:
      photo: the photo as it was read.
      restored: what the model made of it.
      notices: sentences that tell what of the photo was not kept.
    """

    photo: Photo
    restored: Restored
    notices: list[str]


class Visits:
    """Restores visitors' photos.

    Args:
      model: a `TrainedModel` or `ExportedModel`.
      max_pixels: how many pixels a photo may have.
    """

    def __init__(self, model, max_pixels):
        self.model = model
        self.max_pixels = max_pixels
        self._line = WaitingLine(_MOST_WAITING)
        self._cancelled = {}

    def restore(self, visitor, path, preset, report):
        """Reads a photo, waits for its turn and restores it.

        Args:
          visitor: a name, for `cancel`.
          path: of the photo.
          preset: a name in the model's presets.
          report: called with (fraction of the work that is done, or None; a sentence).

        Returns:
          An Outcome.

        Raises:
          IcdpmError: the photo cannot be read, is too large or does not fit the memory; or too many are waiting.
          Cancelled: `cancel` was called, at most one evaluation of the network ago.
        """
        with self._cancelling(visitor) as check:
            photo, notices = self._read(path)

            def on_wait(ahead):
                check()
                report(None, _waiting(ahead))

            def on_progress(done, total):
                check()
                report(*_progress(done, total))

            with self._line.wait(on_wait):
                on_progress(None, None)
                try:
                    restored = self.model.restore(photo.pixels, preset, on_progress)
                except (MemoryError, tf.errors.ResourceExhaustedError) as error:
                    raise IcdpmError(f"{Path(path).name} needs more memory than there is; take a smaller copy") from error
            return Outcome(photo, restored, notices)

    def cancel(self, visitor):
        """Ends what the visitor waits for."""
        if event := self._cancelled.get(visitor):
            event.set()

    def cancel_all(self):
        """Ends everything."""
        for visitor in list(self._cancelled):
            self.cancel(visitor)

    @contextlib.contextmanager
    def _cancelling(self, visitor):
        """Gives a function that raises Cancelled once the visitor has cancelled."""
        event = self._cancelled[visitor] = threading.Event()

        def check():
            if event.is_set():
                raise Cancelled

        try:
            yield check
        finally:
            if self._cancelled.get(visitor) is event:
                del self._cancelled[visitor]

    def _read(self, path):
        """(the Photo, notices). Messages call it by its name alone: its folder is none of the visitor's business."""
        name = Path(path).name
        if not Path(path).exists():
            raise IcdpmError(f"{name} has been deleted here in the meantime; choose it again")
        content = read_file(path, name)
        self._check_size(read_header(content, name), name)
        photo = decode_photo(content, name)
        return photo, [*photo.notices, *check_fits(photo, name, format_called(photo.format))]

    def _check_size(self, header, name):
        """Raises IcdpmError where a photo is too large, before it is decoded."""
        if header.pixels > self.max_pixels:
            raise IcdpmError(
                f"{name} has {header.width}×{header.height} pixels, which is {header.pixels / 1e6:.3g} million; "
                f"this page takes at most {self.max_pixels / 1e6:g} million: take a smaller copy"
            )
        most = self.max_pixels * _BYTES_OF_A_PIXEL
        if header.decoded_bytes > most:
            raise IcdpmError(
                f"{name} says it takes {header.decoded_bytes / 1e6:.3g} MB when it is decoded; "
                f"this page takes at most {most / 1e6:g} MB: take a smaller copy, in gray or RGB"
            )


def _waiting(ahead):
    if ahead == 1:
        return "Another photo is being restored; yours is the next"
    return f"Another photo is being restored; {ahead} come before yours"


def _progress(done, total):
    if total is None:
        return None, "Restoring"
    # Steps are counted in fractions, as tiles are done.
    return done / total, f"Restoring: step {math.floor(done)} of {total}"
