"""Ridge systems of kernel matrices that need not be formed, by preconditioned conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_consistent_length, check_random_state

from widelearn.ridge.checkpoint import StateFile, fingerprint
from widelearn.ridge.iterations import Run
from widelearn.ridge.operators import Operator, Weighted, as_operator
from widelearn.ridge.preconditioner import Preconditioner, precondition
from widelearn.ridge.symmetric_systems import Solution, check_alpha, check_weight
from widelearn.ridge.unit_systems import Units
from widelearn.runtime import Array, in_few_rows_one_thread, warn


@in_few_rows_one_thread
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
        File for the state, written once a second at most, less often where a write takes longer than 0.1 s, and at the
        end or an interruption: a process that is killed loses no more than that. The file is whole or not there. If it
        exists, the iterations go on from it, with the numbers of a run that was never interrupted.
    preconditioner : Preconditioner, optional
        One that ``widelearn.ridge.preconditioner.precondition`` has made for this system, instead of another.

    Returns
    -------
    Solution
        ``coef``, the dual coefficients a, in float64 and zero where the weight is zero; ``n_iter``, the products with K
        but for those that take the true residual; ``residual``, of each column; and ``rank``, of the preconditioner.

    Raises
    ------
    ValueError
        If shapes do not fit, values are not finite, or the checkpoint is damaged or of another problem.
    TypeError
        If the operator lacks one of those five, with its name.
    LinAlgError
        If the matrix plus the penalty is indefinite beyond rounding errors, or its products are not finite.
    MemoryError
        If the factor or the checkpoint does not fit.
    FileNotFoundError
        If there is no folder for the checkpoint.

    Warns
    -----
    ConvergenceWarning
        With the residual reached, if the iterations end or rounding errors stop them before `tol`. Each column then
        is the iterate of the smallest true residual that was found, never larger than that of `x0` or of zero; where
        alpha is below the rounding errors of the matrix, that may be the solution for a larger one, as is said.

    See Also
    --------
    rp_cholesky : The factor.
    solve : The direct solution.

    Notes
    -----
    Costs n k² flops for a preconditioner of rank k, and each iteration one product with K, of the n² entries, and 4 n
    k flops a column; holds 8 n (k + 8 t) bytes. Products are in the operator's dtype; true residuals are taken in
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
    options: dict[str, Any] = {"sample_weight": sample_weight, "rank": rank, "tol": tol, "max_iter": max_iter}
    options |= {"random_state": random_state, "x0": x0, "callback": callback, "checkpoint": checkpoint}
    return columns_solved(operator, y, alpha, preconditioner=preconditioner, **options)


def columns_solved(
    operator: Any,
    y: ArrayLike,
    alpha: ArrayLike,
    *,
    sample_weight: Any = None,
    rank: Any = None,
    tol: Any = 1e-8,
    max_iter: Any = 1000,
    random_state: Any = 0,
    x0: Any = None,
    callback: Any = None,
    checkpoint: Any = None,
    preconditioner: Any = None,
    together: bool = False,
) -> Solution:
    """Solve what :func:`pcg` does; `together`, all columns of a penalty for a larger one if one of them needs it."""
    A = as_operator(operator)
    check_numbers(rank, tol, max_iter)
    targets = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    check_consistent_length(A.diag(), targets)
    right = targets.reshape(len(targets), -1)
    alphas = check_alpha(alpha, right.shape[1])
    weight = None
    if sample_weight is not None:
        weight = check_weight(sample_weight, right)
    units = Units(A, right, alphas, weight)
    root, alphas, right = units.root, units.alphas, units.right
    start = np.zeros(right.shape)
    if x0 is not None:
        given = check_array(x0, dtype=np.float64, ensure_2d=False, input_name="x0")
        if given.shape != targets.shape:
            raise ValueError(f"x0 has shape {given.shape}, but y has {targets.shape}: they must have the same.")
        given = units.divide(given.reshape(right.shape))
        start = given if root is None else np.divide(given, root[:, None], out=start, where=root[:, None] > 0)
    if root is not None:
        A, right = Weighted(A, root), root[:, None] * right
    if preconditioner is None:
        inverse = precondition(A, alphas, rank, tol, max_iter, check_random_state(random_state))
    else:
        inverse = fitting(preconditioner, A, alphas)
    run = Run(A, right, alphas, inverse, start, tol, max_iter)
    run.callback = callback
    if checkpoint is not None:
        run.take_up(StateFile(checkpoint, fingerprint(A, right, alphas, inverse.pivots, start)))
    run.solve()
    complaint = run.complaint(run.lift(together))
    if complaint is not None:
        warn(complaint, ConvergenceWarning)
    coef = units.times(run.state["X"] if root is None else root[:, None] * run.state["X"])
    residual = run.residual if targets.ndim == 2 else float(run.residual[0])
    offset = np.zeros(right.shape[1])
    count = int(run.state["iteration"])
    return Solution(
        coef.reshape(targets.shape), offset, "pcg", residual, count, inverse.rank, units.times(run.left, -units.power)
    )


def check_numbers(rank: Any, tol: Any, max_iter: Any) -> None:
    """Refuse a rank, a tolerance and a number of iterations that are none."""
    kinds = ((tol, Real), (max_iter, Integral), (0 if rank is None else rank, Integral))
    if not all(isinstance(value, kind) for value, kind in kinds):
        raise TypeError(
            f"tol must be a number, max_iter an integer and rank an integer or None, got {tol!r}, {max_iter!r} and"
            f" {rank!r}."
        )
    if not (tol > 0 and max_iter >= 1 and (rank is None or rank >= 0)):
        raise ValueError(
            f"tol must be positive, max_iter at least 1 and rank not negative, got {tol}, {max_iter} and {rank}."
        )


def fitting(preconditioner: Any, A: Operator, alphas: Array) -> Preconditioner:
    """Return a preconditioner if it is one of this system."""
    if not isinstance(preconditioner, Preconditioner):
        raise TypeError(
            f"preconditioner must come from widelearn.ridge.preconditioner.precondition, got {preconditioner!r}."
        )
    rows = {len(panel) for panel in preconditioner.panels} | {A.shape[0]}
    if len(rows) > 1 or len(preconditioner.shifts) != len(alphas):
        raise ValueError(
            f"The preconditioner is of {min(rows - {A.shape[0]}, default=A.shape[0])} rows and"
            f" {len(preconditioner.shifts)} penalties, the system of {A.shape[0]} and {len(alphas)}."
        )
    return preconditioner
