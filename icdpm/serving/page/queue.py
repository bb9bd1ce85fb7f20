"""The queue of restorations: one photo at a time, one request per client, cancellation and progress.

Gradio's own queue does not suffice: it runs a request even if its client has left, a running request cannot be cancelled,
and clients that never read their results would fill it.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from icdpm.batch.jobs import name_output
from icdpm.errors import IcdpmError
from icdpm.images.formats import FORMATS, Image, format_by_name
from icdpm.images.hidden_pixels import fill_hidden
from icdpm.images.reading import decode_image, read_file, read_header
from icdpm.images.writing import check_fits
from icdpm.restoration.result import Restored

if TYPE_CHECKING:
    from icdpm.serving.loaded_models import ExportedModel, TrainedModel

# How many requests may wait while one is processed.
MAX_WAITING = 8
# RGB and alpha of 16 bits.
_MAX_BYTES_PER_PIXEL = 8
# Seconds between two progress reports of a waiting request.
_POLL_SECONDS = 0.2


class Cancelled(Exception):
    """The client has cancelled its request or has disconnected."""


class ConnectedClients:
    """Clients that read their results: those whose browsers hold an event stream open.

    Args:
      timeout: seconds after which a client without a stream counts as disconnected.
    """

    def __init__(self, timeout: float = 10.0) -> None:
        self._timeout = timeout
        self._streams: collections.Counter[str] = collections.Counter()  # open streams of each client
        self._left: dict[str, float] = {}  # when a client's last stream was closed
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def connected(self, client: str) -> Iterator[None]:
        """Counts the client as connected while the block runs."""
        with self._changed:
            self._streams[client] += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                now = time.monotonic()
                self._left = {name: left for name, left in self._left.items() if now - left < self._timeout}
                self._streams[client] -= 1
                if not self._streams[client]:
                    del self._streams[client]
                    self._left[client] = now

    def wait_for(self, client: str) -> None:
        """Waits until the client is connected. Raises Cancelled after the timeout."""
        with self._changed:
            if not self._changed.wait_for(lambda: client in self._streams, self._timeout):
                raise Cancelled

    def check(self, client: str) -> None:
        """Raises Cancelled if the client has been disconnected for longer than the timeout."""
        with self._changed:
            left = self._left.get(client, float("-inf"))
            if client not in self._streams and time.monotonic() - left > self._timeout:
                raise Cancelled


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A restored photo.

    Attributes:
      image: the blurry image.
      restored: its restoration.
      notices: messages about properties of the photo that were not kept.
    """

    image: Image
    restored: Restored
    notices: list[str]


class _Request:
    """A request in the queue."""

    def __init__(self) -> None:
        self.is_cancelled = False

    def check(self) -> None:
        if self.is_cancelled:
            raise Cancelled


