"""icdpm-train: trains a deblurring model.

Example:
  icdpm-train --config=tiny --data=embedded --workdir=/tmp/tiny

  icdpm-train --config=small_naf --data=my_pairs --workdir=/tmp/mine --start_from=packaged --set=optimizer.learning_rate=1e-4

Killed or stopped, the same command continues where the last checkpoint was written. With --dry_run it says what it would take:

  icdpm-train --config=table2_c --data=gopro --workdir=/tmp/paper --dry_run --replicas=32 --peak_tflops=61.5 --utilisation=0.4
"""

from absl import app, flags

from icdpm.cli import import_tensorflow, reject_arguments, run_command
from icdpm_datasets.published.sets import NAMES

FLAGS = flags.FLAGS
flags.DEFINE_string("config", None, "Name of a config that comes with the project (table2_c, tiny, …) or a .py file.")
flags.DEFINE_string(
    "workdir", None, "Folder for checkpoints, config and TensorBoard files, here or in a bucket (gs://…, s3://…)."
)
flags.DEFINE_string(
    "data",
    None,
    f"What to train on: embedded; a published set ({', '.join(NAMES)}, or a variant as in gopro/blur_gamma); a folder "
    "with blur/ and sharp/ in it; shake:FOLDER or motion:FOLDER of sharp photos, blurred as they are read; noise:FOLDER, "
    "jpeg:FOLDER or downscale:FOLDER of sharp photos, degraded as they are read; frames:FOLDER of high-speed video; or several "
    "with weights, as in gopro:0.7,reds:0.3.",
)
flags.DEFINE_string("validation_data", None, "What to validate on, likewise. Default: the held-out part of --data.")
flags.DEFINE_string(
    "data_dir",
    None,
    "Published sets: where icdpm-prepare recorded them, here or in a bucket (gs://…); ~/tensorflow_datasets where not given.",
)
flags.DEFINE_string(
    "start_from",
    None,
    "Workdir of another run, or 'packaged' for the packaged model: training begins with those of its weights that fit.",
)
flags.DEFINE_bool(
    "start_from_partial",
    False,
    "Accept weights of --start_from of which less than half fit: the other variables begin with random values.",
)
flags.DEFINE_string(
    "target_data",
    None,
    "What to take pictures of another domain from, likewise, of which only the blurry ones are looked at: for systems that "
    "align two domains (fig9_aligned).",
)
flags.DEFINE_multi_string("set", [], "Changes one field of the config, as in --set=optimizer.accumulation=4. Repeatable.")
flags.DEFINE_enum(
    "strategy",
    "single",
    ["single", "mirrored", "multiworker", "tpu"],
    "single device, mirrored over all local GPUs, multiworker by TF_CONFIG, or tpu.",
)
flags.DEFINE_string("tpu", None, "Name or address of the TPU (local on a TPU VM); means --strategy=tpu.")
flags.DEFINE_float("wait", 300.0, "Seconds that the workers of --strategy=multiworker wait for each other to come up.", 1.0)
flags.DEFINE_bool("dry_run", False, "Only say what the run would take: operations, memory, input, hours.")
flags.DEFINE_integer("replicas", None, "With --dry_run: how many accelerators share a batch; else those here.", 1)
flags.DEFINE_float("peak_tflops", 61.5, "With --dry_run: the peak of one, in 10¹² operations a second; a TPU v3 core's.", 1e-3)
flags.DEFINE_float("utilisation", 0.4, "With --dry_run: the share of its peak that it keeps up.", 1e-3, 1.0)
flags.mark_flags_as_required(["config", "workdir", "data"])


def main(argv):
    """Parses, trains, says where the result is."""
    reject_arguments(argv)
    import_tensorflow()
    if FLAGS.dry_run:
        return _say_what_it_takes()
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
        result = f"icdpm-deblur PHOTO --workdir={FLAGS.workdir} --output=restored"
        print(f"trained {config.run.steps} steps; restore with: {result}")
    return 0


def _say_what_it_takes():
    if FLAGS.replicas is None and (FLAGS.tpu or FLAGS.strategy in ("multiworker", "tpu")):
        raise app.UsageError("--dry_run does not look for other machines: tell by --replicas how many accelerators there are")
    from icdpm.configs import load_config
    from icdpm.training.cost import forecast
    from icdpm.training.strategy import make_strategy

    config = load_config(FLAGS.config, FLAGS.set)
    replicas = FLAGS.replicas or make_strategy(FLAGS.strategy).num_replicas_in_sync
    lines = forecast(config, replicas).said(config, replicas, FLAGS.peak_tflops * FLAGS.utilisation * 1e12)
    print("\n".join(lines))
    return 0


def run():
    """The console script."""
    run_command(main)
