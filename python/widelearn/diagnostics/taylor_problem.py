"""The objective of a fitted Taylor model at rows and targets, in double precision and in the model's own units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from widelearn.diagnostics.net_paths import codes_of, rows_of, targets_of, weights_of
from widelearn.nets import Expansion, TaylorGradient
from widelearn.runtime import row_blocks

Array = NDArray[np.float64]

# Columns of a net that gives a function's values.
COLUMNS = 16
MOST_DRAWS = 1000
# Whose fourth powers are numbers, and sums of many of them.
LARGEST = 1e70
FITTED = (
    "W_",
    "W0_",
    "a_",
    "coef_",
    "intercept_",
    "activation_",
    "activation_scale_",
    "alpha_",
    "linear_alpha_",
    "x_scale_",
    "y_scale_",
)


def check_fitted(model: Any) -> None:
    """Refuse what is no fitted Taylor model."""
    missing = [name for name in FITTED if not hasattr(model, name)]
    if missing:
        raise TypeError(
            f"{type(model).__name__} has no {missing[0]}: give a fitted TaylorRegressor or TaylorClassifier."
        )
    if isinstance(model.alpha_, tuple):
        raise ValueError(
            f"The model has {len(model.alpha_)} movements, one for each order, but this is of one movement. Fit with"
            " one penalty alpha."
        )


def fitted_net(model: Any) -> tuple[Expansion, Array]:
    """Return a fitted Taylor model's expansion, σ divided by its scale, and its movement W."""
    check_fitted(model)
    W, W0, a = (np.asarray(part, dtype=float) for part in (model.W_, model.W0_, model.a_))
    if last := last_column(model):
        W, W0 = (
            np.column_stack([part, np.asarray(biases, dtype=float) / last])
            for part, biases in ((W, model.b_), (W0, model.b0_))
        )
    a = a.reshape(len(W0), -1) / float(model.activation_scale_)
    orders = model.order if isinstance(model.order, tuple) else (model.order,)
    return Expansion(W0, a, model.activation_, orders), W


def last_column(model: Any) -> float:
    """Return the constant last column of rows in a model's units, which thresholds are read from; 0 is none."""
    # Files from before there were thresholds name no variance.
    return float(model.W_.shape[-1] * getattr(model, "bias_variance_", 0.0)) ** 0.5


def order_of(model: Any) -> int:
    """Return the highest order of a Taylor model's terms."""
    return int(max(model.order) if isinstance(model.order, tuple) else model.order)


