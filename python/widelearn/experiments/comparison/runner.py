"""Compare methods on one problem: each is tuned, fitted and measured in a process of its own, then scored here."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments import scratch
from widelearn.experiments.comparison import process
from widelearn.experiments.comparison.fitted import FittedModel
from widelearn.experiments.comparison.inspection import inspect
from widelearn.experiments.comparison.journal import Journal
from widelearn.experiments.comparison.methods import DUMMY, Method
from widelearn.experiments.comparison.rows import HeldOut, Kept, Row, compared, leader, measured, metric_of
from widelearn.experiments.comparison.scores import Metric, Output
from widelearn.experiments.errors import InputError
from widelearn.experiments.forecasts.answers import more_rows
from widelearn.experiments.provenance import machine, versions
from widelearn.experiments.tables.dialect import Dialect
from widelearn.experiments.tables.problem import Problem
from widelearn.runtime.whole_files import replacing

SCHEMA = "widelearn-compare/2"


@dataclass(frozen=True)
class Order:
    """How a comparison is run, beside its problem.

    `threads` of None leaves the choice to each library; `seconds` are shared equally by the methods that run; `keep`
    returns the chosen model, and `look` looks into it.
    """

    seed: int = 0
    threads: int | None = None
    metric: str | None = None
    class_weight: str | None = None
    seconds: float | None = None
    keep: bool = False
    look: bool = False


@dataclass
class Comparison:
    """What results.json holds, the chosen model if models were to be kept, and what it says of the held-out rows."""

    results: dict[str, Any]
    best: FittedModel | None = None
    held_out: dict[str, Any] | None = None

    @property
    def failed(self) -> bool:
        """Whether a method failed."""
        return any(row["error"] is not None for row in self.results["rows"])


@dataclass
class _Run:
    """One comparison while it runs."""

    problem: Problem
    order: Order
    metric: Metric
    folder: Path
    worker: process.Worker
    sides: list[HeldOut] = field(default_factory=list)
    lead: Row | None = None
    best: FittedModel | None = None
    # The fitted recursive machine, whose metric is shown beside whatever is chosen.
    recursive: FittedModel | None = None

    def add_split(self, problem: Problem, seed: int) -> None:
        """Keep a split's arrays for the methods' processes."""
        categorical = {"categorical": problem.categorical} if hasattr(problem, "categorical") else {}
        with replacing(self.folder / f"problem{len(self.sides)}.npz") as stream:
            np.savez(stream, **problem.arrays, **categorical)  # type: ignore[arg-type]
        self.sides.append(HeldOut.of(problem, seed))

    def job(self, method: Method, split: int) -> dict[str, Any]:
        """Return what a method's process is asked for."""
        problem, order = self.problem, self.order
        classes = 0 if problem.classes is None else len(problem.classes)
        job: dict[str, Any] = {"model": method.name, "own": method.own is not None, "problem": f"problem{split}.npz"}
        job |= {"task": problem.task, "classes": classes, "metric": self.metric.name, "seed": self.sides[split].seed}
        job |= {"class_weight": order.class_weight, "threads": order.threads}
        job["independent"] = problem.split["kind"] in {"stratified", "random"}
        job["keep"] = (order.keep or order.look) and not split
        return job | {"beat": None if self.lead is None else self.lead["cv_score"]}

    def measure(
        self, method: Method, seconds: float | None, hear: Callable[[float], None]
    ) -> tuple[Row, Kept | None, list[str]]:
        """Run a method on every split; return its row, what it said, and what its fits warned of."""
        outcomes: list[dict[str, Any]] = []
        said: list[Output] = []
        number = len(self.sides)
        failure = self._pack(method)
        for split in range(number):
            if failure is not None:
                outcomes.append({"error": failure})
                break
            share = None if seconds is None else seconds / number
            job = self.job(method, split) | ({} if share is None else {"seconds": share})
            step = _part_of(hear, split, number)
            outcomes.append(self.worker.run(self.folder, job, step, share))
            if outcomes[-1].get("error") is not None:
                break
            said.append(self._said())
            if not split and job["keep"]:
                self._keep(method, outcomes[0])
        row, kept = measured(method, self.metric, self.sides[: len(outcomes)], outcomes, said)
        warned = sorted({text for outcome in outcomes for text in outcome.get("warnings", [])})
        return row, kept, [f"{method.name} warned: {text}" for text in warned]

    def _pack(self, method: Method) -> str | None:
        """Hand the user's own estimator to the process; return why it cannot be, if so."""
        if method.own is None:
            return None
        try:
            content = _cloudpickle().dumps(method.own)
        except Exception as error:  # noqa: BLE001 - whatever the user's object raises becomes the row's error
            return f"the estimator cannot be handed to another process: {type(error).__name__}: {error}"[:300]
        (self.folder / "estimator.pickle").write_bytes(content)
        return None

    def _said(self) -> Output:
        with np.load(self.folder / "prediction.npz", allow_pickle=False) as found:
            return Output(*(found.get(name) for name in ("prediction", "probability", "scores")))

    def _keep(self, method: Method, outcome: dict[str, Any]) -> None:
        """Read the model that a process left, for now."""
        if (self.folder / "model.joblib").exists():
            model = self.fitted({"model": method.name} | outcome)
            (self.folder / "model.joblib").unlink()
            self.recursive = model if method.name == "recursive" else self.recursive
            self.latest = model

    latest: FittedModel | None = None

    def fitted(self, row: Row) -> FittedModel:
        """Join the fitted model that a method's process left with the preparation."""
        import joblib

        model, scale, native = joblib.load(self.folder / "model.joblib")
        problem = self.problem
        about = {"row": row, "versions": versions(), "data": problem.data["name"], "n_train": problem.split["n_train"]}
        dialect = Dialect.from_dict(problem.data["reading"])
        return FittedModel(
            problem.preparation, model, scale, problem.classes, problem.target, about, native, dialect=dialect
        )

    def consider(self, row: Row) -> None:
        """Take the lead from the best so far if the row is better."""
        better = leader([*([] if self.lead is None else [self.lead]), row], self.metric)
        if better is row and better is not self.lead:
            self.lead, self.best = row, self.latest
            if self.best is not None:
                self.best.about["row"] = row
        self.latest = None

    def again(self, method: Method) -> list[str]:
        """Fit the leading model of an earlier run, from the data and its parameters; note another score."""
        row = self.lead or {}
        job = self.job(method, 0) | {"keep": True, "params": row["params"], "beat": None}
        failure = self._pack(method)
        outcome = {"error": failure} if failure is not None else self.worker.run(self.folder, job)
        if outcome.get("error") is not None:
            raise InputError(f"{method.name}, the best of the stopped run, cannot be fitted again: {outcome['error']}")
        found = self.metric(self.sides[0].truth, self._said(), self.sides[0].weight)
        self.best = self.fitted(row)
        before, now = row["repeats"][0]["score"], None if found is None else found[0]
        if now is None or before is None or math.isclose(now, before, rel_tol=1e-9, abs_tol=1e-12):
            return []
        return [f"{method.name}, fitted again, scores {now}, not {before} as in the stopped run"]


