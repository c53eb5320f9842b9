"""Studies from Python: run one, judge and draw its rows anew."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from widelearn.experiments import store, studies
from widelearn.experiments.comparison import reporting
from widelearn.experiments.errors import InputError, listing
from widelearn.experiments.studies import choices, merging, runner
from widelearn.experiments.studies.folder import StudyFolder
from widelearn.experiments.studies.runner import Order
from widelearn.experiments.studies.spec import Spec
from widelearn.experiments.studies.workers import Processes, Workers


def run(
    study: Spec | str | os.PathLike[str],
    *,
    quick: bool = False,
    seed: int = 0,
    draws: int | None = None,
    settings: Mapping[str, Any] | None = None,
    threads: int | None = None,
    jobs: int = 1,
    dask: str | None = None,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    force: bool = False,
) -> dict[str, Any]:
    """Run a study: simulate every draw of every cell, judge its claims, and perhaps write its folder.

    Rows depend on the study, its settings, the seed and the threads alone, not on who simulates.

    Parameters
    ----------
    study : Spec, str or path
        A specification, a name of ``studies.NAMES``, that of an entry point of the group ``widelearn.studies``, or a
        Python file that ends with a ``SPEC``, which is run.
    quick : bool, default=False
        Smaller sizes and fewer draws, as the study has them.
    seed : int, default=0
        For every draw; 0 or more.
    draws : int or None, default=None
        Number of draws; None is the study's own.
    settings : mapping or None, default=None
        Settings that are changed, each of the kind that stands there.
    threads : int or None, default=None
        Threads of each cell; None is the study's own.
    jobs : int, default=1
        Processes on this machine, at most one a core.
    dask : str or None, default=None
        Address of a Dask scheduler whose workers simulate instead.
    out : path or None, default=None
        Where the study's folder goes; None writes nothing.
    resume : bool, default=False
        Go on with what is in `out`.
    force : bool, default=False
        Let results in `out` be replaced.

    Returns
    -------
    dict
        What was asked ("study", "settings", "seed", "threads", "versions"), "claims", each with "held" and the numbers
        that decided it, and "rows": a dictionary for each place, with "simulation", "se", "values" and "theory".

    Raises
    ------
    ValueError
        There is no such study or setting, it fails, or `out` holds something else: the message says what to change.

    Notes
    -----
    Costs what the draws cost, over `jobs`. Rows are on disk as they come, so that a run that was killed goes on.

    Examples
    --------
    >>> import widelearn as wl
    >>> small = {"n": 40, "gammas": (0.5, 2.0)}
    >>> results = wl.experiments.run("double-descent", draws=12, settings=small)
    >>> row = results["rows"][0]
    >>> row["series"], row["x"], row["draws"]
    ('ridgeless', 0.5, 12)
    """
    if dask is not None and jobs != 1:
        raise ValueError(f"jobs={jobs} and dask={dask!r} exclude each other: leave one out.")
    if resume and out is None:
        raise ValueError("resume=True needs out, the folder of the run that was stopped.")
    spec = study if isinstance(study, Spec) else studies.find(os.fspath(study))
    order = Order.of(spec, quick=quick, seed=seed, seeds=draws, threads=threads)
    order = order.with_settings(choices.replaced(order.settings, settings or {}))
    with _workers(jobs, dask) as workers:
        if out is None:
            return runner.run(order, workers)
        with store.reserve(os.fspath(out), force, "", {spec.name} if resume else None) as place:
            folder = StudyFolder(place / spec.name, order, force)
            kept = folder.finished() if resume else None
            started = time.perf_counter()
            rows = folder.simulate(workers, folder.rows() if resume else {}) if kept is None else folder.rows()
            if kept is not None:
                return runner.judged(order, rows, kept["seconds"])
            return folder.finish(rows, time.perf_counter() - started)


def _workers(jobs: int, dask: str | None) -> Workers:
    if dask is None:
        return Processes(jobs)
    from widelearn.experiments.studies.cluster import Cluster

    return Cluster(dask)


def report(folder: str | os.PathLike[str], *, study: Spec | str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Judge the rows of a study's folder anew, and write its results and figures again; or draw a comparison's again.

    Parameters
    ----------
    folder : path
        The study's own folder, or that of a run of one study; or one that ``widelearn compare`` wrote.
    study : Spec, path or None, default=None
        Needed where the study is your own: files that a folder names are never run.

    Returns
    -------
    dict
        As `run` returns it, "versions" are those that the rows were made with. Of a comparison, its results.json.

    Raises
    ------
    ValueError
        There are no rows, or some are missing or damaged: the message says which.

    Notes
    -----
    Costs no simulation. Nothing is written unless all rows are there.

    Examples
    --------
    >>> import tempfile
    >>> import widelearn as wl
    >>> small = {"n": 40, "gammas": (0.5, 2.0)}
    >>> with tempfile.TemporaryDirectory() as out:
    ...     first = wl.experiments.run("double-descent", draws=12, settings=small, out=out)
    ...     again = wl.experiments.report(out)
    >>> again["claims"] == first["claims"]
    True
    """
    if (results := reporting.redrawn(Path(folder))) is not None:
        return results
    found = merging.parts([Path(folder)])
    if len(found) > 1:
        raise InputError(f"{folder} holds {len(found)} studies, {listing(found)}: name the folder of one")
    (some,) = found.values()
    order, rows = merging.whole(some, study)
    with store.claimed(some[0].path):
        return StudyFolder(some[0].path, order).finish(rows, 0.0)
