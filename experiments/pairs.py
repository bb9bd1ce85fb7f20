"""Which pairs an experiment restores, where all of a test set or whole pictures would be too many."""

import numpy as np

from icdpm.metrics.psnr import psnr
from icdpm_datasets.load import load_pairs

UNBLURRED_PSNR = 40.0  # dB: an input this close to the sharp scene has noise, but no blur


class SelectedPairs:
    """A `PairSource` of chosen pairs of another.

    Args:
      source: the other `PairSource`.
      indices: of the pairs, in it.
      description: one line for logs and results.
    """

    def __init__(self, source, indices, description):
        self._source = source
        self._indices = indices
        self.names = [source.names[index] for index in indices]
        self.description = description

    def __len__(self):
        return len(self._indices)

    def load(self, index):
        """The pair (blurry, sharp) at `index`, uint8 [height, width, 3]."""
        return self._source.load(self._indices[index])

    def check_crop(self, crop):
        """Raises IcdpmError where a picture of the whole source is narrower or lower than `crop` pixels."""
        self._source.check_crop(crop)


class CentralCrops(SelectedPairs):
    """A `PairSource` of the middle side×side pixels of another's pairs; of smaller pictures what there is.

    Args:
      source: the other `PairSource`.
      side: in pixels.
    """

    def __init__(self, source, side):
        super().__init__(source, range(len(source)), f"the middle {side}×{side} of {source.description}")
        self._side = side

    def load(self, index):
        """The pair (blurry, sharp) at `index`, uint8 [height, width, 3]."""
        return tuple(center_crop(picture, self._side) for picture in super().load(index))


class SharpPairs(SelectedPairs):
    """A `PairSource` of another's sharp pictures as both sides: what a model should leave as it is.

    Args:
      source: the other `PairSource`.
    """

    def __init__(self, source):
        super().__init__(source, range(len(source)), f"the sharp pictures of {source.description}")

    def load(self, index):
        """The pair (sharp, sharp) at `index`, uint8 [height, width, 3]."""
        return (super().load(index)[1],) * 2


def center_crop(picture, side):
    """The middle side×side pixels of a picture, or what there is of them."""
    top, left = (max(0, (length - side) // 2) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def select_blurred(pairs):
    """Those of the pairs that are blurred: whose blurry picture has more than noise to tell it from the sharp one."""
    indices = [index for index in range(len(pairs)) if psnr(*pairs.load(index)) <= UNBLURRED_PSNR]
    left_out = len(pairs) - len(indices)
    return SelectedPairs(pairs, indices, f"{pairs.description} without the {left_out} not blurred") if left_out else pairs


def open_test_pairs(data, data_dir=None, count=None, crop=None):
    """The test pairs of `data`, as `icdpm_datasets.load.load_pairs` has them, or some of them.

    Args:
      data, data_dir: as there.
      count: how many, spread evenly over the set; None for all.
      crop: side of the middle part of each picture that is taken; None for whole pictures.
    """
    pairs = load_pairs(data, "test", data_dir)
    if count is not None and count < len(pairs):
        indices = np.linspace(0, len(pairs) - 1, count).round().astype(int).tolist()
        pairs = SelectedPairs(pairs, indices, f"{count} of {pairs.description}, evenly chosen")
    return pairs if crop is None else CentralCrops(pairs, crop)
