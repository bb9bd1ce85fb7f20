"""Folder to which pairs are written: blur/NAME.png and sharp/NAME.png."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically

_RECORD = "made_by.json"


class PairFolder:
    """Folder of pairs, whose files appear when they are complete.

    An interrupted job continues, since existing pairs are kept.

    Args:
      folder: the folder, which is created if necessary.
      settings: source and settings of the pairs, which `made_by.json` records.

    Raises:
      IcdpmError: the folder contains something else, or pairs that were made with other settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self._folder = folder
        record = folder / _RECORD
        if record.is_file():
            if json.loads(record.read_text(encoding="utf-8")) != settings:
                raise IcdpmError(
                    f"The pairs in {folder} were made with other settings ({record}). Remove them or choose another --output."
                )
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise IcdpmError(f"{folder} exists and was not made by this command. Choose another --output.")
        else:
            with write_atomically(record) as part:
                part.write_text(json.dumps(settings, indent=2), encoding="utf-8")

    def __contains__(self, name: str) -> bool:
        return all(path.is_file() for path in self._paths(name))

    def write(self, name: str, blurry: np.ndarray, sharp: np.ndarray) -> None:
        """Writes a pair of uint8 [H, W, 3]. Raises IcdpmError if the disk is full."""
        for path, pixels in zip(self._paths(name), (blurry, sharp)):
            with write_atomically(path) as part:
                Image.fromarray(pixels).save(part, "PNG")

    def _paths(self, name: str) -> list[Path]:
        return [self._folder / side / f"{name}.png" for side in ("blur", "sharp")]
