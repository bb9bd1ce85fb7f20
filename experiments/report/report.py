"""Gathers results/ into one HTML page that needs nothing else: tables, plots, and test pictures to compare.

    python -m icdpm_experiments.report.report

The pictures are those of tables 3 to 6, restored below runs/; where they are not there the page says so.
"""

from absl import flags

from icdpm.cli import reject_arguments, run_command

FLAGS = flags.FLAGS
flags.DEFINE_integer("pictures", 12, "How many test pictures of each set are shown, at most.", 1)
flags.DEFINE_string("data_dir", None, "Published sets: where icdpm-prepare recorded them; default ~/tensorflow_datasets.")


def main(argv):
    """Writes results/report.html and says where it is."""
    reject_arguments(argv)
    from icdpm_experiments.report.page import write_report

    page, missing = write_report(FLAGS.pictures, FLAGS.data_dir)
    print(*missing, f"{page}: {page.stat().st_size / 1e6:.1f} MB", sep="\n")


if __name__ == "__main__":
    run_command(main)
