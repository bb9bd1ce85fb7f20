"""Tests of icdpm.batch.processing."""

import io
import signal
import sys
import threading
import time

import pytest

from icdpm.batch.processing import process_images
from icdpm.errors import IcdpmError


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_failures_do_not_stop_the_rest():
    done = []

    def work(item, on_step):
        if item == "b":
            raise IcdpmError("b is broken")
        if item == "c":
            raise MemoryError
        done.append(item)
        return f"{item}!"

    results, failures = process_images("abcd", work, name=lambda item: f"photo {item}")
    assert failures == ["b is broken", "photo c needs more memory than is available; restore a smaller copy"]
    assert done == ["a", "d"] and results == ["a!", None, None, "d!"]
    with pytest.raises(ZeroDivisionError):
        process_images("ab", lambda item, on_step: 1 / 0)
    assert process_images([], work) == ([], [])


def test_names_of_images_cannot_control_the_terminal(monkeypatch):
    monkeypatch.setattr("sys.stderr", stream := Terminal())
    process_images(["a\x1b[31m\nb"], lambda item, on_step: None)
    assert "\x1b[31m" not in stream.getvalue() and r"a\x1b[31m\nb" in stream.getvalue()


def test_the_bar_counts_reported_steps_and_completes_silent_images(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)

    def work(item, on_step):
        if item.endswith("reported"):
            for _ in range(4):
                on_step(0.75)

    process_images(["in/reported", "in/silent"], work, steps=lambda item: 3 if item == "in/reported" else 1.5, unit="step")
    shown = [line for line in stream.getvalue().split("\r") if line]
    assert shown[0].startswith("restoring:   0%|")
    assert any("2/2 silent:  67%|" in line and "| 3/4.5 steps [" in line for line in shown)
    assert "2/2 silent: 100%|" in shown[-1] and "| 4.5/4.5 steps [" in shown[-1]


@pytest.mark.parametrize("deferred, reached", [(True, ["a", "a: step"]), (False, ["a"])])
def test_an_interrupt_waits_for_the_end_of_a_step_where_it_should(deferred, reached):
    seen = []

    def work(item, on_step):
        seen.append(item)
        signal.raise_signal(signal.SIGINT)
        seen.append(f"{item}: step")
        on_step(1)
        seen.append("too late")

    with pytest.raises(KeyboardInterrupt):
        process_images("ab", work, defer_interrupts=deferred)
    assert seen == reached


def test_several_work_at_the_same_time_and_what_stops_one_stops_all():
    both, done = threading.Barrier(2, timeout=30), []

    def work(item, on_step):
        if item in "ab":
            both.wait()  # only passed by two at the same time
        if item == "c":
            raise IcdpmError("c is broken")
        on_step(1)
        done.append(item)

    assert process_images("abcd", [work, work])[1] == ["c is broken"] and sorted(done) == ["a", "b", "d"]

    def fail(item, on_step):
        raise ZeroDivisionError

    def wait_and_go_on(item, on_step):
        time.sleep(0.2)
        done.append(item)

    done.clear()
    with pytest.raises(ZeroDivisionError):
        process_images("abcdef", [fail, wait_and_go_on])
    assert len(done) <= 2

    def interrupted(item, on_step):
        both.wait()
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.5)
        on_step(1)
        done.append(item)

    done.clear()
    with pytest.raises(KeyboardInterrupt):
        process_images("abcd", [interrupted, interrupted])
    assert done == []
