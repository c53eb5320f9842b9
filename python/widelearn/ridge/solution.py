"""What ridge solvers return."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Solution(NamedTuple):
    """The solution of a ridge problem, and how it was found.

    Coefficients (m, t) are those of m features, or dual ones of m rows, zero for rows of weight zero; offsets (t,) are
    the intercepts. The residual is that of the whole system relative to its right-hand side, of the worst column or of
    each; zero where it was not looked at. Conjugate gradients have the rank of their preconditioner, and what is left
    of the right-hand sides, S y - (S K S + alpha I) β.

    What is factored once and solved many times has two verbs: its constructor factors, and ``solve`` takes penalties or
    right-hand sides.
    """

    coef: NDArray[Any]
    offset: NDArray[Any]
    solver: str
    residual: Any = 0.0
    n_iter: int = 1
    rank: int = 0
    left: NDArray[np.float64] | None = None
