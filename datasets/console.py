"""What a long job shows at the terminal: a progress bar, and warnings that do not tear it."""

from __future__ import annotations

from collections.abc import Iterable

from icdpm.progress import print_above, progress_bar

_MOST_LINES = 50


def warn(message: str) -> None:
    """Prints one line on stderr, above any progress bar."""
    print_above(f"warning: {message}")


def progress(what: str, unit: str, total: int, iterable: Iterable | None = None):
    """A bar on stderr. Iterate over it, or call its `update(n)`; bytes (unit "B") are shown in powers of 1000."""
    return progress_bar(what, total, unit, over=iterable)


def shortened(lines: list[str]) -> list[str]:
    """The first 50 lines, and one that says how many there are more."""
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"and {more} more"] if more > 0 else lines


def listed(what: str, lines: list[str]) -> str:
    """A message with a list: `what`, then the lines below it, shortened; it also reads well joined to one line."""
    return f"{what}:\n  " + ";\n  ".join(shortened(lines))
