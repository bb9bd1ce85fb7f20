"""Layout of RealBlur: sceneNNN/{blur/blur_K.png,gt/gt_K.png} in one folder for J and one for R, and list files.

A line of a list file is `gt_path blur_path`, relative to the folder of the list file. ("itensity" is the published spelling.)
"""

from __future__ import annotations

from pathlib import Path

from icdpm_datasets.published.archives import Archive
from icdpm_datasets.published.layout import Layout, Pair, Splits

_FOLDERS = {
    "J": "RealBlur-J_ECC_IMCORR_centroid_itensity_ref",
    "R": "RealBlur-R_BM3D_ECC_IMCORR_centroid_itensity_ref",
}


class RealBlurLayout(Layout):
    """Layout of RealBlur-J or -R. Pairs and order are those of the list files; names are like scene050/blur_1.

    Args:
      camera: "J" for JPEG images of the camera, "R" for developed raw images.
    """

    page = "http://cg.postech.ac.kr/research/RealBlur/"
    archives = (Archive("RealBlur.tar.gz"),)
    counts = {"train": 3758, "test": 980}

    def __init__(self, camera: str) -> None:
        self.title = f"RealBlur-{camera}"
        self.tree = f"{_FOLDERS[camera]}/sceneNNN/{{blur,gt}}/ and RealBlur_{camera}_{{train,test}}_list.txt"
        self._folder = _FOLDERS[camera]
        self._lists = {split: f"RealBlur_{camera}_{split}_list.txt" for split in self.counts}

    def is_root(self, folder: Path) -> bool:
        return (folder / self._folder).is_dir()

    def list_pairs(self, root: Path, problems: list[str]) -> Splits:
        return {split: _listed_pairs(root, root / name, problems) for split, name in self._lists.items()}


def _listed_pairs(root: Path, list_file: Path, problems: list[str]) -> list[Pair]:
    """Returns the existing pairs of a list file in its order. A pair without both files makes a smaller set, not a problem."""
    if not list_file.is_file():
        problems.append(f"{list_file}: missing, so the split is unknown")
        return []
    pairs = []
    for number, line in enumerate(list_file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        paths = [Path(part) for part in line.split()]
        if len(paths) != 2 or any(path.is_absolute() or ".." in path.parts for path in paths):
            problems.append(f"{list_file}, line {number}: not two paths below {root}: {line!r}")
            continue
        sharp, blurry = (root / path for path in paths)
        exist = sharp.is_file(), blurry.is_file()
        if all(exist):
            pairs.append(Pair(f"{blurry.parent.parent.name}/{blurry.stem}", blurry, sharp))
        elif any(exist):
            kind, absent = ("blurry", blurry) if exist[0] else ("sharp", sharp)
            problems.append(f"{sharp if exist[0] else blurry}: no {kind} image {absent}")
    return pairs
