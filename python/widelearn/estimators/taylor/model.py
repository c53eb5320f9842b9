"""A Taylor model: its two-layer net in each of the three modes, its objective, and what a fit leaves."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from widelearn.estimators.scaling import ROWS
from widelearn.estimators.taylor.inputs import LinearPart, RowUnits, Span, TargetUnits
from widelearn.estimators.taylor.joint import JointNet
from widelearn.nets import Expansion, Multipliers, TaylorGradient
from widelearn.runtime import Array, NumberOverflowError, check_memory, row_blocks


@dataclass(frozen=True)
class TaylorNet:
    """An expansion in the movement W, of which a mode takes the terms ("taylor") or the whole net at random movements.

    Random are the signs of the movement's rows for order 2, and the multipliers of one order otherwise.
    """

    expansion: Expansion
    mode: str
    multipliers: Multipliers | None = None

    @classmethod
    def of(cls, expansion: Expansion, mode: str) -> Self:
        """Choose the multipliers of an expansion's order."""
        signs = mode == "taylor" or expansion.orders == (2,)
        return cls(expansion, mode, None if signs else Multipliers(expansion.orders[0]))

    @property
    def orders(self) -> tuple[int, ...]:
        """Return the orders of the terms."""
        return self.expansion.orders

    @property
    def shape(self) -> tuple[int, int]:
        """Return the shape of the movement."""
        return self.expansion.W0.shape

    def blocks(self, W: Array) -> list[tuple[int, Array]]:
        """Return the one movement with the order k of its penalty Σ_r ‖w_r‖^(2k)."""
        return [(max(self.orders), W)]

    def outputs(self, X: Array, W: Array) -> Array:
        """Return the terms' sum, or the mean of the whole net over random movements, at rows: (n, c)."""
        if self.mode == "taylor":
            return self.expansion.outputs(X, W)
        return self.expansion.marginal_moments(X, W, multipliers=self.multipliers)[0]

    def loss_gradient(
        self, X: Array, Y: Array, W: Array, loss: str, rng: np.random.RandomState | None, **options: Array | None
    ) -> TaylorGradient:
        """Return the mean loss and its derivatives: of the whole net at a drawn movement, or over all without a source.

        `options` are an offset of the outputs, and weights of the rows.
        """
        net, law = self.expansion, self.multipliers
        if self.mode == "taylor":
            return net.loss_gradient(X, Y, W, loss, **options)
        if rng is None:
            return net.marginal_loss_gradient(X, Y, W, loss, multipliers=law, **options)
        if law is None:
            signs = rng.choice(np.array([-1, 1], X.dtype), len(W))
            return net.signed_loss_gradient(X, Y, W, signs, loss, **options)
        drawn = law.draw(len(W), rng).astype(X.dtype)
        return net.drawn_loss_gradient(X, Y, W, drawn, law, loss, **options)


