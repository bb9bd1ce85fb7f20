"""Layout of REDS: {train,val}/{train,val}_{blur,blur_jpeg,sharp}/NNN/NNNNNNNN.png, 100 frames per clip."""

from __future__ import annotations

import re
from pathlib import Path

from icdpm_datasets.published.archives import Archive, read_checksums
from icdpm_datasets.published.layout import Layout, Splits, list_folders, match_pairs

_CLIP = re.compile(r"\d{3}")
_CLIPS = {"train": 240, "val": 30}
_FRAMES = 100

_CHECKSUMS = read_checksums(Path(__file__).with_name("checksums.tsv"))


class RedsLayout(Layout):
    """Layout of a published folder of blurry frames with its sharp ones. Names of pairs are like 000/00000009.

    Args:
      part: "train" or "val", the public parts of REDS.
      degradation: "blur", or "blur_jpeg" for blur and JPEG compression.
      every_tenth: only frames 9, 19, ..., 99 of each clip, which is REDS-val-300 for `val`.
    """

    title = "REDS"
    page = "https://seungjunnah.github.io/Datasets/reds"

    def __init__(self, part: str, degradation: str, every_tenth: bool = False) -> None:
        blurry, sharp = f"{part}_{degradation}", f"{part}_sharp"
        self.tree = f"{part}/{{{blurry},{sharp}}}/NNN/NNNNNNNN.png"
        self.archives = tuple(Archive(f"{name}.zip", _CHECKSUMS.get(f"{name}.zip")) for name in (blurry, sharp))
        self.blurry_format = "jpeg" if degradation == "blur_jpeg" else "png"
        self._folders = Path(part) / blurry, Path(part) / sharp
        self._every_tenth = every_tenth
        self._split = "test" if every_tenth else {"train": "train", "val": "validation"}[part]
        frames = _FRAMES // 10 if every_tenth else _FRAMES
        self.counts = {self._split: _CLIPS[part] * frames}
        self.sequence_counts = {self._split: {f"{clip:03d}": frames for clip in range(_CLIPS[part])}}

    def is_root(self, folder: Path) -> bool:
        return any((folder / below).is_dir() for below in self._folders)

    def list_pairs(self, root: Path, problems: list[str]) -> Splits:
        blurry, sharp = (root / below for below in self._folders)
        pairs = []
        for clip in sorted({path.name for path in list_folders(blurry) + list_folders(sharp)}):
            if not _CLIP.fullmatch(clip):
                problems.append(f"{blurry / clip}: the name is not that of a clip, NNN")
                continue
            pairs += match_pairs(clip, blurry / clip, sharp / clip, problems)
        if self._every_tenth:
            pairs = [pair for pair in pairs if pair.name.endswith("9")]
        return {self._split: pairs}
