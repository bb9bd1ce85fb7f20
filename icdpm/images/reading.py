"""Reads image files of the formats, color modes and sizes that users have."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import struct
import warnings
from pathlib import Path
from typing import BinaryIO

import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageCms

from icdpm.errors import IcdpmError
from icdpm.images.codecs import check_tiff, decode_png16, decode_tiff16
from icdpm.images.exif import apply_exif, read_exif
from icdpm.images.formats import Image
from icdpm.images.header import Header, open_pillow, parse_header, too_many_pixels
from icdpm.images.heif import MissingDecoderError, can_decode_avif16, color_chunk, decode_avif16, open_heic
from icdpm.images.metadata import NO_METADATA, Metadata, metadata_of_pillow, metadata_of_png, metadata_of_tiff
from icdpm.images.png_chunks import PngDescription, read_description
from icdpm.images.truncated_jpeg import complete_jpeg, count_intact_rows
from icdpm.storage import access_hint, is_remote, storage_path

# Of the encoded file, which may include layers and previews.
_MAX_FILE_BYTES = 2**31
_READ_BYTES = 2**20
# Exceptions of the decoders for damaged files; imagecodecs raises RuntimeError.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    RuntimeError,
    struct.error,
)
# Pillow mode: the mode to convert to, (without, with) transparency.
_MODES = {
    **dict.fromkeys(("1", "L", "LA", "La"), ("L", "LA")),
    **dict.fromkeys(("P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "YCbCr", "HSV"), ("RGB", "RGBA")),
}


def read_image(path: str | os.PathLike, accept_truncated: bool = False) -> Image:
    """Reads an image file.

    Raises:
      IcdpmError: the file is missing, empty, unreadable, damaged, too large, not an image, or of an unsupported kind.
    """
    return decode_image(read_file(path), path, accept_truncated)


def read_image_stream(file: BinaryIO, name: object, accept_truncated: bool = False) -> Image:
    """Reads an image from a binary file object, such as standard input. Messages call it `name`; raises as `read_image`."""
    pieces = []
    while piece := file.read(_READ_BYTES):
        pieces.append(piece)
        _check_file_size(len(pieces) * _READ_BYTES, name)
    return decode_image(b"".join(pieces), name, accept_truncated)


def read_rgb(path: str | os.PathLike) -> np.ndarray:
    """Reads an image file as an RGB array, for training and measurements.

    Returns:
      uint8 [height, width, 3], or uint16 for a file of 16 bits per channel; upright. Gray is repeated in all channels.

    Raises:
      IcdpmError: as `read_image`, or the image has transparent parts.
    """
    image = read_image(path)
    if image.is_translucent:
        raise IcdpmError(f"{path} has transparent parts, whose color is not defined. Save it without transparency.")
    pixels = image.pixels
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def read_file(path: str | os.PathLike, name: object = None) -> bytes:
    """Returns the bytes of an image file.

    Args:
      path: local path or URL.
      name: name of the file for error messages; `path` by default.

    Raises:
      IcdpmError: the file is missing, unreadable or too large.
    """
    name = name or path
    path = storage_path(path)
    try:
        _check_file(path, name)
        _check_file_size(path.stat().st_size, name)
        return path.read_bytes()
    except OSError as error:
        raise IcdpmError(f"{name} cannot be read: {error.strerror}") from error


def read_header(content: bytes, name: object) -> Header:
    """Returns the Header of an encoded image of any size. Args and errors are those of `decode_image`."""
    if not content:
        raise IcdpmError(f"{name} is empty")
    with decoding_errors(name):
        return parse_header(content)


def read_file_header(path: str | os.PathLike) -> Header:
    """Returns the Header of a local file and reads little more than its header.

    Raises:
      IcdpmError: The path is not that of a file, or the file is unreadable, damaged or not an image.
    """
    try:
        _check_file(Path(path), path)
        file = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise IcdpmError(f"{path} cannot be read: {error.strerror}") from error
    with file, decoding_errors(path):
        return parse_header(file)


def decode_image(content: bytes, name: object, accept_truncated: bool = False) -> Image:
    """Decodes the bytes of an image file.

    Args:
      content: bytes of the file.
      name: name of the file for error messages.
      accept_truncated: whether to return the rows that an incomplete JPEG file has. By default such a file is an error, unless
        it lacks only the end-of-image marker.

    Raises:
      IcdpmError: as `read_image`.
    """
    header = read_header(content, name)
    header.check_size(name)
    header.check_depth(name)
    with decoding_errors(name):
        return _decode(content, header, name, accept_truncated)


def _check_file(path, name):
    if not (path.exists() if is_remote(path) else os.path.exists(path)):
        problem = "is a broken link" if path.is_symlink() else f"does not exist{access_hint(path)}"
        raise IcdpmError(f"{name} {problem}")
    if not path.is_file():
        raise IcdpmError(f"{name} is not a file")


def _check_file_size(length, name):
    if length > _MAX_FILE_BYTES:
        raise IcdpmError(f"{name} is a file of more than {_MAX_FILE_BYTES / 2**30:g} GiB; save it smaller")


@contextlib.contextmanager
def decoding_errors(name):
    """Turns exceptions of the decoders into an IcdpmError about the file `name`."""
    try:
        with warnings.catch_warnings():
            # Pillow warns of irregularities; errors are raised as exceptions.
            warnings.simplefilter("ignore")
            yield
    except IcdpmError:
        raise
    except MissingDecoderError as error:
        raise IcdpmError(f"{name} {error}") from error
    except PIL.Image.DecompressionBombError as error:
        raise too_many_pixels(name) from error
    except PIL.UnidentifiedImageError as error:
        raise IcdpmError(f"{name} is not an image in a known format: PNG, JPEG, WebP, TIFF, BMP, AVIF or HEIC") from error
    except _DAMAGE as error:
        raise IcdpmError(f"{name} is damaged ({error}); get a complete copy of it") from error


def _decode(content, header, name, accept_truncated):
    if header.format == "TIFF":
        check_tiff(content, name)
    if header.format == "TIFF" and header.bits == 16:
        channels, profile = decode_tiff16(content, name)
        return _make_image(channels, lambda: read_exif(content), profile, "TIFF", name)
    if header.format == "HEIF":
        return _decode_heic(content, name)
    if header.format == "PNG" and content[12:16] == b"CgBI":
        raise IcdpmError(f"{name} is a PNG file in Apple's variant for iOS apps (CgBI); save it as a standard PNG file first")
    notices = []
    try:
        opened = open_pillow(content)
    except PIL.UnidentifiedImageError as error:
        if header.format != "TIFF":
            raise
        raise IcdpmError(f"{name} has channels that cannot be read; save it as RGB or gray without extra channels") from error
    with opened as image:
        file_format, profile = str(image.format), image.info.get("icc_profile") or b""
        if file_format == "MPO":  # a JPEG file with more images after the first, as phones write it
            file_format = "JPEG"
            notices.append("contains several images; only the primary image was restored")
        elif file_format != "TIFF" and getattr(image, "n_frames", 1) > 1:
            raise IcdpmError(f"{name} is an animation; extract the image to restore first")
        elif file_format == "GIF":
            raise IcdpmError(f"{name} is a GIF file, which is not supported; convert it to PNG first")
        if file_format == "PNG":
            described = read_description(content)
            profile, metadata = described.icc_profile, metadata_of_png(described)
            notices += described.notices
            load_png_metadata(image, described)
        elif file_format == "TIFF":
            metadata = NO_METADATA
        else:
            metadata, more_notices = metadata_of_pillow(image)
            notices += more_notices
        if file_format == "AVIF":
            metadata = dataclasses.replace(metadata, colors=() if profile else color_chunk(content))
        if file_format == "WEBP":
            # Pillow decodes every WebP file as an animation, with five copies in memory.
            channels = imagecodecs.webp_decode(content)
        elif file_format == "PNG" and header.bits == 16:
            image.load()
            channels = decode_png16(content)
        elif file_format == "AVIF" and header.bits > 8 and can_decode_avif16():
            channels = decode_avif16(content, header.bits)
        else:
            if file_format == "JPEG":
                decoded, rows = _load_jpeg(image, content, name, accept_truncated, notices)
            else:
                image.load()
                decoded, rows = image, None
            channels, converted_notices = pillow_channels(decoded, name)
            if converted_notices:
                profile = b""
            channels, notices = channels[:rows], [*notices, *converted_notices]
        # After decoding, as some formats store EXIF behind the pixels.
        return _make_image(channels, lambda: _exif(image), profile, file_format, name, notices, metadata)


def load_png_metadata(image: PIL.Image.Image, described: PngDescription) -> None:
    """Adds the metadata from text chunks, in which EXIF data and orientation may be, to the Pillow image of a PNG file."""
    if described.exif:
        image.info.setdefault("exif", described.exif)
    if described.xmp:
        image.info["xmp"] = described.xmp


def _decode_heic(content, name):
    heic = open_heic(content)
    metadata = Metadata(xmp=heic.xmp, colors=() if heic.icc_profile else color_chunk(content))
    notices = ["contains several images; only the primary image was restored"] if heic.count > 1 else []
    return _make_image(heic.decode(), heic.read_exif, heic.icc_profile, "HEIF", name, notices, metadata)


def _load_jpeg(
    image: PIL.Image.Image, content: bytes, name: object, accept_truncated: bool, notices: list[str]
) -> tuple[PIL.Image.Image, int | None]:
    """Decodes a JPEG file, which may end early or lack data in the middle.

    Returns:
      (the decoded Pillow image, the number of rows that exist or `None` for all). Adds to `notices`.
    """
    try:
        image.load()
    except OSError:
        ended, rows, lacks_detail = complete_jpeg(content)
        if (rows is not None or lacks_detail) and not accept_truncated:
            raise
        if rows is not None and rows < 1:
            raise
        if rows is None:
            missing = "is truncated: some of its detail is missing"
            notices.append(missing if lacks_detail else "lacks the end-of-image marker; all pixels are intact")
        else:
            notices.append(f"is truncated: only the first {rows} of {image.height} rows, as stored in the file, were restored")
        whole = PIL.Image.open(io.BytesIO(ended), formats=("JPEG",))
        whole.load()
        return whole, rows
    rows = count_intact_rows(content, image)
    if rows is not None:
        if rows < 1 or not accept_truncated:
            raise OSError("some of its data are missing")
        notices.append(
            f"lacks data: only the first {rows} of {image.height} rows, as stored in the file, were restored; damage may begin "
            "above their end"
        )
    return image, rows


def _exif(image):
    # Pillow may have found a JPEG file's EXIF damaged while it read the resolution, without an error. This raises one.
    if "exif" in image.info:
        read_exif(image.info["exif"])
    return image.getexif()


def pillow_channels(image: PIL.Image.Image, name: object) -> tuple[np.ndarray, list[str]]:
    """Converts a Pillow image by its color mode.

    Args:
      image: image of any mode.
      name: its name for error messages.

    Returns:
      (uint8 or uint16 [height, width, channels], a clause for each conversion of colors, after which the profile of the file
      is not valid); the channels are gray, gray + alpha, RGB or RGB + alpha.

    Raises:
      IcdpmError: the mode cannot be converted.
    """
    mode = image.mode
    if mode == "CMYK":
        converted, notice = cmyk_to_srgb(image)
        return np.asarray(converted), [notice]
    if mode == "I" or mode.startswith("I;16"):
        gray = np.asarray(image)
        if gray.size and (gray.min() < 0 or gray.max() > np.iinfo(np.uint16).max):
            raise IcdpmError(f"{name} has gray values beyond 16 bits; convert it to 8 or 16 bits first")
        return gray.astype(np.uint16)[..., None], []
    if mode not in _MODES:
        raise IcdpmError(f"{name} has the color mode {mode}; convert it to RGB or gray of 8 or 16 bits first")
    opaque, transparent = _MODES[mode]
    target = transparent if image.has_transparency_data else opaque
    return np.atleast_3d(np.asarray(image if mode == target else image.convert(target))), []


def read_pillow(image: PIL.Image.Image, name: object = "the image") -> Image:
    """Reads a Pillow image as `read_image` reads the same image from a file: by its color mode and upright.

    Raises:
      IcdpmError: the image is damaged, empty, or of a color mode that cannot be converted.
    """
    if not image.width or not image.height:
        raise IcdpmError(f"{name} is empty: its size is {image.width}×{image.height}")
    with decoding_errors(name):
        image.load()
        channels, notices = pillow_channels(image, name)
        profile = b"" if notices else image.info.get("icc_profile") or b""
        return _make_image(channels, lambda: _exif(image), profile, image.format or "PNG", name, notices)


def cmyk_to_srgb(image: PIL.Image.Image) -> tuple[PIL.Image.Image, str]:
    """Converts a Pillow image from CMYK to RGB, through its ICC profile if the profile is usable.

    Returns:
      (the image in sRGB, a clause that describes the conversion).
    """
    profile = image.info.get("icc_profile")
    if not profile:
        return image.convert("RGB"), "was converted from CMYK, without a profile, to RGB: its colors are approximate"
    try:
        converted = PIL.ImageCms.profileToProfile(
            image,
            PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            PIL.ImageCms.createProfile("sRGB"),
            # The default of printing and photo programs.
            renderingIntent=PIL.ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=PIL.ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, PIL.ImageCms.PyCMSError):
        return image.convert("RGB"), "was converted from CMYK to RGB without its damaged profile"
    assert converted is not None  # it is only for a conversion in place
    return converted, "was converted from CMYK to sRGB through its color profile"


def _make_image(channels, read_its_exif, profile, file_format, name, notices=(), metadata=None):
    channels, exif, orientation, damaged = apply_exif(channels, read_its_exif)
    if damaged:
        notices = [*notices, "has damaged EXIF data, which are left out"]
    if file_format == "TIFF":
        try:
            metadata = metadata_of_tiff(read_its_exif())
        except Exception:  # Pillow's parser raises exceptions of any type for damaged data
            metadata = NO_METADATA
    metadata = (metadata or NO_METADATA).turn_upright(orientation)
    kept = metadata.without_attachments()
    if kept != metadata:
        notices = [*notices, "describes an HDR gain map, a video or another image in its file, which is left out"]
    count = channels.shape[-1]
    return Image(
        pixels=channels[..., :3] if count > 2 else channels[..., 0],
        alpha=channels[..., -1] if count in (2, 4) else None,
        exif=exif,
        icc_profile=profile,
        metadata=kept,
        format=file_format,
        notices=tuple(f"{name} {notice}" for notice in notices),
    )
