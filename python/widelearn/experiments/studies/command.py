"""The commands ``widelearn list``, ``run``, ``merge`` and the studies' part of ``report``."""

import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from widelearn.experiments import report_page, store, studies
from widelearn.experiments.comparison import outputs, reporting
from widelearn.experiments.errors import InputError, complain, listing, nearest, require, visible
from widelearn.experiments.progress import Progress
from widelearn.experiments.studies import choices, merging, sources
from widelearn.experiments.studies.folder import FILES, ROWS, StudyFolder
from widelearn.experiments.studies.ledger import Kept
from widelearn.experiments.studies.runner import Order, failed
from widelearn.experiments.studies.workers import Processes, Workers


def run_list(options: Namespace) -> int:
    """Print the studies, and which ones installed packages offer; return the exit code."""
    specs = studies.choose("all")
    more = {name: sources.package_of(point) for name, point in sources.offered().items()}
    width = max(map(len, [*(spec.name for spec in specs), *more]))
    for name, about in [*((spec.name, spec.about) for spec in specs), *more.items()]:
        print(f"{visible(name):<{width}}  {visible(about)}")
    return 0


def run_study(options: Namespace) -> int:
    """Run studies, print their claims, write the files as each ends; return the exit code."""
    if options.resume and options.out is None:
        raise InputError("--resume needs --out: the folder of the run that was stopped")
    orders = _orders(options)
    console = report_page.console()
    broken = False
    names = [order.spec.name for order in orders]
    known = {*studies.NAMES, *names} if options.resume else None
    default = "widelearn-run" if options.shard is None else f"widelearn-run-{str(options.shard).replace('/', '-of-')}"
    with store.reserve(options.out, options.force, default, known) as out, _workers(options) as workers:
        folders = {order.spec.name: _folder(order, out, options) for order in orders}
        kept = {name: folder.finished() for name, folder in folders.items()} if options.resume else {}
        if options.force and (there := _replaced(out, [name for name in names if not kept.get(name)])):
            report_page.say(f"Replaced study by study: {listing(there)}")
        done = [name for name, results in kept.items() if results is not None]
        with _resumable(out, done, names):
            for name, folder in folders.items():
                results = kept.get(name) or _run(folder, workers, options)
                done.append(name)
                if options.shard is None or kept.get(name):
                    report_page.print_study(results, console)
                    broken = broken or bool(failed(results))
    if options.shard is None:
        report_page.say(f"Results and figures: {out}")
    else:
        report_page.say(f"Rows of shard {options.shard}: {out}; `widelearn merge` judges those of all shards")
    return 1 if broken else 0


def _workers(options: Namespace) -> Workers:
    """Return who simulates."""
    if options.dask is None:
        return Processes(options.jobs)
    require("dask", "distributed", extra="distributed")
    from widelearn.experiments.studies.cluster import Cluster

    return Cluster(options.dask)


def _orders(options: Namespace) -> list[Order]:
    """Return the studies with what the user changed; a key that none of them has is refused."""
    specs, changes = studies.choose(options.name), choices.pairs(options.set)
    known = {key: None for spec in specs for key in spec.settings}
    for key in changes:
        if key not in known:
            raise InputError(f"no study here has a setting {key!r}: {nearest(key, list(known))}")
    asked = {"quick": options.quick, "seed": options.seed, "seeds": options.seeds, "threads": options.threads}
    own = [{key: text for key, text in changes.items() if key in spec.settings} for spec in specs]
    orders = [Order.of(spec, **asked, changes=one) for spec, one in zip(specs, own, strict=True)]
    for order, changed in zip(orders, own, strict=True):
        if changed:
            _folder(order, Path(), options).check_figure()
    return orders


def _folder(order: Order, out: Path, options: Namespace) -> StudyFolder:
    file = Path(options.name) if sources.is_file(options.name) else None
    return StudyFolder(out / order.spec.name, order, options.force, options.set, file)


def _run(folder: StudyFolder, workers: Workers, options: Namespace) -> dict[str, Any]:
    """Simulate a study, or a shard of it, and write its files."""
    order, name = folder.order, folder.order.spec.name
    started = time.perf_counter()
    kept = folder.rows() if options.resume else {}
    # What fails before all draws are simulated has not looked at those of the file.
    read = False
    try:
        order.spec.judges(order.settings)
        with Progress([name], options.quiet) as bar:
            rows = folder.simulate(workers, kept, partial(bar, name), options.shard)
        if options.shard is not None:
            return {}
        read = bool(kept)
        return folder.finish(rows, time.perf_counter() - started)
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:
        if not folder.is_blamed(error, read):
            raise
        raise folder.failure(error, read) from error


def run_merge(options: Namespace) -> int:
    """Put shards of studies together, judge and draw the whole; return the exit code."""
    parts = merging.parts([Path(one) for one in options.folders])
    wholes = [merging.whole(some, options.study) for some in parts.values()]
    console = report_page.console()
    broken = False
    with store.reserve(options.out, options.force, "widelearn-merged") as out:
        for order, rows in wholes:
            results = _finish(StudyFolder(out / order.spec.name, order), rows, options.study)
            report_page.print_study(results, console)
            broken = broken or bool(failed(results))
    report_page.say(f"Results and figures: {out}")
    return 1 if broken else 0


def run_report(options: Namespace) -> int:
    """Judge and draw studies anew from the rows in a folder, or draw a comparison anew; return the exit code."""
    folder = Path(options.folder)
    if (results := reporting.redrawn(folder)) is not None:
        outputs.show(results)
        report_page.say(f"Report: {folder / outputs.REPORT}")
        return 0
    console = report_page.console()
    broken = False
    for some in merging.parts([folder]).values():
        order, rows = merging.whole(some, options.study)
        with store.claimed(some[0].path):
            results = _finish(StudyFolder(some[0].path, order), rows, options.study)
        report_page.print_study(results, console)
        broken = broken or bool(failed(results))
    return 1 if broken else 0


def _finish(folder: StudyFolder, rows: Kept, file: str | None) -> dict[str, Any]:
    try:
        return folder.finish(rows, 0.0)
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:
        raise replace(folder, file=None if file is None else Path(file)).failure(error, True) from error


def _replaced(out: Path, names: list[str]) -> list[str]:
    """Name the files that the studies will take the place of."""
    places = [out / name / file for name in names for file in FILES]
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
