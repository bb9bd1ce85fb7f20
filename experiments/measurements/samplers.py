"""Compares samplers: quality on blurred images by the number of network evaluations.

    python -m icdpm_experiments.measurements.samplers --workdir=/tmp/tiny

Writes results/samplers.json, samplers.md and samplers.png. An interrupted command continues at the same image when it is
repeated; runs/samplers.jsonl keeps the measured values.
"""

from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm_experiments import pairs as pair_flags
from icdpm_experiments.pairs import select_blurred

FLAGS = flags.FLAGS
JOURNAL = Path("runs") / "samplers.jsonl"
SAMPLERS = ("ancestral", "ddim", "dpmpp_2m", "dpmpp_2m_sde")
EVALUATIONS = (2, 3, 5, 8, 10, 20)
START = 0.99  # 1 − γ_T of log_snr: the smallest start of the paper's grid
# (evaluations, maximum noise variance) of linear_beta. From 20 evaluations on these are settings of the paper's Table 10.
LINEAR_BETA = ((3, 0.5), (5, 0.5), (10, 0.5), (20, 0.5), (50, 0.2), (500, 0.02))
# Settings with at most this number of evaluations are compared with the reference.
FEW = 10
# Tolerances below the reference within which a setting counts as equally good.
PSNR_TOLERANCE, SSIM_TOLERANCE = 0.1, 0.005
DETAIL_TOLERANCE = 0.05  # weights `detail` in the search for the setting closest to the reference
_LABELS = {"psnr": "PSNR in dB", "ssim": "SSIM", "detail": "fine detail, relative to the sharp image"}


def define_flags():
    """Defines the flags of this command."""
    pair_flags.define_flags(crop=128)
    flags.adopt_module_key_flags(pair_flags)
    flags.DEFINE_string("workdir", None, "Folder of a training run. Default: the packaged model.")
    flags.DEFINE_integer("samples", 8, "Samples per image. Their mean is measured as well.", 1)


