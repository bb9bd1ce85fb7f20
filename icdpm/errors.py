"""Errors that a user can correct."""

from __future__ import annotations

import re

# TensorFlow's references to operations and graphs within an error message.
_OPERATIONS = re.compile(r"\{\{.*?\}\}|\[\[.*?\]\]|\[Op:.*?\]")


class IcdpmError(ValueError):
    """An error that the user can correct. The message is one sentence with the file concerned and a remedy."""


class MemoryLimitError(IcdpmError, MemoryError):
    """An image needs more memory than the limit allows."""


def summarize_error(error: BaseException) -> str:
    """Returns the message of a library's exception in one line, without the names of TensorFlow operations."""
    if getattr(error, "strerror", None):
        return error.strerror
    lines = [" ".join(_OPERATIONS.sub("", line).split()) for line in str(error).splitlines()]
    return next((line for line in lines if line), type(error).__name__)
