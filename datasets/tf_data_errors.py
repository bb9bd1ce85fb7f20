"""Python called from tf.data, which may fail, by a process that may end at any moment.

TensorFlow makes an error of its own of one that a call raises: the sentence for people then stands between the names of
operations and a traceback. So what calls raise is remembered, and `original_errors` gives it back. TensorFlow's own operations
say what is wrong, but not with which file: `named_source` has `original_errors` say that.

The threads of tf.data run ahead of what is consumed. One that waits for Python's lock when the interpreter is torn down
never gets it, and TensorFlow then waits for that thread: the process would hang instead of ending. So, when it is about
to end, the calls are made to fail at once, which fills tf.data's buffers in no time, and the last ones are awaited.
"""

from __future__ import annotations

import atexit
import collections
import contextlib
import functools
import itertools
import time
from collections.abc import Callable, Iterator

from icdpm.errors import IcdpmError, summarize_error

_told: dict[str, str] = {}  # {scope of operations: what they read}
_failures = collections.deque(maxlen=16)  # several threads may fail before the first error is reported
_ending = False
_calls = itertools.count()
_QUIET = 0.05  # seconds without a call after which none is under way
_PATIENCE = 5.0  # seconds, at most


def for_tf_data(function: Callable) -> Callable:
    """The function, which after the end of the program has begun raises StopIteration instead of doing its work."""

    @functools.wraps(function)
    def call(*arguments):
        next(_calls)
        if _ending:
            raise StopIteration
        try:
            return function(*arguments)
        except Exception as error:
            _failures.append(error)
            raise

    return call


@contextlib.contextmanager
def named_source(what: str) -> Iterator[None]:
    """Operations of tf.data that are made within it read `what`, such as a folder: an IcdpmError names it if they fail."""
    import tensorflow as tf

    scope = f"told_of_{len(_told)}_"
    _told[scope] = what
    with tf.name_scope(scope):
        yield


@contextlib.contextmanager
def original_errors() -> Iterator[None]:
    """Within it, what a function called by tf.data raised is raised again as it was, not as TensorFlow words it."""
    import tensorflow as tf  # not at the top: who calls nothing from tf.data can do without

    try:
        yield
    except tf.errors.OpError as error:
        for failure in _failures:
            if f"{type(failure).__name__}: {failure}" in error.message:
                raise failure from None
        for scope, what in _told.items():
            if scope in error.message:
                raise IcdpmError(f"{what}: cannot be read ({summarize_error(error)})") from error
        raise


@atexit.register
def _let_calls_end() -> None:
    global _ending
    _ending = True
    deadline, before, now = time.monotonic() + _PATIENCE, None, next(_calls)
    # Asking takes a number too.
    while now != before and time.monotonic() < deadline:
        time.sleep(_QUIET)
        before, now = now + 1, next(_calls)
