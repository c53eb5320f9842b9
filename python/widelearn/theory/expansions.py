"""Coefficients of kernels in Gegenbauer or Krawtchouk polynomials, from power series or by projection."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from widelearn.theory.checks import Array
from widelearn.theory.inputs import Domain

Kernel = Callable[[NDArray[Any]], NDArray[Any]]

EPSILON = float(np.finfo(float).eps)
TERMS = 512
# Radii of the circle on which h is read: a kernel that is positive definite in every dimension is analytic inside 1.
# Wider ones suit entire functions, narrower ones are for lack of better.
RADII = (8.0, 2.0, 0.97, 0.6, 0.3, 0.1)
NARROW = 0.9
POINTS = 2048


class Expansion(NamedTuple):
    """Coefficients c_0, ..., c_degree of h = Σ c_k q_k, the rest Σ_{k > degree} c_k, and bounds on their errors."""

    masses: Array
    errors: Array
    tail: float
    tail_error: float = 0.0


def expand(h: Kernel, domain: Domain, degree: int) -> Expansion:
    """Expand h(t), each coefficient by the more accurate of two ways.

    The power series Σ a_j t^j, read from a circle by Fourier transform, becomes Σ c_k q_k by multiplying by t over and
    over: all terms are non-negative where the a_j are, so nothing cancels, whatever the dimension. Projection, c_k =
    √B_k E[h √B_k q_k], loses √B_k units of rounding, which is little in low dimension, and needs no smoothness.
    """
    value = float(np.real(h(np.ones(1))[0]))
    if not np.isfinite(value):
        raise ValueError(f"h(1) is {value}: the kernel must be finite on its domain.")
    by_quadrature = _project(h, domain, degree, value)
    series = _power_series(h)
    if series is None:
        return by_quadrature
    by_series = _from_powers(*series, value, domain, degree)
    better = by_series.errors < by_quadrature.errors
    masses = np.where(better, by_series.masses, by_quadrature.masses)
    errors = np.where(better, by_series.errors, by_quadrature.errors)
    rest = Expansion(masses, errors, value - float(masses.sum()), float(errors.sum()) + EPSILON * abs(value))
    return rest if rest.tail_error < by_series.tail_error else rest._replace(tail=by_series.tail)


def _project(h: Kernel, domain: Domain, degree: int, value: float) -> Expansion:
    moments, square = domain.project(lambda t: np.real(h(t)), degree)
    root = np.sqrt([domain.multiplicity(k) for k in range(degree + 1)])
    masses = root * moments
    errors = 8 * EPSILON * root * np.sqrt(square)
    return Expansion(masses, errors, value - float(masses.sum()), float(errors.sum()) + EPSILON * abs(value))


def _power_series(h: Kernel) -> tuple[Array, Array] | None:
    """Return a_0, a_1, ... and their rounding errors, or None if h is not analytic or takes no complex numbers.

    A wide circle suits high powers and a narrow one low powers. Each a_j comes from the circle with the least error,
    among those on which h proves analytic.
    """
    best: tuple[Array, Array] | None = None
    for radius in RADII:
        if best is not None and radius < NARROW:
            break
        found = _on_circle(h, radius)
        if found is None:
            continue
        if best is not None:
            better = found[1] < best[1]
            found = np.where(better, found[0], best[0]), np.where(better, found[1], best[1])
        best = found
    return None if best is None else (np.where(np.abs(best[0]) < 2 * best[1], 0.0, best[0]), best[1])


def _on_circle(h: Kernel, radius: float) -> tuple[Array, Array] | None:
    """Return the coefficients that the values on a circle give, if they reproduce h on the real line inside."""
    z = radius * np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(h(z), dtype=complex)
    except (TypeError, ValueError, NotImplementedError):
        return None
    if values.shape != z.shape or not np.isfinite(values).all():
        return None
    growth = np.exp(np.minimum(-np.arange(TERMS) * np.log(radius), 400.0))
    noise = 4 * EPSILON * np.abs(values).max() * growth
    a = (np.fft.fft(values)[:TERMS] / POINTS).real * growth
    t = 0.7 * min(radius, 1.0) * np.linspace(-1, 1, 41)
    truth = np.real(h(t))
    clean = np.where(np.abs(a) < 2 * noise, 0.0, a)
    error = np.abs(np.polynomial.polynomial.polyval(t, clean) - truth).max()
    allowed = 1e-12 * np.abs(truth).max() + 4 * float(noise @ np.abs(t[0]) ** np.arange(TERMS))
    return (a, noise) if error <= allowed else None


def _from_powers(a: Array, noise: Array, value: float, domain: Domain, degree: int) -> Expansion:
    """Turn powers of t into q_k; the mass that no power holds counts in the tail and in the errors."""
    size = max(len(a), degree + 1)
    power = np.zeros(size)
    power[0] = 1.0
    masses, errors = np.zeros(size), np.zeros(size)
    for coefficient, rounding in zip(a, noise, strict=True):
        masses += coefficient * power
        errors += rounding * power
        last = power
        power = domain.multiply_by_t(power)
    left = value - float(a.sum())
    errors += abs(left) * last + 8 * EPSILON * np.abs(masses)
    left = left if abs(left) > 1e-13 * abs(value) else 0.0
    # Higher powers than these lie in high degrees, but for the share that the last one has in low degrees.
    tail_error = float(errors[degree + 1 :].sum() + abs(left) * last[: degree + 1].sum())
    return Expansion(masses[: degree + 1], errors[: degree + 1], float(masses[degree + 1 :].sum()) + left, tail_error)
