"""Losses of a row and their derivatives by the outputs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[Any]


def values(loss: str, Y: Array, F: Array) -> Array:
    """Return the loss of every row, (n,)."""
    if loss == "squared":
        return 0.5 * ((F - Y) ** 2).sum(axis=1)
    if loss == "logistic":
        return np.logaddexp(0, -Y * F).sum(axis=1)
    if loss == "hinge":
        return np.maximum(0, 1 - Y * F).sum(axis=1)
    return Y.sum(axis=1) * special.logsumexp(F, axis=1) - (Y * F).sum(axis=1)


def slopes(loss: str, Y: Array, F: Array) -> Array:
    """Return the derivative by every output, (n, c); that of the hinge is 0 at its kink."""
    if loss == "squared":
        return F - Y
    if loss == "logistic":
        return -Y * special.expit(-Y * F)
    if loss == "hinge":
        return np.where(Y * F < 1, -Y, 0)
    return Y.sum(axis=1, keepdims=True) * special.softmax(F, axis=1) - Y


def curvature_product(loss: str, Y: Array, F: Array, D: Array) -> Array:
    """Return the loss's second derivative by the outputs times a direction of outputs, (n, c)."""
    if loss == "squared":
        return D
    if loss == "logistic":
        return special.expit(F) * special.expit(-F) * D
    if loss == "hinge":
        return np.zeros_like(D)
    p = special.softmax(F, axis=1)
    return Y.sum(axis=1, keepdims=True) * p * (D - (p * D).sum(axis=1, keepdims=True))
