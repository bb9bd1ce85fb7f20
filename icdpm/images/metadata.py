"""Metadata other than EXIF and the color profile: XMP, IPTC, comments, print resolution, and chunks of PNG files."""

from __future__ import annotations

import dataclasses
import math
import re
import struct

import PIL.Image
from PIL.ExifTags import Base

from icdpm.images.png_chunks import (
    PHOTOSHOP_IPTC,
    PHOTOSHOP_IPTC_HEADER,
    PngDescription,
    encode_iptc_chunk,
    encode_text_chunk,
    encode_xmp_chunk,
)

INCH, CENTIMETER, METER = 0.0254, 0.01, 1.0
TIFF_XMP, TIFF_IPTC = 700, 33723
BMP_INCHES = 39.3701  # Pillow's number of inches in a meter
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_IPTC_HEADER = b"Photoshop 3.0\0" + PHOTOSHOP_IPTC_HEADER
# A JPEG segment states its length, with the two bytes of the length, in 16 bits.
_MAX_SEGMENT_BYTES = 65533
# XMP about further images and videos in the same file: (namespace, names of properties).
_ATTACHMENTS = (
    (rb"http://ns\.adobe\.com/hdr-gain-map/1\.0/", rb"\w+"),
    (rb"http://ns\.google\.com/photos/1\.0/container/", rb"\w+"),
    (rb"http://ns\.google\.com/photos/1\.0/camera/", rb"(?:MotionPhoto|MicroVideo)\w*"),
)
_MAX_PREFIXES = 4  # of a namespace in an XMP packet; bounds the time for hostile ones
# Values that state sRGB, which a reader assumes without them.
_SRGB_CHUNKS = {
    b"gAMA": {struct.pack(">I", 45455), struct.pack(">I", 45454)},
    b"cHRM": {struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)},
    b"cICP": {bytes([1, 13, 0, 1])},
}


@dataclasses.dataclass(frozen=True)
class Density:
    """Print resolution.

    Attributes:
      x, y: Pixels per unit, positive.
      unit: Length of the unit in meters; 0 if only the ratio of x and y has a meaning.
    """

    x: float
    y: float
    unit: float

    def per(self, unit: float) -> tuple[int, int]:
        """Returns x and y in pixels per `unit`, a length in meters, as integers; x and y themselves if they have no unit."""
        scale = unit / self.unit if self.unit else 1.0
        return round(self.x * scale), round(self.y * scale)


def make_density(x: float, y: float, unit: float) -> Density | None:
    """Returns a `Density`, or `None` if the numbers have no meaning."""
    if not (math.isfinite(x) and math.isfinite(y) and 0 < x < 2**31 and 0 < y < 2**31) or not unit and x == y:
        return None
    return Density(x, y, unit)