def _cloudpickle() -> Any:
    """Return what writes classes and functions of the user's own program too; it comes with joblib, or inside it."""
    try:
        return import_module("cloudpickle")
    except ImportError:
        return import_module("joblib.externals.cloudpickle")


def _part_of(hear: Callable[[float], None], split: int, number: int) -> Callable[[float], None]:
    return lambda fraction: hear((split + min(fraction, 0.99)) / number)


def compare(
    problem: Problem,
    methods: Sequence[Method],
    order: Order = Order(),
    *,
    repeats: Iterable[tuple[int, Problem]] = (),
    on_step: Callable[[str, float], None] | None = None,
    journal: Journal | None = None,
) -> Comparison:
    """Tune, fit and score methods, one after the other; the same seed gives the same scores.

    `repeats` are further splits of the table, each with its seed; `on_step` hears the share done. Methods that the
    journal holds already are not run again; if one of them is the best, its model is fitted anew where one is wanted.
    """
    hear = on_step or (lambda name, fraction: None)
    start = time.perf_counter()
    done = {} if journal is None else journal.done
    rows: list[Row] = []
    notes: list[str] = list(problem.data["notes"])
    kept: dict[str, Kept] = {}
    with scratch.folder() as folder, process.Worker(order.threads) as worker:
        run = _Run(problem, order, metric_of(order.metric, problem.task), folder, worker)
        run.add_split(problem, order.seed)
        for seed, other in repeats:
            run.add_split(other, seed)
        number = sum(method.name not in done for method in methods)
        share = None if order.seconds is None else order.seconds / max(1, number)
        for method in methods:
            if method.name in done:
                row, warned, one = done[method.name]["row"], done[method.name]["warnings"], done[method.name]["kept"]
            else:
                row, one, warned = run.measure(method, share, lambda fraction, m=method: hear(m.name, fraction))  # type: ignore[misc]
                warned = _unweighted(problem, order, row) + warned
                if journal is not None:
                    journal.add(method.name, row, warned, one)
            run.consider(row)
            rows.append(row)
            notes += warned
            if one is not None:
                kept[method.name] = one
            hear(method.name, 1.0)
        chosen = None if run.lead is None else run.lead["model"]
        if (order.keep or order.look) and run.lead is not None and run.best is None:
            notes += run.again(next(method for method in methods if method.name == chosen))
        compared(rows, kept, run.sides, chosen)
        looked = _looked(run) if order.look else None
    results: dict[str, Any] = {
        "schema": SCHEMA,
        "task": problem.task,
        "metric": run.metric.name,
        "greater_is_better": run.metric.greater,
        "data": problem.data | {"notes": notes + _samples(problem, rows) + _stopped(rows, run.metric)},
        "seed": order.seed,
        "repeat": len(run.sides),
        "split": problem.split,
        "versions": versions(),
        "machine": machine() | {"threads": order.threads},
        "seconds": time.perf_counter() - start,
        "chosen": chosen,
        "dummy": DUMMY,
        "rows": rows,
        "inspection": looked,
        "forecast": more_rows(problem, order.seed) if order.look else None,
    }
    return Comparison(results, run.best, None if chosen is None else _held_out(problem, kept[chosen]))


