"""Work in other processes, started early and taken in order."""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import signal

from icdpm.announcements import quieten_tensorflow


@contextlib.contextmanager
def worker_pool(workers):
    """A pool with a `submit(function, *arguments)` that gives a future. One worker is this process, at once."""
    if workers == 1:
        yield ThisProcess()
        return
    # Not forked: TensorFlow's threads would not survive it.
    pool = concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), quieten_tensorflow)
    try:
        yield OtherProcesses(pool)
    finally:
        pool.shutdown(cancel_futures=True)


class OtherProcesses:
    """A ProcessPoolExecutor whose processes leave Ctrl-C to this one."""

    def __init__(self, pool):
        self._pool = pool

    def submit(self, function, *arguments):
        """A future."""
        # Here processes are started, when they are needed, and they inherit which signals are blocked.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.submit(function, *arguments)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ThisProcess:
    """A pool whose work is done when it is submitted."""

    def submit(self, function, *arguments):
        """A future that is done."""
        future = concurrent.futures.Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def started_ahead(tasks, start, ahead):
    """Yields (task, start(task)) in the tasks' order, each after up to `ahead` later ones have been started.

    Where starting one fails, those before it are yielded first.
    """
    under_way = collections.deque()
    for task in tasks:
        try:
            under_way.append((task, start(task)))
        except Exception:
            yield from under_way
            raise
        if len(under_way) > ahead:
            yield under_way.popleft()
    yield from under_way
