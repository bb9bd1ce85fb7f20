"""The packaged model: trains it and puts it into the package.

    make weights FOLDER=pictures

What FOLDER holds is in `training_pictures`. The run is kept in runs/weights; stopped, the same command continues. To go on from
what is packaged, icdpm-train takes --start_from=packaged.
"""

from pathlib import Path

from absl import flags

from icdpm.command_line import refuse_arguments, run_command

FLAGS = flags.FLAGS
flags.DEFINE_string("folder", None, "Folder of the pictures; see above.")

RUN = Path("runs/weights")


def main(argv):
    """Trains to the end, then replaces the packaged model."""
    refuse_arguments(argv)
    from icdpm import pretrained
    from icdpm.configs import load_config
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy
    from icdpm_experiments.packaged_model.packaging import package
    from icdpm_experiments.packaged_model.training_pictures import open_pictures

    config = load_config("small_naf")
    training, validation = open_pictures(FLAGS.folder)
    if signal := train(config, RUN, training, validation, make_strategy("single")):
        print(f"stopped by signal {signal}; the same command continues")
        return 128 + signal
    loss = package(RUN, pretrained.WORKDIR, validation, FLAGS.folder)
    print(f"packaged in {pretrained.WORKDIR}; half precision changes the validation PSNR by {loss:+.4f} dB")
    return 0


if __name__ == "__main__":
    run_command(main)
