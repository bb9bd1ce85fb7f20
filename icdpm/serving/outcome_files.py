"""What the page shows and gives of a restored photo, as files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from icdpm.batch.extra_outputs import encode_spread
from icdpm.images.formats import FORMATS, Image, format_by_name
from icdpm.images.writing import encode_image


@dataclasses.dataclass(frozen=True)
class OutcomeFiles:
    """Paths.

    Attributes:
      download: the restored photo as icdpm-deblur writes it: in its own format, with its EXIF data and colour profile.
      before, after: the photo and the restored one, for browsers.
      spread: (a picture of where the samples differ, a clause that says what white is); None where there is none.
      inside: [(a picture of what the model makes of the blurry one on its way, its scale in words)].
    """

    download: Path
    before: Path
    after: Path
    spread: tuple[Path, str] | None
    inside: list[tuple[Path, str]]


def write_outcome(folder, name, photo, restored):
    """Writes the files.

    Args:
      folder: an empty folder for them.
      name: of the photo's file.
      photo: a Image.
      restored: a Restored of it.

    Returns:
      OutcomeFiles.
    """

    def write(name, content):
        (folder / name).write_bytes(content)
        return folder / name

    file_format = format_by_name(photo.format)
    spread = None
    if restored.spread is not None:
        content, scale = encode_spread(restored.spread)
        spread = write("spread.png", content), scale
    inside = [
        (write(f"{name}.png", encode_image(Image(picture), FORMATS["png"])), _scale(photo.pixels, picture))
        for name, picture in (restored.intermediate_outputs or {}).items()
    ]
    return OutcomeFiles(
        download=write(
            f"{Path(name).stem}-restored{Path(name).suffix or file_format.suffixes[0]}",
            encode_image(dataclasses.replace(photo, pixels=restored.pixels), file_format),
        ),
        before=write("before.jpg", _for_browsers(photo, photo.pixels)),
        after=write("after.jpg", _for_browsers(photo, restored.pixels)),
        spread=spread,
        inside=inside,
    )


def _scale(pixels, picture):
    """In words; sizes of pictures of the inside are rounded up."""
    sizes = pixels.shape[:2], picture.shape[:2]
    scale = next(s for s in range(1, max(sizes[0]) + 1) if all(-(-side // s) == its for side, its in zip(*sizes)))
    return f"1/{scale} of the size" if scale > 1 else "of full size"


def _for_browsers(photo, pixels):
    """The bytes of a JPEG, which every browser shows, in the photo's colours."""
    return encode_image(Image(pixels, icc_profile=photo.icc_profile), FORMATS["jpeg"])
