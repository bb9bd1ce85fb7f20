"""The packages' layers: a package imports only from packages before it in `LAYERS`."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    "errors cli storage files progress torch_file keras networks images "
    "diffusion metrics icdpm_datasets pretrained models configs training restoration batch evaluation serving "
    "commands icdpm_experiments"
).split()
# Methods of every model that import, when they are called, what is built on models.
IMPORTED_WHEN_CALLED = {
    "icdpm.restoration.restore.restore_file_or_array",
    "icdpm.restoration.result.Restored",  # a type
    "icdpm.serving.icdpm_signatures.icdpm_signatures",
}
WITHOUT_TENSORFLOW = ("images", "batch")
# Patterns that differ between Keras 2 and Keras 3, and the one module that may use each.
KERAS_2_ONLY = {
    r"\btf\.keras\b|\btf_keras\b|^(from|import) keras\b": {"icdpm/keras.py"},
    r"\boptimizers\.legacy\b|\btensorflow_addons\b": set(),
    r"\b(v|variable|kernel|weight|average)\.name\b": {"icdpm/keras.py"},
    r"\._dtype_policy\b": set(),
    r"\.submodules\b": set(),
}


def modules():
    """Yields (path, dotted name) of every module of the project."""
    for package, folder in (("icdpm", "icdpm"), ("icdpm_datasets", "datasets"), ("icdpm_experiments", "experiments")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path, ".".join((package, *path.relative_to(ROOT / folder).with_suffix("").parts))


def layer_of(name):
    """Returns the layer of a dotted name; None for other projects' modules and for icdpm itself."""
    first, *rest = name.split(".")
    if first == "icdpm":
        return rest[0] if rest and rest[0] != "__version__" else None
    return first if first in LAYERS else None


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_a_package_imports_from_layers_below_only():
    wrong = []
    for path, name in modules():
        layer = layer_of(name)
        if layer == "__init__":
            continue
        allowed = {None, layer, *LAYERS[: LAYERS.index(layer)]}
        imported = set(imports_of(path)) - IMPORTED_WHEN_CALLED
        wrong += [f"{path.relative_to(ROOT)} imports {each}" for each in imported if layer_of(each) not in allowed]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", WITHOUT_TENSORFLOW)
def test_packages_without_tensorflow(package):
    names = [name for _, name in modules() if name.startswith(f"icdpm.{package}.") and not name.endswith("__init__")]
    check = f"import sys, {', '.join(names)}\nsys.exit('tensorflow' in sys.modules)"
    assert len(names) > 3 and subprocess.run([sys.executable, "-c", check]).returncode == 0


@pytest.mark.parametrize("pattern, allowed", KERAS_2_ONLY.items())
def test_only_one_module_knows_the_keras_version(pattern, allowed):
    users = {str(path.relative_to(ROOT)) for path, _ in modules() if re.search(pattern, path.read_text(), re.MULTILINE)}
    assert users == allowed
