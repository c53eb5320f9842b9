"""The command ``widelearn compare``."""

from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from widelearn.experiments import report_page, store
from widelearn.experiments.comparison import outputs, recipe
from widelearn.experiments.comparison.journal import FILE, RESULTS, Journal, mark
from widelearn.experiments.comparison.methods import choose
from widelearn.experiments.comparison.runner import compare
from widelearn.experiments.errors import InputError, complain, listing, require
from widelearn.experiments.progress import Progress
from widelearn.experiments.provenance import versions
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.options import dialect
from widelearn.experiments.tables.problem import Problem, Request, build


def run_compare(options: Namespace) -> int:
    """Compare methods, print the table, write the files; return the exit code."""
    if options.file is not None and options.data is not None:
        raise InputError("give FILE or --data, not both")
    if options.resume and options.out is None:
        raise InputError("--resume needs --out: the folder of the run that was stopped")
    methods = choose(options.models)
    save = None if options.save is None else store.check_save(options.save, options.force or options.resume)
    known = (FILE, *outputs.FILES) if options.resume else None
    with store.reserve(options.out, options.force, "widelearn-compare", known) as out:
        problem = _problem(options, save)
        journal = Journal(out, _question(options, problem, [method.name for method in methods]), options.resume)
        if options.resume and not options.force and (results := journal.finished()) is not None:
            return _finished(journal, results, save)
        _check_replaced(journal, save, options)
        settings = {"seed": options.seed, "threads": options.threads, "keep": save is not None}
        names = [method.name for method in methods]
        with _resumable(journal, len(names)):
            with Progress(names, options.quiet) as on_step:
                found = compare(problem, methods, **settings, on_step=on_step, journal=journal)
            found.results["question"] = journal.question
            try:
                outputs.write(found, out, save, journal)
            except OSError:
                outputs.show(found.results)
                raise
    outputs.show(found.results)
    report_page.say(f"Results: {out / 'results.json'}, figure: {out / 'compare.png'}")
    if save is not None and found.best is not None:
        report_page.say(f"Saved {found.best.about['row']['model']} (best held-out score) to {save}; fit again by:")
        for line in recipe.lines(found.best, options.file, _request(options, problem.target.name), dialect(options)):
            report_page.say(line)
    return 1 if found.failed else 0


def _question(options: Namespace, problem: Problem, names: list[str]) -> dict[str, Any]:
    """Return what results depend on, as data: only a run of the same takes up a stopped one."""
    asked = ("target", "task", "weight", "group", "time", "test_size", "drop_rare", "seed", "threads")
    question: dict[str, Any] = {name.replace("_", "-"): getattr(options, name) for name in asked}
    question |= {"save": options.save is not None, "models": names, "versions": versions()}
    question["reading"] = dialect(options).to_dict()
    return question | {"the values of the table": mark(problem.arrays, problem.task)}


def _finished(journal: Journal, results: dict[str, Any], save: Path | None) -> int:
    """Say that there is nothing to do; return the exit code."""
    rows = results.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{journal.folder / RESULTS[0]} is damaged: name another --out, or start anew by --force")
    if save is not None and not save.exists():
        raise InputError(f"{journal.folder} holds this comparison, finished, but {save} is not there: add --force")
    journal.clear()
    where = journal.folder / RESULTS[0]
    complain(f"{where} is of this comparison, which is finished: nothing is run (--force runs it again)")
    return 1 if any(row.get("error") is not None for row in rows) else 0


def _check_replaced(journal: Journal, save: Path | None, options: Namespace) -> None:
    """Say what --force replaces at the end; without it, only a model that the stopped run wrote is replaced."""
    if options.force:
        there = [str(journal.folder / name) for name in (FILE, *outputs.FILES) if (journal.folder / name).exists()]
        there += [] if save is None or not save.exists() else [str(save)]
        if there:
            report_page.say(f"Replaced at the end: {', '.join(there)}")
    elif (others := set(outputs.FILES) & set(store.listed(journal.folder))) and not journal.done:
        holds = listing(sorted(others), 2)
        raise InputError(f"--out {journal.folder} holds {holds} of another run: add --force to replace it")
    elif save is not None and save.exists() and store.digest(save) != journal.saved:
        raise InputError(f"--save {save} exists: add --force to replace it")


def _problem(options: Namespace, save: Path | None) -> Problem:
    """Read the table and prepare it as the options ask."""
    table = _table(options.file, options.data, dialect(options))
    target = options.target or table.target
    if target is None:
        raise InputError(f"--target is missing: name one of the columns {listing(table.frame.columns, 12)}")
    if (
        save is not None
        and options.file is not None
        and save.exists()
        and Path(options.file).exists()
        and save.samefile(options.file)
    ):
        raise InputError("--save would replace the table itself")
    return build(table, _request(options, target))


def _request(options: Namespace, target: str) -> Request:
    """Return what is asked of the table."""
    asked = ("task", "weight", "group", "time", "test_size", "drop_rare", "seed")
    return Request(target, **{name: getattr(options, name) for name in asked})


def _table(file: str | None, data: str | None = None, asked: Dialect | None = None) -> tables.Table:
    """Read the user's file, or a table of scikit-learn."""
    if file is None:
        table = tables.builtin(data or "digits")
        table.dialect = asked or table.dialect
        return table
    if file.lower().endswith((".parquet", ".pq")):
        require("pyarrow")
    return tables.read(file, asked)


@contextmanager
def _resumable(journal: Journal, number: int) -> Iterator[None]:
    """Say how a comparison goes on if it is stopped in the block."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if journal.done:
            out = journal.folder
            kept = f"{len(journal.done)} of {number} methods are kept in {out}"
            complain(f"{kept}: the same command with --out {out} --resume goes on")
        raise
