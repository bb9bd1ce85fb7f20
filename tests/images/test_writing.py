"""Tests of icdpm.images.writing: round trips through files, and properties that a format cannot store."""

import dataclasses
import io

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
import tifffile
from PIL.ExifTags import IFD, Base

from icdpm.errors import IcdpmError
from icdpm.images.exif import read_exif
from icdpm.images.formats import FORMATS, Image
from icdpm.images.reading import decode_image, read_rgb
from icdpm.images.writing import check_fits, encode_image, write_image

PROFILE = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
GRAY_PROFILE = PROFILE[:16] + b"GRAY" + PROFILE[20:]


def pixels(gray, is_16bit):
    rows, columns = np.mgrid[0:24, 0:37]
    image = np.stack([rows * 9, columns * 6, (rows + columns) * 4], axis=-1).astype(np.uint16)
    image = image * 257 + 5 if is_16bit else image.astype(np.uint8)
    return np.ascontiguousarray(image[..., 0] if gray else image)


def exif():
    block = PIL.Image.Exif()
    block[Base.Make] = "Maker"
    block[Base.Orientation] = 1
    block[IFD.Exif] = {Base.DateTimeOriginal: "2020:01:02 03:04:05", Base.ExposureTime: 0.02, Base.UserComment: b"\0\1"}
    block[IFD.GPSInfo] = {1: "N", 2: (48.0, 8.0, 0.5)}
    return block.tobytes()


def make_image(gray=False, is_16bit=False, alpha=False, profile=PROFILE):
    image = pixels(gray, is_16bit)
    most = np.iinfo(image.dtype).max
    transparency = np.linspace(0, most, image[..., 0].size if image.ndim == 3 else image.size).astype(image.dtype)
    transparency = transparency.reshape(image.shape[:2]) if alpha else None
    return Image(image, transparency, exif(), profile)


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("is_16bit", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", ["png", "tiff"])
def test_png_and_tiff_keep_everything(name, alpha, is_16bit, gray):
    given = make_image(gray, is_16bit, alpha)
    assert check_fits(given, "photo", FORMATS[name]) == []
    content = encode_image(given, FORMATS[name])
    back = decode_image(content, "photo")
    np.testing.assert_array_equal(back.pixels, given.pixels)
    assert back.pixels.dtype == given.pixels.dtype and back.format == FORMATS[name].name
    np.testing.assert_array_equal(back.alpha, given.alpha)
    assert back.icc_profile == PROFILE and back.notices == ()
    assert_same_exif(back.exif, given.exif)
    if name == "tiff":
        # Another library reads the same.
        assert tifffile.imread(io.BytesIO(content)).shape[:2] == given.pixels.shape[:2]


def assert_same_exif(block, expected):
    read, given = read_exif(block), read_exif(expected)
    assert read[Base.Make] == given[Base.Make] and read.get(Base.Orientation, 1) == 1
    for directory in (IFD.Exif, IFD.GPSInfo):
        assert read.get_ifd(directory) == given.get_ifd(directory)


@pytest.mark.parametrize("name", ["png", "jpeg", "tiff", "webp"])
def test_texts_of_all_directories_of_exif_keep_their_bytes(name):
    block = PIL.Image.Exif()
    block[Base.Artist] = "Müller".encode()
    exposure = {Base.LensModel: "Gr????e", Base.DateTimeOriginal: "2020:01:02 03:04:05", IFD.Interop: {1: "R98"}}
    block[IFD.Exif] = exposure
    block[IFD.GPSInfo] = {1: "N", 27: b"ASCII\0\0\0\xe9", 29: "20?0:01:02"}
    # Pillow itself cannot write these.
    content = block.tobytes().replace(b"Gr????e", "Größe".encode()).replace(b"20?0", b"20\xe90")
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels(gray=False, is_16bit=False)).save(buffer, "JPEG", exif=content)
    image = decode_image(buffer.getvalue(), "photo")
    back = read_exif(decode_image(encode_image(image, FORMATS[name]), "photo").exif)
    expected = {**exposure, Base.LensModel: "Größe".encode().decode("latin-1")}
    read = back.get_ifd(IFD.Exif)
    assert back[Base.Artist] == "Müller".encode().decode("latin-1")
    assert {**read, IFD.Interop: back.get_ifd(IFD.Interop)} == expected and IFD.Interop in read
    assert back.get_ifd(IFD.GPSInfo) == {1: "N", 27: b"ASCII\0\0\0\xe9", 29: "20\xe90:01:02"}


