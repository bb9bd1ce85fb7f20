"""The slow bucket that input is measured with."""

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
def ask(folder):
    """Function (key, method, Range) -> (status, headers, content)."""
    with throttled_bucket(folder) as environment:

        def ask(key, method="GET", span=None):
            headers = {"Range": f"bytes={span}"} if span else {}
            with urlopen(Request(f"{environment['S3_ENDPOINT']}/bucket{key}", method=method, headers=headers)) as answer:
                return answer.status, answer.headers, answer.read()

        yield ask


def test_objects_and_parts_of_them(ask):
    assert ask("/inner/a")[2] == bytes(range(256))
    status, headers, content = ask("/inner/a", span="10-19")
    assert (status, headers["Content-Range"], content) == (206, "bytes 10-19/256", bytes(range(10, 20)))
    assert ask("/inner/a", span="250-999")[2] == bytes(range(250, 256))
    assert ask("/inner/a", "HEAD", "0-99")[1]["Content-Length"] == "100"
    for key, span, status in (("/inner/none", None, 404), ("/inner/a", "256-300", 416)):
        with pytest.raises(HTTPError) as error:
            ask(key, "HEAD", span)
        assert error.value.code == status


def test_what_is_there(ask):
    assert b"<Key>b</Key>" in ask("?list-type=2&prefix=&delimiter=/")[2]
    assert b"<Prefix>inner/</Prefix>" in ask("?list-type=2&prefix=&delimiter=/")[2]
    assert b"<Key>inner/a</Key>" in ask("?prefix=inner%2F")[2]


def test_it_is_slow(ask):
    begun = time.monotonic()
    for _ in range(10):
        ask("/inner/a")
    assert time.monotonic() - begun >= 10 * LATENCY
    begun = time.monotonic()
    assert len(ask("/b")[2]) == 20_000_000
    assert time.monotonic() - begun >= 20_000_000 / BANDWIDTH
