"""Errors for people."""


class IcdpmError(ValueError):
    """Something the user can put right; its message is one clear sentence that names the file and what to do."""
