"""The error of ridge regression on N random features, by the state functions of their kernel in the limit of many."""

import numpy as np
from scipy.optimize import brentq

from widelearn.forecast.curves import KernelCurve, Point, jackknife
from widelearn.forecast.states import CELLS, FLOOR, States, root

# Points of the integral of F(u) / u² du, and what is left of N - df2 where theory would divide by nothing.
POINTS, KEPT = 200, 0.98
LOWEST = -80.0


def feature_error(states: States, n: float, n_features: float, alpha: float) -> tuple[float, float]:
    """Return the test error at n rows, N features and a penalty, and log ν.

    ν solves alpha / n = ν (1 - df1/n) (1 - df1/N). With r = 1 - df1/N, Υ = (N/n) ((1 - r)² + r² df2 / (N - df2)), χ =
    (df1 - df2) / (ν (N - df2)) and P = ν ∫_ν^∞ F(u)/u² du the error is (F + χ ν (P - F)) / (1 - Υ).
    """
    N, fewest = n_features, min(n, n_features)
    # Where df1 is above the smaller of n and N, both factors may be negative: the root is above.
    grid = np.linspace(LOWEST, float(states.x[-1]) + 5.0, CELLS)
    cell = int(np.argmax(states.df1(grid) < fewest))
    lowest = -np.inf
    if cell > 0:
        lowest = brentq(lambda t: float(states.df1(t)) - fewest, grid[cell - 1], grid[cell])
    x = root(states, alpha / n, lambda t: (1.0 - states.df1(t) / n) * (1.0 - states.df1(t) / N), lowest)
    nu, df1, df2 = float(np.exp(x)), float(states.df1(x)), min(float(states.df2(x)), KEPT * N)
    r = 1.0 - df1 / N
    upsilon = N / n * ((1.0 - r) ** 2 + r * r * df2 / (N - df2))
    chi, f = (df1 - df2) / nu / (N - df2), float(states.f(x))
    return (f + chi * nu * (nu * _integral(states, x) - f)) / max(1.0 - upsilon, FLOOR), x


def _integral(states: States, x: float) -> float:
    """Return ∫ F(u) / u² du from e^x on; beyond the states that were measured F is constant."""
    grid = np.linspace(x, max(float(states.x[-1]), x + 1e-6), POINTS)
    values = states.f(grid) * np.exp(-grid)
    return float(np.trapezoid(values, grid) + states.f(grid[-1]) * np.exp(-grid[-1]))


def feature_point(curve: KernelCurve, n: float, n_features: float, alpha: float) -> Point:
    """Return the forecast at n rows and N features; there is no power law in both beside it.

    In its place stands theory with the states of half as many rows: what it says differently is not known well.
    """
    error, x = feature_error(curve.states, n, n_features, alpha)
    other = curve.halves
    beside = feature_error(other, n, n_features, alpha)[0] if other is not None else error
    spread, shared = jackknife(curve.states.deviations(x)), curve.states.shared(x) ** 0.5
    return Point(error, error, beside, spread, unseen=curve.states.unseen(x), shared=shared)
