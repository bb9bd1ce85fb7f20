"""Tests of icdpm.images.reading."""

import io
import os
import struct
import zlib

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile
from PIL.ExifTags import IFD, Base

from icdpm.errors import IcdpmError
from icdpm.images.codecs import encode_png, encode_tiff
from icdpm.images.exif import read_exif
from icdpm.images.formats import FORMATS
from icdpm.images.metadata import INCH
from icdpm.images.png_chunks import insert_chunks
from icdpm.images.reading import decode_image, read_image, read_pillow
from icdpm.images.writing import encode_image


def gradient(dtype=np.uint8):
    rows, columns = np.mgrid[0:20, 0:30]
    image = np.stack([rows * 12, columns * 8, (rows + columns) * 5], axis=-1).astype(dtype)
    return image * 257 + 3 if dtype == np.uint16 else image


def encode_and_decode(pillow, file_format, **options):
    buffer = io.BytesIO()
    pillow.save(buffer, file_format, **options)
    return decode_image(buffer.getvalue(), "photo")


def exif_of(**tags):
    block = PIL.Image.Exif()
    for name, value in tags.items():
        block[Base[name]] = value
    return block


def test_errors_of_bad_files_are_one_line_with_the_name(bad_photos):
    if os.geteuid() == 0:
        print("skipped: a file without read permission, as root reads it all the same")
    for path, words in bad_photos.items():
        with pytest.raises(IcdpmError) as caught:
            read_image(path)
        message = str(caught.value)
        assert message.startswith(str(path)) and words in message and "\n" not in message, message


def test_modes_of_8_bits():
    image = PIL.Image.fromarray(gradient())
    palette = image.quantize(16)
    for pillow, expected in [
        (image, image),
        (image.convert("L"), image.convert("L")),
        (palette, palette.convert("RGB")),
        (image.convert("1"), image.convert("1").convert("L")),
    ]:
        result = encode_and_decode(pillow, "PNG")
        np.testing.assert_array_equal(result.pixels, np.asarray(expected))
        assert result.pixels.dtype == np.uint8 and result.alpha is None and result.exif == result.icc_profile == b""


def test_transparency():
    image = PIL.Image.fromarray(gradient())
    alpha = np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8)
    with_alpha = image.copy()
    with_alpha.putalpha(PIL.Image.fromarray(alpha))
    for pillow, is_gray in [(with_alpha, False), (with_alpha.convert("LA"), True)]:
        result = encode_and_decode(pillow, "PNG")
        assert result.is_gray == is_gray
        np.testing.assert_array_equal(result.alpha, alpha)
    # One color or palette entry is transparent.
    for pillow, transparency in [
        (image, tuple(gradient()[3, 4].tolist())),
        (image.convert("L"), image.convert("L").getpixel((4, 3))),
        (image.quantize(16), image.quantize(16).getpixel((4, 3))),
        (image.convert("1"), 0),
    ]:
        result = encode_and_decode(pillow, "PNG", transparency=transparency)
        assert result.is_gray == (pillow.mode in "1L"), pillow.mode
        np.testing.assert_array_equal(
            result.alpha == 0,
            np.asarray(pillow) == transparency if pillow.mode != "RGB" else (np.asarray(pillow) == transparency).all(axis=-1),
        )


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("options", [{"lossless": True, "exact": True}, {"quality": 80}])
def test_webp_is_decoded_as_pillow_does(channels, options):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, channels), dtype=np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, "WEBP", **options)
    result, expected = decode_image(buffer.getvalue(), "photo"), np.asarray(PIL.Image.open(buffer))
    np.testing.assert_array_equal(result.pixels, expected[..., :3])
    assert (result.alpha is None) == (channels == 3)
    if result.alpha is not None:
        np.testing.assert_array_equal(result.alpha, expected[..., 3])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png(channels):
    image = np.dstack([gradient(np.uint16)] * 2)[..., :channels]
    result = decode_image(imagecodecs.png_encode(np.ascontiguousarray(image.squeeze())), "photo")
    colors = 1 if channels < 3 else 3
    np.testing.assert_array_equal(np.atleast_3d(result.pixels), image[..., :colors])
    assert (result.alpha is None) == (channels in (1, 3))
    if result.alpha is not None:
        np.testing.assert_array_equal(result.alpha, image[..., -1])


