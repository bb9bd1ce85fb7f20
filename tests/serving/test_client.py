"""The client against a server that answers as TensorFlow Serving does, well or badly."""

import http.server
import socket
import threading

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.models.sampling_presets import SAMPLING_PRESETS as PRESETS
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore
from icdpm.serving.client import Server

SEED, SAMPLES = 5, 3


def picture(height=12, width=18, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, 3), dtype=dtype)


@pytest.fixture
def waits(monkeypatch):
    """What is waited between attempts, without waiting."""
    seconds = []
    monkeypatch.setattr("icdpm.serving.client.time.sleep", seconds.append)
    return seconds


def test_what_comes_back_is_what_would_be_made_here(stand_in, micro_workdir):
    model = load(micro_workdir)
    settings = model.settings(samples=SAMPLES)
    server = Server(stand_in.url)
    for image in (picture(), picture()[..., 0], picture(dtype=np.uint16), picture(dtype=np.uint16)[..., 0]):
        np.testing.assert_array_equal(server.restore(image, "photo"), restore(model, image, settings, seed=SEED).pixels)
    fast = Server(f"{stand_in.url}/v1/models/icdpm/versions/1/", preset="fast").restore(picture(), "photo")
    settings = model.settings(**PRESETS["fast"].changes)
    np.testing.assert_array_equal(fast, restore(model, picture(), settings, seed=SEED).pixels)
    assert stand_in.requests[-1] == ("/v1/models/icdpm/versions/1:predict", "serving_fast")


def test_a_refused_picture_is_told_in_the_graphs_words(stand_in):
    with pytest.raises(IcdpmError, match="large.jpg was refused by .*: the image has 300 x 200 pixels; this model takes"):
        Server(stand_in.url).restore(picture(200, 300), "large.jpg")
    assert len(stand_in.requests) == 1


def test_a_busy_server_is_asked_again(stand_in, waits):
    stand_in.mishaps += [503, (503, "7"), 429]
    assert Server(stand_in.url).restore(picture(), "photo").shape == (12, 18, 3)
    assert waits == [1, 7, 4] and len(stand_in.requests) == 4
    stand_in.mishaps += [503] * 3
    with pytest.raises(IcdpmError, match=r"photo was not restored: .* answers 503 \(the queue is full\); 3 attempts were made"):
        Server(stand_in.url, retries=2).restore(picture(), "photo")


def test_errors_that_stay_are_not_asked_again(stand_in, waits):
    for url, status in ((f"{stand_in.url}/v1/models/other", 404), (stand_in.url, 400)):
        if status == 400:
            stand_in.mishaps.append(400)
        with pytest.raises(IcdpmError, match=f"answers {status} "):
            Server(url).restore(picture(), "photo")
    assert waits == [] and len(stand_in.requests) == 2


def test_a_silent_server_is_given_up(stand_in, waits):
    stand_in.mishaps.append(1.0)
    with pytest.raises(IcdpmError, match="did not answer in 0.2 s; give it more --timeout"):
        Server(stand_in.url, timeout=0.2).restore(picture(), "photo")
    assert waits == []


def test_a_server_that_is_not_there(waits):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(IcdpmError, match=r"cannot be reached \(Connection refused\); 3 attempts were made"):
        Server(url, retries=2).restore(picture(), "photo")
    assert waits == [1, 2]


@pytest.mark.parametrize(
    "body, said",
    [
        (b"<html>welcome</html>", "does not answer as a model of icdpm-export does"),
        (b'{"predictions": [0.5]}', "does not answer as a model of icdpm-export does"),
        (b'{"predictions": [{"error": "", "image_bytes": {"b64": "!"}}]}', "does not answer as a model"),
        (b'{"predictions": [{"error": "", "image_bytes": {"b64": "aGFsbG8="}}]}', "is not a picture"),
    ],
)
def test_a_server_of_another_kind(body, said):
    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(IcdpmError, match=said):
            Server(f"http://127.0.0.1:{server.server_port}").restore(picture(), "photo")
        thread.join()


@pytest.mark.parametrize("url", ["localhost:8501", "ftp://host", "http://", "http://host?a=b"])
def test_urls_that_are_none(url):
    with pytest.raises(IcdpmError, match="is not the URL of a server"):
        Server(url)
