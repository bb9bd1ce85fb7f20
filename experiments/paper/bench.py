"""Makes tables and figures of the papers: trains the variants that they need, restores, measures, and writes results/.

    python -m icdpm_experiments.paper.bench table3 --scale=paper --data_dir=records
    python -m icdpm_experiments.paper.bench table5 --scale=small --folder=images --pairs=reds=reds_test --trained_only
    python -m icdpm_experiments.paper.bench all --scale=micro

After an interruption, the same command continues. Variants and restored images that several tables share are made once, in
runs/.
"""

from __future__ import annotations

import functools
import glob
import re
import time
from pathlib import Path
from typing import Callable

from absl import app, flags

from icdpm.cli import run_command
from icdpm.errors import IcdpmError
from icdpm_experiments.results import abbreviate_home, print_table, write_results

FLAGS = flags.FLAGS
RUNS_FOLDER = "runs"
_FLAGS_OF_SCALES = {"small": ("folder", "pairs", "kernels", "seeds"), "paper": ("data_dir",)}


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_enum(
        "scale",
        "micro",
        ["micro", "small", "paper"],
        "micro: tiny networks, briefly trained on embedded data. small: narrow networks, each trained for half an hour on one "
        "core with the images of --folder. paper: the paper's recipe and data sets.",
    )
    flags.DEFINE_string("folder", None, "Scale small: folder with photos/train, photos/test and video, sharp images.")
    flags.DEFINE_multi_string(
        "pairs", [], "Scale small: gopro=FOLDER and reds=FOLDER, pairs that are measured in place of HIDE and REDS."
    )
    flags.DEFINE_string(
        "kernels",
        None,
        "Scale small: folder of camera-shake kernels as gray images. Held-out photos under these and embedded scenes are "
        "measured in place of RealBlur-J.",
    )
    flags.DEFINE_integer("seeds", 3, "Scale small: number of seeds of the models of Table 2.", 1)
    flags.DEFINE_bool("trained_only", False, "Train nothing. Rows of variants that are not trained yet stay empty.")
    flags.DEFINE_string("runs", RUNS_FOLDER, "Folder of the runs of all scales.")
    flags.DEFINE_string(
        "data_dir", None, "Scale paper: folder in which icdpm-prepare recorded the sets. Default: ~/tensorflow_datasets."
    )
    flags.DEFINE_enum(
        "strategy", "single", ["single", "mirrored", "tpu"], "Distribution strategy of the training, as in icdpm-train."
    )
    flags.DEFINE_multi_string(
        "restored", [], "NAME=DIR: images restored by another method, for a row of tables 3 to 7 or a column of a figure."
    )
    flags.DEFINE_multi_string(
        "crops",
        [],
        "NAME=LEFT,TOP,WIDTH,HEIGHT in pixels, or NAME for the middle of an image: crop of a figure in place of its own.",
    )
    flags.DEFINE_string("photos", None, "hidiff-photos: folder of photos. Default: scikit-image's motion-blurred clock.")
    flags.DEFINE_string("answers", None, "table7: glob pattern of the files that raters exported, such as 'answers/*.json'.")


def main(argv):
    """Makes the tables and figures that the command line names."""
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm.training.strategy import make_strategy
    from icdpm_experiments.paper.experiment import check_and_print_cost
    from icdpm_experiments.paper.runs import Runs
    from icdpm_experiments.paper.scales import make_scale
    from icdpm_experiments.paper.small_page import SMALL_ONLY
    from icdpm_experiments.paper.small_scale import SmallScale

    small, experiments = FLAGS.scale == SmallScale.name, load_experiments()
    names = SmallScale.tables if small else [name for name in experiments if name not in SMALL_ONLY]
    available = {name: experiments[name] for name in names}
    selected = _select(argv[1:], available)
    strategy = make_strategy(FLAGS.strategy)  # before anything else that uses TensorFlow
    restored = parse_named_folders(FLAGS.restored)
    pairs = parse_named_folders(FLAGS.pairs)
    _check_files(restored)
    if small:
        scale = SmallScale(FLAGS.folder, pairs, FLAGS.kernels, FLAGS.seeds)
    else:
        scale = make_scale(FLAGS.scale, FLAGS.data_dir)
    scale.make_variables = {**scale.make_variables, **run_variables(FLAGS.runs, FLAGS.trained_only)}
    runs = Runs(scale, strategy, FLAGS.runs, FLAGS.trained_only)
    options = {"restored": restored, "answers": FLAGS.answers, "crops": FLAGS.crops, "photos": FLAGS.photos}
    required = [each for experiment in selected.values() for each in experiment.required_runs(scale)]
    if FLAGS.scale == "paper" and not FLAGS.trained_only:
        check_and_print_cost(runs, required)
    for dataset in dict.fromkeys(each.dataset for each in required) if small else ():
        scale.test_pairs(dataset)  # Missing variables are reported before anything is trained.
    jobs = list_jobs(runs, selected, required, options)
    seconds = {}
    for name, job in jobs.items():
        print(f"\n{name} ({FLAGS.scale} scale)", flush=True)
        started = time.time()
        job()
        seconds[name] = time.time() - started
        print(f"{name}: {seconds[name]:.0f} s", flush=True)
    if len(selected) > 1:
        _report_times(scale, argv[1:], seconds)