def test_interlaced_16_bit_png_is_read_without_a_warning(caplog):
    image = np.random.default_rng(0).integers(0, 65536, (20, 31, 3), np.uint16)
    rows = b""
    for top, left, down, across in (map(int, each) for each in ("0088", "0488", "4084", "0244", "2042", "0122", "1021")):
        rows += b"".join(b"\0" + row.astype(">u2").tobytes() for row in image[top::down, left::across])
    content = bytearray(imagecodecs.png_encode(image))
    content[28] = 1  # Adam7
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    pixels = b"IDAT" + zlib.compress(rows)
    content[33:] = struct.pack(">I", len(pixels) - 4) + pixels + struct.pack(">I", zlib.crc32(pixels))
    np.testing.assert_array_equal(decode_image(bytes(content), "photo").pixels, image)
    assert not caplog.records  # without a handler, logging prints them


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_tiff(compression, planar, byteorder):
    image = np.dstack([gradient(np.uint16), gradient(np.uint16)[..., 0]])
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        image if planar == "contig" else np.moveaxis(image, -1, 0),
        photometric="rgb",
        planarconfig=planar,
        extrasamples=["unassalpha"],
        compression=compression,
        predictor=compression is not None,
        byteorder=byteorder,
    )
    result = decode_image(buffer.getvalue(), "photo")
    np.testing.assert_array_equal(result.pixels, image[..., :3])
    np.testing.assert_array_equal(result.alpha, image[..., 3])
    assert result.pixels.dtype == result.alpha.dtype == np.uint16


