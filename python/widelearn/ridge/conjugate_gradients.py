"""Ridge systems of kernel matrices that need not be formed, by preconditioned conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.validation import _check_sample_weight

from widelearn.ridge import checkpoint as disk
from widelearn.ridge.operators import Operator, Weighted, as_operator, double_product, exact, product
from widelearn.ridge.preconditioner import Preconditioner, precondition
from widelearn.ridge.symmetric_systems import Solution, check_alpha
from widelearn.runtime import Array, warn

# Iterations aim at this share of what is asked for, so that the true residual meets it too.
AIM = 0.5
# A pass that leaves more than this share of the residual it began with has met rounding errors.
STALLED = 0.5


def pcg(
    operator: Any,
    y: ArrayLike,
    alpha: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    rank: int | None = None,
    tol: float = 1e-8,
    max_iter: int = 1000,
    random_state: int | np.random.RandomState | None = 0,
    x0: ArrayLike | None = None,
    callback: Callable[[int, Array], object] | None = None,
    checkpoint: str | PathLike[str] | None = None,
    preconditioner: Preconditioner | None = None,
) -> Solution:
    """Solve (K + alpha W⁻¹) a = y by preconditioned conjugate gradients, from products with K alone.

    With S = √W it is (S K S + alpha I) β = S y, a = S β. The preconditioner is F F' + alpha I with F the randomly
    pivoted Cholesky factor of S K S. All right-hand sides share each product with K; those that have converged drop
    out.

    Parameters
    ----------
    operator : object or ndarray of shape (n, n)
        The symmetric matrix K, or what has its ``shape`` and ``dtype``, ``diag()``, ``columns(indices)`` and products
        ``operator @ V``, like ``kernel.operator(X)``.
    y : array-like of shape (n,) or (n, t)
        Right-hand sides.
    alpha : float or array-like of shape (t,)
        Penalty, one for all columns or one each.
    sample_weight : array-like of shape (n,), optional
        Non-negative weights w; zero means the row is not there.
    rank : int, optional
        Rank of the preconditioner, 0 for none. By default it grows until it has cost as much as the iterations that
        are foreseen, or takes a third of the memory available.
    tol : float, default=1e-8
        Largest residual of a column relative to its right-hand side, ‖S y - (S K S + alpha I) β‖ / ‖S y‖.
    max_iter : int, default=1000
        Largest number of iterations.
    random_state : int, RandomState or None, default=0
        Source of the pivots.
    x0 : array-like of the shape of y, optional
        Where to start; zero by default.
    callback : callable, optional
        Called after each iteration with its number and the residuals so far of all columns, of shape (t,).
    checkpoint : str or path, optional
        File for the state after every iteration; an interrupted write leaves the state before. If the file exists, the
        iterations go on from it, with the numbers of a run that was never interrupted.
    preconditioner : Preconditioner, optional
        One that :func:`widelearn.ridge.preconditioner.precondition` has made for this system, instead of another.

    Returns
    -------
    Solution
        ``coef``, the dual coefficients a, in float64 and zero where the weight is zero; ``n_iter``, the products with K
        but for those that take the true residual; ``residual``, of each column; and ``rank``, of the preconditioner.

    Raises
    ------
    ValueError
        If shapes do not fit, values are not finite, or the checkpoint is of another problem.
    TypeError
        If the operator lacks one of those five, with its name.
    LinAlgError
        If the matrix plus the penalty is indefinite.
    MemoryError
        If the factor does not fit.

    Warns
    -----
    ConvergenceWarning
        With the residual reached, if the iterations end or rounding errors stop them before `tol`.

    See Also
    --------
    rp_cholesky : The factor.
    solve : The direct solution.

    Notes
    -----
    Costs n k² flops for a preconditioner of rank k, and each iteration one product with K, of the n² entries, and 4 n
    k flops a column; holds 8 n (k + 6 t) bytes. Products are in the operator's dtype; true residuals are taken in
    float64 whenever the iterations believe to be done, which then start again from what is left. An unpenalised
    intercept takes two solutions: b = 1'a_y / 1'a_1 and a = a_y - b a_1 from the right-hand sides y and 1.

    References
    ----------
    Díaz, Epperly, Frangella, Tropp & Webber, "Robust, randomized preconditioning for kernel ridge regression",
    arXiv:2304.12465, 2023 (this preconditioner, and that it needs few iterations).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.kernels import RBF
    >>> from widelearn.ridge import pcg
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> found = pcg(RBF(gamma=1.0).operator(X), X[:, 0] ** 2, alpha=1e-3)
    >>> bool(found.residual < 1e-8)
    True
    >>> a = np.linalg.solve(RBF(gamma=1.0)(X) + 1e-3 * np.eye(200), X[:, 0] ** 2)
    >>> bool(np.abs(found.coef - a).max() < 1e-5 * np.abs(a).max())
    True
    """
    if not (tol > 0 and max_iter >= 1 and (rank is None or rank >= 0)):
        raise ValueError(
            f"tol must be positive, max_iter at least 1 and rank not negative, got {tol}, {max_iter} and {rank}."
        )
    A = as_operator(operator)
    targets = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    check_consistent_length(A.diag(), targets)
    right = targets.reshape(len(targets), -1)
    alphas = check_alpha(alpha, right.shape[1])
    root = np.ones(len(right))
    if sample_weight is not None:
        root = np.sqrt(_check_sample_weight(sample_weight, right, dtype=np.float64, ensure_non_negative=True))
        A, right = Weighted(A, root), root[:, None] * right
    start = np.zeros(right.shape)
    if x0 is not None:
        given = check_array(x0, dtype=np.float64, ensure_2d=False, input_name="x0").reshape(right.shape)
        start = np.divide(given, root[:, None], out=start, where=root[:, None] > 0)
    inverse = preconditioner
    if inverse is None:
        inverse = precondition(A, alphas, rank, tol, max_iter, check_random_state(random_state))
    run = Run(A, right, alphas, inverse, start, tol, max_iter)
    run.callback = callback
    if checkpoint is not None:
        path = Path(checkpoint)
        mark = disk.fingerprint(A, right, alphas, inverse.pivots, start)
        run.keep = lambda state: disk.write(path, mark, state)
        run.state = disk.read(path, mark) or run.state
    run.solve()
    coef = (root[:, None] * run.state["X"]).reshape(targets.shape)
    residual = run.residual if targets.ndim == 2 else float(run.residual[0])
    offset = np.zeros(right.shape[1])
    return Solution(coef, offset, "pcg", residual, int(run.state["iteration"]), inverse.rank, run.left)


class Run:
    """Conjugate gradients on all columns at once, restarted from the true residual until that is small."""

    # Called after every iteration: with the state, and with its number and the residuals.
    keep: Callable[[dict[str, Array]], None] | None = None
    callback: Callable[[int, Array], object] | None = None

    def __init__(
        self, A: Operator, right: Array, alphas: Array, inverse: Preconditioner, start: Array, tol: float, max_iter: int
    ) -> None:
        self.A, self.exact, self.right, self.alphas, self.inverse = A, exact(A), right, alphas, inverse
        self.tol, self.max_iter = tol, max_iter
        size = np.linalg.norm(right, axis=0)
        self.size = np.where(size > 0, size, 1.0)
        # A pass with single-precision products is not believed beyond half their digits more.
        kept = np.finfo(A.dtype).eps
        self.floor = 0.0 if A.dtype == np.float64 else 16 * float(kept)
        # Everything that an iteration hands to the next; a pass ends when no column is active.
        self.state: dict[str, Any] = {
            "X": start,
            "R": np.zeros_like(start),
            "P": np.zeros_like(start),
            "rz": np.zeros(len(size)),
            "aim": np.zeros(len(size)),
            "active": np.zeros(len(size), bool),
            "before": np.full(len(size), np.inf),
            "iteration": np.array(0),
        }

    def solve(self) -> None:
        """Iterate until the true residual is small, no longer falls, or the iterations are used up."""
        state = self.state
        while True:
            while state["active"].any() and state["iteration"] < self.max_iter:
                self.step()
                if self.keep is not None:
                    self.keep(state)
                if self.callback is not None:
                    self.callback(int(state["iteration"]), np.linalg.norm(state["R"], axis=0) / self.size)
            R = self.left = self.right - double_product(self.exact, state["X"]) - state["X"] * self.alphas
            self.residual = np.linalg.norm(R, axis=0) / self.size
            open_ = self.residual > self.tol
            stalled = bool((self.residual > STALLED * state["before"])[open_].any())
            if not open_.any():
                return
            if stalled or state["iteration"] >= self.max_iter:
                self.complain(stalled and state["iteration"] < self.max_iter)
                return
            self.begin(R, open_)

    def begin(self, R: Array, active: NDArray[np.bool_]) -> None:
        """Start a pass from the true residual."""
        state, columns = self.state, np.flatnonzero(active)
        state["R"], state["active"], state["before"] = R, active, self.residual.copy()
        state["aim"] = np.maximum(AIM * self.tol, self.floor * self.residual) * self.size
        state["P"][:, active] = self.inverse.solve(R[:, active], columns)
        state["rz"][active] = np.einsum("ij,ij->j", R[:, active], state["P"][:, active])

    def step(self) -> None:
        """Advance every active column by one iteration."""
        state, active = self.state, self.state["active"]
        columns = np.flatnonzero(active)
        P, rz = state["P"][:, active], state["rz"][active]
        Q = product(self.A, P) + P * self.alphas[active]
        curvature = np.einsum("ij,ij->j", P, Q)
        self.check_definite(curvature, P, Q)
        # Where rounding errors are all that is left, the column waits for its true residual.
        sound = (curvature > 0) & (rz > 0)
        step = np.divide(rz, curvature, out=np.zeros_like(rz), where=sound)
        state["X"][:, active] += step * P
        R = state["R"][:, active] - step * Q
        state["R"][:, active] = R
        left = sound & (np.linalg.norm(R, axis=0) > state["aim"][active])
        kept = columns[left]
        if left.any():
            Z = self.inverse.solve(R[:, left], kept)
            fresh = np.einsum("ij,ij->j", R[:, left], Z)
            state["P"][:, kept] = Z + (fresh / rz[left]) * P[:, left]
            state["rz"][kept] = fresh
        state["active"] = np.isin(np.arange(len(active)), kept)
        state["iteration"] = state["iteration"] + 1

    def check_definite(self, curvature: Array, P: Array, Q: Array) -> None:
        """Refuse a matrix on which p'(A + alpha I) p is negative beyond rounding."""
        lengths = np.linalg.norm(P, axis=0)
        noise = 16 * np.finfo(self.A.dtype).eps * len(P) ** 0.5 * lengths * np.linalg.norm(Q, axis=0)
        wrong = curvature < -noise
        if wrong.any():
            column = int(np.argmin(curvature / np.where(lengths > 0, lengths, 1.0) ** 2))
            value = curvature[column] / lengths[column] ** 2
            raise np.linalg.LinAlgError(
                f"The kernel matrix plus alpha is indefinite: it has an eigenvalue of at most {value:.2g}, and"
                " conjugate gradients need all of them positive. Raise alpha by more than that, or solve directly:"
                " solver='cholesky', or ridge.solve(K, y, alpha, kind='kernel')."
            )

    def complain(self, stalled: bool) -> None:
        """Warn of columns that did not converge."""
        worst, count = float(self.residual.max()), int(self.state["iteration"])
        why = (
            f"rounding errors of {self.A.dtype} stop them there. Raise tol or alpha"
            if stalled
            else f"these are all of max_iter={self.max_iter}. Raise it, rank, alpha or tol"
        )
        more = ", or pass float64 data" if stalled and self.A.dtype == np.float32 else ""
        warn(
            f"Conjugate gradients reached a relative residual of {worst:.2g}, not tol={self.tol:.2g}, in {count}"
            f" iterations: {why}{more}.",
            ConvergenceWarning,
        )
