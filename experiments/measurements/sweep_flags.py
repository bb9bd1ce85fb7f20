"""The flags of commands that sweep over settings of samplers."""

from absl import flags

from icdpm_experiments.results import make_command

FLAGS = flags.FLAGS
flags.DEFINE_string("data", "embedded", "What is restored: a folder with blur/ and sharp/ in it, or another of icdpm-train.")
flags.DEFINE_string("data_dir", None, "Where icdpm-prepare recorded published sets. Default: ~/tensorflow_datasets.")
flags.DEFINE_integer("pictures", None, "How many pairs, spread evenly over the set. Default: all.", 1)


def chosen_pairs():
    """The pairs that the flags, `crop` among them, choose."""
    from icdpm_experiments.pairs import open_test_pairs

    return open_test_pairs(FLAGS.data, FLAGS.data_dir, FLAGS.pictures, FLAGS.crop)


def command_given(target):
    """The make command that stands for the flags given, those of the module that is run among them."""
    given = {name: FLAGS[name].value for name in ("data", "pictures", "crop", "samples") if name in FLAGS}
    given = {name.upper(): value for name, value in given.items() if value != FLAGS[name].default}
    return make_command(target, WORKDIR=FLAGS["workdir"].value and "…", **given)
