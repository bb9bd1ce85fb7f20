"""Picture files to arrays and back, for work in Python. What else a photo holds is kept by `reading` and `writing`."""

import numpy as np

from icdpm.files import write_atomically
from icdpm.photos.formats import format_of
from icdpm.photos.photo import Photo
from icdpm.photos.reading import read_photo
from icdpm.photos.writing import check_fits, encode_photo


def read_picture(path):
    """A picture as [height, width, 3], uint8 or, of a file of 16 bits a channel, uint16; upright, without its alpha.

    Raises:
      IcdpmError: as `read_photo`.
    """
    pixels = read_photo(path).pixels
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def write_picture(path, image):
    """Writes uint8 or uint16 [height, width, 3] or gray [height, width]; the suffix decides the format.

    The file is whole or absent.

    Raises:
      IcdpmError: an unknown suffix, a picture too large for the format, or a folder or disk that cannot be written.
    """
    photo, file_format = Photo(image), format_of(path)
    check_fits(photo, path, file_format)
    with write_atomically(path) as temporary:
        temporary.write_bytes(encode_photo(photo, file_format))
