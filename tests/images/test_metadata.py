"""Tests of icdpm.images.metadata and icdpm.images.png_chunks: what files state about their image survives a round trip."""

import dataclasses
import io
import struct
import time
import zlib

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
from PIL.ExifTags import Base

from icdpm.images import png_chunks
from icdpm.images.exif import HEADER
from icdpm.images.formats import FORMATS
from icdpm.images.metadata import INCH, METER, Density, Metadata
from icdpm.images.png_chunks import encode_iptc_chunk, insert_chunks
from icdpm.images.reading import decode_image
from icdpm.images.writing import check_fits, encode_image

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="caf\xc3\xa9"/></x:xmpmeta>'
UPRIGHT_XMP = XMP.replace(b'"6"', b'"1"')
LATIN_COMMENT = "Grüße".encode("latin-1")


def save(file_format, pixels=PIXELS, **options):
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, file_format, **options)
    return buffer.getvalue()


def jpeg_with(*segments, **options):
    content = save("JPEG", **options)
    encoded = b"".join(struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments)
    return content[:20] + encoded + content[20:]


def restored(content, name):
    """Returns the metadata that an image has after it was written in another format, and the notices."""
    image = decode_image(content, "photo")
    notices = [*image.notices, *check_fits(image, "photo", FORMATS[name])]
    return decode_image(encode_image(image, FORMATS[name]), "photo").metadata, notices


@pytest.mark.parametrize("size", [2 * 2**20, 40 * 2**20])
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"tEXt"])
@pytest.mark.parametrize("sixteen_bit", [False, True])
def test_png_with_long_texts_is_restored_with_them(size, kind, sixteen_bit):
    text = bytes(size) if kind != b"tEXt" else b"x" * (3 * 2**20)
    data = {b"zTXt": b"note\0\0", b"iTXt": b"note\0\1\0\0\0", b"tEXt": b"note\0"}[kind]
    data += text if kind == b"tEXt" else zlib.compress(text)
    pixels = PIXELS.astype(np.uint16)[..., 0] * 257 if sixteen_bit else PIXELS
    image = decode_image(insert_chunks(save("PNG", pixels), [(kind, data)]), "photo")
    np.testing.assert_array_equal(image.pixels, pixels)
    assert image.metadata.texts == ((kind, data),) and image.notices == ()
    assert decode_image(encode_image(image, FORMATS["png"]), "photo").metadata.texts == ((kind, data),)


def test_png_with_a_long_profile_keeps_it():
    profile = np.random.default_rng(0).bytes(3 * 2**20)
    image = decode_image(save("PNG", icc_profile=profile), "photo")
    assert image.icc_profile == profile
    assert decode_image(encode_image(image, FORMATS["png"]), "photo").icc_profile == profile


def test_texts_and_profile_are_bounded_together_and_damage_is_left_out(monkeypatch):
    bomb = zlib.compress(bytes(65 * 2**20))
    image = decode_image(insert_chunks(save("PNG"), [(b"iCCP", b"p\0\0" + bomb)]), "photo")
    assert image.icc_profile == b"" and "more than 64 MiB" in image.notices[0]
    monkeypatch.setattr(png_chunks, "MAX_DESCRIPTION_BYTES", 3000)
    texts = [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + bytes([32] * 2000)), (b"tEXt", b"note\0" + b"x" * 2000)]
    image = decode_image(insert_chunks(save("PNG"), texts), "photo")
    assert len(image.metadata.xmp) == 2000 and image.metadata.texts == () and "its text is left out" in image.notices[0]
    image = decode_image(insert_chunks(save("PNG"), [(b"iCCP", b"p\0\0garbage")]), "photo")
    assert image.notices == ("photo has a damaged color profile, which is left out",)
    content = bytearray(insert_chunks(save("PNG"), [(b"tEXt", b"note\0text")]))
    content[45] ^= 1
    assert decode_image(bytes(content), "photo").notices == ("photo has a damaged text, which is left out",)


@pytest.mark.parametrize("sixteen_bit", [False, True])
def test_png_keeps_its_description_of_colors(sixteen_bit):
    pixels = PIXELS.astype(np.uint16)[..., 0] * 257 if sixteen_bit else PIXELS
    chunks = (
        (b"cICP", bytes([9, 16, 0, 1])),
        (b"mDCV", bytes(24)),
        (b"gAMA", struct.pack(">I", 100000)),
        (b"cHRM", bytes(range(32))),
        (b"sRGB", b"\1"),
    )
    content = insert_chunks(save("PNG", pixels), chunks)
    metadata, notices = restored(content, "png")
    assert metadata.colors == chunks and notices == []
    for name in ("jpeg", "tiff", "webp", "bmp"):
        metadata, notices = restored(content, name)
        assert metadata.colors == () and any("without its description of colors" in notice for notice in notices)


