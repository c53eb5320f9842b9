"""Gradient descent of two-layer nets at any scale of their outputs, kept at moments of its way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.net_paths import PARTS, NetPath, double, rows_of, targets_of
from widelearn.nets import TwoLayer
from widelearn.runtime import capped, check_memory

Array = NDArray[np.float64]

# Share of n/λ_max that a step takes, if none is given: descent follows the flow closely.
SHARE = 0.3
# Lifetimes of the slowest direction, and the largest number of steps, if none is given.
LIFETIMES, STEPS = 10.0, 4000
# Steps between two looks at whether descent still moves, and the largest number: more take minutes even of tiny nets.
LOOKED, MOST = 1024, 100_000


@capped
def scaled_descent(
    start: TwoLayer,
    X: ArrayLike,
    y: ArrayLike,
    scale: float = 1.0,
    *,
    steps: int | None = None,
    learning_rate: float | None = None,
    moments: int = 32,
    trained: Sequence[str] = PARTS,
    centred: bool = True,
) -> NetPath:
    """Train α (f - f_0) by full-batch gradient descent, f a two-layer net, and keep it at moments of its way.

    Minimises ‖y - F‖²/(2n), F = α (f - f_0) with f_0 the start, by plain steps: the larger α, the nearer F stays to its
    linearisation (gaps fall like 1/α, and like 1/α² from a start whose neurons come in pairs of opposite signs).

    Parameters
    ----------
    start : TwoLayer
        The net at the start; it is not changed.
    X : array-like of shape (n, d)
        Rows.
    y : array-like of shape (n,) or (n, c)
        Targets.
    scale : float, default=1.0
        α.
    steps : int, optional
        Number of steps; None takes ten lifetimes of the slowest direction of the linearised training, at most
        4,000; at most 100,000 may be asked for.
    learning_rate : float, optional
        Length η of steps in the parameters; stable below 2n/λ_max, λ_max of F's tangent kernel. None is 0.3 n/λ_max.
    moments : int, default=32
        How many nets to keep beside the start, at steps in geometric progression.
    trained : tuple of {"W", "b", "a"}, default=("W", "b", "a")
        What moves.
    centred : bool, default=True
        Whether f_0 is taken off; if not, F = α f.

    Returns
    -------
    NetPath
        For :func:`laziness`, with its times in steps.

    Raises
    ------
    ValueError
        If a shape does not fit, a number is out of range, the step is not stable, or the steps diverge.
    MemoryError
        If the kernel of the rows, or the nets that are kept, do not fit.

    Notes
    -----
    A step costs 6 n m d flops, and steps end where rounding lets none move a weight. Their length and number need the
    rows' tangent kernel, 3 n² m flops.

    References
    ----------
    Chizat, Oyallon & Bach, "On lazy training in differentiable programming", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import laziness, scaled_descent
    >>> from widelearn.nets import TwoLayer
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.standard_normal((8, 5)), rng.standard_normal(8)
    >>> start = TwoLayer(
    ...     rng.standard_normal((100, 5)),
    ...     np.zeros(100),
    ...     rng.choice([-0.1, 0.1], (100, 1)),
    ...     "tanh",
    ... )
    >>> gaps = [
    ...     laziness(scaled_descent(start, X, y, alpha), X, y=y).gap.max()
    ...     for alpha in (8.0, 16.0)
    ... ]
    >>> bool(1.6 < gaps[0] / gaps[1] < 2.5)
    True
    """
    net = double(start)
    path = NetPath([net], scale, centred, trained)
    rows = rows_of("X", X, net.W.shape[1])
    Y = targets_of(y, len(rows), net.a.shape[1])
    rate, count = _steps(path, rows, steps, learning_rate)
    marks = np.unique(np.geomspace(1, count, min(moments, count)).round().astype(int))
    need = 8 * len(marks) * (net.W.size + net.b.size + net.a.size)
    check_memory(need, f"{len(marks)} nets of {len(net.b)} neurons", "Keep fewer moments.")
    # The residual is α times that of the net itself to these targets.
    goal = Y / path.scale + (net.outputs(rows) if centred else 0.0)
    kept, moving = [net], copy_of(net)
    length = rate * path.scale**2
    for step in range(1, count + 1):
        found = moving.loss_gradient(rows, goal, "squared")
        looked = step % LOOKED == 0
        before = [getattr(moving, part).copy() for part in path.trained] if looked else []
        for part in path.trained:
            held = getattr(moving, part)
            held -= length * getattr(found, part)
        if (looked or step in marks) and not np.isfinite(found.loss):
            raise ValueError(f"Descent diverges at learning_rate = {rate:.3g}, scale = {scale:g}: take a smaller step.")
        if step in marks:
            kept.append(copy_of(moving))
        if looked and all(map(np.array_equal, before, (getattr(moving, part) for part in path.trained))):
            # All later steps are this one.
            kept += [copy_of(moving) for _ in range(len(marks) + 1 - len(kept))]
            break
    return NetPath(kept, scale, centred, trained, [0, *marks.tolist()], rate)


def copy_of(net: TwoLayer) -> TwoLayer:
    """Return a net with weights of its own."""
    return TwoLayer(net.W.copy(), net.b.copy(), net.a.copy(), net.activation, smoothing=net.smoothing)


def _steps(path: NetPath, rows: Array, steps: int | None, learning_rate: float | None) -> tuple[float, int]:
    """Return the length of steps and their number."""
    if steps is not None and not (1 <= steps <= MOST and steps == int(steps)):
        raise ValueError(f"steps must be a whole number from 1 to 100,000, got {steps!r:.60}.")
    kernel = path.bind(rows, None).kernel(0)
    values = np.linalg.eigvalsh(kernel)
    largest, smallest = float(values[-1]), max(float(values[0]), 0.0)
    if not largest > 0:
        raise ValueError("The net's gradient is zero at every row: training cannot leave the start. Draw another one.")
    stable = 2 * len(rows) / largest
    rate = SHARE * stable / 2 if learning_rate is None else float(learning_rate)
    if not 0 < rate < stable:
        raise ValueError(
            f"learning_rate = {rate:g} is not stable: it must be above 0 and below 2n/λ_max = {stable:.6g}."
        )
    if steps is not None:
        return rate, int(steps)
    wanted = LIFETIMES * len(rows) / (rate * smallest) if smallest > 0 else np.inf
    return rate, int(min(STEPS, np.ceil(wanted)))
