"""Tests of the templates for clusters: syntax by the clusters' schemas, and flags of the commands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import icdpm_experiments

FOLDER = Path(icdpm_experiments.__file__).parent / "cluster"
KUBERNETES = sorted(FOLDER.glob("*.yaml"))
SLURM = sorted(FOLDER.glob("*.slurm"))
# Options of sbatch, from its manual page, with and without a value.
SBATCH = "job-name array nodes ntasks gpus-per-node cpus-per-task mem time signal open-mode".split()
SBATCH_BARE = ["requeue"]


def test_templates_and_readme_agree():
    assert len(KUBERNETES) == 3 and len(SLURM) == 2
    named = re.findall(r"`([\w.]+\.(?:yaml|slurm))`", (FOLDER / "README.md").read_text())
    assert sorted(named) == sorted(path.name for path in [*KUBERNETES, *SLURM])


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_schema(path):
    validate = pytest.importorskip("kubernetes_validate")
    yaml = pytest.importorskip("yaml")
    documents = list(yaml.safe_load_all(path.read_text()))
    for document in documents:
        validate.validate(document, validate.latest_version(), strict=True)
    wrong = {**documents[0], "spec": {**documents[0]["spec"], "templates": {}}}
    with pytest.raises(validate.ValidationError):
        validate.validate(wrong, validate.latest_version(), strict=True)


@pytest.mark.parametrize("path", SLURM, ids=lambda path: path.name)
def test_slurm_syntax(path):
    subprocess.run(["bash", "-n", path], check=True)
    for option in re.findall(r"^#SBATCH (.*)$", path.read_text(), re.MULTILINE):
        name, equals, value = option.removeprefix("--").partition("=")
        assert option.startswith("--") and name in (SBATCH if equals else SBATCH_BARE) and bool(equals) == bool(value), option


def calls():
    """Yields (command, names of its flags) of every call of a command of icdpm."""
    for path in KUBERNETES:
        for command, lines in re.findall(r"- icdpm-(\w+)\n((?:\s+- .*\n)+)", path.read_text()):
            yield command, set(re.findall(r"- --(\w+)", lines))
    for path in SLURM:
        for command, rest in re.findall(r"^srun icdpm-(\w+)(.*)$", path.read_text(), re.MULTILINE):
            yield command, set(re.findall(r" --(\w+)", rest))


def test_commands_have_these_flags():
    found = list(calls())
    assert sorted(command for command, _ in found) == ["deblur", "deblur", "train", "train"]
    for command in ("deblur", "train"):
        launch = [sys.executable, "-c", f"from icdpm.commands.{command} import run; run()", "--help"]
        text = subprocess.run(launch, capture_output=True, text=True).stdout
        known = set(re.findall(r"^  --(?:\[no\])?(\w+)$", text, re.MULTILINE))
        for used in (flags for name, flags in found if name == command):
            assert "workdir" in used and used <= known, used - known