def test_chunks_that_state_srgb_are_left_out_without_a_notice():
    chunks = [(b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455)), (b"cICP", bytes([1, 13, 0, 1]))]
    assert restored(insert_chunks(save("PNG"), chunks), "jpeg")[1] == []


@pytest.mark.parametrize("name", ["png", "jpeg", "tiff", "bmp"])
@pytest.mark.parametrize("source", ["PNG", "JPEG", "TIFF", "BMP"])
def test_print_resolution_is_kept(name, source):
    metadata, notices = restored(save(source, dpi=(300, 150)), name)
    assert not any("resolution" in notice for notice in notices)
    assert metadata.density.per(INCH) == (300, 150)
    assert restored(save("PNG"), "png")[0].density is None and restored(save("JPEG"), "jpeg")[0].density is None


def test_units_of_print_resolution():
    per_meter = insert_chunks(save("PNG"), [(b"pHYs", struct.pack(">IIB", 1234, 4321, 1))])
    assert restored(per_meter, "png")[0].density == Density(1234, 4321, METER)
    ratio = insert_chunks(save("PNG"), [(b"pHYs", struct.pack(">IIB", 2, 1, 0))])
    for name in ("png", "jpeg", "tiff"):
        assert restored(ratio, name)[0].density == Density(2, 1, 0)
    per_centimeter = bytearray(save("JPEG"))
    per_centimeter[13:18] = struct.pack(">BHH", 2, 118, 60)
    assert restored(bytes(per_centimeter), "jpeg")[0].density == Density(118, 60, 0.01)
    _, notices = restored(save("JPEG", dpi=(300, 300)), "webp")
    assert notices == ["photo is written as WEBP without its print resolution"]


def test_print_resolution_turns_with_the_image():
    exif = PIL.Image.Exif()
    exif[Base.Orientation] = 6
    metadata, _ = restored(save("JPEG", dpi=(300, 150), exif=exif), "jpeg")
    assert metadata.density.per(INCH) == (150, 300)


@pytest.mark.parametrize("name", ["png", "jpeg", "tiff", "webp"])
@pytest.mark.parametrize("source", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_xmp_is_kept_with_the_orientation_applied(name, source):
    if source == "PNG":
        content = insert_chunks(save("PNG"), [(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)])
    elif source == "JPEG":
        content = jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP))
    elif source == "WEBP":
        content = save("WEBP", xmp=XMP)
    else:
        content = save("TIFF", tiffinfo={700: XMP})
    image = decode_image(content, "photo")
    if source != "TIFF":  # whose own tags state the orientation
        assert image.pixels.shape == (32, 24, 3)
    metadata, notices = restored(content, name)
    assert metadata.xmp == UPRIGHT_XMP and notices == []
    assert "photo is written as BMP without its XMP data" in restored(content, "bmp")[1]


GAIN_MAP = b"""xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:C="http://ns.google.com/photos/1.0/container/"
 xmlns:Item="http://ns.google.com/photos/1.0/container/item/" hdrgm:Version="1.0" dc:creator="me"><C:Directory><rdf:Seq>
 <rdf:li><C:Item Item:Semantic="GainMap" Item:Length="999"/></rdf:li></rdf:Seq></C:Directory><dc:rights>mine</dc:rights>"""
VIDEO = b"""xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1" GCamera:BurstID="7"
 GCamera:MicroVideoOffset='4535831' dc:creator="me"><GCamera:MicroVideo>1</GCamera:MicroVideo><dc:rights>mine</dc:rights>"""


@pytest.mark.parametrize("described", [GAIN_MAP, VIDEO])
@pytest.mark.parametrize("name", ["png", "jpeg"])
def test_xmp_about_gain_maps_and_videos_in_the_file_is_left_out(described, name):
    xmp = b"<rdf:Description " + described + b"</rdf:Description>"
    content = jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)) + b"what is described"
    metadata, notices = restored(content, name)
    assert notices == ["photo describes an HDR gain map, a video or another image in its file, which is left out"]
    for left_out in (b"hdrgm:V", b"Item:L", b"C:D", b"MotionPhoto", b"MicroVideo"):
        assert left_out not in metadata.xmp
    assert b'dc:creator="me"><' in metadata.xmp and metadata.xmp.endswith(b"<dc:rights>mine</dc:rights></rdf:Description>")
    assert (b"BurstID" in xmp) == (b"BurstID" in metadata.xmp)


