"""Tests of the size limits that apply before an image is decoded."""

import dataclasses
import io
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import tifffile

from icdpm.errors import IcdpmError
from icdpm.images import reading
from icdpm.images.codecs import encode_png, encode_tiff
from icdpm.images.header import Header, parse_header
from icdpm.images.reading import decode_image, read_file_header, read_image, read_image_stream

# Measures the memory that reading the files adds to a process.
MEASURE = """
import sys
from icdpm.errors import IcdpmError
from icdpm.images.reading import read_image
before = peak_memory()
for path in sys.argv[1:]:
    try:
        read_image(path)
        print(path, "was read")
    except IcdpmError as error:
        print(error)
print((peak_memory() - before) // 2**20)
"""


def test_decompression_bombs_are_rejected_and_take_no_memory(tmp_path, bombs, peak_memory):
    for name, content in bombs.items():
        (tmp_path / name).write_bytes(content)
    paths = [str(tmp_path / name) for name in bombs]
    done = subprocess.run([sys.executable, "-c", peak_memory + MEASURE, *paths], capture_output=True, text=True, check=True)
    *text, mebibytes = done.stdout.splitlines()
    for path, sentence in zip(paths, text):
        words = "the limit of 178 million pixels" if "too many" in path else "GiB when it is decoded; the limit is"
        assert sentence.startswith(path) and words in sentence
    assert int(mebibytes) < 50 and done.stderr == ""


def test_large_webp_is_held_less_than_twice(tmp_path, peak_memory):
    """A WebP file of about 40 bytes within all limits decodes to 16 million pixels of 4 bytes."""
    PIL.Image.new("RGBA", (4000, 4000), (1, 2, 3, 200)).save(tmp_path / "large.webp", lossless=True, method=0)
    program = [sys.executable, "-c", peak_memory + MEASURE, tmp_path / "large.webp"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    text, mebibytes = done.stdout.splitlines()
    assert text.endswith("was read") and int(mebibytes) < 2 * 4000 * 4000 * 4 / 2**20


def test_small_image_of_many_channels_is_read():
    pixels = np.arange(20 * 30 * 16, dtype=np.uint16).reshape(20, 30, 16)
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="rgb", extrasamples=["unspecified"] * 13, compression="zlib")
    np.testing.assert_array_equal(decode_image(file.getvalue(), "photo").pixels, pixels[..., :3])
    assert parse_header(file.getvalue()) == Header("TIFF", 30, 20, 16, 20 * 30 * 32)


@pytest.mark.parametrize(
    "mode, file_format, bits, of_a_pixel",
    [
        ("L", "PNG", 8, 1),
        ("P", "GIF", 8, 4),
        ("RGB", "JPEG", 8, 3),
        ("RGBA", "WEBP", 8, 4),
        ("CMYK", "TIFF", 8, 4),
        ("RGB", "BMP", 8, 3),
    ],
)
def test_decoded_bytes_of_each_mode(mode, file_format, bits, of_a_pixel):
    file = io.BytesIO()
    PIL.Image.new(mode, (7, 5)).save(file, file_format)
    assert parse_header(file.getvalue()) == Header(file_format, 7, 5, bits, 35 * of_a_pixel)


def test_decoded_bytes_of_16_bits_and_of_tiles():
    assert parse_header(encode_png(np.zeros((5, 7, 4), np.uint16), b"", b"")).decoded_bytes == 35 * 8
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((17, 5, 3), np.uint16), photometric="rgb", tile=(16, 32))
    assert parse_header(file.getvalue()).decoded_bytes == 32 * 32 * 6


def test_size_limits():
    most_pixels = 2 * PIL.Image.MAX_IMAGE_PIXELS
    largest = Header("PNG", most_pixels, 1, 16, most_pixels * 6)
    largest.check_size("photo")
    for change in ({"width": most_pixels + 1}, {"decoded_bytes": 2**30 + 1}):
        with pytest.raises(IcdpmError, match="^photo (has more than the limit|takes)"):
            dataclasses.replace(largest, **change).check_size("photo")


def test_too_large_file_is_not_read(tmp_path):
    with open(tmp_path / "large.png", "wb") as file:
        file.truncate(2**31 + 1)  # a sparse file
    with pytest.raises(IcdpmError, match="large.png is a file of more than 2 GiB"):
        read_image(tmp_path / "large.png")


def test_endless_stream_is_read_up_to_the_limit(monkeypatch):
    monkeypatch.setattr(reading, "_MAX_FILE_BYTES", 2**22)
    with open("/dev/zero", "rb") as file, pytest.raises(IcdpmError, match="^standard input is a file of more than"):
        read_image_stream(file, "standard input")


class CountingFile(io.FileIO):
    """A file that counts the bytes that are read from it."""

    count = 0

    def read(self, size=-1):
        content = super().read(size)
        self.count += len(content)
        return content

    def readinto(self, buffer):
        length = super().readinto(buffer)
        self.count += length
        return length


def noise(dtype, *shape):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)


@pytest.mark.parametrize(
    "name, pixels",
    [
        ("a.png", noise(np.uint8, 300, 400, 3)),
        ("deep.png", noise(np.uint16, 300, 400, 3)),
        ("a.jpg", noise(np.uint8, 300, 400, 3)),
        ("gray.jpg", noise(np.uint8, 300, 400)),
        ("a.bmp", noise(np.uint8, 300, 400, 3)),
        ("a.tif", noise(np.uint8, 300, 400, 3)),
        ("deep.tif", noise(np.uint16, 300, 400, 4)),
        ("lossy.webp", noise(np.uint8, 300, 400, 3)),
        ("lossless.webp", noise(np.uint8, 300, 400, 3)),
        ("lossless_alpha.webp", noise(np.uint8, 300, 400, 4)),
        ("alpha.webp", noise(np.uint8, 300, 400, 4)),
        ("exif.webp", noise(np.uint8, 300, 400, 3)),
    ],
)
def test_the_header_of_a_file_is_read_without_the_pixels(tmp_path, name, pixels):
    path = tmp_path / name
    if pixels.dtype == np.uint16:
        path.write_bytes({".png": encode_png, ".tif": encode_tiff}[path.suffix](pixels, b"", b""))
    else:
        exif = PIL.Image.Exif()
        exif[0x010E] = "described"
        options = {"exif": exif} if "exif" in name else {}
        PIL.Image.fromarray(pixels).save(path, lossless="lossless" in name, quality=90, **options)
    with CountingFile(path) as file:
        header = parse_header(file)
        assert file.count < 20_000 < path.stat().st_size
    assert header == parse_header(path.read_bytes()) == read_file_header(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"RIFF\x1e\0\0\0WEBPVP8X", b"RIFF\x1e\0\0\0WEBPVP8 " + bytes(20), b"II*\0", b"\x89PNG"],
)
def test_damaged_headers_of_files(tmp_path, content):
    (tmp_path / "a.webp").write_bytes(content)
    with pytest.raises(IcdpmError, match="a.webp is "):
        read_file_header(tmp_path / "a.webp")
    with pytest.raises(IcdpmError, match="is not a file"):
        read_file_header(tmp_path)
