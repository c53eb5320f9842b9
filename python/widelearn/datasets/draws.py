"""Random rows drawn some at a time, with the bits of one draw: Ctrl-C need not wait for all of them."""

import numpy as np
from numpy.typing import NDArray

# Numbers drawn at once.
DRAWN = 1 << 20


def normals(rng: np.random.RandomState, n: int, d: int) -> NDArray[np.float64]:
    """Return n rows of d standard normals."""
    X, step = np.empty((n, d)), max(DRAWN // max(d, 1), 1)
    for start in range(0, n, step):
        X[start : start + step] = rng.standard_normal((min(step, n - start), d))
    return X
