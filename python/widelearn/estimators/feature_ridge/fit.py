"""Ridge regression on any feature map, fused and streamed: what the regressor and the classifier share."""

import warnings
from collections.abc import Iterator
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, validate_data

from widelearn.features import RandomFeatures
from widelearn.features.base import FeatureMap
from widelearn.kernels.parameters import DefaultObjects
from widelearn.ridge import Moments
from widelearn.ridge.dual_rows import KernelRows, StoredRows, solve_rows
from widelearn.ridge.mixed_precision import solve_refined
from widelearn.ridge.symmetric_systems import check_alpha
from widelearn.runtime import row_blocks

Array = NDArray[Any]
DTYPES = [np.float64, np.float32]
# Rows whose features a map outside the core holds at once, rows copied at once to leave some out, and rows turned to
# float32 at once.
BLOCK_ROWS, COPIED_ROWS, MIXED_ROWS = 1024, 1 << 14, 1 << 16
# Values from here on have squares that float32 may not hold.
LARGEST = 1e15
NO_WEIGHT = "All sample weights are zero: give at least one row a positive weight."


class BaseFeatureRidge(DefaultObjects, BaseEstimator):
    """A feature map, the smaller of its two ridge systems, and values at new rows."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "features": [StrOptions({"passthrough"}), HasMethods(["fit", "transform"]), None],
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "precision": [StrOptions({"auto", "mixed"})],
        "random_state": ["random_state"],
    }
    _stands_for: ClassVar[dict[str, Any]] = {"features": lambda value: RandomFeatures() if value is None else value}

    # Whether there is one target, and no targets' axis.
    _flat: bool
    # Whether rows are solved for as they come: targets of any type of number, some rows without weight.
    _streams = True

    @property
    def coef_(self) -> Array:
        """Coefficients, of shape (p,) or (n_targets, p)."""
        coef = self._pair()[0]
        return coef[0] if self._flat else coef

    @property
    def intercept_(self) -> Any:
        """Intercept, a number or of shape (n_targets,)."""
        intercept = self._pair()[1]
        return intercept[0] if self._flat else intercept

    def _fit_rows(self, X: Array, y: Array, sample_weight: Array | None) -> None:
        """Set the fitted attributes from validated rows and targets (n, t)."""
        for name in ("moments_", "_solved"):
            self.__dict__.pop(name, None)
        self._check_penalties(y.shape[1])
        if sample_weight is not None and not sample_weight.any():
            raise ValueError(NO_WEIGHT)
        if not self._streams:
            X, y, sample_weight = with_weight(X, y, sample_weight)
        self._fit_features(X, y, sample_weight)
        self._solved = self._solve_rows(X, y, sample_weight)

    def _check_penalties(self, n_targets: int) -> None:
        """Refuse penalties that do not fit the targets."""
        check_alpha(self.alpha, n_targets)

    def _solve_rows(self, X: Array, y: Array, sample_weight: Array | None) -> tuple[Array, Array]:
        """Return coefficients (t, p) and intercepts (t,) of rows; all have weight unless they are streamed."""
        return self._solve_at(X, y, sample_weight, check_alpha(self.alpha, y.shape[1]))

    def _solve_at(self, X: Array, y: Array, sample_weight: Array | None, alpha: Array) -> tuple[Array, Array]:
        """Return coefficients (t, p) and intercepts (t,) for one penalty a target."""
        n = X.shape[0] if sample_weight is None else int(np.count_nonzero(sample_weight))
        wide = self._is_wide(n, self._n_features(X, sample_weight), X)
        if wide or self.precision == "mixed":
            X, y, sample_weight = with_weight(X, y, sample_weight)
        if wide:
            y, weight = y.astype(np.float64), None if sample_weight is None else sample_weight.astype(np.float64)
            solved = solve_rows(self._wide_rows(X), y, alpha, weight, fit_intercept=self.fit_intercept)
            return self._pack(solved[:2], X.dtype)
        if self.precision == "mixed":
            found = self._solve_mixed(X, y, sample_weight, alpha)
            if found is not None:
                return found
        moments = self._sum_rows(X, y, sample_weight)
        return self._pack(moments.solve_once(alpha, self.fit_intercept), X.dtype)

    def _solve_mixed(self, X: Array, y: Array, sample_weight: Array | None, alpha: Array) -> tuple[Array, Array] | None:
        """Sum moments in float32 and refine their solution in float64; None where that does not converge."""
        moments = Moments(self._n_features(X), y.shape[1])
        for rows in row_blocks(X.shape[0], MIXED_ROWS):
            weight = None if sample_weight is None else sample_weight[rows]
            with np.errstate(over="ignore"):
                single = X[rows].astype(np.float32)
            if not np.abs(single.data if issparse(single) else single).max(initial=0.0) < LARGEST:
                return None
            moments.merge(self._sum_rows(single, y[rows], weight))

        def blocks() -> Iterator[tuple[slice, Array]]:
            return self._blocks(X, np.float64)

        found = solve_refined(moments, alpha, blocks, y, sample_weight, fit_intercept=self.fit_intercept)
        return None if found is None else self._pack(found[:2], X.dtype)

    def _solve_moments(self, moments: Moments) -> tuple[Array, Array]:
        """Return coefficients (t, p) and intercepts (t,) of all rows summed so far, which stay summed."""
        alpha = check_alpha(self.alpha, moments.n_targets)
        return self._pack(moments.solve(alpha, self.fit_intercept), self._dtype)

    def _fit_more(self, X: Array, y: Array, sample_weight: Array | None) -> None:
        """Add validated rows to the moments; the system is solved when its solution is asked for."""
        if not hasattr(self, "moments_"):
            if hasattr(self, "_solved"):
                warnings.warn(
                    "fit keeps no moments that partial_fit could add to: the rows given to fit are forgotten. Give all"
                    " rows to partial_fit.",
                    stacklevel=4,
                )
            self._fit_features(X, y, sample_weight)
            self.moments_ = Moments(self._n_features(X, sample_weight), y.shape[1])
            self._dtype = X.dtype
        if y.shape[1] != self.moments_.n_targets:
            raise ValueError(f"y has {y.shape[1]} targets, but earlier batches had {self.moments_.n_targets}.")
        self._check_penalties(y.shape[1])
        self._dtype = np.result_type(self._dtype, X.dtype)
        self.moments_.merge(self._sum_rows(X, y, sample_weight))
        self.__dict__.pop("_solved", None)

    def _fit_features(self, X: Array, y: Array, sample_weight: Array | None = None) -> None:
        """Clone the feature map and fit it."""
        self._clone_features()
        self._show_rows(X, y, sample_weight)

    def _clone_features(self) -> None:
        """Clone the feature map; seeds that it leaves open are drawn from the estimator's own."""
        self.features_: Any = self.features
        if not isinstance(self.features, str):
            self.features_ = clone(RandomFeatures() if self.features is None else self.features, safe=False)
            generator = check_random_state(self.random_state)
            parameters = self.features_.get_params() if hasattr(self.features_, "get_params") else {}
            for name in sorted(parameters):
                if name.split("__")[-1] == "random_state" and parameters[name] is None:
                    self.features_.set_params(**{name: int(generator.randint(2**31 - 1))})

    def _looks_at_rows(self) -> bool:
        """Whether the feature map may depend on the rows that it is fitted to."""
        if isinstance(self.features_, FeatureMap):
            return self.features_.looks_at_rows
        return not isinstance(self.features_, str)

    def _show_rows(self, X: Array, y: Array, sample_weight: Array | None = None) -> None:
        """Fit the cloned feature map; if it may look at rows it sees those that have a weight, if any has."""
        if not isinstance(self.features_, str):
            if self._looks_at_rows():
                seen = None if sample_weight is None or not sample_weight.any() else sample_weight
                X, y, _ = with_weight(X, y.astype(np.float64, copy=False), seen)
            self.features_.fit(X, y)

    def _n_features(self, X: Array, sample_weight: Array | None = None) -> int:
        if isinstance(self.features_, FeatureMap):
            return self.features_.n_features_out
        row = 0 if sample_weight is None else int(sample_weight.argmax())
        return self._transform(X[row : row + 1]).shape[1]

    def _is_wide(self, n: int, p: int, X: Array) -> bool:
        """Whether the n x n system costs less than the p x p one."""
        kernel = self.features_.gram_kernel() if isinstance(self.features_, FeatureMap) else None
        if kernel is None:
            return n < p
        # Products of neurons and of rows instead of products of features.
        return n * n * (p / X.shape[1] + X.shape[1]) + n**3 / 3 < n * p * p + p**3 / 3

    def _wide_rows(self, X: Array) -> StoredRows | KernelRows:
        """Return rows for an n x n system: their features, or a kernel that makes those needless."""
        kernel = self.features_.gram_kernel() if isinstance(self.features_, FeatureMap) else None
        if kernel is None:
            return StoredRows(self._transform(X), self.fit_intercept)
        return KernelRows(X, kernel, self.features_.pull_back)

    def _transform(self, X: Array) -> Array:
        """Return the features of rows as a dense array of X's dtype."""
        Z = X if isinstance(self.features_, str) else self.features_.transform(X)
        return np.asarray(Z.toarray() if hasattr(Z, "toarray") else Z, dtype=X.dtype)

    def _blocks(self, X: Array, dtype: Any = None) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of rows' features, of X's dtype unless another is asked for."""
        for rows in row_blocks(X.shape[0], BLOCK_ROWS):
            yield rows, self._transform(X[rows] if dtype is None else X[rows].astype(dtype, copy=False))

    def _sum_rows(self, X: Array, y: Array, sample_weight: Array | None) -> Moments:
        """Return the moments of rows: one fused pass for our feature maps, block by block for any other."""
        moments = Moments(self._n_features(X, sample_weight), y.shape[1])
        if sample_weight is not None and not sample_weight.all():
            # A row without weight is left out, for its numbers may be anything.
            for rows in row_blocks(X.shape[0], COPIED_ROWS):
                if sample_weight[rows].any():
                    moments.merge(self._sum_rows(*with_weight(X[rows], y[rows], sample_weight[rows])))
        elif isinstance(self.features_, FeatureMap):
            moments.absorb(*self.features_.moments(X, y, sample_weight))
        else:
            for rows, Z in self._blocks(X):
                moments.update(Z, y[rows], None if sample_weight is None else sample_weight[rows])
        return moments

    def _pack(self, solution: tuple[Array, Any], dtype: np.dtype[Any]) -> tuple[Array, Array]:
        coef, intercept = solution
        return np.ascontiguousarray(np.atleast_2d(coef.T), dtype=dtype), np.reshape(intercept, -1).astype(dtype)

    def _pair(self) -> tuple[Array, Array]:
        """Return coefficients (t, p) and intercepts (t,), solving what partial_fit left for later."""
        if "_solved" not in self.__dict__:
            if "moments_" not in self.__dict__:
                raise AttributeError(f"{type(self).__name__} has no coefficients before fit or partial_fit.")
            self._solved = self._solve_moments(self.moments_)
        return self._solved

    def _values(self, X: ArrayLike) -> Array:
        """Return Z coef + intercept, of shape (n, t), block by block; lazy for a Dask collection."""
        if hasattr(X, "__dask_graph__"):
            from widelearn.distributed import by_rows

            return by_rows(self, "_values", X, len(self._pair()[0]))
        x = validate_data(self, X, dtype=DTYPES, accept_sparse="csr", reset=False)
        coef, intercept = self._pair()
        if isinstance(self.features_, FeatureMap):
            return self.features_.dot(x, coef.T) + intercept.astype(x.dtype)
        out = np.empty((x.shape[0], len(coef)), x.dtype)
        for rows, Z in self._blocks(x):
            out[rows] = Z @ coef.T + intercept
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Of our maps those of projections take sparse rows; another map says itself what it takes.
        tags.input_tags.sparse = not isinstance(self.features, FeatureMap) or self.features.takes_sparse
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return "_solved" in self.__dict__ or "moments_" in self.__dict__


def with_weight(X: Array, y: Array, sample_weight: Array | None) -> tuple[Array, Array, Array | None]:
    """Return the rows that have a weight: copies, if there are any others."""
    if sample_weight is None or sample_weight.all():
        return X, y, sample_weight
    kept = sample_weight > 0
    return X[kept], y[kept], sample_weight[kept]


def check_weight(sample_weight: Any, X: Array, *, idle: bool, streams: bool) -> Array | None:
    """Return validated sample weights, as they come if they are streamed; rows that may be idle may have none."""
    if sample_weight is None:
        return None
    if idle and not np.any(sample_weight):
        if np.ndim(sample_weight) > 0:
            check_consistent_length(X, sample_weight)
        return np.zeros(X.shape[0])
    # Without a dtype float32 stays float32.
    return _check_sample_weight(sample_weight, X, dtype=None if streams else np.float64, ensure_non_negative=True)
