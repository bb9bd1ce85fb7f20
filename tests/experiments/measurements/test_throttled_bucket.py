"""Tests of the throttled bucket."""

import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from icdpm_experiments.measurements.throttled_bucket import BANDWIDTH, LATENCY, throttled_bucket


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    (folder / "inner").mkdir()
    (folder / "inner" / "a").write_bytes(bytes(range(256)))
    (folder / "b").write_bytes(bytes(20_000_000))
    return folder


@pytest.fixture(scope="module")
def send(folder):
    """Function (key, method, Range) -> (status, headers, content)."""
    with throttled_bucket(folder) as environment:

        def send(key, method="GET", span=None):
            headers = {"Range": f"bytes={span}"} if span else {}
            with urlopen(Request(f"{environment['S3_ENDPOINT']}/bucket{key}", method=method, headers=headers)) as response:
                return response.status, response.headers, response.read()

        yield send


def test_objects_and_byte_ranges(send):
    assert send("/inner/a")[2] == bytes(range(256))
    status, headers, content = send("/inner/a", span="10-19")
    assert (status, headers["Content-Range"], content) == (206, "bytes 10-19/256", bytes(range(10, 20)))
    assert send("/inner/a", span="250-999")[2] == bytes(range(250, 256))
    assert send("/inner/a", "HEAD", "0-99")[1]["Content-Length"] == "100"
    for key, span, status in (("/inner/none", None, 404), ("/inner/a", "256-300", 416)):
        with pytest.raises(HTTPError) as error:
            send(key, "HEAD", span)
        assert error.value.code == status


def test_listing(send):
    assert b"<Key>b</Key>" in send("?list-type=2&prefix=&delimiter=/")[2]
    assert b"<Prefix>inner/</Prefix>" in send("?list-type=2&prefix=&delimiter=/")[2]
    assert b"<Key>inner/a</Key>" in send("?prefix=inner%2F")[2]


def test_latency_and_bandwidth(send):
    started = time.monotonic()
    for _ in range(10):
        send("/inner/a")
    assert time.monotonic() - started >= 10 * LATENCY
    started = time.monotonic()
    assert len(send("/b")[2]) == 20_000_000
    assert time.monotonic() - started >= 20_000_000 / BANDWIDTH
