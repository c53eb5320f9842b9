"""The command line: ``widelearn`` and ``python -m widelearn``."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from widelearn.experiments.tables.table import Table

TABLES = ("digits", "diabetes", "breast_cancer", "wine")
COMPARE = """\
Tune and compare twelve methods on one table: ridge, random features, Fourier features, NTK and RBF kernel ridge, a
quadratic Taylor model, a two-layer network and the recursive feature machine of this package, and scikit-learn's Ridge,
KernelRidge, RBFSampler + Ridge and HistGradientBoosting. A quarter of the rows is held out; everything is tuned on the
rest alone. Results go to a table, results.json and compare.png."""
PREDICT = """\
Predict from a table with a model that `widelearn compare --save` wrote. MODEL is a pickle: reading it runs code that it
holds, so use only models from people you trust."""

RUN = """\
Run a study: simulate what the theory of wide networks predicts, and judge its claims, negative controls among them.
Each study writes results.json and a figure into its folder. A claim that fails makes the exit code 1."""


class Parser(argparse.ArgumentParser):
    """An argument parser that refuses in one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is, and exit with code 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """Return the parser of the whole command line."""
    top = Parser(prog="widelearn", description="Wide neural networks, learned the scikit-learn way.")
    top.add_argument("--version", action="store_true", help="print versions, SIMD path and threads, and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)

    compare = commands.add_parser("compare", help="tune and compare twelve methods on one table", description=COMPARE)
    compare.set_defaults(run=run_compare)
    add = compare.add_argument
    add("file", metavar="FILE", nargs="?", help="CSV (.csv, .tsv, .txt, perhaps .gz, .bz2, .xz), Parquet or NPZ")
    add("--data", choices=TABLES, help="a table of scikit-learn instead of FILE (default: digits)")
    add("--target", metavar="COL", help="the column to predict")
    add("--task", choices=("auto", "classification", "regression"), default="auto", help="default: by the target")
    add("--weight", metavar="COL", help="sample weights: every method takes them in fitting, and scores are weighted")
    add("--group", metavar="COL", help="rows of one group stay on one side of the split and of every fold")
    add("--time", metavar="COL", help="hold out the latest rows by this date or number")
    add("--test-size", metavar="SIZE", type=size, default=0.25, help="share or number of rows held out (default: 0.25)")
    add("--drop-rare", action="store_true", help="leave out classes with fewer than 5 rows")
    add("--models", "--only", metavar="A,B,...", help="compare these only; an unknown name lists all")
    add("--seed", metavar="N", type=seed, default=0, help="for the split and every method (default: 0)")
    add("--threads", metavar="N", type=positive, help="threads for each method (default: all cores)")
    add(
        "--save",
        metavar="MODEL",
        help="save the model with the best held-out score, for `widelearn predict`",
    )
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-compare, -2, ...)")
    add("--force", action="store_true", help="let --out and --save replace files")
    add(
        "--resume",
        action="store_true",
        help="go on where a run into --out was stopped: finished methods are kept there",
    )
    add("--quiet", action="store_true", help="no progress bar")

    predict = commands.add_parser("predict", help="predict from a table with a saved model", description=PREDICT)
    predict.set_defaults(run=run_predict)
    add = predict.add_argument
    add("model", metavar="MODEL", help="written by `widelearn compare --save`; a pickle, so it can run code")
    add("file", metavar="FILE", help="a table with the columns of the training table, in any order")
    add("--out", metavar="CSV", help="write predictions to this file (default: standard output)")
    add("--force", action="store_true", help="let --out replace a file")

    listed = commands.add_parser("list", help="list the studies", description="List the studies that `run` knows.")
    listed.set_defaults(run=run_list)

    study = commands.add_parser("run", help="run a study of theory against simulation", description=RUN)
    study.set_defaults(run=run_study)
    add = study.add_argument
    add("name", metavar="NAME", help="a study that `widelearn list` names, or all")
    add("--quick", action="store_true", help="smaller sizes and fewer draws: seconds instead of minutes")
    add("--seed", metavar="N", type=seed, default=0, help="for every draw (default: 0)")
    add("--out", metavar="DIR", help="folder for results (default: first free of widelearn-run, -2, ...)")
    add("--force", action="store_true", help="let --out replace files")
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
    """Read a number of threads."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def require(*packages: str) -> None:
    """Refuse in one line if an optional package is missing."""
    from widelearn.experiments.errors import InputError

    def found(package: str) -> bool:
        try:
            return find_spec(package) is not None
        except (ImportError, ValueError):
            return False

    missing = [package for package in packages if not found(package)]
    if missing:
        raise InputError(f"{', '.join(missing)} not installed: pip install 'widelearn[cli]'")


def read_table(file: str | None, data: str | None) -> Table:
    """Read the user's file, or a table of scikit-learn."""
    from widelearn.experiments.tables import table as tables

    if file is None:
        return tables.builtin(data or "digits")
    if file.lower().endswith((".parquet", ".pq")):
        require("pyarrow")
    return tables.read(file)


