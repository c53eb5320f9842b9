"""Kernel ridge regression."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions

from widelearn.estimators.feature_ridge.fit import read_numbers
from widelearn.estimators.feature_ridge.regressor import FeatureRidge
from widelearn.estimators.intervals import IntervalRegressor
from widelearn.estimators.kernel_ridge.cost import foreseen_fit
from widelearn.estimators.kernel_ridge.fit import BaseKernelRidge, solve_one
from widelearn.estimators.posterior import GaussianProcess
from widelearn.estimators.scores import RSquared
from widelearn.kernels import Kernel
from widelearn.runtime import Array


class KernelRidge(MultiOutputMixin, RegressorMixin, GaussianProcess, BaseKernelRidge):
    """Fit f(x) = Σ_i a_i k(x, x_i) + b by ridge regression in the kernel's function space.

    Minimises Σ_i w_i (y_i - f(x_i))² + alpha a'Ka over a and the unpenalised b, jointly, which is the system (K +
    alpha W⁻¹) a + b 1 = y, 1'a = 0. With the tangent kernel it is what training an infinitely wide network converges
    to.

    Parameters
    ----------
    kernel : Kernel, str, callable or None, default=None
        An object of :mod:`widelearn.kernels`, one of the names "rbf", "laplace", "laplacian" (``Laplace(norm=1)``),
        "polynomial", "linear", "ntk" and "nngp", a function ``(X, Y) -> (n, m)``, or "precomputed". None means
        ``NTK()``. Nested names set its parameters: ``kernel__depth``.
    alpha : float or array-like of shape (n_targets,), default=1.0
        Penalty, non-negative, one for all targets or one each. It is scikit-learn's alpha: not divided by n.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    solver : {"auto", "cholesky", "pcg", "nystrom"}, default="auto"
        "cholesky" factors the n x n matrix. "pcg" solves the same system by preconditioned conjugate gradients, from
        products with a matrix that is kept where memory lets it, and else made anew, tile by tile; so are matrices of
        more than 2 GiB whose values, by their measured rate, cost less than memory that is new to the process. "auto"
        takes one of them: "pcg" where the matrix does not fit, and from 1,500 rows on where the eigenvalues that a few
        hundred rows show foresee so few iterations that they cost less. "nystrom" is another model: the best
        combination of the kernels of `n_components` rows, n_components² numbers, for any number of rows.
    tol : float, default=1e-8
        Residual, relative to the targets, at which "pcg" ends.
    n_components : int or None, default=None
        Number of centres of "nystrom", 10 sqrt(n) by default; rank of the preconditioner of "pcg", chosen by cost by
        default.
    max_iter : int, default=1000
        Largest number of iterations of "pcg".
    random_state : int, RandomState or None, default=None
        Source of the centres or pivots, which randomly pivoted Cholesky draws; None is 0, so that fits are repeatable.
    callback : callable, default=None
        Called by "pcg" after every iteration with its number and the residuals of all columns.
    checkpoint : str or path, default=None
        File to which "pcg" writes its state: at most once a second, at the end and when interrupted. A state is written
        whole or not at all. If there is one, the iterations go on from it.
    store_loo : bool, default=False
        Whether the fit keeps each row's left-out error, `loo_residuals_`: another n³ / 3 flops, which the first
        :meth:`predict_interval` saves, by the factor of the fit in its place. Weighted rows, "pcg" and kernels whose
        diagonal is far from even take a second factor. "auto" is then "cholesky" where that fits.
    verbose : bool or int, default=False
        Whether a line is printed after every iteration of "pcg"; at level INFO the logger "widelearn" gets it in
        any case.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients a of the rows in `X_fit_`, zero for rows of weight zero; in float64 where float32 rows ask for
        it.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    solver_ : str
        What solved the system: "cholesky", or another `solver` that was chosen; "ldlt" if the kernel matrix plus alpha
        was indefinite, "eigen" if it was singular; "columns" if the linear kernel's matrix would have lost digits, and
        ridge regression on the columns of X took its place.
    n_iter_ : int
        Iterations; 1 for direct solvers.
    residual_ : float
        Residual of the whole system, relative to the targets; the largest over targets.
    loo_residuals_ : ndarray of shape (n,) or (n, n_targets)
        With `store_loo`, y_i - f_-i(x_i), f_-i fitted to the other rows; NaN for rows of weight zero.
    kernel_ : Kernel or str
        The kernel used.
    X_fit_ : ndarray or sparse array of shape (n, d)
        The rows that were fitted, or the centres among them; not there for a precomputed kernel.
    n_features_in_ : int
        Number of features, d; n for a precomputed kernel.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    Raises
    ------
    MemoryError
        If with "cholesky" the n x n kernel matrix does not fit, or with the others their low-rank factor, with the
        bytes; :class:`FeatureRidge` needs p x p for p random features.
    LinAlgError
        If "pcg" meets a kernel that is not positive semidefinite; the direct solver has an answer for it.
    ValueError
        If a checkpoint is of another problem, or left-out errors are to be kept of "nystrom" or a precomputed kernel.

    Warns
    -----
    LinAlgWarning
        Once, with the reciprocal condition number and the remedy, if the system is indefinite, singular or not
        symmetric; with the ratio of its largest eigenvalue to alpha if rounding errors move the fit by more than 1e-6
        of the targets.
    ConvergenceWarning
        If "pcg" ends before `tol`, with the residual reached.
    UserWarning
        Before the work, if more than 30,000 rows foresee more than ten minutes of it, with the time.

    See Also
    --------
    KernelRidgeClassifier : The same for classes.
    FeatureRidge : Ridge regression on random features.

    Notes
    -----
    Fitting costs n² d + n³ / 3 flops and n² numbers ("pcg" with rank k: 2 n k² flops, n k numbers and each iteration
    n² products, times d where the matrix is not kept; "nystrom" with M centres: 2 n M² flops and M² numbers beside a
    low-rank factor), predicting m rows 2 m n d flops and no matrix. The bits of what "cholesky" gives are the same for
    every number of threads.

    Sparse rows stay sparse, with all kernels whose `takes_sparse` is true and every solver: no more is held than the
    matrix, what the solver takes, and a few copies of what rows store; the centres of "nystrom" are sparse, too.
    The fit is that of dense rows, to rounding; fewer of them than columns are never solved by columns. Kernels of
    functions, such as :class:`~widelearn.kernels.Empirical`, and :class:`~widelearn.kernels.CyclicAverage` refuse
    sparse rows with TypeError: pass ``X.toarray()``, or take another kernel.

    float64 matrices of 1,500 rows and more are factored in float32 where alpha is well above its rounding errors and
    another n² / 2 numbers fit into memory; conjugate gradients on the matrix itself then bring the residual to what a
    factor in float64 leaves, or that factor is taken after all.

    What "auto" foresees is counted, not timed, so that it depends on the data alone: an entry of a product with a
    matrix in memory costs as much as 14 multiplications of a matrix product in float32, as on cores of AVX2 and AVX-512
    with 5 to 10 GB/s each, and a look at a block of pivots 3e8 of them. In trials of 2,000 and 3,000 rows the choice
    cost up to half as much again as the better of the two, and mostly less than a tenth.

    float32 rows are computed in float32 where that moves the fit by less than about 1e-5 of the targets. Else the
    matrix is made of the exact rows in float64 and factored again, for twice the memory and two to three times the
    time, and predictions are computed in float64 and rounded at the end.

    ``predict(X, return_std=True)`` treats f - b as a Gaussian process of covariance k and targets as f plus noise of
    variance alpha / w_i: it factors the matrix again, n³ / 3 flops and n² numbers, at every call. With "nystrom" and up
    to 2,048 centres the process is the one that they explain, and what they do not explain is added to its variance.

    With "nystrom" Dask arrays and dataframes are fitted block by block where they lie, as :class:`FeatureRidge` fits
    them: the centres are chosen among rows drawn from all blocks, 10,000 or four times as many as centres.

    References
    ----------
    Saunders, Gammerman & Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998, section 2. Jacot,
    Gabriel & Hongler, "Neural tangent kernel", NeurIPS 2018, section 5 (least-squares training of wide networks).
    Díaz, Epperly, Frangella, Tropp & Webber, "Robust, randomized preconditioning for kernel ridge regression",
    arXiv:2304.12465, 2023 ("pcg", and the restricted model of "nystrom").

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import KernelRidge
    >>> from widelearn.kernels import NTK
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> model = KernelRidge(NTK(depth=3, bias_variance=0.1), alpha=1e-3).fit(X, X[:, 0] ** 2)
    >>> np.round(model.predict([[0.5]]), 2)
    array([0.25])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "kernel": [Kernel, str, callable, None],
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", "cholesky", "pcg", "nystrom"})],
        "tol": [Interval(Real, 0, None, closed="neither")],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "callback": [callable, None],
        "checkpoint": [str, PathLike, None],
        "store_loo": ["boolean"],
        "verbose": ["verbose"],
    }
    _read = read_numbers
    _solve = solve_one
    _by_blocks = FeatureRidge
    _foreseen = foreseen_fit
    predict_interval = IntervalRegressor.predict_interval
    score = RSquared.score

    def __init__(
        self,
        kernel: Kernel | str | Callable[[Array, Array], ArrayLike] | None = None,
        alpha: ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-8,
        n_components: int | None = None,
        max_iter: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        callback: Callable[[int, Array], object] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        store_loo: bool = False,
        verbose: bool | int = False,
    ) -> None:
        self.kernel, self.alpha, self.fit_intercept = kernel, alpha, fit_intercept
        self.solver, self.tol, self.max_iter = solver, tol, max_iter
        self.n_components, self.random_state = n_components, random_state
        self.callback, self.checkpoint, self.store_loo, self.verbose = callback, checkpoint, store_loo, verbose
