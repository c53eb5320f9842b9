"""Low-rank factors of positive semidefinite matrices: randomly pivoted Cholesky, in blocks with rejection."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.linalg import LinAlgWarning
from sklearn.utils import check_random_state

from widelearn import _core
from widelearn.ridge.blas import tall_product, times
from widelearn.ridge.operators import Operator, Weighted, as_operator
from widelearn.runtime import Array, check_memory, empty, in_few_rows_one_thread, warn

Doubles = NDArray[np.float64]
# Pivots proposed at once.
BLOCK = 192
# A residual below so many machine epsilons of its diagonal entry is a rounding error.
NOISE = 64
# Exponents of roots of entries that are taken as they are, and those whose squares are doubles.
EXTREME, LARGEST = 200, 510


@in_few_rows_one_thread
def rp_cholesky(
    operator: Any,
    rank: int,
    *,
    random_state: int | np.random.RandomState | None = None,
    block: int | None = None,
    tol: float | None = None,
) -> tuple[NDArray[np.intp], Doubles]:
    """Approximate a positive semidefinite matrix A by F F', exact on randomly chosen rows and columns.

    The pivot of each step is drawn with the probabilities u_i / Σ u, u = diag(A - F F'), and its column of A - F F',
    divided by the root of its diagonal entry, becomes the next column of F. Pivots are proposed in blocks from the
    u at hand; each is accepted with the probability of its entry in the running residual over that in u, which makes
    their law that of one step at a time.

    Parameters
    ----------
    operator : object or ndarray of shape (n, n)
        The matrix A, or what has its ``shape`` and ``dtype``, ``diag()`` and ``columns(indices)``, like
        :class:`~widelearn.kernels.KernelOperator`; where it has ``entries(rows, columns)`` too, columns that are
        rejected are not computed.
    rank : int
        Number of pivots k, at least 1; n if it is larger.
    random_state : int, RandomState or None, default=None
        Source of the draws; an integer gives the same pivots each time.
    block : int, optional
        Number of pivots proposed at once. It changes the draws, not their law.
    tol : float, optional
        The share of its diagonal entry below which a residual counts as a rounding error: such rows are no pivots,
        and the factor is complete when Σ u is below that share of the trace. Default: 64 machine epsilons of the
        operator's dtype.

    Returns
    -------
    pivots : ndarray of shape (r,)
        The rows chosen, in this order, all different; r = k, or less where the rank of A to rounding is less.
    F : ndarray of shape (n, r)
        The factor, float64, row by row. F[pivots] is lower triangular, and F F' is the Nyström approximation A[:,
        pivots] A[pivots, pivots]⁻¹ A[pivots, :].

    Raises
    ------
    ValueError
        If the matrix is not square, or its diagonal not finite.
    TypeError
        If the operator lacks one of those four, with its name.
    MemoryError
        If (rank + block) n doubles do not fit.

    Warns
    -----
    LinAlgWarning
        If the matrix is not positive semidefinite: diag(A - F F') becomes negative beyond rounding. Such rows are no
        pivots.

    Notes
    -----
    Costs n (r + 1) entries of A and block² for each block, n r² flops and 8 n (r + block) bytes. The trace error Σ u
    falls with every pivot, and is in expectation near the least one of a slightly smaller rank.

    References
    ----------
    Chen, Epperly, Tropp & Webber, "Randomly pivoted Cholesky: practical approximation of a kernel matrix with few
    entry evaluations", Communications on Pure and Applied Mathematics 78, 2025 (the law and its error). Epperly, Tropp
    & Webber, "Embrace rejection: kernel matrix approximation by accelerated randomly pivoted Cholesky",
    arXiv:2410.03969, 2024 (blocks with rejection).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.kernels import RBF
    >>> from widelearn.ridge import rp_cholesky
    >>> operator = RBF(gamma=0.1).operator(np.linspace(-1, 1, 200)[:, None])
    >>> pivots, F = rp_cholesky(operator, 5, random_state=0)
    >>> F.shape
    (200, 5)
    >>> bool(200 - (F**2).sum() < 1e-3)
    True
    """
    A = as_operator(operator, products=False)
    n = A.shape[0]
    counts = [rank] if block is None else [rank, block]
    if not all(isinstance(count, Integral) for count in counts):
        raise TypeError(f"rank and block must be integers, got {rank!r} and {block!r}.")
    if min(counts) < 1:
        raise ValueError(f"rank and block must be at least 1, got {rank} and {block}.")
    if tol is not None and not (isinstance(tol, Real) and 0 <= tol < 1):
        raise ValueError(f"tol must be None or in [0, 1), got {tol!r}.")
    rank, proposed = min(int(rank), n), min(BLOCK if block is None else int(block), n)
    check_memory(8 * n * (rank + proposed), f"The factor of rank {rank} of {n} rows", "Take a smaller rank.")
    # Half the exponent of a matrix whose sums or squares would leave the range of doubles.
    half = int(np.frexp(np.abs(finite_diagonal(A)).max(initial=0.0))[1]) // 2
    half = int(np.clip(half, -LARGEST, LARGEST)) if abs(half) > EXTREME else 0
    A = Weighted(A, np.full(n, 2.0**-half)) if half else A
    pivots, panels, lowest = factor(A, rank, proposed, check_random_state(random_state), tol=tol)
    if lowest < 0.0:
        lowest = float(np.ldexp(lowest, 2 * half))
        warn(
            f"The kernel matrix is not positive semidefinite: beside {len(pivots)} pivots it has a negative eigenvalue"
            f" of at most {lowest:.2g}. Take another kernel, or if it was computed in single precision pass float32.",
            LinAlgWarning,
        )
    if panels and half:
        np.ldexp(panels[0], half, out=panels[0])
    return pivots, panels[0] if panels else np.empty((n, 0))


def factor(
    A: Operator,
    rank: int,
    proposed: int,
    rng: np.random.RandomState,
    *,
    tol: float | None = None,
    width: int | None = None,
    enough: Callable[[int, Doubles, Doubles, float], bool] = lambda *_: False,
    dtype: DTypeLike = np.float64,
) -> tuple[NDArray[np.intp], list[Doubles], float]:
    """Return pivots, the factor in panels of `width` columns, and the least residual where it is no rounding error.

    Before each block ``enough`` sees the rank so far, the residual where the proposed rows and columns cross, its
    diagonal there, and its trace; it may stop.
    """
    epsilon = float(max(np.finfo(A.dtype).eps, np.finfo(dtype).eps))
    u = finite_diagonal(A)
    n, lowest, largest = len(u), float(u.min(initial=0.0)), float(u.max(initial=0.0))
    u = u.clip(min=0.0)
    noise = (NOISE * epsilon if tol is None else tol) * u
    panels: list[Array] = []
    pivots = np.empty(rank, np.intp)
    k = room = 0
    while k < rank and u.sum() > noise.sum():
        drawn = np.searchsorted(np.cumsum(u), rng.random_sample(proposed) * u.sum(), side="right").clip(max=n - 1)
        H = residual(A, panels, drawn, k)
        if enough(k, H, u[drawn], float(u.sum())):
            break
        if room == 0:
            room = min(width or rank, rank - k)
            panels.append(empty((n, room), dtype))
        taken, L = accept(H, u[drawn], noise[drawn], rng.random_sample(proposed), room)
        if len(taken) == 0:
            # What is left of them are rounding errors.
            u[drawn] = 0.0
            continue
        chosen = drawn[taken]
        last = slice(panels[-1].shape[1] - room, panels[-1].shape[1] - room + len(taken))
        fresh = np.require(A.columns(chosen), dtype, ["C"])
        # Writes the columns (fresh - F F[chosen]') L⁻ᵀ and takes their squares from u.
        _core.extend_factor(panels, last.start, fresh, chosen.astype(np.int64), L.astype(fresh.dtype), u)
        panels[-1][chosen, last] = L
        # Zero but for rounding: F[pivots] is lower triangular to the last bit.
        panels[-1][pivots[:k], last] = 0.0
        pivots[k : k + len(taken)] = chosen
        k, room = k + len(taken), room - len(taken)
        u[pivots[:k]] = 0.0
        if not np.isfinite(u).all():
            row = int(np.argmin(np.isfinite(u)))
            raise ValueError(
                f"The matrix has NaN or infinity in row {row}, at one of the columns {chosen.tolist()[:9]}."
            )
        lowest = min(lowest, float(u.min()))
        u[u <= noise] = 0.0
    if panels:
        panels[-1] = np.ascontiguousarray(panels[-1][:, : panels[-1].shape[1] - room])
    # A rounding error δ of an entry may change u by 2 δ sqrt(u / noise): with a noise of a few δ, by sqrt(δ).
    return pivots[:k], panels, lowest if lowest < -4 * epsilon**0.5 * largest else 0.0


def finite_diagonal(A: Operator) -> Doubles:
    """Return a copy of the diagonal in float64."""
    diagonal = np.array(A.diag(), np.float64)
    if not np.isfinite(diagonal).all():
        row = int(np.flatnonzero(~np.isfinite(diagonal))[0])
        raise ValueError(f"The diagonal entry of row {row} is {diagonal[row]}: scale the rows down.")
    return diagonal


def residual(A: Operator, panels: list[Doubles], drawn: NDArray[np.intp], k: int) -> Doubles:
    """Return A - F F' where the rows and columns `drawn` cross."""
    H = np.array(A.entries(drawn, drawn), np.float64)
    if not np.isfinite(H).all():
        raise ValueError(f"The matrix has NaN or infinity in row {drawn[np.argmin(np.isfinite(H).all(axis=1))]}.")
    for panel in panels:
        known = panel[drawn, : max(k, 0)]
        H -= times(known, known.T)
        k -= panel.shape[1]
    return H


def accept(H: Doubles, u: Doubles, noise: Doubles, uniform: Doubles, most: int) -> tuple[NDArray[np.intp], Doubles]:
    """Accept each proposal with the probability H_ii / u_i, H the residual after those before it.

    Returns the places of those accepted, at most `most`, and the Cholesky factor of H at them.
    """
    taken: list[int] = []
    # The factor's columns, row by row: a column is made when its proposal is accepted, from those before it.
    L, left = np.empty((min(most, len(H)), len(H))), H.diagonal().copy()
    for i in range(len(H)):
        if len(taken) == most:
            break
        if left[i] > noise[i] and uniform[i] * u[i] < left[i]:
            k = len(taken)
            column = H[i] - tall_product(L[:k].T, L[:k, i : i + 1])[:, 0] if k else H[i]
            np.divide(column, left[i] ** 0.5, out=L[k])
            left -= L[k] ** 2
            taken.append(i)
    return np.array(taken, np.intp), np.tril(L[: len(taken), taken].T)
