"""Image files of all kinds, as people have them, to photos."""

import contextlib
import io
import os
import struct
import warnings

import imagecodecs
import numpy as np
import PIL.Image
import PIL.ImageCms

from icdpm.errors import IcdpmError
from icdpm.images.codecs import decode_png16, decode_tiff16
from icdpm.images.exif import apply_exif, read_exif
from icdpm.images.formats import Image
from icdpm.images.header import open_pillow, parse_header, too_many_pixels
from icdpm.storage import access_hint, is_remote, storage_path

# Of a file as it lies on the disk, which may hold layers and previews.
_MOST_BYTES = 2**31
_PIECE = 2**20
# What the decoders raise for damaged files; imagecodecs's errors are RuntimeErrors.
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
# The mode that pictures of a Pillow mode are converted to, without and with transparency.
_MODES = {
    **dict.fromkeys(("1", "L", "LA", "La"), ("L", "LA")),
    **dict.fromkeys(("P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "YCbCr"), ("RGB", "RGBA")),
}


def read_image(path):
    """The photo in a file.

    Raises:
      IcdpmError: the file is missing, empty, unreadable, damaged, too large, not a photo, or of a kind not known here.
    """
    return decode_image(read_file(path), path)


def read_image_stream(file, name):
    """The photo that a binary file, such as standard input, holds; raises as `read_image`, calling it `name`."""
    pieces = []
    while piece := file.read(_PIECE):
        pieces.append(piece)
        _check_length(len(pieces) * _PIECE, name)
    return decode_image(b"".join(pieces), name)


def read_rgb(path):
    """A picture as [height, width, 3], uint8 or, of a file of 16 bits a channel, uint16; upright, without its alpha.

    Raises:
      IcdpmError: as `read_image`.
    """
    pixels = read_image(path).pixels
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def read_file(path, name=None):
    """The bytes of a photo's file. Raises IcdpmError, which calls it `name`, where it is missing, unreadable or too large."""
    name = name or path
    path = storage_path(path)
    if not (path.exists() if is_remote(path) else os.path.exists(path)):
        what = "is a link that leads nowhere" if path.is_symlink() else f"does not exist{access_hint(path)}"
        raise IcdpmError(f"{name} {what}")
    if not path.is_file():
        raise IcdpmError(f"{name} is not a file")
    try:
        _check_length(path.stat().st_size, name)
        return path.read_bytes()
    except OSError as error:
        raise IcdpmError(f"{name} cannot be read: {error.strerror}") from error


def read_header(content, name):
    """The Header of a photo's bytes, whatever its size; arguments and errors are those of `decode_image`."""
    if not content:
        raise IcdpmError(f"{name} is empty")
    with _told_plainly(name):
        return parse_header(content)


def decode_image(content, name):
    """The photo in the bytes of a file.

    Args:
      content: the bytes.
      name: what messages call the file.

    Raises:
      IcdpmError: as `read_image`.
    """
    header = read_header(content, name)
    header.check_size(name)
    with _told_plainly(name):
        return _decode(content, header, name)


def _check_length(length, name):
    if length > _MOST_BYTES:
        raise IcdpmError(f"{name} is a file of more than {_MOST_BYTES / 2**30:g} GiB, too large for a photo; save it smaller")


@contextlib.contextmanager
def _told_plainly(name):
    """Raises IcdpmError, which calls the file `name`, for all that decoders raise."""
    try:
        with warnings.catch_warnings():
            # Pillow's remarks on what is odd in a file. What is wrong beyond use raises.
            warnings.simplefilter("ignore")
            yield
    except IcdpmError:
        raise
    except PIL.Image.DecompressionBombError as error:
        raise too_many_pixels(name) from error
    except PIL.UnidentifiedImageError as error:
        raise IcdpmError(f"{name} is not a picture in a known format: PNG, JPEG, WebP, TIFF or BMP") from error
    except _DAMAGE as error:
        raise IcdpmError(f"{name} is damaged ({error}); get a whole copy of it") from error


def _decode(content, header, name):
    if header.format == "TIFF" and header.bits == 16:
        channels, profile = decode_tiff16(content, name)
        return _photo(channels, lambda: read_exif(content), profile, "TIFF", name)
    if header.bits > 16:
        raise IcdpmError(f"{name} has {header.bits} bits a channel; convert it to 8 or 16 first")
    notices = []
    with open_pillow(content) as picture:
        file_format, profile = picture.format, picture.info.get("icc_profile") or b""
        if file_format == "MPO":  # a JPEG with further pictures behind it, as phones write it
            file_format = "JPEG"
            notices.append("is restored without the further pictures behind its first")
        elif getattr(picture, "n_frames", 1) > 1:
            raise IcdpmError(f"{name} is an animation or has several pages; extract the one to restore first")
        elif file_format == "GIF":
            raise IcdpmError(f"{name} is a GIF file, which is not written here; convert it to PNG first")
        if file_format == "WEBP":
            # Pillow, which decodes all as animations, would hold the picture five times over.
            channels = imagecodecs.webp_decode(content)
            return _photo(channels, lambda: _exif(picture), profile, file_format, name)
        picture.load()
        if file_format == "PNG" and header.bits == 16:
            channels = decode_png16(content)
        elif picture.mode == "CMYK":
            converted, notice = cmyk_to_srgb(picture)
            channels, profile = np.asarray(converted), b""
            notices.append(notice)
        else:
            channels = _channels(picture, name)
        # Now, as some formats hold EXIF behind the pixels.
        return _photo(channels, lambda: _exif(picture), profile, file_format, name, notices)


def _exif(picture):
    # Pillow may have read a JPEG's EXIF for its resolution, found it damaged and kept silent. This raises.
    if "exif" in picture.info:
        read_exif(picture.info["exif"])
    return picture.getexif()


def _channels(picture, name):
    """The uint8 [height, width, channels] of a Pillow picture; channels: gray, gray + alpha, RGB or RGB + alpha."""
    if picture.mode not in _MODES:
        raise IcdpmError(f"{name} has the colour mode {picture.mode}; convert it to RGB or gray of 8 or 16 bits first")
    opaque, transparent = _MODES[picture.mode]
    mode = transparent if picture.has_transparency_data else opaque
    return np.atleast_3d(np.asarray(picture if picture.mode == mode else picture.convert(mode)))


def _photo(channels, read_its_exif, profile, file_format, name, notices=()):
    """Puts a photo together from what its file held."""
    channels, exif, damaged = apply_exif(channels, read_its_exif)
    if damaged:
        notices = [*notices, "has damaged EXIF data, which is left out"]
    count = channels.shape[-1]
    return Image(
        pixels=channels[..., :3] if count > 2 else channels[..., 0],
        alpha=channels[..., -1] if count in (2, 4) else None,
        exif=exif,
        icc_profile=profile,
        format=file_format,
        notices=tuple(f"{name} {notice}" for notice in notices),
    )


def cmyk_to_srgb(picture):
    """A Pillow picture in CMYK as RGB, through its ICC profile where it has one that can be used.

    Returns:
      (the picture in sRGB, a clause that tells how it was converted).
    """
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture.convert("RGB"), "was converted from CMYK, without a profile, to RGB: its colours are approximate"
    try:
        converted = PIL.ImageCms.profileToProfile(
            picture,
            PIL.ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            PIL.ImageCms.createProfile("sRGB"),
            # What printing and photo programs do by default.
            renderingIntent=PIL.ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=PIL.ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (OSError, PIL.ImageCms.PyCMSError):
        return picture.convert("RGB"), "was converted from CMYK to RGB without its damaged profile"
    return converted, "was converted from CMYK to sRGB through its colour profile"
