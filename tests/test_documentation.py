"""Documentation: links, and the commands, flags, make targets and names in it, exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import icdpm
from icdpm import pretrained
from icdpm.configs import config_names
from icdpm.metrics.registry import PAIR_METRICS, SET_METRICS, SINGLE_METRICS
from icdpm.models.registry import MODELS
from icdpm.models.workdir import read_config
from icdpm_datasets.published.sets import PUBLISHED

ROOT = Path(__file__).parents[1]
FOLDERS = ("icdpm", "datasets", "experiments", "results")
PAGES = sorted([*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))])
COMMANDS = ("train", "deblur", "evaluate", "export", "serve", "prepare")
MAKEFILE = (ROOT / "Makefile").read_text()


def without_fences(text):
    """Returns a page without fenced examples, whose comments look like headings."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def without_code(text):
    """Returns a page without examples and `code`."""
    return re.sub(r"^ {4}.*$|`[^`\n]*`", "", without_fences(text), flags=re.MULTILINE)


def anchors(path):
    """Returns the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", without_fences(path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_in(text):
    """Returns (command, rest of its line) of every icdpm-… in examples and `code`."""
    joined = text.replace("\\\n", " ")
    return re.findall(rf"\bicdpm-({'|'.join(COMMANDS)})\b([^`\n|;&#]*)", joined)


@pytest.mark.parametrize("page", ["icdpm/diffusion/README.md", "icdpm/metrics/README.md"])
def test_the_first_example_of_a_page_runs(page):
    code = re.search(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)[1]
    exec(compile(code, page, "exec"), {})


def test_examples_of_fine_tuning_name_the_packaged_config():
    examples = []
    for path in [*PAGES, *(ROOT / "icdpm").rglob("*.py")]:
        examples += re.findall(r"--config=(\w+)(?:(?!--config)[^`])*?--start_from=packaged", path.read_text())
    assert len(examples) > 2 and set(examples) == {read_config(pretrained.WORKDIR).name}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        path = page.parent / name if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


def test_anchors_and_code_are_recognized(tmp_path):
    (tmp_path / "there.md").write_text("# One thing: `code`, and more\n```\n# no heading\n```\n")
    assert anchors(tmp_path / "there.md") == {"one-thing-code-and-more"}
    assert without_code("[a](b)\n    [c](d)\n`[e](f)`\n").split() == ["[a](b)"]


@pytest.mark.parametrize("command", COMMANDS)
def test_named_flags_exist(command):
    """Each command runs in its own process: the flags of all commands share one namespace."""
    program = f"from icdpm.commands.{command} import FLAGS; print(*FLAGS)"
    known = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    named = {
        (page.name, flag)
        for page in PAGES
        for each, rest in commands_in(page.read_text())
        if each == command
        for flag in re.findall(r"--(\w+)", rest)
    }
    assert named and {flag for _, flag in named} <= set(known), sorted(named)


def test_named_make_targets_and_variables_exist():
    targets = set(re.findall(r"^([a-z][\w-]*):", MAKEFILE, re.MULTILINE))
    for page in PAGES:
        text = page.read_text()
        code = "\n".join([*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^ {4}(.*)$", text, re.MULTILINE)])
        named = {*re.findall(r"(?<!\S)make ([a-z][\w-]*)", code), *re.findall(r"(?<![\w/.-])(bench-[a-z]\w*(?:-\w+)*)", code)}
        assert named - targets <= {"bench_times"}, (page, named - targets)
        variables = {name for line in code.split("\n") if "make " in line for name in re.findall(r"\b([A-Z_]{4,})=", line)}
        assert all(f"$({name})" in MAKEFILE or name.startswith("ICDPM_") for name in variables), (page, variables)


def expanded(text):
    """Returns a table's text with `name_a` … `name_f` written out."""

    def all_of(match):
        stem, first, last = match[1], match[2], match[3]
        return " ".join(f"`{stem}{chr(letter)}`" for letter in range(ord(first), ord(last) + 1))

    return re.sub(r"`(\w+_)([a-z])` … `\1([a-z])`", all_of, text)


def test_the_table_of_configs_lists_every_config():
    table = re.search(r"^\| config \|.*?\n\n", (ROOT / "icdpm/configs/README.md").read_text(), re.MULTILINE | re.DOTALL)[0]
    listed = set(re.findall(r"`(\w+)`", expanded(table)))
    assert listed == set(config_names())


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("icdpm/metrics/README.md", [*PAIR_METRICS, *SINGLE_METRICS, *SET_METRICS]),
        ("icdpm/models/README.md", list(MODELS)),
        ("datasets/README.md", [name for each in PUBLISHED for name in each.benchmarks]),
    ],
)
def test_every_name_is_documented(page, names):
    text = (ROOT / page).read_text()
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_cited_version_is_current():
    assert f"\nversion: {icdpm.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_docstrings_are_google_style():
    """Every argument in a docstring exists and has a type annotation; `make docs` needs the same."""
    command = f"-m griffe dump icdpm datasets --search . --docstyle google --full --output {os.devnull}".split()
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and [line for line in done.stderr.splitlines() if "WARNING" in line] == []
