"""The scoreboard of ridge problems: thousands of seeded ones, beside an oracle of 38 digits and scikit-learn's Ridge.

``python -m fuzz.ridge_problems --problems 2000`` prints, for each method, how many predictions are within the bound,
how many beyond it had a warning, and how many had none: those are silent failures, and the exit code is 1. So it is
for a warning where Ridge does well. The bound is ten times the error of the better of Ridge's two solvers, or 1e-9.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import LinAlgWarning
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

import widelearn as wl
from fuzz import oracle
from fuzz.problems import Problem, harsh_problem, problem
from widelearn.kernels import Linear

FLOOR, TIMES, LEFT_OUT = 1e-9, 10.0, 1e-6
# The error of Ridge up to which a problem deserves no warning.
WELL_SOLVED = {"float64": 1e-9, "float32": 1e-5}
# λ_max / alpha up to which kernel ridge has no excuse.
SOLVABLE = 1e9
NUMERICAL = (LinAlgWarning, ConvergenceWarning, RuntimeWarning)
EVERY = 10
# GCV of weights that sum to less than the degrees of freedom is refused; and what tells a warning of left-out errors.
ABSENT, ELSEWHERE = "degrees of freedom", "left-out errors"
WORST = 3


@dataclass(frozen=True)
class Outcome:
    """What a method made of a problem: its error, the bound, Ridge's error, and its first warning or exception."""

    method: str
    problem: Problem
    error: float
    bound: float
    ridge: float
    warning: str = ""
    raised: str = ""
    excused: bool = True

    @property
    def verdict(self) -> str:
        """Within, warned, silent or raised; `needless` is a warning where Ridge does well."""
        if self.raised:
            return "raised"
        if self.error <= self.bound:
            return "needless" if self.warning and self.ridge <= WELL_SOLVED[self.problem.dtype] else "within"
        return "warned" if self.warning and self.excused else "silent"

    def __str__(self) -> str:
        said = f"; {self.raised or self.warning}" if self.raised or self.warning else ""
        return f"{self.problem}: error {self.error:.1e}, bound {self.bound:.1e}{said}"


FAILURES = ("silent", "needless", "raised")
VERDICTS = ("within", "warned", *FAILURES)


class Judge:
    """A problem with the oracle's fits and Ridge's errors, each made once."""

    def __init__(self, given: Problem) -> None:
        self.given = given
        self.kept = np.flatnonzero(given.weights)
        self._sums = {
            intercept: oracle.sums(*self.rows, given.weights[self.kept], fit_intercept=intercept)
            for intercept in (False, True)
        }
        self._truth: dict[tuple[float, bool], Any] = {}
        self._ridge: dict[tuple[float, bool], float] = {}

    @property
    def rows(self) -> tuple[Any, Any]:
        """Rows and targets that have a weight."""
        return self.given.X[self.kept], self.given.columns[self.kept]

    @property
    def points(self) -> Any:
        """Where predictions are compared."""
        return np.concatenate([self.given.X, self.given.new])

    def error(self, values: Any, alpha: float, *, intercept: bool) -> float:
        """Return the largest error of values (m, t), over the targets' spread."""
        key = alpha, intercept
        if key not in self._truth:
            self._truth[key] = oracle.fit(self._sums[intercept], alpha).values(self.points)
        truth = self._truth[key]
        gap = np.abs((truth - np.reshape(values, truth.shape).astype(np.longdouble)).rounded())
        return float((gap / self.given.spread).max()) if np.isfinite(values).all() else np.inf

    def ridge(self, alpha: float, *, intercept: bool) -> float:
        """Return the error of the better of Ridge's solvers."""
        key = alpha, intercept
        if key not in self._ridge:
            given = self.given
            fits = (Ridge(alpha, fit_intercept=intercept, solver=solver) for solver in ("cholesky", "svd"))
            values = [fit.fit(given.X, given.y, given.weight).predict(self.points) for fit in fits]
            self._ridge[key] = min(self.error(value, alpha, intercept=intercept) for value in values)
        return self._ridge[key]

    def ratio(self) -> float:
        """Return the largest eigenvalue of the centred rows over the penalty."""
        scale = np.sqrt(self.given.weights[self.kept])[:, None]
        centred = (oracle.Pairs(self.rows[0]) - self._sums[True].mean_z).rounded() * scale
        return float(np.linalg.norm(centred, 2) ** 2 / self.given.alpha)

    def left_out(self, *, intercept: bool) -> Any:
        """Return the oracle's predictions of left-out rows, those without weight left away."""
        given = self.given
        return oracle.left_out(*self.rows, given.weights[self.kept], given.alpha, fit_intercept=intercept)


