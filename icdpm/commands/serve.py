"""icdpm-serve: a page on this computer that restores photos in the browser.

Example:
  icdpm-serve
  icdpm-serve --model=MODELS/icdpm/1 --port=8080

The page is for this computer alone unless --host says otherwise; it asks nobody who they are. It needs Gradio: pip install
'icdpm[serve]'.
"""

from absl import app, flags, logging

from icdpm.command_line import refuse_arguments, run_command

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "workdir", None, "Folder of the training run whose model is used. Default: the model that comes with the package."
)
flags.DEFINE_string("checkpoint", "latest", "Which of the run's checkpoints: latest, best or a step.")
flags.DEFINE_string("model", None, "Folder of a model that icdpm-export wrote, instead of --workdir.")
flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0 lets other computers in.")
flags.DEFINE_integer("port", 7860, "Port to listen on.", 1, 65535)
flags.DEFINE_integer("max_pixels", 24_000_000, "How many pixels a photo may have; larger ones are refused.", 1)


def main(argv):
    """Parses, loads, serves until it is stopped."""
    refuse_arguments(argv)
    if FLAGS.workdir and FLAGS.model:
        raise app.UsageError("give either --workdir or --model")
    logging.set_verbosity(logging.WARNING)
    from icdpm.serving.page_server import check_address, check_gradio, serve_page

    check_gradio()
    check_address(FLAGS.host, FLAGS.port)
    from icdpm.serving.visits import Visits

    if FLAGS.model:
        from icdpm.serving.exported import ExportedModel

        model = ExportedModel(FLAGS.model)
    else:
        from icdpm import pretrained
        from icdpm.serving.trained import TrainedModel

        model = TrainedModel(FLAGS.workdir or pretrained.WORKDIR, FLAGS.checkpoint)
    serve_page(
        Visits(model, FLAGS.max_pixels),
        FLAGS.host,
        FLAGS.port,
        on_ready=lambda url: print(f"open {url} in a browser; Ctrl-C stops it", flush=True),
    )
    print("stopped")


def run():
    """The console script."""
    run_command(main)
