"""Runs a command: quiet libraries, a short `--help`, one-line errors and exit statuses.

The commands (`icdpm-train`, …) and the experiments behind the make targets use it. Each is a module with a docstring, which
`--help` prints, its flags, and

    def main(argv):
        import_tensorflow()
        from icdpm.training import ...  # modules that need TensorFlow are imported here, so that --help stays fast

    def run():
        run_command(main)
"""

from __future__ import annotations

import codecs
import contextlib
import gc
import io
import os
import re
import signal
import subprocess
import sys
import textwrap
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from absl import app, flags, logging

from icdpm.errors import IcdpmError, escape_controls

_REQUIRED = "must have a value other than None."
_DEGRADE = "icdpm.degrade"
# Characters of messages that consoles may lack. Others, as in names of files, are written as escape sequences.
_SUBSTITUTES = {
    **{"×": "x", "…": "...", "–": "-", "—": "-", "−": "-", "→": "->", "±": "+/-", "≤": "<=", "≥": ">=", "·": "."},
    **{"β": "beta", "γ": "gamma", "η": "eta", "ε": "epsilon", "σ": "sigma"},
    **{"’": "'", "‘": "'", "“": '"', "”": '"', "√": "sqrt", "²": "2", "³": "3", "°": " deg", "\u00a0": " ", "\u202f": " "},
}
# Values such as --output=~/restored and --restored=mine=~/restored, in which shells do not replace ~.
_HOME = re.compile(r"^(--?\w+=(?:[\w.-]+[=:])?)~(?=/|$)")
# Copies stdin to stdout without log lines of the level INFO and without absl's remark that logging is not set up yet.
_FILTER = r"""
import re, sys
for line in sys.stdin.buffer:
    if not re.match(rb"I\d{4} \d\d:\d\d:\d\d|WARNING: All log messages before absl::InitializeLog\(\) is called", line):
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
"""


def reject_arguments(argv: Sequence[str]) -> None:
    """Raises `app.UsageError` if a command that takes only flags received anything else."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")


def run_command(main: Callable[[list[str]], int | None]) -> None:
    """Runs `main(argv)` with parsed flags and exits.

    The exit status is what `main` returns (`None` is 0), 1 after an error that the user can correct, 2 after invalid flags, and
    130 after an interrupt. Each of these errors is one line on stderr. If the reader of stdout has ended, the command ends with
    status 141, as after SIGPIPE. Any other exception is a bug and keeps its traceback.

    Args:
      main: function of the arguments that are not flags, the program's name first. Its module's docstring is the help text.
    """
    try:
        _run(main)
    except BaseException as error:
        if "tensorflow_io" in sys.modules:
            _exit_immediately(error)
        raise


def _run(main):
    program = Path(sys.argv[0]).stem
    interrupts = []

    def interrupt(*_):
        interrupts.append(True)
        raise KeyboardInterrupt

    def stop(message, status):
        print(f"{program}: {escape_controls(_join_lines(message))}", file=sys.stderr)
        sys.exit(status)

    def stop_for_usage(error):
        stop(f"error: {_simplify_flag_error(str(error))} (see {program} --help)", 2)

    def parse(argv):
        if {"--help", "-help", "-h", "-?"} & set(argv[1:]):
            print(_format_help(sys.modules[main.__module__]))
            sys.exit(0)
        if {"--helpfull", "-helpfull"} & set(argv[1:]):  # absl would exit with 1
            print("\n".join([sys.modules[main.__module__].__doc__.strip(), "", flags.FLAGS.get_help().strip("\n")]))
            sys.exit(0)
        try:
            arguments = flags.FLAGS([_HOME.sub(lambda found: found[1] + str(Path.home()), each) for each in argv])
            _reject_empty_values(sys.modules[main.__module__])
            return arguments
        except flags.Error as error:
            names = [argument for argument in argv[1:] if argument.startswith("-") and os.path.lexists(argument)]
            stop_for_usage(f"{error}; a file of this name is ./{names[0]}" if names else error)

    def work(argv):
        logging.set_verbosity(logging.WARNING)  # libraries log routine messages at INFO
        try:
            return main(argv)
        except app.UsageError as error:
            stop_for_usage(error)
        except Exception as error:
            # TensorFlow turns an interrupt during tracing into other exceptions.
            if interrupts:
                raise KeyboardInterrupt from error
            raise

    if sys.stderr is None:  # it is closed; progress bars and messages are written to it without a check
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    _degrade_output()
    silence_tensorflow()
    warnings.filterwarnings("ignore", message=r"\s*TensorFlow Addons \(TFA\) has ended")
    # A shell that starts the command in the background sets another handler, so that Ctrl-C does not reach it.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        app.run(work, flags_parser=parse)
    except IcdpmError as error:
        stop(f"error: {error}", 1)
    except BrokenPipeError:  # what reads the output, such as `head`, has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # takes what is still buffered
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        stop(f"error: {error.filename}: {error.strerror}" if error.filename else f"error: {error.strerror or error}", 1)
    except KeyboardInterrupt:
        stop("interrupted", 130)


def _reject_empty_values(module):
    """Raises `flags.Error` for a flag without default that received '', such as the value of an unset shell variable."""
    for flag in flags.FLAGS.get_key_flags_for_module(module):
        if flag.default is None and flag.value == "":
            raise flags.IllegalFlagValueError(f"flag --{flag.name}=: the value is empty")


def _degrade_output() -> None:
    """Makes stdout and stderr write characters that their encoding lacks in another way, instead of failing."""
    codecs.register_error(_DEGRADE, _replace_characters)
    for stream in (sys.stdout, sys.stderr):
        # A stream that is not an io.TextIOWrapper, as a test or a notebook sets it, takes all characters.
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "backslashreplace"):
            stream.reconfigure(errors=_DEGRADE)


def _replace_characters(error):
    """Implements the error handler of `_degrade_output` (`codecs.register_error`)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    replaced = ""
    for character in error.object[error.start : error.end]:
        replaced += _SUBSTITUTES.get(character) or character.encode("ascii", "backslashreplace").decode()
    return replaced, error.end


