"""What long work shows."""

import sys

import tqdm

_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n:.5g}/{total} {unit}s [{elapsed}<{remaining}]"


def progress_bar(what, total, unit="picture"):
    """A bar on stderr, which shows nothing where there is nothing to do. Call its `update(n)`, also with fractions."""
    # A terminal is drawn anew; a log file grows.
    interval = 0.1 if sys.stderr.isatty() else 30.0
    return tqdm.tqdm(
        desc=what, total=total, unit=unit, bar_format=_BAR, mininterval=interval, dynamic_ncols=True, disable=total == 0
    )
