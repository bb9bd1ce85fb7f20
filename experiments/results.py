"""Result files of experiments (results/NAME.json and results/NAME.md), and measurements in processes of their own."""

import importlib
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically

RESULTS_FOLDER = Path("results")
# {scale: note in every table and plot of this scale}
SCALE_NOTES = {
    "micro": "Micro scale: small networks, trained briefly on embedded data. These numbers test the code path, not the "
    "paper's claims.",
    "small": "Small scale: narrow networks of NAF blocks, trained on one core, for the same number of steps unless a row "
    "states another compute, on sharp photos and video frames under synthetic motion blur, the training domain. The test sets "
    "are held-out photos under such blur; held-out photos under real camera-shake kernels, and embedded scenes of night and "
    "lettering; GoPro test pairs, which are averaged high-speed video; REDS pairs. The published values come from other "
    "images and from networks trained for days: compare rows with each other, not a measured value with the published one.",
}


def describe_machine():
    """Returns one line about the machine: CPU cores, architecture, Python version."""
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), Python {platform.python_version()}"


def write_results(name, *, command, data, scale, rows, title, notes=(), table=None, folder=RESULTS_FOLDER, **numbers):
    """Writes the results of an experiment as JSON and as Markdown.

    Args:
      name: name of the experiment and of both files.
      command: shell command that reproduces the numbers.
      data: description of the data.
      scale: 'paper', 'small', 'micro', 'demo' or 'packaged'. `SCALE_NOTES` adds a note to some of them.
      rows: list of flat dicts with the same keys.
      title: heading of the Markdown file.
      notes: lines below the table.
      table: lines of the Markdown table. Default: the table of `rows`.
      folder: folder of both files.
      **numbers: additional top-level entries of the JSON file.

    Returns:
      Path of the Markdown file.
    """
    content = {"name": name, "command": command, "data": data, "scale": scale, "machine": describe_machine(), **numbers}
    content["rows"] = rows
    with write_atomically(folder / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    lines = [f"# {title}", "", f"`{command}`: {data}. Measured on {content['machine']}.", ""]
    if scale in SCALE_NOTES:
        lines += [f"**{SCALE_NOTES[scale]}**", ""]
    lines += [*(table or markdown_table(rows)), ""]
    path = folder / f"{name}.md"
    with write_atomically(path) as temporary:
        temporary.write_text("\n".join(lines + list(notes)).rstrip() + "\n", encoding="utf-8")
    return path


def make_command(target, **variables):
    """Returns the command `make TARGET NAME=value …` with all variables that are not empty.

    The values are those that were given, so that the results name their data; only the home folder is abbreviated.
    """
    given = {name: abbreviate_home(str(value)) for name, value in variables.items() if value}
    words = [f"{name}='{value}'" if " " in value else f"{name}={value}" for name, value in given.items()]
    return " ".join([f"make {target}", *words])


def abbreviate_home(text):
    """Returns the text with ~ in place of the home folder, so that published results do not contain it."""
    return re.sub(rf"{re.escape(str(Path.home()))}(?![\w.-])", "~", text)


def markdown_table(rows):
    """Returns the lines of a Markdown table of flat dicts with the same keys."""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    return lines + ["| " + " | ".join(_format_cell(row[name]) for name in names) + " |" for row in rows]


def _format_cell(value):
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_table(rows):
    """Prints the Markdown table of the rows."""
    print("\n".join(markdown_table(rows)))


def run_in_subprocess(description, function, *arguments):
    """Calls a function in a new Python process, so that its start-up time and peak memory are its own.

    Args:
      description: what is measured. It is printed.
      function: top-level function of a module. Its return value must be serializable as JSON.
      *arguments: arguments that are serializable as JSON, or paths, which arrive as str.

    Returns:
      The return value of the function.

    Raises:
      IcdpmError: the process failed. Its own error message is on stderr.
    """
    print(f"measuring: {description}", flush=True)
    # A module that runs as __main__ is imported by its real name in the new process.
    module = sys.modules[function.__module__].__spec__.name
    call = [module, function.__name__, json.dumps(arguments, default=str)]
    program = f"import sys; from {__name__} import _run_call; _run_call(*sys.argv[1:])"
    completed = subprocess.run([sys.executable, "-c", program, *call], stdout=subprocess.PIPE, text=True)
    if completed.returncode:
        raise IcdpmError(f"The measurement of {description} failed: {module}.{function.__name__}{arguments}.")
    return json.loads(completed.stdout.splitlines()[-1])


def _run_call(module, function, arguments):
    """Calls a function in the process of `run_in_subprocess` and prints its result as the last line, as JSON."""
    result = getattr(importlib.import_module(module), function)(*json.loads(arguments))
    print(json.dumps(result), flush=True)
    if "tensorflow_io" in sys.modules:
        os._exit(0)  # the AWS library inside TensorFlow I/O aborts when Python ends
