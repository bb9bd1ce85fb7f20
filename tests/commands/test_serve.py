"""icdpm-serve as a command: errors before it serves."""

import importlib.util
import socket

import pytest
from processes import completed, of_command

pytestmark = pytest.mark.slow


def error_of(done):
    """Returns (the one-line error message, exit status)."""
    [line] = done.stderr.splitlines()
    assert done.stdout == ""
    return line.partition("error: ")[2], done.returncode


def test_invalid_flags_and_missing_gradio(run_each, start):
    cases = [
        ["--workdir=a", "--model=b"],
        ["--workdir=a", "more"],
        ["--password_file=a", "--allow_everyone"],
        ["--model=a", "--checkpoint=best"],
    ]
    both, more, who, checkpoint = map(error_of, run_each("serve", cases))
    missing = error_of(completed(start("import sys; sys.modules['gradio'] = None\n" + of_command("serve"))))
    assert who == ("give either --password_file or --allow_everyone (see icdpm-serve --help)", 2)
    assert both == ("give either --workdir or --model (see icdpm-serve --help)", 2)
    assert more == ("unexpected argument 'more' (see icdpm-serve --help)", 2)
    assert checkpoint == ("--checkpoint cannot be combined with --model (see icdpm-serve --help)", 2)
    assert missing == (
        "The page needs Gradio, which is not installed. Run pip install 'icdpm[serve]' with Python 3.10 or later.",
        1,
    )


@pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="needs Gradio (icdpm[serve])")
def test_errors_are_one_line(micro_workdir, tmp_path, run_each):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/config.json").write_text((micro_workdir / "config.json").read_text())
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = used.getsockname()[1]
        cases = [
            [f"--workdir={micro_workdir}", f"--port={port}"],
            [f"--workdir={micro_workdir}", "--host=no.such.host.invalid"],
            [f"--workdir={tmp_path / 'empty'}"],
            [f"--model={tmp_path}"],
            ["--host=0.0.0.0"],
            ["--url=https://photos.example.com"],
            ["--url=photos.example.com"],
            ["--host=0.0.0.0", f"--password_file={tmp_path / 'none'}"],
        ]
        errors = map(error_of, run_each("serve", cases))
    assert list(errors) == [
        (f"Cannot listen on 127.0.0.1:{port}: Address already in use. Choose another --port or --host.", 1),
        ("Unknown address 'no.such.host.invalid'. Choose another --host.", 1),
        (f"{tmp_path}/empty has no checkpoint yet. Training writes the first one after 2 steps.", 1),
        (f"{tmp_path} is not an exported model: it has no saved_model.pb. Export one with icdpm-export.", 1),
        (
            "--host=0.0.0.0 lets other computers open the page; choose who may use it: --password_file=FILE or "
            "--allow_everyone (see icdpm-serve --help)",
            2,
        ),
        (
            "--url=https://photos.example.com lets other computers open the page; choose who may use it: "
            "--password_file=FILE or --allow_everyone (see icdpm-serve --help)",
            2,
        ),
        ("photos.example.com is not the URL of a page, such as https://photos.example.com/deblur. Change --url.", 1),
        (f"{tmp_path}/none: No such file or directory", 1),
    ]
