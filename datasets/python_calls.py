"""Python called from tf.data, by a process that may end at any moment.

The threads of tf.data run ahead of what is consumed. One that waits for Python's lock when the interpreter is torn down
never gets it, and TensorFlow then waits for that thread: the process would hang instead of ending. So, when it is about
to end, the calls are made to fail at once, which fills tf.data's buffers in no time, and the last ones are awaited.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import time
from collections.abc import Callable

_ending = False
_calls = itertools.count()
_QUIET = 0.05  # seconds without a call after which none is under way
_PATIENCE = 5.0  # seconds, at most


def called_by_tf_data(function: Callable) -> Callable:
    """The function, which after the end of the program has begun raises StopIteration instead of doing its work."""

    @functools.wraps(function)
    def call(*arguments):
        next(_calls)
        if _ending:
            raise StopIteration
        return function(*arguments)

    return call


@atexit.register
def _let_calls_end() -> None:
    global _ending
    _ending = True
    deadline, before, now = time.monotonic() + _PATIENCE, None, next(_calls)
    # Asking takes a number too.
    while now != before and time.monotonic() < deadline:
        time.sleep(_QUIET)
        before, now = now + 1, next(_calls)
