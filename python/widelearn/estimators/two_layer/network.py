"""The weights of a two-layer net, in one vector, and laws of their start."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from widelearn.nets import TwoLayer

Array = NDArray[Any]


class Network:
    """First layer W (m, d), thresholds b (m,) and output weights a (m, c), views of one vector `theta`.

    A step of an optimiser is then one sweep over the vector.
    """

    def __init__(self, W: Array, b: Array, a: Array) -> None:
        self.theta = np.concatenate([W.ravel(), b, a.ravel()])
        self.W = self.theta[: W.size].reshape(W.shape)
        self.b = self.theta[W.size : W.size + b.size]
        self.a = self.theta[W.size + b.size :].reshape(a.shape)

    def copy(self) -> Self:
        """Return a net of equal weights."""
        return type(self)(self.W, self.b, self.a)

    def keep(self, mask: Array) -> None:
        """Set weights to 0 where a mask (m,) of neurons or (m, d) of weights is 0."""
        self.W *= mask if mask.ndim == 2 else mask[:, None]
        if mask.ndim == 1:
            self.a *= mask[:, None]

    def squares(self) -> float:
        """Return ‖W‖² + ‖a‖²."""
        return square(self.theta[: self.W.size]) + square(self.theta[-self.a.size :])


def square(v: Array) -> float:
    """Return ‖v‖², without the threads of BLAS, which cost more than they save and change bits."""
    return float(np.einsum("i,i", v, v))


@dataclass(frozen=True)
class Model:
    """What a net's weights become a loss by: activation, smoothing, loss and penalty."""

    activation: Any
    smoothing: float
    loss: str
    alpha: float

    def compiled(self, net: Network) -> TwoLayer:
        """Return the net on its arrays."""
        return TwoLayer(net.W, net.b, net.a, self.activation, smoothing=self.smoothing)

    def outputs(self, net: Network, X: Array) -> Array:
        """Return f (n, c)."""
        return self.compiled(net).outputs(X)

    def hidden(self, net: Network, X: Array) -> Array:
        """Return σ(<w_r, x_i> - b_r), of shape (n, m)."""
        return self.compiled(net).hidden(X)

    def gradient(self, net: Network, X: Array, Y: Array, *, penalised: bool = True) -> tuple[float, Array]:
        """Return the mean loss, and the gradient of the loss and the penalty as one vector."""
        found = self.compiled(net).loss_gradient(X, Y, self.loss)
        g = np.concatenate([found.W.ravel(), found.b, found.a.ravel()])
        if penalised and self.alpha:
            g[: net.W.size] += self.alpha * net.theta[: net.W.size]
            g[-net.a.size :] += self.alpha * net.theta[-net.a.size :]
        return found.loss, g

    def penalty(self, net: Network) -> float:
        """Return (alpha/2)(‖W‖² + ‖a‖²)."""
        return 0.5 * self.alpha * net.squares()


@dataclass(frozen=True)
class Start:
    """A law of first weights, symmetric so that the net is zero on every row.

    Base neurons have w ~ N(0, weight_scale² I/d), b ~ N(0, bias_scale²) or = bias_scale, a ~ N(0, output_scale²) or
    ±output_scale. "pairs" are (w, b, a) and (w, b, -a), "quadruples" these of (w, b, a) and of (-w, -b, -a); a neuron
    that finds no partner has a = 0.
    """

    init: Any
    weight_scale: float
    bias: str
    bias_scale: float
    output: str
    output_scale: float | None

    def draw(self, m: int, d: int, c: int, rng: np.random.Generator, dtype: DTypeLike) -> Network:
        """Draw a net of m neurons, d inputs and c outputs."""
        if not isinstance(self.init, str):
            return given(self.init, m, d, c, dtype)
        group = 2 if self.init == "pairs" else 4
        k = m // group
        scale = 1 / np.sqrt(m) if self.output_scale is None else self.output_scale
        # The leftover neurons are drawn too, with a = 0.
        W = rng.standard_normal((k + m % group, d)) * (self.weight_scale / np.sqrt(d))
        b = rng.standard_normal(k + m % group)
        b = b * self.bias_scale if self.bias == "normal" else np.full_like(b, self.bias_scale)
        a = rng.standard_normal((k, c))
        a = scale * (a if self.output == "normal" else np.where(a < 0, -1.0, 1.0))
        W, extra_W, b, extra_b = W[:k], W[k:], b[:k], b[k:]
        if self.init == "quadruples":
            W, b, a = np.concatenate([W, -W]), np.concatenate([b, -b]), np.concatenate([a, -a])
        parts = (
            np.concatenate([W, W, extra_W]),
            np.concatenate([b, b, extra_b]),
            np.concatenate([a, -a, np.zeros((m % group, c))]),
        )
        return Network(*(np.ascontiguousarray(part, dtype=dtype) for part in parts))


def given(init: ArrayLike, m: int, d: int, c: int, dtype: DTypeLike) -> Network:
    """Return the net of three arrays that a user gave."""
    shapes = ((m, d), (m,), (m, c))
    arrays = [np.array(part, dtype=dtype) for part in init]  # type: ignore[union-attr]
    if len(arrays) == 3 and c == 1 and arrays[2].ndim == 1:
        arrays[2] = arrays[2][:, None]
    found = tuple(part.shape for part in arrays)
    if found != shapes or not all(np.isfinite(part).all() for part in arrays):
        raise ValueError(f"init must be finite arrays (W, b, a) of shapes {shapes}, got {found}.")
    return Network(*arrays)
