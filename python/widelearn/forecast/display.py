"""A forecast beside errors that were measured, as a picture in scikit-learn's manner."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
from sklearn.utils import _safe_indexing, check_consistent_length

from widelearn.forecast.answer import Forecast
from widelearn.forecast.curve_forecasts import forecast
from widelearn.runtime import in_range

# The share of the rows that train of which the forecast is made, where that is not said.
SHARE = 3


class ForecastDisplay:
    """Draw a forecast learning curve, and errors that were measured at some of its numbers of rows.

    scikit-learn's ``LearningCurveDisplay`` measures errors up to the rows at hand, and draws our estimators as any
    others; this one draws what a forecast says beyond, with its band. It follows scikit-learn's displays:
    :meth:`from_estimator` makes and draws one, :meth:`plot` draws it again.

    Parameters
    ----------
    found : Forecast
        What :func:`forecast` returned; its measurements are drawn as points.

    Attributes
    ----------
    forecast : Forecast
        The forecast, with its measurements.
    ax_ : matplotlib Axes
        What was drawn to; there after :meth:`plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Raises
    ------
    TypeError
        If `found` is no Forecast.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import KernelRidge
    >>> from widelearn.forecast import ForecastDisplay
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((800, 2))
    >>> y = np.sin(2 * X[:, 0]) + 0.3 * rng.standard_normal(800)
    >>> shown = ForecastDisplay.from_estimator(
    ...     KernelRidge("rbf"), X, y, n=[200, 400, 600, 1200]
    ... )
    >>> shown.forecast.n_sample, [int(one.n) for one in shown.forecast.measurements]
    (200, [200, 400, 600])
    """

    def __init__(self, found: Forecast) -> None:
        if not isinstance(found, Forecast):
            raise TypeError(f"found must be the Forecast that forecast() returns, got {found!r:.60}.")
        self.forecast = found

    @classmethod
    @in_range
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        n: ArrayLike,
        n_sample: int | None = None,
        test_size: float = 0.25,
        random_state: int = 0,
        ax: Any = None,
    ) -> Self:
        """Forecast from some of the rows, measure on others, and draw both.

        Rows are shuffled and a part of them is held out for tests (stratified by class). The forecast sees `n_sample`
        of the others; at every `n` of which there are so many, the estimator is fitted to the first n and its error on
        the held-out rows measured.

        Parameters
        ----------
        estimator : object
            A regressor or classifier as :func:`forecast` takes it. It is cloned, never changed.
        X : array-like of shape (m, d)
            Rows; a data frame, too, and a sparse matrix where :func:`forecast` goes by refits.
        y : array-like of shape (m,) or (m, t)
            Targets or labels.
        n : array-like
            Numbers of rows to forecast for, at least 1.
        n_sample : int or None, default=None
            Rows that the forecast sees, at least 100; None is a third of those that train, or 100.
        test_size : float, default=0.25
            Share of the rows that is held out, in (0, 1).
        random_state : int, default=0
            Seed of the order of the rows, and of the forecast.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        ForecastDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `estimator` is none, or `ax` no Axes.
        ValueError
            If `test_size` is no share, there are fewer than `n_sample` rows that train, or :func:`forecast` or a fit
            refuses them.

        Notes
        -----
        Costs the forecast of `n_sample` rows and a fit for each measured n. Bars are two standard errors of the mean
        over test rows; they do not hold what another draw of the training rows would change. What the forecast refuses
        has no line, and `forecast.reason` says why. Rows must be exchangeable, as for :func:`forecast`.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from widelearn import KernelRidgeClassifier
        >>> from widelearn.forecast import ForecastDisplay
        >>> X, y = load_digits(return_X_y=True)
        >>> model = KernelRidgeClassifier("ntk", alpha=1.0)
        >>> shown = ForecastDisplay.from_estimator(model, X, y, n=[500, 1000, 2000])
        >>> forecast = shown.forecast
        >>> [
        ...     bool(low < one.test < high)
        ...     for one, low, high in zip(forecast.measurements, forecast.lower, forecast.upper)
        ... ]
        [True, True]
        """
        from sklearn.model_selection import train_test_split

        if not hasattr(estimator, "fit") or isinstance(estimator, type):
            raise TypeError(f"estimator must be a regressor or classifier, got {estimator!r:.60}.")
        check_consistent_length(X, y)
        if isinstance(test_size, bool) or not isinstance(test_size, float | np.floating) or not 0 < test_size < 1:
            raise ValueError(
                f"test_size must be a share of the rows, a number between 0 and 1, got {test_size!r:.60}: for k rows"
                " held out give k / len(X)."
            )
        sizes = np.atleast_1d(np.asarray(n, dtype=np.float64))
        targets, rows = np.asarray(y), np.arange(len(np.asarray(y)))
        strata = targets if is_classifier(estimator) and targets.ndim == 1 else None
        train, test = train_test_split(rows, test_size=test_size, random_state=random_state, stratify=strata)
        count = max(len(train) // SHARE, min(100, len(train))) if n_sample is None else n_sample
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 1 <= count <= len(train):
            raise ValueError(
                f"n_sample must be a whole number of at most the {len(train)} of {len(rows)} rows that train, got"
                f" {count!r:.60}: take fewer, or a smaller test_size."
            )
        sample = _safe_indexing(X, train[:count]), targets[train[:count]]
        found = forecast(estimator, *sample, sizes, random_state=random_state)
        held = _safe_indexing(X, test), targets[test]
        for size in np.unique(sizes[sizes <= len(train)]):
            first = train[: int(size)]
            fitted = clone(estimator).fit(_safe_indexing(X, first), targets[first])
            found = found.measured(fitted, *held, n=int(size))
        return cls(found).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the forecast with its band and the measured errors as points, and return the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw, such as the `ax_` of scikit-learn's ``LearningCurveDisplay``; None makes a figure.

        Returns
        -------
        ForecastDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        TypeError
            If `ax` is no Axes.
        """
        from widelearn import plots

        self.ax_ = self.forecast.plot(plots.axes_of(ax, 6.4, 4.2))
        self.figure_ = self.ax_.figure
        return self
