"""The command line: ``widelearn`` and ``python -m widelearn``."""

from __future__ import annotations

import io
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from widelearn import runtime
from widelearn.experiments.arguments import Parser
from widelearn.experiments.comparison.options import add_compare
from widelearn.experiments.comparison.prediction_options import add_predict
from widelearn.experiments.errors import InputError, complain, first_line, require
from widelearn.experiments.forecasts.options import add_forecast
from widelearn.experiments.studies.options import add_studies

CODES = """\
Exit codes: 0 done; 1 a method or a claim failed, or memory or disk ran out; 2 wrong usage or input; 130 Ctrl-C; 141 the
reader of the output is gone; 143 SIGTERM, 129 SIGHUP. What is finished by then is kept for --resume."""


def parser() -> Parser:
    """Return the parser of the whole command line."""
    top = Parser(prog="widelearn", description="Wide neural networks, learned the scikit-learn way.", epilog=CODES)
    top.add_argument("--version", action="store_true", help="print versions, SIMD path and threads, and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    add_compare(commands)
    add_predict(commands)
    add_forecast(commands)
    add_studies(commands)
    return top


def end(number: int, frame: Any) -> NoReturn:
    """Leave in good order on SIGTERM or SIGHUP: child processes end, what is finished is kept, nothing half-written."""
    raise SystemExit(128 + number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str or None
        None takes ``sys.argv``.

    Returns
    -------
    int
        0; 1 a method or a claim failed, or memory or disk ran out; 2 bad usage or input; 130 Ctrl-C; 141 the reader of
        the output is gone. SIGTERM and SIGHUP exit with 143 and 129.
    """
    prepare_streams()
    if arguments is None and not sys.warnoptions:
        warnings.simplefilter("ignore")  # what a user should know is in the notes
    signals = [number for number in (signal.SIGTERM, getattr(signal, "SIGHUP", None)) if number is not None]
    # Under nohup SIGHUP is ignored, and stays so.
    before = {number: signal.getsignal(number) for number in signals if signal.getsignal(number) != signal.SIG_IGN}
    try:
        for number in before:
            signal.signal(number, end)
        return attempt(arguments)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def prepare_streams() -> None:
    """Let no character and no closed stream stop the output: a file of results must never become stream 0, 1 or 2."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def attempt(arguments: Sequence[str] | None) -> int:
    """Read the arguments, load and run a command; whatever stops it becomes one line and an exit code."""
    try:
        try:
            return command(arguments)
        finally:
            sys.stdout.flush()
    except InputError as error:
        return refuse(str(error), 2)
    except KeyboardInterrupt:
        return refuse("interrupted", 130)
    except BrokenPipeError:
        raise
    except MemoryError as error:
        return refuse(f"out of memory: {first_line(error)}", 1)
    except OSError as error:
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        return refuse(f"{where}{error.strerror or first_line(error)}", 1)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        return refuse(f"a defect, {type(error).__name__}: {first_line(error)} (python -X dev shows where)", 1)


def command(arguments: Sequence[str] | None) -> int:
    """Run the command that the arguments name; return its exit code."""
    top = parser()
    options = top.parse_args(arguments)
    options.line = shlex.join(["widelearn", *(sys.argv[1:] if arguments is None else arguments)])
    if options.command is None and not options.version:
        top.error("name a command: compare, predict, list, run, merge or report")
    try:
        runtime.available_memory()
    except ValueError as error:
        raise InputError(str(error)) from error
    if options.version:
        runtime.show_versions()
        return 0
    require(*options.needs)
    module, function = options.run.split(":")
    code: int = getattr(import_module(f"widelearn.experiments.{module}"), function)(options)
    return code


def refuse(message: str, code: int) -> int:
    """Print one line on standard error and return the exit code."""
    complain(message)
    return code


if __name__ == "__main__":
    sys.exit(main())
