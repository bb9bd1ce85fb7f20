"""Python programs in processes of their own, forked from one that has imported TensorFlow: that takes longer than most runs.

How a process begins and how it ends is subprocess's to show: its imports, what libraries read when they are imported, what is
done at the interpreter's exit.
"""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time

_FORKS = multiprocessing.get_context("forkserver")
# What commands import when they are run. (The commands themselves define flags, each its own of the same names.)
_FORKS.set_forkserver_preload(
    "tensorflow tensorflow_datasets icdpm.training.run icdpm.training.strategy icdpm.restoration.restore icdpm.batch.restoring "
    "icdpm.evaluation.measure icdpm.evaluation.restore_dataset icdpm.serving.export icdpm.pretrained "
    "icdpm_datasets.load".split()
)


def of_command(name):
    """The program of a command: one of icdpm.commands, or a module's whole name."""
    module = name if "." in name else f"icdpm.commands.{name}"
    return f"import sys; sys.argv[0] = 'icdpm-{name.rpartition('.')[2]}'; from {module} import run; run()"


class Process:
    """A program that runs; its methods and `returncode` are subprocess.Popen's.

    Args:
      program: Python source.
      arguments: of sys.argv.
      folder: what it says is written there, which is empty or not there.
      environment: variables to add to those of this process; PYTHONPATH is heard.
      cwd: folder to run it in; None: the current one.
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
        """(what it wrote to stdout, and to stderr) when it has ended."""
        self.wait(timeout)
        return tuple(path.read_text() if path.exists() else "" for path in self._outputs)


def completed(process):
    """The subprocess.CompletedProcess of a Process, when it has ended."""
    return subprocess.CompletedProcess(process.args, process.wait(), *process.communicate())


def wait_until(condition, processes, seconds=600):
    """Returns when a condition holds, while some processes run that may not end before."""
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
    """Ports of this computer that nobody listens to."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
