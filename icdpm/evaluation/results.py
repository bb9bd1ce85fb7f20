"""The values of each picture, kept in a CSV file while they are measured: whatever happens, what was measured is there."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import math
from pathlib import Path

import icdpm
from icdpm.errors import IcdpmError
from icdpm.evaluation import intervals
from icdpm.evaluation.intervals import mean_with_interval
from icdpm.files import write_atomically
from icdpm.metrics.registry import SET_METRICS

_NAME, _STAMP = "name", "stamp"


class ImageResults:
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


# Digits behind the point that papers print, by what a metric's name begins with; the others have four.
_DIGITS = {"psnr": 2, "niqe": 3, "fid": 2, "kid": 5}


def summarise(measured):
    """A `Measured` as flat rows.

    Returns:
      A dict that JSON takes: `description`, `version` of icdpm, `pictures` (how many), `statistics`,
      `protocols` {metric: text}, `higher_is_better` {metric: bool}, `not_available` {metric: why};
      `rows` of method, metric, value, low, high; and `differences` of method, minus, metric, value, low, high, taken picture
      by picture. `low` and `high` end the 95 % interval; they are null for one picture, infinite values and metrics of
      whole sets.
    """
    metrics = {**measured.metrics.image_metrics, **measured.metrics.set_metrics}
    rows = []
    for method, values in measured.values.items():
        of_set = measured.set_values[method]
        for metric in metrics:
            if metric in values:
                rows.append({"method": method, "metric": metric, **_mean(values[metric])})
            elif metric in of_set:
                rows.append({"method": method, "metric": metric, "value": _number(of_set[metric]), "low": None, "high": None})
    differences = [
        {"method": method, "minus": other, "metric": metric, **_mean(_minus(values, measured.values[other][metric]))}
        for other, method in itertools.combinations(measured.values, 2)
        for metric, values in measured.values[method].items()
    ]
    return {
        "description": measured.description,
        "version": icdpm.__version__,
        "pictures": len(measured.names),
        "statistics": intervals.PROTOCOL,
        "protocols": {name: metric.protocol for name, metric in metrics.items()},
        "higher_is_better": {name: metric.higher_is_better for name, metric in metrics.items()},
        "not_available": dict(measured.unavailable),
        "rows": rows,
        "differences": differences,
    }


def _minus(values, others):
    """Differences by picture; two infinite values, of pictures equal to their sharp ones, do not differ."""
    return [0.0 if value == other else value - other for value, other in zip(values, others)]


def _mean(values):
    mean = mean_with_interval(values)
    return {"value": _number(mean.value), "low": mean.low, "high": mean.high}


def _number(value):
    # JSON has no infinity.
    return float(value) if math.isfinite(value) else str(float(value))


def write_summary(folder, summary):
    """Writes summary.json and summary.md. Returns the text of the latter."""
    with write_atomically(Path(folder) / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    text = summary_text(summary)
    with write_atomically(Path(folder) / "summary.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text


def summary_text(summary):
    """A summary as Markdown: values, differences, and under what protocol."""
    metrics = list(summary["protocols"])
    arrows = {True: "↑", False: "↓"}
    headings = [f"{metric} {arrows[summary['higher_is_better'][metric]]}" for metric in metrics]
    lines = ["# Evaluation", "", f"{summary['description']}. {_what_numbers_are(summary)}", ""]
    methods = list(dict.fromkeys(row["method"] for row in summary["rows"]))
    cells = {(row["method"], row["metric"]): _cell(row) for row in summary["rows"]}
    lines += _table("method", headings, {each: [cells.get((each, metric), "n/a") for metric in metrics] for each in methods})
    if summary["differences"]:
        compared = [metric for metric in metrics if any(row["metric"] == metric for row in summary["differences"])]
        cells = {(row["method"], row["minus"], row["metric"]): _cell(row, "+") for row in summary["differences"]}
        pairs = list(dict.fromkeys((row["method"], row["minus"]) for row in summary["differences"]))
        rows = {f"{a} − {b}": [cells[a, b, metric] for metric in compared] for a, b in pairs}
        lines += ["", "## Differences, picture by picture", "", *_table("methods", compared, rows)]
    lines += ["", "## Protocol", ""]
    for metric, protocol in summary["protocols"].items():
        reason = summary["not_available"].get(metric)
        lines.append(f"- {metric}: not available: {reason}" if reason else f"- {metric}: {protocol}")
    return "\n".join(lines) + "\n"


def _what_numbers_are(summary):
    set_metrics = [metric for metric in summary["protocols"] if metric in SET_METRICS]
    but = f" but {' and '.join(set_metrics)}, of the whole set," if set_metrics else ""
    return f"Each number{but} is the {summary['statistics']}."


def _table(corner, columns, rows):
    lines = ["| " + " | ".join([corner, *columns]) + " |", "|" + "---|" * (len(columns) + 1)]
    return lines + ["| " + " | ".join([name, *cells]) + " |" for name, cells in rows.items()]


def _cell(row, sign=""):
    digits = _DIGITS.get(row["metric"].partition("_")[0], 4)
    if isinstance(row["value"], str):
        return row["value"]
    value = f"{row['value']:{sign}.{digits}f}"
    return value if row["low"] is None else f"{value} [{row['low']:{sign}.{digits}f}, {row['high']:{sign}.{digits}f}]"
