"""Commands that results name: with the values that were given."""

import ast
import types
from pathlib import Path

import pytest

import icdpm_experiments
from icdpm_experiments.paper.bench import _reproducing_command, run_variables
from icdpm_experiments.results import abbreviate_home, make_command

ROOT = Path(icdpm_experiments.__file__).parent


def test_make_command_names_what_was_given():
    home = str(Path.home())
    command = make_command("bench-x", FOLDER=Path(home, "images"), PAIRS=f"a={home}/a b=../b", SEEDS=2, KERNELS=None)
    assert command == "make bench-x FOLDER=~/images PAIRS='a=~/a b=../b' SEEDS=2"


@pytest.mark.parametrize(
    "home, text, abbreviated",
    [("/home/me", "/home/me /home/me/a /home/meg/a", "~ ~/a /home/meg/a"), ("/", "images/a b=/data/x", "images/a b=/data/x")],
)
def test_only_the_home_folder_is_abbreviated(monkeypatch, home, text, abbreviated):
    monkeypatch.setenv("HOME", home)
    assert abbreviate_home(text) == abbreviated


def test_the_command_of_several_tables_names_its_data():
    variables = {"FOLDER": "../mine", "PAIRS": "gopro=a reds=b", "KERNELS": "k", "SEEDS": None}
    scale = types.SimpleNamespace(name="small", make_variables={**variables, **run_variables("runs", False)})
    assert _reproducing_command(["table2", "fig4"], scale) == (
        "python -m icdpm_experiments.paper.bench table2 fig4 --scale=small --folder=../mine "
        "--pairs=gopro=a --pairs=reds=b --kernels=k"
    )
    scale.make_variables = run_variables("../others", True)
    assert _reproducing_command(["fig4"], scale).endswith("fig4 --scale=small --runs=../others --trained_only=1")
    command = make_command("bench-small-page", SCALE="small", **scale.make_variables)
    assert command == "make bench-small-page SCALE=small RUNS=../others TRAINED_ONLY=1"


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_command_names_a_constant_in_place_of_what_was_given(path):
    for call in ast.walk(ast.parse(path.read_text())):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "make_command":
            for variable in call.keywords:
                values = variable.value.values if isinstance(variable.value, ast.BoolOp) else [variable.value]
                assert not any(isinstance(value, ast.Constant) for value in values), (path, variable.arg)
        for keyword in getattr(call, "keywords", ()) if isinstance(call, ast.Call) else ():
            if keyword.arg == "command" and isinstance(keyword.value, ast.Constant):
                assert "=" not in keyword.value.value, (path, keyword.value.value)