def scaled_rows(model: Any, X: ArrayLike) -> Array:
    """Return rows in a fitted Taylor model's units: whitened if it whitens, and divided by one number."""
    rows = rows_of("X", X, model.W_.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        if model.whiten:
            rows = (rows - model.mean_) @ np.asarray(model.whitening_, dtype=float)
        rows = np.ascontiguousarray(rows / float(model.x_scale_))
    if last := last_column(model):
        rows = np.column_stack([rows, np.full(len(rows), last)])
    refuse_large("X", rows)
    return rows


def refuse_large(name: str, values: Array) -> None:
    """Refuse values in a model's units whose fourth powers, of which curvatures are made, are no numbers."""
    size = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    if not size <= LARGEST:
        raise ValueError(
            f"{name} has a value {size:.3g} times as large as those that the model was fitted to: at most"
            f" {LARGEST:g} can be computed with. Give the rows and targets of the fit."
        )


def derivative(expansion: Expansion, U: Array, order: int) -> Array:
    """Return σ^(k)(u) of every element of a matrix, σ without a divisor.

    They are outputs of nets whose neurons read one column each, moved by 1 along a column of ones, at few columns a
    net.
    """
    found = np.empty_like(U)
    for columns in row_blocks(U.shape[1], COLUMNS):
        part = U[:, columns]
        one = np.eye(part.shape[1] + 1)
        each = Expansion(one[:-1], one[:-1, :-1] * factorial(order), expansion.activation, (order,))
        rows = np.column_stack([part, np.ones(len(part))])
        found[:, columns] = each.outputs(rows, np.repeat(one[-1:], part.shape[1], axis=0))
    return found


def check_draws(draws: int) -> None:
    """Refuse numbers of draws that give no standard error, or no end."""
    if not isinstance(draws, Integral) or not 2 <= int(draws) <= MOST_DRAWS:
        raise ValueError(f"draws must be a whole number from 2 to {MOST_DRAWS:,}, got {draws!r}.")


def refuse_mode(model: Any, what: str) -> None:
    """Refuse a model of the real network, whose objective is another."""
    check_fitted(model)
    if model.mode != "taylor":
        raise ValueError(
            f"{what} is of Taylor terms, but mode={model.mode!r} trains the real network. Fit with mode='taylor'."
        )


def refuse_order(model: Any, what: str) -> None:
    """Refuse a model that is not the quadratic term alone."""
    check_fitted(model)
    orders = model.order if isinstance(model.order, tuple) else (model.order,)
    if tuple(orders) != (2,):
        raise ValueError(
            f"{what} is known for the quadratic term, linear in the lifts w_r w_rᵀ, but order={model.order!r}. Fit with"
            " order=2."
        )


@dataclass(frozen=True, eq=False)
class TaylorProblem:
    """Mean loss + alpha (Σ_r ‖w_r‖^(2k))^q + (linear_alpha/2) ‖β‖² of a model's terms, and where the model stands.

    Rows are the model's, targets are in its units; f = terms + x'β + b, β and b being 0 without a linear part, which
    does not read the last column of thresholds.
    """

    X: Array
    Y: Array
    weight: Array
    loss: str
    expansion: Expansion
    W: Array
    beta: Array
    b: Array
    linear: bool
    alpha: float
    linear_alpha: float
    order: int
    power: int

    @classmethod
    def of(cls, model: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, what: str) -> Self:
        """Read a fitted model, and rows and targets in its units; `what` asks."""
        expansion, W = fitted_net(model)
        refuse_mode(model, what)
        rows, c = scaled_rows(model, X), expansion.a.shape[1]
        loss, Y, shift, scale = _targets(model, y, len(rows), c)
        refuse_large("y", Y)
        coef = np.asarray(model.coef_, dtype=float).reshape(c, -1).T
        b = np.asarray(model.intercept_, dtype=float).reshape(c) - shift
        if model.whiten:
            b = b + np.asarray(model.mean_, dtype=float) @ coef
            coef = np.linalg.pinv(np.asarray(model.whitening_, dtype=float), rcond=1e-12, hermitian=True) @ coef
        return cls(
            X=rows,
            Y=Y,
            weight=weights_of(sample_weight, len(rows)),
            loss=loss,
            expansion=expansion,
            W=W,
            beta=coef * float(model.x_scale_) / scale,
            b=b / scale,
            linear=bool(model.linear_term),
            alpha=float(model.alpha_),
            linear_alpha=float(model.linear_alpha_),
            order=order_of(model),
            power=int(model.penalty_power),
        )

    @property
    def columns(self) -> Array:
        """The columns of the rows that the linear part reads, (n, d)."""
        return self.X[:, : len(self.beta)]

    @cached_property
    def offset(self) -> Array:
        """The linear part's outputs at the rows, (n, c)."""
        return np.ascontiguousarray(self.columns @ self.beta + self.b)

    @cached_property
    def outputs(self) -> Array:
        """The terms at the rows, (n, c), without the linear part."""
        return self.expansion.outputs(self.X, self.W)

    def loss_gradient(self) -> TaylorGradient:
        """Return the mean loss, its derivative by W, and that by the outputs of every row."""
        options: dict[str, Any] = {"offset": self.offset, "sample_weight": self.weight}
        return self.expansion.loss_gradient(self.X, self.Y, self.W, self.loss, **options)

    def pulled(self, expansion: Expansion, u: Array) -> Array:
        """Return the derivative by W of Σ <u_i, f(x_i)>, (m, d), for an expansion in the same movement."""
        f = self.outputs if expansion is self.expansion else expansion.outputs(self.X, self.W)
        share = np.where(self.weight > 0, self.weight, 1.0)[:, None]
        wanted = np.where(self.weight[:, None] > 0, u / share, 0.0)
        found = expansion.loss_gradient(self.X, -wanted, self.W, "squared", offset=-f, sample_weight=self.weight)
        return found.W

    def bend(self, dF: Array) -> Array:
        """Return the loss's second derivative by the outputs, weights included, times a change of them (n, c)."""
        F, weight = self.outputs + self.offset, self.weight[:, None]
        if self.loss == "squared":
            return weight * dF
        if self.loss == "logistic":
            return weight * special.expit(F) * special.expit(-F) * dF
        p = special.softmax(F, axis=1)
        return weight * p * (dF - (p * dF).sum(axis=1, keepdims=True))

    def penalty(self) -> tuple[float, Array]:
        """Return alpha G^q, G = Σ_r ‖w_r‖^(2k), and its gradient."""
        k, q = self.order, self.power
        squares = np.einsum("ij,ij->i", self.W, self.W)
        G = np.sum(squares**k)
        outer = self.alpha * q * G ** (q - 1)
        return float(self.alpha * G**q), (2 * k * outer * squares ** (k - 1))[:, None] * self.W

    def objective(self) -> float:
        """Return the objective at the model's parameters."""
        return self.loss_gradient().loss + self.penalty()[0] + self.linear_alpha / 2 * float(np.sum(self.beta**2))

    def gradient(self) -> list[Array]:
        """Return the objective's derivatives by W (m, d) and, if there is a linear part, β (d, c) and b (c,)."""
        found = self.loss_gradient()
        parts = [found.W + self.penalty()[1]]
        if self.linear:
            parts += [self.columns.T @ found.residual + self.linear_alpha * self.beta, found.residual.sum(axis=0)]
        return parts


def _targets(model: Any, y: ArrayLike, n: int, c: int) -> tuple[str, Array, Array, Array]:
    """Return the loss, targets in the model's units, and what was taken from them and what they were divided by."""
    none, one = np.zeros(c), np.ones(c)
    if not hasattr(model, "classes_"):
        Y = targets_of(y, n, c)
        shift, scale = Y.mean(axis=0), np.asarray(model.y_scale_, dtype=float).reshape(c)
        varies = scale > 0
        return "squared", (Y - shift) * varies / np.where(varies, scale, 1.0), shift, np.where(varies, scale, np.inf)
    Y = codes_of(model, y, n, c)
    return "softmax" if c > 1 and not model.multilabel_ else "logistic", Y, none, one
