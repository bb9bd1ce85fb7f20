"""What the packaged model is trained on.

FOLDER/photos/                    sharp photos
FOLDER/video/                     sharp frames of videos
FOLDER/frames/SEQUENCE/           high-speed video
FOLDER/averaged/{blur,sharp}/     pairs
FOLDER/val/{blur,sharp}/          pairs to validate on

photos, video and averaged may have train/ and test/ in them.
"""

from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm_datasets.source import open_source

# In which proportions training examples are drawn: of the pictures alone, and with the embedded training scenes.
PICTURES = {"motion:{}/photos": 0.72, "motion:{}/video": 0.12, "frames:{}/frames": 0.03, "{}/averaged": 0.13}
WITH_SCENES = {**PICTURES, "motion:{}/photos": 0.65, "motion:{}/video": 0.11, "{}/averaged": 0.11, "embedded": 0.1}
VALIDATION = "{}/val"


def open_pictures(folder, shares=PICTURES):
    """(training, validation) `PairSource`s of a folder. Raises IcdpmError where it or a part of it is missing.

    Args:
      folder: as above.
      shares: {what `icdpm_datasets.source.open_source` takes, {} in it for the folder: in which proportion it is drawn}.
    """
    if not folder or not Path(folder).is_dir():
        raise IcdpmError(f"there is no folder {folder or ''!r} of pictures to train on; name it: FOLDER=pictures")
    folder = Path(folder)
    training = ",".join(f"{part.format(folder)}:{weight}" for part, weight in shares.items())
    return open_source(training, "train"), open_source(VALIDATION.format(folder), "test")
