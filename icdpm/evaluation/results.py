"""The values of each picture, kept in a CSV file while they are measured: whatever happens, what was measured is there."""

from __future__ import annotations

import csv
import hashlib
import math
from pathlib import Path

import icdpm
from icdpm.errors import IcdpmError
from icdpm.files import write_atomically

_NAME, _STAMP = "name", "stamp"


class PictureResults:
    """The results of one method: a CSV file with a row for each picture and a column for each metric.

    A file of an earlier run is continued: values stay as long as the version of icdpm and the two pictures do.

    Args:
      path: of the CSV file.
      metrics: names of the metrics to measure; the file may have more from earlier runs.
      stamps: {name of the pair: a text that changes when one of its pictures does}, in the order of the rows.

    Raises:
      IcdpmError: what stands at `path` is something else, or cannot be written.

    Attributes:
      values: {name of the pair: {metric: value}} as far as they are there.
    """

    def __init__(self, path, metrics, stamps):
        self._path = Path(path)
        self._stamps = {name: _digest(stamp) for name, stamp in stamps.items()}
        self.values, columns = self._read()
        self._metrics = [*metrics, *(column for column in columns if column not in metrics)]
        self._wanted = list(metrics)
        self._write_all()
        self._file = open(self._path, "a", newline="", encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._write_all()

    def missing(self, name):
        """The metrics that are still to be measured of a picture."""
        return [metric for metric in self._wanted if metric not in self.values[name]]

    def add(self, name, values):
        """Keeps {metric: value} of a picture, at once."""
        self.values[name].update(values)
        csv.writer(self._file).writerow(self._row(name))
        self._file.flush()

    def _read(self):
        """({name: {metric: value}} of the pictures that have not changed, the file's metrics)."""
        values = {name: {} for name in self._stamps}
        if not self._path.exists():
            return values, []
        try:
            with open(self._path, newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file)
                first, *columns, last = rows.fieldnames or [None, None]
                if (first, last) != (_NAME, _STAMP):
                    raise ValueError
                for row in rows:
                    # The stamp stands last: a row that was cut off has none.
                    if row[_NAME] in values and row[_STAMP] == self._stamps[row[_NAME]]:
                        values[row[_NAME]].update({column: float(row[column]) for column in columns if row[column]})
        except (ValueError, csv.Error) as error:
            raise IcdpmError(f"{self._path} is not a table of icdpm-evaluate; move it, or choose another --output") from error
        return values, columns

    def _write_all(self):
        with write_atomically(self._path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([_NAME, *self._metrics, _STAMP])
            writer.writerows(self._row(name) for name in self._stamps if self.values[name])

    def _row(self, name):
        cells = [self.values[name].get(metric, math.nan) for metric in self._metrics]
        return [name, *("" if math.isnan(cell) else repr(cell) for cell in cells), self._stamps[name]]


def _digest(stamp):
    return hashlib.blake2b(f"{icdpm.__version__} {stamp}".encode(), digest_size=6).hexdigest()
