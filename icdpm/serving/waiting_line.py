"""A queue in front of what one may use at a time."""

import contextlib
import threading

from icdpm.errors import IcdpmError

# Seconds between two looks at the queue.
_LOOK = 0.2


class WaitingLine:
    """First come, first served, one at a time.

    Args:
      most_waiting: how many may wait; more are refused.
    """

    def __init__(self, most_waiting):
        self.most_waiting = most_waiting
        self._line = []  # the first one's turn it is
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def wait(self, on_wait):
        """Waits, and gives the block its turn.

        Args:
          on_wait: called again and again while waiting with how many are before; what it raises ends the wait.

        Raises:
          IcdpmError: too many are waiting already.
        """
        place = object()
        with self._changed:
            if len(self._line) > self.most_waiting:
                raise IcdpmError(f"{self.most_waiting} photos are waiting already, which is all that may; try again later")
            self._line.append(place)
        try:
            while ahead := self._ahead(place):
                on_wait(ahead)
            yield
        finally:
            with self._changed:
                self._line.remove(place)
                self._changed.notify_all()

    def _ahead(self, place):
        """How many are before a place; it takes a while where there are any."""
        with self._changed:
            if self._line[0] is not place:
                self._changed.wait(_LOOK)
            return self._line.index(place)
