"""Pairs that an experiment restores: a subset, center crops, only blurred pairs, changed inputs, or mildly blurred crops.

`define_flags`, `load_selected_pairs` and `reproducing_command` are for commands whose flags select the pairs.
"""

from pathlib import Path

import numpy as np
from absl import flags

from icdpm.errors import IcdpmError
from icdpm.evaluation.pairing import list_images, pair_name
from icdpm.images.search import normalize_name
from icdpm.metrics.psnr import psnr
from icdpm_datasets.degradations import compress_jpeg
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import FileSource, dtype_of
from icdpm_experiments.results import make_command

FLAGS = flags.FLAGS
UNBLURRED_PSNR = 40.0  # dB: an input this close to the sharp image contains noise, but no blur
_MILD_PSNR = (32.0, 45.0)  # dB


class SelectedPairs:
    """`PairSource` of selected pairs of another source.

    Args:
      source: the other `PairSource`.
      indices: indices of the selected pairs.
      description: one line for logs and results.
    """

    def __init__(self, source, indices, description):
        self._source = source
        self._indices = indices
        self.names = [source.names[index] for index in indices]
        self.dtype = dtype_of(source)
        self.description = description
        if isinstance(source, FileSource):
            self.files = lambda index: source.files(indices[index])

    def __len__(self):
        return len(self._indices)

    def load(self, index):
        """Returns the pair (blurry, sharp) at `index`, [height, width, 3] of `dtype`."""
        return self._source.load(self._indices[index])

    def check_crop(self, crop):
        """Raises `IcdpmError` if a side of any image of the whole source is shorter than `crop` pixels."""
        self._source.check_crop(crop)


class CenterCrops(SelectedPairs):
    """`PairSource` of the center side×side pixels of each pair of another source. Smaller images remain whole.

    Args:
      source: the other `PairSource`.
      side: side of the crops in pixels.
    """

    def __init__(self, source, side):
        # Folders of restored images are compared by this description: it stays as it is.
        super().__init__(source, range(len(source)), f"the middle {side}×{side} of {source.description}")
        self._side = side

    def load(self, index):
        """Returns the pair (blurry, sharp) at `index`, [height, width, 3] of `dtype`."""
        return tuple(center_crop(image, self._side) for image in super().load(index))


class SharpPairs(SelectedPairs):
    """`PairSource` whose inputs are the sharp images of another source: a model should leave them unchanged.

    Args:
      source: the other `PairSource`.
    """

    def __init__(self, source):
        # Folders of restored images are compared by this description: it stays as it is.
        super().__init__(source, range(len(source)), f"the sharp pictures of {source.description}")

    def load(self, index):
        """Returns the pair (sharp, sharp) at `index`, [height, width, 3] of `dtype`."""
        return (super().load(index)[1],) * 2


class JpegPairs(SelectedPairs):
    """`PairSource` whose inputs are the blurry images of another source after JPEG compression (4:2:0).

    Args:
      source: the other `PairSource`, of 8 bits.
      quality: libjpeg's quality, 1 to 95.
    """

    def __init__(self, source, quality):
        super().__init__(source, range(len(source)), f"{source.description}, JPEG quality {quality}")
        self._quality = quality

    def load(self, index):
        """Returns the pair (compressed, sharp) at `index`, uint8 [height, width, 3]."""
        blurry, sharp = super().load(index)
        return compress_jpeg(blurry, self._quality), sharp


class MildCrops:
    """`PairSource` of crops whose blur is mild: PSNR between blurry and sharp from 32 to 45 dB.

    The crops, their blur and their order are those of training, with seed 0.

    Args:
      source: `CropSource` that blurs crops, such as `load_pairs("motion:photos", "test")`.
      count: number of crops.
      side: side of the crops in pixels.

    Raises:
      IcdpmError: an image of the source is smaller than a crop.
    """

    def __init__(self, source, count=100, side=128):
        source.check_crop(side)
        rng = np.random.default_rng(0)
        self._pairs = []
        while len(self._pairs) < count:
            pair = source.load_crop(int(rng.integers(len(source))), side, rng.integers(0, 2**31, 3))
            if _MILD_PSNR[0] <= psnr(*pair) <= _MILD_PSNR[1]:
                self._pairs.append(pair)
        self.names = [f"crop-{index:03}" for index in range(count)]
        self.description = f"{count} mildly blurred crops of {side}×{side} px of {source.description}"

    def __len__(self):
        return len(self._pairs)

    def load(self, index):
        """Returns the pair (blurry, sharp) at `index`, uint8 [side, side, 3]."""
        return self._pairs[index]


