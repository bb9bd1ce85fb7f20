"""Processes many images one after the other, or one per device at a time, with a progress bar."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import PurePath
from typing import Any

from icdpm.errors import IcdpmError, escape_controls
from icdpm.progress import progress_bar

_POLL_SECONDS = 0.1


def process_images(
    items: Sequence[Any],
    process: Callable[..., Any] | Sequence[Callable[..., Any]],
    *,
    name: Callable[[Any], str] = str,
    steps: Callable[[Any], float] | float = 1,
    weight: Callable[[Any], float] = lambda item: 1.0,
    unit: str = "image",
    defer_interrupts: bool = True,
) -> tuple[list[Any], list[str]]:
    """Calls a function for each item, with one progress bar. A failure of an item does not stop the others.

    Args:
      items: images in any representation.
      process: function (item, on_step). It may call `on_step` with the number of steps of the item that it has completed since
        the last call, which may be fractional. Several functions, one per device, run in threads; each takes the next item.
      name: function of an item that returns its name, which may include folders.
      steps: number of steps of an item, or a function of the item that returns it.
      weight: function of an item that returns the length of its steps on the progress bar.
      unit: singular name of a step.
      defer_interrupts: whether Ctrl-C takes effect only after the current step (`deferred_interrupts`), which is needed if
        `process` calls TensorFlow.

    Returns:
      (the results in the order of the items, `None` for failed ones; a sentence for each item that raised IcdpmError or
      MemoryError).
    """
    processes = [process] if callable(process) else process
    lengths = [(steps(item) if callable(steps) else steps) * weight(item) for item in items]
    results: list[Any] = [None] * len(items)
    failures, lock = {}, threading.Lock()
    with contextlib.ExitStack() as stack:
        check = stack.enter_context(deferred_interrupts()) if defer_interrupts else lambda: None
        bar = stack.enter_context(progress_bar("restoring", sum(lengths), unit))

        def run(process, index, item):
            done = 0.0

            def on_step(count):
                nonlocal done
                length = count * weight(item)
                done += length
                with lock:
                    bar.update(length)
                check()

            with lock:
                bar.set_description(f"{index + 1}/{len(items)} {escape_controls(PurePath(name(item)).name)}")
            try:
                results[index] = process(item, on_step)
            except IcdpmError as error:
                failures[index] = str(error)
            except MemoryError:
                failures[index] = f"{name(item)} needs more memory than is available; restore a smaller copy"
            with lock:
                bar.update(lengths[index] - done)
            check()

        if len(processes) == 1:
            for index, item in enumerate(items):
                run(processes[0], index, item)
        else:
            _run_in_threads(processes, run, enumerate(items), lock, check)
    return results, [failures[index] for index in sorted(failures)]


def _run_in_threads(processes, run, numbered_items, lock, check):
    """Calls run(process, index, item) for all items, with a thread for each of the processes."""
    stopped = threading.Event()

    def work(process):
        while not stopped.is_set():
            with lock:
                following = next(numbered_items, None)
            if following is None:
                return
            run(process, *following)

    with ThreadPoolExecutor(len(processes)) as pool:
        try:
            running = [pool.submit(work, process) for process in processes]
            # Python handles signals in this thread, between two waits.
            while wait(running, _POLL_SECONDS, return_when=FIRST_EXCEPTION).not_done:
                check()
                for each in running:
                    if each.done():
                        each.result()
            for each in running:
                each.result()
        finally:
            stopped.set()


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[Callable[[], None]]:
    """Defers SIGINT to safe points: yields a function that raises KeyboardInterrupt if Ctrl-C was pressed.

    TensorFlow runs Python code while it traces a graph. A KeyboardInterrupt in that code may turn into another exception or be
    swallowed. A second Ctrl-C takes effect at once.

        with deferred_interrupts() as check:
            for image in images:
                restore(image)
                check()
    """
    pressed: list[bool] = []

    def check():
        if pressed:
            raise KeyboardInterrupt

    def record(*_):
        pressed.append(True)
        signal.signal(signal.SIGINT, previous)

    # A handler that is not a function ignores the signal on purpose; and only the main thread can set a handler.
    previous = signal.getsignal(signal.SIGINT)
    if not callable(previous) or threading.current_thread() is not threading.main_thread():
        yield check
        return
    signal.signal(signal.SIGINT, record)
    try:
        yield check
        check()
    finally:
        signal.signal(signal.SIGINT, previous)
