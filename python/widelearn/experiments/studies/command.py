"""The commands ``widelearn list`` and ``widelearn run``."""

import os
from argparse import Namespace
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from widelearn import plots
from widelearn.experiments import report_page, store, studies
from widelearn.experiments.errors import InputError, complain, first_line, listing, nearest
from widelearn.experiments.progress import Progress
from widelearn.experiments.studies import choices, ledger
from widelearn.experiments.studies.rows import stored
from widelearn.experiments.studies.runner import Order, failed, is_sound, run, written
from widelearn.experiments.studies.workers import Workers

ROWS, RESULTS, FIGURES, TABLE = "rows.jsonl", "results.json", ("figure.png", "figure.svg"), "figure.csv"
FILES = (ROWS, RESULTS, *FIGURES, TABLE)
# What a study raises of settings that do not fit together, and of rows that are not its own.
FAILURES = ArithmeticError, LookupError, TypeError, ValueError


def run_list(options: Namespace) -> int:
    """Print the studies; return the exit code."""
    specs = studies.choose("all")
    width = max(len(spec.name) for spec in specs)
    for spec in specs:
        print(f"{spec.name:<{width}}  {spec.about}")
    return 0


def run_study(options: Namespace) -> int:
    """Run studies, print their claims, write the files as each ends; return the exit code."""
    if options.resume and options.out is None:
        raise InputError("--resume needs --out: the folder of the run that was stopped")
    orders = _orders(options)
    console = report_page.console()
    broken = False
    names = studies.NAMES if options.resume else None
    with store.reserve(options.out, options.force, "widelearn-run", names) as out, Workers(options.jobs) as workers:
        kept = {one.spec.name: _kept(out / one.spec.name, one, options) for one in orders} if options.resume else {}
        if options.force and (there := _replaced(out, [one for one in orders if not kept.get(one.spec.name)])):
            report_page.say(f"Replaced study by study: {listing(there)}")
        done = [name for name, results in kept.items() if results is not None]
        with _resumable(out, done, [order.spec.name for order in orders]):
            for order in orders:
                name = order.spec.name
                results = kept.get(name) or _finish(order, out / name, workers, options)
                done.append(name)
                report_page.print_study(results, console)
                broken = broken or bool(failed(results))
    report_page.say(f"Results and figures: {out}")
    return 1 if broken else 0


def _orders(options: Namespace) -> list[Order]:
    """Return the studies with what the user changed; a key that none of them has is refused."""
    specs, changes = studies.choose(options.name), choices.pairs(options.set)
    known = {key: None for spec in specs for key in spec.settings}
    for key in changes:
        if key not in known:
            raise InputError(f"no study here has a setting {key!r}: {nearest(key, list(known))}")
    asked = {"quick": options.quick, "seed": options.seed, "seeds": options.seeds}
    own = [{key: text for key, text in changes.items() if key in spec.settings} for spec in specs]
    orders = [Order.of(spec, **asked, changes=one) for spec, one in zip(specs, own, strict=True)]
    for order, changed in zip(orders, own, strict=True):
        if changed:
            _check_figure(order)
    return orders


def _check_figure(order: Order) -> None:
    """Refuse settings that a figure cannot be drawn for, before anything is simulated."""
    try:
        order.spec.panels([], order.settings)
    except FAILURES as error:
        try:
            order.spec.panels([], order.spec.settings_for(order.quick))
        except FAILURES:
            # A figure that begins with its rows says nothing before there are any.
            return
        raise InputError(_failure(order, error, None, order.settings)) from error


def _failure(order: Order, error: Exception, rows: Path | None, changed: Collection[str]) -> str:
    """Say what a study fails by: settings that were changed, or rows that were kept."""
    reasons = ["its settings do not fit together"] if changed else []
    reasons += [] if rows is None else [f"{rows} is damaged"]
    return f"{order.spec.name} fails, {', or '.join(reasons)}: {type(error).__name__}: {first_line(error)}"


