"""Further columns of tables at scales with `extended`: color drift, detail, differences between rows, cost of a step."""

from __future__ import annotations

from icdpm_experiments.paper.comparison import differences_note, interval_row, result_row

FURTHER_METRICS = ("ssim", "niqe")  # of the ablations
COST = "training step"


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
