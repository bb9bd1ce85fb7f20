"""What every command line has in common: quiet libraries, a short --help, and errors a person can read.

The commands (icdpm-train, …) and the experiments behind the make targets are run by it. Each is a module with a docstring,
which --help prints, its flags, and

    def main(argv):
        from icdpm.training import ...  # what needs TensorFlow is imported here: --help stays fast, logging quiet

    def run():
        run_command(main)
"""

import os
import re
import signal
import sys
import textwrap
import warnings
from pathlib import Path

from absl import app, flags, logging

from icdpm.announcements import silence_tensorflow
from icdpm.errors import IcdpmError

_REQUIRED = "must have a value other than None."


def reject_arguments(argv):
    """Raises UsageError where a command that has flags only is given anything else."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected argument {argv[1]!r}")


def run_command(main):
    """Runs `main(argv)` by absl's app.run and exits.

    The exit status is 0 or what `main` returns, 1 after an error that the user can put right, 2 after wrong flags, 130
    after an interrupt. Each of these is one line on stderr; any other exception is a bug and keeps its traceback.
    """
    try:
        _run(main)
    except BaseException as error:
        if "tensorflow_io" in sys.modules:
            _leave_at_once(error)
        raise


def _run(main):
    program = Path(sys.argv[0]).stem
    interrupts = []

    def interrupt(*_):
        interrupts.append(True)
        raise KeyboardInterrupt

    def stop(message, status):
        print(f"{program}: {_one_line(message)}", file=sys.stderr)
        sys.exit(status)

    def refuse(error):
        stop(f"error: {_plain_flag_error(str(error))} (see {program} --help)", 2)

    def parse(argv):
        if {"--help", "-help", "-h", "-?"} & set(argv[1:]):
            print(_help(sys.modules[main.__module__]))
            sys.exit(0)
        try:
            return flags.FLAGS(argv)
        except flags.Error as error:
            refuse(error)

    def work(argv):
        logging.set_verbosity(logging.WARNING)  # libraries tell at INFO what they write, and how long that takes them
        try:
            return main(argv)
        except app.UsageError as error:
            refuse(error)
        except Exception as error:
            # Interrupted while it traces a graph, TensorFlow raises what its unwinding trips over instead.
            if interrupts:
                raise KeyboardInterrupt from error
            raise

    _quieten_libraries()
    # It is another handler where a shell runs the command in the background and wants it not to be interrupted.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        app.run(work, flags_parser=parse)
    except IcdpmError as error:
        stop(f"error: {error}", 1)
    except OSError as error:
        stop(f"error: {error.filename}: {error.strerror}" if error.filename else f"error: {error.strerror or error}", 1)
    except KeyboardInterrupt:
        stop("interrupted", 130)


def _leave_at_once(error):
    """Ends the process as Python would after this exception, but without what C++ libraries do last.

    The AWS library inside TensorFlow I/O aborts there, after all is done, and another exit status than ours would be seen.
    """
    status = error.code if isinstance(error, SystemExit) else 1
    if not isinstance(error, SystemExit):
        sys.excepthook(type(error), error, error.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status or 0))


def _quieten_libraries():
    """Hides what TensorFlow's libraries print about themselves; has no effect once they are imported."""
    silence_tensorflow()
    warnings.filterwarnings("ignore", message=r"\s*TensorFlow Addons \(TFA\) has ended")


def _help(module):
    """The command's docstring and its own flags, without the many that absl and TensorFlow bring."""
    described = [_describe(flag) for flag in flags.FLAGS.get_key_flags_for_module(module)]
    return "\n".join([module.__doc__.strip(), "", "Flags:", *described])


def _describe(flag):
    """One flag as --help shows it: its name on a line, then its help text and its default."""
    name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"
    words = flag.help.split()
    if any(_REQUIRED in validator.message for validator in flag.validators):
        words.append("(required)")
    elif flag.default_as_str not in (None, "''", "'[]'"):
        words.append(f"(default: {flag.default_as_str[1:-1]})")
    return f"  {name}\n{textwrap.fill(' '.join(words), 100, initial_indent=' ' * 6, subsequent_indent=' ' * 6)}"


def _plain_flag_error(message):
    """absl's message about one or more flags, with Python's own terms put into plain words."""
    message = re.sub(rf"flag (--\w+)=None: Flag \1 {re.escape(_REQUIRED)}", r"\1 is missing", message)
    message = re.sub(r"invalid literal for int\(\) with base 10: .*", "not a whole number", message)
    message = re.sub(r"could not convert string to float: .*", "not a number", message)
    return message.replace("\n", ", ")


def _one_line(message):
    return " ".join(line.strip() for line in message.splitlines() if line.strip())
