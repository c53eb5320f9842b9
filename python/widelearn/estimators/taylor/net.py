"""The two-layer net of a Taylor model, its start, and its loss in each of the three modes."""

from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from widelearn import nets
from widelearn.kernels import TaylorKernel
from widelearn.kernels.deep import is_functions
from widelearn.runtime import NoDerivativeError

Array = NDArray[Any]


def activation_scale(activation: Any, order: int) -> float:
    """Return sqrt(E σ^(order)(z)²), z standard normal, by which σ is divided.

    Raises
    ------
    ValueError
        If the derivative is no function, or zero.
    """
    if is_functions(activation):
        raise ValueError(
            f"activation is a tuple of {len(activation)} functions, which the compiled nets do not take: give a"
            ' name, or ("leaky_relu", slope).'
        )
    try:
        second_moment = factorial(order) ** 2 * float(TaylorKernel(order, activation).diag([[1.0]])[0])
    except NoDerivativeError as error:
        raise ValueError(
            f"activation {activation!r} has no term of order {order}: {error}. Take a smooth activation, 'softplus' or"
            " 'gelu', or a power of relu, 'relu2' or 'relu3', which has that many derivatives."
        ) from None
    if not second_moment > 0:
        raise ValueError(
            f"activation {activation!r} has no term of order {order}: that derivative is zero. Take 'softplus' or"
            " 'gelu', or a lower order."
        )
    return second_moment**0.5


@dataclass(frozen=True)
class Net:
    """A two-layer net f(x) = Σ_r a_r σ(<w0_r + w_r, x>), of which Taylor terms or the mean over signs are taken.

    `orders` None is the real network, whose rows w_r have random signs.
    """

    W0: Array
    a: Array
    activation: Any
    orders: tuple[int, ...] | None

    def outputs(self, X: Array, W: Array) -> Array:
        """Return the Taylor terms' sum, or the mean network, at rows: (n, c)."""
        if self.orders is None:
            return nets.marginal_forward(X, self.W0, self.a, W, self.activation)[0]
        return nets.taylor_forward(X, self.W0, self.a, W, self.activation, self.orders)

    def odd_curvature(self) -> bool:
        """Whether σ'' is an odd function."""
        z = np.linspace(0.3, 2.7, 7)
        x, one = np.column_stack([np.append(z, -z), np.ones(14)]), np.ones((1, 1))
        curvature = nets.taylor_terms(x, np.eye(2)[:1], one, np.eye(2)[1:], self.activation, (2,)).ravel()
        return bool(np.abs(curvature[:7] + curvature[7:]).max() < 1e-9 * np.abs(curvature).max())

    def loss_gradient(self, X: Array, Y: Array, W: Array, loss: str, offset: Array | None) -> nets.TaylorGradient:
        """Return the mean loss, of the real network also over signs, and its derivatives by W and by the outputs."""
        if self.orders is None:
            return nets.marginal_loss_gradient(X, Y, self.W0, self.a, W, self.activation, loss, offset=offset)
        return nets.taylor_loss_gradient(X, Y, self.W0, self.a, W, self.activation, self.orders, loss, offset=offset)

    def signed_loss_gradient(
        self, X: Array, Y: Array, W: Array, loss: str, offset: Array | None, signs: Array
    ) -> nets.TaylorGradient:
        """Return the same of the real network at one draw of signs."""
        moved, still = self.W0 + signs[:, None] * W, np.zeros(len(W), W.dtype)
        F = nets.forward(X, moved, still, self.a, self.activation)
        value, residual = loss_and_slope(loss, Y, F if offset is None else F + offset)
        if not np.isfinite(value):
            return nets.TaylorGradient(np.inf, W, residual)
        residual = residual.astype(X.dtype)
        gradient = nets.tangent_transpose(X, moved, still, self.a, self.activation, residual)
        return nets.TaylorGradient(value, signs[:, None] * gradient, residual)


def loss_and_slope(loss: str, Y: Array, F: Array) -> tuple[float, Array]:
    """Return a mean loss over rows and its derivative by the outputs (n, c)."""
    Y, F = Y.astype(np.float64), F.astype(np.float64)
    if loss == "squared":
        return 0.5 * float(np.sum((F - Y) ** 2)) / len(F), (F - Y) / len(F)
    if loss == "logistic":
        return float(np.logaddexp(0, -Y * F).sum()) / len(F), -Y * special.expit(-Y * F) / len(F)
    value = float((special.logsumexp(F, axis=1) - (Y * F).sum(axis=1)).sum()) / len(F)
    return value, (special.softmax(F, axis=1) - Y) / len(F)


def draw_net(rng: np.random.RandomState, width: int, d: int, n_outputs: int) -> tuple[Array, Array]:
    """Draw W0 with rows N(0, I/d) and a = ±1/sqrt(width), the second half of the neurons the first with -a."""
    half = width // 2
    W0 = np.tile(rng.standard_normal((half, d)) / np.sqrt(d), (2, 1))
    signs = rng.choice([-1.0, 1.0], (half, n_outputs))
    return W0, np.concatenate([signs, -signs]) / np.sqrt(width)
