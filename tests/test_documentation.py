"""What is written for people: links lead somewhere, and the commands, flags, targets and names that it says are there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import icdpm
from icdpm import pretrained
from icdpm.configs import config_names
from icdpm.metrics.registry import PAIR_METRICS, SET_METRICS, SINGLE_METRICS
from icdpm.models.registry import SYSTEMS
from icdpm.models.workdir import read_config
from icdpm_datasets.published.sets import PUBLISHED

ROOT = Path(__file__).parents[1]
FOLDERS = ("icdpm", "datasets", "experiments", "results")
PAPERS = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))])
COMMANDS = ("train", "deblur", "evaluate", "export", "serve", "prepare")
MAKEFILE = (ROOT / "Makefile").read_text()


def without_fences(text):
    """A paper's text without its fenced examples, whose comments look like headings."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def without_code(text):
    """A paper's text without any examples and `code`."""
    return re.sub(r"^ {4}.*$|`[^`\n]*`", "", without_fences(text), flags=re.MULTILINE)


def anchors(path):
    """What a paper's headings are called in links."""
    headings = re.findall(r"^#+ (.*)$", without_fences(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_in(text):
    """(command, what follows on its line) of every icdpm-… in examples and `code`."""
    joined = text.replace("\\\n", " ")
    return re.findall(rf"\bicdpm-({'|'.join(COMMANDS)})\b([^`\n|;&#]*)", joined)


def test_training_from_the_packaged_model_is_shown_with_its_config():
    examples = []
    for path in [*PAPERS, *(ROOT / "icdpm").rglob("*.py")]:
        examples += re.findall(r"--config=(\w+)(?:(?!--config)[^`])*?--start_from=packaged", path.read_text())
    assert len(examples) > 2 and set(examples) == {read_config(pretrained.WORKDIR).name}


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(paper):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(paper.read_text())):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        path = paper.parent / name if name else paper
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "there.md").write_text("# One thing: `code`, and more\n```\n# no heading\n```\n")
    assert anchors(tmp_path / "there.md") == {"one-thing-code-and-more"}
    assert without_code("[a](b)\n    [c](d)\n`[e](f)`\n").split() == ["[a](b)"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_flags_that_are_named_are_there(command):
    """Each command in a process of its own, as flags of different ones share one namespace."""
    program = f"from icdpm.commands.{command} import FLAGS; print(*FLAGS)"
    known = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    said = {
        (paper.name, flag)
        for paper in PAPERS
        for each, rest in commands_in(paper.read_text())
        if each == command
        for flag in re.findall(r"--(\w+)", rest)
    }
    assert said and {flag for _, flag in said} <= set(known), sorted(said)


def test_the_targets_and_variables_that_are_named_are_there():
    targets = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE))
    for paper in PAPERS:
        text = paper.read_text()
        code = "\n".join([*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ {4}(.*)$", text, re.MULTILINE)])
        named = {*re.findall(r"(?<!\S)make ([a-z][\w-]*)", code), *re.findall(r"(?<![\w/.-])(bench-[a-z]\w*(?:-\w+)*)", code)}
        assert named - targets <= {"bench_times"}, (paper, named - targets)
        variables = {name for line in code.split("\n") if "make " in line for name in re.findall(r"\b([A-Z_]{4,})=", line)}
        assert all(f"$({name})" in MAKEFILE or name.startswith("ICDPM_") for name in variables), (paper, variables)


def expanded(text):
    """A table's text with `name_a` … `name_f` written out."""

    def all_of(match):
        stem, first, last = match[1], match[2], match[3]
        return " ".join(f"`{stem}{chr(letter)}`" for letter in range(ord(first), ord(last) + 1))

    return re.sub(r"`(\w+_)([a-z])` … `\1([a-z])`", all_of, text)


def test_every_recipe_is_told_and_no_other():
    table = re.search(r"^\| config \|.*?\n\n", (ROOT / "icdpm/configs/README.md").read_text(), re.MULTILINE | re.DOTALL)[0]
    told = set(re.findall(r"`(\w+)`", expanded(table)))
    assert told == set(config_names())


@pytest.mark.parametrize(
    ("paper", "names"),
    [
        ("icdpm/metrics/README.md", [*PAIR_METRICS, *SINGLE_METRICS, *SET_METRICS]),
        ("icdpm/models/README.md", list(SYSTEMS)),
        ("datasets/README.md", [name for each in PUBLISHED for name in each.benchmarks]),
    ],
)
def test_every_name_is_told(paper, names):
    text = (ROOT / paper).read_text()
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_door_is_read_in_three_minutes():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_the_version_that_is_cited_is_this_one():
    assert f"\nversion: {icdpm.__version__}\n" in (ROOT / "CITATION.cff").read_text()
