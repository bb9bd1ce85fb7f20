"""Several workers on loopback: stopped, killed, resumed by another number of them, and told lies."""

import concurrent.futures
import json
import shutil
import signal
import socket
import time

import numpy as np
import pytest
from processes import free_ports, of_command, wait_until

from icdpm.errors import IcdpmError
from icdpm.models.workdir import checkpoint_folder, checkpoint_steps
from icdpm.training import rendezvous
from icdpm.training.rendezvous import meet, read_tf_config


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


def assert_told(ended, *words):
    """That a process ended with one sentence."""
    status, _, err = ended
    assert status == 1 and "Traceback" not in err, err
    assert all(word in err.strip().splitlines()[-1] for word in words), err


@pytest.mark.slow
def test_whoever_is_stopped_or_killed_all_end_and_any_number_of_workers_goes_on(folder, start, run_each):
    # SIGTERM to one that is not the chief: one checkpoint, and both say the same.
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
        assert_told(ended, "another worker has ended", "the same command continues in")
    assert time.monotonic() - killed < 60
    # Two again; the other one is killed.
    before = latest(folder, "run")
    again = Cluster(start, folder, "run", 2)
    again.wait_for(lambda: latest(folder, "run") > before)
    again.processes[1].kill()
    killed = time.monotonic()
    assert_told(again.ended()[0], "another worker has ended", "the same command continues in")
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
def test_workers_that_were_not_given_the_same_say_so(folder, start):
    for ended in Cluster(start, folder, "unequal", 2, of_each=[(), ("--set=seed=3",)]).ended(600):
        assert_told(ended, "worker 1 has another config than worker 0", "give the same --config and --set to all")
    assert not checkpoint_steps(folder / "unequal") and not (folder / "unequal/config.json").exists()


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("{", "does not name the workers"),
        ("[]", "does not name the workers"),
        ('{"cluster": {"worker": ["a:1"]}}', "does not name the workers"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "does not name the workers"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "this is chief 0, and names worker 0$"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
            "worker 2, and names worker 0, worker 1",
        ),
        ('{"cluster": {}, "task": {"type": "worker", "index": 0}}', "names none"),
        ('{"cluster": {"worker": ["a:70000"]}, "task": {"type": "worker", "index": 0}}', "the port 70000 .* cannot be had"),
    ],
)
def test_a_tf_config_that_lies_is_told(text, said, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(IcdpmError, match=said):
        read_tf_config()


def place(monkeypatch, ports, index):
    monkeypatch.setenv("TF_CONFIG", tf_config(ports, index))
    return read_tf_config()


def test_a_port_that_is_taken_is_told(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(IcdpmError, match=f"the port {port} that TF_CONFIG gives to worker 0 cannot be had"):
            place(monkeypatch, [port], 0)
    assert place(monkeypatch, [port], 0).task == "worker 0"


def meet_all(places, wait):
    """What `meet` says to each."""

    def say(place):
        try:
            meet(place, wait)
        except IcdpmError as error:
            return str(error)
        return ""

    with concurrent.futures.ThreadPoolExecutor(len(places)) as threads:
        return list(threads.map(say, places))


def test_workers_meet_whoever_else_knocks(monkeypatch):
    ports = free_ports(3)
    places = [place(monkeypatch, ports, index) for index in range(3)]
    with concurrent.futures.ThreadPoolExecutor(1) as other:
        first = other.submit(meet, places[0], 60)
        for words in (b"", b"GET / HTTP/1.0\r\n", b"[1]\n"):
            while True:
                try:
                    with socket.create_connection(("127.0.0.1", ports[0])) as stranger:
                        stranger.sendall(words)
                    break
                except ConnectionRefusedError:
                    time.sleep(0.02)
        assert meet_all(places[1:], 60) == ["", ""] and first.result() is None


def test_a_worker_that_does_not_come_is_named(monkeypatch):
    ports = free_ports(3)
    first, second, third = (place(monkeypatch, ports, index) for index in range(3))
    said = meet_all([first, third], 1)
    assert said == ["worker 1 of TF_CONFIG did not come up in 1 seconds (--wait); start all workers"] * 2
    assert meet_all([second], 0.5) == ["worker 0 of TF_CONFIG did not answer in 0.5 seconds (--wait); start all workers"]


def test_a_worker_that_does_not_come_is_named_in_python_3_9(monkeypatch):
    """There `socket.timeout` is an OSError and no TimeoutError."""

    class Timeout(OSError):
        pass

    class Server(socket.socket):
        def accept(self):
            raise Timeout("timed out")

    monkeypatch.setattr(socket, "timeout", Timeout)
    monkeypatch.setattr(rendezvous, "_listening", lambda port: Server())
    place = rendezvous.Place({"worker 0": ("127.0.0.1", 1), "worker 1": ("127.0.0.1", 2)}, "worker 0")
    with pytest.raises(IcdpmError, match="worker 1 of TF_CONFIG did not come up in 1 seconds"):
        meet(place, 1)


def test_workers_of_different_clusters_say_so(monkeypatch):
    ports = free_ports(3)
    said = meet_all([place(monkeypatch, ports, 0), place(monkeypatch, ports[:2], 1)], 30)
    assert said == ["worker 1 was told of another cluster than worker 0: give all the same in TF_CONFIG"] * 2
