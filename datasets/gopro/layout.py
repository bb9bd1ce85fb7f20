"""Layout of GOPRO_Large: {train,test}/GOPRxxxx_xx_xx/{blur,blur_gamma,sharp}/NNNNNN.png."""

from __future__ import annotations

import re
from pathlib import Path

from icdpm_datasets.published.archives import Archive, read_checksums
from icdpm_datasets.published.layout import Layout, Pair, Splits, list_folders, match_pairs

_SEQUENCE = re.compile(r"GOPR\d{4}_\d{2}_\d{2}")

_CHECKSUMS = read_checksums(Path(__file__).with_name("checksums.tsv"))

# From the lists of frames in published code; the sums are the published 2103 and 1111.
_SEQUENCE_COUNTS = {
    "train": {
        "GOPR0372_07_00": 100,
        "GOPR0372_07_01": 75,
        "GOPR0374_11_00": 150,
        "GOPR0374_11_01": 80,
        "GOPR0374_11_02": 100,
        "GOPR0374_11_03": 48,
        "GOPR0378_13_00": 110,
        "GOPR0379_11_00": 100,
        "GOPR0380_11_00": 60,
        "GOPR0384_11_01": 100,
        "GOPR0384_11_02": 100,
        "GOPR0384_11_03": 100,
        "GOPR0384_11_04": 100,
        "GOPR0385_11_00": 100,
        "GOPR0386_11_00": 100,
        "GOPR0477_11_00": 80,
        "GOPR0857_11_00": 100,
        "GOPR0868_11_01": 100,
        "GOPR0868_11_02": 100,
        "GOPR0871_11_01": 100,
        "GOPR0881_11_00": 100,
        "GOPR0884_11_00": 100,
    },
    "test": {
        "GOPR0384_11_00": 100,
        "GOPR0384_11_05": 100,
        "GOPR0385_11_01": 100,
        "GOPR0396_11_00": 100,
        "GOPR0410_11_00": 134,
        "GOPR0854_11_00": 100,
        "GOPR0862_11_00": 77,
        "GOPR0868_11_00": 100,
        "GOPR0869_11_00": 100,
        "GOPR0871_11_00": 100,
        "GOPR0881_11_01": 100,
    },
}


class GoProLayout(Layout):
    """Layout of GoPro with one of its two sets of blurry images. Names of pairs are like GOPR0384_11_00/000001.

    Args:
      blurry_folder: "blur", frames averaged as they are (as in recent papers), or "blur_gamma", averaged after the inverse of a
        gamma of 2.2 (as in Nah et al.).
    """

    title = "GoPro"
    page = "https://seungjunnah.github.io/Datasets/gopro"
    # Only one source gives the checksum.
    archives = (Archive("GOPRO_Large.zip", _CHECKSUMS["GOPRO_Large.zip"], confirmed=False),)
    counts = {"train": 2103, "test": 1111}
    sequence_counts = _SEQUENCE_COUNTS

    def __init__(self, blurry_folder: str) -> None:
        self._blurry_folder = blurry_folder
        self.tree = f"{{train,test}}/GOPRxxxx_xx_xx/{{{blurry_folder},sharp}}/NNNNNN.png"

    def is_root(self, folder: Path) -> bool:
        return any(_SEQUENCE.fullmatch(path.name) for split in self.counts for path in list_folders(folder / split))

    def list_pairs(self, root: Path, problems: list[str]) -> Splits:
        splits: dict[str, list[Pair]] = {}
        for split in self.counts:
            splits[split] = []
            for sequence in list_folders(root / split):
                if not _SEQUENCE.fullmatch(sequence.name):
                    problems.append(f"{sequence}: the name is not that of a sequence, GOPRxxxx_xx_xx")
                    continue
                splits[split] += match_pairs(sequence.name, sequence / self._blurry_folder, sequence / "sharp", problems)
        return splits
