"""Errors and shutdown of Python functions that tf.data calls.

TensorFlow wraps an exception of such a function in an error of its own, whose message contains names of operations and a
traceback. The exceptions are therefore recorded, and `original_errors` raises them again. Errors of TensorFlow's own operations
do not name the file; `named_source` adds what they were reading.

The threads of tf.data read ahead of the consumer. A thread that waits for Python's global lock while the interpreter shuts down
never gets it, and TensorFlow waits for the thread forever. At exit, calls are therefore made to fail at once, which fills
tf.data's buffers immediately, and the last calls are awaited.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from icdpm.errors import IcdpmError, summarize_error

_sources: dict[str, str] = {}  # {name scope of operations: what they read}
_failures: collections.deque[Exception] = collections.deque(maxlen=16)  # several threads may fail before the first report
_is_exiting = False
_calls = itertools.count()
_QUIET_SECONDS = 0.05  # without a new call, after which none is in progress
_MAX_WAIT_SECONDS = 5.0


def for_tf_data(function: Callable) -> Callable:
    """Wraps a function that tf.data calls, so that its exceptions are recorded and the process can exit."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        next(_calls)
        if _is_exiting:
            raise StopIteration
        try:
            return function(*arguments)
        except Exception as error:
            _failures.append(error)
            raise

    return call


@contextlib.contextmanager
def named_source(source: str) -> Iterator[None]:
    """Names what the operations that are created in the block read, such as a folder, for `original_errors`."""
    import tensorflow as tf

    scope = f"named_source_{len(_sources)}_"
    _sources[scope] = source
    with tf.name_scope(scope):
        yield


@contextlib.contextmanager
def original_errors() -> Iterator[None]:
    """Raises the original exception of a function of `for_tf_data` in place of TensorFlow's error."""
    import tensorflow as tf  # not at the top, since sources without tf.data do not need it

    try:
        yield
    except tf.errors.OpError as error:
        for failure in _failures:
            if f"{type(failure).__name__}: {failure}" in error.message:
                raise failure from None
        for scope, source in _sources.items():
            if scope in error.message:
                raise IcdpmError(f"{source} cannot be read: {summarize_error(error)}") from error
        raise


@atexit.register
def _await_calls() -> None:
    global _is_exiting
    _is_exiting = True
    deadline, before, now = time.monotonic() + _MAX_WAIT_SECONDS, None, next(_calls)
    # next(_calls) itself increases the count by one.
    while now != before and time.monotonic() < deadline:
        time.sleep(_QUIET_SECONDS)
        before, now = now + 1, next(_calls)