def _looked(run: _Run) -> dict[str, Any] | None:
    """Look into the chosen model on the first split's held-out rows."""
    problem, model = run.problem, run.best
    if model is None:
        return None
    frame = problem.raw.iloc[problem.test]
    more: dict[str, Any] = {"classes": problem.classes, "recursive": run.recursive}
    return inspect(
        model, frame, _labels(problem, problem.arrays["y_test"]), problem.task, run.metric.name, run.order.seed, **more
    )


def _labels(problem: Problem, codes: NDArray[Any]) -> NDArray[Any]:
    """Return the labels of codes, numbers as they are."""
    return codes if problem.classes is None else np.array(problem.classes)[codes.astype(np.intp)]


def _held_out(problem: Problem, kept: Kept) -> dict[str, Any]:
    """Return the held-out rows' numbers in the table, ids, truth, predictions and probabilities."""
    found: dict[str, Any] = {"row": problem.rows[problem.test] + 1}
    found["id"] = None if problem.ids is None else problem.ids[problem.test]
    found |= {
        name: _labels(problem, codes)
        for name, codes in (("truth", problem.arrays["y_test"]), ("prediction", kept.prediction))
    }
    return found | {"probabilities": kept.probability}


def _unweighted(problem: Problem, order: Order, row: Row) -> list[str]:
    """Note weights that a method's fit does not take."""
    weights = "w_train" in problem.arrays or order.class_weight is not None
    if not weights or row["weighted"] or row["error"] is not None or row["model"] == DUMMY:
        return []
    return [f"fitted without weights, which count in its score alone: {row['model']}"]


def _samples(problem: Problem, rows: list[Row]) -> list[str]:
    """Note which methods saw only a part of the training rows."""
    n_train, n_tune = problem.split["n_train"], problem.split["n_tune"]
    fewer = [f"{row['model']} ({row['n_used']:,})" for row in rows if (row["n_used"] or n_train) < n_train]
    notes = [f"fitted on a seeded sample of the {n_train:,} training rows: {', '.join(fewer)}"] if fewer else []
    if n_tune < n_train:
        notes.append(f"tuned on a seeded sample of {n_tune:,} training rows: every method")
    return notes


def _stopped(rows: list[Row], metric: Metric) -> list[str]:
    """Note which methods --time-limit stopped, and which have nothing that the metric reads."""
    stopped = [row["model"] for row in rows if row["stopped"]]
    without = [row["model"] for row in rows if row["error"] is None and row["score"] is None]
    notes = [f"--time-limit stopped short: {', '.join(stopped)}"] if stopped else []
    return notes + (
        [f"without a {metric.name}, which they do not give or which is undefined: {', '.join(without)}"]
        if without
        else []
    )
