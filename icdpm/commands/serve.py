"""icdpm-serve: serves a web page that restores photos.

Example:
  icdpm-serve
  icdpm-serve --model=MODELS/icdpm/1 --port=8080
  icdpm-serve --host=0.0.0.0 --password_file=password.txt
  icdpm-serve --url=https://photos.example.com/deblur --password_file=password.txt

By default only this computer can open the page. With --host or --url, choose who may use it: --password_file or
--allow_everyone.
The page needs Gradio: pip install 'icdpm[serve]'.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

from icdpm.cli import import_tensorflow, reject_arguments, run_command

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "workdir", None, "Folder of the training run with the model, or a .keras file. Default: the packaged model."
)
flags.DEFINE_string("checkpoint", "latest", "Checkpoint of the run: latest, best or a step.")
flags.DEFINE_string("model", None, "Folder of a model exported with icdpm-export, instead of --workdir.")
flags.DEFINE_string(
    "host",
    "127.0.0.1",
    "Address to listen on. 0.0.0.0 lets other computers open the page; it requires --password_file or --allow_everyone.",
)
flags.DEFINE_string(
    "url",
    None,
    "URL at which a reverse proxy serves the page, such as https://photos.example.com/deblur. It requires --password_file or "
    "--allow_everyone.",
)
flags.DEFINE_string("password_file", None, "File with one line, the password of the page.")
flags.DEFINE_boolean("allow_everyone", False, "Let other computers open the page without a password.")
flags.DEFINE_integer("port", 7860, "Port to listen on.", 1, 65535)
# Admits cameras of 24 and 26 megapixels, up to 6240×4160. All presets restore such a photo within the default memory limit.
DEFAULT_MAX_PIXELS = 26_000_000
flags.DEFINE_integer(
    "max_pixels",
    DEFAULT_MAX_PIXELS,
    "Largest number of pixels of a photo; with --model, at most the --max_pixels of icdpm-export.",
    1,
)


def main(argv: Sequence[str]) -> None:
    """Loads the model and serves the page until the process is stopped."""
    reject_arguments(argv)
    if FLAGS.workdir and FLAGS.model:
        raise app.UsageError("give either --workdir or --model")
    if FLAGS.model and FLAGS["checkpoint"].present:
        raise app.UsageError("--checkpoint cannot be combined with --model")
    if FLAGS.password_file and FLAGS.allow_everyone:
        raise app.UsageError("give either --password_file or --allow_everyone")
    from icdpm.serving.page.server import (
        check_address,
        check_gradio,
        is_public,
        read_password_check,
        serve_page,
        url_origin,
    )

    check_gradio()
    if FLAGS.url:
        url_origin(FLAGS.url)
    public = is_public(FLAGS.host) or bool(FLAGS.url)
    if public and not (FLAGS.password_file or FLAGS.allow_everyone):
        flag = f"--url={FLAGS.url}" if FLAGS.url else f"--host={FLAGS.host}"
        raise app.UsageError(
            f"{flag} lets other computers open the page; choose who may use it: --password_file=FILE or --allow_everyone"
        )
    authenticate = read_password_check(Path(FLAGS.password_file)) if FLAGS.password_file else None
    check_address(FLAGS.host, FLAGS.port)
    import_tensorflow()
    from icdpm.serving.loaded_models import ExportedModel, TrainedModel
    from icdpm.serving.page.queue import RestorationQueue

    model: ExportedModel | TrainedModel
    if FLAGS.model:
        model = ExportedModel(FLAGS.model)
    else:
        from icdpm import pretrained
        from icdpm.models.workdir import load

        model = TrainedModel(load(FLAGS.workdir or pretrained.WORKDIR, FLAGS.checkpoint))
    serve_page(
        RestorationQueue(model, FLAGS.max_pixels),
        FLAGS.host,
        FLAGS.port,
        url=FLAGS.url,
        authenticate=authenticate,
        on_ready=lambda url: print(_ready_message(url, public), flush=True),
    )
    print("stopped")


def _ready_message(url: str, public: bool) -> str:
    """Returns the message that is printed once the page can be opened."""
    lines = [f"open {url} in a browser; Ctrl-C stops the server"]
    if FLAGS.password_file:
        lines.append(f"the page requires the password in {FLAGS.password_file}")
    if public:
        who = "with the password" if FLAGS.password_file else "without a password"
        encryption = "the reverse proxy must encrypt the connection" if FLAGS.url else "the connection is not encrypted"
        lines.append(f"other computers can open it {who}; {encryption}")
    return "\n".join(lines)


def run() -> None:
    """Runs the command; the console script's entry point."""
    run_command(main)