def center_crop(image, side):
    """Returns the center side×side pixels of an image [height, width, …]. Shorter sides remain whole."""
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def select_blurred(pairs):
    """Returns a `PairSource` of the pairs whose PSNR is at most `UNBLURRED_PSNR`, or `pairs` if that is all of them."""
    indices = [index for index in range(len(pairs)) if psnr(*pairs.load(index)) <= UNBLURRED_PSNR]
    excluded = len(pairs) - len(indices)
    return SelectedPairs(pairs, indices, f"{pairs.description} without the {excluded} not blurred") if excluded else pairs


def restored_files(folder, pairs):
    """Lists the restored images of a folder in the order of a `PairSource`.

    Images are paired by name, as by icdpm-evaluate: those of other methods may have other forms of a name and other formats.

    Args:
      folder: folder of restored images.
      pairs: `PairSource` that was restored.

    Returns:
      List of `Path`.

    Raises:
      IcdpmError: the folder lacks an image.
    """
    files = list_images(Path(folder), "restored")
    names = [normalize_name(pair_name(name)) for name in pairs.names]
    if absent := [name for name in names if name not in files]:
        raise IcdpmError(f"{folder} has no restored image of {absent[0]}.")
    return [files[name] for name in names]


def check_training_folder(folder):
    """Raises `IcdpmError` if the folder of training images, the make variable FOLDER, is missing."""
    if not folder or not Path(folder).is_dir():
        raise IcdpmError(f"The folder {folder or ''!r} of training images does not exist. Set it with FOLDER=images.")


def load_test_pairs(data, data_dir=None, count=None, crop=None):
    """Loads the test pairs of a data set, or a selection of them.

    Args:
      data, data_dir: as for `icdpm_datasets.load.load_pairs`.
      count: number of pairs, evenly spaced over the data set. Default: all.
      crop: side of the center crops in pixels. Default: whole images.

    Returns:
      A `PairSource`.
    """
    pairs = load_pairs(data, "test", data_dir)
    if count is not None and count < len(pairs):
        indices = np.linspace(0, len(pairs) - 1, count).round().astype(int).tolist()
        pairs = SelectedPairs(pairs, indices, f"{count} of {pairs.description}, evenly chosen")
    return pairs if crop is None else CenterCrops(pairs, crop)


def define_flags(crop=None):
    """Defines the flags that select pairs; `flags.adopt_module_key_flags` adds them to the --help of a command.

    Args:
      crop: default of --crop.
    """
    default = "" if crop else " Default: whole images."
    flags.DEFINE_string("data", "embedded", "Data to restore: a folder with blur/ and sharp/, or any --data of icdpm-train.")
    flags.DEFINE_string("data_dir", None, "Published data sets: output of icdpm-prepare. Default: ~/tensorflow_datasets.")
    flags.DEFINE_integer("images", None, "Number of pairs, evenly spaced over the data set. Default: all.", 1)
    flags.DEFINE_integer("crop", crop, f"Side in pixels of the center crop of each image that is restored.{default}", 16)


def load_selected_pairs():
    """Returns the `PairSource` that the flags select."""
    return load_test_pairs(FLAGS.data, FLAGS.data_dir, FLAGS.images, FLAGS.crop)


def reproducing_command(target):
    """Returns the make command that is equivalent to the current flags."""
    given = {name: FLAGS[name].value for name in ("data", "data_dir", "images", "crop", "samples") if name in FLAGS}
    given = {name.upper(): value for name, value in given.items() if value != FLAGS[name].default}
    workdir = FLAGS["workdir"].value
    return make_command(target, WORKDIR=" ".join(workdir) if isinstance(workdir, list) else workdir, **given)
