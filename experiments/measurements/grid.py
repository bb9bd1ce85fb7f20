"""Perception against distortion over the paper's 19 sampling settings (Table 10), for one or several trained models.

    python -m icdpm_experiments.measurements.grid --workdir=guided=runs/c --workdir=unguided=runs/a --data=my_pairs

It ends with results/grid.png, which shows what the paper's Figures 5 and 7 show, and results/grid.json and grid.md.
Interrupted, the same command goes on at the picture where it was; what was measured is kept in runs/grid.jsonl.
"""

from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm_experiments.measurements import sweep_flags

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(sweep_flags)
flags.DEFINE_multi_string("workdir", [], "Folder of a training run, or NAME=FOLDER. Repeatable. Default: the packaged model.")
flags.DEFINE_integer("crop", None, "Side of the middle part of each picture that is restored. Default: whole pictures.", 16)
flags.DEFINE_integer("samples", 1, "Samples of each picture. Of several, their mean is measured as well.", 1)

JOURNAL = Path("runs") / "grid.jsonl"


def main(argv):
    """Parses, measures, writes table and plot."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm.models.workdir import load
    from icdpm_experiments.measurements.grid_plot import grid_rows, write_grid
    from icdpm_experiments.paper.sampling_settings import grid_settings
    from icdpm_experiments.sweeping.sweep import Journal, available_metrics, sweep

    workdirs = parse_named_folders(FLAGS.workdir or [f"packaged={pretrained.WORKDIR}"])
    pairs = sweep_flags.chosen_pairs()
    metrics, reasons = available_metrics(["psnr", "ssim", "lpips_alex", "niqe"], pairs)
    settings, rows = grid_settings(FLAGS.samples), []
    for model, workdir in workdirs.items():
        means = sweep(load(workdir), pairs, settings, metrics, Journal(JOURNAL), label=f"{model}: ")
        rows += grid_rows(model, settings, means)
    write_grid(rows, sweep_flags.command_given("bench-grid"), pairs.description, metrics, reasons)


if __name__ == "__main__":
    run_command(main)
