"""Solutions of differential equations at given times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

from widelearn.theory.checks import Array

# Evaluations of a flow that are worth waiting for: some seconds.
EVALUATIONS = 30_000


def follow(rhs: Callable[[float, Array], Array], start: Array, times: Array) -> Array:
    """Return the solution at increasing times from 0, of shape (T, variables): Runge-Kutta of order 5, error 1e-8."""
    if times[-1] == 0:
        return start[None]
    count = 0

    def counted(t: float, state: Array) -> Array:
        nonlocal count
        count += 1
        if count > EVALUATIONS:
            raise ValueError(f"The flow gets to t = {t:.4g} of {times[-1]:g} in {EVALUATIONS} steps. Stop earlier.")
        return rhs(t, state)

    with np.errstate(all="ignore"):
        found = solve_ivp(counted, (0.0, float(times[-1])), start, t_eval=times, rtol=1e-8, atol=1e-10)
    if not (found.success and np.all(np.isfinite(found.y))):
        raise ValueError(f"The flow leaves float64 before t = {times[-1]:g}. Stop earlier, or take smaller starts.")
    return np.asarray(found.y.T)