@dataclasses.dataclass(frozen=True)
class Metadata:
    """Metadata of an image other than EXIF data and the color profile.

    Attributes:
      xmp: XMP packet, with the orientation already applied; may be empty.
      iptc: IPTC records; may be empty.
      comments: Comments of a JPEG file.
      density: Print resolution.
      colors: (type, content) of the chunks of a PNG file that state its color space, such as cICP and gAMA.
      texts: (type, content) of the text chunks of a PNG file.
    """

    xmp: bytes = b""
    iptc: bytes = b""
    comments: tuple[bytes, ...] = ()
    density: Density | None = None
    colors: tuple[tuple[bytes, bytes], ...] = ()
    texts: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def has_other_colors(self) -> bool:
        """True if the chunks of a PNG file state a color space other than sRGB."""
        return any(content not in _SRGB_CHUNKS.get(kind, {content}) for kind, content in self.colors)

    def turn_upright(self, orientation: int) -> Metadata:
        """Returns the metadata of an image whose EXIF orientation, 1 to 8, was applied to its pixels."""
        density = self.density
        if density and orientation in (5, 6, 7, 8):
            density = Density(density.y, density.x, density.unit)
        xmp = re.sub(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[0-9]", rb"\g<1>1", self.xmp)
        return dataclasses.replace(self, density=density, xmp=xmp)

    def without_attachments(self) -> Metadata:
        """Returns the metadata without XMP about images and videos in the file, such as HDR gain maps, which are left out."""
        xmp = self.xmp
        for namespace, names in _ATTACHMENTS:
            prefixes = sorted(set(re.findall(rb"xmlns:(\w+)\s?=\s?[\"']" + namespace + rb"[\"']", xmp)))
            for prefix in prefixes[:_MAX_PREFIXES]:
                name = prefix + rb":" + names
                xmp = re.sub(rb"\s" + name + rb"\s?=\s?(?:\"[^\"]*\"|'[^']*')", b"", xmp)
                xmp = _drop_elements(xmp, name)
        return dataclasses.replace(self, xmp=xmp)


NO_METADATA = Metadata()


def _drop_elements(xmp, name):
    """Removes the XML elements whose names match a pattern, in linear time."""
    kept, at = [], 0
    for match in re.finditer(rb"<(" + name + rb")(?:\s[^<>]*)?>", xmp):
        if match.start() < at:  # inside a removed element
            continue
        end = match.end()
        if not match[0].endswith(b"/>"):
            closing = b"</" + match[1] + b">"
            end = xmp.find(closing, end) + len(closing)
            if end < match.end():
                break
        kept.append(xmp[at : match.start()])
        at = end
    return b"".join([*kept, xmp[at:]])


def metadata_of_png(described: PngDescription) -> Metadata:
    """Returns the metadata of the chunks of a PNG file."""
    density = None
    if described.density:
        x, y, unit = struct.unpack(">IIB", described.density)
        density = make_density(x, y, METER if unit == 1 else 0)
    return Metadata(
        xmp=described.xmp,
        iptc=described.iptc,
        density=density,
        colors=tuple(described.colors),
        texts=tuple(described.texts),
    )


def metadata_of_tiff(exif: PIL.Image.Exif) -> Metadata:
    """Returns the metadata of the first directory of a TIFF file. Raises exceptions of many types for damaged data."""
    unit = {1: 0.0, 2: INCH, 3: CENTIMETER}.get(exif.get(Base.ResolutionUnit, 2), 0.0)
    x, y = exif.get(Base.XResolution), exif.get(Base.YResolution)
    density = make_density(float(x), float(y), unit) if x is not None and y is not None else None
    iptc = exif.get(TIFF_IPTC, b"")
    if isinstance(iptc, tuple):  # many programs write the bytes as integers of four bytes
        iptc = struct.pack(f"{exif.endian}{len(iptc)}I", *iptc)
    xmp = exif.get(TIFF_XMP, b"")
    return Metadata(xmp=_to_bytes(xmp), iptc=_to_bytes(iptc), density=density)


def metadata_of_pillow(image: PIL.Image.Image) -> tuple[Metadata, list[str]]:
    """Returns (the metadata of a file other than PNG and TIFF that Pillow opened, clauses about what is left out)."""
    if image.format == "BMP":
        x, y = image.info.get("dpi", (0, 0))
        return Metadata(density=make_density(round(x * BMP_INCHES), round(y * BMP_INCHES), METER)), []
    if image.format not in ("JPEG", "MPO"):
        return Metadata(xmp=_to_bytes(image.info.get("xmp") or b"")), []
    segments = getattr(image, "applist", [])
    packets = [each[len(_JPEG_XMP) :] for kind, each in segments if kind == "APP1" and each.startswith(_JPEG_XMP)]
    is_extended = any(kind == "APP1" and each.startswith(_JPEG_EXTENDED_XMP) for kind, each in segments)
    density = None
    if "jfif_density" in image.info:
        unit = {1: INCH, 2: CENTIMETER}.get(image.info.get("jfif_unit", 0), 0.0)
        x, y = image.info["jfif_density"]
        density = make_density(x, y, unit)
    photoshop = image.info.get("photoshop")
    metadata = Metadata(
        xmp=packets[0] if packets else b"",
        iptc=_to_bytes(photoshop.get(PHOTOSHOP_IPTC, b"")) if isinstance(photoshop, dict) else b"",
        comments=tuple(each for kind, each in segments if kind == "COM"),
        density=density,
    )
    return metadata, ["has more XMP data than fit into one segment; the rest is left out"] * is_extended


def _to_bytes(value):
    return value if isinstance(value, bytes) else str(value).encode()


def fits_jpeg(metadata: Metadata) -> Metadata:
    """Returns the part of the metadata that fits into the segments of a JPEG file."""
    return dataclasses.replace(
        metadata,
        xmp=metadata.xmp if len(_JPEG_XMP) + len(metadata.xmp) <= _MAX_SEGMENT_BYTES else b"",
        iptc=metadata.iptc if len(_IPTC_HEADER) + 5 + len(metadata.iptc) <= _MAX_SEGMENT_BYTES else b"",
    )


def add_to_jpeg(content: bytes, metadata: Metadata) -> bytes:
    """Returns the bytes of a JPEG file of `encode_image` with metadata of `fits_jpeg`."""
    segments = []
    if metadata.xmp:
        segments.append((0xE1, _JPEG_XMP + metadata.xmp))
    if metadata.iptc:
        padded = metadata.iptc + bytes(len(metadata.iptc) % 2)
        segments.append((0xED, _IPTC_HEADER + struct.pack(">I", len(metadata.iptc)) + padded))
    segments += [(0xFE, comment) for comment in metadata.comments]
    if metadata.density and content[6:11] == b"JFIF\0":
        # Offsets in the segment JFIF, which is the first.
        unit = 2 if metadata.density.unit == CENTIMETER else 1 if metadata.density.unit else 0
        x, y = metadata.density.per(CENTIMETER if unit == 2 else INCH)
        fields = struct.pack(">BHH", unit, max(1, min(x, 65535)), max(1, min(y, 65535)))
        content = content[:13] + fields + content[18:]
    if not segments:
        return content
    at = 2
    while content[at : at + 2] in (b"\xff\xe0", b"\xff\xe1"):  # JFIF and EXIF come first
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    encoded = [struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data for marker, data in segments]
    return b"".join([content[:at], *encoded, content[at:]])


def png_chunks(metadata: Metadata) -> list[tuple[bytes, bytes]]:
    """Returns (type, content) of the chunks of a PNG file that state the metadata."""
    chunks = [*metadata.colors]
    if metadata.density:
        x, y = metadata.density.per(METER)
        chunks.append((b"pHYs", struct.pack(">IIB", max(1, x), max(1, y), 1 if metadata.density.unit else 0)))
    if metadata.xmp:
        chunks.append(encode_xmp_chunk(metadata.xmp))
    if metadata.iptc:
        chunks.append(encode_iptc_chunk(metadata.iptc))
    chunks += [encode_text_chunk(b"Comment", comment) for comment in metadata.comments]
    return [*chunks, *metadata.texts]