def run_compare(options: argparse.Namespace) -> int:
    """Compare methods, print the table, write the files; return the exit code."""
    require("rich", "pandas", "matplotlib")
    from rich.console import Console

    from widelearn import plots
    from widelearn.experiments import report_page, store
    from widelearn.experiments.comparison.journal import Journal, mark
    from widelearn.experiments.comparison.methods import choose
    from widelearn.experiments.comparison.runner import compare
    from widelearn.experiments.errors import InputError, listing
    from widelearn.experiments.progress import Progress
    from widelearn.experiments.provenance import versions
    from widelearn.experiments.tables.problem import Request, build

    if options.file is not None and options.data is not None:
        raise InputError("give FILE or --data, not both")
    if options.resume and options.out is None:
        raise InputError("--resume needs --out: the folder of the run that was stopped")
    methods = choose(options.models)
    save = None if options.save is None else store.check_save(options.save, options.force)
    with store.reserve(options.out, options.force or options.resume, "widelearn-compare") as out:
        table = read_table(options.file, options.data)
        target = options.target or table.target
        if target is None:
            raise InputError(f"--target is missing: name one of the columns {listing(table.frame.columns, 12)}")
        if save is not None and options.file is not None and save.exists() and save.samefile(options.file):
            raise InputError("--save would replace the table itself")
        request = Request(
            target,
            task=options.task,
            weight=options.weight,
            group=options.group,
            time=options.time,
            test_size=options.test_size,
            drop_rare=options.drop_rare,
            seed=options.seed,
        )
        problem = build(table, request)
        del table
        names = [method.name for method in methods]
        settings = {"seed": options.seed, "threads": options.threads, "keep": save is not None}
        journal = Journal(out, mark(problem.arrays, problem.task, names, settings, versions()), options.resume)
        try:
            with Progress(names, options.quiet) as on_step:
                found = compare(problem, methods, **settings, on_step=on_step, journal=journal)
        except (KeyboardInterrupt, SystemExit):
            if journal.done:
                kept = f"{len(journal.done)} of {len(names)} methods are kept in {out}"
                print(f"widelearn: {kept}: the same command with --out {out} --resume goes on", file=sys.stderr)
            raise
        store.write_json(out / "results.json", found.results)
        figure = plots.comparison(report_page.ranked(found.results["rows"]), report_page.headline(found.results))
        with store.replacing(out / "compare.png") as temporary:
            figure.savefig(temporary, format="png", dpi=150)
        if save is not None and found.best is not None:
            store.write_model(save, found.best)
        journal.clear()
    console = Console(width=None if sys.stdout.isatty() else 160)
    report_page.print_comparison(found.results, console)
    console.print(f"Results: {out / 'results.json'}, figure: {out / 'compare.png'}", soft_wrap=True, highlight=False)
    if save is not None and found.best is not None:
        chosen = found.best.about["row"]
        console.print(f"Saved {chosen['model']} (best held-out score) to {save}", soft_wrap=True, highlight=False)
    return 1 if found.failed else 0


