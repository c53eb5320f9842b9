"""A spectrum as a picture: eigenvalues by rank, and the effective ridge that tells which of them are learned."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn.utils.validation import check_is_fitted

from widelearn.diagnostics.path_norms import EPS, Array, kernel_at, levels, weighted_gram
from widelearn.kernels import Kernel
from widelearn.runtime import in_range
from widelearn.theory import Spectrum, effective_ridge


class SpectrumDisplay:
    """Draw eigenvalues of a kernel over their ranks, and the effective ridge κ of ridge regression with n rows.

    A direction of eigenvalue s is learned up to the share s / (s + κ): those above the line are, those below are not.
    κ is above alpha / n, by what the directions that are not learned add to the ridge. It follows scikit-learn's
    displays: :meth:`from_estimator` and :meth:`from_spectrum` make and draw one, :meth:`plot` draws it again.

    Parameters
    ----------
    eigenvalues : array-like of shape (m,)
        Non-negative eigenvalues s of the kernel's integral operator, or those of a kernel matrix over n.
    multiplicities : array-like of shape (m,) or None, default=None
        How many eigenvalues each stands for; None is one.
    n : float, default=1
        Number of rows.
    ridge : float or array-like of shape (r,), default=()
        Penalties alpha of ‖y - f‖² + alpha ‖f‖²; the lines are at alpha / n.
    effective_ridge : float or array-like of shape (r,), default=()
        κ of each.

    Attributes
    ----------
    eigenvalues : ndarray of shape (m,)
        Eigenvalues, the largest first.
    multiplicities : ndarray of shape (m,)
        How many each stands for.
    n : float
        Number of rows.
    ridge, effective_ridge : ndarray of shape (r,)
        Penalties and their effective ridges.
    ax_ : matplotlib Axes
        What was drawn to; there after :meth:`plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Raises
    ------
    ValueError
        If numbers are negative or not finite, or lengths do not match.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", chapter 2 (κ, and its estimate from the
    trace).

    Examples
    --------
    >>> from widelearn.diagnostics import SpectrumDisplay
    >>> from widelearn.theory import Spectrum
    >>> shown = SpectrumDisplay.from_spectrum(
    ...     Spectrum([1.0, 0.01], [10, 2000]), n=100, ridge=1.0
    ... )
    >>> shown.effective_ridge.round(2).tolist()  # of which 1 / 100 is the penalty
    [0.22]
    """

    @in_range
    def __init__(
        self,
        eigenvalues: ArrayLike,
        *,
        multiplicities: ArrayLike | None = None,
        n: float = 1,
        ridge: ArrayLike = (),
        effective_ridge: ArrayLike = (),
    ) -> None:
        found = Spectrum(eigenvalues, multiplicities)
        order = np.argsort(-found.eigenvalues, kind="stable")
        self.eigenvalues, self.multiplicities = found.eigenvalues[order], found.multiplicities[order]
        self.n = float(n)
        if not 0 < self.n < np.inf:
            raise ValueError(f"n must be a positive number of rows, got {n!r:.60}.")
        self.ridge, self.effective_ridge = levels("ridge", ridge), levels("effective_ridge", effective_ridge)
        if len(self.ridge) != len(self.effective_ridge):
            raise ValueError(
                f"There are {len(self.ridge)} ridges but {len(self.effective_ridge)} effective ones: give one for each."
            )

    @classmethod
    @in_range
    def from_estimator(cls, estimator: Any, *, sample_weight: ArrayLike | None = None, ax: Any = None) -> Self:
        """Draw the eigenvalues, over n, of the kernel matrix that a machine was fitted with.

        With weights w, S = √w, it is S K S; with an intercept on the complement of √w, where the fit lives. The
        effective ridge is 1 / tr (S K S + alpha)⁻¹ there, which estimates that of the kernel's operator. What is
        rounding beside the largest eigenvalue counts as zero, and is not drawn.

        Parameters
        ----------
        estimator : KernelRidge, KernelRidgeCV, RecursiveFeatureMachine or one of their classifiers
            Fitted to rows with a kernel object, in one piece: neither on centres (solver="nystrom") nor in leaves.
        sample_weight : array-like of shape (n,), default=None
            The weights of its fit, a row of `X_fit_` each.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SpectrumDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is no kernel machine that keeps its rows.
        ValueError
            If it was fitted on centres or in leaves, or weights do not fit its rows.
        MemoryError
            If the kernel matrix does not fit, with the bytes.

        Notes
        -----
        The penalty and the intercept are those of the fit, whatever was set since. It takes 4 n³ / 3 flops for the
        eigenvalues beside n² kernel values, 24 n² bytes.

        Examples
        --------
        >>> import numpy as np
        >>> from widelearn import KernelRidge
        >>> from widelearn.diagnostics import SpectrumDisplay
        >>> X = np.random.default_rng(0).standard_normal((60, 3))
        >>> model = KernelRidge("rbf", alpha=0.5).fit(X, X[:, 0])
        >>> shown = SpectrumDisplay.from_estimator(model)
        >>> bool(shown.effective_ridge[0] > shown.ridge[0] / 60), len(shown.eigenvalues)
        (True, 59)
        """
        K = kernel_of(estimator)
        weight = np.ones(len(K)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        if weight.shape != (len(K),) or not (np.isfinite(weight) & (weight >= 0)).all() or not weight.any():
            raise ValueError(f"sample_weight must be {len(K)} finite weights of at least 0, not all 0.")
        kept = weight > 0
        intercept, ridges = known_of(estimator)
        K = weighted_gram(K[np.ix_(kept, kept)], weight[kept], fit_intercept=intercept)
        n = len(K)
        values = linalg.eigvalsh(K)[::-1]
        values = np.where(values > n * EPS * np.abs(values).max(initial=0.0), values, 0.0)
        # On the complement of √w there is one eigenvalue less, and that is a zero.
        values = values[:-1] if intercept else values
        with np.errstate(divide="ignore"):
            kappas = [1.0 / float((1.0 / (values + ridge)).sum()) if len(values) else 0.0 for ridge in ridges]
        return cls(values / n, n=n, ridge=ridges, effective_ridge=kappas).plot(ax)

    @classmethod
    @in_range
    def from_spectrum(cls, spectrum: Any, n: float, ridge: ArrayLike, *, ax: Any = None) -> Self:
        """Draw a spectrum of theory, and the effective ridge that it has with n rows.

        Parameters
        ----------
        spectrum : Spectrum or array-like of shape (m,)
            Eigenvalues of the kernel's operator, as :mod:`widelearn.theory` has them. Its tail acts on κ, and has no
            eigenvalues to be drawn.
        n : float
            Number of rows.
        ridge : float or array-like of shape (r,)
            Penalties alpha.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SpectrumDisplay
            The display, drawn; κ is that of :func:`widelearn.theory.effective_ridge`.

        Raises
        ------
        ValueError
            If `n` is not positive, or a ridge negative.
        """
        found = spectrum if isinstance(spectrum, Spectrum) else Spectrum(spectrum)
        ridges = levels("ridge", ridge)
        kappas = np.atleast_1d(effective_ridge(found, n, ridges))
        options: dict[str, Any] = {
            "multiplicities": found.multiplicities,
            "n": n,
            "ridge": ridges,
            "effective_ridge": kappas,
        }
        return cls(found.eigenvalues, **options).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw positive eigenvalues over their ranks, κ and alpha / n as levels, and return the display.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SpectrumDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        TypeError
            If `ax` is no Axes.
        """
        from widelearn import plots

        self.ax_ = plots.spectrum(self, plots.axes_of(ax, 6.4, 4.4))
        self.figure_ = self.ax_.figure
        return self


def known_of(estimator: Any) -> tuple[bool, Array]:
    """Return whether a machine was fitted with an intercept, and its penalties, as the fit has kept them."""
    kept = getattr(vars(estimator)["_model"], "posterior", None)
    if kept is None or kept.fit_intercept is None:
        # Files of earlier versions do not say.
        alpha = estimator.alpha_ if hasattr(estimator, "alpha_") else estimator.alpha
        return bool(estimator.fit_intercept), np.unique(alpha).astype(np.float64)
    return kept.fit_intercept, np.unique(np.ldexp(kept.penalties, kept.units.weight)).astype(np.float64)


def kernel_of(estimator: Any) -> Array:
    """Return the kernel matrix of a fitted machine's rows; refuse one that has none."""
    if not hasattr(estimator, "fit"):
        raise TypeError(f"estimator must be a fitted kernel machine, got {estimator!r:.60}.")
    check_is_fitted(estimator)
    name = type(estimator).__name__
    if not isinstance(getattr(estimator, "kernel_", None), Kernel) or not hasattr(estimator, "X_fit_"):
        raise TypeError(
            f"{name} keeps no kernel object and rows: fit KernelRidge or RecursiveFeatureMachine to rows, or give"
            " SpectrumDisplay the eigenvalues of your matrix over n."
        )
    if getattr(estimator, "solver_", "") == "nystrom":
        raise ValueError("A fit on centres (solver='nystrom') keeps no kernel matrix of its rows: fit with another.")
    leaves = len(getattr(estimator, "leaf_starts_", (0, 0))) - 1
    if leaves > 1:
        raise ValueError(f"{name} was fitted in {leaves} leaves, of which each has a spectrum: fit with leaf_size=n.")
    return kernel_at(estimator.kernel_, estimator.X_fit_, "Give SpectrumDisplay the eigenvalues of fewer rows over n.")
