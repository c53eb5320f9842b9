"""What recursive feature machines share: the model that they keep, its values and its gradients."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from widelearn.estimators.choice import SCORE
from widelearn.estimators.costs import fit_cost
from widelearn.estimators.feature_ridge.fit import DTYPES
from widelearn.estimators.feature_ridge.maps import with_weight
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.held_out import HeldOutValues
from widelearn.estimators.kernel_ridge.model import KernelModel, KernelProblem, is_precomputed
from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.posterior import Posterior, RowPosterior
from widelearn.estimators.recursive.cost import foreseen_recursion
from widelearn.estimators.recursive.leaves import Leaves, leaf_rows
from widelearn.estimators.recursive.metric import applied, gradients
from widelearn.estimators.recursive.recursion import Recursion
from widelearn.estimators.units import Units
from widelearn.features.state import refitting, snapshot
from widelearn.kernels import Kernel, Laplace, as_kernel
from widelearn.kernels.gradients import check_radial
from widelearn.kernels.parameters import DefaultObjects, checks_parameters
from widelearn.kernels.radial import settled
from widelearn.ridge.paths import check_alphas
from widelearn.runtime import Array, capped, check_memory, one_blas_thread, row_blocks, watched

# Up to so many rows, factors are too small for the threads of BLAS.
FEW_ROWS = 1000
# Rows whose gradients leaves blend at once.
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class RecursiveModel:
    """A kernel model, or leaves of such, of the rows (x - mean) / scale times the root of a metric."""

    inner: KernelModel | Leaves
    root: Array
    mean: Array
    scale: Array

    def mapped(self, X: Array) -> Array:
        """Return rows as the kernel sees them."""
        return np.ascontiguousarray(applied(self.root, ((X - self.mean) / self.scale).astype(X.dtype)), X.dtype)

    @property
    def posterior(self) -> Posterior | HeldOutValues | None:
        """The Gaussian process of mapped rows, or what leaves know of errors."""
        return self.inner.posterior

    def values(self, X: Array) -> Array:
        """Return the values (n, t) at rows."""
        return self.inner.values(self.mapped(X))

    def gradient(self, X: Array) -> Array:
        """Return the gradients (n, d, t) at rows."""
        Z, inner = self.mapped(X), self.inner
        dual = inner.dual if isinstance(inner, Leaves) else inner.solution.coef
        shape = (*Z.shape, dual.shape[1])
        check_memory(int(np.prod(shape)) * Z.itemsize, f"The gradients of shape {shape}", "Pass fewer rows at a time.")
        out, centres = np.empty(shape, Z.dtype), np.asarray(inner.rows).astype(Z.dtype, copy=False)
        if isinstance(inner, Leaves):
            for rows in row_blocks(len(Z), BLOCK_ROWS):
                found = inner.at(Z[rows], slopes=True)[:, :, 1:]
                for t in range(shape[2]):
                    out[rows, :, t] = applied(self.root, found[:, t]) / self.scale
            return out
        for rows, t, found in gradients(inner.kernel, Z, centres, dual):
            out[rows, :, t] = applied(self.root, found) / self.scale
        return out


# Matrices of the columns that a step holds: the metric, its root, products and eigenvectors.
METRICS = 6


class BaseRecursive(DefaultObjects, BaseEstimator):
    """A recursive model, its values at new rows and its gradients; estimators say how they read targets."""

    _stands_for: ClassVar[dict[str, Any]] = {"kernel": lambda kernel: as_kernel(kernel, Laplace())}
    _read: Callable[..., Rows]
    M_: Array
    _in_doubles = True
    _accept_sparse = False
    _foreseen = foreseen_recursion
    fit_cost = fit_cost

    @checks_parameters()
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d) and targets or labels `y` (n,) or (n, t), and return the estimator.

        Weights are those of squared errors, in fits, choices and the average of gradients; a row of weight 2 is two.
        """
        with refitting(self) as draft:
            refuse_lazy(X, type(self).__name__)
            learn(draft, draft._read(X, y, sample_weight))
        return self

    @property
    def _flat(self) -> bool:
        """Whether there is one target and no targets' axis."""
        return vars(self)["dual_coef_"].ndim == 1

    @property
    def feature_importances_(self) -> Array:
        """The diagonal of the metric over its trace."""
        M = self.M_
        own = M if M.ndim == 1 else np.diag(M)
        return own / own.sum()

    def predict(self, X: ArrayLike) -> Array:
        """Return the values at the rows of `X`, of shape (n,) or (n, t)."""
        fitted = snapshot(self)
        values = fitted._values(X)
        return values[:, 0] if fitted.dual_coef_.ndim == 1 else values

    @capped
    def _values(self, X: ArrayLike) -> Array:
        refuse_lazy(X, type(self).__name__)
        return vars(self)["_model"].values(validate_data(self, X, dtype=DTYPES, reset=False))

    @capped
    def gradient(self, X: ArrayLike) -> Array:
        """Return the gradients of the fitted function at the rows of `X`, in its units: (n, d), or (n, d, t)."""
        refuse_lazy(X, type(self).__name__)
        fitted = snapshot(self)
        out = fitted._model.gradient(validate_data(fitted, X, dtype=DTYPES, reset=False))
        return out[:, :, 0] if fitted.dual_coef_.ndim == 1 else out