def test_16_bit_tiff_in_strips_and_tiles_and_truncated():
    """A truncated file may end before its directory, in it, or between pixels."""
    image = np.dstack([gradient(np.uint16), gradient(np.uint16)[..., 0]])
    for options in ({}, {"compression": "lzw", "rowsperstrip": 3}, {"compression": "zlib", "tile": (16, 16)}):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, image, photometric="rgb", extrasamples=["unassalpha"], **options)
        content = buffer.getvalue()
        np.testing.assert_array_equal(decode_image(content, "photo").alpha, image[..., 3])
        for length in range(5, len(content), len(content) // 40):
            with pytest.raises(IcdpmError, match="^photo is damaged"):
                decode_image(content[:length], "photo")


def test_16_bit_tiff_with_inconsistent_tags_is_damaged():
    """Too few strips, several numbers for a width, or no width."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, gradient(np.uint16), photometric="rgb", rowsperstrip=5, compression="zlib")
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        tags = {tag.code: tag for tag in file.pages[0].tags.values()}
    for code, at, value in [
        (Base.RowsPerStrip, 8, 2),
        (Base.StripByteCounts, 4, 3),
        (Base.ImageWidth, 4, 2),
        (Base.ImageWidth, 8, 0),
        (Base.SamplesPerPixel, 4, 2),
        (Base.PlanarConfiguration, 8, 9),
    ]:
        content = bytearray(buffer.getvalue())
        content[tags[code].offset + at] = value
        with pytest.raises(IcdpmError, match="^photo is damaged"):
            decode_image(bytes(content), "photo")


@pytest.mark.parametrize("bits", [6, 12, 14])
def test_tiff_of_an_unusual_number_of_bits_is_an_error(bits):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, gradient(np.uint16)[..., 0], photometric="minisblack")
    with tifffile.TiffFile(io.BytesIO(buffer.getvalue())) as file:
        offset = file.pages[0].tags[Base.BitsPerSample].valueoffset
    content = bytearray(buffer.getvalue())
    content[offset] = bits
    with pytest.raises(IcdpmError, match=f"photo has {bits} bits per channel; convert it to 8 or 16 first"):
        decode_image(bytes(content), "photo")


def test_16_bit_tiff_with_an_unsupported_compression_is_an_error():
    """A block of such a compression has a size of its own."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, gradient(np.uint16), photometric="rgb", compression="jpeg2000")
    with pytest.raises(IcdpmError, match="photo has an unsupported compression"):
        decode_image(buffer.getvalue(), "photo")


def tiff_pages(*pages):
    """Bytes of a TIFF file of (pixels, arguments of tifffile)."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for pixels, options in pages:
            writer.write(pixels, metadata=None, **{"photometric": "rgb", **options})
    return buffer.getvalue()


def test_tiff_with_unknown_channels_is_an_error():
    pixels = np.concatenate([gradient(), gradient()[..., :2]], axis=-1)
    content = tiff_pages((pixels, {"photometric": "separated", "extrasamples": ["unassalpha"]}))
    with pytest.raises(IcdpmError, match="photo has channels that cannot be read; save it as RGB or gray"):
        decode_image(content, "photo")


PREVIEW, MASK = {"subfiletype": 1}, {"subfiletype": 4, "photometric": 4}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_previews_and_masks_behind_a_tiff_image_are_left_out(dtype):
    image = gradient(dtype)
    previews = [(image[::2, ::2], PREVIEW), (image[::4, ::4], PREVIEW)]
    for others in (previews[:1], previews, [(image[..., 0] > 5, MASK)]):
        np.testing.assert_array_equal(decode_image(tiff_pages((image, {}), *others), "photo").pixels, image)
    pyramid = tiff_pages((image, {"subifds": 1}), (image[::2, ::2], PREVIEW))
    np.testing.assert_array_equal(decode_image(pyramid, "photo").pixels, image)
    with pytest.raises(IcdpmError, match="photo has several pages"):
        decode_image(tiff_pages((image, {}), (image, {})), "photo")


def test_raw_photos_are_not_restored_from_their_previews():
    preview, sensor = gradient()[::4, ::4], gradient(np.uint16)[..., 0]
    filters = {"photometric": "cfa", "subfiletype": 0, "extratags": [(33421, 3, 2, (2, 2)), (33422, 1, 4, bytes([0, 1, 1, 2]))]}
    dng = tiff_pages((preview, {**PREVIEW, "subifds": 1}), (sensor, filters))
    for content in (dng, tiff_pages((preview, PREVIEW), (gradient(), {}))):
        with pytest.raises(IcdpmError, match="begins with a preview, as raw photos do"):
            decode_image(content, "photo")
    np.testing.assert_array_equal(decode_image(tiff_pages((preview, PREVIEW)), "photo").pixels, preview)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.float16])
def test_tiff_of_signed_integers_or_floats_is_an_error(dtype):
    with pytest.raises(IcdpmError, match=f"photo is an image of {np.dtype(dtype)}, not of unsigned integers"):
        decode_image(tiff_pages((np.zeros((8, 9), dtype), {"photometric": "minisblack"})), "photo")


def test_tiff_with_a_compression_that_pillow_lacks_is_an_error():
    content = bytearray(tiff_pages((gradient(), {"compression": "zlib"})))
    for at in range(len(content) - 12):
        if content[at : at + 4] == struct.pack("<HH", Base.Compression, 3):
            content[at + 8 : at + 10] = struct.pack("<H", 50002)
    with pytest.raises(IcdpmError, match=r"photo has an unsupported compression \(JPEGXL\)"):
        decode_image(bytes(content), "photo")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_big_tiff_keeps_its_exif_and_resolution(dtype):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, bigtiff=True) as writer:
        tags = [(Base.Make, 2, 0, "Camera", True), (Base.Orientation, 3, 1, 6, True)]
        writer.write(gradient(dtype), photometric="rgb", resolution=(300, 300), resolutionunit=2, extratags=tags)
    image = decode_image(buffer.getvalue(), "photo")
    np.testing.assert_array_equal(image.pixels, gradient(dtype)[::-1].swapaxes(0, 1))
    assert image.notices == () and read_exif(image.exif)[Base.Make] == "Camera"
    assert image.metadata.density.per(INCH) == (300, 300)


def with_wrong_checksum(content, kind):
    """The bytes of a PNG file, the first chunk of whose type has a wrong checksum."""
    at = content.index(kind)
    end = at + 4 + int.from_bytes(content[at - 4 : at], "big")
    return content[:end] + bytes([content[end] ^ 1]) + content[end + 1 :]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_with_a_damaged_chunk_that_the_pixels_do_not_need_is_read_without_it(dtype):
    exif = exif_of(Make="Camera", Orientation=6).tobytes()
    chunks = [(b"pHYs", struct.pack(">IIB", 3000, 3000, 1)), (b"eXIf", exif[6:]), (b"tIME", bytes(7))]
    whole = insert_chunks(encode_png(gradient(dtype), b"", b"") if dtype == np.uint16 else png_of(gradient()), chunks)
    for kind, _ in chunks:
        image = decode_image(with_wrong_checksum(whole, kind), "photo")
        expected = gradient(dtype) if kind == b"eXIf" else gradient(dtype)[::-1].swapaxes(0, 1)
        np.testing.assert_array_equal(image.pixels, expected)
        assert image.notices == (f"photo has a damaged chunk {kind.decode()}, which is left out",)
        assert (image.metadata.density is None) == (kind == b"pHYs")
    assert decode_image(with_wrong_checksum(whole, b"IEND"), "photo").notices == ()
    for kind in (b"IHDR", b"IDAT"):
        with pytest.raises(IcdpmError, match=f"photo is damaged .*{kind.decode()}"):
            decode_image(with_wrong_checksum(whole, kind), "photo")


def png_of(pixels):
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_png_of_ios_apps_is_named():
    content = png_of(gradient())
    with pytest.raises(IcdpmError, match="photo is a PNG file in Apple's variant"):
        decode_image(content[:8] + struct.pack(">I4sII", 4, b"CgBI", 0x50002002, 0x2BD5B37F) + content[8:], "photo")


def test_16_bit_tiff_with_premultiplied_or_other_extra_channels_and_white_as_zero():
    def through_tiff(image, **options):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, image, **options)
        return decode_image(buffer.getvalue(), "photo")

    image = gradient(np.uint16)
    half = np.dstack([image // 2, np.full((20, 30), 32768, np.uint16)])
    result = through_tiff(half, photometric="rgb", extrasamples=["assocalpha"])
    np.testing.assert_allclose(result.pixels, image, atol=3)
    assert (result.alpha == 32768).all()
    assert through_tiff(half, photometric="rgb", extrasamples=["unspecified"]).alpha is None
    result = through_tiff(image[..., 0], photometric="miniswhite")
    np.testing.assert_array_equal(result.pixels, 65535 - image[..., 0])


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 10))
def test_orientation_is_applied_and_reset(file_format, orientation):
    """Orientation 9 does not exist."""
    # Lossy formats keep the colors of four uniform quarters.
    image = np.zeros((32, 48, 3), np.uint8)
    image[:16, :24], image[:16, 24:], image[16:, :24] = 250, 170, 90
    exif = exif_of(Orientation=orientation, Make="Maker")
    exif[IFD.Exif] = {Base.ExifImageWidth: 48, Base.ExifImageHeight: 32}
    result = encode_and_decode(PIL.Image.fromarray(image), file_format, exif=exif.tobytes())
    turns = {2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud, 5: lambda x: x.swapaxes(0, 1)}
    turns |= {6: lambda x: np.rot90(x, -1), 7: lambda x: np.rot90(x, 2).swapaxes(0, 1), 8: np.rot90}
    upright = turns.get(orientation, lambda x: x)(image)
    np.testing.assert_allclose(result.pixels, upright, atol=12)
    exif = read_exif(result.exif)
    assert exif.get(Base.Orientation, 1) == 1 and exif[Base.Make] == "Maker"
    size = exif.get_ifd(IFD.Exif)
    assert (size[Base.ExifImageHeight], size[Base.ExifImageWidth]) == upright.shape[:2]


def test_orientation_of_16_bits_and_alpha():
    image = np.dstack([gradient(np.uint16)] * 2)[..., :4]
    for encode in (encode_png, encode_tiff):
        result = decode_image(encode(image, exif_of(Orientation=6).tobytes(), b""), "photo")
        np.testing.assert_array_equal(result.pixels, np.rot90(image, -1)[..., :3])
        np.testing.assert_array_equal(result.alpha, np.rot90(image, -1)[..., 3])


def test_exif_of_a_tiff_excludes_its_pixel_layout():
    content = encode_tiff(gradient(), exif_of(Artist="Ä".encode()).tobytes(), b"")
    result = decode_image(content, "photo")
    assert dict(read_exif(result.exif)) == {Base.Artist: "Ä".encode().decode("latin-1")}
    # UTF-8 stays unchanged.
    assert tifffile.TiffFile(io.BytesIO(encode_image(result, FORMATS["tiff"]))).pages[0].tags.valueof(Base.Artist) == "Ä"


def test_undefined_numbers_stay_in_exif():
    """Phones write 0/0 for unknown numbers."""
    exif = exif_of(Make="Maker")
    exif[IFD.Exif] = {Base.LensSpecification: tuple(PIL.TiffImagePlugin.IFDRational(0, 0) for _ in range(4))}
    result = encode_and_decode(PIL.Image.fromarray(gradient()), "JPEG", exif=exif)
    assert result.notices == () and read_exif(result.exif)[Base.Make] == "Maker"


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_is_dropped_with_a_notice(file_format):
    whole = exif_of(Make="Maker", Orientation=6).tobytes()
    for block in (b"Exif\0\0garbage", b"Exif\0\0II*\0" + struct.pack("<I", 10**6), whole[:30], whole[:-4] + b"\xff" * 4):
        result = encode_and_decode(PIL.Image.fromarray(gradient()), file_format, exif=block)
        assert result.pixels.shape in ((20, 30, 3), (30, 20, 3))
        read_exif(result.exif).tobytes() if result.exif else None
    result = encode_and_decode(PIL.Image.fromarray(gradient()), file_format, exif=b"Exif\0\0garbage")
    assert result.exif == b"" and result.notices == ("photo has damaged EXIF data, which are left out",)


def cmyk_profile():
    """Returns a small ICC profile of a printer: full ink of any color is black, half the ink L* = 40, none white."""
    corners = bytes(channel for i in range(16) for channel in ((204 if i == 0 else 0), 128, 128))
    identity = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity + bytes(range(256)) * 4 + corners + bytes(range(256)) * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    text = b"text" + bytes(4) + b"none\0\0\0\0"
    offset, tags, data = 128 + 4 + 12 * 3, b"", b""
    for name, content in ((b"A2B0", table), (b"wtpt", white), (b"cprt", text)):
        tags += name + struct.pack(">II", offset + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = struct.pack(">I4s4s4s4s4s", offset + len(data), b"lcms", b"\2\x10\0\0", b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + struct.pack(">I", 3) + tags + data


@pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
def test_cmyk_is_converted_with_a_notice(file_format):
    cyan = PIL.Image.new("CMYK", (8, 6), (128, 0, 0, 0))
    through_profile = encode_and_decode(cyan, file_format, icc_profile=cmyk_profile())
    without, damaged = encode_and_decode(cyan, file_format), encode_and_decode(cyan, file_format, icc_profile=b"no profile")
    for result, words, color in [
        (through_profile, "sRGB through its color profile", 94),
        (without, "without a profile", (127, 255, 255)),
        (damaged, "without its damaged profile", (127, 255, 255)),
    ]:
        assert result.pixels.shape == (6, 8, 3) and result.icc_profile == b""
        np.testing.assert_allclose(np.broadcast_to(color, (6, 8, 3)), result.pixels, atol=2)
        (notice,) = result.notices
        assert notice.startswith("photo was converted from CMYK") and words in notice


def test_first_image_of_a_multi_image_jpeg_is_read():
    frames = [PIL.Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    result = encode_and_decode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert result.format == "JPEG" and result.pixels[0, 0, 0] > 250
    assert result.notices == ("photo contains several images; only the primary image was restored",)


def pillow_images():
    """Returns {mode: a Pillow image of it, of the same colors}."""
    image = PIL.Image.fromarray(gradient())
    alpha = PIL.Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30).astype(np.uint8))
    transparent = image.copy()
    transparent.putalpha(alpha)
    palette = image.quantize(200)
    images = {mode: image.convert(mode) for mode in ("1", "L", "RGB", "YCbCr", "HSV", "CMYK", "RGBX")}
    images |= {mode: transparent.convert(mode) for mode in ("LA", "La", "RGBA", "RGBa")}
    images |= {"P": palette, "PA": palette.convert("PA")}
    return images


@pytest.mark.parametrize("mode", pillow_images())
def test_pillow_images_are_read_by_their_mode(mode):
    image = pillow_images()[mode]
    assert image.mode == mode
    result = read_pillow(image)
    gray = mode in ("1", "L", "LA", "La")
    assert result.is_gray == gray and result.pixels.dtype == np.uint8
    expected = image.convert("LA").convert("L") if gray else image.convert("RGB")
    np.testing.assert_array_equal(result.pixels, np.asarray(expected))
    assert (result.alpha is not None) == (mode in ("LA", "La", "PA", "RGBA", "RGBa"))


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L", "I"])
def test_pillow_images_of_16_bits_are_gray(mode):
    gray = gradient(np.uint16)[..., 0]
    if mode == "I":
        image = PIL.Image.fromarray(gray.astype(np.int32))
    else:
        image = PIL.Image.frombytes(mode, (30, 20), gray.astype(">u2" if mode == "I;16B" else "<u2").tobytes())
    result = read_pillow(image)
    assert image.mode == mode and result.pixels.dtype == np.uint16
    np.testing.assert_array_equal(result.pixels, gray)


def test_pillow_images_that_cannot_be_converted_are_errors():
    for image, text in [
        (PIL.Image.new("LAB", (4, 4)), "the image has the color mode LAB; convert it"),
        (PIL.Image.new("I", (4, 4), 70000), "the image has gray values beyond 16 bits"),
        (PIL.Image.new("RGB", (0, 4)), "the image is empty"),
    ]:
        with pytest.raises(IcdpmError, match=text):
            read_pillow(image)


def test_pillow_images_are_turned_upright_as_files():
    buffer = io.BytesIO()
    PIL.Image.fromarray(gradient()).save(buffer, "JPEG", exif=exif_of(Orientation=6))
    with PIL.Image.open(buffer) as image:
        result = read_pillow(image)
    np.testing.assert_array_equal(result.pixels, decode_image(buffer.getvalue(), "photo").pixels)
    assert result.pixels.shape == (30, 20, 3)
