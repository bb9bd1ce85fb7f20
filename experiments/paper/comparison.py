"""Tables of measured values with the published ones beside them."""

from icdpm.evaluation import intervals
from icdpm_experiments.results import make_command, write_results

NOTES = [
    "Each cell: measured here [95 % interval] (published). – : not measured, or empty in the paper.",
]


def row_of(row, dataset, metric, value, published):
    """One value of a table, as it stands in the JSON; None for a value that is not there."""
    return {"row": row, "dataset": dataset, "metric": metric, "value": value, "published": published}


def mean_row(row, dataset, metric, mean):
    """The same of an `icdpm.evaluation.intervals.Mean`, which the paper does not print; None: of nothing."""
    value, low, high = mean or (None, None, None)
    return {**row_of(row, dataset, metric, value, None), "low": low, "high": high}


def differences_note(others):
    """The sentence that says what the columns of differences from some rows are."""
    return f"psnr − {' and psnr − '.join(others)}: differences picture by picture, the {intervals.PROTOCOL}."


def one_setting_note(models, scale) -> str:
    """Returns the sentence that names the sampling setting which all rows of an ablation share.

    Args:
      models: iterable of `models.Model`.
      scale: a scale of `scales`.

    Raises:
      ValueError: the configs of the rows have different sampling settings, so that the rows cannot be compared.
    """
    settings = {model.settings(scale) for model in models}
    if len(settings) > 1:
        listed = "; ".join(sorted(map(str, settings)))
        raise ValueError(f"The rows of an ablation must share one sampling setting. Received: {listed}.")
    (setting,) = settings
    return f"All rows: one sample at one fixed sampling setting, that of the configs ({setting}); nothing is chosen by a sweep."


def write_comparison(name, title, scale, rows, *, notes=(), protocols=None, not_available=None, **further):
    """Prints and writes results/NAME, with the scale's suffix, from rows of `row_of`.

    Args:
      name, title: of the table; a hyphen of the name becomes an underscore in that of the file.
      scale: a scale of `scales`.
      rows: of `row_of`.
      notes: sentences.
      protocols: {metric: how it is measured}.
      not_available: {metric: why it could not be measured}.
      **further: for the JSON.
    """
    protocols, not_available = protocols or {}, not_available or {}
    lines = comparison_table(rows)
    datasets = ", ".join(dict.fromkeys(row["dataset"] for row in rows))
    print("\n".join(lines))
    path = write_results(
        f"{name.replace('-', '_')}{scale.suffix}",
        command=make_command(f"bench-{name}", SCALE=scale.name, **scale.given),
        data=f"measured on {datasets}",
        scale=scale.name,
        rows=rows,
        title=title,
        notes=["\n".join([*NOTES, *notes]), "", *protocol_lines(protocols, not_available)],
        table=lines,
        protocols=protocols,
        not_available=not_available,
        **further,
    )
    print(f"written to {path}")


def protocol_lines(protocols, not_available):
    """Lines of a Markdown list: {metric: why it is not available} and {metric: how it is measured}."""
    lines = [f"- {metric}: not available: {reason}" for metric, reason in not_available.items()]
    return lines + [f"- {metric}: {protocol}" for metric, protocol in protocols.items() if metric not in not_available]


def comparison_table(rows):
    """Markdown: a line for each row, a column for each metric of each data set, in cells 'measured (published)'."""
    columns = list(dict.fromkeys((row["dataset"], row["metric"]) for row in rows))
    several = len({dataset for dataset, _ in columns}) > 1
    headings = [f"{dataset}: {metric}" if several else metric for dataset, metric in columns]
    lines = ["| | " + " | ".join(headings) + " |", "|" + "---|" * (len(columns) + 1)]
    digits = {metric: _digits(rows, metric) for _, metric in columns}
    for name in dict.fromkeys(row["row"] for row in rows):
        cells = {(row["dataset"], row["metric"]): row for row in rows if row["row"] == name}
        lines.append(f"| {name} | " + " | ".join(_cell(cells.get(c), digits[c[1]]) for c in columns) + " |")
    return lines


def _digits(rows, metric):
    """Digits behind the point: as many as the paper prints of this metric, or three."""
    published = [row["published"] for row in rows if row["metric"] == metric and row["published"] is not None]
    return max((len(repr(value).partition(".")[2]) for value in published), default=3)


def _cell(row, digits):
    if row is None:
        return ""
    measured, published = ("–" if value is None else f"{float(value):.{digits}f}" for value in (row["value"], row["published"]))
    if row.get("low") is not None:
        measured += f" [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"
    return measured if row["published"] is None else f"{measured} ({published})"
