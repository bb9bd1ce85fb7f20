"""Tests of icdpm.cli with a small command in a process of its own."""

import gc
import os
import signal
import subprocess
import sys

import pytest

from icdpm.cli import paused_garbage_collection

COMMAND = '''
"""Repeats the name of a photo.

Example:
  icdpm-dummy --photo=street.jpg --times=2
"""

import sys

from absl import app, flags

from icdpm.cli import import_tensorflow, run_command

_PHOTO = flags.DEFINE_string("photo", None, "The photo.", required=True)
_TIMES = flags.DEFINE_integer("times", 1, "How often.", lower_bound=1)
_MODE = flags.DEFINE_enum("mode", "plain", ["plain", "loud"], "How loudly.")
_FAST = flags.DEFINE_bool("fast", False, "Whether to hurry.")
_NAMES = flags.DEFINE_multi_string("name", [], "A name.")
_FAILURE = flags.DEFINE_string("failure", None, "Python code that fails.")


def main(argv):
    if len(argv) > 1:
        raise app.UsageError(f"{argv[1]} is not a flag")
    assert "tensorflow" not in sys.modules, "TensorFlow was imported before the command needed it"
    if _FAILURE.value:
        exec(_FAILURE.value)
    print(" ".join([_PHOTO.value] * _TIMES.value))


def run():
    run_command(main)
'''


@pytest.fixture
def command(tmp_path):
    (tmp_path / "dummy.py").write_text(COMMAND)
    # A console script does this.
    launch = "import sys; from dummy import run; sys.argv[0] = '/somewhere/bin/icdpm-dummy'; sys.exit(run())"
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment["PYTHONPATH"] = str(tmp_path)

    def run(*arguments, redirection="", **variables):
        return subprocess.run(
            ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", launch, *arguments],
            env={**environment, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding=variables.get("PYTHONIOENCODING"),
        )

    return run


def test_success(command):
    done = command("--photo=street.jpg", "--times=2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "street.jpg street.jpg\n", "")


@pytest.mark.parametrize("value", ["~/a.jpg", "mine=~/a.jpg", "shake:~/a.jpg", "~"])
def test_home_is_replaced_where_shells_do_not(command, value):
    done = command(f"--photo={value}", HOME="/home/me")
    assert done.stdout.strip() == value.replace("~", "/home/me")


@pytest.mark.parametrize("value", ["a~/b.jpg", "~user/b.jpg", "dir/~/b.jpg"])
def test_other_tildes_stay(command, value):
    assert command(f"--photo={value}").stdout.strip() == value


def test_help_shows_the_docstring_and_only_the_commands_flags(command):
    done = command("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "Repeats the name of a photo.\n"
        "\n"
        "Example:\n"
        "  icdpm-dummy --photo=street.jpg --times=2\n"
        "\n"
        "Flags:\n"
        "  --photo\n      The photo. (required)\n"
        "  --times\n      How often. (default: 1)\n"
        "  --mode\n      <plain|loud>: How loudly. (default: plain)\n"
        "  --[no]fast\n      Whether to hurry. (default: false)\n"
        "  --name\n      A name.; repeat this option to specify a list of values\n"
        "  --failure\n      Python code that fails.\n"
    )


def test_a_reader_that_ends_early_ends_the_command():
    reading, writing = os.pipe()
    os.close(reading)
    code = "import sys; from icdpm.commands.train import run; sys.argv = ['icdpm-train', '--help']; run()"
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "--photo is missing"),
        (["--photo=a", "--tims=2"], "Unknown command line flag 'tims'. Did you mean: times ?"),
        (["--photo=a", "--times=two"], "flag --times=two: not a whole number"),
        (["--photo=a", "--times=0"], "flag --times=0: 0 is not a positive integer"),
        (["--photo=a", "--mode=quiet"], "flag --mode=quiet: value should be one of <plain|loud>"),
        (["--photo=a", "b"], "b is not a flag"),
        (["--photo="], "flag --photo=: the value is empty"),
    ],
)
def test_wrong_flags_are_one_line(command, arguments, message):
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"icdpm-dummy: error: {message} (see icdpm-dummy --help)\n"


@pytest.mark.parametrize(
    "failure, message",
    [
        ("from icdpm.errors import IcdpmError; raise IcdpmError('too dark:\\n  use a lamp')", "too dark: use a lamp"),
        ("open('street.jpg')", "street.jpg: No such file or directory"),
        ("raise PermissionError(13, 'Permission denied', 'street.jpg')", "street.jpg: Permission denied"),
        ("raise OSError(28, 'No space left on device')", "No space left on device"),
        ("raise OSError('cannot identify image file')", "cannot identify image file"),
    ],
)
def test_user_errors_are_one_line(command, failure, message):
    done = command("--photo=a", f"--failure={failure}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"icdpm-dummy: error: {message}\n"


def test_names_of_files_cannot_control_the_terminal_nor_be_mistaken_for_flags(command, tmp_path):
    done = command("--photo=a", r"--failure=open('red\x1b[31m\nicdpm-dummy: error: \x9b')")
    assert done.stderr == "icdpm-dummy: error: red\\x1b[31m icdpm-dummy: error: \\x9b: No such file or directory\n"
    (tmp_path / "-night.jpg").touch()
    done = command("--photo=a", "-night.jpg")
    assert done.returncode == 2 and "; a file of this name is ./-night.jpg (see icdpm-dummy --help)" in done.stderr


def test_bugs_keep_their_traceback(command):
    done = command("--photo=a", "--failure=[][0]")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("IndexError: list index out of range\n")


def test_an_interrupt_is_one_line(command):
    done = command("--photo=a", f"--failure=import os; os.kill(os.getpid(), {int(signal.SIGINT)})")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "icdpm-dummy: interrupted\n")


