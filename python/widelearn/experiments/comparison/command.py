"""The commands ``widelearn compare`` and ``widelearn predict``."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from widelearn import plots
from widelearn.experiments import report_page, store
from widelearn.experiments.comparison import fitted
from widelearn.experiments.comparison.journal import Journal, mark
from widelearn.experiments.comparison.methods import choose
from widelearn.experiments.comparison.runner import compare
from widelearn.experiments.errors import InputError, listing, require
from widelearn.experiments.progress import Progress
from widelearn.experiments.provenance import versions
from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.problem import Problem, Request, build


def run_compare(options: Namespace) -> int:
    """Compare methods, print the table, write the files; return the exit code."""
    if options.file is not None and options.data is not None:
        raise InputError("give FILE or --data, not both")
    if options.resume and options.out is None:
        raise InputError("--resume needs --out: the folder of the run that was stopped")
    methods = choose(options.models)
    names = [method.name for method in methods]
    save = None if options.save is None else store.check_save(options.save, options.force)
    settings = {"seed": options.seed, "threads": options.threads, "keep": save is not None}
    with store.reserve(options.out, options.force or options.resume, "widelearn-compare") as out:
        problem = _problem(options, save)
        journal = Journal(out, mark(problem.arrays, problem.task, names, settings, versions()), options.resume)
        with _resumable(journal, len(names)), Progress(names, options.quiet) as on_step:
            found = compare(problem, methods, **settings, on_step=on_step, journal=journal)
        store.write_json(out / "results.json", found.results)
        rows, title = report_page.ranked(found.results["rows"]), report_page.headline(found.results)
        store.write_figure(out / "compare.png", plots.comparison(rows, title))
        if save is not None and found.best is not None:
            store.write_model(save, found.best)
        journal.clear()
    console = report_page.console()
    report_page.print_comparison(found.results, console)
    console.print(f"Results: {out / 'results.json'}, figure: {out / 'compare.png'}", soft_wrap=True, highlight=False)
    if save is not None and found.best is not None:
        chosen = found.best.about["row"]["model"]
        console.print(f"Saved {chosen} (best held-out score) to {save}", soft_wrap=True, highlight=False)
    return 1 if found.failed else 0


def _problem(options: Namespace, save: Path | None) -> Problem:
    """Read the table and prepare it as the options ask."""
    table = _table(options.file, options.data)
    target = options.target or table.target
    if target is None:
        raise InputError(f"--target is missing: name one of the columns {listing(table.frame.columns, 12)}")
    if save is not None and options.file is not None and save.exists() and save.samefile(options.file):
        raise InputError("--save would replace the table itself")
    asked = ("task", "weight", "group", "time", "test_size", "drop_rare", "seed")
    return build(table, Request(target, **{name: getattr(options, name) for name in asked}))


def _table(file: str | None, data: str | None = None) -> tables.Table:
    """Read the user's file, or a table of scikit-learn."""
    if file is None:
        return tables.builtin(data or "digits")
    if file.lower().endswith((".parquet", ".pq")):
        require("pyarrow")
    return tables.read(file)


@contextmanager
def _resumable(journal: Journal, number: int) -> Iterator[None]:
    """Say how a comparison goes on if it is stopped in the block."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if journal.done:
            out = journal.folder
            kept = f"{len(journal.done)} of {number} methods are kept in {out}"
            print(f"widelearn: {kept}: the same command with --out {out} --resume goes on", file=sys.stderr)
        raise


def run_predict(options: Namespace) -> int:
    """Predict a table's rows with a saved model; return the exit code."""
    import pandas as pd

    out = None if options.out is None else Path(options.out)
    if out is not None and out.exists() and not options.force:
        raise InputError(f"--out {out} exists: add --force to replace it")
    model = fitted.load(options.model)
    if changed := model.changed_versions():
        print(f"widelearn: the model was fitted with {', '.join(changed)}: compare it again if unsure", file=sys.stderr)
    table = _table(options.file)
    prediction = model.predict(table.frame)
    text = pd.DataFrame({model.target.name: prediction}).to_csv(index=False)
    if out is None:
        sys.stdout.write(text)
    else:
        store.write_text(out, text)
    if (scored := model.score(table.frame, prediction)) is not None:
        value, error, rows = scored
        metric = model.about["row"]["metric"]
        print(f"{metric} {value:.4f} ± {error:.4f} on the {rows:,} rows with {model.target.name!r}", file=sys.stderr)
    return 0
