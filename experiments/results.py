"""What an experiment leaves behind: results/NAME.json and results/NAME.md."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically

RESULTS_FOLDER = Path("results")
# What every table and plot of this scale says.
SCALE_NOTES = {
    "micro": "Micro scale: small networks, trained briefly on embedded data. It proves the path, not the paper's claim.",
    "small": "Small scale: narrow networks, each trained on real pictures for as many steps, half an hour of a core at most; "
    "one seed. The published values are of other pictures and of networks trained for days: compare rows, not a measured "
    "value with the one beside it.",
}


def machine():
    """The machine that measured, in words."""
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), Python {platform.python_version()}"


def write_results(name, *, command, data, scale, rows, title, notes=(), table=None, **numbers):
    """Writes an experiment's numbers for programs and for people.

    Args:
      name: of the experiment; of both files.
      command: what makes these numbers again.
      data: what was measured on what.
      scale: 'paper', 'small', 'micro' or 'demo': what the numbers may be compared with.
      rows: list of flat dicts with the same keys.
      title: heading of the Markdown file.
      notes: sentences below the table.
      table: lines of the Markdown table, where it is not simply that of the rows.
      **numbers: further top-level numbers.

    Returns:
      The path of the Markdown file.
    """
    content = {"name": name, "command": command, "data": data, "scale": scale, "machine": machine(), **numbers}
    content["rows"] = rows
    with write_atomically(RESULTS_FOLDER / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n")
    lines = [f"# {title}", "", f"`{command}`: {data}. Measured on {content['machine']}.", ""]
    if scale in SCALE_NOTES:
        lines += [f"**{SCALE_NOTES[scale]}**", ""]
    lines += [*(table or markdown_table(rows)), ""]
    path = RESULTS_FOLDER / f"{name}.md"
    with write_atomically(path) as temporary:
        temporary.write_text("\n".join(lines + list(notes)).rstrip() + "\n")
    return path


def make_command(target, **given):
    """The command `make TARGET NAME=value …`, with those of the values that were given."""
    words = [f"{name}='{value}'" if " " in str(value) else f"{name}={value}" for name, value in given.items() if value]
    return " ".join([f"make {target}", *words])


def abbreviate_home(text):
    """The text with ~ for the home folder, whose name says nothing to those whom results are shown to."""
    return text.replace(str(Path.home()), "~")


def markdown_table(rows):
    """Lines of a Markdown table of flat dicts."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return lines + ["| " + " | ".join(_cell(row[name]) for name in names) + " |" for row in rows]


def _cell(value):
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_table(rows):
    """The same table, for the terminal."""
    print("\n".join(markdown_table(rows)), file=sys.stdout)


def run_in_subprocess(what, module, *arguments):
    """Runs a module that prints its measurement as a last line of JSON.

    Args:
      what: is measured, in words, which are printed.
      module: that is run as `python -m` does.
      *arguments: of its command line.

    Returns:
      What the line holds.

    Raises:
      IcdpmError: the process failed; what it printed on stderr stands above.
    """
    print(f"measuring: {what}", flush=True)
    command = [sys.executable, "-m", module, *map(str, arguments)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        raise IcdpmError(f"the measurement of {what} failed: {' '.join(command)}")
    return json.loads(ended.stdout.splitlines()[-1])
