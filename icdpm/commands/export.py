"""icdpm-export: writes a trained model as a SavedModel for TensorFlow Serving and other programs with TensorFlow.

Example:
  icdpm-export --output=MODELS/icdpm/1
  icdpm-export --workdir=/tmp/tiny --output=MODELS/icdpm/2 --preset=balanced --precision=float32

The signature serving_default takes encoded images and restore takes arrays, both with the settings of the flags.
serving_PRESET and restore_PRESET do the same with the settings of a preset. denoise and guidance are for custom samplers.
MODEL_CARD.md in the output folder describes all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from icdpm.cli import import_tensorflow, reject_arguments, run_command
from icdpm.commands import settings_flags

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "Folder of the training run with the model. Default: the packaged model.")
flags.DEFINE_string("output", None, "New folder for the model. For TensorFlow Serving its name must be a version number.")
flags.DEFINE_string("checkpoint", "latest", "Checkpoint of the run: latest, best or a step.")
flags.DEFINE_enum(
    "precision",
    None,
    ["float32", "mixed_bfloat16"],
    "Compute precision of the network. Default: that of the model's config.",
)
flags.DEFINE_integer(
    "max_pixels",
    4_000_000,
    "Largest number of pixels of an image; larger ones are rejected. Photos of 24 and 26 megapixel cameras need "
    "--max_pixels=26000000. The memory that the server needs grows with it.",
    1,
)
flags.adopt_module_key_flags(settings_flags)
flags.mark_flags_as_required(["output"])


def main(argv: Sequence[str]) -> None:
    """Exports the model and prints its folder."""
    reject_arguments(argv)
    import_tensorflow()
    from icdpm import pretrained
    from icdpm.serving.export import export

    export(
        FLAGS.workdir or pretrained.WORKDIR,
        FLAGS.output,
        checkpoint=FLAGS.checkpoint,
        precision=FLAGS.precision,
        seed=FLAGS.seed,
        max_pixels=FLAGS.max_pixels,
        settings=settings_flags.settings_from_flags,
    )
    print(f"exported to {FLAGS.output}; see {FLAGS.output}/MODEL_CARD.md")


def run() -> None:
    """Runs the command; the console script's entry point."""
    run_command(main)
