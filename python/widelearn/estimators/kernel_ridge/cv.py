"""Kernel ridge regression and classification, kernel and penalty chosen by left-out rows."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils._param_validation import StrOptions

from widelearn.estimators.kernel_ridge.regressor import BaseKernelRidge, KernelRidge, KernelRidgeClassifier
from widelearn.estimators.penalty import ALPHAS, ChoosesAlpha
from widelearn.kernels import NTK, Kernel, as_kernel
from widelearn.ridge.kernel_systems import own_kernel_matrix, symmetric_kernel_matrix
from widelearn.ridge.leave_one_out import DualPath, mean_squares
from widelearn.ridge.paths import check_alphas

Array = NDArray[Any]


class KernelPath(ChoosesAlpha, BaseKernelRidge):
    """The dual paths of one or several kernels, and the kernel and penalty chosen on them."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ChoosesAlpha._choice_constraints,
        "kernel": [Kernel, str, callable, list, tuple, None],
        "fit_intercept": ["boolean"],
    }
    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, NTK())}

    def _solve(self, X: Array, y: Array, sample_weight: Array | None, *, flat: bool) -> None:
        n_targets = y.shape[1]
        kernels = list(self.kernel) if isinstance(self.kernel, list | tuple) else [self.kernel]
        named = [kernel for kernel in kernels if isinstance(kernel, str)]
        if not kernels or ("precomputed" in named and not self._precomputed()):
            raise ValueError("kernel must name at least one kernel, and a list may not hold 'precomputed'.")
        best: Any = None
        for kernel in kernels:
            scores = self._scores(X, y, sample_weight, kernel)
            found = (*self._best(scores, n_targets), kernel)
            if best is None or found[2] > best[2]:
                best = found
        penalties, self.alpha_, self.best_score_, kernel = best
        self._solve_at(X, y, sample_weight, kernel, penalties, flat=flat)

    def _scores(self, X: Array, y: Array, sample_weight: Array | None, kernel: Any) -> Array:
        """Return the score (a, t) of every penalty for one kernel."""
        if self._precomputed():
            K = symmetric_kernel_matrix(own_kernel_matrix(X))
        else:
            chosen = clone(as_kernel(kernel, NTK()))
            K = chosen(X) if chosen.compiled else symmetric_kernel_matrix(chosen(X))
        if not self._refits():
            rows = np.arange(len(K)) if sample_weight is None else np.flatnonzero(sample_weight)
            found = self._path(K, y, sample_weight, rows)
            return -mean_squares(found.errors(), len(K))
        return np.mean([self._fold(K, y, sample_weight, *rows) for rows in self._splits(X, y)], axis=0)[:, None]

    def _path(self, K: Array, y: Array, sample_weight: Array | None, rows: Array) -> DualPath:
        """Return the path of some rows; all of K is destroyed where they are all rows."""
        weight = None if sample_weight is None else sample_weight[rows]
        part = K if len(rows) == len(K) else np.ascontiguousarray(K[np.ix_(rows, rows)])
        options = {"fit_intercept": self.fit_intercept, "definite": False}
        return DualPath(part, y[rows], check_alphas(self.alphas), weight, **options)

    def _fold(self, K: Array, y: Array, sample_weight: Array | None, train: Array, test: Array) -> list[float]:
        """Return the score of every penalty on one fold."""
        if sample_weight is not None:
            train, test = (rows[sample_weight[rows] > 0] for rows in (train, test))
        found, scores = self._path(K, y, sample_weight, train), []
        for alpha in check_alphas(self.alphas):
            solved = found.solve(np.full(y.shape[1], alpha))
            values = K[np.ix_(test, train)] @ solved.coef + solved.offset
            scores.append(self._score(y[test], values, None if sample_weight is None else sample_weight[test]))
        return scores


