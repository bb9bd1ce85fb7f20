"""Samplers compared: quality by the number of times that the network is evaluated, on pictures that are blurred.

    python -m icdpm_experiments.measurements.samplers --workdir=/tmp/tiny

It ends with results/samplers.png, samplers.json and samplers.md. Interrupted, the same command goes on at the picture where
it was; what was measured is kept in runs/samplers.jsonl.
"""

from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm_experiments.measurements import sweep_flags

FLAGS = flags.FLAGS
flags.adopt_module_key_flags(sweep_flags)
flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")
flags.DEFINE_integer("crop", 128, "Side of the middle part of each picture that is restored.", 16)
flags.DEFINE_integer("samples", 8, "Samples of each picture; their mean is measured as well.", 1)

JOURNAL = Path("runs") / "samplers.jsonl"


def main(argv):
    """Parses, measures, writes table and plot."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.models.workdir import load
    from icdpm_experiments.measurements.sampler_comparison import comparison_rows, comparison_settings, write_samplers
    from icdpm_experiments.pairs import select_blurred
    from icdpm_experiments.sweeping.sweep import Journal, available_metrics, measure_blurry, sweep

    model = load(FLAGS.workdir or pretrained.WORKDIR)
    pairs = select_blurred(sweep_flags.chosen_pairs())
    metrics, _ = available_metrics(["psnr", "ssim"], pairs)
    settings = comparison_settings(FLAGS.samples)
    means = sweep(model, pairs, settings, metrics, Journal(JOURNAL))
    data = f"{pairs.description}, restored by the model {model.config.name}, {FLAGS.samples} samples of each picture"
    command = sweep_flags.command_given("bench-samplers")
    rows, blurry = comparison_rows(settings, means), measure_blurry(pairs, metrics)
    write_samplers(rows, blurry, command, data, FLAGS.samples, metrics)


if __name__ == "__main__":
    run_command(main)
