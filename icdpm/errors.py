"""Errors that a user can correct."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Control characters, and separators of lines.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# TensorFlow's references to operations and graphs within an error message.
_OPERATIONS = re.compile(r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\]")


class IcdpmError(ValueError):
    """An error that the user can correct. The message states what is wrong, and a remedy where there is one."""

    # TensorFlow's AutoGraph raises errors with this attribute unchanged, instead of a StagingError with its own call stack.
    ag_pass_through = True


class MemoryLimitError(IcdpmError, MemoryError):
    """An image needs more memory than the limit allows."""


def summarize_error(error: BaseException) -> str:
    """Returns the message of a library's exception in one line, without the names of TensorFlow operations."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [" ".join(_OPERATIONS.sub("", line).split()) for line in str(error).splitlines()]
    return next((line for line in lines if line), type(error).__name__)


def escape_controls(text: str) -> str:
    """Returns a text, which may contain names of files, in one line that has no effect on a terminal, as in r"a\nb"."""
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def shorten_list(lines: Sequence[str], limit: int = 50) -> list[str]:
    """Returns the first `limit` lines, and a line with the number of the others if there are more."""
    more = len(lines) - limit
    return [*lines[:limit], f"and {more} more"] if more > 0 else list(lines)


def format_list(heading: str, lines: Sequence[str]) -> str:
    """Returns a message with a list below its heading, shortened; it remains readable when it is joined to one line."""
    return f"{heading}:\n  " + ";\n  ".join(shorten_list(lines))
