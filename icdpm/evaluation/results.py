"""Results of an evaluation: values of each image as CSV, and the summary as JSON and Markdown."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import icdpm
from icdpm.errors import IcdpmError, shorten_list
from icdpm.evaluation.intervals import PROTOCOL, mean_with_interval
from icdpm.files import write_atomically
from icdpm.metrics.registry import SET_METRICS, protocol_of_depth

if TYPE_CHECKING:
    from icdpm.evaluation.measure import Measured
    from icdpm.evaluation.metric_selection import ImageMetric
    from icdpm.metrics.registry import Metric

_NAME, _STAMP = "name", "stamp"
# {first part of a metric's name: digits after the point, as papers print them}; the others have four.
_DIGITS = {"psnr": 2, "niqe": 3, "fid": 2, "kid": 5}


class ImageResults:
    """CSV file of the values of one method, with a row per image and a column per metric. Values are stored immediately.

    A file of an earlier run is continued. Its values remain valid while the version of icdpm and both images are the same.

    Args:
      path: the CSV file.
      metrics: names of the metrics to measure. The file may have columns of other metrics from earlier runs.
      stamps: {name of the pair: text that changes when one of its images changes}, in the order of the rows.

    Raises:
      IcdpmError: the file is not a table of icdpm-evaluate.

    Attributes:
      values: {name of the pair: {metric: value}} as far as they are measured.
    """

    def __init__(self, path: str | os.PathLike, metrics: Iterable[str], stamps: Mapping[str, str]) -> None:
        self._path = Path(path)
        self._stamps = {name: _digest_stamp(stamp) for name, stamp in stamps.items()}
        self._wanted = list(metrics)
        self.values, columns = self._read()
        self._metrics = [*self._wanted, *(column for column in columns if column not in self._wanted)]
        self._write_all()
        self._file = open(self._path, "a", newline="", encoding="utf-8")

    def __enter__(self) -> ImageResults:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._write_all()

    def missing(self, name: str) -> list[str]:
        """Returns the metrics that are not measured yet for an image."""
        return [metric for metric in self._wanted if metric not in self.values[name]]

    def add(self, name: str, values: Mapping[str, float]) -> None:
        """Stores {metric: value} of an image."""
        self.values[name].update(values)
        csv.writer(self._file).writerow(self._make_row(name))
        self._file.flush()

    def _read(self) -> tuple[dict[str, dict[str, float]], list[str]]:
        """Returns ({name: {metric: value}} of unchanged images, metrics of the file)."""
        values: dict[str, dict[str, float]] = {name: {} for name in self._stamps}
        if not self._path.exists():
            return values, []
        try:
            with open(self._path, newline="", encoding="utf-8") as file:
                rows = csv.DictReader(file)
                first, *columns, last = rows.fieldnames or ["", ""]
                if (first, last) != (_NAME, _STAMP):
                    raise ValueError
                for row in rows:
                    # The stamp is the last column, so an incomplete row has none.
                    if row[_NAME] in values and row[_STAMP] == self._stamps[row[_NAME]]:
                        values[row[_NAME]].update({column: float(row[column]) for column in columns if row[column]})
        except (ValueError, csv.Error) as error:
            raise IcdpmError(f"{self._path} is not a table of icdpm-evaluate. Move it, or choose another --output.") from error
        return values, list(columns)

    def _write_all(self) -> None:
        with write_atomically(self._path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([_NAME, *self._metrics, _STAMP])
            writer.writerows(self._make_row(name) for name in self._stamps if self.values[name])

    def _make_row(self, name: str) -> list[str]:
        cells = [self.values[name].get(metric, math.nan) for metric in self._metrics]
        return [name, *("" if math.isnan(cell) else repr(cell) for cell in cells), self._stamps[name]]


def _digest_stamp(stamp: str) -> str:
    return hashlib.blake2b(f"{icdpm.__version__} {stamp}".encode(), digest_size=6).hexdigest()


def summarize(measured: Measured) -> dict[str, Any]:
    """Summarizes measured values as flat rows.

    Args:
      measured: return value of `measure`.

    Returns:
      A dict that is serializable as JSON: `description`, `version` of icdpm, `images` (their number), `statistics`,
      `protocols` {metric: text}, `higher_is_better` {metric: bool}, `not_available` {metric: reason}; `not_defined` of method,
      metric, image, reason, for images that have no value; `rows` of method, metric, value, low, high; `differences` of
      method, minus, metric, value, low, high, paired by image. `low` and `high` are the 95 % interval, or null for
      a single image, infinite values and metrics of sets. Rows that leave out images have their number of images as `images`.
      A difference that has no mean is left out: each of the two methods is perfect (infinite PSNR) on an image of its own.
    """
    selected = measured.metrics
    metrics: dict[str, ImageMetric | Metric] = {**selected.image_metrics, **selected.set_metrics}
    rows: list[dict[str, Any]] = []
    for method, values in measured.values.items():
        set_values = measured.set_values[method]
        for metric in metrics:
            if metric in values and not np.isnan(values[metric]).all():
                rows.append({"method": method, "metric": metric, **_mean_cells(values[metric])})
            elif metric in set_values:
                value = _json_number(set_values[metric])
                rows.append({"method": method, "metric": metric, "value": value, "low": None, "high": None})
    differences = []
    for other, method in itertools.combinations(measured.values, 2):
        for metric in measured.values[method]:
            paired = _subtract(measured.values[method][metric], measured.values[other][metric])
            if not np.isnan(paired).all() and not {math.inf, -math.inf} <= set(paired):
                differences.append({"method": method, "minus": other, "metric": metric, **_mean_cells(paired)})
    not_defined = [
        {"method": method, "metric": metric, "image": name, "reason": reason}
        for method, reasons_of in measured.undefined.items()
        for metric, reasons in reasons_of.items()
        for name, reason in reasons.items()
    ]
    return {
        "description": measured.description,
        "version": icdpm.__version__,
        "images": len(measured.names),
        "statistics": PROTOCOL,
        "protocols": {name: protocol_of_depth(name, metric.protocol, measured.bits) for name, metric in metrics.items()},
        "higher_is_better": {name: metric.higher_is_better for name, metric in metrics.items()},
        "not_available": dict(measured.unavailable),
        "not_defined": not_defined,
        "rows": rows,
        "differences": differences,
    }


def _subtract(values, others) -> list[float]:
    """Returns paired differences. Two infinite values, of images equal to their sharp images, do not differ."""
    return [0.0 if value == other else value - other for value, other in zip(values, others)]


def _mean_cells(values) -> dict[str, Any]:
    mean, count = mean_with_interval(values), np.count_nonzero(~np.isnan(values))
    cells = {"value": _json_number(mean.value), "low": mean.low, "high": mean.high}
    return cells if count == len(values) else {**cells, "images": int(count)}


def _json_number(value) -> float | str:
    # JSON has no infinity.
    return float(value) if math.isfinite(value) else str(float(value))


def write_summary(folder: str | os.PathLike, summary: Mapping[str, Any]) -> str:
    """Writes summary.json and summary.md to a folder and returns the text of the latter.

    Args:
      folder: output folder.
      summary: return value of `summarize`.
    """
    with write_atomically(Path(folder) / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    text = format_summary(summary)
    with write_atomically(Path(folder) / "summary.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text


def format_summary(summary: Mapping[str, Any]) -> str:
    """Returns a summary as Markdown: values, differences between methods, and the protocol of each metric."""
    metrics = list(summary["protocols"])
    arrows = {True: "↑", False: "↓"}
    headings = [f"{metric} {arrows[summary['higher_is_better'][metric]]}" for metric in metrics]
    lines = ["# Evaluation", "", f"{summary['description']}. {_describe_statistics(summary)}", ""]
    methods = list(dict.fromkeys(row["method"] for row in summary["rows"]))
    cells = {(row["method"], row["metric"]): _format_cell(row) for row in summary["rows"]}
    rows = {method: [cells.get((method, metric), "n/a") for metric in metrics] for method in methods}
    lines += _markdown_table("method", headings, rows)
    if summary["differences"]:
        compared = [metric for metric in metrics if any(row["metric"] == metric for row in summary["differences"])]
        differences = {(row["method"], row["minus"], row["metric"]): _format_cell(row, "+") for row in summary["differences"]}
        pairs = list(dict.fromkeys((row["method"], row["minus"]) for row in summary["differences"]))
        rows = {f"{a} − {b}": [differences.get((a, b, metric), "n/a") for metric in compared] for a, b in pairs}
        lines += ["", "## Differences, image by image", "", *_markdown_table("methods", compared, rows)]
    lines += ["", "## Protocol", ""]
    for metric, protocol in summary["protocols"].items():
        reason = summary["not_available"].get(metric)
        lines.append(f"- {metric}: not available: {reason}" if reason else f"- {metric}: {protocol}")
    if summary["not_defined"]:
        lines += ["", "## Images without a value", ""]
        named = ["{metric} of {method}, {image}: {reason}".format(**each) for each in summary["not_defined"]]
        lines += [f"- {line}" for line in shorten_list(named)]
    return "\n".join(lines) + "\n"


def _describe_statistics(summary) -> str:
    set_metrics = [metric for metric in summary["protocols"] if metric in SET_METRICS]
    exception = f" except {' and '.join(set_metrics)}, which are of the whole set," if set_metrics else ""
    return f"Each number{exception} is the {summary['statistics']}."


def _markdown_table(corner, columns, rows) -> list[str]:
    lines = ["| " + " | ".join([corner, *columns]) + " |", "|" + "---|" * (len(columns) + 1)]
    return lines + ["| " + " | ".join([name, *cells]) + " |" for name, cells in rows.items()]


def _format_cell(row, sign="") -> str:
    digits = _DIGITS.get(row["metric"].partition("_")[0], 4)
    value = row["value"] if isinstance(row["value"], str) else f"{row['value']:{sign}.{digits}f}"
    if row["low"] is not None:
        value += f" [{row['low']:{sign}.{digits}f}, {row['high']:{sign}.{digits}f}]"
    return f"{value} ({row['images']} images)" if "images" in row else value
