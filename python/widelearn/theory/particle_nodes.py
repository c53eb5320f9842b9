"""Particles on a function of few directions: risk and velocity as sums over nodes, and how far these resolve them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, ndtr

from widelearn.theory.checks import Array, numbers

Link = Callable[[Array], ArrayLike]
# E σ(m + r G), G standard normal, and its derivatives by m and r.
Smoothed = Callable[[Array, Array], tuple[Array, Array, Array]]
# Values of particles at nodes that are computed with, and those of a rule that another one is checked by.
LARGEST, LARGEST_CHECK = 1 << 24, 1 << 26
# So many particles' time a node takes itself.
A_NODE = 20
# Nodes of a rule whose weights NumPy still computes.
MOST_EACH = 321
# Moments of a path that are checked.
MOMENTS = 6
INPUTS = ("gaussian", "hypercube")


class Points(NamedTuple):
    """Points (m, k), their weights and the target's values there."""

    z: Array
    share: Array
    target: Array


@dataclass(frozen=True)
class Nodes:
    """A rule in each of k directions, as a grid: all bits of a cube, or the Gauss-Hermite rule of `each` nodes."""

    inputs: str
    k: int
    particles: int
    each: int

    @classmethod
    def of(cls, inputs: str, k: int, particles: int, n_nodes: int) -> Self:
        """Return the nodes of a law of inputs; refuse more than can be computed with."""
        if inputs not in INPUTS:
            raise ValueError(f"inputs must be one of {', '.join(INPUTS)}, got {inputs!r}.")
        found = cls(inputs, k, particles, 2 if inputs == "hypercube" else n_nodes)
        if not found.fits(LARGEST):
            raise ValueError(
                f"{particles} particles at {found.each}^{k} nodes are more than {LARGEST:g}: take fewer directions or"
                " nodes."
            )
        return found

    def fits(self, most: int) -> bool:
        """Whether there are at most so many values of particles at nodes."""
        return self.k * np.log(self.each) + np.log(self.particles) <= np.log(most)

    def another(self) -> Nodes:
        """Return about twice as many nodes, an odd number for an even one, as far as they fit; else one fewer."""
        for each in range(min(2 * self.each + 1, MOST_EACH), self.each, -1):
            if Nodes(self.inputs, self.k, self.particles + A_NODE, each).fits(LARGEST_CHECK):
                return Nodes(self.inputs, self.k, self.particles, each)
        return Nodes(self.inputs, self.k, self.particles, self.each - 1)

    def parts(self) -> Iterator[tuple[Array, Array]]:
        """Yield points (m, k) and their weights, as many at once as all particles have room for."""
        if self.inputs == "hypercube":
            points, weights = np.array([1.0, -1.0]), np.array([0.5, 0.5])
        else:
            points, weights = np.polynomial.hermite_e.hermegauss(self.each)
            weights = weights / weights.sum()
        count, step = self.each**self.k, max(LARGEST // self.particles, 1)
        for first in range(0, count, step):
            numbers = np.arange(first, min(first + step, count))
            places = np.stack(np.unravel_index(numbers, (self.each,) * self.k), axis=1)
            yield points[places], weights[places].prod(axis=1)


@dataclass(frozen=True)
class ParticleFlow:
    """The flow of (s, r, a, b) of N particles, those that are free, and its risk: sums over parts of nodes."""

    link: Link
    smoothed: Smoothed
    free: Array
    scale: float
    particles: int
    k: int

    def read(self, part: tuple[Array, Array]) -> Points:
        """Return points with the link's values; refuse others than a finite number a row."""
        z, share = part
        target = numbers("The link's values", self.link(z.copy()))
        if target.shape != (len(z),) or not np.all(np.isfinite(target)):
            raise ValueError(f"The link must return {len(z)} finite numbers, one a row, but returned {target.shape}.")
        return Points(z, share, target)

    def parts(self, state: Array) -> tuple[Array, Array, Array, Array]:
        """Take the variables of a state apart."""
        n, k = self.particles, self.k
        s, (r, a, b) = state[: n * k].reshape(n, k), state[n * k :].reshape(3, n)
        return s, r, a, b

    def velocity(self, points: Iterable[Points], state: Array) -> Array:
        """Return the derivative of a state by time."""
        s, r, a, b = self.parts(state)

        def moved(at: Points) -> Array:
            values, by_mean, by_r = self.smoothed(s @ at.z.T - b[:, None], r[:, None])
            error = at.share * self._residual(at, a, values)
            slopes = by_mean * error
            moves = a[:, None] * (slopes @ at.z), a * (by_r @ error), values @ error, -a * slopes.sum(axis=1)
            return np.concatenate([one.ravel() for one in moves])

        return self.free * reduce(add, map(moved, points)) / self.scale

    def risk(self, points: Iterable[Points], state: Array) -> float:
        """Return E (y - f)²."""
        s, r, a, b = self.parts(state)

        def left(at: Points) -> float:
            values = self.smoothed(s @ at.z.T - b[:, None], r[:, None])[0]
            return float(at.share @ self._residual(at, a, values) ** 2)

        return reduce(add, map(left, points))

    def _residual(self, at: Points, a: Array, values: Array) -> Array:
        return at.target - self.scale / self.particles * (a @ values)

    def unresolved(self, known: Points, other: Nodes, states: Array, risks: Array) -> Array:
        """Return about how wrong the risks of states along a path are, by other nodes.

        They are so at the same variables, and by those having moved at another speed: the risk falls by its square, so
        that an error of that is one of the fall.
        """
        own = np.array([np.sum(self.velocity([known], state) ** 2) for state in states])
        speeds = np.array([np.sum(self.velocity(map(self.read, other.parts()), state) ** 2) for state in states])
        again = np.array([self.risk(map(self.read, other.parts()), state) for state in states])
        gaps, whole = np.abs(speeds - own), own[1:] + own[:-1]
        share = np.divide(gaps[1:] + gaps[:-1], whole, out=np.zeros(len(whole)), where=whole > 0)
        drift = np.cumsum(np.append(0.0, share * np.abs(np.diff(risks))))
        return np.abs(again - risks) + drift


def _erf(m: Array, r: Array) -> tuple[Array, Array, Array]:
    """E erf(m + r G) = erf(m/√(1 + 2 r²))."""
    width = np.sqrt(1 + 2 * r**2)
    slope = 2 / np.sqrt(np.pi) * np.exp(-((m / width) ** 2)) / width
    return erf(m / width), slope, -2 * r * m / width**2 * slope


def _relu(m: Array, r: Array) -> tuple[Array, Array, Array]:
    """E relu(m + r G) = m Φ(m/r) + r φ(m/r)."""
    spread = np.maximum(r, 1e-100)
    ratio = m / spread
    above, density = ndtr(ratio), np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi)
    return m * above + spread * density, above, density


SMOOTHED: dict[str, Smoothed] = {"erf": _erf, "relu": _relu}
