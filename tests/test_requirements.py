"""Requirements in setup.py, and requirements-cpu.txt, the same list with TensorFlow for CPUs."""

import re
import runpy
import sys
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).parent.parent


def test_the_list_for_cpus_agrees_with_setup(monkeypatch):
    arguments = {}
    monkeypatch.setattr(setuptools, "setup", arguments.update)
    runpy.run_path(str(ROOT / "setup.py"))
    required = [re.sub(r"^tensorflow(?=[=>])", "tensorflow-cpu", line) for line in arguments["install_requires"]]
    # tensorflow-serving-api requires the other TensorFlow.
    required = [line for line in required if not line.startswith("tensorflow-serving-api")]
    listed = (ROOT / "requirements-cpu.txt").read_text().splitlines()
    assert [line for line in listed if not line.startswith("#")] == required
    assert sum(line.startswith("tensorflow-cpu") for line in required) == 2


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 14, 0)])
def test_an_unsupported_python_is_an_error_that_names_the_supported_ones(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sys, "version", ".".join(map(str, version)) + " (main)")
    with pytest.raises(SystemExit, match=r"3\.9 to 3\.13.*Python " + ".".join(map(str, version)) + r"\.$"):
        runpy.run_path(str(ROOT / "setup.py"))
