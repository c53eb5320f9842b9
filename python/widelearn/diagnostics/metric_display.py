"""The metric of a recursive feature machine as a picture: which columns, and which of them together, it looks at."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted


class MetricDisplay:
    """Draw a metric of columns: a matrix as its entries, a diagonal as each column's share.

    It follows scikit-learn's displays: :meth:`from_estimator` makes and draws one, :meth:`plot` draws it again.

    Parameters
    ----------
    metric : array-like of shape (d, d) or (d,)
        A symmetric matrix without negative entries on its diagonal, or that diagonal.
    feature_names : sequence of str or None, default=None
        Names of the columns; None is their numbers.

    Attributes
    ----------
    metric : ndarray of shape (d, d) or (d,)
        The metric.
    feature_names : list of str
        The names.
    ax_ : matplotlib Axes
        What was drawn to; there after :meth:`plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Raises
    ------
    ValueError
        If the metric is no such matrix or diagonal, or there is not one name a column.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import MetricDisplay
    >>> shown = MetricDisplay(np.diag([2.0, 0.5, 0.5]), feature_names=["a", "b", "c"]).plot()
    >>> [label.get_text() for label in shown.ax_.get_yticklabels()]
    ['a', 'b', 'c']
    """

    def __init__(self, metric: ArrayLike, *, feature_names: Any = None) -> None:
        try:
            self.metric = np.asarray(metric, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"metric must hold numbers, got {metric!r:.60}.") from error
        shape = self.metric.shape
        if not shape or shape[0] == 0 or shape not in ((shape[0],), (shape[0], shape[0])):
            raise ValueError(f"metric must be of shape (d, d) or (d,), d > 0, got {shape}.")
        if not np.isfinite(self.metric).all():
            raise ValueError("metric must be finite, and has entries that are NaN or infinite.")
        if np.min(self._diagonal) < 0.0 or np.abs(self.metric - self.metric.T).max() > 1e-4 * np.abs(self.metric).max():
            raise ValueError("metric must be symmetric, without negative entries on its diagonal: take the model's M_.")
        names = range(shape[0]) if feature_names is None else feature_names
        if isinstance(names, str) or not np.iterable(names) or len(list(names)) != shape[0]:
            raise ValueError(f"feature_names must be {shape[0]} names, one a column, got {feature_names!r:.60}.")
        self.feature_names = [str(name) for name in names]

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, most: int = 12) -> Self:
        """Draw the metric of a fitted estimator, in the columns divided by their scales.

        Parameters
        ----------
        estimator : RecursiveFeatureMachine or RecursiveFeatureMachineClassifier
            A fitted machine.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        most : int, default=12
            How many columns to draw, those of the largest shares.

        Returns
        -------
        MetricDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no metric.

        Examples
        --------
        >>> import numpy as np
        >>> from widelearn import RecursiveFeatureMachine
        >>> from widelearn.diagnostics import MetricDisplay
        >>> X = np.random.default_rng(0).standard_normal((200, 5))
        >>> model = RecursiveFeatureMachine(metric="diagonal").fit(X, np.sin(2 * X[:, 3]))
        >>> shown = MetricDisplay.from_estimator(model, most=2)
        >>> shown.ax_.get_yticklabels()[0].get_text()
        '3'
        """
        if not hasattr(estimator, "fit"):
            raise TypeError(f"estimator must be a fitted recursive feature machine, got {estimator!r:.60}.")
        check_is_fitted(estimator)
        if not hasattr(estimator, "M_"):
            raise TypeError(f"{type(estimator).__name__} has no metric M_: give a recursive feature machine.")
        return cls(estimator.M_, feature_names=getattr(estimator, "feature_names_in_", None)).plot(ax, most=most)

    def plot(self, ax: Any = None, *, most: int = 12) -> Self:
        """Draw the columns of the largest shares, the largest first, and return the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        most : int, default=12
            How many columns to draw, at least 1.

        Returns
        -------
        MetricDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        TypeError, ValueError
            If `ax` is no Axes, or `most` no number of columns.
        """
        if isinstance(most, bool) or not isinstance(most, int | np.integer) or most < 1:
            raise ValueError(f"most must be an integer of at least 1, got {most!r:.60}.")
        from widelearn import plots

        ax = plots.axes_of(ax, 6.4, 5.6)
        shares = self._diagonal / (self._diagonal.sum() or 1.0)
        kept = np.argsort(-shares, kind="stable")[:most]
        names = [self.feature_names[j] for j in kept]
        if self.metric.ndim == 1:
            rows = [{"column": name, "value": float(shares[j])} for name, j in zip(names, kept, strict=True)]
            self.ax_ = plots.shares(rows, ax)
            self.ax_.set(xlabel="share of the metric's trace")
        else:
            self.ax_ = plots.pairs(self.metric[np.ix_(kept, kept)].tolist(), names, ax)
            self.ax_.set(title=f"{shares[kept].sum():.0%} of the metric's trace")
        self.figure_ = self.ax_.figure
        return self

    @property
    def _diagonal(self) -> Any:
        return self.metric if self.metric.ndim == 1 else self.metric.diagonal()
