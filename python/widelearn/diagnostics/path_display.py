"""What a penalty does to a ridge fit, as a picture: left-out errors and the norm of the coefficients over penalties."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from widelearn.diagnostics.path_norms import Array, check_penalties, levels, norms_of, rows_of
from widelearn.runtime import in_range


class RidgePathDisplay:
    """Draw what penalties do: left-out errors or scores, the norm of the coefficients, and the penalty that was chosen.

    It follows scikit-learn's displays: :meth:`from_estimator` makes and draws one, :meth:`plot` draws it again.

    Parameters
    ----------
    alphas : array-like of shape (a,)
        Penalties, finite and non-negative, in any order.
    scores : array-like of shape (a,) or (t, a), or None, default=None
        The score of every penalty, larger ones better, one line a target: `alpha_scores_` of an estimator.
    norms : array-like of shape (a,) or (t, a), or None, default=None
        ‖c‖ of every penalty: of coefficients of features, or of a function in its kernel's space.
    alpha : float, array-like of shape (t,) or None, default=None
        The chosen penalty, or one a target.
    errors : bool, default=True
        Whether scores are minus errors: then errors are drawn, on a logarithmic axis where all are positive.
    score_name : str, default="left-out error"
        What the axis of scores or errors is called.

    Attributes
    ----------
    alphas : ndarray of shape (a,)
        The penalties, ascending.
    scores, norms : ndarray of shape (a,) or (t, a), or None
        What is drawn over them, in their order.
    alpha : ndarray of shape (1,), (t,) or (0,)
        The chosen penalties.
    errors : bool
        Whether scores are minus errors.
    score_name : str
        The name of the axis.
    ax_ : matplotlib Axes
        What was drawn to; there after :meth:`plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Raises
    ------
    ValueError
        If there is neither a score nor a norm, shapes do not fit, or a penalty is negative.

    Notes
    -----
    Drawing computes nothing.

    Examples
    --------
    >>> from widelearn.diagnostics import RidgePathDisplay
    >>> shown = RidgePathDisplay([0.1, 1.0, 10.0], scores=[-3.0, -1.0, -2.0], alpha=1.0).plot()
    >>> shown.ax_.lines[0].get_ydata().tolist()
    [3.0, 1.0, 2.0]
    """

    @in_range
    def __init__(
        self,
        alphas: ArrayLike,
        *,
        scores: ArrayLike | None = None,
        norms: ArrayLike | None = None,
        alpha: ArrayLike | None = None,
        errors: bool = True,
        score_name: str = "left-out error",
    ) -> None:
        given = levels("alphas", alphas)
        if not given.size:
            raise ValueError("alphas is empty: give at least one penalty.")
        order = np.argsort(given, kind="stable")
        self.alphas = given[order]
        self.scores, self.norms = lines("scores", scores, order), lines("norms", norms, order)
        if self.scores is None and self.norms is None:
            raise ValueError("There is nothing to draw: give scores, norms or both.")
        self.alpha = levels("alpha", [] if alpha is None else alpha)
        self.errors, self.score_name = bool(errors), str(score_name)

    @classmethod
    @in_range
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw the path of a fitted estimator that chose its penalty; with the rows of its fit the norms, too.

        Parameters
        ----------
        estimator : FeatureRidgeCV, KernelRidgeCV or one of their classifiers
            Fitted. Its `alpha_scores_` are drawn.
        X, y : array-like or None, default=None
            The rows and targets or labels of its fit, for the norms: ‖c‖ of the ridge fit on the fitted features, or
            √(a'Ka) of the fit on the chosen kernel, at every penalty, in the units of the targets (±1 for classes).
            None leaves norms out.
        sample_weight : array-like of shape (n,), default=None
            The weights of its fit.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        RidgePathDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it did not choose a penalty.
        ValueError
            If one of `X` and `y` is missing, or they do not fit the estimator; if its `alphas` were set after the fit.
        MemoryError
            If the features or the kernel matrix of the rows do not fit, with the bytes.

        Notes
        -----
        Other parameters are read as they are: set none between the fit and this. Scores cost nothing. Norms cost a
        singular value decomposition of n x p features, about 6 n p min(n, p) flops and 16 n p bytes, or the
        eigenvectors of a kernel matrix, 9 n³ flops and 24 n² bytes.

        Examples
        --------
        >>> import numpy as np
        >>> from widelearn import KernelRidgeCV
        >>> from widelearn.diagnostics import RidgePathDisplay
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((80, 2))
        >>> y = np.sin(2 * X[:, 0]) + 0.3 * rng.standard_normal(80)
        >>> model = KernelRidgeCV("rbf", [1e-3, 0.1, 10.0]).fit(X, y)
        >>> shown = RidgePathDisplay.from_estimator(model, X, y)
        >>> shown.alpha.tolist(), bool((np.diff(shown.norms) < 0).all())
        ([0.1], True)
        """
        if not hasattr(estimator, "fit"):
            raise TypeError(f"estimator must be a fitted FeatureRidgeCV or KernelRidgeCV, got {estimator!r:.60}.")
        check_is_fitted(estimator)
        if not hasattr(estimator, "alpha_scores_"):
            name = type(estimator).__name__
            raise TypeError(f"{name} has no alpha_scores_: give FeatureRidgeCV, KernelRidgeCV or their classifiers.")
        if (X is None) != (y is None):
            raise ValueError("X and y belong together: give the rows and targets of the fit, or none of them.")
        check_penalties(estimator)
        norms = None
        if X is not None:
            rows = rows_of(estimator, X, y, sample_weight)
            norms = norms_of(estimator, rows, np.asarray(estimator.alphas, dtype=np.float64))
        name, errors = called(estimator)
        parts = {"scores": estimator.alpha_scores_, "norms": norms, "alpha": estimator.alpha_}
        return cls(estimator.alphas, **parts, errors=errors, score_name=name).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw errors or scores, norms by an axis at the right, and the chosen penalty; return the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        RidgePathDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        TypeError
            If `ax` is no Axes.
        """
        from widelearn import plots

        self.ax_ = plots.penalty_path(self, plots.axes_of(ax, 6.4, 4.4))
        self.figure_ = self.ax_.figure
        return self


def lines(name: str, values: ArrayLike | None, order: Any) -> Array | None:
    """Return what is drawn over penalties in their order; refuse what has another length."""
    if values is None:
        return None
    found = np.asarray(values, dtype=np.float64)
    if found.ndim not in (1, 2) or found.shape[-1] != len(order):
        raise ValueError(f"{name} must be of shape (a,) or (t, a) for a = {len(order)} penalties, got {found.shape}.")
    if np.isnan(found).any():
        raise ValueError(f"{name} has {int(np.isnan(found).sum())} entries that are NaN: give numbers.")
    return found[..., order]


def called(estimator: Any) -> tuple[str, bool]:
    """Return what an estimator's scores are called, and whether they are minus errors."""
    if isinstance(estimator.cv, str):
        return "error of generalised cross-validation", True
    if estimator.scoring is not None:
        named = estimator.scoring if isinstance(estimator.scoring, str) else "score"
        rows = "left-out rows" if estimator.cv is None else "the folds"
        return f"{named.removeprefix('neg_').replace('_', ' ')} of {rows}", named.startswith("neg_")
    if estimator.cv is None:
        return "mean squared left-out error", True
    return "mean score of the folds", False
