"""The client, and icdpm-deblur --server without TensorFlow, with a server that responds like TensorFlow Serving."""

import http.server
import socket
import subprocess
import sys
import threading

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.images.hidden_pixels import fill_hidden, restore_hidden
from icdpm.images.reading import read_image
from icdpm.models.sampling_presets import SAMPLING_PRESETS as PRESETS
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore
from icdpm.serving.client import ServingClient

pytestmark = pytest.mark.slow
SEED, SAMPLES = 5, 3


def random_image(height=12, width=18, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, 3), dtype=dtype)


@pytest.fixture
def waits(monkeypatch):
    """The seconds between attempts, without waiting."""
    seconds = []
    monkeypatch.setattr("icdpm.serving.client.time.sleep", seconds.append)
    return seconds


def test_results_equal_those_of_python(fake_server, micro_workdir):
    model = load(micro_workdir)
    settings = model.settings(samples=SAMPLES)
    client = ServingClient(fake_server.url)
    for image in (random_image(), random_image()[..., 0], random_image(dtype=np.uint16), random_image(dtype=np.uint16)[..., 0]):
        np.testing.assert_array_equal(client.restore(image, "photo"), restore(model, image, settings, seed=SEED).pixels)
    fast = ServingClient(f"{fake_server.url}/v1/models/icdpm/versions/1/", preset="fast").restore(random_image(), "photo")
    settings = model.settings(**PRESETS["fast"].changes)
    np.testing.assert_array_equal(fast, restore(model, random_image(), settings, seed=SEED).pixels)
    assert fake_server.requests[-1] == ("/v1/models/icdpm/versions/1:predict", "serving_fast")


def test_the_error_of_a_rejected_image_is_that_of_the_graph(fake_server):
    with pytest.raises(IcdpmError, match="large.jpg was rejected by .*: the image has 300 x 200 pixels; this model takes"):
        ServingClient(fake_server.url).restore(random_image(200, 300), "large.jpg")
    assert len(fake_server.requests) == 1


def test_requests_to_a_busy_server_are_repeated(fake_server, waits):
    fake_server.faults += [503, (503, "7"), 429]
    assert ServingClient(fake_server.url).restore(random_image(), "photo").shape == (12, 18, 3)
    assert waits == [1, 7, 4] and len(fake_server.requests) == 4
    fake_server.faults += [503] * 3
    with pytest.raises(IcdpmError, match=r"photo was not restored: .* status 503 \(the queue is full\)\. Gave up after 3"):
        ServingClient(fake_server.url, retries=2).restore(random_image(), "photo")


def test_requests_are_not_repeated_after_permanent_errors(fake_server, waits):
    for url, status in ((f"{fake_server.url}/v1/models/other", 404), (fake_server.url, 400)):
        if status == 400:
            fake_server.faults.append(400)
        with pytest.raises(IcdpmError, match=f"responded with status {status} "):
            ServingClient(url).restore(random_image(), "photo")
    assert waits == [] and len(fake_server.requests) == 2


def test_the_timeout(fake_server, waits):
    fake_server.faults.append(1.0)
    with pytest.raises(IcdpmError, match="did not respond within 0.2 s. Increase --timeout"):
        ServingClient(fake_server.url, timeout=0.2).restore(random_image(), "photo")
    assert waits == []


def test_an_unreachable_server(waits):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(IcdpmError, match=r"is unreachable \(Connection refused\)\. Gave up after 3 attempts"):
        ServingClient(url, retries=2).restore(random_image(), "photo")
    assert waits == [1, 2]


@pytest.mark.parametrize(
    "body, message",
    [
        (b"<html>welcome</html>", "does not respond like a model exported with icdpm-export"),
        (b'{"predictions": [0.5]}', "does not respond like a model exported with icdpm-export"),
        (b'{"predictions": [{"error": "", "image_bytes": {"b64": "!"}}]}', "does not respond like a model"),
        (b'{"predictions": [{"error": "", "image_bytes": {"b64": "aGFsbG8="}}]}', "is not an image"),
    ],
)
def test_responses_of_other_servers_are_errors(body, message):
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
        with pytest.raises(IcdpmError, match=message):
            ServingClient(f"http://127.0.0.1:{server.server_port}").restore(random_image(), "photo")
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8501",
        "ftp://host",
        "http://",
        "http://host?a=b",
        "http://[::1",
        "http://a..b",
        "http://host:b",
        "http://a@b",
        "http://:a@b",
    ],
)
def test_invalid_urls(url):
    with pytest.raises(IcdpmError, match="is not the URL of a server"):
        ServingClient(url)


