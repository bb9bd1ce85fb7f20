"""NIQE's pristine model: how the features of sharp photos are distributed."""

from typing import NamedTuple

import numpy as np
from scipy.io import loadmat

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.metrics.as_uint8 import as_uint8
from icdpm.metrics.luma import matlab_gray
from icdpm.metrics.natural_scenes import BLOCK, FEATURES, block_features

# Of a photo's blocks those sharper than this part of its sharpest one enter the model.
SHARP_ENOUGH = 0.75


class PristineModel(NamedTuple):
    """The mean [36] and the covariance [36, 36] of the features of blocks of sharp photos."""

    mean: np.ndarray
    covariance: np.ndarray


def distribution(features):
    """Mean and covariance of features [blocks, 36] that may hold NaN, as MATLAB's nanmean and nancov have them.

    Raises:
      ValueError: fewer than two blocks have all features.
    """
    whole = features[~np.isnan(features).any(axis=1)]
    if len(whole) < 2:
        counts = f"{len(whole)} of {len(features)}"
        raise ValueError(f"NIQE needs texture in two blocks of {BLOCK}×{BLOCK} or more, and {counts} have it")
    return PristineModel(np.nanmean(features, axis=0), np.cov(whole, rowvar=False))


def fit_pristine_model(photos):
    """The pristine model of sharp photos.

    Args:
      photos: an iterable of RGB pictures, uint8 or float in [0, 1]; one is held at a time. The original release was
        fitted to 125. Photos smaller than a block count for nothing.

    Raises:
      ValueError: a photo is not a picture, or the photos have too few sharp blocks with texture for a covariance.
    """
    features, count = [np.empty([0, FEATURES])], 0
    for photo in photos:
        gray = matlab_gray(as_uint8(photo))
        if min(gray.shape) >= BLOCK:
            of_photo, sharpness = block_features(gray)
            features.append(of_photo[sharpness > SHARP_ENOUGH * sharpness.max()])
            count += 1
    features = np.concatenate(features)
    whole = np.count_nonzero(~np.isnan(features).any(axis=1))
    if whole <= FEATURES:
        raise ValueError(
            f"a pristine model needs {FEATURES + 1} sharp blocks of {BLOCK}×{BLOCK} or more, and many more to be good; "
            f"{count} photos of that size gave {whole}"
        )
    return distribution(features)


def save_pristine_model(path, model):
    """Writes a model as .npz, under the names that other implementations of NIQE read."""
    with write_atomically(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, mu_pris_param=model.mean[None], cov_pris_param=model.covariance)


def load_pristine_model(path):
    """Reads a model from .npz, or from the .mat of the original release.

    Raises:
      IcdpmError: the file is damaged or holds something else.
    """
    try:
        return _read(path)
    except OSError:
        raise
    # Damaged files make their readers raise anything.
    except Exception as error:
        raise IcdpmError(f"{path}: it is not a pristine model of NIQE ({error})") from error


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