@pytest.mark.slow
def test_tensorflow_and_its_libraries_are_quiet(command):
    done = command("--photo=a", "--failure=import tensorflow_addons, tensorflow_datasets")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n", "")


# A stand-in for TensorFlow writes these lines and then aborts, as a library does on a processor without AVX, or raises an
# error, or is imported.
LOG_LINES = """
import os
for line in (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    b"I0000 00:00:1795285671.427194   12002 port.cc:153] oneDNN custom operations are on.",
    b"E0000 00:00:1795285671.427195   12002 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)",
    b"F0000 00:00:1795285671.427196   12002 cpu_feature_guard.cc:7] this processor has no AVX",
    b"Illegal",
):
    os.write(2, line + b"\\n")
"""
VISIBLE_LINES = """\
E0000 00:00:1795285671.427195   12002 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)
F0000 00:00:1795285671.427196   12002 cpu_feature_guard.cc:7] this processor has no AVX
Illegal
"""


@pytest.mark.parametrize(
    "then, status, after",
    [
        ("os.abort()", -signal.SIGABRT, ""),
        ("raise OSError('no libcuda.so')", 1, "icdpm-dummy: error: no libcuda.so\n"),
        ("", 0, "later\n"),
    ],
)
def test_errors_during_the_import_of_tensorflow_are_visible(command, tmp_path, then, status, after):
    (tmp_path / "tensorflow.py").write_text(LOG_LINES + then)
    done = command("--photo=a", "--failure=import_tensorflow(); import os; os.write(2, b'later\\n')")
    assert done.returncode == status and done.stderr.startswith(VISIBLE_LINES + after)


def test_garbage_collection_is_paused_and_skips_what_was_made():
    before = gc.get_freeze_count()
    with paused_garbage_collection():
        made = [[] for _ in range(1000)]
        assert not gc.isenabled()
    assert gc.isenabled() and gc.get_freeze_count() >= before + len(made)
    gc.unfreeze()


def test_log_level_0_shows_all_lines_of_the_import(command, tmp_path):
    (tmp_path / "tensorflow.py").write_text(LOG_LINES)
    assert "oneDNN custom operations" in command("--photo=a", "--failure=import_tensorflow()", TF_CPP_MIN_LOG_LEVEL="0").stderr


def test_info_lines_of_libraries_are_hidden(command):
    logged = "from absl import logging; logging.info('Sharding callback duration'); logging.error('the disk is full')"
    done = command("--photo=a", f"--failure={logged}")
    assert done.returncode == 0 and "Sharding" not in done.stderr and "the disk is full" in done.stderr


def test_interrupt_that_a_library_turns_into_another_error_is_one_line(command):
    failure = f"""
import os
try:
    os.kill(os.getpid(), {int(signal.SIGINT)})
except KeyboardInterrupt:
    raise AssertionError("unwinding")
"""
    done = command("--photo=a", f"--failure={failure}")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "icdpm-dummy: interrupted\n")


def test_closed_streams(command):
    code = "import sys; from icdpm.progress import progress_bar; progress_bar('', 2).close(); print('x', file=sys.stderr)"
    done = command("--photo=a", f"--failure={code}", redirection="2>&-")
    assert (done.returncode, done.stdout) == (0, "a\n")
    assert command("--photo=a", redirection=">&-").returncode == 0


def test_full_help_succeeds(command):
    done = command("--helpfull")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("Repeats the name of a photo.\n\nExample:")
    assert "--photo: The photo." in done.stdout and "--[no]pdb" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_output_degrades_on_consoles_that_lack_characters(command, encoding):
    code = "import os; print('640×480 → 2 ± 1 …'); print(os.fsdecode(b'b\\xff'), '漢', file=sys.stderr); print('done')"
    result = command("--photo=a", f"--failure={code}", PYTHONIOENCODING=encoding)
    assert result.returncode == 0 and "Traceback" not in result.stderr
    assert result.stdout.endswith("done\na\n")
    if encoding == "ascii":
        assert result.stdout.startswith("640x480 -> 2 +/- 1 ...\n")
        assert result.stderr == "b\\udcff \\u6f22\n"


@pytest.mark.parametrize("name", ["train", "deblur", "evaluate", "export", "serve", "prepare"])
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_help_of_every_command_degrades(name, encoding):
    code = f"import sys; from icdpm.commands.{name} import run; sys.argv = ['icdpm-{name}', '--help']; run()"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, encoding=encoding)
    assert result.returncode == 0 and result.stderr == "" and "Flags:" in result.stdout
    assert "\\u" not in result.stdout  # common characters have a readable substitute
