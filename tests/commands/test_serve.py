"""icdpm-serve as a person runs it, where it cannot serve."""

import importlib.util
import os
import socket
import subprocess
import sys

import pytest

# Several runs in one process, as importing takes longer than they do.
RUN_EACH = """
import sys
from absl import flags
from icdpm.commands import serve
for arguments in {arguments}:
    sys.argv = ["icdpm-serve", *arguments]
    flags.FLAGS.unparse_flags()
    for flag in flags.FLAGS.flags_by_module_dict()["icdpm.commands.serve"]:
        flag.unparse()
    sys.modules.pop("gradio", None)
    if "--port=1" in arguments:
        sys.modules["gradio"] = None
    try:
        serve.run()
    except SystemExit as ended:
        print(f"status {{ended.code or 0}}", file=sys.stderr)
"""


def serve_each(*cases):
    """[the sentence and the exit status] of several runs, one for each list of arguments."""
    program = RUN_EACH.format(arguments=[[str(argument) for argument in case] for case in cases])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 2 * len(cases), done.stderr
    lines = iter(done.stderr.splitlines())
    return [(said.partition("error: ")[2], int(status.split()[1])) for said, status in zip(lines, lines)]


def test_wrong_flags_and_no_gradio(tmp_path):
    both, more, who, missing = serve_each(
        ["--workdir=a", "--model=b"], ["--workdir=a", "more"], ["--password_file=a", "--allow_everyone"], ["--port=1"]
    )
    assert who == ("give either --password_file or --allow_everyone (see icdpm-serve --help)", 2)
    assert both == ("give either --workdir or --model (see icdpm-serve --help)", 2)
    assert more == ("unexpected argument 'more' (see icdpm-serve --help)", 2)
    assert missing == (
        "the page needs Gradio, which is not installed: pip install 'icdpm[serve]', with Python 3.10 or later",
        1,
    )


@pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="no Gradio: nothing is served without it")
def test_what_cannot_be_served_is_one_sentence(micro_workdir, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/config.json").write_text((micro_workdir / "config.json").read_text())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = serve_each(
            [f"--workdir={micro_workdir}", f"--port={port}"],
            [f"--workdir={micro_workdir}", "--host=no.such.host.invalid"],
            [f"--workdir={tmp_path / 'empty'}"],
            [f"--model={tmp_path}"],
            ["--host=0.0.0.0"],
            ["--host=0.0.0.0", f"--password_file={tmp_path / 'none'}"],
        )
    assert said == [
        (f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another --port or --host", 1),
        ("there is no address 'no.such.host.invalid' on this computer; choose another --host", 1),
        (f"{tmp_path}/empty holds no checkpoint yet; training writes the first after 2 steps", 1),
        (f"{tmp_path} is not an exported model: it holds no saved_model.pb; icdpm-export writes one", 1),
        (
            "--host=0.0.0.0 lets other computers in; say who may use the page: --password_file=FILE or --allow_everyone "
            "(see icdpm-serve --help)",
            2,
        ),
        (f"{tmp_path}/none: No such file or directory", 1),
    ]
