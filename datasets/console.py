"""What a long job says at the terminal: warnings that no progress bar tears, and lists."""

from __future__ import annotations

from icdpm.progress import print_above

_MOST_LINES = 50


def warn(message: str) -> None:
    """Prints one line on stderr, above any progress bar."""
    print_above(f"warning: {message}")


def shortened(lines: list[str]) -> list[str]:
    """The first 50 lines, and one that says how many there are more."""
    more = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], f"and {more} more"] if more > 0 else lines


def listed(what: str, lines: list[str]) -> str:
    """A message with a list: `what`, then the lines below it, shortened; it also reads well joined to one line."""
    return f"{what}:\n  " + ";\n  ".join(shortened(lines))
