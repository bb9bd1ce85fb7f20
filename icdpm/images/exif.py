"""EXIF: what of it a restored photo takes over."""

import PIL.Image
from PIL.ExifTags import IFD, Base

# Of the main directory, what tells of the photo. A TIFF file keeps there, too, how its pixels lie in it, which is no
# longer true of another file; the orientation is applied to the pixels.
_KEPT = {
    Base.ImageDescription,
    Base.Make,
    Base.Model,
    Base.XResolution,
    Base.YResolution,
    Base.ResolutionUnit,
    Base.Software,
    Base.DateTime,
    Base.Artist,
    Base.HostComputer,
    Base.Copyright,
    Base.Rating,
    Base.RatingPercent,
    Base.XPTitle,
    Base.XPComment,
    Base.XPAuthor,
    Base.XPKeywords,
    Base.XPSubject,
}

HEADER = b"Exif\0\0"


def read_exif(content):
    """The EXIF of a block as JPEG files hold it, or of a whole TIFF file.

    Raises SyntaxError where there is none. Damage within may show only when its values are asked for.
    """
    exif = PIL.Image.Exif()
    exif.load(content)
    return exif


def apply_exif(channels, read):
    """Turns a picture as its EXIF says, and gives what of that EXIF the restored photo takes over.

    Args:
      channels: [height, width, channels].
      read: gives the EXIF as Pillow has it; may raise anything.

    Returns:
      (the upright picture, the EXIF block or b"", whether there was EXIF that is damaged).
    """
    orientation = 1
    try:
        exif = read()
        orientation = _orientation(exif)
        upright = turn_upright(channels, orientation)
        return upright, _carry_over(exif, *upright.shape[:2]), False
    except Exception:  # Pillow's parser raises whatever the damage makes it trip over
        return turn_upright(channels, orientation), b"", True


def _orientation(exif):
    """1 … 8, as EXIF numbers them; 1, upright, where it says nothing that makes sense."""
    orientation = exif.get(Base.Orientation, 1)
    return orientation if orientation in range(1, 9) else 1


def turn_upright(image, orientation):
    """An image [height, width, …] as it is meant to be seen, a view of the one given."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image


def _carry_over(exif, height, width):
    """The EXIF block, with its header, of an upright photo of this size; empty where there is nothing to tell.

    The thumbnail stays behind, as it shows the blurry photo.
    """
    kept = PIL.Image.Exif()
    for tag in _KEPT & set(exif):
        kept[tag] = to_write(exif[tag])
    shot = exif.get_ifd(IFD.Exif)
    if IFD.Interop in shot:
        shot[IFD.Interop] = exif.get_ifd(IFD.Interop)
    for tag, length in ((Base.ExifImageWidth, width), (Base.ExifImageHeight, height)):
        if tag in shot:
            shot[tag] = length
    for tag, directory in ((IFD.Exif, shot), (IFD.GPSInfo, exif.get_ifd(IFD.GPSInfo))):
        if directory:
            kept[tag] = directory
    if Base.Orientation in exif:
        kept[Base.Orientation] = 1
    return kept.tobytes() if len(kept) else b""


def to_write(value):
    """A value of a main directory as Pillow must be given it: it reads text as Latin-1 but writes ASCII alone.

    Files hold UTF-8 there as well; its bytes stay as they are.
    """
    return value.encode("latin-1") if isinstance(value, str) else value
