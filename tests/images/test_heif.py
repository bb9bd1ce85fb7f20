"""Tests of icdpm.images.heif: AVIF and HEIC files. Those that need an optional decoder are skipped without it."""

import io
import sys

import imagecodecs
import numpy as np
import PIL.features
import PIL.Image
import pytest
from PIL.ExifTags import Base

from icdpm.errors import IcdpmError
from icdpm.images.exif import read_exif
from icdpm.images.formats import FORMATS
from icdpm.images.header import parse_header
from icdpm.images.heif import color_chunk, detect_format
from icdpm.images.reading import decode_image, read_file_header
from icdpm.images.writing import encode_image

HEIC_START = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
needs_avif = pytest.mark.skipif(not PIL.features.check("avif"), reason="the installed Pillow does not read AVIF")


def smooth(levels):
    rows, columns = np.mgrid[0:40, 0:60]
    image = np.stack([rows / 40, columns / 60, (rows + columns) / 100], axis=-1) * (levels - 1)
    return image.round().astype(np.uint8 if levels == 256 else np.uint16)


def exif(orientation):
    block = PIL.Image.Exif()
    block[Base.Orientation], block[Base.Make] = orientation, "Maker"
    return block


@needs_avif
def test_avif_of_8_bits_is_read_with_its_metadata():
    buffer = io.BytesIO()
    PIL.Image.fromarray(smooth(256)).save(buffer, "AVIF", quality=95, exif=exif(6), xmp=b"<x/>", icc_profile=b"profile")
    image = decode_image(buffer.getvalue(), "photo")
    assert image.format == "AVIF" and image.pixels.dtype == np.uint8 and image.icc_profile == b"profile"
    np.testing.assert_allclose(image.pixels, np.rot90(smooth(256), -1), atol=8)
    assert image.metadata.xmp == b"<x/>" and read_exif(image.exif)[Base.Make] == "Maker"
    back = decode_image(encode_image(image, FORMATS["png"]), "photo")
    np.testing.assert_array_equal(back.pixels, image.pixels)


@needs_avif
@pytest.mark.skipif(not imagecodecs.AVIF.available, reason="the installed imagecodecs does not read AVIF")
@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_avif_of_10_and_12_bits_keeps_them(bits, channels, tmp_path):
    pixels = np.dstack([smooth(2**bits)] * 2)[..., :channels]
    content = imagecodecs.avif_encode(pixels.squeeze(), level=95, bitspersample=bits)
    (tmp_path / "a.avif").write_bytes(content)
    header = parse_header(content)
    assert (header.bits, header.width, header.height) == (bits, 60, 40) and read_file_header(tmp_path / "a.avif") == header
    image = decode_image(content, "photo")
    assert image.pixels.dtype == np.uint16 and (image.alpha is not None) == (channels == 4)
    colors = pixels[..., 0] if channels == 1 else pixels[..., :3]
    np.testing.assert_allclose(image.pixels, colors / (2**bits - 1) * 65535, atol=2000)
    assert len(np.unique(image.pixels % 257)) > 1  # more than 8 bits


def test_heic_without_its_decoder_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert detect_format(HEIC_START) == "HEIF"
    (tmp_path / "photo.heic").write_bytes(HEIC_START)
    for read in (lambda: decode_image(HEIC_START, "photo.heic"), lambda: read_file_header(tmp_path / "photo.heic")):
        with pytest.raises(IcdpmError, match=r"photo.heic is a HEIC file, for .* pip install 'icdpm\[heic\]'$"):
            read()


def test_avif_without_its_decoder_says_what_to_install(monkeypatch):
    monkeypatch.setattr(PIL.features, "check", lambda name: False)
    with pytest.raises(IcdpmError, match=r"photo is an AVIF file, for which Pillow 11.3 .* pip install 'pillow>=11.3'$"):
        decode_image(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(40), "photo")


def test_heic_is_read():
    pillow_heif = pytest.importorskip("pillow_heif")
    for levels, mode in ((256, "RGB"), (65536, "RGB;16")):
        pixels, buffer = smooth(levels), io.BytesIO()
        file = pillow_heif.from_bytes(mode, (60, 40), pixels.tobytes())
        file.save(buffer, quality=95, exif=exif(1).tobytes())
        image = decode_image(buffer.getvalue(), "photo")
        assert image.format == "HEIF" and image.pixels.dtype == pixels.dtype and image.notices == ()
        np.testing.assert_allclose(image.pixels, pixels, atol=levels // 25)
        assert read_exif(image.exif)[Base.Make] == "Maker"
        with pytest.raises(IcdpmError, match="^photo is damaged"):
            decode_image(buffer.getvalue()[:-200], "photo")
    assert ".heic" not in PIL.Image.registered_extensions()  # nothing global has changed


def test_colors_other_than_srgb_become_a_chunk():
    box = b"....colrnclx" + bytes([0, 9, 0, 16, 0, 9, 0x80]) + bytes(8)
    assert color_chunk(box) == ((b"cICP", bytes([9, 16, 0, 1])),)
    assert color_chunk(box.replace(bytes([0, 9, 0, 16]), bytes([0, 1, 0, 13]))) == () == color_chunk(b"")
