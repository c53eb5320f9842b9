"""Kernel ridge classification."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from widelearn.estimators.chances import Chances, keeps_rows
from widelearn.estimators.feature_ridge.classifier import FeatureRidgeClassifier
from widelearn.estimators.feature_ridge.fit import read_labels
from widelearn.estimators.kernel_ridge.cost import foreseen_fit
from widelearn.estimators.kernel_ridge.fit import BaseKernelRidge, solve_one
from widelearn.estimators.kernel_ridge.regressor import KernelRidge
from widelearn.estimators.labels import CLASS_WEIGHT, ClassWeight, SignClassifier
from widelearn.kernels import Kernel
from widelearn.kernels.parameters import offered_if
from widelearn.runtime import Array


class KernelRidgeClassifier(SignClassifier, BaseKernelRidge):
    """Classify by kernel ridge regression on +1 for a row's class and -1 for every other.

    The objective, with those codes for y, is that of :class:`KernelRidge`; two classes share one target, and each
    label of a multilabel indicator has its own.

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
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights; a list has a dict for each label of an indicator.
        "balanced" is n / (n_classes n_c).
    verbose : bool or int, default=False
        Whether a line is printed after every iteration of "pcg"; at level INFO the logger "widelearn" gets it in
        any case.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
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
    kernel_ : Kernel or str
        The kernel used.
    X_fit_ : ndarray or sparse array of shape (n, d)
        The rows that were fitted, or the centres among them; not there for a precomputed kernel.
    n_features_in_ : int
        Number of features, d; n for a precomputed kernel.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    See Also
    --------
    KernelRidge : The regression; its costs and errors are the same.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from widelearn import KernelRidgeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = KernelRidgeClassifier("rbf", alpha=0.1).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        name: kinds for name, kinds in KernelRidge._parameter_constraints.items() if name != "store_loo"
    } | CLASS_WEIGHT
    predict_proba = offered_if(keeps_rows)(Chances.predict_proba)
    predict_log_proba = offered_if(keeps_rows)(Chances.predict_log_proba)
    predict_set = offered_if(keeps_rows)(Chances.predict_set)
    _read = read_labels
    _solve = solve_one
    _by_blocks = FeatureRidgeClassifier
    _foreseen = foreseen_fit

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
        verbose: bool | int = False,
        class_weight: ClassWeight = None,
    ) -> None:
        self.kernel, self.alpha, self.fit_intercept = kernel, alpha, fit_intercept
        self.solver, self.tol, self.max_iter = solver, tol, max_iter
        self.n_components, self.random_state = n_components, random_state
        self.callback, self.checkpoint, self.verbose = callback, checkpoint, verbose
        self.class_weight = class_weight
