"""Who listens, and who is gone."""

import threading
import time

import pytest

from icdpm.serving.listeners import Gone, Listeners


def test_who_was_never_there_is_gone():
    listeners = Listeners(patience=0.05)
    with pytest.raises(Gone):
        listeners.wait_for("a")
    with pytest.raises(Gone):
        listeners.check("a")


def test_who_comes_late_is_waited_for():
    listeners, leave = Listeners(patience=10), threading.Event()

    def listen():
        with listeners.listening("a"):
            leave.wait()

    timer = threading.Timer(0.1, listen)
    timer.start()
    listeners.wait_for("a")
    listeners.check("a")
    leave.set()
    timer.join()


def test_who_comes_back_in_time_has_never_left():
    listeners = Listeners(patience=0.2)
    with listeners.listening("a"), listeners.listening("a"):
        pass
    listeners.check("a")
    with listeners.listening("a"):
        time.sleep(0.25)
        listeners.check("a")
        with listeners.listening("a"):
            pass
        time.sleep(0.25)
        listeners.check("a")
    time.sleep(0.25)
    with pytest.raises(Gone):
        listeners.check("a")
