"""NIQE (Mittal, Soundararajan and Bovik, "Making a Completely Blind Image Quality Analyzer", 2013), without a reference.

Lower is more natural. It follows the authors' MATLAB code: luminance is normalized by its local mean and standard deviation. In
natural images the result, and its products with its neighbors, follow generalized Gaussian distributions, whose parameters are
the features of a block (section III). A pristine model is the distribution of these features in sharp photos.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.io import loadmat
from scipy.ndimage import correlate1d
from scipy.special import gamma

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.metrics.inputs import MetricUndefined, as_uint8, matlab_gray
from icdpm.metrics.weights import NIQE, cached_weights

BLOCK = 96
FEATURES = 36
# Blocks of an image enter the pristine model if their sharpness exceeds this fraction of that of the sharpest block.
SHARPNESS_THRESHOLD = 0.75

# Other implementations use Y in place of gray, which changes the first decimal.
PROTOCOL = (
    f"NIQE of uint8 images in gray (MATLAB's rgb2gray), blocks of {BLOCK}×{BLOCK} without overlap at two scales, "
    "the pristine model of the original release unless another is named"
)

_WINDOW = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
_WINDOW /= _WINDOW.sum()
_NEIGHBORS = ((0, 1), (1, 0), (1, 1), (1, -1))
# In a uniform area the normalized luminance is 0 up to rounding errors, whose sign would count as that of texture.
_ROUNDING = 1e-10

# Shapes of generalized Gaussians, and the ratio of squared mean magnitude to variance by which they are found.
_SHAPES = np.arange(200, 10001) / 1000
_RATIOS = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))
_BETWEEN = (_RATIOS[1:] + _RATIOS[:-1]) / 2


class PristineModel(NamedTuple):
    """Distribution of the features of blocks of sharp photos.

    Attributes:
      mean: [36].
      covariance: [36, 36].
    """

    mean: np.ndarray
    covariance: np.ndarray


def niqe(image: np.ndarray, model: PristineModel | None = None) -> float:
    """Returns the NIQE of one RGB image.

    Args:
      image: uint8 or float in [0, 1], of at least two blocks.
      model: the pristine model; None: that of the original release.

    Raises:
      MetricUnavailable: the model of the original release is needed and not in the cache.
      MetricUndefined: the image is too small, or too uniform to have the features.
      ValueError: the image is invalid.
    """
    return niqe_of_gray(matlab_gray(as_uint8(image)), released_model() if model is None else model)


def niqe_of_gray(gray: np.ndarray, model: PristineModel) -> float:
    """Returns the NIQE of one channel, [height, width] in 0…255."""
    height, width = gray.shape
    if (height // BLOCK) * (width // BLOCK) < 2:
        raise MetricUndefined(
            f"NIQE needs images of at least two blocks of {BLOCK}×{BLOCK} pixels. Received: {width}×{height} pixels."
        )
    features, _ = block_features(gray)
    mean, covariance = fit_distribution(features)
    # MATLAB's own threshold for zero in a pseudoinverse.
    inverse = np.linalg.pinv((model.covariance + covariance) / 2, rcond=FEATURES * np.finfo(float).eps)
    difference = model.mean - mean
    return float(np.sqrt(difference @ inverse @ difference))


def released_model() -> PristineModel:
    """Returns the pristine model of the original release, from the cache of weights."""
    return _load_once(cached_weights(NIQE))


def fit_pristine_model(images: Iterable[np.ndarray]) -> PristineModel:
    """Fits a pristine model to sharp photos.

    Args:
      images: sharp RGB photos, uint8 or float in [0, 1]; one is held in memory at a time. The original release was fitted to
        125. Images smaller than a block are ignored.

    Raises:
      ValueError: an image is invalid, or the images have too few sharp blocks with texture for a covariance.
    """
    parts, count = [np.empty([0, FEATURES])], 0
    for image in images:
        gray = matlab_gray(as_uint8(image))
        if min(gray.shape) >= BLOCK:
            features, sharpness = block_features(gray)
            parts.append(features[sharpness > SHARPNESS_THRESHOLD * sharpness.max()])
            count += 1
    features = np.concatenate(parts)
    complete = np.count_nonzero(~np.isnan(features).any(axis=1))
    if complete <= FEATURES:
        raise ValueError(
            f"A pristine model needs at least {FEATURES + 1} sharp blocks of {BLOCK}×{BLOCK} pixels, better many more. "
            f"Received: {complete} from {count} images of that size."
        )
    return fit_distribution(features)


def fit_distribution(features: np.ndarray) -> PristineModel:
    """Returns mean and covariance of features [blocks, 36] that may hold NaN, as MATLAB's nanmean and nancov do.

    Raises:
      MetricUndefined: fewer than two blocks have all features.
    """
    complete = features[~np.isnan(features).any(axis=1)]
    if len(complete) < 2:
        raise MetricUndefined(
            f"NIQE needs texture in at least two blocks of {BLOCK}×{BLOCK} pixels. "
            f"Received: {len(complete)} of {len(features)} blocks."
        )
    return PristineModel(np.nanmean(features, axis=0), np.cov(complete, rowvar=False))


def save_pristine_model(path: str | os.PathLike, model: PristineModel) -> None:
    """Writes a model as .npz, with the names that other implementations of NIQE read."""
    with write_atomically(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, mu_pris_param=model.mean[None], cov_pris_param=model.covariance)


def load_pristine_model(path: str | os.PathLike) -> PristineModel:
    """Reads a model from .npz, or from the .mat file of the original release.

    Raises:
      IcdpmError: the file is damaged or holds something else.
    """
    try:
        return _read(path)
    except OSError:
        raise
    # Readers raise any exception for damaged files.
    except Exception as error:
        raise IcdpmError(f"{path} is not a pristine model of NIQE ({error})") from error


_load_once = functools.lru_cache(maxsize=1)(load_pristine_model)


def _read(path):
    if str(path).endswith(".mat"):
        stored = loadmat(path)
        mean, covariance = stored["mu_prisparam"], stored["cov_prisparam"]
    else:
        with np.load(path) as stored:
            mean, covariance = stored["mu_pris_param"], stored["cov_pris_param"]
    model = PristineModel(mean.reshape(FEATURES).astype(np.float64), covariance.astype(np.float64))
    if covariance.shape != (FEATURES, FEATURES) or not all(np.isfinite(part).all() for part in model):
        raise ValueError(f"{FEATURES} finite means and their covariance are needed")
    return model


def block_features(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns features and sharpness of the adjacent 96×96 blocks of an image.

    The remainder at the right and at the bottom is not used.

    Args:
      gray: [height, width] in 0…255, at least 96×96.

    Returns:
      Features [blocks, 36], 18 at full resolution and 18 at half; NaN where a uniform block does not have them. Sharpness
      [blocks]: the mean local standard deviation.
    """
    height, width = (size // BLOCK * BLOCK for size in gray.shape)
    gray = gray[:height, :width].astype(np.float64)
    normalized, deviation = _normalize(gray)
    half, _ = _normalize(_halve(gray))
    features = [_features(_blocks(normalized, BLOCK)), _features(_blocks(half, BLOCK // 2))]
    return np.concatenate(features, axis=1), _blocks(deviation, BLOCK).mean(axis=(1, 2))


def _normalize(gray):
    """Returns luminance minus its local mean, over its local standard deviation plus 1; and that standard deviation."""
    mean = _smooth(gray)
    deviation = np.sqrt(np.abs(_smooth(gray**2) - mean**2))
    normalized = (gray - mean) / (deviation + 1)
    return np.where(np.abs(normalized) < _ROUNDING, 0, normalized), deviation


def _smooth(gray):
    return correlate1d(correlate1d(gray, _WINDOW, 0, mode="nearest"), _WINDOW, 1, mode="nearest")


def _bicubic_half():
    """Returns the eight taps of MATLAB's imresize to one half: Keys' cubic, twice as wide against aliasing."""
    x = np.abs(np.arange(-3.5, 4)) / 2
    taps = np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2)
    return taps / taps.sum()


_HALF = _bicubic_half()


def _halve(gray):
    rows = correlate1d(gray, _HALF, 0, mode="reflect", origin=-1)[::2]
    return correlate1d(rows, _HALF, 1, mode="reflect", origin=-1)[:, ::2]


def _blocks(gray, side):
    """[height, width] → [blocks, side, side]."""
    rows, columns = (size // side for size in gray.shape)
    return gray.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)


def _features(blocks):
    """Returns 18 features of each block: of its values, then of their products with four neighbors, wrapped around."""
    shape, left, right = _fit(blocks)
    features = [shape, (left + right) / 2]
    for shift in _NEIGHBORS:
        shape, left, right = _fit(blocks * np.roll(blocks, shift, axis=(1, 2)))
        features += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return np.stack(features, axis=1)


def _fit(blocks):
    """Fits an asymmetric generalized Gaussian to each block by moments: shape, left scale, right scale."""
    squares, axes = blocks**2, (1, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        left, right = (np.sqrt(np.sum(squares, axes, where=side) / side.sum(axes)) for side in (blocks < 0, blocks > 0))
        skew = left / right
        ratio = np.abs(blocks).mean(axes) ** 2 / squares.mean(axes)
        ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    # The table's nearest ratio; MATLAB's min takes its first where there is none.
    shape = _SHAPES[np.where(np.isnan(ratio), 0, np.searchsorted(_BETWEEN, ratio))]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale
