"""Several workers on loopback: stopped, killed, resumed by another number of workers, and inconsistent."""

import concurrent.futures
import contextlib
import json
import shutil
import signal
import socket
import time

import numpy as np
import pytest
import tensorflow as tf
from processes import free_ports, of_command, wait_until

from icdpm.errors import IcdpmError
from icdpm.models.workdir import checkpoint_folder, checkpoint_steps
from icdpm.training import rendezvous
from icdpm.training.rendezvous import read_tf_config, wait_for_workers
from icdpm.training.workers import Workers


@pytest.fixture
def folder(prepared_runs, tmp_path, regression_config, write_config):
    """A folder with a config, of a batch that one, two and three workers can share, and pairs to train on."""
    folder = shutil.copytree(prepared_runs, tmp_path / "runs")
    regression_config.data.batch = 6
    regression_config.run.update({"steps": 100_000, "validate_every": 100_000, "log_every": 2})
    write_config(folder / "workers.py", regression_config)
    return folder


def arguments(folder, workdir, *flags):
    return [f"--config={folder / 'workers.py'}", f"--data={folder / 'data'}", f"--workdir={folder / workdir}", *flags]


def tf_config(ports, index):
    workers = [f"127.0.0.1:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})


class Cluster:
    """Workers that train."""

    def __init__(self, start, folder, workdir, count, *flags, of_each=()):
        ports = free_ports(count)
        self.processes = [
            start(
                of_command("train"),
                arguments(folder, workdir, "--strategy=multiworker", *flags, *own),
                {"TF_CONFIG": tf_config(ports, index)},
            )
            for index, own in enumerate(of_each or [()] * count)
        ]

    def wait_for(self, condition):
        wait_until(condition, self.processes)

    def ended(self, seconds=120):
        """(status, stdout, stderr) of each."""
        return [(each.wait(seconds), *each.communicate()) for each in self.processes]


def latest(folder, workdir):
    return (checkpoint_steps(folder / workdir) or [0])[-1]


def assert_error(ended, *words):
    """Asserts that a process ended with a one-line error."""
    status, _, err = ended
    assert status == 1 and "Traceback" not in err, err
    assert all(word in err.strip().splitlines()[-1] for word in words), err


@pytest.mark.slow
def test_all_workers_end_together_and_any_number_continues(folder, start, run_each):
    # SIGTERM to a worker that is not the chief: one checkpoint, and both end alike.
    two = Cluster(start, folder, "run", 2)
    two.wait_for(lambda: latest(folder, "run"))
    two.processes[1].send_signal(signal.SIGTERM)
    for status, out, err in two.ended():
        assert status == 128 + signal.SIGTERM and "stopped by signal 15; the same command continues" in out, err
    stopped = latest(folder, "run")
    # Three go on; the chief is killed, and the others end within a minute.
    three = Cluster(start, folder, "run", 3)
    three.wait_for(lambda: latest(folder, "run") > stopped)
    three.processes[0].kill()
    killed = time.monotonic()
    for ended in three.ended()[1:]:
        assert_error(ended, "Another worker has ended", "which continues in")
    assert time.monotonic() - killed < 60
    # Two again; the other one is killed.
    before = latest(folder, "run")
    again = Cluster(start, folder, "run", 2)
    again.wait_for(lambda: latest(folder, "run") > before)
    again.processes[1].kill()
    killed = time.monotonic()
    assert_error(again.ended()[0], "Another worker has ended", "which continues in")
    assert time.monotonic() - killed < 60
    # One goes on to an end that an unbroken run reaches too.
    end = f"--set=run.steps={latest(folder, 'run') + 2}"
    went_on, unbroken = run_each("train", [arguments(folder, "run", end), arguments(folder, "unbroken", end)])
    assert went_on.returncode == unbroken.returncode == 0, went_on.stderr + unbroken.stderr
    assert latest(folder, "run") == latest(folder, "unbroken") > before > stopped
    with np.load(checkpoint_folder(folder / "run", latest(folder, "run")) / "weights.npz") as mine:
        with np.load(checkpoint_folder(folder / "unbroken", latest(folder, "unbroken")) / "weights.npz") as other:
            for name in other.files:
                np.testing.assert_allclose(mine[name], other[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_workers_with_different_configs_are_refused(folder, start):
    for ended in Cluster(start, folder, "unequal", 2, of_each=[(), ("--set=seed=3",)]).ended(600):
        assert_error(ended, "Worker 1 has a different config than worker 0", "Give all workers the same --config and --set")
    assert not checkpoint_steps(folder / "unequal") and not (folder / "unequal/config.json").exists()


@pytest.mark.parametrize("lost, refused", [(1, True), (2, False)])
def test_a_worker_that_has_ended_is_missed_only_by_the_first_exchange(monkeypatch, lost, refused):
    exchanges = []

    def all_gather(self, number):
        exchanges.append(number)
        if len(exchanges) == lost:
            raise tf.errors.UnavailableError(None, None, "Connection reset by peer")

    monkeypatch.setattr(Workers, "all_gather", all_gather)
    with pytest.raises(tf.errors.UnavailableError) if refused else contextlib.nullcontext():
        Workers(tf.distribute.get_strategy()).wait_for_others()
    assert len(exchanges) == lost


@pytest.mark.parametrize(
    "text, expected",
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("{", "does not describe workers"),
        ("[]", "does not describe workers"),
        ('{"cluster": {"worker": ["a:1"]}}', "does not describe workers"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "does not describe workers"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
            r"as chief 0, but its cluster has worker 0\.$",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
            "worker 2, but its cluster has worker 0, worker 1",
        ),
        ('{"cluster": {}, "task": {"type": "worker", "index": 0}}', "has no worker"),
        (
            '{"cluster": {"worker": ["a:70000"]}, "task": {"type": "worker", "index": 0}}',
            "Port 70000 of worker 0 in TF_CONFIG cannot be used",
        ),
    ],
)
def test_an_invalid_tf_config_is_explained(text, expected, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(IcdpmError, match=expected):
        read_tf_config()


def cluster_of(monkeypatch, ports, index):
    monkeypatch.setenv("TF_CONFIG", tf_config(ports, index))
    return read_tf_config()


def test_a_port_that_is_in_use_is_named(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(IcdpmError, match=f"Port {port} of worker 0 in TF_CONFIG cannot be used"):
            cluster_of(monkeypatch, [port], 0)
    assert cluster_of(monkeypatch, [port], 0).task == "worker 0"


def wait_for_all(clusters, timeout):
    """Returns the error message of `wait_for_workers`, or "", for each worker."""

    def message(cluster):
        try:
            wait_for_workers(cluster, timeout)
        except IcdpmError as error:
            return str(error)
        return ""

    with concurrent.futures.ThreadPoolExecutor(len(clusters)) as threads:
        return list(threads.map(message, clusters))


def test_other_programs_do_not_disturb_the_rendezvous(monkeypatch):
    ports = free_ports(3)
    clusters = [cluster_of(monkeypatch, ports, index) for index in range(3)]
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        first = other.submit(wait_for_workers, clusters[0], 60)
        for words in (b"", b"GET / HTTP/1.0\r\n", b"[1]\n"):
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", ports[0])) as stranger:
                        stranger.sendall(words)
                    break
                except ConnectionRefusedError:
                    time.sleep(0.02)
        assert wait_for_all(clusters[1:], 60) == ["", ""] and first.result() is None


def test_a_missing_worker_is_named(monkeypatch):
    ports = free_ports(3)
    first, second, third = (cluster_of(monkeypatch, ports, index) for index in range(3))
    messages = wait_for_all([first, third], 1)
    assert messages == ["worker 1 of TF_CONFIG did not start within 1 seconds (--wait). Start all workers."] * 2
    assert wait_for_all([second], 0.5) == [
        "worker 0 of TF_CONFIG did not answer within 0.5 seconds (--wait). Start all workers."
    ]


def test_a_missing_worker_is_named_in_python_3_9(monkeypatch):
    """Replaces `socket.timeout`, which is no TimeoutError there."""

    class Timeout(OSError):
        pass

    class Server(socket.socket):
        def accept(self):
            raise Timeout("timed out")

    monkeypatch.setattr(socket, "timeout", Timeout)
    monkeypatch.setattr(rendezvous, "_listen", lambda port: Server())
    cluster = rendezvous.Cluster({"worker 0": ("127.0.0.1", 1), "worker 1": ("127.0.0.1", 2)}, "worker 0")
    with pytest.raises(IcdpmError, match="worker 1 of TF_CONFIG did not start within 1 seconds"):
        wait_for_workers(cluster, 1)


def test_workers_with_different_clusters_are_refused(monkeypatch):
    ports = free_ports(3)
    messages = wait_for_all([cluster_of(monkeypatch, ports, 0), cluster_of(monkeypatch, ports[:2], 1)], 30)
    assert messages == ["worker 1 and worker 0 have different clusters in TF_CONFIG. Give all workers the same one."] * 2
