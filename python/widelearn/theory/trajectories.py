"""Solutions of differential equations at given times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

from widelearn.theory.checks import Array

# Evaluations of a flow that are worth waiting for, some seconds, and values of neurons in all of them.
EVALUATIONS, VALUES = 30_000, 2e8


def follow(rhs: Callable[[float, Array], Array], start: Array, times: Array, values: int = 1) -> Array:
    """Return the solution at increasing times from 0, of shape (T, variables): Runge-Kutta of order 5, error 1e-8.

    An evaluation takes so many `values` of neurons.
    """
    if times[-1] == 0:
        return start[None]
    count, most = 0, max(min(EVALUATIONS, int(VALUES / values)), 1000)

    def counted(t: float, state: Array) -> Array:
        nonlocal count
        count += 1
        if count > most:
            fewer = "" if most == EVALUATIONS else ", or take fewer particles or nodes"
            raise ValueError(f"The flow gets to t = {t:.4g} of {times[-1]:g} in {most} steps. Stop earlier{fewer}.")
        return rhs(t, state)

    with np.errstate(all="ignore"):
        found = solve_ivp(counted, (0.0, float(times[-1])), start, t_eval=times, rtol=1e-8, atol=1e-10)
    if not (found.success and np.all(np.isfinite(found.y))):
        raise ValueError(f"The flow leaves float64 before t = {times[-1]:g}. Stop earlier, or take smaller starts.")
    return np.asarray(found.y.T)
