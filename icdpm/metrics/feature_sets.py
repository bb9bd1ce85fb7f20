"""Sets of features as FID and KID take them: an array [n, features], or an iterable of such arrays, read once."""

import numpy as np


def batches(features, name):
    """The arrays of a set, one after the other, as float64; a ValueError says what is wrong with one."""
    if isinstance(features, np.ndarray):
        features = [features]
    for batch in features:
        batch = np.asarray(batch, np.float64)
        if batch.ndim != 2:
            raise ValueError(f"the {name} features are not [pictures, features]: their shape is {list(batch.shape)}")
        if not np.isfinite(batch).all():
            raise ValueError(f"the {name} features hold values that are NaN or infinite")
        yield batch


def require(count, needed, metric, name):
    """Refuses a set that is too small."""
    if count < needed:
        raise ValueError(f"{metric} needs {needed} pictures or patches in each set; the {name} set has {count}")
