"""What setup.py asks for, and the list for a TensorFlow that is for CPUs alone."""

import re
import runpy
from pathlib import Path

import setuptools

ROOT = Path(__file__).parent.parent


def test_the_list_for_cpus_is_that_of_setup(monkeypatch):
    told = {}
    monkeypatch.setattr(setuptools, "setup", lambda **given: told.update(given))
    runpy.run_path(str(ROOT / "setup.py"))
    apart = ("tf_keras", "tensorflow-serving-api")  # they ask for TensorFlow themselves, which the list must not
    wanted = [re.sub(r"^tensorflow(?=[=>])", "tensorflow-cpu", line) for line in told["install_requires"]]
    listed = (ROOT / "requirements-cpu.txt").read_text().splitlines()
    assert [line for line in listed if not line.startswith("#")] == [line for line in wanted if not line.startswith(apart)]
    assert sum(line.startswith("tensorflow-cpu") for line in wanted) == 2
