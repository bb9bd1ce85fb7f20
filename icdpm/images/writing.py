"""Writes images to files."""

from __future__ import annotations

import dataclasses
import io
import os
import warnings

import numpy as np
import PIL.Image
from PIL.ExifTags import Base

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.images.codecs import encode_png, encode_tiff
from icdpm.images.exif import read_exif
from icdpm.images.formats import Format, Image, format_for_path
from icdpm.images.metadata import BMP_INCHES, METER, Metadata, add_to_jpeg, fits_jpeg, png_chunks
from icdpm.images.png_chunks import insert_chunks

# Pillow's options for each format. Without `exact`, WebP changes colors where they are transparent.
_OPTIONS: dict[str, dict] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "exact": True},
}
# A JPEG file stores EXIF in one segment.
_MAX_JPEG_EXIF_BYTES = 65533


def check_fits(image: Image, name: object, file_format: Format) -> list[str]:
    """Compares an image with the abilities of a file format, before it is restored.

    Args:
      image: the image.
      name: name of the image's file for messages.
      file_format: the format to write.

    Returns:
      A sentence for each property of the image that the file will not have.

    Raises:
      IcdpmError: the image is too large for the format, or partly transparent in a format without transparency.
    """
    if max(image.pixels.shape[:2]) > file_format.longest_side:
        raise IcdpmError(
            f"{name} has a side of more than {file_format.longest_side} pixels, "
            f"which {file_format.name} cannot hold; choose TIFF"
        )
    notices = []
    if image.alpha is not None and not file_format.alpha:
        if image.is_translucent:
            raise IcdpmError(f"{name} has transparent parts, which {file_format.name} cannot hold; choose PNG")
        notices.append("its alpha, which is opaque everywhere")
    if image.is_16bit and not file_format.sixteen_bit:
        notices.append("the lower 8 of its 16 bits")
    if _exif_for(image, file_format) != image.exif:
        notices.append("its EXIF data")
    if _profile_for(image, file_format) != image.icc_profile:
        notices.append("its color profile")
    notices += _missing_metadata(image, file_format)
    return [f"{name} is written as {file_format.name} without {notice}" for notice in notices]


def encode_image(image: Image, file_format: Format) -> bytes:
    """Returns the bytes of a file with the image, without the properties that the format cannot store (`check_fits`).

    JPEG has quality 95 without chroma subsampling and WebP quality 95; the other formats are lossless.
    """
    pixels, alpha = image.pixels, image.alpha if file_format.alpha else None
    metadata = _metadata_for(image, file_format)
    exif, profile = _exif_for(image, file_format), _profile_for(image, file_format)
    if image.is_16bit and not file_format.sixteen_bit:
        pixels, alpha = _to_8bit(pixels), None if alpha is None else _to_8bit(alpha)
    if image.is_gray and not file_format.gray:
        pixels = np.repeat(pixels[..., None], 3, axis=-1)
    channels = np.atleast_3d(pixels)
    if alpha is not None:
        channels = np.concatenate([channels, alpha[..., None]], axis=-1)
    if file_format.name == "TIFF":
        return encode_tiff(channels, exif, profile, metadata)
    if file_format.name == "PNG":
        return insert_chunks(encode_png(channels, exif, profile), png_chunks(metadata))
    blocks = {key: block for key, block in (("exif", exif), ("icc_profile", profile)) if block}
    if file_format.name == "WEBP" and metadata.xmp:
        blocks["xmp"] = metadata.xmp
    if file_format.name == "BMP" and metadata.density:
        blocks["dpi"] = tuple(pixels / BMP_INCHES for pixels in metadata.density.per(METER))
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pillow = PIL.Image.fromarray(channels.squeeze(-1) if channels.shape[-1] == 1 else channels)
        pillow.save(file, file_format.name, **blocks, **_OPTIONS.get(file_format.name, {}))
    content = file.getvalue()
    return add_to_jpeg(content, metadata) if file_format.name == "JPEG" else content


def write_image(path: str | os.PathLike, pixels: np.ndarray) -> None:
    """Writes an array to an image file in the format of the path's extension. The file is complete or absent.

    Args:
      path: Path of the file.
      pixels: uint8 or uint16 [height, width, 3] or gray [height, width].

    Raises:
      IcdpmError: the extension is unknown, the image is too large for the format, or the path cannot be written.
    """
    image, file_format = Image(pixels), format_for_path(path)
    check_fits(image, path, file_format)
    with write_atomically(path) as temporary:
        temporary.write_bytes(encode_image(image, file_format))


def _to_8bit(values):
    """Rounds uint16 to uint8; 257 is 65535 / 255."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _metadata_for(image, file_format):
    """Returns the part of an image's `Metadata` that a file of the format stores."""
    dropped = {field.name: field.default for field in dataclasses.fields(Metadata) if field.name not in file_format.stores}
    kept = dataclasses.replace(image.metadata, **dropped)
    return fits_jpeg(kept) if file_format.name == "JPEG" else kept


def _missing_metadata(image, file_format):
    """Returns a name for each part of an image's `Metadata` that a file of the format will not state in any way."""
    given, kept = image.metadata, _metadata_for(image, file_format)
    missing = {
        "its XMP data": given.xmp != kept.xmp,
        "its IPTC data": given.iptc != kept.iptc,
        "its comments": given.comments != kept.comments,
        "its print resolution": given.density != kept.density and not _has_resolution(_exif_for(image, file_format)),
        # A profile replaces the other descriptions of colors.
        "its description of colors": given.colors != kept.colors
        and given.has_other_colors
        and not _profile_for(image, file_format),
        "its texts": given.texts != kept.texts,
    }
    return [name for name, is_missing in missing.items() if is_missing]


def _has_resolution(exif):
    return bool(exif) and Base.XResolution in read_exif(exif)


def _exif_for(image, file_format):
    fits = file_format.exif and (file_format.name != "JPEG" or len(image.exif) <= _MAX_JPEG_EXIF_BYTES)
    return image.exif if fits else b""


def _profile_for(image, file_format):
    # Bytes 16 to 19 name the color space of the profile. One for gray is wrong for an image that was converted to RGB.
    is_gray_profile = image.icc_profile[16:20] == b"GRAY"
    fits = file_format.exif and (file_format.gray or not is_gray_profile)
    return image.icc_profile if fits else b""
