"""Compare methods on one problem: each is tuned, fitted and measured in a process of its own, then scored here."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from widelearn.experiments import scratch, store
from widelearn.experiments.comparison import process
from widelearn.experiments.comparison.fitted import FittedModel
from widelearn.experiments.comparison.journal import Journal
from widelearn.experiments.comparison.methods import Method, choose
from widelearn.experiments.comparison.scores import METRICS, score, standard_error
from widelearn.experiments.errors import InputError
from widelearn.experiments.provenance import machine, versions
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.problem import Problem
from widelearn.runtime.whole_files import replacing

SCHEMA = "widelearn-compare/1"
Row = dict[str, Any]


@dataclass
class Comparison:
    """What results.json holds, and the model with the best held-out score if models were to be kept."""

    results: dict[str, Any]
    best: FittedModel | None = None

    @property
    def failed(self) -> bool:
        """Whether a method failed."""
        return any(row["error"] is not None for row in self.results["rows"])


def compare(
    problem: Problem,
    methods: Sequence[Method],
    *,
    seed: int = 0,
    threads: int | None = None,
    keep: bool = False,
    on_step: Callable[[str, float], None] | None = None,
    journal: Journal | None = None,
) -> Comparison:
    """Tune, fit and score methods, one after the other; the same seed gives the same scores.

    `threads` of None leaves the choice to each library, `keep` returns the best model, `on_step` hears the share done.
    Methods that the journal holds already are not run again; if one of them is the best, its model is fitted anew.
    """
    hear = on_step or (lambda name, fraction: None)
    rows: list[Row] = []
    notes = list(problem.data["notes"])
    best: FittedModel | None = None
    lead: Row | None = None
    with scratch.folder() as folder:
        with replacing(folder / "problem.npz") as stream:
            np.savez(stream, **problem.arrays)  # type: ignore[arg-type]
        for method in methods:
            known = None if journal is None else journal.done.get(method.name)
            if known is not None:
                row, warned = known["row"], known["warnings"]
            else:
                job = {"model": method.name, "task": problem.task, "seed": seed, "keep": keep}
                outcome = process.run(folder, job, _step_of(method, hear), threads)
                row, warned = _row(problem, method, outcome, folder), _warned(problem, method, outcome)
                if journal is not None:
                    journal.add(method.name, row, warned)
            if keep and _wins(row, lead):
                lead = row
                best = None if known is not None else _fitted(problem, row, folder)
            rows.append(row)
            notes += warned
            hear(method.name, 1.0)
        if lead is not None and best is None:
            best, more = _again(problem, lead, seed, threads, folder)
            notes += more
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "task": problem.task,
        "data": problem.data | {"notes": notes + _samples(problem, rows)},
        "seed": seed,
        "split": problem.split,
        "versions": versions(),
        "machine": machine() | {"threads": threads},
        "rows": rows,
    }
    return Comparison(results, best)


def _step_of(method: Method, hear: Callable[[str, float], None]) -> Callable[[float], None]:
    return lambda fraction: hear(method.name, min(fraction, 0.99))


def _wins(row: Row, lead: Row | None) -> bool:
    """Whether a row's score is above the best so far; 0.0 is a score like any other."""
    return row["score"] is not None and (lead is None or row["score"] > lead["score"])


def _again(problem: Problem, row: Row, seed: int, threads: int | None, folder: Path) -> tuple[FittedModel, list[str]]:
    """Fit the model of a row that an earlier run found, from the data and its parameters; note another score."""
    method = choose(row["model"])[0]
    job = {"model": method.name, "task": problem.task, "seed": seed, "keep": True, "params": row["params"]}
    outcome = process.run(folder, job, threads=threads)
    found = _row(problem, method, outcome, folder)
    if found["error"] is not None:
        raise InputError(f"{method.name}, the best of the stopped run, cannot be fitted again: {found['error']}")
    same = math.isclose(found["score"] or 0.0, row["score"], rel_tol=1e-9, abs_tol=1e-12)
    fresh = row | {key: found[key] for key in ("score", "score_se")}
    note = f"{method.name}, fitted again for --save, scores {found['score']}, not {row['score']} as in the stopped run"
    return _fitted(problem, row if same else fresh, folder), [] if same else [note]


def _warned(problem: Problem, method: Method, outcome: dict[str, Any]) -> list[str]:
    """Note what a method's fit warned of, and weights that it does not take."""
    ignored = "w_train" in problem.arrays and not method.weighted
    notes = [f"fitted without weights, which count in its score alone: {method.name}"] if ignored else []
    return notes + [f"{method.name} warned: {text}" for text in outcome.get("warnings", [])]


def _samples(problem: Problem, rows: list[Row]) -> list[str]:
    """Note which methods saw only a part of the training rows."""
    n_train, n_tune = problem.split["n_train"], problem.split["n_tune"]
    fewer = [f"{row['model']} ({row['n_used']:,})" for row in rows if (row["n_used"] or n_train) < n_train]
    notes = [f"fitted on a seeded sample of the {n_train:,} training rows: {', '.join(fewer)}"] if fewer else []
    if n_tune < n_train:
        notes.append(f"tuned on a seeded sample of {n_tune:,} training rows: every method")
    return notes


def _row(problem: Problem, method: Method, outcome: dict[str, Any], folder: Path) -> Row:
    """Make a method's row of results.json; the held-out targets meet the predictions only here."""
    row: Row = {"model": method.name, "package": method.package, "score": None, "score_se": None}
    row |= {"metric": METRICS[problem.task]}
    measured = ("fit_s", "predict_s", "peak_bytes", "params", "n_used", "tune_s", "tune_score")
    row |= {key: outcome.get(key) for key in measured} | {"error": outcome.get("error")}
    if row["error"] is not None:
        return row
    arrays = problem.arrays
    prediction = np.load(folder / "prediction.npy", allow_pickle=False)
    if not np.isfinite(prediction).all():
        row["error"] = f"{int((~np.isfinite(prediction)).sum())} of {len(prediction)} predictions are not finite"
        return row
    truth, weight, group = arrays["y_test"], arrays.get("w_test"), arrays.get("group_test")
    row["score"] = store.number(score(problem.task, truth, prediction, weight))
    row["score_se"] = store.number(standard_error(problem.task, truth, prediction, weight, group))
    return row


def _fitted(problem: Problem, row: Row, folder: Path) -> FittedModel:
    """Join the fitted model that a method's process left with the preparation."""
    import joblib

    model, scale = joblib.load(folder / "model.joblib")
    about = {"row": row, "versions": versions(), "data": problem.data["name"], "n_train": problem.split["n_train"]}
    dialect = Dialect.from_dict(problem.data["reading"])
    return FittedModel(problem.preparation, model, scale, problem.classes, problem.target, about, dialect=dialect)
