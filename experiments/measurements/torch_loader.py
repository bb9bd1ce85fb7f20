"""The plain PyTorch way to read training pairs, to compare with: for every example decode two PNG files, cut, flip."""

import numpy as np
import torch
from PIL import Image


class _Crops(torch.utils.data.Dataset):
    def __init__(self, folder, crop):
        self._folder, self._crop = folder, crop
        self._files = sorted(path.name for path in (folder / "sharp").iterdir())

    def __len__(self):
        return len(self._files)

    def __getitem__(self, index):
        blurry, sharp = (_decode(self._folder / side / self._files[index]) for side in ("blur", "sharp"))
        room = [size - self._crop + 1 for size in sharp.shape[:2]]
        top, left, flipped = (int(torch.randint(limit, ())) for limit in (*room, 2))
        window = slice(top, top + self._crop), slice(left, left + self._crop)
        return tuple(_tensor(picture[window], flipped) for picture in (blurry, sharp))


def _decode(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _tensor(crop, flipped):
    """[3, H, W] in [-1, 1] of uint8 [H, W, 3]."""
    crop = crop[:, ::-1] if flipped else crop
    return torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))).float() / 127.5 - 1.0


def data_loader(folder, *, batch, crop, batches, workers=2):
    """A DataLoader over `batches` batches of (blurry, sharp), float32 [batch, 3, crop, crop], every epoch shuffled.

    Args:
      folder: with `blur` and `sharp` in it.
      batch, crop, batches: of what size, and how many.
      workers: processes that read.
    """
    pairs = _Crops(folder, crop)
    epochs = -(-batch * batches // len(pairs))
    order = torch.cat([torch.randperm(len(pairs)) for _ in range(epochs)]).tolist()[: batch * batches]
    return torch.utils.data.DataLoader(pairs, batch, sampler=order, num_workers=workers)
