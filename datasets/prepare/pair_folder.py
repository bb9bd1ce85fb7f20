"""A folder of pairs in the making: blur/NAME.png and sharp/NAME.png."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically

_RECORD = "made_by.json"


class PairFolder:
    """Pairs written one by one, each file under its name only when it is whole.

    Args:
      folder: made where it is missing.
      settings: what the pairs are made from and how, for `made_by.json`.

    A run that was interrupted continues: pairs that are there are kept. Raises IcdpmError where the folder holds
    something else, or pairs made with other settings, as the two would mix.
    """

    def __init__(self, folder: Path, settings: dict):
        self._folder = folder
        record = folder / _RECORD
        if record.is_file():
            if json.loads(record.read_text(encoding="utf-8")) != settings:
                raise IcdpmError(f"{folder}: made with other settings ({record}); remove it or choose another --output")
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise IcdpmError(f"{folder}: is there already and not a folder of this command; choose another --output")
        else:
            with write_atomically(record) as part:
                part.write_text(json.dumps(settings, indent=2), encoding="utf-8")

    def __contains__(self, name: str) -> bool:
        return all(path.is_file() for path in self._paths(name))

    def write(self, name: str, blurry: np.ndarray, sharp: np.ndarray) -> None:
        """Writes a pair, both uint8 [H, W, 3]; IcdpmError, naming the file, where the disk is full."""
        for path, pixels in zip(self._paths(name), (blurry, sharp)):
            with write_atomically(path) as part:
                Image.fromarray(pixels).save(part, "PNG")

    def _paths(self, name: str) -> list[Path]:
        return [self._folder / side / f"{name}.png" for side in ("blur", "sharp")]
