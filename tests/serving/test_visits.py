"""What visitors ask for, without a browser."""

import io
import threading
import time

import numpy as np
import PIL.Image
import pytest
import tifffile

from icdpm.errors import IcdpmError, MemoryLimitError
from icdpm.images.formats import FORMATS, Image
from icdpm.images.reading import decode_image
from icdpm.images.writing import encode_image
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore
from icdpm.restoration.result import Restored
from icdpm.serving.outcome_files import write_outcome
from icdpm.serving.visits import Cancelled, Visits


def noise(height=40, width=50, dtype=np.uint8, shape=(3,)):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (height, width, *shape), dtype, endpoint=True)


class Model:
    """Inverts; a visit may stop it at each of its four steps."""

    presets = {"only": "a test"}

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


def test_a_visit_is_told_how_it_goes(photo):
    told = []
    outcome = Visits(Model(), 10_000).restore("a", photo, "only", lambda *each: told.append(each))
    assert np.array_equal(outcome.restored.pixels, 255 - noise()) and outcome.notices == []
    assert told[0] == (None, "Restoring") and told[-1] == (0.875, "Restoring: step 3 of 4") and len(told) == 5


def test_cancelling_stops_within_a_step_and_only_who_cancels(photo):
    model = Model()
    visits = Visits(model, 10_000)

    def report(part, _):
        if part:
            visits.cancel("b")
            visits.cancel("a")

    with pytest.raises(Cancelled):
        visits.restore("a", photo, "only", report)
    assert model.steps == [1, 2]
    visits.restore("a", photo, "only", lambda *_: visits.cancel("b"))
    assert model.steps[2:] == [1, 2, 3, 4]


def test_cancelling_while_waiting(photo):
    visits, begun, told = Visits(Model(), 10_000), threading.Event(), []
    waiting = threading.Event()

    def first(*_):
        begun.set()
        waiting.wait()

    thread = threading.Thread(target=visits.restore, args=["a", photo, "only", first])
    thread.start()
    begun.wait()

    def second(*each):
        told.append(each)
        visits.cancel("b")

    with pytest.raises(Cancelled):
        visits.restore("b", photo, "only", second)
    assert told == [(None, "Another photo is being restored; yours is the next")]
    waiting.set()
    thread.join()


def test_what_cannot_be_restored_is_one_sentence(tmp_path, photo):
    visits = Visits(Model(), 1000)

    def said(name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(IcdpmError) as refused:
            visits.restore("a", tmp_path / name, "only", lambda *_: None)
        assert str(tmp_path) not in str(refused.value)
        return str(refused.value)

    assert said("large.png", photo.read_bytes()) == (
        "large.png has 50×40 pixels, which is 0.002 million; this page takes at most 0.001 million: take a smaller copy"
    )
    assert said("notes.txt", b"notes").startswith("notes.txt is not an image in a known format")
    assert said("empty.jpg", b"") == "empty.jpg is empty"
    assert "is damaged" in said("cut.png", _encoded(noise(20, 20), "PNG")[:600])
    assert said("one.gif", _encoded(noise(20, 20, shape=()), "GIF")) == (
        "one.gif is a GIF file, which is not supported; convert it to PNG first"
    )


def test_a_page_bounds_decoded_bytes_whatever_the_pixels(tmp_path, bombs):
    visits = Visits(Model(), 24_000_000)
    for name, content in bombs.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(IcdpmError, match=f"^{name} (has (13000|60000)×|says it (takes|has more))"):
            visits.restore("a", tmp_path / name, "only", lambda *_: None)
    file = io.BytesIO()
    tifffile.imwrite(file, noise(20, 20, np.uint16, (16,)), photometric="rgb", extrasamples=["unspecified"] * 13)
    (tmp_path / "layers.tif").write_bytes(file.getvalue())
    with pytest.raises(IcdpmError) as refused:
        Visits(Model(), 1000).restore("a", tmp_path / "layers.tif", "only", lambda *_: None)
    assert str(refused.value) == (
        "layers.tif says it takes 0.0128 MB when it is decoded; this page takes at most 0.008 MB: "
        "take a smaller copy, in gray or RGB"
    )
    # The deepest photo of as many pixels as may be is let through.
    (tmp_path / "deep.png").write_bytes(
        encode_image(Image(noise(20, 50, np.uint16), noise(20, 50, np.uint16, ())), FORMATS["png"])
    )
    assert Visits(Model(), 1000).restore("a", tmp_path / "deep.png", "only", lambda *_: None).photo.is_16bit


def _encoded(pixels, name, **options):
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, name, **options)
    return file.getvalue()


