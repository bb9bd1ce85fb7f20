"""What a photo's file says of itself, and whether that is a photo's size: before anything is decoded.

A file of a few kilobytes can stand for gigabytes of pixels.
"""

from __future__ import annotations

import dataclasses
import io

import PIL.Image

from icdpm.errors import IcdpmError
from icdpm.images.codecs import is_png16, is_tiff, read_tiff_layout

# GIF: to say of one that it is none of the others.
_READ = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
_MOST_PIXELS = 2 * PIL.Image.MAX_IMAGE_PIXELS  # what Pillow opens
# Just as many pixels of RGB with 16 bits a channel.
_MOST_BYTES = 2**30


@dataclasses.dataclass(frozen=True)
class Header:
    """What is known of a picture before it is decoded.

    Attributes:
      format: of the file, as Pillow calls it.
      width, height: in pixels, as the file has them, upright or not.
      bits: of a channel.
      decoded_bytes: what its channels take, all that the file has of them.
    """

    format: str
    width: int
    height: int
    bits: int
    decoded_bytes: int

    @property
    def pixels(self):
        """How many it has."""
        return self.width * self.height

    def check_size(self, name):
        """Raises IcdpmError, which calls the file `name`, where it is too large for a photo."""
        if self.pixels > _MOST_PIXELS:
            raise too_many_pixels(name)
        if self.decoded_bytes > _MOST_BYTES:
            raise IcdpmError(
                f"{name} says it takes {self.decoded_bytes / 2**30:.3g} GiB when it is decoded, and a photo may take "
                f"{_MOST_BYTES / 2**30:g} GiB; make a smaller copy, in gray or RGB"
            )


def too_many_pixels(name):
    """The IcdpmError to raise for a file called `name`."""
    return IcdpmError(f"{name} says it has more than {_MOST_PIXELS // 10**6} million pixels, too many for a photo")


def open_pillow(content):
    """The Pillow picture of a file's bytes, not decoded yet; a context manager. Raises as PIL.Image.open."""
    return PIL.Image.open(io.BytesIO(content), formats=_READ)


def parse_header(content):
    """The Header of a file's bytes. Raises whatever damage makes it trip over."""
    if is_tiff(content):
        layout = read_tiff_layout(content)
        return Header("TIFF", layout.width, layout.height, layout.bits, layout.decoded_bytes)
    with open_pillow(content) as picture:
        # What a palette stands for may be transparent.
        channels = 4 if picture.mode == "P" else len(picture.getbands())
        bits = 16 if picture.format == "PNG" and is_png16(content) else 8
        return Header(picture.format, *picture.size, bits, picture.width * picture.height * channels * bits // 8)