class KernelRidgeCV(KernelPath, KernelRidge):
    """Fit kernel ridge regression, kernel and penalty chosen by leaving out rows.

    The objective is that of :class:`KernelRidge`; the left-out error of row i is a_i / (M⁻¹)_ii, M = [[K + alpha W⁻¹,
    1], [1', 0]], for every penalty from one eigendecomposition.

    Parameters
    ----------
    kernel : Kernel, str, callable, list of them or None, default=None
        An object of :mod:`widelearn.kernels`, one of the names "rbf", "polynomial", "linear", "ntk" and "nngp", a
        function ``(X, Y) -> (n, m)``, or "precomputed"; or a list of kernels to choose from. None means ``NTK()``.
        Nested names set the parameters of a single one: ``kernel__depth``.
    alphas : array-like of shape (n_alphas,), default=(0.001, ..., 1000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept.
    cv : int, splitter, iterable or None, default=None
        None: the mean squared error of leaving out each row, in closed form. Else refits to folds, and the mean R²
        of the rows left out.

    Attributes
    ----------
    alpha_ : float
        The chosen penalty.
    kernel_ : Kernel or str
        The chosen kernel.
    best_score_ : float
        Their score: minus the mean squared left-out error, w_i r_i² with weights, or the mean R².
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients, zero for rows of weight zero.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept.
    solver_ : str
        What solved the chosen system: "cholesky"; "ldlt" if the kernel matrix plus alpha was indefinite, "eigen" if it
        was singular.
    n_iter_ : int
        1: the solvers are direct.
    residual_ : float
        Residual of the chosen system, relative to the targets; the largest over targets.
    X_fit_ : ndarray of shape (n, d)
        The rows; not there for a precomputed kernel.
    n_features_in_ : int
        Number of features, d; n for a precomputed kernel.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    Raises
    ------
    ValueError
        If a penalty is negative or a precomputed kernel matrix is not symmetric.
    MemoryError
        If the eigenvectors of the kernel matrix do not fit, with the bytes.

    Warns
    -----
    LinAlgWarning
        Once, with the reciprocal condition number and the remedy, if the chosen system is indefinite or singular.

    See Also
    --------
    KernelRidge : One kernel and one penalty.
    KernelRidgeClassifierCV : The same for classes.

    Notes
    -----
    For every kernel n² d flops for its matrix and 9 n³ for eigenvectors, or n³ a penalty where there are few; 24 n²
    bytes. Each further penalty costs 2 n² (t + 1) flops.

    References
    ----------
    Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics
    21, 1979, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import KernelRidgeCV
    >>> from widelearn.kernels import NTK, RBF
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> model = KernelRidgeCV([NTK(), RBF(gamma=1.0)], alphas=(1e-6, 1e-3, 1.0)).fit(
    ...     X, np.sin(3 * X[:, 0])
    ... )
    >>> model.kernel_, model.alpha_
    (RBF(gamma=1.0), 1e-06)
    """

    def __init__(
        self, kernel: Any = None, alphas: ArrayLike = ALPHAS, *, fit_intercept: bool = True, cv: Any = None
    ) -> None:
        self.kernel = kernel
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.cv = cv


class KernelRidgeClassifierCV(KernelPath, KernelRidgeClassifier):
    """Classify by kernel ridge regression, kernel and penalty chosen by leaving out rows.

    The objective is that of :class:`KernelRidgeClassifier`: least squares on +1 for a row's class and -1 for every
    other; the closed form is that of :class:`KernelRidgeCV`.

    Parameters
    ----------
    kernel : Kernel, str, callable, list of them or None, default=None
        An object of :mod:`widelearn.kernels`, one of the names "rbf", "polynomial", "linear", "ntk" and "nngp", a
        function ``(X, Y) -> (n, m)``, or "precomputed"; or a list of kernels to choose from. None means ``NTK()``.
        Nested names set the parameters of a single one: ``kernel__depth``.
    alphas : array-like of shape (n_alphas,), default=(0.001, ..., 1000.0)
        Penalties to choose from, non-negative; by default the powers of ten.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept.
    cv : int, splitter, iterable or None, default=None
        None: the mean squared error of leaving out each row, in closed form. Else refits to folds, and the mean
        accuracy of the rows left out.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights; "balanced" is n / (n_classes n_c).

    Attributes
    ----------
    alpha_ : float
        The chosen penalty.
    kernel_ : Kernel or str
        The chosen kernel.
    best_score_ : float
        Their score: minus the mean squared left-out error, w_i r_i² with weights, or the mean accuracy.
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    dual_coef_ : ndarray of shape (n,) or (n, n_columns)
        Dual coefficients, zero for rows of weight zero.
    intercept_ : float or ndarray of shape (n_columns,)
        Intercept.
    solver_ : str
        What solved the chosen system: "cholesky"; "ldlt" if the kernel matrix plus alpha was indefinite, "eigen" if it
        was singular.
    n_iter_ : int
        1: the solvers are direct.
    residual_ : float
        Residual of the chosen system, relative to the targets; the largest over targets.
    X_fit_ : ndarray of shape (n, d)
        The rows; not there for a precomputed kernel.
    n_features_in_ : int
        Number of features, d; n for a precomputed kernel.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    Raises
    ------
    ValueError
        If a penalty is negative or a precomputed kernel matrix is not symmetric.
    MemoryError
        If the eigenvectors of the kernel matrix do not fit, with the bytes.

    Warns
    -----
    LinAlgWarning
        Once, with the reciprocal condition number and the remedy, if the chosen system is indefinite or singular.

    See Also
    --------
    KernelRidgeClassifier : One kernel and one penalty.
    KernelRidgeCV : The regression.

    Notes
    -----
    For every kernel n² d flops for its matrix and 9 n³ for eigenvectors, or n³ a penalty where there are few; 24 n²
    bytes. Each further penalty costs 2 n² (t + 1) flops.

    References
    ----------
    Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics
    21, 1979, section 2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from widelearn import KernelRidgeClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = KernelRidgeClassifierCV(["rbf", "ntk"]).fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **KernelPath._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        kernel: Any = None,
        alphas: ArrayLike = ALPHAS,
        *,
        fit_intercept: bool = True,
        cv: Any = None,
        class_weight: dict[Any, float] | str | None = None,
    ) -> None:
        self.kernel = kernel
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.class_weight = class_weight
