"""Kernel ridge regression and classification."""

from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from widelearn.estimators.signs import SignCoding
from widelearn.kernels import NTK, Kernel, as_kernel
from widelearn.kernels.parameters import DefaultObjects
from widelearn.ridge.solver import own_kernel_matrix, solve_dual
from widelearn.ridge.systems import check_alpha

Array = NDArray[Any]
DTYPES = [np.float64, np.float32]


class BaseKernelRidge(DefaultObjects, BaseEstimator):
    """What the regressor and the classifier share: the dual system and its values at new rows."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "kernel": [Kernel, str, callable, None],
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", "cholesky"})],
    }
    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, NTK())}

    def _solve(self, X: Array, y: Array, sample_weight: Array | None, *, flat: bool) -> None:
        """Set the fitted attributes from validated rows and targets (n, t)."""
        self._solve_at(X, y, sample_weight, self.kernel, check_alpha(self.alpha, y.shape[1]), flat=flat)

    def _solve_at(
        self, X: Array, y: Array, sample_weight: Array | None, kernel: Any, alpha: Array, *, flat: bool
    ) -> None:
        """Set the fitted attributes for one kernel and one penalty a target."""
        if self._precomputed():
            self.kernel_: Kernel | str = "precomputed"
            K = own_kernel_matrix(X)
        else:
            chosen = clone(as_kernel(kernel, NTK()))
            self.kernel_, self.X_fit_, K = chosen, X, chosen(X)
        symmetric = isinstance(self.kernel_, Kernel) and self.kernel_.compiled
        found = solve_dual(K, y, alpha, sample_weight, fit_intercept=self.fit_intercept, symmetric=symmetric)
        dual, offset = found.coef, found.offset.astype(X.dtype)
        self.dual_coef_: Array = dual[:, 0] if flat else dual
        self.intercept_: Any = offset[0] if flat else offset
        self.solver_, self.n_iter_, self.residual_ = found.solver, 1, found.residual

    def _values(self, X: ArrayLike) -> Array:
        """Return K(X, X_fit) a + b, of shape (n, t)."""
        x = validate_data(self, X, dtype=DTYPES, reset=False)
        dual = self.dual_coef_.reshape(len(self.dual_coef_), -1)
        if isinstance(self.kernel_, Kernel):
            # A view: the product of rows with themselves adds up in another order than that with their copy.
            return self.kernel_.dot(x, self.X_fit_.view(), dual) + self.intercept_
        return np.asarray(x @ dual + self.intercept_)

    def _precomputed(self) -> bool:
        return isinstance(self.kernel, str) and self.kernel == "precomputed"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self._precomputed()
        return tags


class KernelRidge(MultiOutputMixin, RegressorMixin, BaseKernelRidge):
    """Fit f(x) = Σ_i a_i k(x, x_i) + b by ridge regression in the kernel's function space.

    Minimises Σ_i w_i (y_i - f(x_i))² + alpha a'Ka over a and the unpenalised b, jointly, which is the system (K +
    alpha W⁻¹) a + b 1 = y, 1'a = 0. With the tangent kernel it is what training an infinitely wide network converges
    to.

    Parameters
    ----------
    kernel : Kernel, str, callable or None, default=None
        An object of :mod:`widelearn.kernels`, one of the names "rbf", "polynomial", "linear", "ntk" and "nngp", a
        function ``(X, Y) -> (n, m)``, or "precomputed". None means ``NTK()``. Nested names set its parameters:
        ``kernel__depth``.
    alpha : float or array-like of shape (n_targets,), default=1.0
        Penalty, non-negative, one for all targets or one each. It is scikit-learn's alpha: not divided by n.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept b.
    solver : {"auto", "cholesky"}, default="auto"
        How the dual system is solved; both mean Cholesky.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients a, zero for rows of weight zero.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    solver_ : str
        What solved the system: "cholesky"; "ldlt" if the kernel matrix plus alpha was indefinite, "eigen" if it was
        singular.
    n_iter_ : int
        1: the solvers are direct.
    residual_ : float
        Residual of the whole system, relative to the targets; the largest over targets.
    kernel_ : Kernel or str
        The kernel used.
    X_fit_ : ndarray of shape (n, d)
        The rows; not there for a precomputed kernel.
    n_features_in_ : int
        Number of features, d; n for a precomputed kernel.
    feature_names_in_ : ndarray of shape (d,)
        Names of the features, if they were strings.

    Raises
    ------
    MemoryError
        If the n x n kernel matrix does not fit, with the bytes; :class:`FeatureRidge` needs p x p for p random
        features.

    Warns
    -----
    LinAlgWarning
        Once, with the reciprocal condition number and the remedy, if the system is indefinite, singular or not
        symmetric.

    See Also
    --------
    KernelRidgeClassifier : The same for classes.
    FeatureRidge : Ridge regression on random features.

    Notes
    -----
    Fitting costs n² d + n³ / 3 flops and n² numbers, predicting m rows 2 m n d flops and no matrix. float32 data are
    computed in float32. The bits are the same for every number of threads.

    References
    ----------
    Saunders, Gammerman & Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998, section 2. Jacot,
    Gabriel & Hongler, "Neural tangent kernel", NeurIPS 2018, section 5 (least-squares training of wide networks).

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

    def __init__(
        self,
        kernel: Kernel | str | Callable[[Array, Array], ArrayLike] | None = None,
        alpha: ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        solver: str = "auto",
    ) -> None:
        self.kernel = kernel
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: Any = None) -> Self:
        """Fit to rows `X` (n, d) and targets `y` (n,) or (n, t); returns the estimator."""
        x, targets = validate_data(self, X, y, dtype=DTYPES, multi_output=True, y_numeric=True)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        self._solve(x, targets.astype(np.float64).reshape(len(x), -1), sample_weight, flat=targets.ndim == 1)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the values at the rows of `X`, of shape (n,) or (n, t)."""
        check_is_fitted(self)
        values = self._values(X)
        return values[:, 0] if self.dual_coef_.ndim == 1 else values


class KernelRidgeClassifier(SignCoding, BaseKernelRidge):
    """Classify by kernel ridge regression on +1 for a row's class and -1 for every other.

    The objective, with those codes for y, is that of :class:`KernelRidge`; two classes share one column, and each
    label of a multilabel indicator has its own.

    Parameters
    ----------
    kernel : Kernel, str, callable or None, default=None
        An object of :mod:`widelearn.kernels`, one of the names "rbf", "polynomial", "linear", "ntk" and "nngp", a
        function ``(X, Y) -> (n, m)``, or "precomputed". None means ``NTK()``. Nested names set its parameters:
        ``kernel__depth``.
    alpha : float or array-like of shape (n_columns,), default=1.0
        Penalty, non-negative.
    fit_intercept : bool, default=True
        Whether there is an unpenalised intercept.
    solver : {"auto", "cholesky"}, default="auto"
        How the dual system is solved; both mean Cholesky.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with the sample weights; "balanced" is n / (n_classes n_c).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes; column numbers for a multilabel indicator.
    multilabel_ : bool
        Whether the targets were a multilabel indicator.
    dual_coef_ : ndarray of shape (n,) or (n, n_columns)
        Dual coefficients; those of the one column for two classes.
    intercept_ : float or ndarray of shape (n_columns,)
        Intercept.
    solver_ : str
        What solved the system: "cholesky"; "ldlt" if the kernel matrix plus alpha was indefinite, "eigen" if it was
        singular.
    n_iter_ : int
        1: the solvers are direct.
    residual_ : float
        Residual of the whole system, relative to the codes; the largest over columns.
    kernel_ : Kernel or str
        The kernel used.
    X_fit_ : ndarray of shape (n, d)
        The rows; not there for a precomputed kernel.
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
        **BaseKernelRidge._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        kernel: Kernel | str | Callable[[Array, Array], ArrayLike] | None = None,
        alpha: ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        solver: str = "auto",
        class_weight: dict[Any, float] | str | None = None,
    ) -> None:
        self.kernel = kernel
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: Any = None) -> Self:
        """Fit to rows `X` (n, d) and labels `y` (n,), or an indicator (n, t); returns the estimator."""
        x, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True)
        labels, codes = self._encode(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        self._solve(x, codes, self._reweigh(labels, sample_weight), flat=codes.shape[1] == 1)
        return self
