"""Runs a command several times in one process, as importing TensorFlow takes longer than most runs.

    python -c PROGRAM COMMAND FOLDER < ARGUMENTS, a JSON list of lists

COMMAND is one of icdpm.commands, or a module's whole name. Run n leaves n.out, n.err and n.status in FOLDER. Only for what
needs no process of its own: signals do.
"""

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

from absl import flags


def run(command, arguments):
    """One run's exit status."""
    sys.argv = [f"icdpm-{command.__name__.rpartition('.')[2]}", *arguments]
    flags.FLAGS.unparse_flags()
    for module, its_flags in flags.FLAGS.flags_by_module_dict().items():
        for flag in its_flags if module.startswith(("icdpm.commands.", "icdpm_experiments.")) else ():
            flag.unparse()
    try:
        command.run()
    except SystemExit as ended:
        return ended.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main(name, folder):
    """Runs what standard input says."""
    command = importlib.import_module(name if "." in name else f"icdpm.commands.{name}")
    for number, arguments in enumerate(json.load(sys.stdin)):
        for stream, ending in ((sys.stdout, "out"), (sys.stderr, "err")):
            with open(folder / f"{number}.{ending}", "wb") as file:
                os.dup2(file.fileno(), stream.fileno())
        status = run(command, arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        (folder / f"{number}.status").write_text(str(status))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
