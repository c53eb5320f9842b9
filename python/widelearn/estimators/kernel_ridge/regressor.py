"""Kernel ridge regression and classification."""

import math
from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from widelearn.estimators.feature_ridge.regressor import FeatureRidge, FeatureRidgeClassifier
from widelearn.estimators.kernel_ridge.centres import fit_on_centres
from widelearn.estimators.labels import SignCoding
from widelearn.features import NystromFeatures
from widelearn.kernels import NTK, Kernel, as_kernel
from widelearn.kernels.parameters import DefaultObjects
from widelearn.ridge.kernel_iterations import FEW_ROWS, solve_iteratively, worth_iterating
from widelearn.ridge.kernel_systems import own_kernel_matrix, solve_dual, symmetric_kernel_matrix
from widelearn.ridge.operators import Dense, cached
from widelearn.ridge.symmetric_systems import check_alpha
from widelearn.runtime import available_memory

Array = NDArray[Any]
DTYPES = [np.float64, np.float32]


class BaseKernelRidge(DefaultObjects, BaseEstimator):
    """What the regressor and the classifier share: the dual system and its values at new rows."""

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
    }
    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, NTK())}
    alpha: Any
    solver: str

    def _solve(self, X: Array, y: Array, sample_weight: Array | None, *, flat: bool) -> None:
        """Set the fitted attributes from validated rows and targets (n, t)."""
        alpha = check_alpha(self.alpha, y.shape[1])
        if sample_weight is not None and not sample_weight.any():
            raise ValueError("All sample weights are zero: give at least one row a positive weight.")
        draft = self._start(X, self.kernel)
        if self.solver == "nystrom":
            draft |= self._solve_on_centres(X, y, sample_weight, draft["kernel_"], alpha)
        elif self.solver == "cholesky" or (self.solver == "auto" and len(X) < FEW_ROWS and fits(X)):
            draft |= self._solve_directly(X, y, sample_weight, draft["kernel_"], alpha)
        else:
            draft |= self._iterate(X, y, sample_weight, draft["kernel_"], alpha)
        self._keep(draft, flat)

    def _solve_at(
        self, X: Array, y: Array, sample_weight: Array | None, kernel: Any, alpha: Array, *, flat: bool
    ) -> None:
        """Set the fitted attributes for one kernel and one penalty a target, by a factor."""
        draft = self._start(X, kernel)
        self._keep(draft | self._solve_directly(X, y, sample_weight, draft["kernel_"], alpha), flat)

    def _start(self, X: Array, kernel: Any) -> dict[str, Any]:
        """Return the kernel and the rows that are kept."""
        if self._precomputed():
            return {"kernel_": "precomputed"}
        return {"kernel_": clone(as_kernel(kernel, NTK())), "X_fit_": X}

    def _keep(self, draft: dict[str, Any], flat: bool) -> None:
        """Replace what was fitted, at one stroke."""
        dual, offset = draft["dual_coef_"], draft["intercept_"]
        draft |= {"dual_coef_": dual[:, 0] if flat else dual, "intercept_": offset[0] if flat else offset}
        self.__dict__.pop("X_fit_", None)
        self.__dict__ |= draft

    def _solve_directly(self, X: Array, y: Array, sample_weight: Any, kernel: Any, alpha: Array) -> dict[str, Any]:
        K = kernel(X) if isinstance(kernel, Kernel) else own_kernel_matrix(X)
        symmetric = isinstance(kernel, Kernel) and kernel.compiled
        return self._factor(K, y, sample_weight, alpha, symmetric)

    def _factor(self, K: Array, y: Array, sample_weight: Any, alpha: Array, symmetric: bool) -> dict[str, Any]:
        """Solve by a factor of K, which is destroyed."""
        found = solve_dual(K, y, alpha, sample_weight, fit_intercept=self.fit_intercept, symmetric=symmetric)
        return {
            "dual_coef_": found.coef,
            "intercept_": found.offset.astype(K.dtype),
            "solver_": found.solver,
            "n_iter_": 1,
            "residual_": found.residual,
        }

    def _iterate(self, X: Array, y: Array, sample_weight: Any, kernel: Any, alpha: Array) -> dict[str, Any]:
        """Solve by conjugate gradients, or by a factor where "auto" finds that cheaper and it fits."""
        whole = symmetric_kernel_matrix(X) if kernel == "precomputed" else kernel.operator(X)
        A = Dense(whole) if isinstance(whole, np.ndarray) else cached(whole, whole.dense)
        seed = 0 if self.random_state is None else self.random_state
        options = {"fit_intercept": self.fit_intercept, "tol": self.tol, "max_iter": self.max_iter}
        preconditioner = None
        if self.solver == "auto" and isinstance(A, Dense) and A.dtype == X.dtype:
            # A matrix that is kept can be factored in its place.
            preconditioner = worth_iterating(A, alpha, sample_weight, random_state=seed, **options)
            if preconditioner is None:
                K = own_kernel_matrix(X) if A.matrix is X else A.matrix
                return self._factor(K, y, sample_weight, alpha, kernel == "precomputed" or kernel.compiled)
        options |= {"rank": self.n_components, "callback": self.callback, "checkpoint": self.checkpoint}
        try:
            found = solve_iteratively(
                A, y, alpha, sample_weight, random_state=seed, preconditioner=preconditioner, **options
            )
        except np.linalg.LinAlgError:
            if preconditioner is None:
                raise
            # An indefinite kernel is the direct solver's, which says so.
            return self._solve_directly(X, y, sample_weight, kernel, alpha)
        return {
            "dual_coef_": found.coef.astype(X.dtype),
            "intercept_": found.offset.astype(X.dtype),
            "solver_": "pcg",
            "n_iter_": found.n_iter,
            "residual_": found.residual,
        }

    def _solve_on_centres(self, X: Array, y: Array, sample_weight: Any, kernel: Any, alpha: Array) -> dict[str, Any]:
        """Solve the model that is restricted to combinations of some rows' kernels."""
        n_components = self.n_components or default_centres(len(X))
        seed = 0 if self.random_state is None else self.random_state
        features = NystromFeatures(kernel, n_components, random_state=seed)
        found = fit_on_centres(features, X, y, alpha, sample_weight, fit_intercept=self.fit_intercept)
        draft: dict[str, Any] = {
            "dual_coef_": found.coef,
            "intercept_": found.offset,
            "solver_": "nystrom",
            "n_iter_": 1,
            "residual_": found.residual,
        }
        if kernel == "precomputed":
            dual = np.zeros((len(X), y.shape[1]), X.dtype)
            dual[features.component_indices_] = found.coef
            draft["dual_coef_"] = dual
        else:
            draft["X_fit_"] = features.components_
        return draft

    def _fit_lazy(self, regression: Any, X: Any, y: Any, sample_weight: Any) -> None:
        """Fit to a Dask collection: ridge regression on Nyström features, whose coefficients become dual ones."""
        if self.solver != "nystrom" or self._precomputed():
            raise ValueError(
                f"Dask collections are fitted with solver='nystrom' and a kernel of rows, got solver={self.solver!r}"
                f" and kernel={self.kernel!r}. FeatureRidge fits them with random features."
            )
        p = self.n_components
        if p is None:
            from widelearn.distributed import count_rows

            n = count_rows(X)
            if math.isnan(n):
                raise ValueError(
                    "The default n_components is 10 sqrt(n), and how many rows X has is unknown: set n_components, or"
                    " let X.compute_chunk_sizes() count them."
                )
            p = default_centres(int(n))
        seed = 0 if self.random_state is None else self.random_state
        kernel = clone(as_kernel(self.kernel, NTK()))
        options = {"class_weight": self.class_weight} if isinstance(self, SignCoding) else {}
        found = regression(
            NystromFeatures(kernel, p, random_state=seed), self.alpha, fit_intercept=self.fit_intercept, **options
        ).fit(X, y, sample_weight)
        draft = {"kernel_": kernel, "X_fit_": found.features_.components_}
        draft |= {"dual_coef_": found.features_.dual(np.atleast_2d(found.coef_).T).astype(found.coef_.dtype)}
        draft |= {"intercept_": np.reshape(found.intercept_, -1)}
        draft |= {"solver_": "nystrom", "n_iter_": 1, "residual_": 0.0}
        for name in ("n_features_in_", "feature_names_in_", "classes_", "multilabel_"):
            self.__dict__.pop(name, None)
            if hasattr(found, name):
                draft[name] = getattr(found, name)
        self._keep(draft, np.ndim(found.coef_) == 1)

    def _values(self, X: ArrayLike) -> Array:
        """Return K(X, X_fit) a + b, of shape (n, t); lazy for a Dask collection."""
        if hasattr(X, "__dask_graph__"):
            from widelearn.distributed import by_rows

            return by_rows(self, "_values", X, np.size(self.intercept_))
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


