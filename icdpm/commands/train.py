"""icdpm-train: trains a deblurring model.

Examples:
  icdpm-train --config=tiny --data=embedded --workdir=/tmp/tiny

  icdpm-train --config=small_naf --data=my_pairs --workdir=/tmp/mine --start_from=packaged --set=optimizer.learning_rate=1e-4

After an interruption the same command continues from the latest checkpoint. --dry_run estimates operations, memory, input
bandwidth and time without training:

  icdpm-train --config=table2_c --data=gopro --workdir=/tmp/paper --dry_run --replicas=32 --peak_tflops=61.5 --utilisation=0.4
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import app, flags

from icdpm.cli import import_tensorflow, reject_arguments, run_command
from icdpm_datasets.published.sets import NAMES

FLAGS = flags.FLAGS
flags.DEFINE_string("config", None, "Name of a packaged config (table2_c, tiny, …) or path of a .py file with get_config().")
flags.DEFINE_string(
    "workdir",
    None,
    "Folder for checkpoints, config and TensorBoard files, on this computer or in a bucket (gs://…, s3://…).",
)
flags.DEFINE_string(
    "data",
    None,
    f"Training data: embedded; a published set ({', '.join(NAMES)}, or a variant such as gopro/blur_gamma); a folder with "
    "blur/ and sharp/; shake:FOLDER, motion:FOLDER, long_motion:FOLDER or handheld:FOLDER (sharp photos, blurred on the fly); "
    "noise:FOLDER, jpeg:FOLDER or downscale:FOLDER (sharp photos, degraded on the fly); frames:FOLDER (high-speed video); "
    "records/NAME (as icdpm-prepare wrote them); or a weighted mixture such as gopro:0.7,reds:0.3.",
)
flags.DEFINE_string("validation_data", None, "Validation data, in the same form. Default: the test split of --data.")
flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of the data sets that icdpm-prepare recorded, on this computer or in a bucket (gs://…). "
    "Default: ~/tensorflow_datasets.",
)
flags.DEFINE_string(
    "start_from",
    None,
    "Workdir of another run, or 'packaged' for the packaged model, that initializes this run. Weights are copied where name "
    "and shape match.",
)
flags.DEFINE_bool(
    "start_from_partial",
    False,
    "Proceed even if fewer than half of the weights match; the rest are initialized randomly.",
)
flags.DEFINE_string(
    "target_data",
    None,
    "Images of another domain, in the form of --data; only the blurry ones are used. For models that align two domains "
    "(fig9_aligned).",
)
flags.DEFINE_multi_string("set", [], "Changes a field of the config, for example --set=optimizer.accumulation=4")
flags.DEFINE_enum(
    "strategy",
    "single",
    ["single", "mirrored", "multiworker", "tpu"],
    "Devices: a single one, all local GPUs (mirrored), the workers of TF_CONFIG (multiworker), or a TPU.",
)
flags.DEFINE_string("tpu", None, "Name or address of the TPU (local on a TPU VM). Implies --strategy=tpu.")
flags.DEFINE_float("wait", 300.0, "Seconds that the workers of --strategy=multiworker wait for each other to start.", 1.0)
flags.DEFINE_bool("dry_run", False, "Only estimate the cost of the run: operations, memory, input bandwidth, time.")
flags.DEFINE_integer("replicas", None, "With --dry_run: number of accelerators that share a batch. Default: those here.", 1)
flags.DEFINE_float(
    "peak_tflops", 61.5, "With --dry_run: peak of an accelerator in TFLOP/s. The default is a TPU v3 core's.", 1e-3
)
flags.DEFINE_float("utilisation", 0.4, "With --dry_run: fraction of the peak that is sustained.", 1e-3, 1.0)
flags.mark_flags_as_required(["config", "workdir", "data"])


def main(argv: Sequence[str]) -> int:
    """Trains, or estimates the cost of training, and returns the exit status."""
    reject_arguments(argv)
    import_tensorflow()
    if FLAGS.dry_run:
        return _estimate()
    from icdpm.training.strategy import is_chief, make_strategy

    strategy = make_strategy("tpu" if FLAGS.tpu else FLAGS.strategy, FLAGS.tpu, FLAGS.wait)

    from icdpm import pretrained
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm_datasets.load import load_pairs

    config = load_config(FLAGS.config, FLAGS.set)
    training = load_pairs(FLAGS.data, "train", FLAGS.data_dir)
    validation = load_pairs(FLAGS.validation_data or FLAGS.data, "test", FLAGS.data_dir)
    if is_chief(strategy):
        print(f"training on {training.description}", f"validating on {validation.description}", sep="\n", flush=True)
    target = load_pairs(FLAGS.target_data, "train", FLAGS.data_dir) if FLAGS.target_data else None
    start_from = pretrained.WORKDIR if FLAGS.start_from == "packaged" else FLAGS.start_from
    signal = train(
        config,
        FLAGS.workdir,
        training,
        validation,
        strategy,
        start_from,
        target,
        start_from_partial=FLAGS.start_from_partial,
    )
    if signal:
        print(f"stopped by signal {signal}; the same command continues in {FLAGS.workdir}")
        return 128 + signal
    if is_chief(strategy):
        command = f"icdpm-deblur PHOTO --workdir={FLAGS.workdir} --output=restored"
        print(f"trained {config.run.steps} steps; restore with: {command}")
    return 0


def _estimate() -> int:
    if FLAGS.replicas is None and (FLAGS.tpu or FLAGS.strategy in ("multiworker", "tpu")):
        raise app.UsageError("--dry_run does not connect to other machines; give the number of accelerators by --replicas")
    from icdpm.configs import load_config
    from icdpm.training.cost import estimate_cost
    from icdpm.training.strategy import make_strategy

    config = load_config(FLAGS.config, FLAGS.set)
    replicas = FLAGS.replicas or make_strategy(FLAGS.strategy).num_replicas_in_sync
    flops_per_second = FLAGS.peak_tflops * FLAGS.utilisation * 1e12
    print("\n".join(estimate_cost(config, replicas).report(config, replicas, flops_per_second)))
    return 0


def run() -> None:
    """Runs the console script."""
    run_command(main)
