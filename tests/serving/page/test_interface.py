"""The page of icdpm-serve in a real browser. All tests use one server."""

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

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="needs Gradio (icdpm[serve])"),
]

RUN = "import sys; sys.argv[0] = 'icdpm-serve'; from icdpm.commands.serve import run; run()"


@pytest.fixture(scope="module")
def url(browser, micro_workdir, tmp_path_factory):
    """The URL of the page. Its server is stopped after all tests and must leave no files behind."""
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
        message = server.stdout.readline()
        expected = f"open http://127.0.0.1:{port}/ in a browser; Ctrl-C stops the server\n"
        assert message == expected, message + server.stderr.read()
        yield f"http://127.0.0.1:{port}/"
        assert len(list(temporary.iterdir())) == 1
    finally:
        browser.get("about:blank")
        server.send_signal(signal.SIGTERM)
        message, log = server.communicate(timeout=30)
    # Gradio logs the request for a file that was not uploaded.
    raised = set(re.findall(r"^\S*(?:Error|Exception|Warning)\b", log, re.MULTILINE))
    assert (server.returncode, message) == (0, "stopped\n") and raised <= {"gradio.exceptions.InvalidPathError"}, log
    assert list(temporary.iterdir()) == []


class Visitor:
    """A user with the page open in a tab."""

    def __init__(self, browser, url):
        self.browser = browser
        if browser.current_url != "about:blank":
            browser.switch_to.new_window("tab")
        self.tab = browser.current_window_handle
        browser.get(url)
        self.wait_for("Preset")

    def focus(self):
        """Switches to the tab."""
        self.browser.switch_to.window(self.tab)

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def upload(self, path):
        self.find("#photo input[type=file]").send_keys(str(path))

    def restore(self, path, preset):
        self.upload(path)
        self.wait_for(path.stem)
        self.find(f"#preset input[value={preset}]").click()
        self.find("#restore").click()

    def wait_for(self, *texts):
        """Returns the page's text as soon as it contains one of `texts`."""
        end = time.monotonic() + 40
        while time.monotonic() < end:
            shown = self.find("body").text
            if any(text in shown for text in texts):
                return shown
            time.sleep(0.02)
        raise AssertionError(f"none of {texts} appeared, only {shown!r}")

    def image_sizes(self, selector):
        """Returns [(width, height)] of the images there, once the browser has decoded them."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => [e.naturalWidth, e.naturalHeight])"
        for _ in range(500):
            sizes = [tuple(size) for size in self.browser.execute_script(script, selector)]
            if sizes and all(width for width, _ in sizes):
                return sizes
            time.sleep(0.02)
        raise AssertionError(f"{selector}: {sizes}")

    def close(self):
        self.focus()
        self.browser.close()


@pytest.fixture
def open_page(browser, url):
    """Opens the page in a new tab."""
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


def test_a_photo_is_restored_compared_and_downloaded(open_page, photo, micro_workdir, browser, url):
    exif = PIL.Image.Exif()
    exif[0x010F] = "A camera"
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    path = photo("holiday 1.jpg", exif=exif, icc_profile=profile)
    visitor = open_page()
    visitor.restore(path, "balanced")
    page = visitor.wait_for("holiday 1.jpg is restored.")
    assert "Standard deviation of the samples: white is a standard deviation of" in page and "1/2 of the size" in page
    assert visitor.image_sizes("#slider img") == [(90, 60)] * 2
    assert visitor.image_sizes("#spread img") == [(90, 60)]
    assert visitor.image_sizes("#intermediate-outputs img")[0] == (45, 30)

    # Moving the handle to the right shows more of the blurry photo.
    from selenium.webdriver import ActionChains

    clip = "return getComputedStyle(document.querySelectorAll('#slider img')[1]).clipPath"
    before = browser.execute_script(clip)
    handle = visitor.find("#slider .handle, #slider [role=slider], #slider .inner")
    ActionChains(browser).drag_and_drop_by_offset(handle, 60, 0).perform()
    assert browser.execute_script(clip) != before

    # The download is byte for byte the file that icdpm-deblur writes.
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

    # All resources come from this server, and none of them was rejected.
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert len(loaded) > 10 and [each for each in loaded if not each.startswith((url, "data:", "blob:"))] == []
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert urllib.request.urlopen(url).headers["Content-Security-Policy"].startswith("default-src 'self' ")


def test_invalid_photos_are_errors(open_page, photo, tmp_path):
    visitor = open_page()
    visitor.find("#restore").click()
    visitor.wait_for("Choose a photo first.")
    (tmp_path / "notes.jpg").write_text("no image")
    visitor.restore(tmp_path / "notes.jpg", "fast")
    visitor.wait_for("notes.jpg is not an image in a known format: PNG, JPEG, WebP, TIFF, BMP, AVIF or HEIC.")
    visitor.find("#photo [aria-label=Clear]").click()
    visitor.restore(photo("large.png", 700, 800), "fast")
    visitor.wait_for("large.png has 800×700 = 560,000 pixels; the limit of this page is 500,000 pixels")
    visitor.find("#photo [aria-label=Clear]").click()
    with open(tmp_path / "huge.tif", "wb") as file:
        file.truncate(17 * 2**20)
    visitor.upload(tmp_path / "huge.tif")
    visitor.wait_for('exceed the maximum allowed size of 16.0 Mb: "huge.tif"')
    # The page still works.
    visitor.restore(photo("good.png"), "fast")
    assert "Standard deviation" not in visitor.wait_for("good.png is restored.")


def test_a_second_visitor_waits_until_the_first_cancels(open_page, photo):
    # The preset 'paper' takes minutes for this photo.
    first, path = open_page(), photo("first.png", 500, 900)
    first.restore(path, "paper")
    first.wait_for("Restoring: network evaluation")
    second = open_page()
    second.restore(photo("second.png", 500, 900), "fast")
    second.wait_for("Waiting: 1 photo is before yours")
    second.find("#cancel").click()
    second.wait_for("Cancelled.")
    second.find("#restore").click()
    second.wait_for("Waiting: 1 photo is before yours")
    first.focus()
    assert "Restoring: network evaluation" in first.find("body").text
    first.find("#cancel").click()
    first.wait_for("Cancelled.")
    second.focus()
    second.wait_for("second.png is restored.")
    # Closing the page cancels too.
    second.find("#preset input[value=paper]").click()
    second.find("#restore").click()
    second.wait_for("Restoring: network evaluation")
    first.focus()
    first.find("#preset input[value=fast]").click()
    first.find("#restore").click()
    first.wait_for("Waiting: 1 photo is before yours")
    second.close()
    first.focus()
    first.wait_for("first.png is restored.")


def test_only_uploaded_files_are_read(url, photo):
    config = json.loads(urllib.request.urlopen(url + "config").read())
    number = next(each["id"] for each in config["dependencies"] if len(each["inputs"]) == 2)

    def request_restoration(file):
        body = json.dumps({"data": [file, "fast"], "fn_index": number, "session_hash": "attacker"}).encode()
        request = urllib.request.Request(url + "gradio_api/queue/join", body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request).read()
        return urllib.request.urlopen(url + "gradio_api/queue/data?session_hash=attacker").read().decode()

    assert "Choose a photo first" in request_restoration(None)
    rejected = request_restoration({"path": str(photo("mine.png")), "meta": {"_type": "gradio.FileData"}})
    assert '"success":false' in rejected and "restored" not in rejected