def default_centres(n: int) -> int:
    """Return how many centres n rows have unless told otherwise."""
    return max(min(10 * math.isqrt(n), n), 1)


def fits(X: Array) -> bool:
    """Whether a kernel matrix of all rows, and its factor, fit into memory."""
    return len(X) ** 2 * X.itemsize <= available_memory()[0]


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
    solver : {"auto", "cholesky", "pcg", "nystrom"}, default="auto"
        "cholesky" factors the n x n matrix. "pcg" solves the same system by preconditioned conjugate gradients, from
        products with a matrix that is kept where memory lets it, and else made anew, tile by tile. "auto" takes one of
        them: "pcg" where the matrix does not fit, and from 3,000 rows on where a low-rank factor foresees so few
        iterations that they cost less. "nystrom" is another model: the best combination of the kernels of
        `n_components` rows, n_components² numbers, for any number of rows.
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
        File that "pcg" writes its state to after every iteration, whole or not at all, and goes on from if it is there.

    Attributes
    ----------
    dual_coef_ : ndarray of shape (n,) or (n, n_targets)
        Dual coefficients a, zero for rows of weight zero; of "nystrom" those of the rows in `X_fit_`.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    solver_ : str
        What solved the system: "cholesky", "pcg" or "nystrom"; "ldlt" if the kernel matrix plus alpha was indefinite,
        "eigen" if it was singular.
    n_iter_ : int
        Iterations of "pcg", 1 for direct solvers.
    residual_ : float
        Residual of the whole system, relative to the targets; the largest over targets.
    kernel_ : Kernel or str
        The kernel used.
    X_fit_ : ndarray of shape (n, d)
        The rows, of "nystrom" the centres among them; not there for a precomputed kernel.
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
        If a checkpoint is of another problem.

    Warns
    -----
    LinAlgWarning
        Once, with the reciprocal condition number and the remedy, if the system is indefinite, singular or not
        symmetric.
    ConvergenceWarning
        If "pcg" ends before `tol`, with the residual reached.

    See Also
    --------
    KernelRidgeClassifier : The same for classes.
    FeatureRidge : Ridge regression on random features.

    Notes
    -----
    Fitting costs n² d + n³ / 3 flops and n² numbers ("pcg" with rank k: 2 n k² flops, n k numbers and each iteration
    n² products, times d where the matrix is not kept; "nystrom" with M centres: 2 n M² flops and M² numbers beside a
    low-rank factor), predicting m rows 2 m n d flops and no matrix. float32 data are computed in float32. The bits of
    what "cholesky" gives are the same for every number of threads.

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
    ) -> None:
        self.kernel = kernel
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.n_components = n_components
        self.max_iter = max_iter
        self.random_state = random_state
        self.callback = callback
        self.checkpoint = checkpoint

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: Any = None) -> Self:
        """Fit to rows `X` (n, d) and targets `y` (n,) or (n, t), of Dask too with "nystrom"; returns the estimator."""
        if hasattr(X, "__dask_graph__"):
            self._fit_lazy(FeatureRidge, X, y, sample_weight)
            return self
        x, targets = validate_data(self, X, y, dtype=DTYPES, multi_output=True, y_numeric=True)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        self._solve(x, targets.astype(np.float64).reshape(len(x), -1), sample_weight, flat=targets.ndim == 1)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the values at the rows of `X`, of shape (n,) or (n, t); lazily for Dask's."""
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
    solver : {"auto", "cholesky", "pcg", "nystrom"}, default="auto"
        "cholesky" factors the n x n matrix. "pcg" solves the same system by preconditioned conjugate gradients, from
        products with a matrix that is kept where memory lets it, and else made anew, tile by tile. "auto" takes one of
        them: "pcg" where the matrix does not fit, and from 3,000 rows on where a low-rank factor foresees so few
        iterations that they cost less. "nystrom" is another model: the best combination of the kernels of
        `n_components` rows, n_components² numbers, for any number of rows.
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
        File that "pcg" writes its state to after every iteration, whole or not at all, and goes on from if it is there.
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
        What solved the system: "cholesky", "pcg" or "nystrom"; "ldlt" if the kernel matrix plus alpha was indefinite,
        "eigen" if it was singular.
    n_iter_ : int
        Iterations of "pcg", 1 for direct solvers.
    residual_ : float
        Residual of the whole system, relative to the codes; the largest over columns.
    kernel_ : Kernel or str
        The kernel used.
    X_fit_ : ndarray of shape (n, d)
        The rows, of "nystrom" the centres among them; not there for a precomputed kernel.
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
        tol: float = 1e-8,
        n_components: int | None = None,
        max_iter: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        callback: Callable[[int, Array], object] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        class_weight: dict[Any, float] | str | None = None,
    ) -> None:
        self.kernel = kernel
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.n_components = n_components
        self.max_iter = max_iter
        self.random_state = random_state
        self.callback = callback
        self.checkpoint = checkpoint
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: Any = None) -> Self:
        """Fit to rows `X` (n, d) and labels `y` (n,), or an indicator (n, t), of Dask too; returns the estimator."""
        if hasattr(X, "__dask_graph__"):
            self._fit_lazy(FeatureRidgeClassifier, X, y, sample_weight)
            return self
        x, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True)
        labels, codes = self._encode(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, x, dtype=np.float64, ensure_non_negative=True)
        self._solve(x, codes, self._reweigh(labels, sample_weight), flat=codes.shape[1] == 1)
        return self
