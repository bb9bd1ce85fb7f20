"""Reader of PyTorch's .pth files that does not need PyTorch.

It reads both formats: ZIP archives (since PyTorch 1.6), and pickles followed by raw numbers (before). Nothing that a file names
is imported or run: only tensors and dicts of tensors are accepted.
"""

from __future__ import annotations

import collections
import io
import os
import pickle
import zipfile
from typing import NamedTuple

import numpy as np

from icdpm.errors import IcdpmError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}


def read_tensors(path: str | os.PathLike, prefix: str = "") -> dict[str, np.ndarray]:
    """Reads the tensors of a saved state dict.

    Args:
      path: of the file.
      prefix: only tensors whose names start with it are read.

    Returns:
      {name: array}. The names of nested dicts are joined by dots.

    Raises:
      IcdpmError: the file is damaged, or it is not a state dict.
    """
    try:
        tensors, read = _read_zip(path) if _is_zip(path) else _read_legacy(path)
        return {name: _array(tensor, read) for name, tensor in tensors.items() if name.startswith(prefix)}
    except OSError:
        raise
    # Reading a damaged pickle raises any exception.
    except Exception as error:
        raise IcdpmError(f"{path} cannot be read as weights saved by PyTorch ({error or type(error).__name__})") from error


class _Storage(NamedTuple):
    """Contiguous numbers in the file."""

    key: str
    dtype: np.dtype
    length: int


class _Tensor(NamedTuple):
    """View of a storage; offset and strides are in elements."""

    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple


class _Parameter:
    """Trained tensor of the oldest files: an argument of the constructor, or the first element of the state."""

    def __new__(cls, tensor=None, *_):
        parameter = super().__new__(cls)
        parameter.tensor = tensor
        return parameter

    def __setstate__(self, state):
        if len(state) == 5:
            self.tensor = state[0]


# The types of a state dict, by their names in files.
_KNOWN = {
    "collections.OrderedDict": collections.OrderedDict,
    "torch._utils._rebuild_tensor": _Tensor,
    "torch._utils._rebuild_tensor_v2": lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides),
    "torch._utils._rebuild_parameter": _Parameter,
    "torch.nn.parameter.Parameter": _Parameter,
    **{f"torch.{name}": np.dtype(code) for name, code in _TYPES.items()},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (found := _KNOWN.get(f"{module}.{name}")) is None:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}")
        return found

    def persistent_load(self, saved_id: tuple) -> _Storage:
        kind, dtype, key, _, length, *view = saved_id
        if kind != "storage" or any(view):
            raise pickle.UnpicklingError(f"unknown kind of storage {saved_id}")
        return _Storage(key, dtype, length)


def _load(opened):
    # latin1 decodes the byte strings of Python 2 in older files.
    return _Unpickler(opened, encoding="latin1").load()


def _load_tensors(opened):
    return dict(_named(_load(opened)))


def _named(values, prefix=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _named(value, f"{prefix}{name}.")
        else:
            yield prefix + name, getattr(value, "tensor", value)


def _is_zip(path):
    with open(path, "rb") as opened:
        return opened.read(2) == b"PK"


def _read_zip(path):
    """Returns the tensors of a ZIP archive, and a function that reads the bytes of a storage."""
    with zipfile.ZipFile(path) as archive:
        (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        tensors = _load_tensors(io.BytesIO(archive.read(pickled)))
    folder = pickled[: -len("data.pkl")]

    def read(storage):
        with zipfile.ZipFile(path) as archive:
            return archive.read(f"{folder}data/{storage.key}")

    return tensors, read


def _read_legacy(path):
    """Returns the same as `_read_zip` for a file from before PyTorch 1.6."""
    places = {}
    with open(path, "rb") as opened:
        if _load(opened) != _MAGIC or _load(opened) != _PROTOCOL:
            raise pickle.UnpicklingError("unknown format")
        _load(opened)  # properties of the machine that wrote it
        tensors = _load_tensors(opened)
        widths = {tensor.storage.key: tensor.storage.dtype.itemsize for tensor in tensors.values()}
        for key in _load(opened):
            length = int.from_bytes(opened.read(8), "little")
            places[key] = opened.tell(), length * widths[key]
            opened.seek(length * widths[key], io.SEEK_CUR)

    def read(storage):
        start, size = places[storage.key]
        with open(path, "rb") as opened:
            opened.seek(start)
            return opened.read(size)

    return tensors, read


def _array(tensor, read):
    """Returns a copy of the numbers of a tensor."""
    storage, offset, shape, strides = tensor
    numbers = np.frombuffer(read(storage), storage.dtype)
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides))
    if len(numbers) != storage.length or min(offset, *strides, 0) < 0 or last >= len(numbers):
        raise ValueError("truncated")
    steps = [stride * storage.dtype.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(numbers[offset:], shape, steps).copy()