Fitted = tuple[Any, float, bool]


def fitted(model: Any, judge: Judge) -> Any:
    """Return an estimator fitted to the problem."""
    return model.fit(judge.given.X, judge.given.y, judge.given.weight)


def estimator(make: Callable[[float], Any]) -> Callable[[Judge], Fitted]:
    """Return a method: the predictions of an estimator, the penalty that it took, and that it has an intercept."""

    def method(judge: Judge) -> Fitted:
        model = fitted(make(judge.given.alpha), judge)
        return model.predict(judge.points), float(getattr(model, "alpha_", judge.given.alpha)), True

    return method


def path(judge: Judge) -> Fitted:
    """Take the coefficients of a path of three penalties whose error is largest beside its bound, without intercept."""
    given = judge.given
    alphas = [given.alpha / 100, given.alpha, given.alpha * 100]
    found = wl.ridge.path(given.X, given.y, alphas, **weighted(given))
    fits: list[tuple[float, Fitted]] = []
    for coef, alpha in zip(found, alphas, strict=True):
        values = (oracle.Pairs(judge.points) @ oracle.Pairs(coef.reshape(coef.shape[0], -1))).rounded(np.longdouble)
        bound = max(TIMES * quiet_ridge(judge, alpha, False), FLOOR)
        fits.append((judge.error(values, alpha, intercept=False) / bound, (values, alpha, False)))
    return max(fits, key=lambda one: one[0])[1]


def solved(judge: Judge) -> Fitted:
    """Take the coefficients of one penalty, without an intercept."""
    given = judge.given
    coef = wl.ridge.solve(given.X, given.y, given.alpha, **weighted(given))
    return oracle.Pairs(judge.points) @ oracle.Pairs(coef.reshape(coef.shape[0], -1)), given.alpha, False


def weighted(given: Problem) -> dict[str, Any]:
    """Return the argument that holds the weights."""
    return {"sample_weight": given.weight}


METHODS: dict[str, Callable[[Judge], Fitted]] = {
    "FeatureRidge": estimator(lambda alpha: wl.FeatureRidge("passthrough", alpha)),
    "FeatureRidge mixed": estimator(lambda alpha: wl.FeatureRidge("passthrough", alpha, precision="mixed")),
    "FeatureRidgeCV": estimator(lambda alpha: wl.FeatureRidgeCV("passthrough")),
    "FeatureRidgeCV of one": estimator(lambda alpha: wl.FeatureRidgeCV("passthrough", [alpha])),
    "FeatureRidgeCV gcv": estimator(lambda alpha: wl.FeatureRidgeCV("passthrough", [alpha, 1.0], cv="gcv")),
    "ridge.path": path,
    "ridge.solve": solved,
    "KernelRidge linear": estimator(lambda alpha: wl.KernelRidge(Linear(), alpha)),
}


def errors_of_cv(judge: Judge) -> float:
    """Return the error of the left-out errors that FeatureRidgeCV keeps."""
    given = judge.given
    model = fitted(wl.FeatureRidgeCV("passthrough", [given.alpha], store_cv_results=True), judge)
    roots = np.sqrt(given.weights[judge.kept])[:, None]
    squares = model.cv_results_.reshape(len(given.y), -1)[judge.kept]
    truth = np.abs((judge.left_out(intercept=True) - judge.rows[1]).rounded()) * roots
    return float((np.abs(np.sqrt(squares) - truth) / roots / beside(given, truth / roots)).max())


def errors_of_loo(judge: Judge) -> float:
    """Return the error of the left-out predictions of ``ridge.loo``."""
    given = judge.given
    values = wl.ridge.loo(given.X, given.y, [given.alpha], **weighted(given))[0].reshape(len(given.y), -1)
    truth = judge.left_out(intercept=False)
    gap, errors = ((truth - part[judge.kept]).rounded() for part in (values, given.columns))
    return float((np.abs(gap) / beside(given, np.abs(errors))).max())


