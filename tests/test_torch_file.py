"""Reader of PyTorch's files: both formats, old versions, views, damage, attacks."""

import collections
import copyreg
import io
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.torch_file import read_tensors

ARRAYS = {
    "features.0.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "features.0.bias": np.array([0.5, -1.5], np.float32),
    "classifier.weight": np.ones([5, 2], np.float16),
    "steps": np.array(7, np.int64),
}


class Pickler:
    """Writer of PyTorch's files without PyTorch: names in place of its functions, storages by persistent ids."""

    def __init__(self, monkeypatch):
        self.storages = {}
        self.names = {}
        for module, names in {
            "torch": ["FloatStorage", "HalfStorage", "LongStorage"],
            "torch._utils": ["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"],
            "torch.nn.parameter": ["Parameter"],
        }.items():
            standing_in = types.ModuleType(module)
            for name in names:
                self.names[name] = type(name, (), {"__module__": module, "__reduce_ex__": lambda self, _: self.reduced})
                setattr(standing_in, name, self.names[name])
            monkeypatch.setitem(sys.modules, module, standing_in)

    def reduced(self, name, *arguments, by=None):
        """Returns an object that is pickled as a call of the name."""
        value = self.names[name]()
        value.reduced = (by or self.names[name], arguments)
        return value

    def tensor(self, array, rebuild="_rebuild_tensor_v2"):
        key = str(1000 + len(self.storages))
        self.storages[key] = np.ascontiguousarray(array).reshape(-1)
        strides = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
        rest = (False, collections.OrderedDict()) if rebuild.endswith("v2") else ()
        return self.reduced(rebuild, Storage(key), 0, array.shape, strides[: array.ndim], *rest)

    def dump(self, value):
        class WithStorages(pickle.Pickler):  # Python 3.13 lets nothing be assigned to an object's persistent_id
            persistent_id = staticmethod(lambda each: self._id(each) if isinstance(each, Storage) else None)

        written = io.BytesIO()
        WithStorages(written, 2).dump(value)
        return written.getvalue()

    def _id(self, storage):
        numbers = self.storages[storage.key]
        kind = {"f": "FloatStorage", "e": "HalfStorage", "l": "LongStorage", "q": "LongStorage"}[numbers.dtype.char]
        return "storage", self.names[kind], storage.key, "cuda:0", numbers.size

    def zip(self, path, value):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", self.dump(value))
            archive.writestr("archive/byteorder", "little")
            for key, numbers in self.storages.items():
                archive.writestr(f"archive/data/{key}", numbers.tobytes())

    def legacy(self, path, value):
        header = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
        parts = [*(pickle.dumps(part, 2) for part in header), self.dump(value), pickle.dumps(list(self.storages), 2)]
        for numbers in self.storages.values():
            parts += [numbers.size.to_bytes(8, "little"), numbers.tobytes()]
        path.write_bytes(b"".join(parts))


class Storage:
    def __init__(self, key):
        self.key = key


@pytest.fixture
def pickler(monkeypatch):
    return Pickler(monkeypatch)


def expect_arrays(read):
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype and read[name].flags.owndata


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_reads_both_forms(form, pickler, tmp_path):
    tensors = collections.OrderedDict((name, pickler.tensor(array)) for name, array in ARRAYS.items())
    tensors._metadata = collections.OrderedDict(version=1)
    getattr(pickler, form)(tmp_path / "weights.pth", tensors)
    expect_arrays(read_tensors(tmp_path / "weights.pth"))
    assert list(read_tensors(tmp_path / "weights.pth", "features.")) == ["features.0.weight", "features.0.bias"]


@pytest.mark.parametrize("kind", ["tensor", "rebuilt parameter", "constructed parameter", "parameter in its state"])
def test_reads_what_older_versions_wrote(kind, pickler, tmp_path):
    def old(array):
        tensor = pickler.tensor(array, "_rebuild_tensor")
        if kind == "tensor":
            return tensor
        if kind == "rebuilt parameter":
            return pickler.reduced("_rebuild_parameter", tensor, True, collections.OrderedDict())
        parameter = pickler.names["Parameter"]
        if kind == "constructed parameter":
            arguments, state = (parameter, tensor), (True, False, collections.OrderedDict())
        else:
            arguments, state = (parameter,), (tensor, None, collections.OrderedDict(), True, False)
        value = parameter()
        value.reduced = copyreg.__newobj__, arguments, state
        return value

    pickler.legacy(tmp_path / "weights.pth", {name: old(array) for name, array in ARRAYS.items()})
    expect_arrays(read_tensors(tmp_path / "weights.pth"))


def test_reads_views(pickler, tmp_path):
    whole = pickler.tensor(np.arange(12, dtype=np.float32))
    storage = whole.reduced[1][0]
    views = {"transposed": (0, (4, 3), (1, 4)), "part": (5, (2,), (3,))}
    tensors = {name: pickler.reduced("_rebuild_tensor", storage, *view) for name, view in views.items()}
    pickler.zip(tmp_path / "views.pth", tensors)
    read = read_tensors(tmp_path / "views.pth")
    np.testing.assert_array_equal(read["transposed"], np.arange(12).reshape(3, 4).T)
    np.testing.assert_array_equal(read["part"], [5, 8])


@pytest.mark.parametrize("view", [(0, (13,), (1,)), (12, (1,), (1,)), (-1, (2,), (1,)), (11, (2,), (-1,))])
def test_views_beyond_their_storage_raise(view, pickler, tmp_path):
    storage = pickler.tensor(np.arange(12, dtype=np.float32)).reduced[1][0]
    pickler.zip(tmp_path / "views.pth", {"beyond": pickler.reduced("_rebuild_tensor", storage, *view)})
    with pytest.raises(IcdpmError, match="views.pth cannot be read as weights saved by PyTorch"):
        read_tensors(tmp_path / "views.pth")


def test_nothing_else_is_imported_or_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return exec, ("raise SystemExit",)

    header = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {}))
    (tmp_path / "attack.pth").write_bytes(header + pickle.dumps({"a": Attack()}, 2))
    with pytest.raises(IcdpmError, match="it refers to __?builtins?__?.exec"):
        read_tensors(tmp_path / "attack.pth")


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_damaged_files_raise(form, pickler, tmp_path):
    path = tmp_path / "weights.pth"
    getattr(pickler, form)(path, {name: pickler.tensor(array) for name, array in ARRAYS.items()})
    whole = path.read_bytes()
    for size in (0, 1, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(IcdpmError, match="weights.pth cannot be read as weights saved by PyTorch"):
            read_tensors(path)
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "missing.pth")


def test_reads_what_pytorch_writes(tmp_path):
    torch = pytest.importorskip("torch", reason="needs PyTorch, which `pip install .[bench]` brings")
    tensors = {name: torch.from_numpy(array) for name, array in ARRAYS.items()}
    turned = tensors["features.0.weight"].permute(2, 1, 0).contiguous().permute(2, 1, 0)  # strides that are not C's
    tensors["features.0.weight"] = torch.nn.Parameter(turned)
    for is_zip in (True, False):
        torch.save(tensors, tmp_path / "weights.pth", _use_new_zipfile_serialization=is_zip)
        expect_arrays(read_tensors(tmp_path / "weights.pth"))


def test_names_of_dicts_in_dicts_are_joined(tmp_path, pickler):
    tensors = {name: pickler.tensor(array) for name, array in ARRAYS.items()}
    pickler.zip(tmp_path / "weights.pth", {"params": tensors})
    joined = read_tensors(tmp_path / "weights.pth", "params.")
    expect_arrays({name.replace("params.", "", 1): array for name, array in joined.items()})
