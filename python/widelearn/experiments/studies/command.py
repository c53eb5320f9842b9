"""The commands ``widelearn list`` and ``widelearn run``."""

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from widelearn import plots
from widelearn.experiments import report_page, store, studies
from widelearn.experiments.errors import InputError, complain, listing
from widelearn.experiments.progress import Progress
from widelearn.experiments.studies.runner import failed, is_sound, question, run
from widelearn.experiments.studies.spec import Spec

FIGURE, RESULTS = "figure.png", "results.json"


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
    specs = studies.choose(options.name)
    console = report_page.console()
    broken = False
    with store.reserve(options.out, options.force, "widelearn-run", studies.NAMES if options.resume else None) as out:
        kept = {spec.name: _kept(out / spec.name, spec, options) for spec in specs} if options.resume else {}
        if options.force and (there := _replaced(out, [spec for spec in specs if kept.get(spec.name) is None])):
            report_page.say(f"Replaced as each study ends: {listing(there)}")
        done = [name for name, results in kept.items() if results is not None]
        with _resumable(out, done, len(specs)):
            for spec in specs:
                results = kept.get(spec.name) or _finish(spec, out / spec.name, options)
                done.append(spec.name)
                report_page.print_study(results, console)
                broken = broken or bool(failed(results))
    report_page.say(f"Results and figures: {out}")
    return 1 if broken else 0


def _finish(spec: Spec, folder: Path, options: Namespace) -> dict[str, Any]:
    """Run a study and write its files, the results last: where they are, the figure is."""
    with Progress([spec.name], options.quiet) as on_step:
        results = run(spec, quick=options.quick, seed=options.seed, on_step=partial(on_step, spec.name))
    folder.mkdir(exist_ok=True)
    panels = spec.panels(results["rows"], spec.settings_for(options.quick))
    store.write_figure(folder / FIGURE, plots.study(panels, spec.about))
    store.write_json(folder / RESULTS, results)
    return results


def _kept(folder: Path, spec: Spec, options: Namespace) -> dict[str, Any] | None:
    """Return the results of a study that an earlier run finished; those of another question are refused."""
    is_folder = folder.is_dir() and not folder.is_symlink()
    there = store.listed(folder) if is_folder else []
    others = [name for name in there if name not in (FIGURE, RESULTS)]
    if not options.force and (others or (os.path.lexists(folder) and not is_folder)):
        what = f"holds {listing(others)}" if is_folder else "is no folder of a study"
        raise InputError(f"{folder} {what}: name another --out, or add --force")
    if RESULTS not in there:
        return None
    path = folder / RESULTS
    results = store.read_json(path)
    other = store.differences(results, question(spec, options.quick, options.seed))
    if not other and is_sound(results):
        return results
    if not options.force:
        raise InputError(f"{path} is damaged or of other settings: repeat those, or add --force; different: {other}")
    return None


def _replaced(out: Path, specs: list[Spec]) -> list[str]:
    """Name the files that the studies will take the place of."""
    places = [out / spec.name / name for spec in specs for name in (FIGURE, RESULTS)]
    return [str(path) for path in places if path.exists()]


@contextmanager
def _resumable(out: Path, done: list[str], number: int) -> Iterator[None]:
    """Say how a run goes on if it is stopped in the block."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if done:
            kept = f"{len(done)} of {number} studies are kept in {out}"
            complain(f"{kept}: the same command with --out {out} --resume goes on")
        raise
