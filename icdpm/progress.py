"""The one progress bar: how much is done, how fast, and how long the rest takes."""

import sys

import tqdm

_FORMAT = "{desc}{percentage:3.0f}%|{bar}| {done}/{all} {units} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
# Seconds between two looks: a terminal is drawn anew, a log file grows.
_IN_A_TERMINAL, _IN_A_FILE = 0.1, 30.0


def progress_bar(what, total, unit="picture", *, done=0, over=None):
    """A bar on stderr; nothing is shown where there is nothing to do.

        with progress_bar("measuring", len(pictures)) as bar:
            for picture in pictures:
                bar.update()

    Args:
      what: the work, in front of the bar; `bar.set_description(what)` changes it.
      total: how much there is of it; it need not be a whole number.
      unit: of what, in the singular; "B", bytes, are shown in powers of 1000.
      done: how much of it was done before.
      over: an iterable that the bar is to go over, or None.

    Returns:
      What is iterated over, or a context manager with `update(count=1)`, also of fractions, and `set_postfix({name: text})`
      for what is shown behind.
    """
    interval = _IN_A_TERMINAL if sys.stderr.isatty() else _IN_A_FILE
    return _Bar(
        over,
        desc=f"{what}: ",
        total=total,
        initial=done,
        unit=unit,
        unit_scale=unit == "B",
        bar_format=_FORMAT,
        mininterval=interval,
        maxinterval=max(10.0, interval),
        dynamic_ncols=True,
        disable=total == 0,
        file=sys.stderr,
    )


def print_above(message, file=None):
    """Prints a line, on stderr or to `file`, that no bar runs into."""
    tqdm.tqdm.write(message, file=file or sys.stderr)


class _Bar(tqdm.tqdm):
    @property
    def format_dict(self):
        fields = super().format_dict
        unit = fields["unit"]
        counts = {"done": _count(fields["n"], unit), "all": _count(fields["total"], unit)}
        return {**fields, **counts, "units": "B" if unit == "B" else f"{unit}s"}


def _count(number, unit):
    return tqdm.tqdm.format_sizeof(number) if unit == "B" else f"{number:.1f}".removesuffix(".0")