def _exit_immediately(error):
    """Exits with the status that this exception implies, without running the exit handlers of C++ libraries.

    The AWS library inside TensorFlow I/O aborts in its exit handler, which would change the exit status.
    """
    status = error.code if isinstance(error, SystemExit) else 1
    if not isinstance(error, SystemExit):
        sys.excepthook(type(error), error, error.__traceback__)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(int(status or 0))


def silence_tensorflow() -> None:
    """Hides TensorFlow's log messages unless the user has set TF_CPP_MIN_LOG_LEVEL. Call it before TensorFlow is imported.

    Errors are hidden too: TensorFlow 2.15 logs three false ones (cuDNN, cuFFT and cuBLAS registered twice) during every import,
    and real ones reach Python as exceptions.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def import_tensorflow() -> types.ModuleType:
    """Imports and returns TensorFlow, without INFO lines on stderr if TF_CPP_MIN_LOG_LEVEL hides them, as commands set it.

    TensorFlow 2.20 and later write such lines during the import, before they read that variable. Errors stay visible.
    """
    is_silent = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0") != "0"
    is_filtered = is_silent and "tensorflow" not in sys.modules and sys.stderr
    with _filtered_stderr() if is_filtered else contextlib.nullcontext():
        import tensorflow
    return tensorflow


@contextlib.contextmanager
def _filtered_stderr() -> Iterator[None]:
    """Sends what this process writes to stderr through a filter in another process, which outlives an abort of this one."""
    sys.stderr.flush()
    original = os.dup(2)
    # In a session of its own, as Ctrl-C is for the command and not for the filter of its messages.
    command = [sys.executable, "-I", "-S", "-c", _FILTER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=original, start_new_session=True) as process:
        assert process.stdin is not None
        os.dup2(process.stdin.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)


@contextlib.contextmanager
def paused_garbage_collection() -> Iterator[None]:
    """Context manager for the import of TensorFlow and for loading a model.

    Both create about a million objects and hardly any garbage. Python would search these objects for reference cycles again and
    again, and would free them one by one when the process ends: together a fifth of the time for a small photo. Within the
    context it does not search, and what exists at the end is exempt from later searches (`gc.freeze`).
    """
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if is_enabled:
            gc.enable()


def _format_help(module):
    """Returns the module's docstring and its own flags, without those of absl and TensorFlow."""
    described = [_format_flag(flag) for flag in flags.FLAGS.get_key_flags_for_module(module)]
    return "\n".join([module.__doc__.strip(), "", "Flags:", *described])


def _format_flag(flag):
    """Returns the lines of `--help` about one flag: its name, its help text and its default."""
    name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"
    words = flag.help.split()
    if any(_REQUIRED in validator.message for validator in flag.validators):
        words.append("(required)")
    elif flag.default_as_str not in (None, "''", "'[]'"):
        words.append(f"(default: {flag.default_as_str[1:-1]})")
    return f"  {name}\n{textwrap.fill(' '.join(words), 100, initial_indent=' ' * 6, subsequent_indent=' ' * 6)}"


def _simplify_flag_error(message):
    """Replaces Python's terms in absl's message about flags."""
    message = re.sub(rf"flag (--\w+)=None: Flag \1 {re.escape(_REQUIRED)}", r"\1 is missing", message)
    message = re.sub(r"invalid literal for int\(\) with base 10: .*", "not a whole number", message)
    message = re.sub(r"could not convert string to float: .*", "not a number", message)
    return message.replace("\n", ", ")


def _join_lines(message):
    return " ".join(line.strip() for line in message.splitlines() if line.strip())
