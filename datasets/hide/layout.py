"""Layout of HIDE: sharp images in GT/, blurry ones in train/, test/test-close-ups/ and test/test-long-shot/."""

from __future__ import annotations

from pathlib import Path

from icdpm_datasets.published.archives import Archive
from icdpm_datasets.published.layout import Layout, Pair, Splits, list_images

_BLURRY_FOLDERS = {"train": ("train",), "test": ("test/test-close-ups", "test/test-long-shot")}


class HideLayout(Layout):
    """Layout of HIDE. Names of pairs are those of the files, such as 1fromGOPR0950. In the test split, close-ups come first."""

    title = "HIDE"
    tree = "GT/*.png, train/*.png, test/test-close-ups/*.png, test/test-long-shot/*.png"
    page = "https://github.com/joanshen0508/HA_deblur"
    archives = (Archive("HIDE_dataset.zip"),)
    counts = {"train": 6397, "test": 2025}

    def is_root(self, folder: Path) -> bool:
        return (folder / "GT").is_dir()

    def list_pairs(self, root: Path, problems: list[str]) -> Splits:
        sharp = list_images(root / "GT", problems)
        unused = dict(sharp)
        splits: dict[str, list[Pair]] = {}
        for split, names in _BLURRY_FOLDERS.items():
            splits[split] = []
            for folder in (root / name for name in names):
                blurry = list_images(folder, problems) if folder.is_dir() else {}
                for stem, path in sorted(blurry.items()):
                    unused.pop(stem, None)
                    if stem in sharp:
                        splits[split].append(Pair(stem, path, sharp[stem]))
                    else:
                        problems.append(f"{path}: no sharp image {root / 'GT' / stem}.*")
        # A subset, such as the test split alone, may have all sharp images.
        if all((root / name).is_dir() for names in _BLURRY_FOLDERS.values() for name in names):
            problems += [f"{path}: no blurry image in train/ or test/" for path in unused.values()]
        return splits
