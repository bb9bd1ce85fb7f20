"""Properties of an image that its file states, for size limits that apply before anything is decoded.

A file of a few kilobytes can decode to gigabytes of pixels.
"""

from __future__ import annotations

import dataclasses
import io

import PIL.Image

from icdpm.errors import IcdpmError
from icdpm.images.codecs import is_png16, is_tiff, read_tiff_layout

# GIF is opened only for a better error message.
_READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
_MAX_PIXELS = 2 * (PIL.Image.MAX_IMAGE_PIXELS or 0)  # Pillow's own limit
# The same number of pixels with three channels of 16 bits.
_MAX_BYTES = 2**30


@dataclasses.dataclass(frozen=True)
class Header:
    """Properties of an image that are known before it is decoded.

    Attributes:
      format: Pillow's name of the file format.
      width, height: size in pixels, before the EXIF orientation is applied.
      bits: bits a channel.
      decoded_bytes: size of all channels in the file after decoding.
    """

    format: str
    width: int
    height: int
    bits: int
    decoded_bytes: int

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    def check_size(self, name: object) -> None:
        """Raises IcdpmError if the image is too large. The message calls the file `name`."""
        if self.pixels > _MAX_PIXELS:
            raise too_many_pixels(name)
        if self.decoded_bytes > _MAX_BYTES:
            raise IcdpmError(
                f"{name} takes {self.decoded_bytes / 2**30:.3g} GiB when it is decoded; the limit is "
                f"{_MAX_BYTES / 2**30:g} GiB; make a smaller copy, in gray or RGB"
            )


def too_many_pixels(name: object) -> IcdpmError:
    """Returns the error for a file `name` with too many pixels."""
    return IcdpmError(f"{name} has more than the limit of {_MAX_PIXELS // 10**6} million pixels; make a smaller copy")


def open_pillow(content: bytes) -> PIL.Image.Image:
    """Returns the Pillow image of a file's bytes, not decoded yet; a context manager. Raises the errors of `PIL.Image.open`."""
    return PIL.Image.open(io.BytesIO(content), formats=_READABLE)


def parse_header(content: bytes) -> Header:
    """Returns the Header of a file's bytes. Raises exceptions of many types for damaged files."""
    if is_tiff(content):
        layout = read_tiff_layout(content)
        return Header("TIFF", layout.width, layout.height, layout.bits, layout.decoded_bytes)
    with open_pillow(content) as image:
        # A palette's entries may be transparent.
        channels = 4 if image.mode == "P" else len(image.getbands())
        bits = 16 if image.format == "PNG" and is_png16(content) else 8
        return Header(str(image.format), *image.size, bits, image.width * image.height * channels * bits // 8)
