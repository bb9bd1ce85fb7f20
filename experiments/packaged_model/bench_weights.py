"""The packaged model on pairs that it was not trained on: one sample, the mean of eight and each preset beside the input.

    make bench-weights PAIRS='gopro=gopro_test reds=reds_test'

Each folder has blur/ and sharp/ in it. Without any, the embedded test scenes are measured. What is restored is kept in
runs/bench-weights and not made again.
"""

import hashlib
from pathlib import Path

from absl import flags

from icdpm.cli import reject_arguments, run_command

FLAGS = flags.FLAGS
flags.DEFINE_multi_string("pairs", [], "NAME=FOLDER of pairs to measure on. Repeatable. Default: the embedded test scenes.")
flags.DEFINE_string("workdir", None, "Folder of a training run to measure. Default: the packaged model.")
flags.DEFINE_list("metrics", "psnr,ssim,lpips_alex,niqe", "Metrics of icdpm-evaluate.")
flags.DEFINE_integer("paper_crop", 128, "Side of the middle of each picture on which the paper's 500 steps are measured.", 16)

FOLDER = Path("runs/bench-weights")
KEPT = "sharp picture as input, one sample"


def main(argv):
    """Restores, measures, writes results/weights, or weights_NAME of a model of one's own."""
    reject_arguments(argv)
    from icdpm import pretrained
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm.models.workdir import choose_step, load, weights_file
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.packaged_model.model_rows import measured_rows, settings_by_name
    from icdpm_experiments.pairs import CenterCrops, SharpPairs, select_blurred
    from icdpm_experiments.results import make_command, print_table, write_results

    workdir = FLAGS.workdir or pretrained.WORKDIR
    step = choose_step(workdir)
    digest = hashlib.sha256(weights_file(workdir, step).read_bytes()).hexdigest()
    model = load(workdir, step)
    sets = {name: load_pairs(folder, "test") for name, folder in parse_named_folders(FLAGS.pairs).items()}
    sets = sets or {"embedded": select_blurred(load_pairs("embedded", "test"))}

    on_whole, paper = settings_by_name(model)
    kept = {KEPT: next(iter(on_whole.values()))}
    names = list(dict.fromkeys(["psnr", *FLAGS.metrics]))
    rows, unavailable = [], {}
    for name, pairs in sets.items():
        middle = CenterCrops(pairs, FLAGS.paper_crop)
        for label, source, settings, metrics in (
            (name, pairs, on_whole, names),
            (f"{name}, middle {FLAGS.paper_crop}×{FLAGS.paper_crop}", middle, paper, ["psnr"]),
            (f"{name}, sharp", SharpPairs(pairs), kept, ["psnr"]),
        ):
            if not settings:
                continue
            measured, reasons = measured_rows(model, label, source, settings, metrics, FOLDER / digest[:8] / label)
            rows += measured
            unavailable.update(reasons)
    names = [name for name in names if name not in unavailable]
    rows = [{**row, **{name: row.get(name, "") for name in names}} for row in rows]
    print_table(rows)
    packaged = workdir == pretrained.WORKDIR
    path = write_results(
        "weights" if packaged else f"weights_{model.config.name}",
        command=make_command("bench-weights", PAIRS=" ".join(FLAGS.pairs), WORKDIR=FLAGS.workdir),
        data="; ".join(f"{name}: {len(pairs)} pairs" for name, pairs in sets.items()),
        scale="packaged" if packaged else model.config.name,
        rows=rows,
        title=f"{'The packaged model' if packaged else model.config.name}, {step} steps",
        notes=[
            "Gains are over the blurry input, picture by picture; from and to end the 95 % bootstrap interval of their mean; "
            "worst is that of the picture which gains least. Of sharp pictures as input PSNR is that against themselves, worst "
            "the lowest.",
            *(f"{metric} is not available: {reason}." for metric, reason in unavailable.items()),
        ],
        weights=digest,
        step=step,
    )
    print(f"\nNumbers: {path}")


if __name__ == "__main__":
    run_command(main)
