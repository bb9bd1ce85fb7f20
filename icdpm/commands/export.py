"""icdpm-export: writes a trained model as a SavedModel for TensorFlow Serving, or for any program that has TensorFlow.

Example:
  icdpm-export --output=MODELS/icdpm/1
  icdpm-export --workdir=/tmp/tiny --output=MODELS/icdpm/2 --preset=balanced --precision=float32

Signatures: serving_default takes encoded images, restore takes arrays, both with the settings that the flags choose;
serving_PRESET and restore_PRESET are the same with those of each preset; denoise and guidance are for samplers of one's
own. MODEL_CARD.md beside the model describes them.
"""

from absl import flags

from icdpm.cli import import_tensorflow, reject_arguments, run_command
from icdpm.commands import settings_flags

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "workdir", None, "Folder of the training run whose model is exported. Default: the model that comes with the package."
)
flags.DEFINE_string("output", None, "New folder for the model. TensorFlow Serving wants a number as its name, the version.")
flags.DEFINE_string("checkpoint", "latest", "Which of the run's checkpoints: latest, best or a step.")
flags.DEFINE_enum(
    "precision",
    None,
    ["float32", "mixed_bfloat16"],
    "What the network computes in. Default: what the model's config says.",
)
flags.DEFINE_integer(
    "max_pixels",
    4_000_000,
    "How many pixels an image may have; larger ones are refused. The memory that the server needs grows with them.",
    1,
)
flags.adopt_module_key_flags(settings_flags)
flags.mark_flags_as_required(["output"])


def main(argv):
    """Parses, exports, says where the model is."""
    reject_arguments(argv)
    changes = settings_flags.given_changes()
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
        **changes,
    )
    print(f"exported to {FLAGS.output}; see {FLAGS.output}/MODEL_CARD.md")


def run():
    """The console script."""
    run_command(main)
