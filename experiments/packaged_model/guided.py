"""Guided against unguided: the paper's Table 2 in the small. Same data, same compute, three seeds each.

    make bench-guided FOLDER=pictures PAIRS='gopro=gopro_test reds=reds_test'

FOLDER is that of `make weights`; its validation pairs are the training domain. A step of the guided model takes 1.3 times the
unguided one's time, so the latter is trained for 1.3 times the steps; where it stood after as many is measured too. Runs are
kept in runs/guided; stopped, the same command continues.
"""

import itertools

from absl import flags

from icdpm.command_line import refuse_arguments, run_command

FLAGS = flags.FLAGS
flags.DEFINE_string("folder", None, "Folder of the pictures; see above.")
flags.DEFINE_multi_string("pairs", [], "NAME=FOLDER of pairs to measure on besides. Repeatable.")


def main(argv):
    """Trains what is not trained, measures, writes results/guided."""
    refuse_arguments(argv)
    from icdpm.configs import load_config
    from icdpm.evaluation.pairing import named_folders
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_datasets.source import open_source
    from icdpm_experiments.packaged_model.guided_gains import (
        CONFIGS,
        MODELS,
        SAMPLES,
        SEEDS,
        STEPS,
        STEPS_OF_SAME_COMPUTE,
        measured_gains,
        rows_of_set,
        workdir,
    )
    from icdpm_experiments.packaged_model.training_pictures import open_pictures
    from icdpm_experiments.pairs import blurred
    from icdpm_experiments.results import make_command, print_table, write_results

    training, validation = open_pictures(FLAGS.folder)
    for (name, (config_name, steps)), seed in itertools.product(CONFIGS.items(), SEEDS):
        changes = [f"run.steps={steps}", f"seed={seed}", "optimizer.ema_decay=0.998"]
        config = load_config(config_name, changes)
        print(f"training {name}, seed {seed}", flush=True)
        if signal := train(config, workdir(name, seed), training, validation, make_strategy("single")):
            return 128 + signal
    sets = {"training domain": blurred(validation)}
    sets.update({name: open_source(folder, "test") for name, folder in named_folders(FLAGS.pairs).items()})
    gains = {(each, model): measured_gains(each, pairs, model) for each, pairs in sets.items() for model in MODELS}
    rows = [row for each in sets for row in rows_of_set(each, {model: gains[each, model] for model in MODELS})]
    print_table(rows)
    path = write_results(
        "guided",
        command=make_command("bench-guided", FOLDER="pictures", PAIRS=" ".join(FLAGS.pairs)),
        data=", ".join(f"{name}: {len(pairs)} pairs" for name, pairs in sets.items())
        + f"; PSNR gain over the blurry input, dB, mean of {SAMPLES} samples",
        scale="packaged",
        rows=rows,
        title="Guided and unguided, three seeds each",
        notes=[
            f"Config small, {STEPS} steps; unguided: small_unguided, {STEPS} steps and {STEPS_OF_SAME_COMPUTE}, which cost "
            "what the guided ones cost. guided − it: differences of the means over seeds, picture by picture; from and to end "
            "their 95 % bootstrap interval over the pictures. What changes with the seed shows in the seeds' own columns.",
        ],
    )
    print(f"\nNumbers: {path}")
    return 0


if __name__ == "__main__":
    run_command(main)