def _finish(order: Order, folder: Path, workers: Workers, options: Namespace) -> dict[str, Any]:
    """Run a study and write its files, the results last: where they are, the others are."""
    name = order.spec.name
    folder.mkdir(exist_ok=True)
    kept = _rows_of(folder, order, options.force) if options.resume else {}
    resumed = bool(kept)
    try:
        with ledger.Ledger(folder / ROWS, order.rows_question(), kept) as rows, Progress([name], options.quiet) as bar:
            results = run(order, workers, rows.kept, rows.add, partial(bar, name))
        panels = order.spec.panels(results["rows"], order.settings)
    except FAILURES as error:
        # What fails before all draws are simulated, which `kept` takes in, has not looked at those of the file.
        judged = resumed and all(unit in kept for unit in order.spec.units(order.settings))
        if not (judged or options.set):
            raise
        raise InputError(_failure(order, error, folder / ROWS if judged else None, options.set)) from error
    ledger.write(folder / ROWS, order.rows_question(), rows.kept)
    figure = plots.study(panels, order.spec.about)
    for one in FIGURES:
        store.write_figure(folder / one, figure)
    drawn = [row | {"panel": index + 1} for index, one in enumerate(panels) for row in stored(one["rows"])]
    store.write_csv(folder / TABLE, drawn)
    store.write_json(folder / RESULTS, written(results))
    return results


def _kept(folder: Path, order: Order, options: Namespace) -> dict[str, Any] | None:
    """Return the results of a study that an earlier run finished; those of another question are refused."""
    is_folder = folder.is_dir() and not folder.is_symlink()
    there = store.listed(folder) if is_folder else []
    others = [name for name in there if name not in FILES]
    if not options.force and (others or (os.path.lexists(folder) and not is_folder)):
        what = f"holds {listing(others)}" if is_folder else "is no folder of a study"
        raise InputError(f"{folder} {what}: name another --out, or add --force")
    _rows_of(folder, order, options.force)
    if RESULTS not in there:
        return None
    path = folder / RESULTS
    results = store.read_json(path)
    other = store.differences(results, order.question())
    if not other and is_sound(results):
        return results
    if not options.force and not (is_sound(results) and _of_fewer_draws(results, order)):
        raise InputError(f"{path} is damaged or of other settings: repeat those, or add --force; different: {other}")
    return None


def _of_fewer_draws(results: dict[str, Any], order: Order) -> bool:
    """Whether results differ by fewer draws alone: those of more draws, which take them in, may replace them."""
    there, asked = results.get("settings"), order.question()
    settings, draws = there if isinstance(there, dict) else {}, asked["settings"]["draws"]
    found = settings.get("draws")
    is_less = isinstance(found, int) and found < draws
    return is_less and not store.differences(results | {"settings": settings | {"draws": draws}}, asked)


def _rows_of(folder: Path, order: Order, force: bool) -> ledger.Kept:
    """Return the rows that an earlier run simulated; those of another question are refused, or with `force` left."""
    path = folder / ROWS
    if not os.path.lexists(path):
        return {}
    try:
        question, rows = ledger.load(path)
    except InputError:
        if force:
            return {}
        raise
    other = store.differences(question, order.rows_question())
    if other and not force:
        raise InputError(f"{path} is of other settings: repeat those, or add --force; different: {other}")
    return {} if other else rows


def _replaced(out: Path, orders: list[Order]) -> list[str]:
    """Name the files that the studies will take the place of."""
    places = [out / order.spec.name / name for order in orders for name in FILES]
    return [str(path) for path in places if path.exists()]


@contextmanager
def _resumable(out: Path, done: list[str], names: list[str]) -> Iterator[None]:
    """Say how a run goes on if it is stopped in the block."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if any((out / name / ROWS).exists() for name in names):
            kept = f"{len(done)} of {len(names)} studies, and the rows of one begun, are kept in {out}"
            complain(f"{kept}: the same command with --out {out} --resume goes on")
        raise
