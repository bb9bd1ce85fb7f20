"""Ctrl-C at moments that suit."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def held_interrupts():
    """Holds Ctrl-C back, and gives a function to call between steps that raises KeyboardInterrupt if it was pressed.

    Raised in the midst of TensorFlow's work, which runs Python code of its own while it traces a graph, it may come out
    as another exception, or be swallowed. A second Ctrl-C is not held back.

        with held_interrupts() as check:
            for photo in photos:
                restore(photo)
                check()
    """
    pressed = []

    def check():
        if pressed:
            raise KeyboardInterrupt

    def note(*_):
        pressed.append(True)
        signal.signal(signal.SIGINT, previous)

    # Another handler than one that raises is somebody's wish, and only the main thread may set one.
    previous = signal.getsignal(signal.SIGINT)
    if not callable(previous) or threading.current_thread() is not threading.main_thread():
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
        check()
    finally:
        signal.signal(signal.SIGINT, previous)
