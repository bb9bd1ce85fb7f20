"""Size of an image file after its EXIF orientation, without decoding the pixels."""

from __future__ import annotations

import os
from typing import BinaryIO

import PIL.Image

from icdpm.images.codecs import read_tiff_orientation
from icdpm.images.exif import orientation_of
from icdpm.images.header import Header, open_pillow
from icdpm.images.png_chunks import read_description, read_head
from icdpm.images.reading import decoding_errors, load_png_metadata, read_file_header, read_image

_TRANSPOSED = (5, 6, 7, 8)  # orientations that exchange width and height


def read_upright_size(path: str | os.PathLike) -> tuple[int, int]:
    """Returns the width and height that `icdpm.images.reading.read_image` gives a local file.

    Little more than the header is read; only AVIF files are decoded.

    Raises:
      IcdpmError: the path is not that of a file, or the file is unreadable, damaged, too large or of an unsupported kind.
    """
    header = read_file_header(path)
    header.check_size(path)
    header.check_depth(path)
    if header.format == "AVIF":
        height, width = read_image(path).pixels.shape[:2]
        return width, height
    buffering = 0 if header.format == "PNG" else -1  # as `read_head` requires
    with decoding_errors(path), open(path, "rb", buffering) as file:
        transposed = _read_orientation(file, header) in _TRANSPOSED
    return (header.height, header.width) if transposed else (header.width, header.height)


def _read_orientation(file: BinaryIO, header: Header) -> int:
    if header.format == "HEIF":  # its header states the upright size
        return 1
    if header.format == "TIFF":
        return read_tiff_orientation(file)
    content = read_head(file) if header.format == "PNG" else file
    with open_pillow(content) as image:
        if isinstance(content, bytes):
            load_png_metadata(image, read_description(content))
        # Pillow's getexif of a PNG would decode the whole image, because metadata may follow it.
        return orientation_of(PIL.Image.Image.getexif(image))
