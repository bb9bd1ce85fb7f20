"""One at a time, in order, and not too many."""

import threading
import time

import pytest

from icdpm.errors import IcdpmError
from icdpm.serving.waiting_line import WaitingLine


def until(holds):
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that")


def test_one_at_a_time_in_order_and_a_bound():
    line, events, release = WaitingLine(2), [], threading.Event()

    def visit(name):
        with line.wait(lambda ahead: events.append((name, ahead))):
            events.append((name, "begins"))
            release.wait()
            events.append((name, "ends"))

    threads = []
    for name, first in [("a", ("a", "begins")), ("b", ("b", 1)), ("c", ("c", 2))]:
        threads.append(threading.Thread(target=visit, args=[name]))
        threads[-1].start()
        until(lambda: first in events)  # noqa: B023
    with pytest.raises(IcdpmError, match="2 photos are waiting already"), line.wait(events.append):
        raise AssertionError("a fourth got in")
    release.set()
    for thread in threads:
        thread.join()
    seen = [event for event in events if isinstance(event[1], str)]
    assert seen == [(name, what) for name in "abc" for what in ("begins", "ends")]
    with line.wait(lambda _: pytest.fail("nobody is before")):
        pass


def test_who_leaves_lets_the_others_pass():
    line, gone = WaitingLine(2), []

    def leave(ahead):
        gone.append(ahead)
        raise InterruptedError

    with pytest.raises(InterruptedError), line.wait(lambda _: None):
        with line.wait(leave):
            raise AssertionError("it was not its turn")
    assert gone == [1]
    with line.wait(lambda _: pytest.fail("nobody is before")):
        pass
