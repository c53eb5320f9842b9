"""Functions of one inner product on the sphere and on the hypercube: multiplicities, recurrences, projections.

Both laws of t = x.x'/d have polynomials q_k of degree k with q_k(1) = 1 that are eigenfunctions of every kernel h(t):
Gegenbauer polynomials on the sphere of radius √d in R^d, Krawtchouk polynomials on the cube {±1}^d. They obey
t q_k = up(k) q_{k+1} + down(k) q_{k-1} with up + down = 1, so multiplying by t keeps the sum of coefficients in q.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.theory.checks import Array, whole
from widelearn.theory.quadrature import integrate
from widelearn.theory.recurrences import HELD, orthonormal_blocks

# Radians of a polynomial's phase in a panel of an integral, whose halves resolve it.
PHASE = 32.0
# Degrees from which on a product over the dimensions may be the shorter one.
LONG = 1000


class Domain(ABC):
    """The law of t = x.x'/d for two independent inputs, and its polynomials."""

    def __init__(self, d: int) -> None:
        self.d = d

    @abstractmethod
    def up(self, k: Array) -> Array:
        """Return the share of t q_k that is q_{k+1}."""

    @abstractmethod
    def down(self, k: Array) -> Array:
        """Return the share of t q_k that is q_{k-1}."""

    @abstractmethod
    def multiplicity(self, k: int) -> float:
        """Return the number of orthonormal eigenfunctions of degree k."""

    @abstractmethod
    def project(self, f: Callable[[Array], Array], degree: int) -> tuple[Array, float]:
        """Return E[f(t) √B_k q_k(t)] for k <= degree and E[f(t)²]."""

    def orthonormal(self, t: Array, degree: int) -> Array:
        """Return √B_k q_k(t), orthonormal under the law of t, one row a degree."""
        return next(self.orthonormal_blocks(t, degree, degree + 1))

    def orthonormal_blocks(self, t: Array, degree: int, size: int) -> Iterator[Array]:
        """Yield the rows of :meth:`orthonormal`, `size` at a time."""
        k = np.arange(float(degree))
        return orthonormal_blocks(t, np.sqrt(self.up(k) * self.down(k + 1.0)).tolist(), size)

    def multiply_by_t(self, c: Array) -> Array:
        """Return the coefficients in q_0, ..., q_m of t times Σ c_k q_k; what would be of degree m + 1 is dropped."""
        k = np.arange(float(len(c)))
        out = np.zeros_like(c)
        out[1:] = self.up(k[:-1]) * c[:-1]
        out[:-1] += self.down(k[1:]) * c[1:]
        return out

    def evaluate(self, c: Array, t: NDArray[Any]) -> NDArray[Any]:
        """Return Σ c_k q_k(t) at real or complex t."""
        below, here = np.zeros_like(t), np.ones_like(t)
        total = c[0] * here
        for k in range(len(c) - 1):
            up = float(self.up(np.array(float(k))))
            if up == 0:
                break
            below, here = here, (t * here - (1 - up) * below) / up
            total = total + c[k + 1] * here
        return total


class Sphere(Domain):
    """Inputs uniform on the sphere of radius √d in R^d; t has density ∝ (1 - t²)^((d - 3)/2)."""

    def up(self, k: Array) -> Array:
        """Return (k + d - 2) / (2k + d - 2)."""
        return (k + self.d - 2) / (2 * k + self.d - 2)

    def down(self, k: Array) -> Array:
        """K / (2k + d - 2)."""
        return k / (2 * k + self.d - 2)

    def multiplicity(self, k: int) -> float:
        """Return the number of spherical harmonics, (2k + d - 2)/k · C(k + d - 3, k - 1)."""
        return sphere_multiplicity(self.d, k)

    def project(self, f: Callable[[Array], Array], degree: int) -> tuple[Array, float]:
        """Integrate over the angle φ, t = sin φ with density ∝ cos^(d - 2) φ, split at t = 0."""
        reach = min(np.pi / 2, 14 / np.sqrt(self.d))
        # Panels that cannot resolve the highest degree would all be halved.
        panels, size = max(32, 2 * int(degree * reach / PHASE)), min(degree + 1, HELD)

        def integrand(phi: Array) -> Iterator[Array]:
            t = np.sin(phi)
            # log cos φ: by t where it is small, by φ where t rounds to 1
            logarithm = np.where(np.abs(t) < 0.5, np.log1p(-np.minimum(t * t, 0.25)) / 2, np.log(np.cos(phi)))
            weight = np.exp((self.d - 2) * logarithm)
            values = f(t)
            for rows in self.orthonormal_blocks(t, degree, size):
                rows *= values * weight
                yield rows
            yield np.stack([values**2 * weight, weight])

        found = integrate(integrand, np.linspace(-reach, reach, panels + 1), size)
        return found[:-2] / found[-1], float(found[-2] / found[-1])


