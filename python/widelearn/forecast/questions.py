"""The question of a forecast, and its answer from left-out errors of one sample."""

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.forecast.answer import Forecast
from widelearn.forecast.bands import CAUTION, half_width, refusal
from widelearn.forecast.class_scores import ClassScores, ScoreLines
from widelearn.forecast.curves import KernelCurve, Point
from widelearn.forecast.feature_counts import feature_point
from widelearn.forecast.problems import RidgeProblem
from widelearn.forecast.samples import REACH, Doubles, blocks, penalties


def numbers(name: str, values: ArrayLike, least: float, *, whole: bool = False) -> Doubles:
    """Return numbers, at least `least`; ValueError otherwise."""
    kind = "whole numbers" if whole else "numbers"
    try:
        found = np.atleast_1d(np.asarray(values, dtype=np.float64)).ravel()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold {kind}, got {values!r}.") from error
    good = np.isfinite(found) & (found >= least) & (found > 0.0)
    if not len(found) or not good.all() or (whole and (found % 1).any()):
        shown = found[~good][:1] if (~good).any() else found[:1]
        what = f"got {shown[0]:g}" if len(shown) else "got none"
        raise ValueError(f"{name} must hold {kind} of at least {least:g}, positive and finite: {what}.")
    return found


class RidgeQuestion:
    """Forecasts of one ridge problem by penalties, its own if none are given, from one decomposition of its sample."""

    def __init__(self, problem: RidgeProblem, alphas: Doubles | None, rng: np.random.Generator) -> None:
        self.problem, self.chooses = problem, alphas is None and problem.chooses
        self.alphas = problem.alphas if alphas is None else alphas
        grid = penalties(self._ridge(self.alphas))
        classify = problem.labels is not None
        self.looks = blocks(problem.K, problem.Y, grid, rng, keep=classify)
        self.curve = KernelCurve(self.looks, grid)
        self.lines: tuple[ScoreLines | None, ScoreLines | None] = (None, None)
        if problem.labels is not None:
            scores = ClassScores(problem.labels, problem.codes)
            rate, loss = (ScoreLines(one, self.looks, self.curve) for one in (scores.error_rate, scores.log_loss))
            self.lines = rate, loss

    def answer(self, n: Doubles, n_features: Doubles | None) -> Forecast:
        """Return the forecast of every setting; of penalties that the estimator chooses from, the best."""
        counts = np.array([self.problem.n_features]) if n_features is None else n_features
        limit = n_features is not None
        entries: list[tuple[float, float, float, Point]] = []
        for rows, count in product(n, counts):
            points = [(a, self._point(rows, count if limit else None, a)) for a in self.alphas]
            chosen = [min(points, key=lambda one: self._merit(rows, one[1]))] if self.chooses else points
            entries += [(rows, count, a, point) for a, point in chosen]
        return self._forecast(entries)

    def _ridge(self, alphas: Any) -> Any:
        """Return penalties in the units of the kernel matrix, none nearer to 0 or infinity than tells."""
        return np.clip(np.asarray(alphas) / self.problem.size, *REACH)

    def _point(self, n: float, n_features: float | None, alpha: float) -> Point:
        ridge = float(self._ridge(alpha))
        if n_features is None or not self.curve.states.known:
            return self.curve.point(n, ridge)
        return feature_point(self.curve, n, n_features, ridge)

    def _merit(self, n: float, point: Point) -> float:
        """Return by what penalties are chosen: the error, and something for what is not sure."""
        return float(np.log(point.error)) + CAUTION * half_width(point, n / self.curve.n)

    def _forecast(self, entries: list[tuple[float, float, float, Point]]) -> Forecast:
        n, counts, alphas = (np.array(column, dtype=np.float64) for column in list(zip(*entries, strict=True))[:3])
        unit = self.problem.unit
        reasons = tuple(refusal(self.curve, point, m / self.curve.n, unit) for m, _, _, point in entries)
        given = np.array([not reason for reason in reasons])
        test = np.array([point.error for *_, point in entries])
        h = np.array([half_width(point, rows / self.curve.n) for rows, _, _, point in entries])
        rates, losses = (self._scores(line, self._ridge(alphas), test, given) for line in self.lines)
        test = test * self.problem.unit**2
        test, lower, upper = (np.where(given, one, np.nan) for one in (test, test * np.exp(-h), test * np.exp(h)))
        rows = len(self.problem.Y)
        baseline = float(self.problem.Y.var(axis=0).mean()) * (rows / (rows - 1) * self.problem.unit) ** 2
        return Forecast(n, counts, alphas, test, lower, upper, reasons, rates, losses, baseline, rows)

    def _scores(
        self, line: ScoreLines | None, ridges: Doubles, errors: Doubles, given: NDArray[np.bool_]
    ) -> Doubles | None:
        """Return a score of classes beside every error that is given."""
        if line is None:
            return None
        each = zip(ridges, errors, given, strict=True)
        return np.array([line.at(ridge, error) if good else np.nan for ridge, error, good in each])
