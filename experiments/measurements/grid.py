"""Measures perception and distortion over the 19 sampling settings of the paper's Table 10, for one or several models.

    python -m icdpm_experiments.measurements.grid --workdir=guided=runs/c --workdir=unguided=runs/a --data=my_pairs

Writes results/grid.json, grid.md and grid.png, a plot like the paper's Figures 5 and 7. An interrupted command continues at the
same image when it is repeated; runs/grid.jsonl keeps the measured values.
"""

from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm_experiments import pairs as pair_flags

FLAGS = flags.FLAGS
JOURNAL = Path("runs") / "grid.jsonl"


def define_flags():
    """Defines the flags of this command."""
    pair_flags.define_flags()
    flags.adopt_module_key_flags(pair_flags)
    flags.DEFINE_multi_string("workdir", [], "Folder of a training run, or NAME=DIR. Repeatable. Default: the packaged model.")
    flags.DEFINE_integer("samples", 1, "Samples per image. The mean of several samples is measured as well.", 1)


def main(argv):
    """Measures all settings of all models and writes results/grid."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm.models.workdir import load
    from icdpm_experiments.measurements.sweep import Journal, available_metrics, sweep
    from icdpm_experiments.paper.scales import grid_settings

    workdirs = parse_named_folders(FLAGS.workdir or [f"packaged={pretrained.WORKDIR}"])
    pairs = pair_flags.load_selected_pairs()
    metrics, reasons = available_metrics(["psnr", "ssim", "lpips_alex", "niqe"], pairs)
    settings, rows = grid_settings(FLAGS.samples), []
    for model, workdir in workdirs.items():
        means = sweep(load(workdir), pairs, settings, metrics, Journal(JOURNAL), label=f"{model}: ")
        rows += grid_rows(model, settings, means)
    write_grid(rows, pair_flags.reproducing_command("bench-grid"), pairs.description, metrics, reasons)


def grid_rows(model, settings, means):
    """Returns the rows of a model: model, steps, max_noise_variance, and the metrics that `sweep` returned as `means`."""
    return [
        {"model": model, "steps": each.steps, "max_noise_variance": each.max_noise_variance, **values}
        for each, values in zip(settings, means)
    ]


def write_grid(rows, command, data, metrics, reasons):
    """Prints the rows and writes results/grid.

    Args:
      rows: rows of `grid_rows` of one or several models.
      command: command that reproduces the rows.
      data: description of the data.
      metrics: {name: ImageMetric} of the measured metrics.
      reasons: {name: reason} of the metrics that are not available.
    """
    from icdpm_experiments.figures import Panel, write_plot
    from icdpm_experiments.measurements.sweep import perception_metric
    from icdpm_experiments.results import RESULTS_FOLDER, print_table, write_results

    print_table(rows)
    notes = [f"- {model}: {_describe_best(rows, model)}" for model in dict.fromkeys(row["model"] for row in rows)]
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
    panel = Panel("PSNR in dB (higher is better)", axis, _make_series(rows, perception), joined=False)
    plot = RESULTS_FOLDER / "grid.png"
    write_plot(plot, [panel], title="Labels of the points: steps, maximum noise variance")
    print("", *notes, f"Numbers: {path}", f"Plot: {plot}", sep="\n")


def _describe_best(rows, model):
    best = max((row for row in rows if row["model"] == model), key=lambda row: row["psnr"])
    return f"highest PSNR, {best['psnr']:.2f} dB, with {best['steps']} steps to {best['max_noise_variance']:g}."


def _make_series(rows, perception):
    from icdpm_experiments.measurements.sweep import OF_MEAN

    series = {}
    for row in rows:
        label = f"{row['steps']}, {row['max_noise_variance']:g}"
        series.setdefault(row["model"], []).append((row["psnr"], row[perception], label))
        if "psnr" + OF_MEAN in row:
            point = (row["psnr" + OF_MEAN], row[perception + OF_MEAN], label)
            series.setdefault(f"{row['model']}, mean of samples", []).append(point)
    return series


if __name__ == "__main__":
    define_flags()
    run_command(main)