class Hypercube(Domain):
    """Inputs uniform on {±1}^d; d (1 - t) / 2 is binomial."""

    def up(self, k: Array) -> Array:
        """Return (d - k) / d."""
        return np.maximum(self.d - k, 0) / self.d

    def down(self, k: Array) -> Array:
        """K / d."""
        return k / self.d

    def multiplicity(self, k: int) -> float:
        """Return the number of parities of k coordinates, C(d, k)."""
        return hypercube_multiplicity(self.d, k)

    def project(self, f: Callable[[Array], Array], degree: int) -> tuple[Array, float]:
        """Sum over the d + 1 values of t."""
        t = 1 - 2 * np.arange(self.d + 1) / self.d
        weight = _binomial_weights(self.d)
        values = f(t)
        return self.orthonormal(t, degree) @ (values * weight), float(values**2 @ weight)


def _binomial_weights(d: int) -> Array:
    """Return C(d, j) / 2^d, by ratios from the middle outwards: relative error about √d units of rounding."""
    j = np.arange(d)
    ratio = (d - j) / (j + 1.0)
    middle = d // 2
    right = np.cumprod(ratio[middle:])
    left = np.cumprod(1 / ratio[:middle][::-1])[::-1]
    weight = np.concatenate([left, [1.0], right])
    return weight / weight.sum()


def sphere_multiplicity(d: int, degree: int) -> float:
    """Count spherical harmonics of a degree on the sphere in R^d: B = C(d + k - 1, k) - C(d + k - 3, k - 2).

    Parameters
    ----------
    d : int
        Dimension of the inputs, at least 3.
    degree : int
        k.

    Returns
    -------
    float
        B, about d^k / k! for large d.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", J. Stat. Mech. 2024, chapter 3.

    Examples
    --------
    >>> from widelearn.theory import sphere_multiplicity
    >>> [sphere_multiplicity(24, k) for k in range(4)]
    [1.0, 24.0, 299.0, 2576.0]
    """
    d, degree = whole("d", d, 3), whole("degree", degree, 0)
    if degree == 0:
        return 1.0
    # C(k + d - 3, k - 1) = C(k + d - 3, d - 2): the shorter product where the other is long.
    factors, above = (d - 2, degree - 1) if degree > max(d, LONG) else (degree - 1, d - 2)
    count = 1.0
    for i in range(1, factors + 1):
        count = count * (above + i) / i
        if count == np.inf:
            break
    return count * (2 * degree + d - 2) / degree


def hypercube_multiplicity(d: int, degree: int) -> float:
    """Count parities of a degree on {±1}^d: C(d, k), as a float; 0 beyond d.

    Parameters
    ----------
    d : int
        Dimension of the inputs.
    degree : int
        k.

    Returns
    -------
    float
        The number of products of k of the d coordinates.

    Examples
    --------
    >>> from widelearn.theory import hypercube_multiplicity
    >>> [hypercube_multiplicity(10, k) for k in range(4)]
    [1.0, 10.0, 45.0, 120.0]
    """
    d, degree = whole("d", d, 1), whole("degree", degree, 0)
    if degree > d:
        return 0.0
    count = 1.0
    for i in range(1, degree + 1):
        count = count * (d - i + 1) / i
        if count == np.inf:
            # Beyond the largest number the product never comes back; from the other end it may stay below.
            return hypercube_multiplicity(d, d - degree) if 2 * degree > d else count
    return count


def domain_of(name: str, d: int) -> Domain:
    """Return the sphere or the hypercube of dimension d."""
    if name == "sphere":
        return Sphere(whole("d", d, 3))
    if name == "hypercube":
        return Hypercube(whole("d", d, 1))
    raise ValueError(f"domain must be 'sphere' or 'hypercube', got {name!r}.")
