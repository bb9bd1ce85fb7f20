"""Weights of a model as one file: a NumPy archive with one array for each variable, under the variable's name."""

from __future__ import annotations

import io
import os
import typing
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.keras import tf_variable, variable_name
from icdpm.models.optimizer import AveragedAdam
from icdpm.storage import storage_path

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer


def named_variables(model: ImageRestorer) -> dict[str, tf.Variable]:
    """Returns {name such as 'unet/stem/kernel': variable} of all weights, the trained ones first.

    Raises:
      IcdpmError: two variables have the same name.
    """
    named: dict[str, tf.Variable] = {}
    for variable in [*model.trainable_variables, *model.non_trainable_variables]:
        name = variable_name(variable).removeprefix(f"{model.name}/")
        if name in named:
            raise IcdpmError(f"Two variables of the model are called {name!r}. Give its layers different names.")
        named[name] = tf_variable(variable)
    return named


def save_weights(path: str | os.PathLike, values: Mapping[str, Any], dtype: Any = np.float32) -> None:
    """Writes weights to a file, which is complete or absent at any time.

    Args:
      path: the file; its name ends in .npz.
      values: {name of `named_variables`: array or tensor}.
      dtype: dtype of the arrays in the file; float16 halves its size.
    """
    with write_atomically(path) as temporary:
        np.savez(temporary, **{name: np.asarray(value, dtype) for name, value in values.items()})


def averaged_weights(model: ImageRestorer) -> dict[str, np.ndarray]:
    """Returns {name: array} of all weights, with the EMA in place of the trained weights.

    Args:
      model: a model that is compiled with the config's own optimizer.
    """
    variables = named_variables(model)
    averages = dict(zip(variables, model.optimizer.averages))  # the trained variables come first
    return {name: averages.get(name, variable).numpy() for name, variable in variables.items()}


def read_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns {name: array} of a NumPy archive, local or in a bucket, in the order of the file.

    Raises:
      IcdpmError: the file is missing or damaged.
    """
    path = storage_path(path)
    if not path.is_file():
        raise IcdpmError(f"The weights file {path} does not exist.")
    try:
        with np.load(io.BytesIO(path.read_bytes())) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise IcdpmError(f"The weights file {path} is damaged ({error}). Copy it again or train again.") from error


def read_weights(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Returns {name: float32 array} of a file that `save_weights` wrote.

    Raises:
      IcdpmError: the file is missing or damaged.
    """
    arrays = {name: array.astype(np.float32) for name, array in read_arrays(path).items()}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise IcdpmError(f"The weights file {path} is damaged: {name} has values that are not finite. Copy it again.")
    return arrays


def load_weights(path: str | os.PathLike, model: ImageRestorer) -> None:
    """Sets all variables of a model from a file that `save_weights` wrote.

    Raises:
      IcdpmError: the file is missing, damaged, or belongs to another config. The model is then unchanged.
    """
    arrays, variables = read_weights(path), named_variables(model)
    expected = {name: tuple(variable.shape) for name, variable in variables.items()}
    given = {name: array.shape for name, array in arrays.items()}
    if given != expected:
        differing = sorted(set(given.items()) ^ set(expected.items()))[0][0]
        raise IcdpmError(
            f"The weights file {path} belongs to another configuration: {differing} is {given.get(differing, 'absent')} in the "
            f"file and {expected.get(differing, 'absent')} in the model."
        )
    set_weights(model, arrays)


def load_fitting_weights(path: str | os.PathLike, model: ImageRestorer, config_name: str, partial: bool = False) -> str:
    """Sets the variables of a model for which a file has an array of the same name and shape.

    At least half of the trained variables, or half of the file's arrays, must fit. The second condition admits models with an
    additional network, such as the second stage of HI-Diff.

    Args:
      path: a file that `save_weights` wrote.
      model: the model.
      config_name: name or file of the file's config, for error messages.
      partial: whether fewer variables may fit, but at least one.

    Returns:
      A sentence about the arrays that were not used and the variables that keep their initial values.

    Raises:
      IcdpmError: the file is missing or damaged, or too few variables fit. The model is then unchanged.
    """
    arrays, variables = read_weights(path), named_variables(model)
    fitting = [name for name, variable in variables.items() if name in arrays and arrays[name].shape == tuple(variable.shape)]
    if not fitting:
        raise IcdpmError(
            f"None of the weights in {path} matches a variable of the model by name and shape. The config of these weights "
            f"is {config_name}."
        )
    trained = {variable.ref() for variable in model.trainable_tensors}
    initialized = sum(variables[name].ref() in trained for name in fitting)
    if not partial and 2 * initialized < len(trained) and 2 * len(fitting) < len(arrays):
        raise IcdpmError(
            f"Only {initialized} of {len(trained)} trained variables match the {len(arrays)} weights of {path}. Use their "
            f"config, {config_name}, or accept randomly initialized variables with --start_from_partial."
        )
    set_weights(model, {name: arrays[name] for name in fitting})
    summary = f"{len(fitting)} of {len(variables)} variables start with the weights of {path}"
    for what, names in (("not used", arrays), ("randomly initialized", variables)):
        if others := [name for name in names if name not in fitting]:
            summary += f"; {what}: {_shortened(others)}"
    return summary


def set_weights(model: ImageRestorer, values: Mapping[str, Any]) -> None:
    """Sets variables of a model from {name: array}; others keep their values. The averages restart from the weights."""
    variables = named_variables(model)
    for name, value in values.items():
        variables[name].assign(np.asarray(value).astype(variables[name].dtype.as_numpy_dtype))
    optimizer = getattr(model, "optimizer", None)
    if isinstance(optimizer, AveragedAdam):  # otherwise the next training would restore the former weights
        optimizer.restart_averages()


def _shortened(names: Iterable[str], limit: int = 3) -> str:
    names = list(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")
