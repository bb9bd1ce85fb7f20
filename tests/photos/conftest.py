"""Photo files, good and bad."""

import io
import os
import struct
import zlib

import numpy as np
import PIL.Image
import pytest
from PIL.ExifTags import Base


@pytest.fixture
def bad_photos(tmp_path):
    """A folder of files that cannot be restored: {path: words of what is said of it}."""
    folder = tmp_path / "böse Fotos"
    folder.mkdir()
    image = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))
    said = {"no such file.png": "does not exist", "folder.png": "is not a file"}
    (folder / "folder.png").mkdir()

    def file(name, content, words):
        (folder / name).write_bytes(content)
        said[name] = words

    def saved(file_format, picture=image, **options):
        buffer = io.BytesIO()
        picture.save(buffer, file_format, **options)
        return buffer.getvalue()

    file("empty.jpg", b"", "is empty")
    file("text.png", b"not a picture\n", "is not a picture")
    file("only a header.png", saved("PNG")[:20], "is damaged")
    for name in ("png", "jpeg", "tiff", "webp", "bmp"):
        content = saved(name)
        file(f"truncated.{name}", content[: len(content) // 2], "is damaged")
    deep = PIL.Image.fromarray(np.arange(10000, dtype=np.uint16).reshape(100, 100))
    for name in ("png", "tiff"):
        content = saved(name, deep)
        file(f"truncated 16 bits.{name}", content[: len(content) // 2], "is damaged")
    file("bomb.png", bomb_png(60000, 8), "million pixels")
    file("bomb 16 bits.png", bomb_png(60000, 16), "million pixels")
    file("bomb.bmp", bomb_bmp(60000), "million pixels")
    file("bomb 16 bits.tif", bomb_tiff(60000), "million pixels")
    frames = [PIL.Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    for name in ("gif", "png", "webp", "tiff"):
        file(f"animation.{name}", saved(name, frames[0], save_all=True, append_images=frames[1:]), "is an animation")
    file("pages 16 bits.tif", saved("TIFF", deep, save_all=True, append_images=[deep]), "has several pages")
    file("floats.tif", saved("TIFF", PIL.Image.new("F", (8, 8))), "has 32 bits a channel")
    file("lab.tif", saved("TIFF", PIL.Image.new("LAB", (8, 8))), "has the colour mode LAB")
    if os.geteuid() != 0:
        file("protected.png", saved("PNG"), "cannot be read: Permission denied")
        (folder / "protected.png").chmod(0)
    return {folder / name: words for name, words in said.items()}


def bomb_png(side, bits):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def bomb_bmp(side):
    return struct.pack("<2sIIIIIIHH24x", b"BM", 54, 0, 54, 40, side, side, 1, 24)


def bomb_tiff(side):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2()
    directory[Base.ImageWidth] = directory[Base.ImageLength] = directory[Base.RowsPerStrip] = side
    directory[Base.BitsPerSample] = (16, 16, 16)
    directory[Base.SamplesPerPixel] = 3
    directory[Base.PhotometricInterpretation] = 2
    directory[Base.StripOffsets] = 0
    directory[Base.StripByteCounts] = 10
    buffer = io.BytesIO()
    directory.save(buffer)
    return buffer.getvalue() + bytes(10)
