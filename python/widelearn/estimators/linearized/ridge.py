"""The linearised model as an estimator: its own outputs, and ridge regression on its Jacobian."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array, validate_data

from widelearn.estimators.feature_ridge.fit import DTYPES, read_numbers
from widelearn.estimators.feature_ridge.maps import with_weight
from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.linearized.movement import TangentProblem, as_columns
from widelearn.estimators.scores import RSquared
from widelearn.estimators.units import Units
from widelearn.features.state import refitting, snapshot
from widelearn.kernels import Empirical
from widelearn.kernels.parameters import DefaultObjects, checks_parameters
from widelearn.kernels.returned import numbers
from widelearn.kernels.tangents import TangentGram
from widelearn.ridge.symmetric_systems import check_alpha
from widelearn.runtime import Array, capped

Function = Callable[[Array], Any]


class LinearizedRidge(MultiOutputMixin, RegressorMixin, DefaultObjects, BaseEstimator):
    """Fit f(x) = f0(x) + J(x) δ (+ b) by ridge regression: a model that is linear in the movement of its parameters.

    Minimises Σ_i w_i ‖y_i - f(x_i)‖² + alpha ‖δ‖² over δ, and over b where there is one. With f0 a net's outputs and J
    its Jacobian at parameters θ0, it is the net linearised there and trained to the end: the limit of gradient descent
    from θ0 for small alpha, and of the net itself where training is lazy.

    Parameters
    ----------
    f0 : callable or None, default=None
        A function of rows (m, d): the model's outputs, (m,) or (m, c). None is 0.
    jacobian : callable or None, default=None
        A function of rows (m, d): ∂f_k(x_i)/∂θ_p, of shape (m, P), or (m, c, P) for c outputs, as
        :class:`widelearn.kernels.Empirical` takes it. None without `factors` is the rows themselves, a linear model.
    factors : callable or None, default=None
        In place of `jacobian`: a function of rows that returns layers, as :class:`widelearn.kernels.Empirical` takes
        them. The movement of a layer's matrix W (out, in) is a piece of `coef_`, row by row.
    alpha : float or array-like of shape (n_targets,), default=1.0
        Penalty, non-negative: not divided by n. One number where J has several outputs, which share δ.
    fit_intercept : bool, default=False
        Whether there is an unpenalised intercept b for every output. A net's own biases are in J.

    Attributes
    ----------
    coef_ : ndarray of shape (P,) or (n_targets, P)
        The movement δ: one for all outputs of J, or where J has one output one for each target.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept b.
    solver_ : {"dual", "primal"}
        Which system was solved: that of the n c outputs of rows where P is larger, or that of P parameters.
    n_features_in_ : int
        Number of columns of X, d.
    feature_names_in_ : ndarray of shape (d,)
        Names of the columns, if they were strings.

    Raises
    ------
    ValueError
        If f0 or J are of other rows, of other numbers of outputs than y, complex, NaN or infinite.
    MemoryError
        If the smaller system does not fit, with the bytes.

    Warns
    -----
    LinAlgWarning
        If the system is singular to working precision, or rounding may have moved fitted values.

    See Also
    --------
    widelearn.kernels.Empirical : The kernel J Jᵀ alone.
    TaylorizedRidge : The same to orders 2 to 4.
    FeatureRidge : Ridge regression on features of any other kind.

    Notes
    -----
    J is asked for in blocks of rows and never held whole. The dual costs (n c)² P + (n c)³ / 3 flops, the primal n c P²
    + P³ / 3, and 8 bytes times the square of n c or of P; predicting m rows asks for J at them, and costs 2 m c P.
    Targets of several columns beside a J of one output are fitted one by one, each with a movement of its own. By
    `factors` the dual's n² P flops become n² (out + in) a layer; the primal forms J from them. The movement and what
    it is made in take up to four arrays of P numbers.

    References
    ----------
    Chizat, Oyallon & Bach, "On lazy training in differentiable programming", NeurIPS 2019, section 1. Montanari &
    Misiakiewicz, "Six lectures on linearized neural networks", 2023, section 1.2.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import LinearizedRidge
    >>> def net(X):
    ...     return np.sin(X[:, 0])
    >>> def jacobian(X):
    ...     return np.hstack([np.cos(X) * X, np.ones_like(X)])
    >>> X = np.linspace(-1, 1, 30)[:, None]
    >>> model = LinearizedRidge(net, jacobian, alpha=1e-6).fit(X, np.sin(1.1 * X[:, 0]) + 0.5)
    >>> np.round(model.coef_, 2)
    array([0.1, 0.5])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "f0": [callable, None],
        "jacobian": [callable, None],
        "factors": [callable, None],
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
    }
    _accept_sparse = False
    score = RSquared.score
    _in_doubles = True

    def __init__(
        self,
        f0: Function | None = None,
        jacobian: Function | None = None,
        *,
        factors: Function | None = None,
        alpha: ArrayLike = 1.0,
        fit_intercept: bool = False,
    ) -> None:
        self.f0, self.jacobian, self.factors = f0, jacobian, factors
        self.alpha, self.fit_intercept = alpha, fit_intercept

    @checks_parameters(nested=False)
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to rows `X` (n, d) and targets `y` (n,) or (n, t), and return the estimator."""
        refuse_lazy(X, type(self).__name__)
        with refitting(self) as draft:
            x, Y, weight, flat, *_ = read_numbers(draft, X, y, sample_weight)
            model = fitted(draft, *with_weight(x, Y, weight))
            draft._model, draft.solver_ = model, model.solver
            together = model.outputs > 1 or flat
            draft.coef_ = model.movement[:, 0] if together else np.ascontiguousarray(model.movement.T)
            draft.intercept_ = model.intercept[0] if flat else model.intercept
            draft._flat = flat
        return self

    @capped
    def predict(self, X: ArrayLike) -> Array:
        """Return f0 + J δ + b at the rows of `X`, of shape (n,) or (n, t)."""
        refuse_lazy(X, type(self).__name__)
        fitted = snapshot(self)
        values = fitted._model.values(validate_data(fitted, X, dtype=DTYPES, reset=False))
        return values[:, 0] if fitted._flat else values

    def start(self, X: Array) -> Array:
        """Return f0 at rows `X` (n, d), of shape (n, c) in float64, checked; zeros (n, 1) where f0 is None."""
        return outputs(self.f0, check_array(X, dtype=DTYPES))

    def tangent_kernel(self) -> Empirical:
        """Return the kernel J Jᵀ, which has a row for every row and output."""
        jacobian = itself if self.jacobian is None and self.factors is None else self.jacobian
        return Empirical(jacobian, factors=self.factors, outputs="full")


@dataclass(frozen=True, eq=False)
class Linearized:
    """A model f0, its kernel, and the movement (P, t) of its parameters; intercepts are one a target."""

    f0: Function | None
    kernel: Empirical
    movement: Array
    intercept: Array
    outputs: int
    solver: str

    def values(self, X: Array) -> Array:
        """Return the values (n, t) at validated rows, in their type."""
        moved = TangentGram(self.kernel.read(), "full", X).ahead([self.movement.astype(np.float64, copy=False)])
        if self.outputs > 1:
            moved = moved.reshape(len(X), self.outputs)
        return np.asarray(outputs(self.f0, X) + moved + self.intercept).astype(X.dtype, copy=False)


def fitted(draft: LinearizedRidge, x: Array, Y: Array, weight: Array | None) -> Linearized:
    """Return the model of rows that have a weight, with targets (n, t) and weights."""
    kernel, start = draft.tangent_kernel(), outputs(draft.f0, x)
    (c, _), t = kernel.read().sizes(x), Y.shape[1]
    if start.shape[1] not in (1, t) or c not in (1, t):
        raise ValueError(
            f"y has {t} columns, f0 {start.shape[1]} and the Jacobian {c} outputs: f0 and the Jacobian must have as"
            " many as y, or one."
        )
    r, weights = as_columns(Y - start, c), None if weight is None else np.repeat(weight.astype(np.float64), c)
    units = Units.of(r, weights, x.dtype)
    r, weights = units.take_out(r, weights)
    problem = TangentProblem(kernel, x, r, weights, fit_intercept=draft.fit_intercept)
    found = problem.solve(units.penalties(check_alpha(draft.alpha, r.shape[1])))
    movement = units.original(found.coef, "The movement").astype(x.dtype, copy=False)
    intercept = units.original(found.offset, "The intercept").ravel().astype(x.dtype, copy=False)
    if c > 1 and not draft.fit_intercept:
        intercept = np.zeros(c, x.dtype)
    return Linearized(draft.f0, kernel, movement, intercept, c, "dual" if problem.wide else "primal")


def outputs(f0: Function | None, X: Array) -> Array:
    """Return f0 at rows as (n, c) in float64."""
    if f0 is None:
        return np.zeros((len(X), 1))
    found = numbers(f0(X.copy()), "f0")
    if found.ndim not in (1, 2) or len(found) != len(X) or found.size == 0:
        n = len(X)
        raise ValueError(f"f0 returned shape {found.shape} for {n} rows: it must be ({n},) or ({n}, c).")
    found = found.reshape(len(X), -1).astype(np.float64)
    if not np.isfinite(found).all():
        row = int(np.argmin(np.isfinite(found).all(axis=1)))
        raise ValueError(f"f0 returned NaN or infinity at row {row}: drop the row, or mend the model there.")
    return found


def itself(X: Array) -> Array:
    """Return the rows: the Jacobian of a linear model."""
    return X