def main(argv):
    """Measures all settings and writes results/samplers."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.models.workdir import load
    from icdpm_experiments.measurements.sweep import Journal, available_metrics, measure_blurry, sweep

    model = load(FLAGS.workdir or pretrained.WORKDIR)
    pairs = select_blurred(pair_flags.load_selected_pairs())
    metrics, _ = available_metrics(["psnr", "ssim"], pairs)
    settings = comparison_settings(FLAGS.samples)
    means = sweep(model, pairs, settings, metrics, Journal(JOURNAL))
    data = f"{pairs.description}, restored by the model {model.config.name}, {FLAGS.samples} samples of each image"
    command = pair_flags.reproducing_command("bench-samplers")
    rows, blurry = comparison_rows(settings, means), measure_blurry(pairs, metrics)
    write_samplers(rows, blurry, command, data, FLAGS.samples, metrics)


def comparison_settings(samples):
    """Returns the list of `SamplingSettings`. The last one is the reference: ancestral sampling with 500 evaluations."""
    from icdpm.models.settings import SamplingSettings

    settings = [
        SamplingSettings(sampler, evaluations, START, samples, "log_snr") for sampler in SAMPLERS for evaluations in EVALUATIONS
    ]
    settings += [SamplingSettings("ddim", *each, samples) for each in LINEAR_BETA if each[0] <= FEW]
    return settings + [SamplingSettings("ancestral", *each, samples) for each in LINEAR_BETA]


def comparison_rows(settings, means):
    """Returns the rows sampler, evaluations, psnr, ssim, … from the return value `means` of `sweep`."""
    from icdpm_experiments.measurements.sweep import OF_MEAN

    return [
        {
            "sampler": each.sampler,
            "evaluations": each.steps,
            **{name: values[name] for name in ("psnr", "ssim", "detail")},
            **{name: value for name, value in values.items() if name.endswith(OF_MEAN)},
            "schedule": each.schedule,
            "max_noise_variance": each.max_noise_variance,
        }
        for each, values in zip(settings, means)
    ]


def equivalent_rows(rows, suffix=""):
    """Returns the rows of few evaluations whose PSNR and SSIM reach those of the reference, within the tolerances.

    Args:
      rows: rows of `comparison_rows`; the last one is the reference.
      suffix: '' for single samples, `OF_MEAN` for the mean of samples.
    """
    reference = rows[-1]

    def is_equivalent(row):
        loss = {name: reference[name + suffix] - row[name + suffix] for name in ("psnr", "ssim")}
        return row["evaluations"] <= FEW and loss["psnr"] <= PSNR_TOLERANCE and loss["ssim"] <= SSIM_TOLERANCE

    return [row for row in rows if is_equivalent(row)]


def write_samplers(rows, blurry, command, data, samples, metrics):
    """Prints the rows and writes results/samplers.

    Args:
      rows: rows of `comparison_rows`; the last one is the reference.
      blurry: metrics of the blurry images, as `measure_blurry` returns them.
      command: command that reproduces the rows.
      data: description of the data.
      samples: number of samples per image.
      metrics: {name: ImageMetric} of the measured metrics.
    """
    from icdpm_experiments.figures import write_plot
    from icdpm_experiments.measurements.sweep import OF_MEAN
    from icdpm_experiments.results import RESULTS_FOLDER, print_table, write_results

    print_table(rows)
    titles = {"": "one sample"} if samples == 1 else {"": "one sample", OF_MEAN: f"the mean of {samples} samples"}
    notes = [f"- {_summarize_comparison(rows, suffix, title)}" for suffix, title in titles.items()]
    notes.append(f"- The blurry images: {_format_metrics(blurry)}.")
    if samples > 1:
        notes.append(f"- psnr, ssim, detail: means over {samples} single samples. …{OF_MEAN}: of the mean of the samples.")
    notes.append(
        "- max_noise_variance: with log_snr the noise variance of the start, 1 − γ_T; with linear_beta that of the last step, "
        f"1 − α_T. From {EVALUATIONS[-1]} steps on the rows with linear_beta are settings of the paper's Table 10."
    )
    notes += [f"- {name}: {metric.protocol}." for name, metric in metrics.items()]
    path = write_results(
        "samplers",
        command=command,
        data=data,
        scale="demo",
        rows=rows,
        title="Samplers: quality by network evaluations",
        notes=notes,
        blurry=blurry,
        reference={name: rows[-1][name] for name in ("sampler", "evaluations", "schedule", "max_noise_variance")},
        reached={title: [_describe_setting(row) for row in equivalent_rows(rows, suffix)] for suffix, title in titles.items()},
    )
    plot = RESULTS_FOLDER / "samplers.png"
    panels = [_make_panel(rows, name, label) for name, label in _LABELS.items()]
    write_plot(plot, panels, title="One sample; dashed: ancestral sampling with 500 evaluations on the paper's schedule")
    print("", *notes, f"Numbers: {path}", f"Plot: {plot}", sep="\n")


def _summarize_comparison(rows, suffix, title):
    """Returns sentences on the reference, on the equivalent settings and on the closest setting of few evaluations."""
    reference, equivalent = rows[-1], equivalent_rows(rows, suffix)
    few = [row for row in rows if row["evaluations"] <= FEW]

    def distance(row):
        units = {"psnr": PSNR_TOLERANCE, "ssim": SSIM_TOLERANCE, "detail": DETAIL_TOLERANCE}
        return sum(abs(row[name + suffix] - reference[name + suffix]) / unit for name, unit in units.items())

    def describe(row):
        return f"{_describe_setting(row)}, {_format_metrics(row, suffix)}"

    sentences = [
        f"Reference, {title}: {describe(reference)}.",
        f"{len(equivalent) or 'None'} of {len(few)} settings with at most {FEW} evaluations reach this PSNR within "
        f"{PSNR_TOLERANCE} dB and this SSIM within {SSIM_TOLERANCE}.",
    ]
    if equivalent:
        fewest = min(equivalent, key=lambda row: row["evaluations"])
        best = max(equivalent, key=lambda row: row["psnr" + suffix])
        sentences.append(f"Fewest evaluations: {describe(fewest)}. Highest PSNR: {describe(best)}.")
    sentences.append(f"Closest to the reference in all three metrics: {describe(min(few, key=distance))}.")
    return " ".join(sentences)


def _format_metrics(row, suffix=""):
    return f"{row['psnr' + suffix]:.2f} dB, SSIM {row['ssim' + suffix]:.3f}, detail {row['detail' + suffix]:.2f}"


def _describe_setting(row):
    return f"{row['sampler']} {row['evaluations']} ({row['schedule']} {row['max_noise_variance']:g})"


def _make_panel(rows, metric, label):
    from icdpm_experiments.figures import Panel

    series = {}
    for row in rows:
        name = row["sampler"] if row["schedule"] == "log_snr" else f"{row['sampler']}, linear β"
        series.setdefault(name, []).append((row["evaluations"], row[metric]))
    return Panel("network evaluations", label, series, {"reference": rows[-1][metric]}, log_x=True)


if __name__ == "__main__":
    define_flags()
    run_command(main)
