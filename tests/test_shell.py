"""Tests of the installation: versions, console scripts, packages, make targets."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import icdpm

ROOT = Path(__file__).parents[1]
SCRIPTS = [entry for entry in metadata.distribution("icdpm").entry_points if entry.group == "console_scripts"]


def test_installed_version():
    assert metadata.version("icdpm") == icdpm.__version__


@pytest.mark.parametrize(
    "pin", ["tensorflow==2.15.1", "tensorflow-addons==0.23.0", "tensorflow-metadata<1.18", "numpy<2,>=1.26"]
)
def test_upper_pins(pin):
    assert f'{pin}; python_version < "3.12"' in metadata.requires("icdpm")


@pytest.mark.parametrize("pin", ["tensorflow<2.22,>=2.20", "keras<4,>=3.10", "tensorflow-serving-api<2.22,>=2.20"])
def test_required_versions_are_tested_ones(pin):
    assert f'{pin}; python_version >= "3.12"' in metadata.requires("icdpm")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_console_scripts_resolve_without_tensorflow(script):
    # Each in a process of its own, as flags of different commands share one namespace.
    check = f"import sys; from {script.module} import {script.attr}; sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_packages_can_be_imported_from_any_folder(tmp_path):
    check = "import icdpm, icdpm_datasets, icdpm_experiments"
    subprocess.run([sys.executable, "-c", check], check=True, cwd=tmp_path)


@pytest.mark.parametrize("folder", ["icdpm", "datasets", "experiments"])
def test_every_folder_with_code_is_a_package(folder):
    folders = {path.parent for path in (ROOT / folder).rglob("*.py")}
    assert [str(path) for path in sorted(folders) if not (path / "__init__.py").exists()] == []


def test_make_lists_its_targets():
    listed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [line.split()[1] for line in listed.stdout.splitlines()]
    some = "setup demo test test-fast test-stacks lint bench-table11 bench-input wheel-check clean"
    assert set(some.split()) <= set(names)
