"""Several workers on loopback: stopped, killed, resumed by another number of them, and told lies."""

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
from icdpm.training.workers import check_tf_config

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


def test_a_worker_that_does_not_come_is_not_waited_for_for_ever(folder):
    process = subprocess.run(
        [sys.executable, "-c", RUN, *arguments(folder, "alone", "--strategy=multiworker", "--wait=3")],
        env={**os.environ, "TF_CONFIG": tf_config(free_ports(2), 0)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert_told((process.returncode, process.stdout, process.stderr), "not all workers of TF_CONFIG came up in 3 seconds")


@pytest.mark.parametrize(
    "text, said",
    [
        (None, "needs the environment variable TF_CONFIG"),
        ("{", "does not name the workers"),
        ("[]", "does not name the workers"),
        ('{"cluster": {"worker": ["a:1"]}}', "does not name the workers"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "does not name the workers"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "does not name the workers"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}', "this is worker 2, and names 2"),
        ('{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker"}}', "this is worker None"),
    ],
)
def test_a_tf_config_that_lies_is_told(text, said, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(IcdpmError, match=said):
        check_tf_config()


def test_a_port_that_is_taken_is_told(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("TF_CONFIG", tf_config([port], 0))
        with pytest.raises(IcdpmError, match=f"the port {port} .* cannot be had"):
            check_tf_config()
    check_tf_config()
