"""Flags of commands that measure many sampling settings on a data set: bench-samplers, bench-presets and bench-grid."""

from absl import flags

from icdpm_experiments.results import make_command

FLAGS = flags.FLAGS


def define_sweep_flags(crop=None):
    """Defines the flags that the commands share; `flags.adopt_module_key_flags` adds them to the --help of a command.

    Args:
      crop: default of --crop.
    """
    default = "" if crop else " Default: whole images."
    flags.DEFINE_string("data", "embedded", "Data to restore: a folder with blur/ and sharp/, or any --data of icdpm-train.")
    flags.DEFINE_string("data_dir", None, "Published data sets: output of icdpm-prepare. Default: ~/tensorflow_datasets.")
    flags.DEFINE_integer("pictures", None, "Number of pairs, evenly spaced over the data set. Default: all.", 1)
    flags.DEFINE_integer("crop", crop, f"Side in pixels of the center crop of each image that is restored.{default}", 16)


def load_selected_pairs():
    """Returns the `PairSource` that the flags select."""
    from icdpm_experiments.pairs import load_test_pairs

    return load_test_pairs(FLAGS.data, FLAGS.data_dir, FLAGS.pictures, FLAGS.crop)


def reproducing_command(target):
    """Returns the make command that is equivalent to the current flags."""
    given = {name: FLAGS[name].value for name in ("data", "data_dir", "pictures", "crop", "samples") if name in FLAGS}
    given = {name.upper(): value for name, value in given.items() if value != FLAGS[name].default}
    return make_command(target, WORKDIR=FLAGS["workdir"].value, **given)