def error_line(error: float) -> str:
    """Write what a line of progress says of an iteration."""
    return f"mean squared error {error:.6g}"


def recursion_of(draft: Any, units: Units, Y: Array, apart: float) -> Recursion:
    """Return the recursion of an estimator in some units; its callback is told errors in the user's.

    Targets `Y` of classes are plus or minus one size; what equal rows differ in, `apart`, is added to errors.
    """
    found, one = Recursion.of(draft), replace(units.of_one(), weight=0)
    found = replace(found, code=float(np.abs(Y).max(initial=0.0)))
    callback = watched(draft, error_line)
    found = replace(found, alphas=units.penalties(check_alphas(draft.alphas)), callback=callback)
    if callback is None or (one.targets is None and not apart):
        return found
    return replace(
        found, callback=lambda t, error: callback(t, float(one.squares(np.array([error + apart]), SCORE)[0]))
    )


def grouped(keys: Array) -> tuple[Array, Array]:
    """Return where each distinct row of keys stands first, in lexicographic order, and the number of every row's."""
    keys = np.ascontiguousarray(keys + 0.0)
    whole = keys.view(np.dtype((np.void, keys.shape[1] * keys.itemsize)))[:, 0]
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    return first, which


def distinct(X: Array, Y: Array, weight: Array | None) -> tuple[Array, Array, Array | None, Array]:
    """Return rows and targets of which no two are equal, with the sum of their weights, and an order of their own.

    Rows keep their places; the order does not depend on these, so that what is chosen by it does not either.
    """
    first, which = grouped(np.column_stack([X, Y]))
    if len(first) == len(X):
        return X, Y, weight, first
    rank = np.argsort(first)
    total = np.bincount(which, weights=weight).astype(np.float64)[rank]
    return X[first[rank]], Y[first[rank]], total, np.argsort(rank)


class Contents(NamedTuple):
    """Rows no two of which are equal, their mean targets and weights, and their order, as of :func:`distinct`.

    A fit to these is one to the rows that they stand for: squared errors of equal rows are those of their mean and
    `apart`, the mean square of what targets differ from it. `place` (n,) is where rows went, None where all stayed.
    """

    X: Array
    Y: Array
    weight: Array | None
    order: Array
    place: Array | None = None
    apart: float = 0.0

    @classmethod
    def of(cls, X: Array, Y: Array, weight: Array | None, order: Array, leaf_size: int | None) -> Self:
        """Take equal rows of different targets together: left out alone, one would be told by those that deny it.

        Those of leaves stay apart, which keep errors of single targets and have no rows left out.
        """
        first, which = grouped(X)
        if len(first) == len(X) or leaf_rows(len(first), X.shape[1], Y.shape[1], leaf_size) < len(first):
            return cls(X, Y, weight, order)
        rank = np.argsort(first)
        place = np.argsort(rank)[which]
        first, own = first[rank], np.ones(len(X)) if weight is None else weight.astype(np.float64)
        total, begun = np.bincount(place, own), Y[first].astype(np.float64)
        about = Y - begun[place]
        shift = np.stack([np.bincount(place, own * column) for column in about.T], axis=1) / total[:, None]
        apart = float(own @ np.square(about - shift[place]).mean(axis=1) / own.sum())
        return cls(X[first], (begun + shift).astype(Y.dtype), total, np.argsort(rank), place, apart)


