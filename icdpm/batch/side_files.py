"""The files that a restored photo can have beside it."""

from __future__ import annotations

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class SideFiles:
    """Paths of files beside a restored photo; None, or none, where they are not wanted.

    Attributes:
      comparison: a picture of before | after.
      spread: pictures of the spread of the samples: (the gray picture, the array).
      samples: pictures of each sample.
    """

    comparison: Path | None = None
    spread: tuple[Path, Path] | None = None
    samples: tuple[Path, ...] = ()

    @property
    def paths(self):
        """All of them."""
        return [*([self.comparison] if self.comparison else []), *(self.spread or ()), *self.samples]


def side_files(target, *, compare=False, spread=False, kept_samples=0):
    """The SideFiles of a restored photo at `target`: for photo.jpg these are photo.compare.png, photo.spread.png and
    photo.spread.npy, and photo.sample-1.jpg … of `kept_samples`.
    """

    def beside(ending):
        return target.with_name(target.stem + ending)

    return SideFiles(
        comparison=beside(".compare.png") if compare else None,
        spread=(beside(".spread.png"), beside(".spread.npy")) if spread else None,
        samples=tuple(beside(f".sample-{number}{target.suffix}") for number in range(1, kept_samples + 1)),
    )
