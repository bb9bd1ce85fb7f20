"""What the page shows and gives of a restored photo, as files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from icdpm.albums.spread import encode_spread
from icdpm.photos.formats import FORMATS, format_called
from icdpm.photos.photo import Photo
from icdpm.photos.writing import encode_photo


@dataclasses.dataclass(frozen=True)
class OutcomeFiles:
    """Paths.

    Attributes:
      download: the restored photo as icdpm-deblur writes it: in its own format, with its EXIF data and colour profile.
      before, after: the photo and the restored one, for browsers.
      spread: (a picture of where the samples differ, a clause that says what white is); None where there is none.
      regressions: [(a picture of what the guidance network of a scale regresses, the scale in words)].
    """

    download: Path
    before: Path
    after: Path
    spread: tuple[Path, str] | None
    regressions: list[tuple[Path, str]]


def write_outcome(folder, name, photo, restored):
    """Writes the files.

    Args:
      folder: an empty folder for them.
      name: of the photo's file.
      photo: a Photo.
      restored: a Restored of it.

    Returns:
      OutcomeFiles.
    """

    def write(name, content):
        (folder / name).write_bytes(content)
        return folder / name

    file_format = format_called(photo.format)
    spread = None
    if restored.spread is not None:
        content, scale = encode_spread(restored.spread)
        spread = write("spread.png", content), scale
    regressions = [
        (write(f"guidance-{k}.png", encode_photo(Photo(picture), FORMATS["png"])), f"1/{2**k} of the size")
        for k, picture in (restored.regressions or {}).items()
    ]
    return OutcomeFiles(
        download=write(
            f"{Path(name).stem}-restored{Path(name).suffix or file_format.suffixes[0]}",
            encode_photo(dataclasses.replace(photo, pixels=restored.pixels), file_format),
        ),
        before=write("before.jpg", _for_browsers(photo, photo.pixels)),
        after=write("after.jpg", _for_browsers(photo, restored.pixels)),
        spread=spread,
        regressions=regressions,
    )


def _for_browsers(photo, pixels):
    """The bytes of a JPEG, which every browser shows, in the photo's colours."""
    return encode_photo(Photo(pixels, icc_profile=photo.icc_profile), FORMATS["jpeg"])
