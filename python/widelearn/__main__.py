"""The command line: ``widelearn`` and ``python -m widelearn``."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from widelearn import runtime
from widelearn.experiments.errors import InputError, complain, first_line, require, visible
from widelearn.experiments.tables.table import BUILTIN

COMPARE = """\
Tune and compare twelve methods on one table. Eight are of this package: ridge, random features, Fourier features, NTK
and RBF kernel ridge, a quadratic Taylor model, a two-layer network and the recursive feature machine. Four are
scikit-learn's: Ridge, KernelRidge, RBFSampler + Ridge and HistGradientBoosting. A quarter of the rows is held out, and
everything is tuned on the rest alone. Results go to a table, results.json and compare.png."""
PREDICT = """\
Predict from a table with a model that `widelearn compare --save` wrote. MODEL is a pickle: reading it runs code that it
holds, so use only models from people you trust."""
RUN = """\
Run a study: simulate what the theory of wide networks predicts, and judge its claims, each with a check that it could
fail, negative controls among them. Each study writes rows.jsonl, results.json and a figure (PNG, SVG, its rows as CSV)
into its folder. Results are the same for every number of jobs. A claim that fails makes the exit code 1."""
CODES = """\
Exit codes: 0 done; 1 a method or a claim failed, or memory or disk ran out; 2 wrong usage or input; 130 Ctrl-C; 141 the
reader of the output is gone; 143 SIGTERM, 129 SIGHUP. What is finished by then is kept for --resume."""


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses in one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is, and exit with code 2."""
        self.exit(2, f"{self.prog}: {visible(message)} (see {self.prog} --help)\n")


def parser() -> Parser:
    """Return the parser of the whole command line."""
    top = Parser(prog="widelearn", description="Wide neural networks, learned the scikit-learn way.", epilog=CODES)
    top.add_argument("--version", action="store_true", help="print versions, SIMD path and threads, and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    compare = commands.add_parser("compare", help="tune and compare twelve methods on one table", description=COMPARE)
    compare.set_defaults(run="comparison.command:run_compare", needs=("rich", "pandas", "matplotlib"))
    add = compare.add_argument
    add("file", metavar="FILE", nargs="?", help="CSV (.csv, .tsv, .txt, perhaps .gz, .bz2, .xz), Parquet or NPZ")
    add("--data", choices=BUILTIN, help="a table of scikit-learn instead of FILE (default: digits)")
    add("--target", metavar="COL", help="the column to predict")
    add(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="default: by the target",
    )
    add("--weight", metavar="COL", help="sample weights, for the fits of methods that take them and for every score")
    add("--group", metavar="COL", help="rows of one group stay on one side of the split and of every fold")
    add("--time", metavar="COL", help="hold out the latest rows by this date or number")
    add("--test-size", metavar="SIZE", type=size, default=0.25, help="share or number of rows held out (default: 0.25)")
    add("--drop-rare", action="store_true", help="leave out classes with fewer than 5 rows")
    add("--models", "--only", metavar="A,B,...", help="compare these only; an unknown name lists all")
    add("--seed", metavar="N", type=seed, default=0, help="for the split and every method (default: 0)")
    add("--threads", metavar="N", type=positive, help="threads for each method (default: all cores)")
    add("--save", metavar="MODEL", help="save the model with the best held-out score, for `widelearn predict`")
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-compare, -2, ...)")
    add("--force", action="store_true", help="let --out and --save replace files")
    add("--resume", action="store_true", help="continue a stopped run into --out; what it finished is kept")
    add("--quiet", action="store_true", help="no progress bar")

    predict = commands.add_parser("predict", help="predict from a table with a saved model", description=PREDICT)
    predict.set_defaults(run="comparison.command:run_predict", needs=("pandas",))
    add = predict.add_argument
    add("model", metavar="MODEL", help="written by `widelearn compare --save`; a pickle, so it can run code")
    add("file", metavar="FILE", help="a table with the columns of the training table, in any order")
    add("--out", metavar="CSV", help="write predictions to this file (default: standard output)")
    add("--force", action="store_true", help="let --out replace a file")

    listed = commands.add_parser("list", help="list the studies", description="List the studies that `run` knows.")
    listed.set_defaults(run="studies.command:run_list", needs=())

    study = commands.add_parser("run", help="run a study of theory against simulation", description=RUN)
    study.set_defaults(run="studies.command:run_study", needs=("rich", "matplotlib"))
    add = study.add_argument
    add("name", metavar="NAME", help="a study that `widelearn list` names, or all")
    add("--quick", action="store_true", help="smaller sizes and fewer draws: seconds instead of minutes")
    add("--seed", metavar="N", type=seed, default=0, help="for every draw (default: 0)")
    add("--seeds", metavar="K", type=positive, help="number of draws (default: the study's own)")
    add("--set", metavar="KEY=VALUE", action="append", default=[], help="change a setting; an unknown key lists all")
    add(
        "--jobs", metavar="N", type=positive, default=1, help="processes of one thread, at most one a core (default: 1)"
    )
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-run, -2, ...)")
    add("--force", action="store_true", help="let --out replace files")
    add("--resume", action="store_true", help="continue a stopped run into --out; what it simulated is kept")
    add("--quiet", action="store_true", help="no progress bar")
    return top


def size(text: str) -> float:
    """Read a share between 0 and 1, or a whole number of rows."""
    value = float(text)
    if not (0 < value < 1 or (value >= 1 and value.is_integer())):
        raise argparse.ArgumentTypeError(f"{text} is neither a share between 0 and 1 nor a number of rows")
    return value


def seed(text: str) -> int:
    """Read a seed that NumPy takes."""
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 4294967295")
    return value


def positive(text: str) -> int:
    """Read a number of threads, processes or draws."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


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
    if options.command is None and not options.version:
        top.error("name a command: compare, predict, list or run")
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
