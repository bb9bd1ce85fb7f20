"""The one exception that this package raises for data it cannot use."""


class DataError(ValueError):
    """Data that cannot be used: the message is one sentence that names the file and says what to do about it."""
