"""The natural scene statistics that NIQE is made of: what the luminance of each block of a picture looks like.

Luminance is normalised by its local mean and deviation; in photos of the world the result, and its products with its
neighbours, are distributed as generalised Gaussians, whose parameters are the features (Mittal, Soundararajan and Bovik,
"Making a Completely Blind Image Quality Analyzer", section III).
"""

import numpy as np
from scipy.ndimage import correlate1d
from scipy.special import gamma

BLOCK = 96
FEATURES = 36

_WINDOW = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
_WINDOW /= _WINDOW.sum()
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))
# In an even area the normalised luminance is 0, but for rounding, whose sign would then count as that of texture.
_ROUNDING = 1e-10

# A generalised Gaussian's shape, and the ratio of its squared mean magnitude to its variance, by which it is found.
_SHAPES = np.arange(200, 10001) / 1000
_RATIOS = gamma(2 / _SHAPES) ** 2 / (gamma(1 / _SHAPES) * gamma(3 / _SHAPES))
_BETWEEN = (_RATIOS[1:] + _RATIOS[:-1]) / 2


def block_features(gray):
    """The features of a picture's blocks of 96×96, which do not overlap; what is left at the right and below is unused.

    Args:
      gray: [height, width] in 0…255, 96×96 or more.

    Returns:
      (features [blocks, 36], 18 at full size and 18 at half; the mean local deviation [blocks], a block's sharpness).
      Features that an even block does not have are NaN.
    """
    height, width = (size // BLOCK * BLOCK for size in gray.shape)
    gray = gray[:height, :width].astype(np.float64)
    normalised, deviation = _normalise(gray)
    half, _ = _normalise(_halve(gray))
    features = [_features(_blocks(normalised, BLOCK)), _features(_blocks(half, BLOCK // 2))]
    return np.concatenate(features, axis=1), _blocks(deviation, BLOCK).mean(axis=(1, 2))


def _normalise(gray):
    """Luminance less its local mean over its local deviation, and that deviation."""
    mean = _smooth(gray)
    deviation = np.sqrt(np.abs(_smooth(gray**2) - mean**2))
    normalised = (gray - mean) / (deviation + 1)
    return np.where(np.abs(normalised) < _ROUNDING, 0, normalised), deviation


def _smooth(gray):
    return correlate1d(correlate1d(gray, _WINDOW, 0, mode="nearest"), _WINDOW, 1, mode="nearest")


def _bicubic_half():
    """The eight taps of MATLAB's imresize to one half: Keys' cubic, twice as wide against aliasing."""
    x = np.abs(np.arange(-3.5, 4)) / 2
    taps = np.where(x <= 1, 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2)
    return taps / taps.sum()


_HALF = _bicubic_half()


def _halve(gray):
    rows = correlate1d(gray, _HALF, 0, mode="reflect", origin=-1)[::2]
    return correlate1d(rows, _HALF, 1, mode="reflect", origin=-1)[:, ::2]


def _blocks(gray, side):
    """[height, width] as [blocks, side, side]."""
    rows, columns = (size // side for size in gray.shape)
    return gray.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)


def _features(blocks):
    """18 features of each block: of its values, then of their products with four neighbours, wrapped around."""
    shape, left, right = _fit(blocks)
    features = [shape, (left + right) / 2]
    for shift in _NEIGHBOURS:
        shape, left, right = _fit(blocks * np.roll(blocks, shift, axis=(1, 2)))
        features += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return np.stack(features, axis=1)


def _fit(blocks):
    """Each block's asymmetric generalised Gaussian, by moments: shape, left scale, right scale."""
    squares, axes = blocks**2, (1, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        left, right = (
            np.sqrt(np.sum(squares, axes, where=side) / side.sum(axes)) for side in (blocks < 0, blocks > 0)
        )
        skew = left / right
        ratio = np.abs(blocks).mean(axes) ** 2 / squares.mean(axes)
        ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    # The table's nearest ratio; MATLAB's min takes its first where there is none.
    shape = _SHAPES[np.where(np.isnan(ratio), 0, np.searchsorted(_BETWEEN, ratio))]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale
