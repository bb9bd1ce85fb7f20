"""Printers' colours to a screen's."""

import io

import PIL.ImageCms


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
