"""Picture files to arrays and back."""

import warnings
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


def read_picture(path):
    """A picture as uint8 [height, width, 3] sRGB, turned upright by its EXIF orientation.

    Raises:
      IcdpmError: the file is missing, empty, damaged, not a picture, or one that cannot be read faithfully yet.
    """
    path = Path(path)
    if not path.exists():
        raise IcdpmError(f"{path} does not exist")
    if not path.is_file():
        raise IcdpmError(f"{path} is not a file")
    try:
        with warnings.catch_warnings():
            # A header that promises more pixels than Pillow thinks sane is refused, not only warned of.
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(path) as picture:
                if getattr(picture, "n_frames", 1) > 1:
                    raise IcdpmError(f"{path} is an animation; extract the frame to restore first")
                if picture.mode not in ("1", "L", "P", "RGB"):
                    raise IcdpmError(
                        f"{path} has the colour mode {picture.mode}; convert it to 8-bit RGB or gray without alpha first"
                    )
                return np.asarray(PIL.ImageOps.exif_transpose(picture).convert("RGB"))
    except IcdpmError:
        raise
    except PermissionError as error:
        raise IcdpmError(f"{path} cannot be read: permission denied") from error
    except (PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError) as error:
        raise IcdpmError(f"{path} is too large a picture") from error
    except PIL.UnidentifiedImageError as error:
        raise IcdpmError(f"{path} is not a picture in a known format") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise IcdpmError(f"{path} is damaged: {error}") from error


def write_picture(path, image):
    """Writes uint8 [height, width, 3]; the suffix decides the format. JPEG at quality 95, 4:4:4. Whole or absent.

    Raises:
      IcdpmError: an unknown suffix, or a folder or disk that cannot be written.
    """
    path = Path(path)
    check_suffix(path)
    options = {"quality": 95, "subsampling": 0} if path.suffix.lower() in (".jpg", ".jpeg") else {}
    with write_atomically(path) as temporary:
        PIL.Image.fromarray(image).save(temporary, **options)


def check_suffix(path):
    """Raises IcdpmError unless `write_picture` knows the path's suffix."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise IcdpmError(f"{path}: pictures are written as {', '.join(SUFFIXES)}; choose one of these suffixes")
