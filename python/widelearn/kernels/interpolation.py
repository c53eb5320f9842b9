"""Defects 1 - E σ(u) σ(v) / sqrt(E σ(u)² E σ(v)²) for many pairs: a Chebyshev interpolant in variances and angle."""

import math
from functools import lru_cache

import numpy as np
from scipy.fft import dct

from widelearn.kernels import quadrature
from widelearn.kernels.quadrature import Function
from widelearn.runtime import Array

# Largest numbers of Chebyshev coefficients, in a logarithm of a variance and in the angle.
MOST_VARIANCE, MOST_ANGLE = 64, 1024
# Trailing coefficients below this are noise of the quadrature.
NOISE = 5e-15
# What the table must reach at points between its nodes.
WANTED = 1e-11

Range = tuple[float, float]


class Table:
    """The defects of one function for logarithms of variances in two ranges and every angle of [0, π].

    The first argument of a pair has its variance in the range `first`, the second in `second`. Both and the angle are
    smooth variables of the defect for functions that are smooth on both sides of 0. Where both ranges are one point, or
    the function is a power of |t| on each side of 0, the defect vanishes with the angle: then defect / angle is
    interpolated, and small angles lose no digits.
    """

    def __init__(self, function: Function, first: Range, second: Range) -> None:
        self.first, self.second = first, second
        self._function, self._point = function, first == second and first[0] == first[1]
        ends = np.exp(np.array([*first, *second]))
        self._octave = int(quadrature.octaves(ends).max())
        self._reach = quadrature.reach_of(function, ends, quadrature.moment(function, ends))
        self._level = self._fine_enough()
        along, counts = self._along_angle(), (1, 1)
        if self._point:
            self.coefficients = trimmed(along)
        else:
            counts = (self._nodes_needed(), len(trimmed(along)) + 1)
            self.coefficients = trimmed(self._interpolate(*counts))
        error = self._error()
        if error > WANTED and not self._point:
            counts = (min(2 * counts[0], MOST_VARIANCE), min(2 * counts[1], MOST_ANGLE))
            self.coefficients = trimmed(self._interpolate(*counts))
            error = self._error()
        if error > quadrature.REFUSED:
            raise ValueError(
                f"The table of {function!r} for variances from {ends.min():.3g} to {ends.max():.3g} only reaches"
                f" {error:.1e} with {len(self.coefficients)} coefficients for the angle, not"
                f" {quadrature.REFUSED:.0e}. {quadrature.REMEDY}"
            )

    def defects(self, log_q: Array, log_r: Array, angle: Array) -> Array:
        """Return the defects of shape (n, m) for logarithms of n and of m variances and (n, m) angles."""
        degree, n, m = self.coefficients.shape
        if n == m == 1:
            values = clenshaw(self.coefficients[:, 0, 0], angle)
        else:
            left = basis(log_q, self.first, n) @ self.coefficients
            shape = (degree, *angle.shape)
            values = clenshaw((left.reshape(-1, m) @ basis(log_r, self.second, m).T).reshape(shape), angle)
        if self._point:
            values *= angle
        return values

    def _grid(self, n: int, openings: Array, level: int) -> Array:
        """Return what is interpolated at n nodes a range and angles π - openings, which are symmetric about π/2."""
        at = quadrature.rule(level, self._octave, self._reach)
        if self._point:
            point, angle = math.exp(self.first[0]), np.pi - openings
            equal, opposite = quadrature.sector_defects(self._function, point, openings, at)
            scale = quadrature.moment(self._function, np.array([point])) * np.where(angle > 0, angle, 1.0)
            return ((equal + opposite[::-1]) / np.where(scale > 0, scale, 1.0))[:, None, None]
        logs = [nodes(side, n) for side in (self.first, self.second)]
        m = len(logs[0])
        q = np.exp(np.concatenate(logs) if self.first != self.second else logs[0])
        equal, opposite = quadrature.sector_grids(self._function, q, openings, at)
        second = quadrature.moment(self._function, q)
        scale = np.sqrt(np.outer(second, second))
        values = 1 - (equal + opposite[::-1]) / np.where(scale > 0, scale, 1.0)
        # The ranges may hold different numbers of nodes: one of them may be a point.
        return values[:, :m, -len(logs[1]) :] if self.first != self.second else values

    def _fine_enough(self) -> int:
        """Return the first rule that agrees with the next one at the ends of the ranges."""
        openings = np.pi * np.array([0.0, 0.05, 0.3, 0.5, 0.7, 0.95, 1.0])
        before, gap = np.array(np.inf), np.inf
        for level in range(len(quadrature.RULES)):
            now = self._grid(2, openings, level)
            gap, before = float(np.abs(now - before).max()), now
            if gap <= quadrature.TOLERANCE:
                return max(level - 1, 0)
        if gap > quadrature.REFUSED:
            raise quadrature.not_smooth(self._function, gap, math.exp(max(*self.first, *self.second)))
        return len(quadrature.RULES) - 1

    def _nodes_needed(self) -> int:
        """Return how many nodes the variances need, by grids that are coarse in the angle."""
        openings = np.pi * np.array([0.02, 0.25, 0.5, 0.75, 0.98])
        count = 6
        while True:
            grid = transformed(transformed(self._grid(count, openings, self._level), 1), 2)
            used = max(trimmed(grid).shape[1:])
            if used <= count - 2 or count == MOST_VARIANCE:
                return min(used + 1, MOST_VARIANCE)
            count = min(2 * count, MOST_VARIANCE)

    def _along_angle(self) -> Array:
        """Return the coefficients of the angle by a grid that is coarse in the variances."""
        # What smooth functions of scale 1 need at large variances, where they turn into steps.
        count = max(18, round(40 * 2 ** (0.4 * self._octave)) if self._octave > 0 else 0)
        while True:
            grid = transformed(self._grid(2, np.pi - nodes((0.0, np.pi), count), self._level), 0)
            if len(trimmed(grid)) <= count - 2 or count == MOST_ANGLE:
                return grid
            count = min(math.ceil(1.5 * count), MOST_ANGLE)

    def _interpolate(self, count: int, angles: int) -> Array:
        """Return the coefficients of shape (angles, count, count), one along a range that is a point."""
        coefficients = self._grid(count, np.pi - nodes((0.0, np.pi), angles), self._level)
        for axis in range(3):
            coefficients = transformed(coefficients, axis)
        return coefficients

    def _error(self) -> float:
        """Return the largest difference from quadrature at points between the nodes."""
        rng = np.random.default_rng(0)
        log_q, log_r = (low + (high - low) * rng.random(12) for low, high in (self.first, self.second))
        angle = np.pi * rng.random(12)
        wanted = quadrature.defects(self._function, np.exp(log_q), np.exp(log_r), angle)
        return max(
            float(np.abs(self.defects(log_q[[i]], log_r[[i]], angle[[i], None])[0, 0] - wanted[i]))
            for i in range(len(angle))
        )


