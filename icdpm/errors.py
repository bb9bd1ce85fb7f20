"""Errors for people."""

import re

# How TensorFlow says in which operation of which graph something went wrong.
_OPERATIONS = re.compile(r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\]")


class IcdpmError(ValueError):
    """Something the user can put right; its message is one clear sentence that names the file and what to do."""


class MemoryLimitError(IcdpmError, MemoryError):
    """A picture does not fit the memory that it may take."""


def summarize_error(error):
    """What a library's exception says, as part of a sentence: one line, without the names of TensorFlow's operations."""
    if getattr(error, "strerror", None):
        return error.strerror
    lines = [" ".join(_OPERATIONS.sub("", line).split()) for line in str(error).splitlines()]
    return next((line for line in lines if line), type(error).__name__)