def list_jobs(runs, experiments, required, options) -> dict[str, Callable]:
    """Lists the trainings, then the tables and figures, each as a function without arguments.

    Args:
      runs: a `Runs`. If it is `trained_only`, nothing is trained, and experiments that need all of their variants are left out
        if one is not trained.
      experiments: {name: `Experiment`}.
      required: list of their `RequiredRun`s.
      options: {name of an option of experiments: value}.
    """
    jobs: dict[str, Callable] = {
        f"training {workdir.name}": functools.partial(runs.train, variant)
        for workdir, variant in {runs.workdir(each.variant): each.variant for each in required}.items()
        if not runs.is_trained(variant) and not runs.trained_only
    }
    for name, experiment in experiments.items():
        absent = {each.variant for each in experiment.required_runs(runs.scale) if not runs.is_usable(each.variant)}
        if absent and not experiment.partial:
            print(f"{name}: left out, because these variants are not trained yet: {', '.join(sorted(absent))}", flush=True)
            continue
        jobs[name] = functools.partial(experiment.run, runs, **{option: options[option] for option in experiment.options})
    return jobs


def run_variables(folder, trained_only) -> dict[str, str | int | None]:
    """Returns the make variables of --runs and --trained_only for the commands that results name; defaults are None or 0."""
    return {"RUNS": abbreviate_home(folder) if folder != RUNS_FOLDER else None, "TRAINED_ONLY": int(trained_only)}


def load_experiments():
    """Returns {name: `Experiment`}: tables by number, then figures by number, then the rest. A new module adds itself here."""
    from icdpm_experiments.paper import ablations, failures, guidance, hidiff, small_page, table2, tables3to7, visual_comparison

    modules = (guidance, table2, tables3to7, ablations, visual_comparison, hidiff, failures, small_page)
    experiments = {name: experiment for module in modules for name, experiment in module.EXPERIMENTS.items()}

    def order(name):
        numbered = re.fullmatch(r"(table|fig)(\d+)", name)
        return (("table", "fig").index(numbered[1]), int(numbered[2])) if numbered else (2, 0)

    return {name: experiments[name] for name in sorted(experiments, key=order)}


def _select(names, experiments):
    """Returns {name: Experiment} of the names on the command line.

    Raises:
      app.UsageError: a name is unknown, or a flag is not for any of the experiments or not for the scale.
    """
    names = list(experiments) if names == ["all"] else names
    if not names or set(names) - set(experiments):
        raise app.UsageError(f"name one or several of {', '.join(experiments)}, or all (--scale={FLAGS.scale})")
    for flag in ("restored", "answers", "crops", "photos"):
        takers = [name for name, experiment in experiments.items() if flag in experiment.options]
        if FLAGS[flag].value and not set(names) & set(takers):
            raise app.UsageError(f"--{flag} is for {', '.join(takers) or 'other scales'}")
    for scale, names_of_flags in _FLAGS_OF_SCALES.items():
        for flag in names_of_flags:
            if FLAGS[flag].present and FLAGS.scale != scale:
                raise app.UsageError(f"--{flag} is for --scale={scale}. Received: --scale={FLAGS.scale}")
    if FLAGS.restored and len(names) > 1:
        raise app.UsageError("--restored is for one table at a time: the folder holds the images of one set")
    if FLAGS.crops and len(names) > 1:
        raise app.UsageError("--crops is for one figure at a time")
    return {name: experiments[name] for name in names}


def _check_files(restored):
    """Checks, before anything is trained, the flags that are used only afterwards.

    Raises:
      IcdpmError: a folder or file does not exist, or --crops has another form.
    """
    from icdpm_experiments.paper.visual_comparison import parse_crop

    for flag, folder in [*(("restored", folder) for folder in restored.values()), ("photos", FLAGS.photos)]:
        if folder is not None and not Path(folder).is_dir():
            raise IcdpmError(f"The folder {folder} of --{flag} does not exist.")
    if FLAGS.answers and not glob.glob(FLAGS.answers):
        raise IcdpmError(f"No file matches {FLAGS.answers}. Pass the files that the raters exported.")
    for crop in FLAGS.crops:
        parse_crop(crop)


def _reproducing_command(names, scale):
    """Returns the command that makes the tables and figures from the data that were given."""
    given = []
    for variable, value in scale.make_variables.items():
        values = value.split() if variable == "PAIRS" else [value]
        given += [f"--{variable.lower()}={each}" for each in values if each]
    return " ".join(["python -m icdpm_experiments.paper.bench", *names, f"--scale={scale.name}", *given])


def _report_times(scale, names, seconds):
    """Writes results/bench_times. Images that several experiments share count for the first of them."""
    rows = [{"what": name, "seconds": round(each)} for name, each in seconds.items()]
    print()
    print_table(rows)
    path = write_results(
        scale.result_name("bench-times"),
        folder=scale.results_folder,
        command=_reproducing_command(names, scale),
        data="training time of each variant and time of each table and figure; shared images count for the first of them",
        scale=scale.name,
        rows=rows,
        title="Times",
        total_seconds=round(sum(seconds.values())),
    )
    print(f"{sum(seconds.values()) / 60:.1f} minutes in total. Written to {path}.")


def run():
    """Defines the flags and runs the command."""
    define_flags()
    run_command(main)


if __name__ == "__main__":
    run()
