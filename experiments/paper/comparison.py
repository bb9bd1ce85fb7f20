"""Tables of measured and published values, and the further columns of scales with `extended`."""

from __future__ import annotations

from pathlib import Path

from icdpm.errors import IcdpmError
from icdpm.evaluation import intervals
from icdpm_experiments.results import abbreviate_home, make_command, write_results

FURTHER_METRICS = ("ssim", "niqe")  # of the ablations
COST = "training step"
NOTES = [
    "Each cell: measured here [95 % interval] (published). – : not measured, or empty in the paper.",
]


def result_row(row, dataset, metric, value, published) -> dict:
    """Returns one value of a table, as stored in the JSON. None marks a missing value."""
    return {"row": row, "dataset": dataset, "metric": metric, "value": value, "published": published}


def interval_row(row, dataset, metric, mean) -> dict:
    """Returns one mean with its interval, which the paper does not print; `mean` is an `intervals.Mean` or None."""
    value, low, high = mean or (None, None, None)
    return {**result_row(row, dataset, metric, value, None), "low": low, "high": high}


def differences_note(others) -> str:
    """Returns a sentence that explains the columns of differences from the rows `others`."""
    return f"psnr − {' and psnr − '.join(others)}: differences image by image, the {intervals.PROTOCOL}."


def merge_folders(own, others) -> dict:
    """Merges {row: folder} of other methods and of the models here, in this order.

    Raises:
      IcdpmError: both have a row of the same name.
    """
    if taken := sorted(own.keys() & others.keys()):
        raise IcdpmError(f"The row {taken[0]} is already restored here. Use another name in --restored.")
    return {**others, **own}


def restored_variable(restored) -> str:
    """Formats folders of other methods, {name: folder}, as the make variable RESTORED."""
    return " ".join(f"{name}={abbreviate_home(str(folder))}" for name, folder in restored.items())


def write_experiment(scale, name, *, variables=None, **content) -> Path:
    """Writes the results of `make bench-NAME` to NAME plus the scale's suffix in the scale's folder of results.

    Args:
      scale: a scale of `scales`.
      name: name of the table or figure. Its hyphens become underscores in the file name.
      variables: {make variable: value} in addition to the scale's.
      **content: data, rows, title and further arguments of `results.write_results`.

    Returns:
      Path of the Markdown file.
    """
    return write_results(
        scale.result_name(name),
        folder=scale.results_folder,
        command=make_command(f"bench-{name}", SCALE=scale.name, **scale.make_variables, **(variables or {})),
        scale=scale.name,
        **{**scale.record(), **content},
    )


def write_comparison(name, title, scale, rows, *, notes=(), protocols=None, not_available=None, **further) -> None:
    """Prints a table and writes it as `write_experiment` does.

    Args:
      name: name of the table.
      title: heading of the table.
      scale: a scale of `scales`.
      rows: list of `result_row`.
      notes: sentences.
      protocols: {metric: protocol}.
      not_available: {metric: reason}.
      **further: further arguments of `write_experiment`, such as `variables`, and top-level values of the JSON.
    """
    protocols, not_available = protocols or {}, not_available or {}
    lines = comparison_table(rows)
    datasets = ", ".join(dict.fromkeys(row["dataset"] for row in rows if row["dataset"] != COST))
    print("\n".join(lines))
    path = write_experiment(
        scale,
        name,
        data=f"measured on {datasets}",
        rows=rows,
        title=title,
        notes=["\n".join([*NOTES, *notes]), "", *protocol_lines(protocols, not_available)],
        table=lines,
        protocols=protocols,
        not_available=not_available,
        **further,
    )
    print(f"Written to {path}.")


def protocol_lines(protocols, not_available) -> list[str]:
    """Returns lines of a Markdown list: the reason for each metric that is not available, the protocol of each other one."""
    lines = [f"- {metric}: not available: {reason}" for metric, reason in not_available.items()]
    return lines + [f"- {metric}: {protocol}" for metric, protocol in protocols.items() if metric not in not_available]


def comparison_table(rows) -> list[str]:
    """Returns lines of a Markdown table: a line for each row, a column for each metric of each data set that has values."""
    with_values = {(row["dataset"], row["metric"]) for row in rows if (row["value"], row["published"]) != (None, None)}
    columns = [c for c in dict.fromkeys((row["dataset"], row["metric"]) for row in rows) if c in with_values]
    datasets = {dataset for dataset, _ in columns} - {COST} or {COST}
    headings = [metric if datasets == {dataset} else f"{dataset}: {metric}" for dataset, metric in columns]
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


def extend_table(runs, dataset, models, folders, compared_with, cost=True) -> tuple[list[dict], list[str]]:
    """Measures the further columns of a table.

    Args:
      runs: a `Runs`.
      dataset: name of the test set.
      models: {row: `models.ComparedModel`} of the rows whose training has a cost.
      folders: {row: folder of restored images}.
      compared_with: rows from which the PSNR of the others is subtracted. A row that is not in the table is left out.
      cost: whether the cost of a training step is reported.

    Returns:
      (list of `result_row`, sentences); both are empty if the scale has no further columns.
    """
    if not runs.scale.extended:
        return [], []
    label, rows = runs.scale.label(dataset), []
    for row, values in runs.measure_color_and_detail(dataset, folders).items():
        rows += [result_row(row, label, name, float(each.mean()), None) for name, each in values.items()]
    compared_with = [other for other in compared_with if other == "blurry" or other in folders]
    for other in compared_with:
        differences = runs.measure_differences(dataset, folders, "psnr", other)
        rows += [interval_row(row, label, f"psnr − {other}", differences.get(row)) for row in folders]
    notes = [differences_note(compared_with)] if compared_with else []
    notes.append(
        "color drift: largest deviation of the light of a region from that of the blurry image, in 8-bit steps. detail: mean "
        "absolute Laplacian relative to the sharp image; 1 is right."
    )
    if cost:
        rows += cost_rows(runs, {row: model.variant for row, model in models.items()})
        notes.append(cost_note(runs, {row: model.variant for row, model in models.items()}))
    return rows, notes


def cost_rows(runs, variants) -> list[dict]:
    """Returns the rows with the cost of a training step of {row: variant}."""
    return [
        result_row(row, COST, name, value, None)
        for row, variant in variants.items()
        for name, value in runs.training_cost(variant).items()
    ]


def cost_note(runs, variants) -> str:
    """Returns sentences about the training steps of {row: variant}."""
    steps = {row: runs.training_steps(variant) for row, variant in variants.items()}
    listed = ", ".join(f"{row} {count:,}" for row, count in steps.items())
    counts = f"{next(iter(steps.values())):,} each" if len(set(steps.values())) == 1 else listed
    return (
        f"Training steps: {counts or 'none'}. {COST}: 1st percentile of its time in the run, since other work may slow it, and "
        "operations of convolutions and matrix products; the mean over both stages of HI-Diff."
    )
