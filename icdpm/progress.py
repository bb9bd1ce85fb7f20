"""Progress bar with the work done, the speed and the time left."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

import tqdm

from icdpm.errors import escape_controls

_FORMAT = "{desc}{percentage:3.0f}%|{bar}| {done}/{all} {units} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
# Seconds between updates: a terminal redraws the line, a log file grows by a line.
_TERMINAL_INTERVAL, _FILE_INTERVAL = 0.1, 30.0


def progress_bar(
    description: str,
    total: float,
    unit: str = "image",
    *,
    initial: float = 0,
    iterable: Iterable | None = None,
) -> tqdm.tqdm:
    """Returns a progress bar on stderr. A total of zero shows nothing.

        with progress_bar("measuring", len(images)) as bar:
            for image in images:
                bar.update()

    Args:
      description: text in front of the bar; `bar.set_description(text)` changes it.
      total: amount of work, which may be fractional.
      unit: singular name of a unit of work. "B", bytes, are shown in powers of 1000.
      initial: amount of work that was done before.
      iterable: items to iterate over with the bar, or `None`.

    Returns:
      An iterator over `iterable`, or a context manager with `update(count=1)`, where a count may be fractional, and
      `set_postfix({name: text})`, which sets the text behind the bar.
    """
    interval = _TERMINAL_INTERVAL if sys.stderr.isatty() else _FILE_INTERVAL
    return _Bar(
        iterable,
        desc=f"{description}: ",
        total=total,
        initial=initial,
        unit=unit,
        unit_scale=unit == "B",
        bar_format=_FORMAT,
        mininterval=interval,
        maxinterval=max(10.0, interval),
        dynamic_ncols=True,
        disable=total == 0,
        file=sys.stderr,
    )


def print_above(message: str, file: TextIO | None = None) -> None:
    """Prints a line to `file` (default: stderr) above the current progress bar."""
    tqdm.tqdm.write(message, file=file or sys.stderr)


def print_warning(message: str) -> None:
    """Prints a warning in one line on stderr, above the current progress bar."""
    print_above(f"warning: {escape_controls(message)}")


class _Bar(tqdm.tqdm):
    @property
    def format_dict(self):
        fields = super().format_dict
        unit = fields["unit"]
        counts = {"done": _format_count(fields["n"], unit), "all": _format_count(fields["total"], unit)}
        return {**fields, **counts, "units": "B" if unit == "B" else f"{unit}s"}


def _format_count(number, unit):
    return tqdm.tqdm.format_sizeof(number) if unit == "B" else f"{number:.1f}".removesuffix(".0")
