"""The recursion of recursive feature machines: fit, take gradients, change the metric, and choose where to stop."""

from contextlib import nullcontext
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from widelearn.estimators.recursive.lengths import candidates
from widelearn.estimators.recursive.metric import applied, gradients, next_metric, outer_product
from widelearn.kernels import Kernel, Laplace, as_kernel
from widelearn.kernels.parameters import DefaultObjects
from widelearn.kernels.slopes import check_radial
from widelearn.ridge.leave_one_out import DualPath
from widelearn.ridge.paths import check_alphas
from widelearn.runtime import check_memory, one_blas_thread

Array = NDArray[Any]
DTYPES = [np.float64, np.float32]
ALPHAS = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3)
# Rows that choose the length, that choose penalty and iteration, and whose gradients make the metric.
LENGTH_ROWS, CHOICE_ROWS, GRADIENT_ROWS = 1000, 3000, 8000
# Up to so many rows, factors are too small for the threads of BLAS.
FEW_ROWS = 1000
# Penalty up to which gradients learn where the kernel itself prefers to give up; kernel values of equal rows are 1.
SHARP = 0.1
# Standard errors by which an iteration must beat the kernel itself.
MARGIN = 2.0


class BaseRecursive(DefaultObjects, BaseEstimator):
    """What the regressor and the classifier share: the iteration, its choice and its values at new rows."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "kernel": [Kernel, str, callable, None],
        "alphas": ["array-like"],
        "n_iter": [Interval(Integral, 0, None, closed="left")],
        "metric": [StrOptions({"full", "diagonal"})],
        "exponent": [Interval(Real, 0, None, closed="neither")],
        "n_folds": [Interval(Integral, 2, None, closed="left")],
        "standardize": ["boolean"],
        "fit_intercept": ["boolean"],
        "random_state": ["random_state"],
        "callback": [callable, None],
    }
    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, Laplace())}
    kernel: Any
    alphas: Any
    n_iter: int
    metric: str
    exponent: float
    n_folds: int
    standardize: bool
    fit_intercept: bool
    random_state: Any
    callback: Any

    def _learn(self, X: Array, y: Array, weight: Array | None, *, flat: bool) -> None:
        """Set the fitted attributes from validated rows, targets (n, t) and weights."""
        if isinstance(self.kernel, str) and self.kernel == "precomputed":
            raise ValueError("kernel='precomputed' has no gradients: give the rows and RBF, Laplace or Matern.")
        kernel = clone(as_kernel(self.kernel, Laplace()))
        check_radial(kernel)
        if weight is not None:
            if not weight.any():
                raise ValueError("All rows have weight zero: give at least one class a positive weight.")
            X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
        rng = check_random_state(0 if self.random_state is None else self.random_state)
        order = rng.permutation(len(X))
        mean, scale = X.mean(axis=0, dtype=np.float64), np.ones(X.shape[1])
        if self.standardize:
            spread = X.std(axis=0, dtype=np.float64)
            scale = np.where(spread > 10 * np.finfo(X.dtype).eps * np.abs(mean), spread, 1.0)
        Z = ((X - mean) / scale).astype(X.dtype)
        with one_blas_thread() if len(X) <= FEW_ROWS else nullcontext():
            kernel, start, errors = self._length(kernel, *taken(Z, y, weight, order[:LENGTH_ROWS]))
            part = taken(Z, y, weight, order[:CHOICE_ROWS])
            trails = [self._choose(kernel, *part, start, errors, cap) for cap in self._caps(start)]
            history, alphas, cap = min(trails, key=lambda trail: float(trail[0][preferred(trail[0])].mean()))
            best = preferred(history)
            means = [float(errors.mean()) for errors in history]
            penalties = [min(alpha, cap) for alpha in alphas[:best]] + [alphas[best]]
            draft = self._final(kernel, Z, y, weight, penalties, order[:GRADIENT_ROWS])
        dual, offset = draft["dual_coef_"], draft["intercept_"]
        draft |= {"dual_coef_": dual[:, 0] if flat else dual, "intercept_": offset[0] if flat else offset}
        draft |= {"mean_": mean, "scale_": scale, "kernel_": kernel, "n_iter_": best, "alpha_": alphas[best]}
        self.__dict__ |= draft | {"history_": np.array(means), "best_score_": -means[best]}

    def _path(self, kernel: Kernel, Z: Array, y: Array, weight: Array | None, alphas: Array) -> DualPath:
        return DualPath(kernel(Z), y, alphas, weight, fit_intercept=self.fit_intercept, definite=False)

    def _left_out(self, kernel: Kernel, Z: Array, y: Array, weight: Array | None, alphas: Array) -> Array:
        """Return the squared leave-one-out error (a, n), the mean over targets, of every penalty and row."""
        errors = self._path(kernel, Z, y, weight, alphas).errors()
        return np.concatenate([(block**2).mean(axis=2) for _, block in errors], axis=1)

    def _length(self, kernel: Kernel, Z: Array, y: Array, weight: Array | None) -> tuple[Kernel, int, Array]:
        """Return the kernel, its length chosen where that was left open, its best penalty's place and errors."""
        best: Any = None
        for one in candidates(kernel, Z):
            errors = self._left_out(one, Z, y, weight, check_alphas(self.alphas))
            j = int(errors.mean(axis=1).argmin())
            if best is None or errors[j].mean() < best[2].mean():
                best = (one, j, errors[j])
        return best

    def _caps(self, start: int) -> list[float]:
        """Return the largest penalties of gradients to try: none, and a small one if the best penalty is larger."""
        alphas = check_alphas(self.alphas)
        small = alphas[alphas <= SHARP]
        more = self.n_iter > 0 and alphas[start] > SHARP and len(small) > 0
        return [np.inf, float(small.max())] if more else [np.inf]

    def _choose(
        self, kernel: Kernel, Z: Array, y: Array, weight: Array | None, start: int, errors: Array, cap: float
    ) -> tuple[list[Array], list[float], float]:
        """Return every iteration's squared leave-one-out errors, row by row, and penalty, and the cap of gradients'.

        A row's error comes from a metric that its own fold had no part in; every penalty is next to the one
        before, that of iteration 1 to the cap where there is one.
        """
        alphas = check_alphas(self.alphas)
        order = np.argsort(alphas)
        j = int(np.flatnonzero(order == start)[0])
        folds = np.arange(len(Z)) % min(self.n_folds, len(Z))
        roots = [np.ones(Z.shape[1])] * (int(folds.max()) + 1)
        history: list[Array] = []
        chosen: list[float] = []
        for iteration in range(self.n_iter + 1):
            if iteration or len(errors) < len(Z):
                first = max(j - 1, 0)
                near = alphas[order[first : j + 2]]
                found = self._unseen(kernel, Z, y, weight, near, roots if iteration else roots[:1], folds)
                best = int(found.mean(axis=1).argmin())
                j, errors = first + best, found[best]
            history.append(errors)
            chosen.append(float(alphas[order[j]]))
            if not iteration and np.isfinite(cap):
                j = int(np.flatnonzero(alphas[order] == cap)[0])
            if self.callback is not None:
                self.callback(iteration, float(errors.mean()))
            if iteration == self.n_iter or len(roots) < 2:
                break
            for fold, root in enumerate(roots):
                part = taken(Z, y, weight, np.flatnonzero(folds != fold))
                metric = self._step(kernel, root, *part, min(chosen[-1], cap), slice(None))[1]
                if metric is None:
                    return history, chosen, cap
                roots[fold] = metric[1]
        return history, chosen, cap

    def _unseen(
        self, kernel: Kernel, Z: Array, y: Array, weight: Array | None, alphas: Array, roots: list[Array], folds: Array
    ) -> Array:
        """Return squared leave-one-out errors (a, n), each fold's under its own root; a single root is for all."""
        errors = np.empty((len(alphas), len(Z)))
        for fold, root in enumerate(roots):
            own = folds == fold if len(roots) > 1 else slice(None)
            mapped = np.ascontiguousarray(applied(root, Z), Z.dtype)
            errors[:, own] = self._left_out(kernel, mapped, y, weight, alphas)[:, own]
        return errors

    def _step(
        self, kernel: Kernel, root: Array, Z: Array, y: Array, weight: Array | None, alpha: float, sample: Any
    ) -> tuple[Any, tuple[Array, Array] | None]:
        """Fit under a metric; return the mapped rows with the solution, and the metric and root of its gradients."""
        mapped = np.ascontiguousarray(applied(root, Z), Z.dtype)
        found = self._path(kernel, mapped, y, weight, np.array([alpha])).solve(np.full(y.shape[1], alpha))
        if sample is None:
            return (mapped, found), None
        product = outer_product(kernel, mapped, found.coef, weight, sample, diagonal=self.metric == "diagonal")
        return (mapped, found), next_metric(root, product, self.exponent)

    def _final(
        self, kernel: Kernel, Z: Array, y: Array, weight: Array | None, alphas: list[float], sample: Array
    ) -> dict[str, Any]:
        """Iterate with all rows, each time with the penalty that was chosen for it."""
        d = Z.shape[1]
        root, M = np.ones(d), np.ones(d) if self.metric == "diagonal" else np.eye(d)
        for alpha in alphas[:-1]:
            found = self._step(kernel, root, Z, y, weight, alpha, np.sort(sample))[1]
            if found is None:
                break
            M, root = found
        mapped, solved = self._step(kernel, root, Z, y, weight, alphas[-1], None)[0]
        draft = {"X_fit_": mapped, "dual_coef_": solved.coef, "intercept_": solved.offset.astype(Z.dtype)}
        return draft | {"M_": M.astype(Z.dtype), "root_": root}

    def _mapped(self, X: ArrayLike) -> Array:
        """Return new rows as the kernel sees them."""
        x = validate_data(self, X, dtype=DTYPES, reset=False)
        return np.ascontiguousarray(applied(self.root_, ((x - self.mean_) / self.scale_).astype(x.dtype)), x.dtype)

    def _values(self, X: ArrayLike) -> Array:
        """Return K_M(X, X_fit) a + b, of shape (n, t)."""
        dual = self.dual_coef_.reshape(len(self.dual_coef_), -1)
        # A view: the product of rows with themselves adds up in another order than that with their copy.
        return np.asarray(self.kernel_.dot(self._mapped(X), self.X_fit_.view(), dual) + self.intercept_)

    def gradient(self, X: ArrayLike) -> Array:
        """Return the gradients of the fitted function at the rows of `X`, in its units: (n, d), or (n, d, t)."""
        check_is_fitted(self)
        Z = self._mapped(X)
        dual = self.dual_coef_.reshape(len(self.dual_coef_), -1)
        shape = (*Z.shape, dual.shape[1])
        check_memory(int(np.prod(shape)) * Z.itemsize, f"The gradients of shape {shape}", "Pass fewer rows at a time.")
        out = np.empty(shape, Z.dtype)
        for rows, t, found in gradients(self.kernel_, Z, self.X_fit_.astype(Z.dtype, copy=False), dual):
            out[rows, :, t] = applied(self.root_, found) / self.scale_
        return out[:, :, 0] if self.dual_coef_.ndim == 1 else out


def preferred(history: list[Array]) -> int:
    """Return the iteration of the smallest error, among those that surely beat iteration 0, or that."""
    best = 0
    for iteration, errors in enumerate(history):
        gain = history[0] - errors
        if gain.mean() > MARGIN * gain.std() / np.sqrt(len(gain)) and errors.mean() < history[best].mean():
            best = iteration
    return best


def taken(Z: Array, y: Array, weight: Array | None, rows: Array) -> tuple[Array, Array, Array | None]:
    """Return some rows with their targets and weights; everything where they are all rows."""
    return np.ascontiguousarray(Z[rows]), y[rows], None if weight is None else weight[rows]
