"""Weights of a system as one file: a NumPy archive with an array for each variable, under the variable's name."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically


def variable_names(system):
    """The names of a system's variables, such as 'unet/stem/kernel', in the order of `system.trainable_variables`."""
    return [variable.name.split(":")[0] for variable in system.trainable_variables]


def save_weights(path, names, values, dtype=np.float32):
    """Writes arrays under their names. The file is whole or absent.

    Args:
      path: ends in .npz.
      names: of `variable_names`.
      values: arrays or tensors, in the order of the names.
      dtype: of the arrays in the file; float16 halves it.
    """
    with write_atomically(path) as temporary:
        np.savez(temporary, **{name: np.asarray(value, dtype) for name, value in zip(names, values)})


def load_weights(path, system):
    """Sets a system's variables from a file of `save_weights`.

    Raises:
      IcdpmError: the file is missing, damaged, or of another configuration; the system is then unchanged.
    """
    if not Path(path).is_file():
        raise IcdpmError(f"there is no weights file {path}")
    try:
        with np.load(path) as archive:
            arrays = {name: archive[name].astype(np.float32) for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise IcdpmError(f"the weights file {path} is damaged ({error}); copy it again or train again") from error
    names = variable_names(system)
    expected = dict(zip(names, (tuple(variable.shape) for variable in system.trainable_variables)))
    given = {name: array.shape for name, array in arrays.items()}
    if given != expected:
        differing = sorted(set(given.items()) ^ set(expected.items()))[0][0]
        raise IcdpmError(
            f"the weights file {path} belongs to another configuration: {differing} is "
            f"{given.get(differing, 'absent')} there and {expected.get(differing, 'absent')} in the model"
        )
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise IcdpmError(f"the weights file {path} is damaged ({name} has numbers that are not finite); copy it again")
    for name, variable in zip(names, system.trainable_variables):
        variable.assign(arrays[name])
