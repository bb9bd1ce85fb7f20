"""What visitors of the page ask for: each one's photo restored, one after the other, or not after all."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import threading
import warnings
from pathlib import Path

import PIL.Image
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.photos.formats import format_called
from icdpm.photos.photo import Photo
from icdpm.photos.reading import read_photo
from icdpm.photos.writing import check_fits
from icdpm.restoration.restored import Restored
from icdpm.serving.turns import Turns

_MOST_WAITING = 8


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
        self._turns = Turns(_MOST_WAITING)
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

            with self._turns.turn(on_wait):
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
        """(the Photo, notices)."""
        name = Path(path).name
        if not Path(path).exists():
            raise IcdpmError(f"{name} has been deleted here in the meantime; choose it again")
        _check_size(path, name, self.max_pixels)
        try:
            photo = read_photo(path)
        except IcdpmError as error:
            # Its folder is none of the visitor's business.
            raise IcdpmError(str(error).replace(str(path), name)) from error
        file_format = format_called(photo.format)
        if file_format is None:
            raise IcdpmError(f"{name} is a {photo.format} file, which is not written here; convert it to PNG first")
        notices = [notice.replace(str(path), name) for notice in photo.notices]
        return photo, notices + check_fits(photo, name, file_format)


def _check_size(path, name, max_pixels):
    """Before anything is decoded. What is no picture is for the reader to name."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with PIL.Image.open(path) as picture:
                width, height = picture.size
    except Exception:
        return
    if width * height > max_pixels:
        raise IcdpmError(
            f"{name} has {width}×{height} pixels, which is {width * height / 1e6:.3g} million; "
            f"this page takes at most {max_pixels / 1e6:g} million: take a smaller copy"
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
