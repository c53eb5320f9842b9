"""The objective of a Taylor model as a function of one vector: the movement and the linear part."""

from dataclasses import dataclass

import numpy as np

from widelearn.estimators.taylor.inputs import LinearPart
from widelearn.estimators.taylor.model import TaylorNet
from widelearn.runtime import Array, NumberOverflowError


@dataclass(frozen=True)
class Objective:
    """Mean loss + alpha (Σ_r ‖w_r‖^(2k))^q + (alpha/2) ‖β‖² and its gradient, of θ = (W, γ, b) in float64."""

    X: Array
    Y: Array
    loss: str
    net: TaylorNet
    linear: LinearPart | None
    alpha: float
    order: int
    power: int
    # Source of random signs, fresh at every call; None takes the mean over all.
    rng: np.random.RandomState | None = None

    def pack(self, W: Array, gamma: Array | None = None, b: Array | None = None) -> Array:
        """Return one vector of the parts; without a linear part W alone, and γ = b = 0 where they are not given."""
        if self.linear is None:
            return W.astype(np.float64).ravel()
        c = self.Y.shape[1]
        gamma = np.zeros((W.shape[1], c)) if gamma is None else gamma
        return np.concatenate([W.ravel(), gamma.ravel(), np.zeros(c) if b is None else b])

    def unpack(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return views W (m, d), γ (d, c) and b (c,), empty without a linear part."""
        (m, d), c = self.net.expansion.W0.shape, self.Y.shape[1]
        rest = theta[m * d :]
        return theta[: m * d].reshape(m, d), rest[: len(rest) - c].reshape(-1, c), rest[len(rest) - c :]

    def __call__(self, theta: Array, rows: Array | slice = slice(None)) -> tuple[float, Array]:
        """Return the objective and its gradient; with `rows` the loss is their mean."""
        W, gamma, _ = self.unpack(theta)
        X, Y, dtype = self.X[rows], self.Y[rows], self.X.dtype
        offset, small = self.offset(theta, rows), W.astype(dtype)
        if not (np.isfinite(small).all() and (offset is None or np.isfinite(offset).all())):
            return np.inf, np.zeros_like(theta)
        try:
            found = self.net.loss_gradient(X, Y, small, self.loss, offset, self.rng)
        except NumberOverflowError:
            return np.inf, np.zeros_like(theta)
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
        """Return alpha G^q, G = Σ_r ‖w_r‖^(2k), and its gradient."""
        k, q = self.order, self.power
        squares = np.einsum("ij,ij->i", W, W)
        G = float(np.sum(squares**k))
        outer = self.alpha * q * G ** (q - 1)
        return self.alpha * G**q, (2 * k * outer * squares ** (k - 1))[:, None] * W
