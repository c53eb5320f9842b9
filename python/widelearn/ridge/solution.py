"""What ridge solvers return."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Solution(NamedTuple):
    """The solution of a ridge problem, and how it was found.

    What is factored once and solved many times has two verbs: its constructor factors, and ``solve`` takes a penalty or
    a right-hand side.

    Attributes
    ----------
    coef : ndarray of shape (m,) or (m, t)
        Coefficients of m features, or dual ones of m rows, zero for rows of weight zero.
    offset : ndarray of shape (t,)
        Intercepts, zero where none is fitted.
    solver : str
        What solved the system: "cholesky", "ldlt", "eigen", "pcg", "nystrom" or "refined".
    residual : float or ndarray of shape (t,)
        Residual of the whole system relative to its right-hand side: of the worst column, or of each. Zero where it was
        not looked at.
    n_iter : int
        Iterations; 1 for direct solvers.
    rank : int
        Rank of a preconditioner.
    left : ndarray of shape (m, t) or None
        Of conjugate gradients the residuals themselves, S y - (S K S + alpha I) β.
    """

    coef: NDArray[Any]
    offset: NDArray[Any]
    solver: str
    residual: Any = 0.0
    n_iter: int = 1
    rank: int = 0
    left: NDArray[np.float64] | None = None