def run_predict(options: argparse.Namespace) -> int:
    """Predict a table's rows with a saved model; return the exit code."""
    require("pandas")
    import pandas as pd

    from widelearn.experiments import store
    from widelearn.experiments.comparison import fitted
    from widelearn.experiments.errors import InputError

    out = None if options.out is None else Path(options.out)
    if out is not None and out.exists() and not options.force:
        raise InputError(f"--out {out} exists: add --force to replace it")
    model = fitted.load(options.model)
    if changed := model.changed_versions():
        print(f"widelearn: the model was fitted with {', '.join(changed)}: compare it again if unsure", file=sys.stderr)
    table = read_table(options.file, None)
    prediction = model.predict(table.frame)
    text = pd.DataFrame({model.target.name: prediction}).to_csv(index=False)
    if out is None:
        sys.stdout.write(text)
    else:
        store.write_text(out, text)
    scored = model.score(table.frame, prediction)
    if scored is not None:
        value, error, rows = scored
        metric = model.about["row"]["metric"]
        print(f"{metric} {value:.4f} ± {error:.4f} on the {rows:,} rows with {model.target.name!r}", file=sys.stderr)
    return 0


def run_list(options: argparse.Namespace) -> int:
    """Print the studies; return the exit code."""
    from widelearn.experiments import studies

    specs = studies.choose("all")
    width = max(len(spec.name) for spec in specs)
    for spec in specs:
        print(f"{spec.name:<{width}}  {spec.about}")
    return 0


def run_study(options: argparse.Namespace) -> int:
    """Run studies, print their claims, write the files as each ends; return the exit code."""
    require("rich", "matplotlib")
    from rich.console import Console

    from widelearn import plots
    from widelearn.experiments import report_page, store, studies
    from widelearn.experiments.progress import Progress
    from widelearn.experiments.studies.runner import failed, run

    specs = studies.choose(options.name)
    console = Console(width=None if sys.stdout.isatty() else 160)
    broken = 0
    with store.reserve(options.out, options.force, "widelearn-run") as out:
        for spec in specs:
            with Progress([spec.name], options.quiet) as on_step:
                step = partial(on_step, spec.name)
                results = run(spec, quick=options.quick, seed=options.seed, on_step=step)
            folder = out / spec.name
            folder.mkdir(exist_ok=True)
            store.write_json(folder / "results.json", results)
            settings = spec.settings_for(options.quick)
            figure = plots.study(spec.panels(results["rows"], settings), spec.about)
            with store.replacing(folder / "figure.png") as temporary:
                figure.savefig(temporary, format="png", dpi=150)
            report_page.print_study(results, console)
            broken += bool(failed(results))
    console.print(f"Results and figures: {out}", soft_wrap=True, highlight=False)
    return 1 if broken else 0


def show_versions() -> int:
    """Print versions, SIMD path and threads."""
    from widelearn import runtime

    runtime.show_versions()
    return 0


def end(number: int, frame: Any) -> NoReturn:
    """Leave in good order on SIGTERM: child processes end, nothing half-written stays."""
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
        0; 1 a method failed; 2 bad usage or input; 130 Ctrl-C.
    """
    top = parser()
    options = top.parse_args(arguments)
    if options.version:
        return show_versions()
    if options.command is None:
        top.error("name a command: compare, predict, list or run")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    if arguments is None and not sys.warnoptions:
        warnings.simplefilter("ignore")  # what a user should know is in the notes
    before = signal.signal(signal.SIGTERM, end)
    try:
        return attempt(options)
    finally:
        signal.signal(signal.SIGTERM, before)


def attempt(options: argparse.Namespace) -> int:
    """Run a command; whatever stops it becomes one line and an exit code."""
    from widelearn.experiments.errors import InputError, first_line

    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except InputError as error:
        return complain(str(error), 2)
    except KeyboardInterrupt:
        return complain("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError as error:
        return complain(f"out of memory: {first_line(error)}", 1)
    except OSError as error:
        return complain(f"{error.strerror or first_line(error)} {error.filename or ''}", 1)
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        return complain(f"a defect, {type(error).__name__}: {first_line(error)} (python -X dev shows where)", 1)
    return code


def complain(message: str, code: int) -> int:
    """Print one line on standard error and return the exit code."""
    print(f"widelearn: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
