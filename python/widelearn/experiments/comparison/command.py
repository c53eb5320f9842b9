"""The command ``widelearn compare``."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from widelearn.experiments import report_page, store
from widelearn.experiments.comparison import outputs, recipe
from widelearn.experiments.comparison.fitted import check_kept
from widelearn.experiments.comparison.journal import FILE, HELD_OUT, RESULTS, SO_FAR, Journal, mark
from widelearn.experiments.comparison.methods import Method, applicable, choose, known_too, named
from widelearn.experiments.comparison.repeats import check, further
from widelearn.experiments.comparison.rows import metric_of
from widelearn.experiments.comparison.runner import Comparison, Order, compare
from widelearn.experiments.comparison.standings import number
from widelearn.experiments.errors import InputError, complain, listing, require
from widelearn.experiments.progress import Progress
from widelearn.experiments.provenance import versions
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.options import dialect
from widelearn.experiments.tables.problem import Problem, Request, build


def run_compare(options: Namespace) -> int:
    """Compare methods, print the table, write the files; return the exit code."""
    _check(options)
    methods = choose(options.models)
    mine = [named(text) for text in options.model]
    save = None if options.save is None else store.check_save(options.save, options.force or options.resume)
    for method in mine if save is not None else ():
        check_kept(method.name, method.own)
    known = (FILE, SO_FAR, HELD_OUT, *outputs.FILES) if options.resume else None
    with store.reserve(options.out, options.force, "widelearn-compare", known) as out:
        _check_apart(save, out)
        table, request = _asked(options, save)
        problem = build(table, request)
        order = _order(options, problem, save)
        methods = applicable((*methods, *mine), problem.task, options.models is not None)
        journal = Journal(out, _question(options, problem, methods), options.resume)
        if options.resume and not options.force and (results := journal.finished()) is not None:
            return _finished(journal, results, save)
        methods = known_too(methods, journal.done)
        _check_replaced(journal, save, options)
        with _resumable(journal, len(methods)):
            with Progress([method.name for method in methods], options.quiet) as bar:
                repeats = further(table, request, options.repeat)
                found = compare(problem, methods, order, repeats=repeats, on_step=_told(bar, journal), journal=journal)
            found.results |= {"question": journal.question, "kept": journal.marks()}
            again = _again(found, options, request, mine)
            found.results["reproduce"] = {"command": options.line, "python": "\n".join(again) or None}
            try:
                journal.write_held_out()
                outputs.write(found, out, save, journal)
            except OSError:
                outputs.show(found.results)
                raise
    outputs.show(found.results)
    report_page.say(f"Report: {out / outputs.REPORT}; beside it {RESULTS[0]}, {outputs.PREDICTIONS} and figures")
    if save is not None and found.best is not None:
        how = "; fit again by:" if again else ""
        report_page.say(f"Saved {found.best.about['row']['model']} (best cross-validated score) to {save}{how}")
        for line in again:
            report_page.say(line)
    return 1 if found.failed else 0


def _again(found: Comparison, options: Namespace, request: Request, mine: Sequence[Method]) -> list[str]:
    """Return the lines of Python that fit the chosen model again; none for an estimator of the user's own."""
    if found.best is None or found.results["chosen"] in {method.name for method in mine}:
        return []
    balanced, data = options.class_weight is not None, options.data or "digits"
    return recipe.lines(found.best, options.file, request, dialect(options), balanced=balanced, data=data)


def _told(bar: Progress, journal: Journal) -> Callable[[str, float], None]:
    """Return what moves the bar, and says at a method's end what it scored in cross-validation."""

    def step(name: str, fraction: float) -> None:
        row = journal.done[name]["row"] if fraction >= 1.0 and name in journal.done else None
        if row is None:
            bar(name, fraction)
        else:
            score = "no score" if row["cv_score"] is None else number(row["cv_score"])
            bar(name, fraction, score if row["error"] is None else "failed")

    return step


def _check(options: Namespace) -> None:
    """Refuse options that do not fit together."""
    if options.file is not None and options.data is not None:
        raise InputError("give FILE or --data, not both")
    if options.resume and options.out is None:
        raise InputError("--resume needs --out: the folder of the run that was stopped")
    if options.out is not None and not (options.resume or options.force) and (Path(options.out) / FILE).is_file():
        raise InputError(f"--out {options.out} holds a stopped comparison: --resume goes on with it")


def _order(options: Namespace, problem: Problem, save: Path | None) -> Order:
    """Return how the comparison is run."""
    metric_of(options.metric, problem.task)
    if options.class_weight is not None and problem.task == "regression":
        raise InputError("--class-weight is for classes, and this is regression: leave it out")
    asked = {"seed": options.seed, "threads": options.threads, "metric": options.metric}
    asked |= {"class_weight": options.class_weight, "seconds": options.time_limit}
    return Order(**asked, keep=save is not None, look=True)


def _question(options: Namespace, problem: Problem, methods: Sequence[Method]) -> dict[str, Any]:
    """Return what results depend on, as data: only a run of the same takes up a stopped one."""
    table = ("target", "task", "weight", "group", "time", "id", "test_size", "drop_rare")
    run = ("seed", "threads", "metric", "repeat", "class_weight", "time_limit")
    question: dict[str, Any] = {name.replace("_", "-"): getattr(options, name) for name in (*table, *run)}
    models = {method.name: None if method.own is None else repr(method.own) for method in methods}
    question |= {"save": options.save is not None, "models": models, "versions": versions()}
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


def _check_apart(save: Path | None, out: Path) -> None:
    """Refuse a model in the place of the results, before anything is fitted."""
    if save is None:
        return
    if save.resolve() == out.resolve():
        raise InputError(f"--save {save} is the folder of the results: name a file")
    if save.parent.resolve() == out.resolve() and save.name in (FILE, SO_FAR, HELD_OUT, *outputs.FILES):
        raise InputError(f"--save {save} is a file of the results: name another")


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


def _asked(options: Namespace, save: Path | None) -> tuple[tables.Table, Request]:
    """Read the table, and what is asked of it."""
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
    asked = ("task", "weight", "group", "time", "id", "test_size", "drop_rare", "seed")
    request = Request(target, **{name: getattr(options, name) for name in asked})
    check(request, options.repeat)
    return table, request


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
