"""Several workers on loopback: stopped, killed, resumed by another number of them, and told lies."""

import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.systems.config import config_to_json
from icdpm.systems.workdir import checkpoint_folder, checkpoint_steps, read_config
from icdpm.training.meeting import meet, read_tf_config

RUN = "from icdpm.commands.train import run; run()"
CONFIG = """
from icdpm.systems.config import config_from_json
def get_config():
    return config_from_json({text!r})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, micro_workdir):
    """A folder with the micro config, of a batch that one, two and three workers can share, and pairs to train on."""
    folder = tmp_path_factory.mktemp("workers")
    config = read_config(micro_workdir)
    config.data.batch = 6
    config.run.update({"steps": 100_000, "validate_every": 100_000, "log_every": 2})
    (folder / "micro.py").write_text(CONFIG.format(text=config_to_json(config)))
    rng = np.random.default_rng(0)
    for side in ("blur", "sharp"):
        (folder / "data" / side).mkdir(parents=True)
        for number in range(10):
            Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(folder / f"data/{side}/{number}.png")
    return folder


def arguments(folder, workdir, *flags):
    return [f"--config={folder / 'micro.py'}", f"--data={folder / 'data'}", f"--workdir={folder / workdir}", *flags]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def tf_config(ports, index):
    workers = [f"127.0.0.1:{port}" for port in ports]
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})


class Cluster:
    """Workers that train."""

    def __init__(self, folder, workdir, count, *flags, of_each=()):
        ports = free_ports(count)
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-c", RUN, *arguments(folder, workdir, "--strategy=multiworker", *flags, *own)],
                env={**os.environ, "TF_CONFIG": tf_config(ports, index)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for index, own in enumerate(of_each or [()] * count)
        ]

    def wait_for(self, condition, seconds=600):
        deadline = time.monotonic() + seconds
        while not condition():
            assert all(each.poll() is None for each in self.processes), self.ended()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def ended(self, seconds=120):
        """(status, stdout, stderr) of each."""
        try:
            return [(each.wait(seconds), *each.communicate()) for each in self.processes]
        finally:
            for each in self.processes:
                each.kill()


def latest(folder, workdir):
    return (checkpoint_steps(folder / workdir) or [0])[-1]


def assert_told(ended, *words):
    """That a process ended with one sentence."""
    status, _, err = ended
    assert status == 1 and "Traceback" not in err, err
    assert all(word in err.strip().splitlines()[-1] for word in words), err


def test_whoever_is_stopped_or_killed_all_end_and_any_number_of_workers_goes_on(folder, run_each):
    # SIGTERM to one that is not the chief: one checkpoint, and both say the same.
    two = Cluster(folder, "run", 2)
    two.wait_for(lambda: latest(folder, "run"))
    two.processes[1].send_signal(signal.SIGTERM)
    for status, out, err in two.ended():
        assert status == 128 + signal.SIGTERM and "stopped by signal 15; the same command continues" in out, err
    stopped = latest(folder, "run")
    # Three go on; the chief is killed, and the others end within a minute.
    three = Cluster(folder, "run", 3)
    three.wait_for(lambda: latest(folder, "run") > stopped)
    three.processes[0].kill()
    killed = time.monotonic()
    for ended in three.ended()[1:]:
        assert_told(ended, "another worker has ended", "the same command continues in")
    assert time.monotonic() - killed < 60
    # Two again; the other one is killed.
    before = latest(folder, "run")
    again = Cluster(folder, "run", 2)
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


def test_workers_that_were_not_given_the_same_say_so(folder):
    for ended in Cluster(folder, "unequal", 2, of_each=[(), ("--set=seed=3",)]).ended(600):
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


def test_workers_of_different_clusters_say_so(monkeypatch):
    ports = free_ports(3)
    said = meet_all([place(monkeypatch, ports, 0), place(monkeypatch, ports[:2], 1)], 30)
    assert said == ["worker 1 was told of another cluster than worker 0: give all the same in TF_CONFIG"] * 2
