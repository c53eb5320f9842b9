"""Tune a method on folds of the training part, and fit the chosen setting."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from widelearn.experiments.comparison.plans import Matrix, Parameters, TuningPlan
from widelearn.experiments.comparison.scores import score

BLOCK = 4096


def tune(
    plan: TuningPlan, task: str, arrays: Mapping[str, NDArray[Any]], on_step: Callable[[int, int], None]
) -> tuple[Parameters, Parameters, float | None]:
    """Choose the candidate with the best mean score over the folds; the more regular one if several are best.

    Return the outer and the inner setting and their score: None for a single candidate, which is taken without a fit.
    `arrays` hold X_train, y_train, perhaps w_train, tune, and fold<k>_fit, fold<k>_check of `splits.folds`.
    """
    if len(plan.outer) * len(plan.inner) == 1:
        return plan.outer[0], plan.inner[0], None
    tune_rows = arrays["tune"]
    number = sum(name.startswith("fold") and name.endswith("_fit") for name in arrays)
    results = np.empty((number, len(plan.outer), len(plan.inner)))
    weight = arrays.get("w_train")
    for fold in range(number):
        fit, check = (tune_rows[arrays[f"fold{fold}_{side}"]] for side in ("fit", "check"))
        X_fit, X_check = arrays["X_train"][fit], arrays["X_train"][check]
        y_fit, y_check = arrays["y_train"][fit], arrays["y_train"][check]
        w_fit, w_check = (None, None) if weight is None else (weight[fit], weight[check])
        for i, outer in enumerate(plan.outer):
            A_fit, A_check = plan.represent(outer, X_fit, X_check)
            for j, inner in enumerate(plan.inner):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    prediction = fit_on(plan.solver(inner), A_fit, y_fit, w_fit).predict(A_check)
                results[fold, i, j] = _finite_score(task, y_check, prediction, w_check)
                on_step(1 + j + len(plan.inner) * (i + len(plan.outer) * fold), results.size)
    means = results.mean(axis=0)
    i, j = divmod(int(np.argmax(means)), len(plan.inner))
    return plan.outer[i], plan.inner[j], float(means[i, j])


def _finite_score(task: str, y: NDArray[Any], prediction: NDArray[Any], weight: Matrix | None) -> float:
    """Return the score: that of the worst where predictions are not finite, 0 for all where it is undefined."""
    if not np.isfinite(prediction).all():
        return -1e300
    value = score(task, y, prediction, weight)
    return value if np.isfinite(value) else 0.0


def fit_on(estimator: BaseEstimator, X: Matrix, y: NDArray[Any], weight: Matrix | None) -> BaseEstimator:
    """Fit, handing the weights to the step that takes them if it does, and return the estimator."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if weight is None or not has_fit_parameter(last, "sample_weight"):
        return estimator.fit(X, y)
    key = f"{estimator.steps[-1][0]}__sample_weight" if isinstance(estimator, Pipeline) else "sample_weight"
    return estimator.fit(X, y, **{key: weight})


def predict_in_blocks(estimator: BaseEstimator, X: Matrix) -> NDArray[Any]:
    """Predict at most 4,096 rows at a time, so that no n_test x n_train matrix is held whole."""
    if not len(X):
        return np.empty(0)
    starts = range(0, len(X), BLOCK)
    return np.concatenate([np.asarray(estimator.predict(X[start : start + BLOCK])) for start in starts])
