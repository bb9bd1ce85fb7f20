"""Samplers against each other: quality by the number of times that the network is evaluated."""

from icdpm.models.settings import SamplingSettings
from icdpm_experiments.figures import Panel, write_plot
from icdpm_experiments.results import RESULTS_FOLDER, print_table, write_results
from icdpm_experiments.sweeping.sweep import OF_MEAN

SAMPLERS = ("ancestral", "ddim", "dpmpp_2m", "dpmpp_2m_sde")
EVALUATIONS = (2, 3, 5, 8, 10, 20)
START = 0.99  # 1 − γ_T of log_snr: where the paper's grid starts at the latest
# Of linear_beta: evaluations and the largest noise variance. From 20 on these are settings of the paper's Table 10.
LINEAR_BETA = ((3, 0.5), (5, 0.5), (10, 0.5), (20, 0.5), (50, 0.2), (500, 0.02))
FEW = 10
# How far from the reference a few evaluations may stay behind.
PSNR_WITHIN, SSIM_WITHIN = 0.1, 0.005
DETAIL_WITHIN = 0.05  # what counts as much in `detail`, where it is asked which few evaluations come closest


def comparison_settings(samples):
    """What is measured; the last one, ancestral sampling with 500 evaluations, is what the others are held against."""
    settings = [
        SamplingSettings(sampler, evaluations, START, samples, "log_snr") for sampler in SAMPLERS for evaluations in EVALUATIONS
    ]
    settings += [SamplingSettings("ddim", *each, samples) for each in LINEAR_BETA if each[0] <= FEW]
    return settings + [SamplingSettings("ancestral", *each, samples) for each in LINEAR_BETA]


def comparison_rows(settings, means):
    """{'sampler', 'evaluations', 'psnr', 'ssim', …} from what `sweep.sweep` gives."""
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


def reaching(rows, suffix=""):
    """The rows of few evaluations that are as good as the last row, the reference, in PSNR and in SSIM.

    Args:
      rows: of `comparison_rows`.
      suffix: '' for single samples, `OF_MEAN` for their mean.
    """
    reference = rows[-1]

    def reaches(row):
        behind = {name: reference[name + suffix] - row[name + suffix] for name in ("psnr", "ssim")}
        return row["evaluations"] <= FEW and behind["psnr"] <= PSNR_WITHIN and behind["ssim"] <= SSIM_WITHIN

    return [row for row in rows if reaches(row)]


def write_samplers(rows, blurry, command, data, samples, metrics):
    """Prints and writes results/samplers.

    Args:
      rows: of `comparison_rows`, the reference last.
      blurry: of `sweep.measure_blurry`.
      command: what makes them again.
      data: what was restored.
      samples: how many samples of each picture.
      metrics: {name: ImageMetric} of what was measured.
    """
    print_table(rows)
    of_each = {"": "one sample"} if samples == 1 else {"": "one sample", OF_MEAN: f"the mean of {samples} samples"}
    notes = [f"- {_verdict(rows, suffix, words)}" for suffix, words in of_each.items()]
    notes.append(f"- The blurry pictures themselves: {_numbers(blurry)}.")
    if samples > 1:
        notes.append(f"- psnr, ssim and detail are means over {samples} single samples; …{OF_MEAN}: of these samples averaged.")
    notes.append(
        f"- max_noise_variance is with log_snr that of the start, 1 − γ_T, with linear_beta that of the last step, 1 − α_T. "
        f"From {EVALUATIONS[-1]} steps on the rows with linear_beta are settings of the paper's Table 10."
    )
    notes += [f"- {name}: {metric.protocol}." for name, metric in metrics.items()]
    path = write_results(
        "samplers",
        command=command,
        data=data,
        scale="demo",
        rows=rows,
        title="Samplers: quality by evaluations of the network",
        notes=notes,
        blurry=blurry,
        reference={name: rows[-1][name] for name in ("sampler", "evaluations", "schedule", "max_noise_variance")},
        reached={words: [_name(row) for row in reaching(rows, suffix)] for suffix, words in of_each.items()},
    )
    picture = RESULTS_FOLDER / "samplers.png"
    labels = {"psnr": "PSNR in dB", "ssim": "SSIM", "detail": "fine detail, relative to the sharp picture"}
    panels = [_panel(rows, name, label) for name, label in labels.items()]
    write_plot(picture, panels, title="One sample; dashed: ancestral sampling with 500 evaluations on the paper's schedule")
    print("", *notes, f"Numbers: {path}", f"Picture: {picture}", sep="\n")


def _verdict(rows, suffix, words):
    """In words: what the reference reaches, who reaches that with few evaluations, and who comes closest to it."""
    reference, reached = rows[-1], reaching(rows, suffix)
    few = [row for row in rows if row["evaluations"] <= FEW]

    def distance(row):
        units = {"psnr": PSNR_WITHIN, "ssim": SSIM_WITHIN, "detail": DETAIL_WITHIN}
        return sum(abs(row[name + suffix] - reference[name + suffix]) / unit for name, unit in units.items())

    def told(row):
        return f"{_name(row)}, {_numbers(row, suffix)}"

    sentences = [
        f"Of {words}: {told(reference)}.",
        f"{len(reached) or 'None'} of {len(few)} settings with at most {FEW} evaluations reach that PSNR to {PSNR_WITHIN} dB "
        f"and that SSIM to {SSIM_WITHIN}.",
    ]
    if reached:
        least, best = min(reached, key=lambda row: row["evaluations"]), max(reached, key=lambda row: row["psnr" + suffix])
        sentences.append(f"Fewest evaluations: {told(least)}. Most PSNR: {told(best)}.")
    sentences.append(f"Closest to the reference in all three, not only as good: {told(min(few, key=distance))}.")
    return " ".join(sentences)


def _numbers(row, suffix=""):
    return f"{row['psnr' + suffix]:.2f} dB, SSIM {row['ssim' + suffix]:.3f}, detail {row['detail' + suffix]:.2f}"


def _name(row):
    return f"{row['sampler']} {row['evaluations']} ({row['schedule']} {row['max_noise_variance']:g})"


def _panel(rows, metric, label):
    series = {}
    for row in rows:
        name = row["sampler"] if row["schedule"] == "log_snr" else f"{row['sampler']}, linear β"
        series.setdefault(name, []).append((row["evaluations"], row[metric]))
    return Panel("evaluations of the network", label, series, {"reference": rows[-1][metric]}, log_x=True)
