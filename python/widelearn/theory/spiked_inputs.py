"""Kernels on inputs that are longer in few hidden directions: their spectrum, and the dimension that they see."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.theory.checks import Array, numbers, positive, whole
from widelearn.theory.inputs import Sphere
from widelearn.theory.kernel_forms import function_of
from widelearn.theory.spectrum import Spectrum

PANELS, NODES = 16, 32
# Masses below this share of h(1), or of the rounding of their block, are zeros.
ZERO, ROUNDING = 1e-12, 1e-14


def effective_dimension(d: float, n_directions: float, radius: float) -> float:
    """Return the dimension that kernels see of spiked inputs: max(k, d/r²), up to a constant.

    Inputs are x = U z + V z', z of length r √k in k directions, z' of length √(d - k) in the others. A function of
    degree ℓ of z takes kernels of the order of this dimension to the power ℓ of samples; a network that finds U takes
    k^ℓ.

    Parameters
    ----------
    d, n_directions : float
        Dimensions of the inputs and of the hidden part, k < d.
    radius : float
        r > 0, as in ``datasets.spiked``.

    Returns
    -------
    float
        Between k and d for r >= 1.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    An order of magnitude. For numbers take :func:`spiked_spectrum` and :func:`risk`: a kernel's degree 1 in z has the
    multiplicity k and, beside the others, the weight (r² k/D) c_1 with D = r² k + d - k, so it is learned at n of the
    order of k/(r² k/D) = d/r² + k.

    References
    ----------
    Ghorbani, Mei, Misiakiewicz & Montanari, "When do neural networks outperform kernel methods?", NeurIPS 2020.

    Examples
    --------
    >>> from widelearn.theory import effective_dimension
    >>> effective_dimension(d=100, n_directions=4, radius=5.0)
    4.0
    """
    d, k = float(positive("d", d)), float(positive("n_directions", n_directions))
    if k >= d:
        raise ValueError(f"n_directions = {k:g} must be below d = {d:g}.")
    return max(k, d / float(positive("radius", radius)) ** 2)


def spiked_spectrum(
    kernel: Any, d: int, n_directions: int, radius: float, degree: int
) -> tuple[Spectrum, NDArray[np.intp]]:
    """Diagonalise a kernel of the inner product on spiked inputs: blocks of degree i in z and j in the rest.

    With x = U z + V z' of squared length D = r² k + d - k, x.x'/D = a t_1 + (1 - a) t_2, a = r² k/D, t_1 and t_2 the
    cosines in the two parts: h(x.x'/D) has the eigenfunctions Y_i(z) Y_j(z') and the traces c_ij = B_i B_j E[h(a t_1 +
    (1 - a) t_2) q_i(t_1) q_j(t_2)].

    Parameters
    ----------
    kernel : kernel object, str or callable
        As for :func:`kernel_spectrum`: h(t) for rows of squared length d. Spiked rows are divided by √(D/d).
    d, n_directions : int
        Dimensions of the inputs and of the hidden part, 3 <= k <= d - 3.
    radius : float
        r > 0, as in ``datasets.spiked``.
    degree : int
        The highest i + j that is resolved.

    Returns
    -------
    spectrum : Spectrum
        A block for each pair (i, j), by i + j and then by j; the rest is the tail.
    degrees : ndarray of shape (blocks, 2)
        The pairs. The target of :func:`risk` has the mass of degree i of a function of z at (i, 0).

    Raises
    ------
    ValueError
        If a number is out of range, or the kernel is not positive semidefinite or no function of the inner product.

    Notes
    -----
    Gauss-Legendre quadrature over both angles, 512 nodes each; milliseconds. The tests compare risks with simulations.

    References
    ----------
    Ghorbani, Mei, Misiakiewicz & Montanari, "When do neural networks outperform kernel methods?", NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import risk, spiked_spectrum
    >>> excess = []
    >>> for radius in (1.0, 3.0):
    ...     spectrum, degrees = spiked_spectrum(np.exp, 60, 4, radius, degree=4)
    ...     target = (degrees == [2, 0]).all(axis=1) * 1.0  # degree 2 in z
    ...     excess.append(round(risk(spectrum, target, 200, 0.0, 0.0).excess, 2))
    >>> excess
    [1.19, 0.18]
    """
    d, k = whole("d", d, 6), whole("n_directions", n_directions, 3)
    if k > d - 3:
        raise ValueError(f"n_directions = {k} must be at most d - 3 = {d - 3}: each part needs a sphere.")
    degree = whole("degree", degree, 0, 60)
    square = float(positive("radius", radius)) ** 2 * k
    share = square / (square + d - k)
    parts = [_nodes(Sphere(part), degree) for part in (k, d - k)]
    (t, first, weight), (s, second, other) = parts
    h = function_of(kernel, Sphere(d))
    values = numbers("The values of h", h(share * t[:, None] + (1 - share) * s))
    inner = (first * weight) @ values @ (second * other).T
    total = float(numbers("The values of h", h(np.ones(1)))[0])
    pairs = np.array([(both - j, j) for both in range(degree + 1) for j in range(both + 1)])
    counts = np.array([Sphere(k).multiplicity(int(i)) * Sphere(d - k).multiplicity(int(j)) for i, j in pairs])
    masses = inner[pairs[:, 0], pairs[:, 1]] * np.sqrt(counts)
    floor = np.maximum(ZERO, ROUNDING * np.sqrt(counts)) * abs(total)
    if total < 0 or np.any(masses < -10 * floor):
        worst = int(np.argmin(masses))
        raise ValueError(
            f"The kernel is not positive semidefinite: h(1) = {total:g}, degrees {tuple(pairs[worst].tolist())} have"
            f" the trace {masses[worst]:g}."
        )
    masses = np.where(masses <= floor, 0.0, masses)
    tail = total - float(masses.sum())
    return Spectrum(masses / counts, counts, tail if tail > ZERO * total else 0.0), pairs


def _nodes(sphere: Sphere, degree: int) -> tuple[Array, Array, Array]:
    """Return cosines, orthonormal polynomials there and weights that sum to 1, for two points of a sphere."""
    reach = min(np.pi / 2, 14 / np.sqrt(sphere.d))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    edges = np.linspace(-reach, reach, PANELS + 1)
    half = (edges[1] - edges[0]) / 2
    phi = ((edges[:-1] + half)[:, None] + half * nodes).ravel()
    weight = np.tile(weights, PANELS) * np.cos(phi) ** (sphere.d - 2)
    t = np.sin(phi)
    return t, sphere.orthonormal(t, degree), weight / weight.sum()
