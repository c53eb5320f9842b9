"""Which activation has the Taylor terms of a model, how large they are, and which of them it is blind in."""

from functools import cache
from math import factorial
from typing import Any

import numpy as np

from widelearn.kernels import TaylorKernel
from widelearn.kernels.deep import is_functions
from widelearn.nets import Expansion
from widelearn.runtime import NoDerivativeError

# What None stands for: the first of them that serves all orders.
DEFAULTS = ("softplus", "cubic", "relu3", "exp")
# Share of E σ^(k)(z)² that (E σ^(k)(z))² has, below which it is nothing but rounding.
ROUNDING = 1e-10
# Nodes of the mean over a normal z.
NODES = 200
PRIMES = ("σ", "σ'", "σ''", "σ'''", "σ''''")


def activation_scale(activation: Any, order: int) -> float:
    """Return sqrt(E σ^(order)(z)²), z standard normal, by which σ is divided; refuse no function and zero."""
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


@cache
def derivatives(activation: Any, order: int) -> tuple[float, float, bool]:
    """Return E σ^(order)(z) and E σ^(order)(z)² of a standard normal z, and whether σ^(order) is odd."""
    z, weights = np.polynomial.hermite_e.hermegauss(NODES)
    # Of a neuron (1, 0) that moves along (0, 1), rows (z, 1) give the derivative itself.
    x, one = np.column_stack([z, np.ones(NODES)]), np.eye(2)
    values = factorial(order) * Expansion(one[:1], np.ones((1, 1)), activation, (order,)).terms(x, one[1:]).ravel()
    weights /= weights.sum()
    # The largest nodes carry no weight, and what overflows there is no part of the mean.
    seen = weights > 1e-20
    values, weights = values[seen], weights[seen]
    size = float(weights @ values**2) ** 0.5
    odd = bool(np.abs(values + values[::-1]).max() <= 1e-9 * np.abs(values).max())
    return float(weights @ values), size**2, odd


def serves(activation: Any, order: int) -> bool:
    """Whether a derivative has a mean, so that the term of its order sees targets of its own degree."""
    mean, square, _ = derivatives(activation, order)
    return mean**2 > ROUNDING * square


def default_activation(orders: tuple[int, ...]) -> str:
    """Return the activation that stands for None."""
    for name in DEFAULTS[:-1]:
        try:
            if all(serves(name, k) for k in orders):
                return name
        except NoDerivativeError:
            continue
    # All its derivatives are itself.
    return DEFAULTS[-1]


def blindness(activation: Any, orders: tuple[int, ...]) -> str:
    """Return what a user should know of the terms that see no targets of their own degree; nothing if all do."""
    blind = [k for k in orders if not serves(activation, k)]
    if not blind:
        return ""
    k = blind[0]
    mean, _, odd = derivatives(activation, k)
    side = f"{PRIMES[k]} is odd" if odd else f"E {PRIMES[k]}(z) = {mean:.1g} for standard normal z"
    seen = " the term is an odd function of x" if k % 2 == 0 else " the term is an even function of x"
    what = f", so that{seen}" if odd else ""
    others = f"; so it is with order {', '.join(map(str, blind[1:]))}" if blind[1:] else ""
    return (
        f"The term of order {k} of {activation!r} cannot fit a target of degree {k}, such as a product of {k} columns:"
        f" {side}{what}{others}. Take activation={default_activation(orders)!r}, or None, which chooses by the order."
    )
