"""Length scales that kernels leave open: multiples of the median distance between rows, to be chosen from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.kernels import RBF, Kernel, Laplace

Array = NDArray[Any]
# Lengths as multiples of the median distance.
FACTORS = (1.0, 0.5, 2.0, 4.0)


def median_distance(X: Array) -> float:
    """Return the median of the distances between distinct rows; 1 where there are none."""
    x = X.astype(np.float64)
    squares = np.einsum("ij,ij->i", x, x)
    r2 = (squares[:, None] + squares - 2.0 * (x @ x.T))[np.triu_indices(len(x), 1)]
    r2 = r2[r2 > 1e-12 * squares.max(initial=0.0)]
    return float(np.sqrt(np.median(r2))) if len(r2) else 1.0


def candidates(kernel: Kernel, X: Array) -> list[Kernel]:
    """Return the kernel itself, or if its ``gamma`` is None, one for every length."""
    if not (isinstance(kernel, RBF | Laplace) and kernel.gamma is None):
        return [kernel]
    median = median_distance(X)
    if isinstance(kernel, RBF):
        return [RBF(gamma=0.5 / (factor * median) ** 2) for factor in FACTORS]
    power = float(kernel.power)
    return [Laplace(gamma=(factor * median) ** -power, power=power) for factor in FACTORS]