@dataclass(frozen=True)
class Objective:
    """Mean loss + alpha (Σ_r ‖w_r‖^(2k))^q + (linear_alpha/2) ‖β‖² and its gradient, of θ = (W, γ, b) in float64.

    Of a joint net every movement has its own alpha.
    """

    X: Array
    Y: Array
    loss: str
    net: TaylorNet | JointNet
    linear: LinearPart | None
    alpha: float | tuple[float, ...]
    power: int
    # Source of random signs, fresh at every call; None takes the mean over all.
    rng: np.random.RandomState | None = None
    # Weights of the rows, whose mean is 1.
    weight: Array | None = None
    # Where rows and net are held, if not in all columns.
    span: Span | None = None

    def pack(self, W: Array, gamma: Array | None = None, b: Array | None = None) -> Array:
        """Return one vector of the parts; without a linear part W alone, and γ = b = 0 where they are not given."""
        if self.linear is None:
            return W.astype(np.float64).ravel()
        c = self.Y.shape[1]
        gamma = np.zeros((self.linear.Z.shape[1], c)) if gamma is None else gamma
        return np.concatenate([W.ravel(), gamma.ravel(), np.zeros(c) if b is None else b])

    def unpack(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return views W (m, d), γ (d, c) and b (c,), empty without a linear part; of thresholds γ has no row."""
        (m, d), c = self.net.shape, self.Y.shape[1]
        rest = theta[m * d :]
        return theta[: m * d].reshape(m, d), rest[: len(rest) - c].reshape(-1, c), rest[len(rest) - c :]

    def __call__(self, theta: Array, rows: Array | slice = slice(None)) -> tuple[float, Array]:
        """Return the objective and its gradient; with `rows` the loss is their mean."""
        W, gamma, _ = self.unpack(theta)
        X, Y, dtype = self.X[rows], self.Y[rows], self.X.dtype
        weight = None if self.weight is None else self.weight[rows]
        offset, small = self.offset(theta, rows), W.astype(dtype)
        if not (np.isfinite(small).all() and (offset is None or np.isfinite(offset).all())):
            return np.inf, np.zeros_like(theta)
        try:
            found = self.net.loss_gradient(X, Y, small, self.loss, self.rng, offset=offset, sample_weight=weight)
        except NumberOverflowError:
            return np.inf, np.zeros_like(theta)
        if weight is not None and len(weight) < len(self.X):
            # The net's mean is over the batch's weights: batches of light rows count less.
            share = float(weight.mean())
            found = TaylorGradient(share * found.loss, share * found.W, share * found.residual)
        value, gW = self.penalty(W)
        value, gradient = value + found.loss, [(gW + found.W).ravel()]
        if self.linear is not None:
            weight = self.linear.penalty[:, None] * gamma
            value += 0.5 * float(np.vdot(weight, gamma))
            residual = found.residual.astype(np.float64)
            gradient += [(self.linear.Z[rows].T @ residual + weight).ravel(), residual.sum(axis=0)]
        return value, np.concatenate(gradient)

    def offset(self, theta: Array, rows: Array | slice = slice(None)) -> Array | None:
        """Return the linear part's outputs at rows, None where there is none."""
        if self.linear is None:
            return None
        _, gamma, b = self.unpack(theta)
        dtype = self.X.dtype
        return self.linear.Z[rows] @ gamma.astype(dtype) + b.astype(dtype)

    def penalty(self, W: Array) -> tuple[float, Array]:
        """Return alpha G^q, G = Σ_r ‖w_r‖^(2k), and its gradient; the sum over movements that have their own."""
        alphas = self.alpha if isinstance(self.alpha, tuple) else (self.alpha,)
        parts = [
            penalty(part, k, alpha, self.power) for (k, part), alpha in zip(self.net.blocks(W), alphas, strict=True)
        ]
        if len(parts) == 1:
            return parts[0]
        return sum(value for value, _ in parts), np.concatenate([gradient for _, gradient in parts])


def penalty(W: Array, k: int, alpha: float, q: int) -> tuple[float, Array]:
    """Return alpha G^q, G = Σ_r ‖w_r‖^(2k), and its gradient."""
    squares = np.einsum("ij,ij->i", W, W)
    # Of NumPy's type, whose powers may be infinite: Python's raise an error then.
    G = np.sum(squares**k)
    outer = alpha * q * G ** (q - 1)
    return float(alpha * G**q), (2 * k * outer * squares ** (k - 1))[:, None] * W


@dataclass(frozen=True)
class TaylorModel:
    """A net with its movement W (m, d), and coefficients (c, d) and intercepts (c,) of a linear part."""

    rows: RowUnits
    net: TaylorNet | JointNet
    W: Array
    targets: TargetUnits
    coef: Array
    intercept: Array

    def values(self, X: Array) -> Array:
        """Return the mean network plus the linear part at rows in the user's units: (n, c)."""
        dtype, shape = self.W.dtype, (len(X), len(self.coef))
        kind, scale = np.result_type(X, self.W, self.coef, self.intercept), self.targets.scale.astype(dtype)
        check_memory(
            shape[0] * shape[1] * kind.itemsize, f"The values at {len(X)} rows", "Predict fewer rows at a time."
        )
        out = np.empty(shape, kind)
        for rows in row_blocks(len(X), ROWS):
            part = X[rows]
            moved = self.net.outputs(self.rows.apply(part.astype(dtype, copy=False)), self.W)
            out[rows] = moved * scale + (part @ self.coef.T + self.intercept)
        return out


def draw_net(
    rng: np.random.RandomState, width: int, d: int, n_outputs: int, *, biased: bool = False
) -> tuple[Array, Array]:
    """Draw W0 with rows N(0, I/d) and a = ±1/sqrt(width), the second half of the neurons the first with -a.

    With biases rows have one element more.
    """
    half = width // 2
    W0 = np.tile(rng.standard_normal((half, d + biased)) / np.sqrt(d), (2, 1))
    signs = rng.choice([-1.0, 1.0], (half, n_outputs))
    return W0, np.concatenate([signs, -signs]) / np.sqrt(width)
