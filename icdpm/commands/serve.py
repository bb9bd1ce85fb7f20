"""icdpm-serve: a page on this computer that restores photos in the browser.

Example:
  icdpm-serve
  icdpm-serve --model=MODELS/icdpm/1 --port=8080
  icdpm-serve --host=0.0.0.0 --password_file=password.txt

The page is for this computer alone unless --host says otherwise; then say who may use it. It needs Gradio: pip install
'icdpm[serve]'.
"""

from pathlib import Path

from absl import app, flags

from icdpm.cli import import_tensorflow, reject_arguments, run_command

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "workdir", None, "Folder of the training run whose model is used. Default: the model that comes with the package."
)
flags.DEFINE_string("checkpoint", "latest", "Which of the run's checkpoints: latest, best or a step.")
flags.DEFINE_string("model", None, "Folder of a model that icdpm-export wrote, instead of --workdir.")
flags.DEFINE_string(
    "host",
    "127.0.0.1",
    "Address to listen on; 0.0.0.0 lets other computers in, all of them with --allow_everyone, "
    "with --password_file those who know the password.",
)
flags.DEFINE_string("password_file", None, "File of one line, the password that whoever opens the page is asked for.")
flags.DEFINE_boolean("allow_everyone", False, "Let other computers in without a password.")
flags.DEFINE_integer("port", 7860, "Port to listen on.", 1, 65535)
flags.DEFINE_integer("max_pixels", 24_000_000, "How many pixels a photo may have; larger ones are refused.", 1)


def main(argv):
    """Parses, loads, serves until it is stopped."""
    reject_arguments(argv)
    if FLAGS.workdir and FLAGS.model:
        raise app.UsageError("give either --workdir or --model")
    if FLAGS.password_file and FLAGS.allow_everyone:
        raise app.UsageError("give either --password_file or --allow_everyone")
    import_tensorflow()
    from icdpm.serving.addresses import check_address, lets_others_in
    from icdpm.serving.page_server import check_gradio, serve_page
    from icdpm.serving.password import password_check

    check_gradio()
    others = lets_others_in(FLAGS.host)
    if others and not (FLAGS.password_file or FLAGS.allow_everyone):
        raise app.UsageError(
            f"--host={FLAGS.host} lets other computers in; say who may use the page: --password_file=FILE or --allow_everyone"
        )
    log_in = password_check(Path(FLAGS.password_file)) if FLAGS.password_file else None
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
        log_in=log_in,
        on_ready=lambda url: print(_ready(url, others), flush=True),
    )
    print("stopped")


def _ready(url, others):
    """What is said of the page once it can be opened."""
    said = [f"open {url} in a browser; Ctrl-C stops it"]
    if FLAGS.password_file:
        said.append(f"whoever opens it is asked for the password in {FLAGS.password_file}")
    if others:
        whose = "those who know it" if FLAGS.password_file else "everybody who reaches this computer"
        said.append(f"it lets in {whose}, from other computers too; what they send is not encrypted on its way")
    return "\n".join(said)


def run():
    """The console script."""
    run_command(main)
