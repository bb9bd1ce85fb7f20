"""Guided against unguided: the paper's Table 2 in the small. Same data, same compute, three seeds each.

    make bench-guided FOLDER=pictures PAIRS='gopro=gopro_test reds=reds_test'

FOLDER is that of `make weights`; its validation pairs are the training domain. The blurred ones of the embedded test scenes are
measured besides, which are far from it. A step of the guided model takes 1.1 times the unguided one's time, so the latter is
trained for 1.1 times the steps; where it stood after as many is measured too. Runs are kept in runs/guided; stopped, the same
command continues.

    make bench-guided FOLDER=pictures GUIDED=runs/guided_long UNGUIDED=runs/unguided_long PAIRS=…

measures two runs of one's own instead, of as many steps each.
"""

import itertools

from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm.errors import IcdpmError

FLAGS = flags.FLAGS
flags.DEFINE_string("folder", None, "Folder of the pictures; see above.")
flags.DEFINE_multi_string("pairs", [], "NAME=FOLDER of pairs to measure on besides. Repeatable.")
flags.DEFINE_string("guided", None, "Workdir of a guided run to compare, with --unguided; then none are trained.")
flags.DEFINE_string("unguided", None, "Workdir of the unguided run to compare it with.")


def main(argv):
    """Trains what is not trained, measures, writes results/guided; of two given runs, results/guided_long."""
    reject_arguments(argv)
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.packaged_model.guided_gains import (
        SAMPLES,
        given_runs,
        measured_gains,
        rows_of_set,
        seeded_runs,
    )
    from icdpm_experiments.packaged_model.training_runs import open_training_data
    from icdpm_experiments.pairs import select_blurred
    from icdpm_experiments.results import make_command, print_table, write_results

    if bool(FLAGS.guided) != bool(FLAGS.unguided):
        raise IcdpmError("two runs are compared: give both GUIDED=DIR and UNGUIDED=DIR, or neither")
    training, validation = open_training_data(FLAGS.folder)
    if FLAGS.guided:
        compared = given_runs(FLAGS.guided, FLAGS.unguided)
    elif signal := _train_all(training, validation):
        return 128 + signal
    else:
        compared = seeded_runs()
    sets = {"training domain": select_blurred(validation), "embedded": select_blurred(load_pairs("embedded", "test"))}
    sets.update({name: load_pairs(folder, "test") for name, folder in parse_named_folders(FLAGS.pairs).items()})
    rows = []
    for name, pairs in sets.items():
        rows += rows_of_set(name, {model: measured_gains(name, pairs, model, runs) for model, runs in compared.items()})
    print_table(rows)
    path = write_results(
        "guided_long" if FLAGS.guided else "guided",
        command=make_command(
            "bench-guided", FOLDER="pictures", GUIDED=FLAGS.guided, UNGUIDED=FLAGS.unguided, PAIRS=" ".join(FLAGS.pairs)
        ),
        data=", ".join(f"{name}: {len(pairs)} pairs" for name, pairs in sets.items())
        + f"; PSNR gain over the blurry input, dB, mean of {SAMPLES} samples",
        scale="packaged",
        rows=rows,
        title="Guided and unguided, " + ("one long run each" if FLAGS.guided else "three seeds each"),
        notes=[_in_words(compared), _of_differences()],
    )
    print(f"\nNumbers: {path}")
    return 0


def _train_all(training, validation):
    """Trains the runs of all seeds, or goes on with them; the signal that stopped it, if one did."""
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_experiments.packaged_model.guided_gains import CONFIGS, SEEDS, workdir

    for (name, (config_name, steps)), seed in itertools.product(CONFIGS.items(), SEEDS):
        config = load_config(config_name, [f"run.steps={steps}", f"seed={seed}", "optimizer.ema_decay=0.998"])
        print(f"training {name}, seed {seed}", flush=True)
        if signal := train(config, workdir(name, seed), training, validation, make_strategy("single")):
            return signal


def _of_differences():
    """What the table's differences and their intervals are of."""
    kind = "differences picture by picture" if FLAGS.guided else "differences of the means over seeds, picture by picture"
    beyond = " What another seed would change is not in it." if FLAGS.guided else ""
    return f"guided − it: {kind}; from and to end their 95 % bootstrap interval over the pictures.{beyond}"


def _in_words(compared):
    """What is compared, from {model: runs}."""
    from icdpm.models.workdir import read_config, read_data
    from icdpm_experiments.packaged_model.guided_gains import CONFIGS, STEPS, STEPS_OF_SAME_COMPUTE

    if FLAGS.guided:
        runs = [run for (run,) in compared.values()]
        configs = " and ".join(f"{read_config(workdir).name} ({step:,} steps)" for workdir, step in runs)
        seen = [each.replace(f"{FLAGS.folder}/", "") for each in read_data(FLAGS.guided)["training"]]
        return f"One run each of {configs}. What they have seen: {'; '.join(seen)}."
    (guided, _), (unguided, _) = CONFIGS.values()
    return (
        f"Config {guided}, {STEPS} steps; unguided: {unguided}, {STEPS} steps and {STEPS_OF_SAME_COMPUTE}, which cost what the "
        "guided ones cost. What changes with the seed shows in the seeds' own columns."
    )


if __name__ == "__main__":
    run_command(main)
