"""icdpm-serve's page in a real browser. The tests are visits to one server."""

import dataclasses
import importlib.util
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
from processes import free_ports

from icdpm.images.formats import FORMATS
from icdpm.images.reading import read_image
from icdpm.images.writing import encode_image
from icdpm.models.workdir import load
from icdpm.restoration.restore import restore

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="no Gradio: the page is tested where icdpm[serve] is installed"
)

RUN = "import sys; sys.argv[0] = 'icdpm-serve'; from icdpm.commands.serve import run; run()"


@pytest.fixture(scope="module")
def url(browser, micro_workdir, tmp_path_factory):
    """The page's. When all tests are done its server is stopped, and must have left nothing."""
    temporary = tmp_path_factory.mktemp("temporary")
    (port,) = free_ports(1)
    arguments = [f"--workdir={micro_workdir}", f"--port={port}", "--max_pixels=500000"]
    server = subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    try:
        said = server.stdout.readline()
        assert said == f"open http://127.0.0.1:{port}/ in a browser; Ctrl-C stops it\n", said + server.stderr.read()
        yield f"http://127.0.0.1:{port}/"
        assert len(list(temporary.iterdir())) == 1
    finally:
        browser.get("about:blank")
        server.send_signal(signal.SIGTERM)
        said, complaints = server.communicate(timeout=30)
    # Gradio tells on its own of the stranger who asks for files.
    raised = set(re.findall(r"^\S*(?:Error|Exception|Warning)\b", complaints, re.MULTILINE))
    assert (server.returncode, said) == (0, "stopped\n") and raised <= {"gradio.exceptions.InvalidPathError"}, complaints
    assert list(temporary.iterdir()) == []