@pytest.mark.parametrize("error", [MemoryError(), MemoryLimitError("128 MiB are allowed; allow more (max_memory)")])
def test_no_memory_is_one_sentence_without_what_visitors_cannot_set(photo, error):
    class Full(Model):
        def restore(self, *_):
            raise error

    with pytest.raises(IcdpmError) as refused:
        Visits(Full(), 10_000).restore("a", photo, "only", lambda *_: None)
    assert str(refused.value) == "photo.png needs more memory than there is; take a smaller copy"


def test_who_asks_again_gives_up_what_was_asked_before(photo):
    class Endless(Model):
        def restore(self, pixels, preset, on_progress):
            self.steps.append(len(self.steps))
            while self.steps == [0]:
                on_progress(0.5, 4)
            return Restored(255 - pixels)

    visits, began = Visits(Endless(), 10_000), threading.Event()

    def first():
        with pytest.raises(Cancelled):
            visits.restore("a", photo, "only", lambda *_: began.set())

    thread = threading.Thread(target=first)
    thread.start()
    began.wait()
    outcome = visits.restore("a", photo, "only", lambda part, words: words == "Restoring" or pytest.fail(words))
    thread.join()
    assert np.array_equal(outcome.restored.pixels, 255 - noise())


def test_of_all_that_a_visitor_asks_only_the_last_waits(photo):
    visits, began, go_on, ended = Visits(Model(), 10_000), threading.Event(), threading.Event(), []

    def ask(name, report):
        try:
            visits.restore("a", photo, "only", report)
            ended.append((name, "restored"))
        except Cancelled:
            ended.append((name, "cancelled"))

    # The first is in the middle of a step.
    threads = [threading.Thread(target=ask, args=["first", lambda *_: began.set() or go_on.wait()])]
    threads[0].start()
    began.wait()
    for name in ("second", "third"):
        threads.append(threading.Thread(target=ask, args=[name, lambda *_: None]))
        threads[-1].start()
    for _ in range(500):
        if ended:
            break
        time.sleep(0.02)
    # Either of these may have come last.
    assert len(ended) == 1 and ended[0][1] == "cancelled" and ended[0][0] != "first"
    go_on.set()
    for thread in threads:
        thread.join()
    assert sorted(how for _, how in ended) == ["cancelled", "cancelled", "restored"] and ("first", "cancelled") in ended


def test_one_photo_is_decoded_at_a_time(photo, monkeypatch):
    from icdpm.serving import visits as module

    decoded, begun, go_on = [], threading.Event(), threading.Event()
    monkeypatch.setattr(module, "decode_image", lambda *each: decoded.append(each) or decode_image(*each))
    visits = Visits(Model(), 10_000)

    def first(part, _):
        if part:
            begun.set()
            go_on.wait()

    def second(part, _):
        if part is None and not go_on.is_set():
            assert len(decoded) == 1
            go_on.set()

    thread = threading.Thread(target=visits.restore, args=["a", photo, "only", first])
    thread.start()
    begun.wait()
    visits.restore("b", photo, "only", second)
    thread.join()
    assert len(decoded) == 2


def test_a_trained_model_restores_as_everything_else_does(micro_workdir):
    from icdpm.serving.trained import TrainedModel

    model, system, told = TrainedModel(micro_workdir), load(micro_workdir), []
    assert list(model.presets) == ["fast", "balanced", "paper"]
    for pixels in [noise(37, 50), noise(37, 50, np.uint16, ())]:
        restored = model.restore(pixels, "balanced", lambda *each: told.append(each))
        settings = system.settings("balanced")
        assert np.array_equal(restored.pixels, restore(system, pixels, settings).pixels)
        assert restored.spread.shape == pixels.shape and told[-1] == (settings.steps * settings.samples,) * 2
        assert {name: each.shape for name, each in restored.intermediate_outputs.items()} == {"guidance_1": (19, 25)}
        assert restored.intermediate_outputs["guidance_1"].dtype == pixels.dtype
    assert model.restore(pixels, "fast", lambda *_: None).spread is None


def test_files_of_an_outcome(tmp_path):
    profile = b"a profile" * 20
    photo = Image(noise(), format="TIFF", icc_profile=profile)
    restored = Restored(255 - noise(), np.ones((40, 50, 3), np.float32), inside={"guidance_3": noise(5, 7, shape=())})
    files = write_outcome(tmp_path, "scan.tif", photo, restored)
    assert files.download.name == "scan-restored.tif"
    again = decode_image(files.download.read_bytes(), "again")
    assert np.array_equal(again.pixels, 255 - noise()) and again.icc_profile == profile
    assert PIL.Image.open(files.before).info["icc_profile"] == PIL.Image.open(files.after).info["icc_profile"] == profile
    assert files.spread[1] == "white is a standard deviation of 1 8-bit step or more"
    [(path, words)] = files.inside
    assert words == "1/8 of the size" and np.array_equal(np.asarray(PIL.Image.open(path)), noise(5, 7, shape=()))
