"""The paper's grid of sampling settings (Table 10), measured: perception against distortion, as in its Figures 5 and 7."""

from icdpm_experiments.figures import Panel, write_plot
from icdpm_experiments.results import RESULTS_FOLDER, print_table, write_results
from icdpm_experiments.sweeping.sweep import OF_MEAN, perception_metric


def grid_rows(model, settings, means):
    """The rows of a model: {'model', 'steps', 'max_noise_variance', metrics…} from what `sweep.sweep` gives."""
    return [
        {"model": model, "steps": each.steps, "max_noise_variance": each.max_noise_variance, **values}
        for each, values in zip(settings, means)
    ]


def write_grid(rows, command, data, metrics, reasons):
    """Prints and writes results/grid.

    Args:
      rows: of `grid_rows`, of one or several models.
      command: what makes them again.
      data: what was restored.
      metrics: {name: ImageMetric} of what was measured.
      reasons: {name: why it was not}.
    """
    print_table(rows)
    notes = [f"- {model}: {_best(rows, model)}" for model in dict.fromkeys(row["model"] for row in rows)]
    notes += [f"- {name}: {metric.protocol}." for name, metric in metrics.items()]
    notes += [f"- {name} was not measured: {reason}." for name, reason in reasons.items()]
    path = write_results(
        "grid",
        command=command,
        data=f"the 19 sampling settings of the paper's Table 10 (ancestral, linear β), on {data}",
        scale="demo",
        rows=rows,
        title="The paper's sampling settings: perception against distortion",
        notes=notes,
        protocols={name: metric.protocol for name, metric in metrics.items()},
        not_available=reasons,
    )
    perception, axis = perception_metric(metrics)
    panel = Panel("PSNR in dB (more is better)", axis, _series(rows, perception), joined=False)
    picture = RESULTS_FOLDER / "grid.png"
    write_plot(picture, [panel], title="Beside each point: steps, largest noise variance")
    print("", *notes, f"Numbers: {path}", f"Picture: {picture}", sep="\n")


def _best(rows, model):
    best = max((row for row in rows if row["model"] == model), key=lambda row: row["psnr"])
    return f"most PSNR, {best['psnr']:.2f} dB, with {best['steps']} steps to {best['max_noise_variance']:g}."


def _series(rows, perception):
    series = {}
    for row in rows:
        words = f"{row['steps']}, {row['max_noise_variance']:g}"
        series.setdefault(row["model"], []).append((row["psnr"], row[perception], words))
        if "psnr" + OF_MEAN in row:
            point = (row["psnr" + OF_MEAN], row[perception + OF_MEAN], words)
            series.setdefault(f"{row['model']}, mean of samples", []).append(point)
    return series
