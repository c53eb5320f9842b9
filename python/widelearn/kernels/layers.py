"""Derivatives of a block of rows by the weights of a model's layers: whole, or as factors of outer products."""

from typing import Any, NamedTuple

import numpy as np

from widelearn.kernels.outer_products import Lot, Outer, Part, Whole
from widelearn.kernels.returned import numbers
from widelearn.runtime import Array

FORMS = (
    "they must be (n, c, out) and (n, in), or at T places (n, c, T, out) and (n, T, in); the axis of c outputs may be"
    " left out of one"
)


class Layer(NamedTuple):
    """J (b, c, P) of rows as `delta`; or delta (b, c, T, out) and a (b, T, in), of which J is Σ_t delta_t a_tᵀ."""

    delta: Array
    a: Array | None = None

    @property
    def arrays(self) -> tuple[Array, ...]:
        """What is held."""
        return (self.delta,) if self.a is None else (self.delta, self.a)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The arrays' shapes for one row."""
        return tuple(array.shape[1:] for array in self.arrays)

    @property
    def parameters(self) -> int:
        """The number of parameters, out times in of a matrix, which come row by row."""
        return self.delta.shape[-1] * (1 if self.a is None else self.a.shape[-1])

    def typed(self, dtype: Any) -> "Layer":
        """Return the same in a type of number, None for their own: in the larger of the two."""
        return Layer(*(x if dtype is None else x.astype(np.result_type(x, dtype), copy=False) for x in self.arrays))

    def formed(self) -> Array:
        """Return J (b, c, P)."""
        if self.a is None:
            return self.delta
        b, c = self.delta.shape[:2]
        with np.errstate(over="ignore", invalid="ignore"):
            J: Array = np.matmul(self.delta.swapaxes(2, 3), self.a[:, None])
        return J.reshape(b, c, -1)

    def smaller(self) -> "Layer":
        """Return J if it is no larger than its factors, which are balanced otherwise."""
        if self.a is None:
            return self
        _, c, T, q = self.delta.shape
        width = self.a.shape[2]
        return Layer(self.formed()) if c * q * width <= T * (c * q + width) else balanced(self.delta, self.a)

    def part(self, outputs: str, k: int) -> Part:
        """Return what is multiplied for outputs of a kind: all of it, or output `k`."""
        b, c = self.delta.shape[:2]
        if self.a is None:
            J = self.delta
            if outputs == "diagonal":
                return Whole(J[:, k])
            return Whole(J.reshape(b, -1) if outputs == "trace" else J.reshape(b * c, -1))
        if outputs == "trace":
            return Outer(self.delta.swapaxes(1, 2), self.a)
        if outputs == "full":
            return Outer(self.delta.reshape(b * c, *self.delta.shape[2:]), self.a, c)
        return Outer(self.delta[:, k], self.a)


def lots_of(layers: list[Layer], outputs: str) -> list[Lot]:
    """Return the rows that are multiplied with one another: all of them, or each output's."""
    steps = layers[0].delta.shape[1] if outputs == "diagonal" else 1
    return [Lot([layer.part(outputs, k) for layer in layers]) for k in range(steps)]


def balanced(delta: Array, a: Array) -> Layer:
    """Return factors of like sizes at every place of every row, so that products of J's size are within range.

    Powers of two round nothing.
    """
    with np.errstate(invalid="ignore"):
        high, low = (
            np.frexp(np.maximum(x.max(axis=axes), -x.min(axis=axes)))[1] for x, axes in ((delta, (1, 3)), (a, (2,)))
        )
        limit = min(np.finfo(x.dtype).maxexp for x in (delta, a)) // 4
        shift = np.where(np.maximum(np.abs(high), np.abs(low)) > limit, (high - low) // 2, 0)
        if shift.any():
            delta, a = np.ldexp(delta, -shift[:, None, :, None]), np.ldexp(a, shift[:, :, None])
    return Layer(delta, a)


def read_layers(found: Any, n: int) -> list[Layer]:
    """Return what `factors` returned for `n` rows, checked."""
    if not isinstance(found, list) or not found:
        what = "an empty list" if isinstance(found, list) else type(found).__name__
        raise ValueError(
            f"factors returned {what}: it must be a list of layers, each a tuple (delta, a), or an array of (n, P)."
        )
    layers = [read_layer(one, n, f"Layer {i} of factors") for i, one in enumerate(found)]
    counts = [layer.delta.shape[1] for layer in layers]
    if len(set(counts)) > 1:
        raise ValueError(f"The layers of factors have {counts} outputs: each must have as many as the model.")
    return layers


def read_layer(one: Any, n: int, name: str) -> Layer:
    """Return one layer of `n` rows, checked."""
    if not isinstance(one, tuple):
        J = numbers(one, name)
        if J.ndim not in (2, 3) or len(J) != n or J.size == 0:
            raise ValueError(
                f"{name} has shape {J.shape} for {n} rows: it must be ({n}, P), ({n}, c, P), or a tuple (delta, a)."
            )
        return Layer(J.reshape(n, -1 if J.ndim == 3 else 1, J.shape[-1]))
    if len(one) != 2 or any(part is None for part in one):
        raise ValueError(
            f"{name} is a tuple of {sum(part is not None for part in one)} factors: give both, (delta, a), or where"
            " weights are no matrix, as of a bias, their Jacobian (n, c, P) without a tuple."
        )
    delta, a = (
        numbers(one[0], f"delta of {name[0].lower()}{name[1:]}"),
        numbers(one[1], f"a of {name[0].lower()}{name[1:]}"),
    )
    plain = delta.ndim == a.ndim
    if (
        a.ndim not in (2, 3)
        or delta.ndim not in (a.ndim, a.ndim + 1)
        or not len(delta) == len(a) == n
        or (a.ndim == 3 and delta.shape[-2] != a.shape[1])
        or 0 in (*delta.shape, *a.shape)
    ):
        raise ValueError(f"{name} has delta of shape {delta.shape} and a of shape {a.shape} for {n} rows: {FORMS}.")
    T = a.shape[1] if a.ndim == 3 else 1
    c = 1 if plain else delta.shape[1]
    return Layer(delta.reshape(n, c, T, delta.shape[-1]), a.reshape(n, T, a.shape[-1]))
