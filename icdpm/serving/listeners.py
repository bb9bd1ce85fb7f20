"""Who listens to the page: the visitors whose browsers hold a stream of answers open."""

import collections
import contextlib
import threading
import time
from urllib.parse import parse_qs

_STREAM = "/gradio_api/queue/data"


class Gone(Exception):
    """Nobody listens."""


class Listeners:
    """Knows who listens, and since when others do no more.

    Gradio runs what it was asked for whether or not anybody ever fetches the answer.

    Args:
      patience: seconds that a visitor may be away.
    """

    def __init__(self, patience=10.0):
        self._patience = patience
        self._streams = collections.Counter()  # open ones, of each visitor
        self._left = {}  # when the last of a visitor's streams was closed
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def listening(self, visitor):
        """The visitor listens while the block runs."""
        with self._changed:
            self._streams[visitor] += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                now = time.monotonic()
                self._left = {name: left for name, left in self._left.items() if now - left < self._patience}
                self._streams[visitor] -= 1
                if not self._streams[visitor]:
                    del self._streams[visitor]
                    self._left[visitor] = now

    def wait_for(self, visitor):
        """Returns once the visitor listens; raises Gone if that takes too long."""
        with self._changed:
            if not self._changed.wait_for(lambda: visitor in self._streams, self._patience):
                raise Gone

    def check(self, visitor):
        """Raises Gone where the visitor has been away for too long."""
        with self._changed:
            left = self._left.get(visitor, float("-inf"))
            if visitor not in self._streams and time.monotonic() - left > self._patience:
                raise Gone


class NoteListeners:
    """ASGI middleware that tells `listeners` of the streams that browsers hold open."""

    def __init__(self, app, listeners):
        self.app = app
        self.listeners = listeners

    async def __call__(self, scope, receive, send):
        with contextlib.ExitStack() as stack:
            if scope["type"] == "http" and scope["path"] == _STREAM:
                for visitor in parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", []):
                    stack.enter_context(self.listeners.listening(visitor))
            await self.app(scope, receive, send)
