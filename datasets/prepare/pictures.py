"""Pictures of one's own: which files of a folder they are, and their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from icdpm.errors import IcdpmError

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


def find_pictures(folder: Path) -> dict[str, Path]:
    """All picture files of a folder and the folders below it, by name, sorted.

    A name is the path relative to the folder, without its suffix and with hyphens for slashes, as a folder of pairs has
    no folders in it: sequence/000001.png is sequence-000001.

    Raises IcdpmError where there is no such folder or no picture in it, and for two files of one name.
    """
    if not folder.is_dir():
        raise IcdpmError(f"{folder}: no such folder")
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or path.name.startswith("."):
            continue
        name = "-".join(path.relative_to(folder).with_suffix("").parts)
        if name in found:
            raise IcdpmError(f"{path}: would have the same name as {found[name]}; rename one of them")
        found[name] = path
    if not found:
        raise IcdpmError(f"{folder}: no pictures ({', '.join(sorted(_SUFFIXES))})")
    return found


def read_picture(path: Path) -> np.ndarray:
    """The picture's pixels, upright, uint8 [H, W, 3]; IcdpmError where the file is damaged or has other than 8 bits."""
    try:
        with Image.open(path) as picture:
            mode = picture.mode
            pixels = np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise IcdpmError(f"{path}: cannot be read, perhaps damaged or truncated ({error})") from error
    if mode[0] in "IF":  # Pillow's names for deep pictures; it would clip them
        raise IcdpmError(f"{path}: not 8 bits a channel (Pillow mode {mode}); convert it")
    return pixels