def test_jpeg_and_webp_keep_metadata_and_jpeg_is_not_subsampled():
    for name, gray_stays in [("jpeg", True), ("webp", False)]:
        for gray in (False, True):
            content = encode_image(make_image(gray), FORMATS[name])
            back = decode_image(content, "photo")
            assert back.is_gray == (gray and gray_stays)
            assert back.icc_profile == PROFILE
            assert_same_exif(back.exif, exif())
    with PIL.Image.open(io.BytesIO(encode_image(make_image(), FORMATS["jpeg"]))) as jpeg:
        assert [component[1:3] for component in jpeg.layer] == [(1, 1)] * 3
        assert max(jpeg.quantization[0]) <= 12  # quality 95
    given = make_image(alpha=True)
    np.testing.assert_array_equal(decode_image(encode_image(given, FORMATS["webp"]), "photo").alpha, given.alpha)


def test_unsupported_properties_are_reported_and_dropped():
    opaque = dataclasses.replace(make_image(), alpha=np.full((24, 37), 255, np.uint8))
    long_exif = PIL.Image.Exif()
    long_exif[Base.ImageDescription] = "x" * 70_000
    cases = [
        (make_image(is_16bit=True), "jpeg", ["the lower 8 of its 16 bits"]),
        (make_image(is_16bit=True), "bmp", ["the lower 8 of its 16 bits", "its EXIF data", "its color profile"]),
        (opaque, "jpeg", ["its alpha, which is opaque everywhere"]),
        (dataclasses.replace(make_image(), exif=long_exif.tobytes()), "jpeg", ["its EXIF data"]),
        (make_image(gray=True, profile=GRAY_PROFILE), "webp", ["its color profile"]),
    ]
    for given, name, left_out in cases:
        file_format = FORMATS[name]
        notices = [f"a.png is written as {file_format.name} without {what}" for what in left_out]
        assert check_fits(given, "a.png", file_format) == notices
        back = decode_image(encode_image(given, file_format), "a")
        assert back.pixels.dtype == np.uint8 and back.pixels.shape == (24, 37, 3) and back.alpha is None
    for given, name, text in [
        (make_image(alpha=True), "jpeg", "transparent parts, which JPEG cannot hold"),
        (make_image(alpha=True), "bmp", "transparent parts, which BMP cannot hold"),
        (Image(np.zeros((1, 20000), np.uint8)), "webp", "more than 16383 pixels"),
        (Image(np.zeros((70000, 1), np.uint8)), "jpeg", "more than 65500 pixels"),
        (Image(np.zeros((1, 10**6 + 1), np.uint8)), "png", "more than 1000000 pixels"),
    ]:
        with pytest.raises(IcdpmError, match=f"a.png has .*{text}.*choose"):
            check_fits(given, "a.png", FORMATS[name])


def test_16_bits_are_rounded_to_the_nearest_8():
    is_16bit = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    shallow = decode_image(encode_image(Image(is_16bit), FORMATS["bmp"]), "a").pixels
    np.testing.assert_array_equal(shallow, (is_16bit / 257).round())


def gradient():
    rows, columns = np.mgrid[0:40, 0:60]
    return np.stack([rows * 6, columns * 4, (rows + columns) * 2], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("suffix, error", [(".png", 0), (".bmp", 0), (".tif", 0), (".jpg", 4), (".webp", 14)])
def test_round_trip(tmp_path, suffix, error):
    path = tmp_path / "a folder" / f"Straße{suffix}"
    write_image(path, gradient())
    assert np.abs(read_rgb(path).astype(int) - gradient()).max() <= error
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_read_rgb_repeats_gray_and_keeps_16_bits(tmp_path):
    PIL.Image.fromarray(gradient()[..., 0]).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "gray.png"), gradient()[..., [0, 0, 0]])
    is_16bit = gradient().astype(np.uint16) * 257 + 3
    write_image(tmp_path / "deep.png", is_16bit)
    np.testing.assert_array_equal(read_rgb(tmp_path / "deep.png"), is_16bit)


def test_only_known_formats_are_written(tmp_path):
    with pytest.raises(IcdpmError, match="choose one of these file name extensions"):
        write_image(tmp_path / "image.gif", gradient())
    with pytest.raises(IcdpmError, match="WEBP cannot hold"):
        write_image(tmp_path / "long.webp", np.zeros((1, 20000, 3), np.uint8))
    assert not list(tmp_path.iterdir())
