"""Sizes of files are those of their decoded, upright images."""

import io
import zlib

import numpy as np
import PIL.features
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.images import png_chunks, reading
from icdpm.images.codecs import encode_png, encode_tiff
from icdpm.images.png_chunks import insert_chunks
from icdpm.images.upright_size import read_upright_size

ENDINGS = ["png", "jpg", "tif", "webp", "bmp", *(["avif"] if PIL.features.check("avif") else [])]


def exif_of(orientation):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    return exif.tobytes()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_pixels(tmp_path, ending, orientation):
    path = tmp_path / f"a.{ending}"
    PIL.Image.new("RGB", (30, 20)).save(path, exif=exif_of(orientation))
    assert read_upright_size(path) == reading.read_image(path).pixels.shape[1::-1]


@pytest.mark.parametrize("encode", [encode_png, encode_tiff])
@pytest.mark.parametrize("orientation", [1, 6])
def test_sixteen_bits(tmp_path, encode, orientation):
    (tmp_path / "a").write_bytes(encode(np.zeros((20, 30, 3), np.uint16), exif_of(orientation), b""))
    assert read_upright_size(tmp_path / "a") == ((20, 30) if orientation == 6 else (30, 20))


def encoded_png():
    file = io.BytesIO()
    PIL.Image.new("RGB", (30, 20)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_png_file_with_long_texts_and_its_orientation_in_one_of_them(tmp_path, bits, monkeypatch):
    """Pillow refuses texts of more than 1 MiB; ImageMagick writes EXIF data as hexadecimal text."""
    monkeypatch.setattr(png_chunks, "MAX_DESCRIPTION_BYTES", 2**22)
    content = encoded_png() if bits == 8 else encode_png(np.zeros((20, 30, 3), np.uint16), b"", b"")
    block = exif_of(6)
    raw = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n%8d\n" % len(block) + block.hex().encode())
    long = b"Comment\0\0" + zlib.compress(b"x" * 3_000_000)
    chunks = [(b"zTXt", long), (b"tEXt", b"Comment\0" + b"y" * 5_000_000), (b"zTXt", raw)]
    (tmp_path / "a.png").write_bytes(insert_chunks(content, chunks))
    assert read_upright_size(tmp_path / "a.png") == reading.read_image(tmp_path / "a.png").pixels.shape[1::-1] == (20, 30)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_png_file_with_its_orientation_behind_the_pixels(tmp_path, bits):
    content = encoded_png() if bits == 8 else encode_png(np.zeros((20, 30, 3), np.uint16), b"", b"")
    block = b"eXIf" + exif_of(6)[6:]
    chunk = (len(block) - 4).to_bytes(4, "big") + block + zlib.crc32(block).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(content[:-12] + chunk + content[-12:])
    assert read_upright_size(tmp_path / "a.png") == reading.read_image(tmp_path / "a.png").pixels.shape[1::-1] == (20, 30)


def test_only_the_beginning_is_read(tmp_path):
    content = encoded_png()
    (tmp_path / "a.png").write_bytes(content[: content.index(b"IDAT") + 4])
    assert read_upright_size(tmp_path / "a.png") == (30, 20)


def test_errors_name_the_file(tmp_path):
    PIL.Image.fromarray(np.zeros((20, 30), np.float32)).save(tmp_path / "float.tif")
    (tmp_path / "text.png").write_text("no image")
    large = encoded_png()
    (tmp_path / "large.png").write_bytes(large[:16] + (10**6).to_bytes(4, "big") * 2 + large[24:])
    problems = {
        "float.tif": "has 32 bits",
        "text.png": "is not an image",
        "large.png": "has more",
        "none.png": "does not exist",
    }
    for name, problem in problems.items():
        with pytest.raises(IcdpmError, match=f"{name} {problem}"):
            read_upright_size(tmp_path / name)
