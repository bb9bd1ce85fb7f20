"""What visitors of the page ask for: each one's photo restored, one after the other, or not after all."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
from pathlib import Path

import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.images.formats import Image, format_by_name
from icdpm.images.reading import decode_image, read_file, read_header
from icdpm.images.writing import check_fits
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

    photo: Image
    restored: Restored
    notices: list[str]


class Visits:
    """Restores visitors' photos.

    Args:
      model: a `TrainedModel` or `ExportedModel`.
      max_pixels: how many pixels a photo may have.

    Attributes:
      most_bytes: how many bytes such a photo takes at most when it is decoded.
    """

    def __init__(self, model, max_pixels):
        self.model = model
        self.max_pixels = max_pixels
        self.most_bytes = max_pixels * _BYTES_OF_A_PIXEL
        self._looking = threading.Lock()
        self._line = WaitingLine(_MOST_WAITING)
        self._changed = threading.Condition()
        # {visitor: an event, which ends it} of the latest that each wants, and of what has a place in the line or its turn.
        self._wanted, self._at_work = {}, {}

    def restore(self, visitor, path, preset, report):
        """Waits for a photo's turn, reads it and restores it. What the visitor asked for before is cancelled.

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
            # What no one can restore is said before the wait; but one at a time, and only one photo is ever decoded.
            with self._looking:
                self._look(path)

            def on_wait(ahead):
                check()
                report(None, _waiting(ahead))

            def on_progress(done, total):
                check()
                report(*_progress(done, total))

            with self._line.wait(on_wait):
                on_progress(None, None)
                photo, notices = self._read(path)
                try:
                    restored = self.model.restore(photo.pixels, preset, on_progress)
                except (MemoryError, tf.errors.ResourceExhaustedError) as error:
                    # What else it may say is for those who choose what memory there is.
                    raise IcdpmError(f"{Path(path).name} needs more memory than there is; take a smaller copy") from error
            return Outcome(photo, restored, [*notices, *(f"{Path(path).name}: {notice}" for notice in restored.notices)])

    def cancel(self, visitor):
        """Ends what the visitor waits for."""
        with self._changed:
            if event := self._wanted.get(visitor):
                event.set()
                self._changed.notify_all()

    def cancel_all(self):
        """Ends everything."""
        for visitor in list(self._wanted):
            self.cancel(visitor)

    @contextlib.contextmanager
    def _cancelling(self, visitor):
        """Cancels what the visitor wanted before, and waits for its end; gives a function that raises Cancelled if this is."""
        event = threading.Event()

        def check():
            if event.is_set():
                raise Cancelled

        try:
            with self._changed:
                self.cancel(visitor)
                self._wanted[visitor] = event
                self._changed.wait_for(lambda: event.is_set() or visitor not in self._at_work)
                check()
                self._at_work[visitor] = event
            yield check
        finally:
            with self._changed:
                for events in (self._wanted, self._at_work):
                    if events.get(visitor) is event:
                        del events[visitor]
                self._changed.notify_all()

    def _read(self, path):
        """(the Image, notices)"""
        content, name = self._look(path)
        photo = decode_image(content, name)
        return photo, [*photo.notices, *check_fits(photo, name, format_by_name(photo.format))]

    def _look(self, path):
        """(a file's bytes, its name), if its header is that of a photo that is not too large.

        Messages call it by its name alone: its folder is none of the visitor's business.
        """
        name = Path(path).name
        if not Path(path).exists():
            raise IcdpmError(f"{name} has been deleted here in the meantime; choose it again")
        content = read_file(path, name)
        header = read_header(content, name)
        if header.pixels > self.max_pixels:
            raise IcdpmError(
                f"{name} has {header.width}×{header.height} pixels, which is {header.pixels / 1e6:.3g} million; "
                f"this page takes at most {self.max_pixels / 1e6:g} million: take a smaller copy"
            )
        if header.decoded_bytes > self.most_bytes:
            raise IcdpmError(
                f"{name} says it takes {header.decoded_bytes / 1e6:.3g} MB when it is decoded; "
                f"this page takes at most {self.most_bytes / 1e6:g} MB: take a smaller copy, in gray or RGB"
            )
        return content, name


def _waiting(ahead):
    if ahead == 1:
        return "Another photo is being restored; yours is the next"
    return f"Another photo is being restored; {ahead} come before yours"


def _progress(done, total):
    if total is None:
        return None, "Restoring"
    # Steps are counted in fractions, as tiles are done.
    return done / total, f"Restoring: step {math.floor(done)} of {total}"