class Visitor:
    """Someone with the page open in a tab."""

    def __init__(self, browser, url):
        self.browser = browser
        if browser.current_url != "about:blank":
            browser.switch_to.new_window("tab")
        self.tab = browser.current_window_handle
        browser.get(url)
        self.sees("Preset")

    def looks(self):
        """Goes back to the tab."""
        self.browser.switch_to.window(self.tab)

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def uploads(self, path):
        self.find("#photo input[type=file]").send_keys(str(path))

    def restores(self, path, preset):
        self.uploads(path)
        self.sees(path.stem)
        self.find(f"#preset input[value={preset}]").click()
        self.find("#restore").click()

    def sees(self, *texts):
        """The page's text, as soon as it has one of `texts` in it."""
        patience = time.monotonic() + 40
        while time.monotonic() < patience:
            shown = self.find("body").text
            if any(text in shown for text in texts):
                return shown
            time.sleep(0.02)
        raise AssertionError(f"none of {texts} appeared, only {shown!r}")

    def shown(self, selector):
        """The pictures there, as the browser has decoded them: [(width, height)]."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => [e.naturalWidth, e.naturalHeight])"
        for _ in range(500):
            sizes = [tuple(size) for size in self.browser.execute_script(script, selector)]
            if sizes and all(width for width, _ in sizes):
                return sizes
            time.sleep(0.02)
        raise AssertionError(f"{selector}: {sizes}")

    def leaves(self):
        self.looks()
        self.browser.close()


@pytest.fixture
def visit(browser, url):
    """Opens the page in a tab of its own."""
    yield lambda: Visitor(browser, url)
    for tab in browser.window_handles[1:]:
        browser.switch_to.window(tab)
        browser.close()
    browser.switch_to.window(browser.window_handles[0])
    browser.get("about:blank")


@pytest.fixture
def photo(tmp_path):
    """Saves a photo."""

    def save(name, height=60, width=90, **options):
        path = tmp_path / name
        ramp = np.linspace(0, 255, height * width * 3).reshape(height, width, 3)
        PIL.Image.fromarray((ramp + np.random.default_rng(0).normal(0, 9, ramp.shape)).clip(0, 255).astype(np.uint8)).save(
            path, **options
        )
        return path

    return save


def test_a_photo_is_restored_compared_and_downloaded(visit, photo, micro_workdir, browser, url):
    exif = PIL.Image.Exif()
    exif[0x010F] = "A camera"
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    path = photo("holiday 1.jpg", exif=exif, icc_profile=profile)
    visitor = visit()
    visitor.restores(path, "balanced")
    page = visitor.sees("holiday 1.jpg is restored.")
    assert "Where the model is guessing: white is a standard deviation of" in page and "1/2 of the size" in page
    assert visitor.shown("#slider img") == [(90, 60)] * 2
    assert visitor.shown("#spread img") == [(90, 60)]
    assert visitor.shown("#inside img")[0] == (45, 30)

    # More of the photo before is seen when the handle is moved to the right.
    from selenium.webdriver import ActionChains

    clip = "return getComputedStyle(document.querySelectorAll('#slider img')[1]).clipPath"
    before = browser.execute_script(clip)
    handle = visitor.find("#slider .handle, #slider [role=slider], #slider .inner")
    ActionChains(browser).drag_and_drop_by_offset(handle, 60, 0).perform()
    assert browser.execute_script(clip) != before

    # The download is, byte for byte, what icdpm-deblur writes.
    visitor.find("#download").click()
    downloaded = browser.downloads / "holiday 1-restored.jpg"
    for _ in range(500):
        if downloaded.exists():
            break
        time.sleep(0.02)
    model, read = load(micro_workdir), read_image(path)
    restored = restore(model, read.pixels, model.settings("balanced"))
    content = encode_image(dataclasses.replace(read, pixels=restored.pixels), FORMATS["jpeg"])
    assert downloaded.read_bytes() == content
    kept = PIL.Image.open(io.BytesIO(content))
    assert kept.info["icc_profile"] == profile and kept.getexif()[0x010F] == "A camera"

    # All of the page has come from this server, and none of it was refused.
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert len(loaded) > 10 and [each for each in loaded if not each.startswith((url, "data:", "blob:"))] == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert urllib.request.urlopen(url).headers["Content-Security-Policy"].startswith("default-src 'self' ")


def test_what_cannot_be_restored_is_said(visit, photo, tmp_path):
    visitor = visit()
    visitor.find("#restore").click()
    visitor.sees("Choose a photo first.")
    (tmp_path / "notes.jpg").write_text("no picture")
    visitor.restores(tmp_path / "notes.jpg", "fast")
    visitor.sees("notes.jpg is not an image in a known format: PNG, JPEG, WebP, TIFF or BMP.")
    visitor.find("#photo [aria-label=Clear]").click()
    visitor.restores(photo("large.png", 700, 800), "fast")
    visitor.sees("large.png has 800×700 pixels, which is 0.56 million; this page takes at most 0.5 million")
    visitor.find("#photo [aria-label=Clear]").click()
    with open(tmp_path / "huge.tif", "wb") as file:
        file.truncate(17 * 2**20)
    visitor.uploads(tmp_path / "huge.tif")
    visitor.sees('exceed the maximum allowed size of 16.0 Mb: "huge.tif"')
    # And then the page works.
    visitor.restores(photo("good.png"), "fast")
    assert "guessing" not in visitor.sees("good.png is restored.")


def test_a_second_visitor_waits_until_the_first_cancels(visit, photo):
    # What the preset 'paper' has to do with this takes minutes.
    first, path = visit(), photo("first.png", 500, 900)
    first.restores(path, "paper")
    first.sees("Restoring: step")
    second = visit()
    second.restores(photo("second.png", 500, 900), "fast")
    second.sees("Another photo is being restored; yours is the next")
    second.find("#cancel").click()
    second.sees("Cancelled.")
    second.find("#restore").click()
    second.sees("Another photo is being restored; yours is the next")
    first.looks()
    assert "Restoring: step" in first.find("body").text
    first.find("#cancel").click()
    first.sees("Cancelled.")
    second.looks()
    second.sees("second.png is restored.")
    # Who closes the page has cancelled too.
    second.find("#preset input[value=paper]").click()
    second.find("#restore").click()
    second.sees("Restoring: step")
    first.looks()
    first.find("#preset input[value=fast]").click()
    first.find("#restore").click()
    first.sees("Another photo is being restored; yours is the next")
    second.leaves()
    first.looks()
    first.sees("first.png is restored.")


def test_only_what_was_uploaded_is_read(url, photo):
    config = json.loads(urllib.request.urlopen(url + "config").read())
    number = next(each["id"] for each in config["dependencies"] if len(each["inputs"]) == 2)

    def answer(file):
        body = json.dumps({"data": [file, "fast"], "fn_index": number, "session_hash": "stranger"}).encode()
        request = urllib.request.Request(url + "gradio_api/queue/join", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request).read()
        return urllib.request.urlopen(url + "gradio_api/queue/data?session_hash=stranger").read().decode()

    assert "Choose a photo first" in answer(None)
    refused = answer({"path": str(photo("mine.png")), "meta": {"_type": "gradio.FileData"}})
    assert '"success":false' in refused and "restored" not in refused
