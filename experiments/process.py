"""Measurements in a process of their own, whose memory and start are theirs alone."""

import json
import subprocess
import sys

from icdpm.errors import IcdpmError


def measured_apart(what, module, *arguments):
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
