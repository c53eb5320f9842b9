"""What more rows of a table would do to the error of kernel ridge regression, as data and in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from widelearn import KernelRidgeClassifierCV, KernelRidgeCV
from widelearn.experiments.forecasts.options import ROWS
from widelearn.experiments.store import number
from widelearn.experiments.tables.problem import Problem
from widelearn.forecast import Forecast, forecast
from widelearn.forecast.problems import FEWEST
from widelearn.kernels import NTK, RBF

KERNELS = {"ntk": NTK(), "rbf": RBF()}
# Multiples of the rows at hand that a report speaks of.
TIMES = (1, 2, 4)
# A fall of the error by less than this share is little.
LITTLE = 0.05
NAMES = {"ntk": "the tangent kernel of a network (ntk)", "rbf": "the Gaussian kernel (rbf)"}


def asked(problem: Problem, n: list[int], rows: int, seed: int) -> dict[str, Forecast]:
    """Forecast ridge regression with each kernel, whose penalty is chosen, at numbers of rows of a table."""
    X = np.vstack([problem.arrays["X_train"], problem.arrays["X_test"]])
    y = np.concatenate([problem.arrays["y_train"], problem.arrays["y_test"]])
    kept = np.sort(np.random.default_rng(seed).permutation(len(X))[:rows])
    X, y = X[kept], y[kept]
    if problem.task == "classification":
        return {name: forecast(KernelRidgeClassifierCV(kernel), X, y, n) for name, kernel in KERNELS.items()}
    # In units of the targets' standard deviation a penalty means the same for all tables.
    scale = float(y.std()) or 1.0
    return {name: forecast(KernelRidgeCV(kernel), X, (y - y.mean()) / scale, n) for name, kernel in KERNELS.items()}


def described(found: dict[str, Forecast], task: str) -> list[dict[str, Any]]:
    """Return a row of numbers for every kernel and number of rows."""
    rows = []
    for name, one in found.items():
        for i, n in enumerate(one.n):
            row: dict[str, Any] = {"kernel": name, "n": int(n), "alpha": number(one.alpha[i])}
            row |= {key: number(getattr(one, key)[i]) for key in ("test", "lower", "upper")}
            if task == "classification":
                rates = {"error_rate": one.error_rate, "log_loss": one.log_loss}
                row |= {key: None if rate is None else number(rate[i]) for key, rate in rates.items()}
            rows.append(row | {"reason": one.reason[i]})
    return rows


def more_rows(problem: Problem, seed: int) -> dict[str, Any]:
    """Say whether more rows would help kernel ridge regression on a table, in words and numbers."""
    m = len(problem.arrays["y_train"]) + len(problem.arrays["y_test"])
    if m < FEWEST:
        return {"text": f"That is not known: {m} rows tell too little of more; a forecast takes {FEWEST}.", "rows": []}
    used = min(m, ROWS)
    n = [times * m for times in TIMES if times * m <= 10 * used] or [used, 2 * used, 4 * used]
    found = asked(problem, n, ROWS, seed)
    return {"text": " ".join(sentences(found, problem.task, n[0])), "rows": described(found, problem.task)}


def sentences(found: dict[str, Forecast], task: str, m: int) -> list[str]:
    """Return the answer in sentences, of the kernel whose error at the rows at hand is the smaller one."""

    def near(one: Forecast) -> list[int]:
        """Return the places of the rows at hand, twice and four times as many, as near as they were asked."""
        return sorted({int(np.argmin(np.abs(np.log(one.n / (times * m))))) for times in TIMES})

    def first_error(key: str) -> tuple[bool, float]:
        """Return the error nearest to the rows at hand; refused ones come last."""
        errors = found[key].test[near(found[key])]
        known = errors[np.isfinite(errors)]
        return not len(known), float(known[0]) if len(known) else 0.0

    name = min(found, key=first_error)
    one = found[name]
    given = [i for i in near(one) if np.isfinite(one.test[i])]
    said = [f"Asked of kernel ridge regression with {NAMES[name]}, by left-out errors of {one.n_sample:,} rows."]
    if not given:
        return [*said, f"There is no forecast: {one.reason[near(one)[0]]}."]
    if one.nothing_learnt:
        return [*said, "It learns nothing that is sure from these columns, and more rows are not known to change that."]
    what = "squared error of codes" if task == "classification" else "squared error beside the target's variance"
    for i in given:
        band = f"{one.test[i]:.3g} (90 % band {one.lower[i]:.3g} to {one.upper[i]:.3g})"
        rate = f", share of wrong classes {one.error_rate[i]:.3g}" if one.error_rate is not None else ""
        said.append(f"With {int(one.n[i]):,} rows: {what} {band}{rate}.")
    first, last = given[0], given[-1]
    if last > first:
        fall, times = 1.0 - one.test[last] / one.test[first], one.n[last] / one.n[first]
        helps = "would help" if fall > LITTLE else "would help little, if at all"
        said.append(
            f"So more rows {helps}: {times:.2g} times as many lower this method's error by {max(fall, 0.0):.0%}."
        )
    refused = next((one.reason[i] for i in near(one) if one.reason[i]), "")
    if refused:
        said.append(f"There is no forecast of more rows: {refused}.")
    said.append("That assumes further rows like these; of new groups, later times or other methods it says nothing.")
    return said