class RestorationQueue:
    """Queue of restorations for several clients: one photo at a time, in order.

    Args:
      model: the model.
      max_pixels: the largest number of pixels of a photo.

    Attributes:
      max_pixels: the same, or the model's own limit if it is smaller.
      max_bytes: the largest size of such a photo in bytes, decoded.
    """

    def __init__(self, model: TrainedModel | ExportedModel, max_pixels: int) -> None:
        self.model = model
        self.max_pixels = min(max_pixels, model.max_pixels or max_pixels)
        self.max_bytes = self.max_pixels * _MAX_BYTES_PER_PIXEL
        self._header_lock = threading.Lock()
        self._changed = threading.Condition()
        self._queue: list[_Request] = []  # the first one is being processed
        self._latest: dict[str, _Request] = {}  # each client's latest request
        self._active: dict[str, _Request] = {}  # each client's request that is in the queue or about to join it

    def restore(self, client: str, path: str | Path, preset: str, on_progress: Callable[[float | None, str], None]) -> Outcome:
        """Waits for the photo's turn, reads it and restores it. Cancels the client's earlier request.

        Args:
          client: name of the client, for `cancel`.
          path: the photo's file.
          preset: a name in the model's presets.
          on_progress: called repeatedly with (fraction of the work in [0, 1] or None, message). An exception that it
            raises ends the request.

        Returns:
          The restored photo.

        Raises:
          IcdpmError: the photo is invalid, too large or does not fit into memory; or the queue is full.
          Cancelled: raised within one network evaluation after `cancel`.
        """
        with self._latest_request(client) as request:
            # Invalid photos are rejected before the wait, but only one header is read at a time and one photo decoded.
            with self._header_lock:
                self._read_valid_file(path)

            def report(fraction, message):
                request.check()
                on_progress(fraction, message)

            with self._turn(request, report):
                report(None, "Restoring")
                image, notices = self._read_image(path)
                filled = fill_hidden(image.pixels, image.alpha)
                try:
                    restored = self.model.restore(filled, preset, lambda *done: report(*_describe_progress(*done)))
                except (MemoryError, tf.errors.ResourceExhaustedError) as error:
                    # The full message is about settings of the server, which a client cannot change.
                    raise IcdpmError(f"{Path(path).name} needs more memory than is available. Use a smaller copy.") from error
            restored = restored.restore_hidden(image.pixels, image.alpha)
            return Outcome(image, restored, [*notices, *(f"{Path(path).name}: {notice}" for notice in restored.notices)])

    def cancel(self, client: str) -> None:
        """Cancels the client's request."""
        with self._changed:
            if request := self._latest.get(client):
                request.is_cancelled = True
                self._changed.notify_all()

    def cancel_all(self) -> None:
        """Cancels all requests."""
        for client in list(self._latest):
            self.cancel(client)

    @contextlib.contextmanager
    def _latest_request(self, client):
        """Cancels the client's earlier request, waits for its end and yields the new one."""
        request = _Request()
        try:
            with self._changed:
                self.cancel(client)
                self._latest[client] = request
                self._changed.wait_for(lambda: request.is_cancelled or client not in self._active)
                request.check()
                self._active[client] = request
            yield request
        finally:
            with self._changed:
                for requests in (self._latest, self._active):
                    if requests.get(client) is request:
                        del requests[client]
                self._changed.notify_all()

    @contextlib.contextmanager
    def _turn(self, request, report):
        """Waits until all earlier requests have ended; later ones wait while the block runs."""
        with self._changed:
            if len(self._queue) > MAX_WAITING:
                raise IcdpmError(f"{MAX_WAITING} photos are already waiting, which is the limit. Try again later.")
            self._queue.append(request)
        try:
            while position := self._wait_for_change(request):
                photos = "1 photo is" if position == 1 else f"{position} photos are"
                report(None, f"Waiting: {photos} before yours")
            yield
        finally:
            with self._changed:
                self._queue.remove(request)
                self._changed.notify_all()

    def _wait_for_change(self, request) -> int:
        """Returns the number of earlier requests; waits for a moment if there are any."""
        with self._changed:
            if self._queue[0] is not request:
                self._changed.wait(_POLL_SECONDS)
            return self._queue.index(request)

    def _read_image(self, path):
        """Returns (image, notices)."""
        content, name = self._read_valid_file(path)
        image = decode_image(content, name)
        _, file_format = name_output(name, format_by_name(image.format))
        return image, [*image.notices, *check_fits(image, name, file_format)]

    def _read_valid_file(self, path):
        """Returns (content, name) of a file whose header is that of a photo within the limits.

        Error messages contain only the name: the folder must not be disclosed to clients.
        """
        name = Path(path).name
        if not Path(path).exists():
            raise IcdpmError(f"{name} has been deleted on the server in the meantime. Choose it again.")
        content = read_file(path, name)
        header = read_header(content, name)
        if header.pixels > self.max_pixels:
            raise IcdpmError(
                f"{name} has {header.width}×{header.height} = {header.pixels:,} pixels; "
                f"the limit of this page is {self.max_pixels:,} pixels. Use a smaller copy."
            )
        if max(header.width, header.height) > FORMATS["jpeg"].longest_side:
            raise IcdpmError(
                f"{name} has a side of more than {FORMATS['jpeg'].longest_side:,} pixels, which this page cannot show. Use a "
                "smaller copy, or icdpm-deblur."
            )
        if header.decoded_bytes > self.max_bytes:
            raise IcdpmError(
                f"{name} takes {header.decoded_bytes:,} bytes when it is decoded; "
                f"the limit of this page is {self.max_bytes:,} bytes. Use a smaller copy, in gray or RGB."
            )
        return content, name


def _describe_progress(done, total):
    """Returns (fraction or None, message)."""
    if total is None:
        return None, "Restoring"
    # `done` is fractional for images that are restored tile by tile.
    return done / total, f"Restoring: network evaluation {math.floor(done)} of {total}"
