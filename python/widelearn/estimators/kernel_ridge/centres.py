"""Kernel ridge restricted to the kernels of some rows: ridge on their Nyström features."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from widelearn.features import NystromFeatures
from widelearn.ridge import Moments
from widelearn.ridge.solution import Solution
from widelearn.runtime import available_memory

Array = NDArray[Any]
# Rows whose factor fits into so large a part of memory choose the centres.
PART = 3


def fit_on_centres(
    features: NystromFeatures, X: Array, y: Array, alpha: Array, weight: Array | None, *, fit_intercept: bool
) -> Solution:
    """Fit f(x) = k(x, C) a + b to rows, minimising Σ w (y - f)² + alpha a'K(C, C)a over the a of r centres.

    With K(C, C) = L L' it is ridge on φ(x) = L⁻¹ k(C, x), a = L⁻ᵀ c. The centres are chosen among all rows that have
    weight, or where the factor of those does not fit among as many, drawn uniformly, as do; then rows are mapped block
    by block.
    """
    if weight is not None:
        kept = weight > 0
        if not kept.all():
            X, y, weight = X[kept], y[kept], weight[kept]
    n, p = len(X), min(features.n_components, len(X))
    room = max(available_memory()[0] // PART // (8 * (p + 256)), p)
    moments = None
    if n <= room:
        Z = features.fit_transform(X)
        moments = Moments(Z.shape[1], y.shape[1]).update(Z, y, weight)
        del Z
    else:
        rng = check_random_state(features.random_state)
        features.fit(X[np.sort(rng.permutation(n)[:room])])
        moments = Moments(features.n_features_out, y.shape[1]).absorb(*features.moments(X, y, weight))
    coef, offset = moments.solve_once(alpha, fit_intercept)
    dual = features.dual(coef.reshape(-1, y.shape[1]))
    return Solution(dual.astype(X.dtype), np.reshape(offset, -1).astype(X.dtype), "nystrom", 0.0)


def default_centres(n: int) -> int:
    """Return how many centres n rows have unless told otherwise."""
    return max(min(10 * math.isqrt(n), n), 1)
