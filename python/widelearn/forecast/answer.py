"""What a forecast answers: errors with bands over rows, features and penalties, and what to do with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier

from widelearn.estimators.labels import Labels
from widelearn.forecast.samples import Doubles

REFITS = "power law of refits"


class Measurement(NamedTuple):
    """A test error that was measured, with its standard error, at a number of rows."""

    n: float
    test: float
    standard_error: float


class Recommendation(NamedTuple):
    """The cheapest setting that reaches a target error; numbers are NaN, and `reason` says why, if there is none."""

    n: float
    n_features: float
    alpha: float
    test: float
    lower: float
    upper: float
    cost: float
    reason: str = ""


@dataclass(frozen=True)
class Forecast:
    """Hold forecast test errors, an entry for each setting, as :func:`forecast` gives them.

    Parameters
    ----------
    n, n_features, alpha : ndarray of shape (k,)
        The settings: rows, features (infinite for a kernel) and penalty (NaN where the estimator has none).
    test, lower, upper : ndarray of shape (k,)
        Expected squared error of new rows, averaged over targets (±1 codes of classes), and the 90 % band of this
        expectation. NaN where it is refused.
    reason : tuple of str
        Why an entry is refused, and what would help; empty where it is given.
    error_rate : ndarray of shape (k,) or None
        Forecast share of wrong classes, for a classifier.
    log_loss : ndarray of shape (k,) or None
        Forecast log loss of calibrated left-out scores, for a classifier.
    baseline : float
        Squared error of the mean of the targets, at the sample's rows left out.
    n_sample : int
        Rows that were looked at.
    method : str
        "left-out errors" or "power law of refits".
    measurements : tuple of Measurement
        What :meth:`measured` added: rows, test error and its standard error.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import KernelRidge, forecast
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 2))
    >>> y = np.sin(2 * X[:, 0]) + 0.3 * rng.standard_normal(300)
    >>> found = forecast.forecast(KernelRidge("rbf"), X, y, n=[300, 600, 1200])
    >>> found.nothing_learnt, found.recommend(0.1).n
    (False, 600.0)
    """

    n: Doubles
    n_features: Doubles
    alpha: Doubles
    test: Doubles
    lower: Doubles
    upper: Doubles
    reason: tuple[str, ...]
    error_rate: Doubles | None = None
    log_loss: Doubles | None = None
    baseline: float = np.nan
    n_sample: int = 0
    method: str = "left-out errors"
    measurements: tuple[Measurement, ...] = field(default=())

    @property
    def nothing_learnt(self) -> bool:
        """Whether errors are forecast, and none is below that of the mean of the targets by more than its band."""
        return bool(np.isfinite(self.test).any()) and not bool((self.upper < self.baseline).any())

    def recommend(
        self, target_error: float, cost: Callable[[float, float], float] | None = None, *, sure: bool = False
    ) -> Recommendation:
        """Return the cheapest setting whose forecast error is at most a target.

        Parameters
        ----------
        target_error : float
            A squared error, in the units of `test`.
        cost : callable or None, default=None
            ``cost(n, n_features)``; None: flops of a fit, n³/3 for a kernel and n p² + p³/3, or n² p + n³/3 where that
            is less, for p features.
        sure : bool, default=False
            Whether the upper end of the band must reach the target, not the forecast alone.

        Returns
        -------
        Recommendation
            Of equal costs that of the smallest error.

        Raises
        ------
        ValueError
            If `target_error` is not a positive number.
        """
        if not (np.isfinite(target_error) and target_error > 0):
            raise ValueError(f"target_error must be a positive number, got {target_error}.")
        price = flops if cost is None else cost
        reached = self.upper if sure else self.test
        costs = np.array([float(price(n, p)) for n, p in zip(self.n, self.n_features, strict=True)])
        good = np.flatnonzero(reached <= target_error)
        if not len(good):
            nothing = (np.nan,) * 7
            return Recommendation._make((*nothing, self._unreached(target_error, reached)))
        i = good[np.lexsort((self.test[good], costs[good]))[0]]
        columns = (self.n, self.n_features, self.alpha, self.test, self.lower, self.upper, costs)
        return Recommendation._make((*(float(column[i]) for column in columns), ""))

    def _unreached(self, target_error: float, reached: Doubles) -> str:
        """Say why no setting reaches a target."""
        given = np.isfinite(reached)
        if not given.any():
            return f"every setting is refused: {self.reason[0]}"
        i = int(np.nanargmin(reached))
        refused = f"; {int((~given).sum())} are refused" if not given.all() else ""
        return (
            f"no setting reaches {target_error:.4g}: the best of {len(reached)} is {reached[i]:.4g}, at n ="
            f" {self.n[i]:g}, alpha = {self.alpha[i]:.3g}{refused}"
        )

    def measured(self, estimator: Any, X: ArrayLike, y: ArrayLike, n: float | None = None) -> Forecast:
        """Return the forecast with the squared error of a fitted estimator on new rows beside it.

        Parameters
        ----------
        estimator : object
            Fitted; a classifier with `decision_function`, unless the forecast is by refits.
        X, y : array-like
            Rows that it has not seen, and their targets or labels.
        n : float or None, default=None
            Rows that it was fitted to; None: the length of its `X_fit_`.

        Returns
        -------
        Forecast
            With one more entry in `measurements`, which :meth:`plot` draws: the squared error, or the share of wrong
            labels of a classifier whose forecast is by refits, as `test` is.

        Raises
        ------
        ValueError
            If `n` is None and the estimator keeps no rows, or `y` is not of the shape of what is predicted.
        """
        if not hasattr(estimator, "fit") or not hasattr(estimator, "predict"):
            raise TypeError(f"estimator must be fitted and predict, got {estimator!r:.60}.")
        if n is None:
            if not hasattr(estimator, "X_fit_"):
                raise ValueError(f"{type(estimator).__name__} does not say how many rows it was fitted to: give n.")
            n = estimator.X_fit_.shape[0]
        targets: NDArray[Any] = np.asarray(y)
        count = self.method == REFITS and is_classifier(estimator)
        if is_classifier(estimator) and not count:
            labels = Labels(np.asarray(estimator.classes_), bool(getattr(estimator, "multilabel_", False)))
            targets, values = labels.encode(targets), np.asarray(estimator.decision_function(X))
        else:
            values = np.asarray(estimator.predict(X))
        rows = len(targets)
        if len(values) != rows or values.size != targets.size:
            raise ValueError(f"y must have the shape of what is predicted, {values.shape}: got {np.shape(y)}.")
        pair = targets.reshape(rows, -1), values.reshape(rows, -1)
        squares = (pair[0] != pair[1] if count else np.square(pair[0] - pair[1])).mean(axis=1)
        found = Measurement(float(n), float(squares.mean()), float(squares.std() / np.sqrt(rows)))
        return replace(self, measurements=(*self.measurements, found))

    def plot(self, ax: Any = None) -> Any:
        """Draw errors over rows with their bands, a line a setting, on Matplotlib axes, and return them."""
        from widelearn import plots

        return plots.learning_curves(self, ax)


def flops(n: float, n_features: float) -> float:
    """Return the flops of a fit."""
    by_rows = n**3 / 3
    if not np.isfinite(n_features):
        return by_rows
    return min(n * n_features**2 + n_features**3 / 3, n**2 * n_features + by_rows)
