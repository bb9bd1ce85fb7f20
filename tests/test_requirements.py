"""What setup.py asks for, and the list for a TensorFlow that is for CPUs alone."""

import re
import runpy
import sys
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).parent.parent


def test_the_list_for_cpus_is_that_of_setup(monkeypatch):
    told = {}
    monkeypatch.setattr(setuptools, "setup", lambda **given: told.update(given))
    runpy.run_path(str(ROOT / "setup.py"))
    apart = ("tensorflow-serving-api",)  # it asks for TensorFlow itself, which the list must not
    wanted = [re.sub(r"^tensorflow(?=[=>])", "tensorflow-cpu", line) for line in told["install_requires"]]
    listed = (ROOT / "requirements-cpu.txt").read_text().splitlines()
    assert [line for line in listed if not line.startswith("#")] == [line for line in wanted if not line.startswith(apart)]
    assert sum(line.startswith("tensorflow-cpu") for line in wanted) == 2


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 14, 0)])
def test_another_python_is_told_which_ones_work(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sys, "version", ".".join(map(str, version)) + " (main)")
    with pytest.raises(SystemExit, match=r"3\.9 to 3\.13.*Python " + ".".join(map(str, version)) + "$"):
        runpy.run_path(str(ROOT / "setup.py"))
