"""The commands against a server of S3's protocol: a run's whole life in a bucket."""

import contextlib
import io
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from icdpm.systems.config import config_to_json

pytest.importorskip("moto", reason="moto, which serves S3's protocol, is not installed for this Python")
pytest.importorskip("tensorflow_io", reason="TensorFlow I/O has no release for this Python")

CONFIG = """
from icdpm.systems.config import config_from_json
def get_config():
    return config_from_json({text!r})
"""


class Relay:
    """Stands before a server, and can be away for a while as if the server were dead."""

    def __init__(self, port):
        self._behind = port
        self._open = set()
        self.listener = None
        self.port = 0
        self.come()

    def come(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def go(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self._behind)) as server:
            self._open |= {client, server}
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                while True:
                    for key, _ in selector.select():
                        data = key.fileobj.recv(1 << 16)
                        if not data:
                            return
                        key.data.sendall(data)


@pytest.fixture
def relay(tmp_path):
    """A relay to a server that has an empty bucket called `bucket`."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", "from moto.server import main; main()", "-p", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urlopen(Request(f"http://127.0.0.1:{port}/bucket", method="PUT"), timeout=5).close()
                break
            except URLError:
                assert server.poll() is None and time.monotonic() < deadline
                time.sleep(0.2)
        yield Relay(port)
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def client(relay):
    boto3 = pytest.importorskip("boto3")
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{relay.port}", **keys)


@pytest.fixture
def put(client):
    return lambda key, content: client.put_object(Bucket="bucket", Key=key, Body=content)


@pytest.fixture
def bucket(client):
    """{key: function that gives the object's bytes}, as they are at each call."""

    def objects():
        keys = [each["Key"] for each in client.list_objects_v2(Bucket="bucket").get("Contents", [])]
        return {key: lambda key=key: client.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}

    return objects


@pytest.fixture
def environment(relay):
    return os.environ | {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "S3_ENDPOINT": f"http://127.0.0.1:{relay.port}",
        "S3_USE_HTTPS": "0",
        "S3_VERIFY_SSL": "0",
    }


def command(name, *arguments):
    return [sys.executable, "-c", f"from icdpm.commands.{name} import run; run()", *map(str, arguments)]


def test_the_life_of_a_run_in_a_bucket(relay, bucket, put, environment, tmp_path, micro_config, random_pairs):
    def run(name, *arguments):
        done = subprocess.run(command(name, *arguments), env=environment, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        return done

    (tmp_path / "micro.py").write_text(CONFIG.format(text=config_to_json(micro_config)))
    for side, pictures in (("blur", random_pairs.blurry), ("sharp", random_pairs.sharp)):
        (tmp_path / "data" / side).mkdir(parents=True)
        for name, picture in zip(random_pairs.names, pictures):
            Image.fromarray(picture).save(tmp_path / "data" / side / f"{name}.png")

    # Trained: the storage is away for two seconds, then the run is killed.
    flags = ["--config=micro.py", "--data=data"]
    training = subprocess.Popen(
        command("train", *flags, "--workdir=s3://bucket/run", "--set=run.steps=400"),
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def steps_there():
        return [int(key.split("step-")[1][:9]) for key in bucket() if key.endswith("weights.npz")]

    def wait_for_step(step):
        deadline = time.monotonic() + 600
        while max(steps_there(), default=0) < step:
            assert training.poll() is None, training.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    wait_for_step(2)
    relay.go()
    time.sleep(2)
    relay.come()
    wait_for_step(max(steps_there()) + 4)
    training.send_signal(signal.SIGKILL)
    training.communicate()
    reached = max(steps_there())

    # Resumed: it ends where a run on this computer ends that nothing disturbed.
    end = f"--set=run.steps={reached + 3}"
    run("train", *flags, "--workdir=s3://bucket/run", end)
    run("train", *flags, "--workdir=here", end)
    weights = f"checkpoints/step-{reached + 3:09d}/weights.npz"
    with np.load(io.BytesIO(bucket()[f"run/{weights}"]())) as there, np.load(tmp_path / "here" / weights) as here:
        assert there.files == here.files
        for name in here.files:
            np.testing.assert_array_equal(there[name], here[name], err_msg=name)

    # Restored, exported, evaluated: the same as on this computer.
    put("photos/pair_0.png", (tmp_path / "data/blur/pair_0.png").read_bytes())
    run("deblur", "s3://bucket/photos", "--workdir=s3://bucket/run", "--output=s3://bucket/album")
    run("deblur", "data/blur/pair_0.png", "--workdir=here", "--output=album")
    assert bucket()["album/pair_0.png"]() == (tmp_path / "album/pair_0.png").read_bytes()
    run("export", "--workdir=s3://bucket/run", "--output=s3://bucket/models/1")
    run("evaluate", "--workdir=s3://bucket/run", "--dataset=data", "--metrics=psnr", "--output=s3://bucket/evaluation")
    made = {"models/1/saved_model.pb", "models/1/MODEL_CARD.md", "evaluation/summary.md", "evaluation/run/pair_0.png"}
    assert made <= bucket().keys()

    # Nobody may write there: one sentence, before anything is done.
    done = subprocess.run(
        command("train", *flags, "--workdir=s3://nobody/run"), env=environment, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot write in the workdir s3://nobody/run: " in done.stderr.splitlines()[-1]
