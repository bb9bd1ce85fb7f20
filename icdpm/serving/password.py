"""Who may use the page where it asks for a password."""

import hmac

from icdpm.errors import IcdpmError

# Guesses are not counted: there must be too many of them.
_SHORTEST = 12


def password_check(path):
    """How Gradio checks a log-in.

    Args:
      path: of a file of one line, the password.

    Returns:
      A function of a name, which may be any, and a password.

    Raises:
      IcdpmError: the file holds no password, or a short one.
    """
    try:
        password = path.read_text().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise IcdpmError(f"{path} is not text; write the password into it, in one line") from error
    if len(password) < _SHORTEST or "\n" in password:
        raise IcdpmError(f"{path} must hold one line, a password of {_SHORTEST} characters or more")
    return lambda name, given: hmac.compare_digest(given.encode(), password.encode())
