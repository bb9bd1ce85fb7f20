"""Keeps from the terminal what TensorFlow says of itself while it is imported."""

import contextlib
import importlib.util
import os
import re
import signal
import sys

# As absl's logging begins a line of the level INFO, and what it says of all lines before it is set up.
_ANNOUNCED = re.compile(rb"I\d{4} \d\d:\d\d:\d\d|WARNING: All log messages before absl::InitializeLog\(\) is called")


def silence_tensorflow():
    """Hides what TensorFlow says of itself; has no effect once it is imported, nor where TF_CPP_MIN_LOG_LEVEL is 0.

    TensorFlow 2.15 logs three false errors (cuDNN, cuFFT and cuBLAS registered twice) whenever it is imported, so what it logs
    as an error is hidden too: real ones reach Python as exceptions. Later ones write lines of the level INFO before they look
    at TF_CPP_MIN_LOG_LEVEL; these, and no others, are left out of what it writes while it is imported.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if level != "0" and "tensorflow" not in sys.modules and sys.stderr:
        sys.meta_path.insert(0, _TensorFlowFinder())


class _TensorFlowFinder:
    """Finds TensorFlow as the others do, and has it loaded by `_without_announcements`."""

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            load = spec.loader.exec_module
            spec.loader.exec_module = _without_announcements()(load)
        return spec


@contextlib.contextmanager
def _without_announcements():
    """What the process writes to stderr goes through another process, which leaves announcements out.

    Through a process, and at once: a library that cannot work on a machine says why and aborts, and that must be seen.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    written, stderr = os.pipe()
    reader = os.fork()
    if not reader:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, whose last words are to be read
        os.close(stderr)
        try:
            _pass_on(written, terminal)
        finally:
            os._exit(0)
    os.close(written)
    os.dup2(stderr, 2)
    os.close(stderr)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        os.waitpid(reader, 0)


def _pass_on(written, terminal):
    """Copies lines to the terminal until the last writer has closed its end."""
    with open(written, "rb") as lines, open(terminal, "wb", buffering=0) as shown:
        for line in lines:
            if not _ANNOUNCED.match(line):
                shown.write(line)
