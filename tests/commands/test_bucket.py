"""All commands on remote storage: preparation, training, restoration and evaluation on an S3 server."""

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
from processes import of_command

pytest.importorskip("moto", reason="moto, which serves S3's protocol, is not installed for this Python")
pytest.importorskip("tensorflow_io", reason="TensorFlow I/O has no release for this Python")
pytestmark = pytest.mark.slow


ACCESS_HINT = " (or these credentials may not read it)"


class Relay:
    """Forwards connections to a moto server, and can be unavailable for a while."""

    def __init__(self, port):
        self._server_port = port
        self._open = set()
        self.listener = None
        self.port = 0
        self.start()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), reuse_port=True)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for each in list(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def require_credentials(self):
        """Makes the server refuse credentials that it has not issued."""
        url = f"http://127.0.0.1:{self._server_port}/moto-api/reset-auth"
        urlopen(Request(url, b"0", {"Content-Type": "text/plain"}), timeout=5).close()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self._server_port)) as server:
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
    """A relay to a server with an empty bucket called `bucket`."""
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
    """Function () -> {key: function that returns the object's bytes}."""

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


def write_gopro(root, pairs):
    """Writes pairs as a published tree: all in one training sequence, the first three also in a test sequence."""
    for sequence, count in (("train/GOPR0372_07_00", len(pairs)), ("test/GOPR0384_11_00", 3)):
        for side, images in (("blur", pairs.blurry), ("sharp", pairs.sharp)):
            (root / sequence / side).mkdir(parents=True)
            for number, image in enumerate(images[:count], 1):
                Image.fromarray(image).save(root / sequence / side / f"{number:06d}.png")


def test_a_run_in_a_bucket(relay, bucket, put, environment, start, run_each, tmp_path, prepared_runs, random_pairs):
    def run(name, *cases):
        every = run_each(name, cases, environment)
        assert all(done.returncode == 0 and "Traceback" not in done.stderr for done in every), every
        return every

    data = tmp_path / "GOPRO_Large"
    write_gopro(data, random_pairs)

    # Preparation writes the records to the bucket, and finds them there the second time.
    records = "--data_dir=s3://bucket/records"
    prepared, again = run("prepare", *[["gopro", f"--source={data}", records, "--partial"]] * 2)
    assert prepared.stdout.startswith("ready: gopro/blur/1.0.0, ") and again.stdout.startswith("exists already: ")

    # Training reads from the bucket. The storage is unavailable for a moment, then the run is killed.
    flags = [f"--config={prepared_runs / 'regression.py'}", "--data=gopro", records]
    training = start(of_command("train"), [*flags, "--workdir=s3://bucket/run", "--set=run.steps=400"], environment)

    def saved_steps():
        return [int(key.split("step-")[1][:9]) for key in bucket() if key.endswith("weights.npz")]

    def wait_for_step(step):
        deadline = time.monotonic() + 600
        while max(saved_steps(), default=0) < step:
            assert training.poll() is None, training.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    wait_for_step(2)
    relay.stop()
    time.sleep(0.5)
    relay.start()
    wait_for_step(max(saved_steps()) + 4)
    training.send_signal(signal.SIGKILL)
    training.communicate()
    reached = max(saved_steps())

    # The resumed run ends with the weights of an uninterrupted run with a local workdir. Storage that cannot be written or read
    # is a one-line error before training.
    local, end = tmp_path / "here", f"--set=run.steps={reached + 3}"
    *trained, refused, missing = run_each(
        "train",
        [
            [*flags, "--workdir=s3://bucket/run", end],
            [*flags, f"--workdir={local}", end],
            [*flags, "--workdir=s3://nobody/run"],
            [*flags[:-1], "--data_dir=s3://nobody/records", f"--workdir={tmp_path / 'none'}"],
        ],
        environment,
    )
    assert all(done.returncode == 0 for done in trained), trained
    weights = f"checkpoints/step-{reached + 3:09d}/weights.npz"
    with np.load(io.BytesIO(bucket()[f"run/{weights}"]())) as resumed, np.load(local / weights) as unbroken:
        assert resumed.files == unbroken.files
        for name in unbroken.files:
            np.testing.assert_array_equal(resumed[name], unbroken[name], err_msg=name)
    for done, expected in (
        (refused, "The workdir s3://nobody/run cannot be written: "),
        (missing, f"s3://nobody/records has no records of gopro{ACCESS_HINT}. Make them with icdpm-prepare gopro --source="),
    ):
        assert done.returncode == 1 and "Traceback" not in done.stderr and expected in done.stderr.splitlines()[-1]

    # Restoration and evaluation equal those of local files. (Exports are written as the records are.)
    photo = data / "train/GOPR0372_07_00/blur/000001.png"
    put("photos/a.png", photo.read_bytes())
    put("photos/b.png", photo.read_bytes())
    run(
        "deblur",
        ["s3://bucket/photos", "--workdir=s3://bucket/run", "--output=s3://bucket/album"],
        [photo, f"--workdir={local}", f"--output={tmp_path / 'album'}"],
    )
    assert bucket()["album/a.png"]() == bucket()["album/b.png"]() == (tmp_path / "album/000001.png").read_bytes()
    of_records = ["--dataset=gopro", records, "--metrics=psnr", "--output=s3://bucket/evaluation"]
    run("evaluate", ["--workdir=s3://bucket/run", *of_records])
    assert {"evaluation/summary.md", "evaluation/run/GOPR0384_11_00/000003.png"} <= bucket().keys()

    # Wrong credentials are a one-line error before any work.
    relay.require_credentials()
    pairs = f"--data={prepared_runs / 'data'}"
    no_records, no_workdir = run_each(
        "train", [[*flags, f"--workdir={local}", end], [flags[0], pairs, "--workdir=s3://bucket/run"]], environment
    )
    photo = "s3://bucket/photos/a.png"
    [no_photo] = run_each("deblur", [[photo, f"--workdir={local}", f"--output={tmp_path / 'none'}"]], environment)
    for done, expected in (
        (no_records, f"s3://bucket/records has no records of gopro{ACCESS_HINT}. Make them with"),
        (no_workdir, "The workdir s3://bucket/run cannot be written: InvalidAccessKeyId"),
        (no_photo, f"{photo} does not exist{ACCESS_HINT}"),
    ):
        assert done.returncode == 1 and "Traceback" not in done.stderr and expected in done.stderr, done