def beside(given: Problem, truth: Any) -> Any:
    """Return what left-out errors are measured beside: the spread; of rows far out their own error, if it is larger."""
    return np.maximum(given.spread, truth) if given.harsh else given.spread


LEFT_OUT_METHODS: dict[str, Callable[[Judge], float]] = {
    "left out, cv_results_": errors_of_cv,
    "left out, ridge.loo": errors_of_loo,
}


def heard(call: Callable[[], Any]) -> tuple[Any, str, str]:
    """Return what a call gives, its first numerical warning, and its exception."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found, raised = call(), ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            found, raised = None, f"{type(error).__name__}: {error}"
    said = next((str(one.message) for one in caught if issubclass(one.category, NUMERICAL)), "")
    return found, said, raised


def outcomes(given: Problem, only: str = "", *, left_out: bool = False) -> Iterator[Outcome]:
    """Yield what every method whose name holds a word makes of a problem."""
    judge = Judge(given)
    for name, method in METHODS.items():
        if only not in name:
            continue
        found, said, raised = heard(lambda method=method: method(judge))
        if ABSENT in raised:
            continue
        # What the choice of a penalty says of left-out errors is judged with those.
        said = "" if ELSEWHERE in said else said
        if raised:
            yield Outcome(name, given, np.inf, 0.0, 0.0, said, raised)
            continue
        values, alpha, intercept = found
        values = values.rounded(np.longdouble) if isinstance(values, oracle.Pairs) else values
        error, ridge = judge.error(values, alpha, intercept=intercept), quiet_ridge(judge, alpha, intercept)
        excused = not name.startswith("KernelRidge") or judge.ratio() > SOLVABLE
        yield Outcome(name, given, error, max(TIMES * ridge, FLOOR), ridge, said, excused=excused)
    for name, compare in LEFT_OUT_METHODS.items():
        if left_out and only in name:
            found, said, raised = heard(lambda compare=compare: compare(judge))
            # Ridge has no left-out errors that could say whether a warning is needless.
            yield Outcome(name, given, np.inf if raised else found, LEFT_OUT, np.inf, said, raised)


def quiet_ridge(judge: Judge, alpha: float, intercept: bool) -> float:
    """Return the error of Ridge, whose own warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return judge.ridge(alpha, intercept=intercept)


def table(found: list[Outcome]) -> str:
    """Return the counts of each method and type, and the worst failures with their seeds."""
    counts: Counter[tuple[str, str, str]] = Counter((one.method, one.problem.dtype, one.verdict) for one in found)
    rows = sorted({(method, dtype) for method, dtype, _ in counts})
    lines = [f"{'':34}" + "".join(f"{verdict:>10}" for verdict in VERDICTS)]
    lines += [f"{a:25}{b:9}" + "".join(f"{counts[a, b, verdict]:10}" for verdict in VERDICTS) for a, b in rows]
    for method, dtype in rows:
        failed = [one for one in found if (one.method, one.problem.dtype) == (method, dtype)]
        failed = [one for one in failed if one.verdict in (*FAILURES, "warned")]
        failed.sort(key=lambda one: (one.verdict == "warned", -one.error / max(one.bound, FLOOR)))
        lines += [f"{method}: {one.verdict}: {str(one)[:300]}" for one in failed[:WORST]]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the scoreboard; the exit code is 1 if a failure was silent, or a warning needless."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.ridge_problems", description=__doc__)
    parser.add_argument("--problems", type=int, default=2000, metavar="N", help="how many problems (2000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the first of them (0)")
    parser.add_argument("--only", default="", metavar="NAME", help="methods whose name holds NAME")
    parser.add_argument("--dtype", choices=["float64", "float32"], help="one type alone; by default they alternate")
    parser.add_argument(
        "--harsh", action="store_true", help="rows far out, columns of one row, weights of many decades"
    )
    options = parser.parse_args(arguments)
    start, found, make = time.perf_counter(), [], harsh_problem if options.harsh else problem
    for number in range(options.problems):
        given = make(options.seed + number, options.dtype)
        # Both types come to be left out.
        found += outcomes(given, options.only, left_out=number % (2 * EVERY) < 2)
    print(table(found))
    print(f"{options.problems} problems in {time.perf_counter() - start:.0f} s")
    return int(any(one.verdict in FAILURES for one in found))


if __name__ == "__main__":
    sys.exit(main())
