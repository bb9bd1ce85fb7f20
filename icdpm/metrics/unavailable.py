"""A metric that cannot be computed here."""

from icdpm.errors import IcdpmError


class MetricUnavailable(IcdpmError):
    """Something that the metric needs is not there; the message says what and how to get it. Report it, not a number."""