def nodes(side: Range, count: int) -> Array:
    """Return the zeros of the Chebyshev polynomial of that degree on a range, rising; one if the range is a point."""
    low, high = side
    if low == high:
        return np.array([low])
    x = -np.cos(np.pi * (np.arange(count) + 0.5) / count)
    return (low + high) / 2 + (high - low) / 2 * x


def transformed(values: Array, axis: int) -> Array:
    """Turn values at rising Chebyshev zeros along an axis into coefficients."""
    coefficients = dct(np.flip(values, axis), type=2, axis=axis) / values.shape[axis]
    first = [slice(None)] * values.ndim
    first[axis] = slice(0, 1)
    coefficients[tuple(first)] /= 2
    return coefficients


def trimmed(coefficients: Array) -> Array:
    """Drop trailing coefficients that are noise, along every axis."""
    for axis in range(3):
        size = np.abs(coefficients).max(axis=tuple({0, 1, 2} - {axis}))
        kept = np.flatnonzero(size > NOISE)
        coefficients = np.take(coefficients, np.arange(kept[-1] + 1 if len(kept) else 1), axis)
    return np.ascontiguousarray(coefficients)


def basis(log_q: Array, side: Range, count: int) -> Array:
    """Return the Chebyshev polynomials of a range at logarithms of variances, of shape (n, count)."""
    low, high = side
    x = (2 * log_q - low - high) / (high - low) if high > low else np.zeros(len(log_q))
    return np.polynomial.chebyshev.chebvander(x, count - 1)


def clenshaw(coefficients: Array, angle: Array) -> Array:
    """Sum a Chebyshev series in angles of [0, π]; coefficients are numbers or arrays like `angle`."""
    twice = angle * (4 / np.pi)
    twice -= 2.0
    if len(coefficients) == 1:
        return np.zeros_like(angle) + coefficients[0]
    last, here, spare = np.zeros_like(angle), np.zeros_like(angle), np.empty_like(angle)
    here += coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        np.multiply(twice, here, out=spare)
        spare -= last
        spare += coefficient
        last, here, spare = here, spare, last
    np.multiply(twice, here, out=spare)
    spare *= 0.5
    spare -= last
    spare += coefficients[0]
    return spare


@lru_cache(maxsize=128)
def is_power(function: Function) -> bool:
    """Whether a function is c t^p right of 0 and c' (-t)^p left of it: then variances do not matter to defects."""
    t = np.geomspace(1e-12, 1e8, 500)
    try:
        sides = [quadrature.values_of(function, t), quadrature.values_of(function, -t)]
    except ValueError:
        return False
    ratio = [float(side[-1] / side[-2]) for side in sides if side.any() and side[-2] != 0]
    if not ratio or min(ratio) <= 0:
        return False
    power = math.log(ratio[0]) / math.log(t[-1] / t[-2])
    power = round(power) if abs(power - round(power)) < 1e-9 else power
    return all(bool((np.abs(side - side[300] * (t / t[300]) ** power) <= 1e-13 * np.abs(side)).all()) for side in sides)


@lru_cache(maxsize=64)
def table(function: Function, first: Range, second: Range) -> Table:
    """Return the table of a function, made once for the ranges."""
    return Table(function, first, second)