def test_paths_of_urls_are_quoted():
    assert ServingClient("http://bücher.example:8501").url == "http://xn--bcher-kva.example:8501/v1/models/icdpm:predict"
    assert ServingClient("http://[::1]:8501").url == "http://[::1]:8501/v1/models/icdpm:predict"
    assert ServingClient("http://host/v1/models/é 1/").url == "http://host/v1/models/%C3%A9%201:predict"


@pytest.mark.parametrize("timeout", [0.0, float("inf"), float("nan")])
def test_invalid_timeouts(timeout):
    with pytest.raises(IcdpmError, match="`timeout` must be positive and at most"):
        ServingClient("http://host", timeout=timeout)


RUN = """
import sys

MISSING = ("tensorflow", "tensorflow_addons", "tensorflow_datasets", "keras", "ml_collections", "skimage")

class Reject:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in MISSING:
            raise ImportError(name)

sys.meta_path.insert(0, Reject())
sys.argv[0] = "icdpm-deblur"
from icdpm.commands.deblur import run
run()
"""


def deblur(*arguments):
    done = subprocess.run([sys.executable, "-c", RUN, *map(str, arguments)], capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def test_deblur_with_a_server(tmp_path, fake_server, micro_workdir):
    inputs, out = tmp_path / "inputs", tmp_path / "out"
    (inputs / "trip").mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 4), dtype=np.uint8)
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera"
    PIL.Image.fromarray(pixels[..., :3]).save(inputs / "trip/turned.jpg", exif=exif, icc_profile=b"a profile")
    PIL.Image.fromarray(pixels).save(inputs / "alpha.png")
    PIL.Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(inputs / "deep.png")
    PIL.Image.fromarray(np.zeros((300, 200, 3), np.uint8)).save(inputs / "large.png")
    (inputs / "broken.png").write_bytes(b"broken")
    fake_server.faults.append((503, "1"))
    status, log = deblur(inputs, f"--server={fake_server.url}", f"--output={out}", "--compare")
    assert status == 1 and "3 restored, 2 failed" in log
    assert "large.png: the image was rejected by" in log and "the image has 200 x 300 pixels" in log
    assert "broken.png is not an image" in log
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    names = ["alpha.compare.png", "alpha.png", "deep.compare.png", "deep.png", "trip/turned.compare.png", "trip/turned.jpg"]
    assert written == names
    model = load(micro_workdir)
    settings = model.settings(samples=SAMPLES)
    for name in ("alpha.png", "deep.png"):
        photo, restored = read_image(inputs / name), read_image(out / name)
        expected = restore(model, fill_hidden(photo.pixels, photo.alpha), settings, seed=SEED).pixels
        np.testing.assert_array_equal(restored.pixels, restore_hidden(expected, photo.pixels, photo.alpha))
        if photo.alpha is not None:
            np.testing.assert_array_equal(restored.alpha, photo.alpha)
    turned = read_image(out / "trip/turned.jpg")
    assert turned.pixels.shape == (30, 20, 3) and turned.icc_profile == b"a profile" and b"Camera" in turned.exif


def test_invalid_flags_with_a_server(tmp_path, fake_server):
    photo, other = tmp_path / "photo.png", tmp_path / "out"
    PIL.Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(photo)
    server, output = f"--server={fake_server.url}", f"--output={other}"
    for arguments, status, expected in [
        ([photo, output, "--timeout=3"], 2, "--timeout requires --server"),
        ([photo, server, output, "--workdir=run"], 2, "--workdir and --server are mutually exclusive"),
        ([photo, server, output, "--steps=3"], 2, "--steps cannot be combined with --server"),
        ([photo, server, output, "--overwrite", "--skip_existing"], 2, "mutually exclusive"),
        ([photo, server, output, "--shard=2/2"], 2, "INDEX/COUNT"),
        (["-", server, output, "--shard=0/2"], 2, "not standard input or output"),
        ([photo, server, "--output=-", "--shard=0/2"], 2, "not standard input or output"),
        ([photo, "--server=localhost:8501", output], 1, "localhost:8501 is not the URL of a server"),
    ]:
        done, message = deblur(*arguments)
        assert done == status and expected in message, message
    assert fake_server.requests == [] and not other.exists()
