"""Weights of a system as one file: a NumPy archive with an array for each variable, under the variable's name."""

import io
import zipfile
import zlib

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.keras import tf_variable, variable_name
from icdpm.storage import storage_path


def named_variables(model):
    """Returns {name such as 'unet/stem/kernel': `tf.Variable`} of all weights: those that are trained, then the others.

    Raises:
      IcdpmError: two have one name.
    """
    named = {}
    for variable in [*model.trainable_variables, *model.non_trainable_variables]:
        name = variable_name(variable).removeprefix(f"{model.name}/")
        if name in named:
            raise IcdpmError(f"two variables of the system are called {name!r}: give its layers names of their own")
        named[name] = tf_variable(variable)
    return named


def save_weights(path, values, dtype=np.float32):
    """Writes {name: array or tensor}. The file is whole or absent.

    Args:
      path: ends in .npz.
      values: under the names of `named_variables`.
      dtype: of the arrays in the file; float16 halves it.
    """
    with write_atomically(path) as temporary:
        np.savez(temporary, **{name: np.asarray(value, dtype) for name, value in values.items()})


def averaged_weights(model):
    """Returns {name: array} of all weights: the moving averages of those that are trained, the others as they are.

    Args:
      model: an `ImageRestorer` that is compiled with the config's own optimizer.
    """
    optimizer, weights = model.optimizer, named_variables(model)
    averages = dict(zip(weights, optimizer.averages))  # the trained weights come first
    return {name: averages.get(name, variable).numpy() for name, variable in weights.items()}


def read_arrays(path):
    """Returns {name: array} of a NumPy archive, here or in a bucket, in the order of the file.

    Raises:
      IcdpmError: the file is missing or damaged.
    """
    path = storage_path(path)
    if not path.is_file():
        raise IcdpmError(f"there is no weights file {path}")
    try:
        with np.load(io.BytesIO(path.read_bytes())) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise IcdpmError(f"the weights file {path} is damaged ({error}); copy it again or train again") from error


def read_weights(path):
    """Returns {name: float32 array} of a file of `save_weights`.

    Raises:
      IcdpmError: the file is missing or damaged.
    """
    arrays = {name: array.astype(np.float32) for name, array in read_arrays(path).items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise IcdpmError(f"the weights file {path} is damaged ({name} has numbers that are not finite); copy it again")
    return arrays


def load_weights(path, model):
    """Sets all of a system's variables from a file of `save_weights`.

    Raises:
      IcdpmError: the file is missing, damaged, or of another configuration; the system is then unchanged.
    """
    arrays, variables = read_weights(path), named_variables(model)
    expected = {name: tuple(variable.shape) for name, variable in variables.items()}
    given = {name: array.shape for name, array in arrays.items()}
    if given != expected:
        differing = sorted(set(given.items()) ^ set(expected.items()))[0][0]
        raise IcdpmError(
            f"the weights file {path} belongs to another configuration: {differing} is "
            f"{given.get(differing, 'absent')} there and {expected.get(differing, 'absent')} in the model"
        )
    set_weights(model, arrays)


def load_fitting_weights(path, model, config_name, partial=False):
    """Sets those of a system's variables that a file of `save_weights` has, with the same name and shape.

    Half of the trained variables have to fit, or half of the file's: a model that has another network besides, as HI-Diff's
    second stage has, begins with all that there is.

    Args:
      path: the file.
      model: the system.
      config_name: name, or file, of the config that the file belongs to, which errors recommend.
      partial: whether fewer may fit, but not none.

    Returns:
      A sentence that tells what was left in the file and which variables found nothing there.

    Raises:
      IcdpmError: the file is missing or damaged, or too little in it fits; the system is then unchanged.
    """
    arrays, variables = read_weights(path), named_variables(model)
    fitting = [name for name, variable in variables.items() if name in arrays and arrays[name].shape == tuple(variable.shape)]
    if not fitting:
        raise IcdpmError(
            f"nothing in {path} fits: no variable of the model has a name and shape that are there; the config of these "
            f"weights is {config_name}"
        )
    trained = {variable.ref() for variable in model.trainable_tensors}
    begun = sum(variables[name].ref() in trained for name in fitting)
    if not partial and 2 * begun < len(trained) and 2 * len(fitting) < len(arrays):
        raise IcdpmError(
            f"only {begun} of {len(trained)} trained variables fit the weights of {path}, which has {len(arrays)}; use the "
            f"config of these weights, {config_name}, or begin the others with random values by --start_from_partial"
        )
    set_weights(model, {name: arrays[name] for name in fitting})
    said = f"{len(fitting)} of {len(variables)} variables begin with the weights of {path}"
    for what, names in (("left there", arrays), ("new", variables)):
        if others := [name for name in names if name not in fitting]:
            said += f"; {what}: {_listed(others)}"
    return said


def set_weights(model, values):
    """Sets variables of a system from {name: array}; those that are not named stay as they are."""
    variables = named_variables(model)
    for name, value in values.items():
        variables[name].assign(np.asarray(value).astype(variables[name].dtype.as_numpy_dtype))


def _listed(names, most=3):
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
