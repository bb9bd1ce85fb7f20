"""Long work on many pictures, one by one, or as many at a time as there are devices."""

import contextlib
import signal
import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import PurePath

from icdpm.errors import IcdpmError
from icdpm.progress import progress_bar

_LOOK = 0.1  # seconds


def process_images(items, work, *, name=str, steps=1, unit="picture", at_once=False):
    """Does something to each of many items, with one progress bar. An item that fails does not stop the rest.

    Ctrl-C ends it after the step at hand, for `work` may be in TensorFlow, where an exception out of the blue gets lost.

    Args:
      items: a sequence.
      work: function (item, on_step). It may call `on_step` with how many of the item's steps, or what fraction of one, it
        has done since. Or several such functions, one for each device: each takes the next item when it is free.
      name: function of an item: what people call it, perhaps with its folders.
      steps: function of an item, or a number: how many it takes.
      unit: what a step is.
      at_once: whether Ctrl-C ends the step at hand as well, as is right where all it does is wait.

    Returns:
      One sentence for each item whose work raised IcdpmError or MemoryError, in the items' order.
    """
    takes = steps if callable(steps) else lambda _: steps
    works = [work] if callable(work) else work
    failures, lock = {}, threading.Lock()
    with contextlib.ExitStack() as stack:
        check = (lambda: None) if at_once else stack.enter_context(deferred_interrupts())
        bar = stack.enter_context(progress_bar("", sum(map(takes, items)), unit))

        def do(work, number, item):
            told = 0

            def on_step(count):
                nonlocal told
                told += count
                with lock:
                    bar.update(count)
                check()

            with lock:
                bar.set_description(f"{number}/{len(items)} {PurePath(name(item)).name}")
            try:
                work(item, on_step)
            except IcdpmError as error:
                failures[number] = str(error)
            except MemoryError:
                failures[number] = f"{name(item)} needs more memory than there is; restore a smaller copy"
            with lock:
                bar.update(takes(item) - told)
            check()

        numbered = enumerate(items, 1)
        if len(works) == 1:
            for number, item in numbered:
                do(*works, number, item)
        else:
            _side_by_side(works, do, numbered, lock, check)
    return [failures[number] for number in sorted(failures)]


def _side_by_side(works, do, numbered, lock, check):
    """Calls do(work, number, item) for each item, with each of the works in a thread of its own."""
    stopped = threading.Event()

    def serve(work):
        while not stopped.is_set():
            with lock:
                following = next(numbered, None)
            if following is None:
                return
            do(work, *following)

    with ThreadPoolExecutor(len(works)) as pool:
        try:
            running = [pool.submit(serve, work) for work in works]
            # Signals come to this thread only between two looks.
            while wait(running, _LOOK, return_when=FIRST_EXCEPTION).not_done:
                check()
                for each in running:
                    if each.done():
                        each.result()
            for each in running:
                each.result()
        finally:
            stopped.set()


@contextlib.contextmanager
def deferred_interrupts():
    """Holds Ctrl-C back, and gives a function to call between steps that raises KeyboardInterrupt if it was pressed.

    Raised in the midst of TensorFlow's work, which runs Python code of its own while it traces a graph, it may come out
    as another exception, or be swallowed. A second Ctrl-C is not held back.

        with deferred_interrupts() as check:
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
