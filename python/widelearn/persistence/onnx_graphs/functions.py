"""Functions that ONNX Runtime has in single precision alone, to 2e-15 of their values by those that it has in both."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy import special

from widelearn.persistence.onnx_graphs.graph import Value

# The map of [0, inf) to [-1, 1], t = (x - k)/(x + k), in which erfc(x) exp(x²) is nearly a polynomial.
MIDDLE, FAR = 3.75, 6.0
# Values that a series is fitted to.
NODES = 512
# tan(π/8), below which one halving brings every angle's tangent.
EIGHTH = float(np.sqrt(2.0) - 1.0)


@cache
def fitted(function: Callable[[Any], Any], low: float, high: float, degree: int) -> tuple[float, ...]:
    """Return Chebyshev coefficients of a function on an interval, from so many values that rounding averages out."""
    angles = (np.arange(NODES) + 0.5) * (np.pi / NODES)
    values = function((high + low) / 2.0 + (high - low) / 2.0 * np.cos(angles))
    found = [2.0 / NODES * float(values @ np.cos(k * angles)) for k in range(degree + 1)]
    return (found[0] / 2.0, *found[1:])


def summed(t: Value, coefficients: tuple[float, ...]) -> Value:
    """Return a Chebyshev series at t in [-1, 1], by Clenshaw's recurrence."""
    twice = t + t
    before, last = t * 0.0 + coefficients[-1], None
    for c in coefficients[-2:0:-1]:
        now = twice * before + c
        before, last = (now if last is None else now - last), before
    found = t * before + coefficients[0]
    return found if last is None else found - last


def _erf_over(z: Any) -> Any:
    x = np.sqrt(np.maximum(z, 0.0))
    return np.where(x > 0, special.erf(x) / np.where(x > 0, x, 1.0), 2.0 / np.sqrt(np.pi))


def _erfc_part(t: Any) -> Any:
    x = MIDDLE * (1.0 + t) / np.where(t < 1.0, 1.0 - t, 1e-300)
    return special.erfcx(np.minimum(x, 1e300)) * (1.0 + 2.0 * np.minimum(x, 1e300))


def _atan_over(z: Any) -> Any:
    x = np.sqrt(np.maximum(z, 0.0))
    return np.where(x > 0, np.arctan(x) / np.where(x > 0, x, 1.0), 1.0)


def _sinh_over(z: Any) -> Any:
    x = np.sqrt(np.maximum(z, 0.0))
    return np.where(x > 0, np.sinh(x) / np.where(x > 0, x, 1.0), 1.0)


def erf(x: Value) -> Value:
    """Return the error function."""
    if x.dtype == np.float32:
        return x.op("Erf")
    size = x.abs().at_most(FAR)
    z = size.at_most(1.0)
    near = x * summed(z * z * 2.0 - 1.0, fitted(_erf_over, 0.0, 1.0, 16))
    t = (size - MIDDLE) / (size + MIDDLE)
    # On what sizes up to FAR become, no more.
    high = (FAR - MIDDLE) / (FAR + MIDDLE)
    low = (0.9 - MIDDLE) / (0.9 + MIDDLE)
    t = (t.at_least(low) - (high + low) / 2.0) / ((high - low) / 2.0)
    part = summed(t, fitted(_erfc_part, low, high, 18)) / (size * 2.0 + 1.0)
    far = x.op("Sign") * (1.0 - (-(size * size)).exp() * part)
    return size.less(1.0).where(near, far)


def angle(opposite: Value, adjacent: Value) -> Value:
    """Return the angle in [0, π/2] whose tangent is the ratio of two numbers >= 0, 0 of none."""
    both = opposite.greater(adjacent)
    small, large = both.where(adjacent, opposite), both.where(opposite, adjacent)
    tangent = small / large.at_least(float(np.finfo(small.dtype).tiny))
    half = tangent / ((tangent * tangent + 1.0).sqrt() + 1.0)
    if small.dtype == np.float32:
        found = half.op("Atan") * 2.0
    else:
        z = half * half * (2.0 / EIGHTH**2) - 1.0
        found = half * 2.0 * summed(z, fitted(_atan_over, 0.0, EIGHTH**2, 12))
    return both.where(np.pi / 2.0 - found, found)


def arctangent(x: Value) -> Value:
    """Return the arctangent."""
    return x.op("Sign") * angle(x.abs(), x.like(1.0))


def falling_sinh(x: Value, fall: Value) -> Value:
    """Return sinh(x) exp(-fall) for fall >= abs(x), to rounding also near x = 0."""
    size = x.abs().at_most(1.0)
    near = x * summed(size * size * 2.0 - 1.0, fitted(_sinh_over, 0.0, 1.0, 9)) * (-fall).exp()
    far = ((x - fall).exp() - (-(x + fall)).exp()) * 0.5
    return x.abs().less(1.0).where(near, far)
