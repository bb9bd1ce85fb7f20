"""Tables of measured values with the published values beside them."""

from __future__ import annotations

from icdpm.evaluation import intervals
from icdpm_experiments.results import make_command, write_results

NOTES = [
    "Each cell: measured here [95 % interval] (published). – : not measured, or empty in the paper.",
]


def result_row(row, dataset, metric, value, published) -> dict:
    """Returns one value of a table, as stored in the JSON. None marks a missing value."""
    return {"row": row, "dataset": dataset, "metric": metric, "value": value, "published": published}


def interval_row(row, dataset, metric, mean) -> dict:
    """Returns the same for an `icdpm.evaluation.intervals.Mean`, or None, which the paper does not print."""
    value, low, high = mean or (None, None, None)
    return {**result_row(row, dataset, metric, value, None), "low": low, "high": high}


def differences_note(others) -> str:
    """Returns a sentence that explains the columns of differences from the rows `others`."""
    return f"psnr − {' and psnr − '.join(others)}: differences image by image, the {intervals.PROTOCOL}."


def write_comparison(name, title, scale, rows, *, notes=(), protocols=None, not_available=None, **further) -> None:
    """Prints a table and writes it to NAME plus the scale's suffix in the scale's folder of results.

    Args:
      name: name of the table. Its hyphens become underscores in the file name.
      title: heading of the table.
      scale: a scale of `scales`.
      rows: list of `result_row`.
      notes: sentences.
      protocols: {metric: protocol}.
      not_available: {metric: reason}.
      **further: further top-level values of the JSON.
    """
    protocols, not_available = protocols or {}, not_available or {}
    lines = comparison_table(rows)
    datasets = ", ".join(dict.fromkeys(row["dataset"] for row in rows))
    print("\n".join(lines))
    path = write_results(
        scale.result_name(name),
        folder=scale.results_folder,
        command=make_command(f"bench-{name}", SCALE=scale.name, **scale.make_variables),
        data=f"measured on {datasets}",
        scale=scale.name,
        rows=rows,
        title=title,
        notes=["\n".join([*NOTES, *notes]), "", *protocol_lines(protocols, not_available)],
        table=lines,
        protocols=protocols,
        not_available=not_available,
        **scale.record(),
        **further,
    )
    print(f"Written to {path}.")


def protocol_lines(protocols, not_available) -> list[str]:
    """Returns lines of a Markdown list: the reason for each metric that is not available, the protocol of each other one."""
    lines = [f"- {metric}: not available: {reason}" for metric, reason in not_available.items()]
    return lines + [f"- {metric}: {protocol}" for metric, protocol in protocols.items() if metric not in not_available]


def comparison_table(rows) -> list[str]:
    """Returns lines of a Markdown table: a line for each row, a column for each metric of each data set."""
    columns = list(dict.fromkeys((row["dataset"], row["metric"]) for row in rows))
    several = len({dataset for dataset, _ in columns}) > 1
    headings = [f"{dataset}: {metric}" if several else metric for dataset, metric in columns]
    lines = ["| | " + " | ".join(headings) + " |", "|" + "---|" * (len(columns) + 1)]
    digits = {metric: _decimals(rows, metric) for _, metric in columns}
    for name in dict.fromkeys(row["row"] for row in rows):
        cells = {(row["dataset"], row["metric"]): row for row in rows if row["row"] == name}
        lines.append(f"| {name} | " + " | ".join(_cell(cells.get(c), digits[c[1]]) for c in columns) + " |")
    return lines


def _decimals(rows, metric):
    """Returns as many decimals as the paper prints for a metric, or three."""
    published = [row["published"] for row in rows if row["metric"] == metric and row["published"] is not None]
    return max((len(repr(value).partition(".")[2]) for value in published), default=3)


def _cell(row, digits):
    if row is None:
        return ""
    measured, published = ("–" if value is None else f"{float(value):.{digits}f}" for value in (row["value"], row["published"]))
    if row.get("low") is not None:
        measured += f" [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"
    return measured if row["published"] is None else f"{measured} ({published})"