def learn(draft: Any, rows: Rows) -> None:
    """Fit the draft of an estimator to validated rows."""
    if is_precomputed(draft.kernel):
        raise ValueError("kernel='precomputed' has no gradients: give the rows and RBF, Laplace or Matern.")
    kernel: Kernel = clone(as_kernel(draft.kernel, Laplace()))
    check_radial(kernel)
    rows.check_weight()
    # Gradients of all targets are added up.
    rows = rows.in_units(shared=True)
    units = rows.units
    told = distinct(*with_weight(*rows[:3]))
    X, Y, weight, order, place, apart = Contents.of(*told, draft.leaf_size)
    d = X.shape[1]
    full = 0 if draft.metric == "diagonal" else METRICS * 8 * d * d
    check_memory(full, f"The metric of {d} columns and its root", "Take metric='diagonal'.")
    rng = check_random_state(0 if draft.random_state is None else draft.random_state)
    order = order[rng.permutation(len(X))]
    mean, scale = np.average(X.astype(np.float64, copy=False), axis=0, weights=weight), np.ones(d)
    if draft.standardize:
        spread = np.sqrt(np.average(np.square(X - mean), axis=0, weights=weight))
        scale = np.where(spread > 10 * np.finfo(X.dtype).eps * np.abs(mean), spread, 1.0)
    Z = ((X - mean) / scale).astype(X.dtype)
    kernel = settled(kernel, Z)
    with one_blas_thread() if len(X) <= FEW_ROWS else nullcontext():
        problem = KernelProblem(kernel, Z, Y, weight, draft.fit_intercept)
        model, penalty, M, root, run = recursion_of(draft, units, told[1], apart).learn(problem, order)
    alphas = check_alphas(draft.alphas)
    alpha = float(alphas[np.flatnonzero(units.penalties(alphas) == penalty)[0]])
    model = model.in_original(units)
    if isinstance(model, KernelModel):
        model = with_posterior(model, draft, units, told[1], told[2], alpha, place)
    draft._model, draft.mean_, draft.scale_ = RecursiveModel(model, root, mean, scale), mean, scale
    draft.M_, draft.root_, draft.X_fit_, draft.kernel_ = M.astype(Z.dtype), root, model.rows, model.kernel
    if isinstance(model, Leaves):
        coef, offset, draft.leaf_starts_ = model.dual, model.offsets, model.starts
    else:
        (coef, offset), draft.leaf_starts_ = model.solution[:2], np.array([0, len(model.solution.coef)])
    draft.dual_coef_, draft.intercept_ = (coef[:, 0], offset[..., 0]) if rows.flat else (coef, offset)
    draft.n_iter_, draft.alpha_ = run.best, alpha
    history = np.array([[float(errors.mean()) + apart] for errors in run.history])
    draft.history_ = replace(units.of_one(), weight=0).squares(history, SCORE)[:, 0]
    draft.best_score_ = -float(draft.history_[run.best])


def with_posterior(
    model: KernelModel, draft: Any, units: Units, Y: Array, weight: Array | None, alpha: float, place: Array | None
) -> KernelModel:
    """Return a model in the user's units with its Gaussian process, for targets and weights in units.

    Of equal rows that the model takes together, it has every one in its `place`, and finds their coefficients itself.
    """
    dual = model.solution.coef.astype(np.float64, copy=False) if place is None else None
    seen = np.asarray(model.rows) if place is None else np.asarray(model.rows)[place]
    about = units.original(Y, "The targets") - (model.solution.offset if draft.fit_intercept else 0.0)
    weight, penalties = None if weight is None else np.ldexp(weight, units.weight), np.full(Y.shape[1], alpha)
    posterior = RowPosterior(model.kernel, seen, weight, penalties, dual=dual, about=about)
    posterior.fit_intercept = draft.fit_intercept
    return replace(model, posterior=posterior)
