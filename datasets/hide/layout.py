"""HIDE as published: sharp pictures in GT/, blurry ones in train/, test/test-close-ups/ and test/test-long-shot/."""

from __future__ import annotations

from pathlib import Path

from icdpm_datasets.published.archives import Archive
from icdpm_datasets.published.layout import Layout, Pair, Splits, pictures

_BLURRY_FOLDERS = {"train": ("train",), "test": ("test/test-close-ups", "test/test-long-shot")}


class HideLayout(Layout):
    """HIDE; a pair's name is its file's, such as 1fromGOPR0950. The test split has the close-ups first."""

    title = "HIDE"
    tree = "GT/*.png, train/*.png, test/test-close-ups/*.png, test/test-long-shot/*.png"
    page = "https://github.com/joanshen0508/HA_deblur"
    archives = (Archive("HIDE_dataset.zip"),)
    counts = {"train": 6397, "test": 2025}

    def is_root(self, folder: Path) -> bool:
        return (folder / "GT").is_dir()

    def list_pairs(self, root: Path, problems: list[str]) -> Splits:
        sharp = pictures(root / "GT", problems)
        unused = dict(sharp)
        splits = {}
        for split, names in _BLURRY_FOLDERS.items():
            splits[split] = []
            for folder in (root / name for name in names):
                blurry = pictures(folder, problems) if folder.is_dir() else {}
                for stem, path in sorted(blurry.items()):
                    unused.pop(stem, None)
                    if stem in sharp:
                        splits[split].append(Pair(stem, path, sharp[stem]))
                    else:
                        problems.append(f"{path}: no sharp picture {root / 'GT' / stem}.*")
        # Of a subset such as the test split alone, the sharp pictures may be complete all the same.
        if all((root / name).is_dir() for names in _BLURRY_FOLDERS.values() for name in names):
            problems += [f"{path}: no blurry picture in train/ or test/" for path in unused.values()]
        return splits
