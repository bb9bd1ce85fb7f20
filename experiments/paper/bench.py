"""Tables and figures of the paper: trains what they need, restores, measures, and writes results/ with the published values.

    python -m icdpm_experiments.paper.bench table3 --scale=paper --data_dir=records
    python -m icdpm_experiments.paper.bench table8 --scale=small --folder=pictures --pairs=gopro=gopro_test
    python -m icdpm_experiments.paper.bench all --scale=micro

Interrupted, the same command continues. What several tables need is trained and restored once, below runs/.
"""

import functools
import time

from absl import app, flags

from icdpm.cli import run_command
from icdpm_experiments.results import print_table, write_results

FLAGS = flags.FLAGS
flags.DEFINE_enum(
    "scale",
    "micro",
    ["micro", "small", "paper"],
    "micro: tiny networks, briefly trained on embedded data. small: half an hour of one core each, on the pictures of "
    "--folder; tables 2, 8 and 9. paper: the paper's recipe and data sets.",
)
flags.DEFINE_string("folder", None, "small: pictures to train on, as of make weights; some are held out and measured on.")
flags.DEFINE_multi_string(
    "pairs", [], "small: NAME=FOLDER of pairs from elsewhere, measured on in place of RealBlur-J. Default: embedded scenes."
)
flags.DEFINE_string("data_dir", None, "paper: where icdpm-prepare recorded the sets; ~/tensorflow_datasets where not given.")
flags.DEFINE_enum("strategy", "single", ["single", "mirrored", "tpu"], "What is trained on, as of icdpm-train.")
flags.DEFINE_multi_string(
    "restored", [], "NAME=DIR: another method's restored pictures, a row of tables 3 to 6, shown in table 7 and in figures."
)
flags.DEFINE_multi_string(
    "crops", [], "NAME=LEFT,TOP,WIDTH,HEIGHT in pixels, or NAME for its middle: a crop that a figure shows in place of its own."
)
flags.DEFINE_string("photos", None, "hidiff-photos: folder of photos; a motion-blurred clock where not given.")
flags.DEFINE_string("answers", None, "table7: pattern of the files that raters exported, such as 'answers/*.json'.")


def main(argv):
    """Parses, says what it costs, makes the tables and figures, says how long each took."""
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm.training.strategy import make_strategy
    from icdpm_experiments.paper.catalog import EXPERIMENTS
    from icdpm_experiments.paper.cost import announce
    from icdpm_experiments.paper.runs import Runs
    from icdpm_experiments.paper.scales import SmallScale, make_scale

    small = FLAGS.scale == SmallScale.name
    available = {name: EXPERIMENTS[name] for name in (SmallScale.tables if small else EXPERIMENTS)}
    chosen = _chosen(argv[1:], available)
    strategy = make_strategy(FLAGS.strategy)  # before anything else of TensorFlow
    scale = make_scale(FLAGS.scale, FLAGS.data_dir, FLAGS.folder, parse_named_folders(FLAGS.pairs))
    runs = Runs(scale, strategy)
    restored = parse_named_folders(FLAGS.restored)
    given = {"restored": restored, "answers": FLAGS.answers, "crops": FLAGS.crops, "photos": FLAGS.photos}
    needs = [need for experiment in chosen.values() for need in experiment.restorings(scale)]
    if FLAGS.scale == "paper":
        announce(runs, needs)
    jobs = {
        f"training {workdir.name}": functools.partial(runs.train, variant)
        for workdir, variant in {runs.workdir(need.variant): need.variant for need in needs}.items()
        if not runs.is_trained(variant)
    }
    for name, experiment in chosen.items():
        jobs[name] = functools.partial(experiment.run, runs, **{each: given[each] for each in experiment.takes})
    seconds = {}
    for name, job in jobs.items():
        print(f"\n{name} ({FLAGS.scale} scale)", flush=True)
        started = time.time()
        job()
        seconds[name] = time.time() - started
        print(f"{name}: {seconds[name]:.0f} s", flush=True)
    if len(chosen) > 1:
        _report_times(scale, argv[1:], seconds)


def _chosen(names, experiments):
    """{name: Experiment} of those named. Raises UsageError where one is unknown, or no use for what is given."""
    names = list(experiments) if names == ["all"] else names
    if not names or set(names) - set(experiments):
        raise app.UsageError(f"name one or several of {', '.join(experiments)}, or all (--scale={FLAGS.scale})")
    for flag in ("restored", "answers", "crops", "photos"):
        takers = [name for name, experiment in experiments.items() if flag in experiment.takes]
        if FLAGS[flag].value and not set(names) & set(takers):
            raise app.UsageError(f"--{flag} is for {', '.join(takers)}")
    if FLAGS.restored and len(names) > 1:
        raise app.UsageError("--restored is for one table at a time: the folder holds one set's pictures")
    if FLAGS.crops and len(names) > 1:
        raise app.UsageError("--crops is for one figure at a time")
    return {name: experiments[name] for name in names}


def _report_times(scale, names, seconds):
    """Writes results/bench_times: how long each took; pictures that several need count for the first of them."""
    rows = [{"what": name, "seconds": round(each)} for name, each in seconds.items()]
    print()
    print_table(rows)
    path = write_results(
        f"bench_times{scale.suffix}",
        command=f"python -m icdpm_experiments.paper.bench {' '.join(names)} --scale={scale.name}",
        data="how long each variant trains, and each table and figure takes then; what is shared counts for the first",
        scale=scale.name,
        rows=rows,
        title="Times",
        total_seconds=round(sum(seconds.values())),
    )
    print(f"{sum(seconds.values()) / 60:.1f} minutes in all; written to {path}")


def run():
    """The command."""
    run_command(main)


if __name__ == "__main__":
    run()