@pytest.mark.parametrize(
    "text",
    [b" " * 2**21, b"<C:a>" * 2**19, b"<C:a " * 2**19, b' C:a="' * 2**19, b"".join(b"<C:a%d>" % i for i in range(2**17))],
    ids=["spaces", "openings", "tags", "attributes", "names"],
)
def test_hostile_xmp_takes_no_time(text):
    prefixes = [b"C", *(b"D%d" % number for number in range(99))]
    declared = b"".join(b'xmlns:%s="http://ns.google.com/photos/1.0/container/" ' % prefix for prefix in prefixes)
    start = time.process_time()
    Metadata(xmp=declared + text).without_attachments()
    assert time.process_time() - start < 5


def test_comments_and_iptc_of_jpeg_are_kept():
    iptc = b"\x1c\x02\x78\x00\x07caption"
    photoshop = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    content = jpeg_with((0xFE, b"first"), (0xED, photoshop), (0xFE, LATIN_COMMENT))
    metadata, notices = restored(content, "jpeg")
    assert metadata.comments == (b"first", LATIN_COMMENT) and metadata.iptc == iptc and notices == []
    assert restored(content, "tiff")[0].iptc == iptc
    metadata, notices = restored(content, "png")
    assert [data for _, data in metadata.texts] == [b"Comment\0\0\0\0\0first", b"Comment\0" + LATIN_COMMENT]
    assert metadata.iptc == iptc and notices == []
    assert "photo is written as WEBP without its IPTC data" in restored(content, "webp")[1]
    assert "photo is written as WEBP without its comments" in restored(content, "webp")[1]


def test_other_programs_read_the_metadata():
    image = decode_image(jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP), (0xFE, b"note"), dpi=(300, 300)), "photo")
    with PIL.Image.open(io.BytesIO(encode_image(image, FORMATS["jpeg"]))) as jpeg:
        jpeg.load()
        assert jpeg.info["dpi"] == (300, 300) and jpeg.info["comment"] == b"note"
    with PIL.Image.open(io.BytesIO(encode_image(image, FORMATS["png"]))) as png:
        png.load()
        assert png.text["Comment"] == "note" and png.text["XML:com.adobe.xmp"].encode() == UPRIGHT_XMP
        assert round(png.info["dpi"][0]) == 300


@pytest.mark.parametrize("kind", ["iptc", "8bim"])
def test_iptc_in_a_text_of_png_is_iptc(kind):
    iptc = b"\x1c\x02\x78\x00\x07caption"
    named = b"8BIM" + struct.pack(">H", 0x03ED) + b"\x04four\0" + struct.pack(">I", 3) + b"abc\0"
    resources = named + b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(iptc)) + iptc
    cases = {resources: iptc, named: b"", resources[:-8]: iptc[:-8], b"8BIM\x04": b""}
    if kind == "iptc":
        cases[iptc] = iptc
    for content, expected in cases.items():
        text = f"\n{kind}\n{len(content):8}\n{content.hex()}\n".encode()
        png = insert_chunks(save("PNG"), [(b"zTXt", f"Raw profile type {kind}\0\0".encode() + zlib.compress(text))])
        assert decode_image(png, "photo").metadata.iptc == expected
    for form in ("png", "jpeg", "tiff"):
        assert restored(insert_chunks(save("PNG"), [encode_iptc_chunk(iptc)]), form)[0].iptc == iptc


def test_exif_in_a_text_of_png_is_exif():
    """ImageMagick stores it so."""
    exif = PIL.Image.Exif()
    exif[Base.Orientation], exif[Base.Make] = 6, "Maker"
    block = exif.tobytes()
    text = f"\nexif\n{len(block):8}\n{block.hex()}\n".encode()
    content = insert_chunks(save("PNG"), [(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))])
    image = decode_image(content, "photo")
    assert image.pixels.shape == (32, 24, 3) and image.exif.startswith(HEADER) and image.metadata.texts == ()


def test_metadata_too_long_for_jpeg_are_left_out_with_a_notice():
    image = decode_image(jpeg_with((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)), "photo")
    image = dataclasses.replace(image, metadata=dataclasses.replace(image.metadata, xmp=b"x" * 70_000))
    assert check_fits(image, "photo", FORMATS["jpeg"]) == ["photo is written as JPEG without its XMP data"]
    assert decode_image(encode_image(image, FORMATS["jpeg"]), "photo").metadata.xmp == b""
    assert check_fits(image, "photo", FORMATS["png"]) == []


def test_png_without_its_end_is_read():
    for pixels in (PIXELS, PIXELS.astype(np.uint16)[..., 0] * 257):
        np.testing.assert_array_equal(decode_image(save("PNG", pixels)[:-12], "photo").pixels, pixels)
