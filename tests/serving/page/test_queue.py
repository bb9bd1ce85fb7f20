"""The queue of restorations and the clients that wait for them, without a browser."""

import io
import threading
import time

import numpy as np
import PIL.Image
import pytest
import tifffile

from icdpm.commands.serve import DEFAULT_MAX_PIXELS
from icdpm.errors import IcdpmError, MemoryLimitError
from icdpm.images.formats import FORMATS, Image
from icdpm.images.writing import encode_image
from icdpm.restoration.result import Restored
from icdpm.serving.page import queue as queue_module
from icdpm.serving.page.queue import MAX_WAITING, Cancelled, ConnectedClients, RestorationQueue


def noise(height=40, width=50, dtype=np.uint8, shape=(3,)):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, *shape), dtype, endpoint=True)


class Model:
    """Inverts an image in four steps."""

    presets = {"only": "a test"}
    max_pixels = None

    def __init__(self):
        self.steps = []

    def restore(self, pixels, preset, on_progress):
        for step in range(1, 5):
            self.steps.append(step)
            on_progress(step - 0.5, 4)
        return Restored(255 - pixels)


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    PIL.Image.fromarray(noise()).save(path)
    return path


def wait_until(condition):
    for _ in range(500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("the condition was not met in time")


def ignore(*_):
    """Ignores progress."""


def test_the_smaller_limit_of_an_exported_model_applies(photo):
    model = Model()
    model.max_pixels = 1999
    for max_pixels, limit in ((10_000, 1999), (1000, 1000)):
        queue = RestorationQueue(model, max_pixels)
        assert (queue.max_pixels, queue.max_bytes) == (limit, 8 * limit)
    with pytest.raises(IcdpmError, match="50×40 = 2,000 pixels; the limit of this page is 1,999 pixels"):
        RestorationQueue(model, 10_000).restore("a", photo, "only", ignore)


def test_progress_is_reported(photo):
    reports = []
    outcome = RestorationQueue(Model(), 10_000).restore("a", photo, "only", lambda *report: reports.append(report))
    assert np.array_equal(outcome.restored.pixels, 255 - noise()) and outcome.notices == []
    assert reports[0] == (None, "Restoring") and reports[-1] == (0.875, "Restoring: network evaluation 3 of 4")
    assert len(reports) == 5


def test_cancel_stops_only_that_client_within_a_step(photo):
    model = Model()
    queue = RestorationQueue(model, 10_000)

    def cancel_both(fraction, _):
        if fraction:
            queue.cancel("b")
            queue.cancel("a")

    with pytest.raises(Cancelled):
        queue.restore("a", photo, "only", cancel_both)
    assert model.steps == [1, 2]
    queue.restore("a", photo, "only", lambda *_: queue.cancel("b"))
    assert model.steps[2:] == [1, 2, 3, 4]


def test_a_waiting_client_can_cancel(photo):
    queue, begun, resume, reports = RestorationQueue(Model(), 10_000), threading.Event(), threading.Event(), []

    def block(*_):
        begun.set()
        resume.wait()

    thread = threading.Thread(target=queue.restore, args=["a", photo, "only", block])
    thread.start()
    begun.wait()

    def cancel(*report):
        reports.append(report)
        queue.cancel("b")

    with pytest.raises(Cancelled):
        queue.restore("b", photo, "only", cancel)
    assert reports == [(None, "Waiting: 1 photo is before yours")]
    resume.set()
    thread.join()


def test_one_photo_at_a_time_in_order_and_a_full_queue(photo):
    queue, events, resume = RestorationQueue(Model(), 10_000), [], threading.Event()
    names = [str(number) for number in range(MAX_WAITING + 1)]

    def restore(name):
        def report(fraction, message):
            if (name, message) not in events:
                events.append((name, message))
            if message == "Restoring":
                resume.wait()

        queue.restore(name, photo, "only", report)

    threads = []
    for number, name in enumerate(names):
        photos = "1 photo is" if number == 1 else f"{number} photos are"
        first = (name, f"Waiting: {photos} before yours" if number else "Restoring")
        threads.append(threading.Thread(target=restore, args=[name]))
        threads[-1].start()
        wait_until(lambda: first in events)  # noqa: B023
    with pytest.raises(IcdpmError, match="8 photos are already waiting, which is the limit"):
        queue.restore("one too many", photo, "only", ignore)
    resume.set()
    for thread in threads:
        thread.join()
    begin_and_end = ("Restoring", "Restoring: network evaluation 3 of 4")
    observed = [event for event in events if event[1] in begin_and_end]
    assert observed == [(name, message) for name in names for message in begin_and_end]
    queue.restore("next", photo, "only", lambda _, message: message.startswith("Restoring") or pytest.fail(message))


def test_invalid_photos_are_one_line_errors(tmp_path, photo):
    queue = RestorationQueue(Model(), 1000)

    def error_of(name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(IcdpmError) as rejected:
            queue.restore("a", tmp_path / name, "only", ignore)
        assert str(tmp_path) not in str(rejected.value)
        return str(rejected.value)

    assert error_of("large.png", photo.read_bytes()) == (
        "large.png has 50×40 = 2,000 pixels; the limit of this page is 1,000 pixels. Use a smaller copy."
    )
    assert error_of("notes.txt", b"notes").startswith("notes.txt is not")
    assert error_of("empty.jpg", b"").startswith("empty.jpg is empty")
    assert "is damaged" in error_of("cut.png", encode(noise(20, 20), "PNG")[:600])
    assert error_of("one.gif", encode(noise(20, 20, shape=()), "GIF")).startswith("one.gif is a GIF file")


def test_photos_that_browsers_cannot_show_are_rejected(tmp_path):
    (tmp_path / "long.png").write_bytes(encode(noise(1, 65501, shape=()), "PNG"))
    with pytest.raises(IcdpmError, match="^long.png has a side of more than 65,500 pixels, which this page cannot show"):
        RestorationQueue(Model(), 100_000).restore("a", tmp_path / "long.png", "only", ignore)


def test_the_default_admits_cameras_of_24_megapixels(tmp_path):
    assert DEFAULT_MAX_PIXELS >= 6240 * 4160 > 6048 * 4024
    (tmp_path / "camera.png").write_bytes(encode(np.zeros((4024, 6048), bool), "PNG"))
    queue = RestorationQueue(Model(), DEFAULT_MAX_PIXELS)
    assert queue.restore("a", tmp_path / "camera.png", "only", ignore).restored.pixels.shape[:2] == (4024, 6048)


def test_the_suffix_of_the_name_decides_what_is_lost(tmp_path):
    """The page names and encodes its output as icdpm-deblur does."""
    transparent = noise(shape=(4,))
    (tmp_path / "cut_out.jpg").write_bytes(encode(transparent, "PNG"))
    with pytest.raises(IcdpmError, match="cut_out.jpg has transparent parts, which JPEG cannot hold"):
        RestorationQueue(Model(), 10_000).restore("a", tmp_path / "cut_out.jpg", "only", ignore)


def test_decoded_bytes_are_limited(tmp_path, bombs):
    queue = RestorationQueue(Model(), 24_000_000)
    for name, content in bombs.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(IcdpmError, match=f"^{name}( has (13000|60000)×| takes| has more than)"):
            queue.restore("a", tmp_path / name, "only", ignore)
    file = io.BytesIO()
    tifffile.imwrite(file, noise(20, 20, np.uint16, (16,)), photometric="rgb", extrasamples=["unspecified"] * 13)
    (tmp_path / "layers.tif").write_bytes(file.getvalue())
    with pytest.raises(IcdpmError) as rejected:
        RestorationQueue(Model(), 1000).restore("a", tmp_path / "layers.tif", "only", ignore)
    assert str(rejected.value) == (
        "layers.tif takes 12,800 bytes when it is decoded; the limit of this page is 8,000 bytes. Use a smaller copy, in gray "
        "or RGB."
    )
    # A photo with the largest number of pixels and the largest number of bytes per pixel is accepted.
    (tmp_path / "deep.png").write_bytes(
        encode_image(Image(noise(20, 50, np.uint16), noise(20, 50, np.uint16, ())), FORMATS["png"])
    )
    assert RestorationQueue(Model(), 1000).restore("a", tmp_path / "deep.png", "only", ignore).image.is_16bit


def encode(pixels, file_format):
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, file_format)
    return file.getvalue()


@pytest.mark.parametrize("error", [MemoryError(), MemoryLimitError("128 MiB are allowed; allow more (max_memory)")])
def test_memory_errors_do_not_mention_settings_of_the_server(photo, error):
    class Full(Model):
        def restore(self, *_):
            raise error

    with pytest.raises(IcdpmError) as rejected:
        RestorationQueue(Full(), 10_000).restore("a", photo, "only", ignore)
    assert str(rejected.value) == "photo.png needs more memory than is available. Use a smaller copy."


def test_a_new_request_cancels_the_clients_earlier_one(photo):
    class Endless(Model):
        def restore(self, pixels, preset, on_progress):
            self.steps.append(len(self.steps))
            while self.steps == [0]:
                on_progress(0.5, 4)
            return Restored(255 - pixels)

    queue, begun = RestorationQueue(Endless(), 10_000), threading.Event()

    def restore_first():
        with pytest.raises(Cancelled):
            queue.restore("a", photo, "only", lambda *_: begun.set())

    thread = threading.Thread(target=restore_first)
    thread.start()
    begun.wait()
    outcome = queue.restore("a", photo, "only", lambda _, message: message == "Restoring" or pytest.fail(message))
    thread.join()
    assert np.array_equal(outcome.restored.pixels, 255 - noise())


def test_only_the_latest_request_of_a_client_waits(photo):
    queue, begun, resume, ended = RestorationQueue(Model(), 10_000), threading.Event(), threading.Event(), []

    def restore(name, report):
        try:
            queue.restore("a", photo, "only", report)
            ended.append((name, "restored"))
        except Cancelled:
            ended.append((name, "cancelled"))

    # The first request is in the middle of a step.
    threads = [threading.Thread(target=restore, args=["first", lambda *_: begun.set() or resume.wait()])]
    threads[0].start()
    begun.wait()
    for name in ("second", "third"):
        threads.append(threading.Thread(target=restore, args=[name, ignore]))
        threads[-1].start()
    wait_until(lambda: ended)
    # The second and the third may arrive in either order.
    assert len(ended) == 1 and ended[0][1] == "cancelled" and ended[0][0] != "first"
    resume.set()
    for thread in threads:
        thread.join()
    assert sorted(result for _, result in ended) == ["cancelled", "cancelled", "restored"]
    assert ("first", "cancelled") in ended


def test_one_photo_is_decoded_at_a_time(photo, monkeypatch):
    decoded, begun, resume = [], threading.Event(), threading.Event()
    decode_image = queue_module.decode_image
    monkeypatch.setattr(queue_module, "decode_image", lambda *image: decoded.append(image) or decode_image(*image))
    queue = RestorationQueue(Model(), 10_000)

    def block(fraction, _):
        if fraction:
            begun.set()
            resume.wait()

    def resume_first(fraction, _):
        if fraction is None and not resume.is_set():
            assert len(decoded) == 1
            resume.set()

    thread = threading.Thread(target=queue.restore, args=["a", photo, "only", block])
    thread.start()
    begun.wait()
    queue.restore("b", photo, "only", resume_first)
    thread.join()
    assert len(decoded) == 2


def test_a_client_that_never_connects_is_cancelled():
    clients = ConnectedClients(timeout=0.05)
    with pytest.raises(Cancelled):
        clients.wait_for("a")
    with pytest.raises(Cancelled):
        clients.check("a")


def test_a_client_may_connect_late():
    clients, leave = ConnectedClients(timeout=10), threading.Event()

    def connect():
        with clients.connected("a"):
            leave.wait()

    timer = threading.Timer(0.1, connect)
    timer.start()
    clients.wait_for("a")
    clients.check("a")
    leave.set()
    timer.join()


def test_a_client_may_reconnect_within_the_timeout():
    clients = ConnectedClients(timeout=0.2)
    with clients.connected("a"), clients.connected("a"):
        pass
    clients.check("a")
    with clients.connected("a"):
        time.sleep(0.25)
        clients.check("a")
        with clients.connected("a"):
            pass
        time.sleep(0.25)
        clients.check("a")
    time.sleep(0.25)
    with pytest.raises(Cancelled):
        clients.check("a")
