"""Tests of icdpm.images.truncated_jpeg and of how `decode_image` uses it."""

import io
import tracemalloc

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.images import truncated_jpeg
from icdpm.images.reading import decode_image

OPTIONS = [
    {},
    {"subsampling": 0},
    {"optimize": True},
    {"restart_marker_rows": 1},
    {"restart_marker_blocks": 3},
    {"progressive": True},
    {"mode": "L"},
    {"mode": "L", "progressive": True},
    {"mode": "CMYK"},
]


def jpeg(mode="RGB", **options):
    random = np.random.default_rng(1)
    image = np.kron(random.integers(0, 247, (12, 16, 3)), np.ones((10, 10, 1))) + random.integers(0, 9, (120, 160, 3))
    buffer = io.BytesIO()
    PIL.Image.fromarray(image.astype(np.uint8)).convert(mode).save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_jpeg_that_lacks_only_its_end_is_restored_with_a_notice(options):
    content = jpeg(**options)
    whole = decode_image(content, "photo")
    for cut in (content[:-2], content[:-1]):
        image = decode_image(cut, "photo")
        np.testing.assert_array_equal(image.pixels, whole.pixels)
        assert image.notices == ("photo lacks the end-of-image marker; all pixels are intact", *whole.notices)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_jpeg_that_lacks_rows_is_an_error_unless_it_is_accepted(options):
    content = jpeg(**options)
    whole = decode_image(content, "photo").pixels
    for length in (len(content) - 12, len(content) * 8 // 10, len(content) * 6 // 10):
        with pytest.raises(IcdpmError, match="^photo is damaged"):
            decode_image(content[:length], "photo")
        image = decode_image(content[:length], "photo", accept_truncated=True)
        if options.get("progressive"):
            assert image.pixels.shape == whole.shape and "some of its detail is missing" in image.notices[0]
            continue
        rows = len(image.pixels)
        assert 16 <= rows < 120 and f"only the first {rows} of 120 rows" in image.notices[0]
        np.testing.assert_array_equal(image.pixels, whole[:rows])


def test_jpeg_without_any_rows_is_an_error():
    content = jpeg()
    for length in (300, 700):
        with pytest.raises(IcdpmError, match="^photo is damaged"):
            decode_image(content[:length], "photo", accept_truncated=True)


def test_rows_of_a_cut_jpeg_are_turned_upright():
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    content = jpeg(exif=exif)
    image = decode_image(content[: len(content) * 3 // 4], "photo", accept_truncated=True)
    rows = image.pixels.shape[1]
    assert image.pixels.shape == (160, rows, 3) and 16 <= rows < 120
    np.testing.assert_array_equal(image.pixels, decode_image(content, "photo").pixels[:, -rows:])


@pytest.mark.parametrize("options", [*OPTIONS, {"quality": 20}], ids=str)
def test_jpeg_that_lacks_data_in_the_middle_is_an_error_unless_it_is_accepted(options):
    content = jpeg(**options)
    whole = decode_image(content, "photo").pixels
    start = content.index(b"\xff\xda") + 14
    for part in (0.3, 0.6):
        at = start + int(part * (len(content) - start))
        damaged = content[:at] + content[at + len(content) // 30 :]
        with pytest.raises(IcdpmError, match="photo is damaged .some of its data are missing"):
            decode_image(damaged, "photo")
        try:
            image = decode_image(damaged, "photo", accept_truncated=True)
        except IcdpmError:
            continue  # the first rows already depend on what is missing
        rows = len(image.pixels)
        assert rows < 120 and f"lacks data: only the first {rows} of 120 rows" in image.notices[0]
        if not options.get("progressive"):
            np.testing.assert_array_equal(image.pixels[:8], whole[:8])


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_intact_jpeg_of_any_size_lacks_nothing(mode):
    for number, (width, height) in enumerate([(1, 1), (17, 9), (333, 40), (64, 64)]):
        noise = np.random.default_rng(number).integers(0, 256, (height, width, 3))
        for pixels in (np.zeros_like(noise), noise):
            for options in ({}, {"restart_marker_blocks": 1}, {"progressive": True}, {"quality": 100}):
                buffer = io.BytesIO()
                PIL.Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(buffer, "JPEG", **options)
                # With bytes behind the image, as phones write them, and before a marker, as some cameras do.
                for content in (buffer.getvalue() + b"trailer", buffer.getvalue()[:-2] + b"\xff\xff\xff\xd9"):
                    assert decode_image(content, "photo").notices == ()


@pytest.mark.parametrize("marker", [b"\xff\x01", b"".join(bytes([0xFF, 0xD0 + number]) for number in range(8))])
def test_markers_behind_the_pixels_take_no_memory(marker, monkeypatch):
    monkeypatch.setattr(truncated_jpeg, "_MAX_PADDING_BYTES", 2**20)
    content = jpeg(restart_marker_rows=8)  # one restart interval
    tracemalloc.start()
    image = decode_image(content[:-2] + marker * 4000 + content[-2:], "photo")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(image.pixels, decode_image(content, "photo").pixels)
    assert peak < 2**22


def test_jpeg_that_lacks_whole_restart_intervals_is_an_error():
    content = jpeg(restart_marker_blocks=3)
    first, second, ninth = (content.index(bytes([0xFF, 0xD0 + number])) for number in (0, 1, 7))
    for begin, end in [(first, second), (first, content.index(b"\xff\xd0", ninth))]:  # one interval, eight intervals
        with pytest.raises(IcdpmError, match="photo is damaged"):
            decode_image(content[:begin] + content[end:], "photo")
