"""Runs Python programs in processes that are forked from one that has imported TensorFlow, which takes longer than most runs.

Tests of the start and the end of a process use `subprocess` instead: imports, environment variables that libraries read when
they are imported, and actions at the interpreter's exit.
"""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time

_FORKS = multiprocessing.get_context("forkserver")
# Modules that commands import when they run. The commands themselves are not imported, because their flags share names.
_FORKS.set_forkserver_preload(
    "tensorflow tensorflow_datasets icdpm.training.run icdpm.training.strategy icdpm.restoration.restore icdpm.batch.restoring "
    "icdpm.evaluation.measure icdpm.evaluation.restore_dataset icdpm.serving.export icdpm.pretrained "
    "icdpm_datasets.load".split()
)


def of_command(name):
    """Returns the program of a command, given by its name in icdpm.commands or by the full name of its module."""
    module = name if "." in name else f"icdpm.commands.{name}"
    return f"import sys; sys.argv[0] = 'icdpm-{name.rpartition('.')[2]}'; from {module} import run; run()"


class Process:
    """Running program with the methods and the `returncode` of `subprocess.Popen`.

    Args:
      program: Python source.
      arguments: arguments in `sys.argv`.
      folder: new or empty folder for the program's output.
      environment: variables that are added to those of this process, `PYTHONPATH` included.
      cwd: working folder; None for the current one.
    """

    def __init__(self, program, arguments, folder, environment=None, cwd=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.args = [*map(str, arguments)]
        self._outputs = folder / "out", folder / "err"
        given = program, self.args, self._outputs, {**os.environ, **(environment or {})}, cwd or os.getcwd()
        self._process = _FORKS.Process(target=_run, args=given)
        self._process.start()

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self._process.exitcode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self._process.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout=None):
        """Waits for the end of the process and returns its output, (stdout, stderr)."""
        self.wait(timeout)
        return tuple(path.read_text() if path.exists() else "" for path in self._outputs)


def completed(process):
    """Waits for the end of a `Process` and returns its `subprocess.CompletedProcess`."""
    return subprocess.CompletedProcess(process.args, process.wait(), *process.communicate())


def wait_until(condition, processes, seconds=600):
    """Waits until a condition holds. Fails if one of the processes ends before."""
    deadline = time.monotonic() + seconds
    while not condition():
        ended = [each.communicate() for each in processes if each.poll() is not None]
        assert not ended, ended
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _run(program, arguments, outputs, environment, cwd):
    for stream, path in zip((1, 2), outputs):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.argv = ["-c", *arguments]
    exec(program, {"__name__": "__main__"})


def free_ports(count):
    """Returns free ports of this computer."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
