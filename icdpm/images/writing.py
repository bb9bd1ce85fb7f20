"""Photos to files."""

import io
import warnings

import numpy as np
import PIL.Image

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.images.codecs import encode_png16, encode_tiff
from icdpm.images.formats import Image, format_for_path

# How Pillow is to write each format. WebP would otherwise change colours where they are transparent.
_OPTIONS = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "exact": True},
}
# JPEG files hold EXIF in one segment.
_LONGEST_JPEG_EXIF = 65533


def check_fits(photo, name, file_format):
    """What of a photo a format cannot hold.

    Args:
      photo: a `Image`.
      name: what messages call it.
      file_format: a `Format`.

    Returns:
      A sentence for each thing that is left out.

    Raises:
      IcdpmError: the photo is too large for the format, or partly transparent where the format holds no transparency.
    """
    if max(photo.pixels.shape[:2]) > file_format.longest_side:
        raise IcdpmError(
            f"{name} has a side of more than {file_format.longest_side} pixels, "
            f"which {file_format.name} cannot hold; choose PNG"
        )
    notices = []
    if photo.alpha is not None and not file_format.alpha:
        if photo.alpha.min() < np.iinfo(photo.alpha.dtype).max:
            raise IcdpmError(f"{name} has transparent parts, which {file_format.name} cannot hold; choose PNG")
        notices.append("its alpha, which is opaque everywhere")
    if photo.is_deep and not file_format.deep:
        notices.append("the lower 8 of its 16 bits")
    if _exif_for(photo, file_format) != photo.exif:
        notices.append("its EXIF data")
    if _profile_for(photo, file_format) != photo.icc_profile:
        notices.append("its colour profile")
    return [f"{name} is written as {file_format.name} without {notice}" for notice in notices]


def encode_image(photo, file_format):
    """The bytes of a file with the photo, less what the format cannot hold (`check_fits`).

    JPEG at quality 95, 4:4:4; WebP at 95; the others without loss.
    """
    pixels, alpha = photo.pixels, photo.alpha if file_format.alpha else None
    exif, profile = _exif_for(photo, file_format), _profile_for(photo, file_format)
    if photo.is_deep and not file_format.deep:
        pixels, alpha = _shallow(pixels), None if alpha is None else _shallow(alpha)
    if photo.is_gray and not file_format.gray:
        pixels = np.repeat(pixels[..., None], 3, axis=-1)
    channels = np.atleast_3d(pixels)
    if alpha is not None:
        channels = np.concatenate([channels, alpha[..., None]], axis=-1)
    if file_format.name == "TIFF":
        return encode_tiff(channels, exif, profile)
    if channels.dtype == np.uint16:
        return encode_png16(channels, exif, profile)
    described = {key: block for key, block in (("exif", exif), ("icc_profile", profile)) if block}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = PIL.Image.fromarray(channels.squeeze(-1) if channels.shape[-1] == 1 else channels)
        picture.save(file, file_format.name, **described, **_OPTIONS.get(file_format.name, {}))
    return file.getvalue()


def write_image(path, image):
    """Writes uint8 or uint16 [height, width, 3] or gray [height, width]; the suffix decides the format.

    The file is whole or absent.

    Raises:
      IcdpmError: an unknown suffix, a picture too large for the format, or a folder or disk that cannot be written.
    """
    photo, file_format = Image(image), format_for_path(path)
    check_fits(photo, path, file_format)
    with write_atomically(path) as temporary:
        temporary.write_bytes(encode_image(photo, file_format))


def _shallow(values):
    """uint16 as uint8: 65535 / 255 is 257."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _exif_for(photo, file_format):
    fits = file_format.metadata and (file_format.name != "JPEG" or len(photo.exif) <= _LONGEST_JPEG_EXIF)
    return photo.exif if fits else b""


def _profile_for(photo, file_format):
    # Bytes 16 to 19 name the colours that a profile is for: one for gray is wrong for a picture that had to become RGB.
    is_gray_profile = photo.icc_profile[16:20] == b"GRAY"
    fits = file_format.metadata and (file_format.gray or not is_gray_profile)
    return photo.icc_profile if fits else b""
