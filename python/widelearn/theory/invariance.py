"""Kernels averaged over cyclic shifts of the inputs: their spectra, and what that invariance saves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from widelearn.theory.checks import whole
from widelearn.theory.inputs import Hypercube, domain_of
from widelearn.theory.kernel_spectra import kernel_spectrum
from widelearn.theory.spectrum import Spectrum

# Degrees beyond the last one whose invariant functions are counted, before 1/d of what is left stands for them.
BEYOND = 6
# Larger numbers of dimensions or degrees would count for minutes.
MOST_DIMENSIONS, MOST_DEGREES = 10**6, 1000


def cyclic_multiplicity(d: int, degree: int, domain: str = "sphere") -> float:
    """Count the eigenfunctions of a degree that cyclic shifts of the d coordinates leave as they are.

    The mean over the d shifts of their characters. A shift of order L has d/L cycles, so that on polynomials of degree
    k it has the character [t^k] (1 - t^L)^(-d/L), harmonic ones that of degree k less that of k - 2; parities on the
    cube C(d/L, k/L) where L divides k. There are φ(L) shifts of order L.

    Parameters
    ----------
    d : int
        Dimension of the inputs: at least 3 on the sphere, 1 on the cube.
    degree : int
        k.
    domain : {"sphere", "hypercube"}, default="sphere"
        The law of the inputs.

    Returns
    -------
    float
        Their number, about 1/d of the degree's multiplicity for k >= 1.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Mei, Misiakiewicz & Montanari, "Learning with invariances in random features and kernel models", COLT 2021.

    Examples
    --------
    >>> from widelearn.theory import cyclic_multiplicity, sphere_multiplicity
    >>> [cyclic_multiplicity(12, k) for k in range(4)]
    [1.0, 1.0, 6.0, 30.0]
    >>> cyclic_multiplicity(4, 2, "hypercube")  # x1 x2 + ... and x1 x3 + x2 x4
    2.0
    """
    law = domain_of(domain, d)
    dimension = whole("d", d, 1, MOST_DIMENSIONS)
    k = whole("degree", degree, 0, MOST_DEGREES)
    orders = [order for order in range(1, dimension + 1) if dimension % order == 0]
    total = 0
    for order in orders:
        cycles = dimension // order
        if isinstance(law, Hypercube):
            character = math.comb(cycles, k // order) if k % order == 0 else 0
        else:
            character = _polynomials(cycles, order, k) - _polynomials(cycles, order, k - 2)
        total += _totient(order) * character
    try:
        return float(total // dimension)
    except OverflowError:
        return math.inf


def _polynomials(cycles: int, order: int, k: int) -> int:
    """Return the character of a shift on the homogeneous polynomials of degree k."""
    if k < 0 or k % order:
        return 0
    return math.comb(cycles + k // order - 1, k // order)


def _totient(number: int) -> int:
    """Return how many numbers up to this one have no factor in common with it."""
    found, left, factor = number, number, 2
    while factor * factor <= left:
        if left % factor == 0:
            found -= found // factor
            while left % factor == 0:
                left //= factor
        factor += 1
    return found - found // left if left > 1 else found


def cyclic_spectrum(kernel: Any, d: int, degree: int, domain: str = "sphere") -> Spectrum:
    """Diagonalise a kernel of the inner product that is averaged over cyclic shifts: (1/d) Σ_g k(x, g x').

    Averaging projects on invariant functions: each degree keeps its eigenvalue c_k/B_k and those of its B_k
    eigenfunctions that shifts leave as they are (:func:`cyclic_multiplicity`), about B_k/d. So does the tail: learning
    an invariant target takes about d times fewer samples, and the self-induced ridge is d times smaller.

    Parameters
    ----------
    kernel : kernel object, str or callable
        The kernel before averaging, as for :func:`kernel_spectrum`.
    d : int
        Dimension of the inputs.
    degree : int
        The highest degree that is resolved; at most d on the cube.
    domain : {"sphere", "hypercube"}, default="sphere"
        The law of the inputs.

    Returns
    -------
    Spectrum
        degree + 1 blocks and the tail.

    Raises
    ------
    ValueError
        As :func:`kernel_spectrum`.

    Notes
    -----
    :func:`risk` of it is that of kernel ridge regression with the averaged kernel (``kernels.CyclicAverage``), for
    invariant targets; its masses per degree are the target's. The tail counts six more degrees, then takes 1/d of the
    rest: what is left out is of relative size d^(-3).

    References
    ----------
    Mei, Misiakiewicz & Montanari, "Learning with invariances in random features and kernel models", COLT 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import cyclic_spectrum, kernel_spectrum, risk
    >>> plain, cyclic = (
    ...     find(np.exp, d=30, degree=4) for find in (kernel_spectrum, cyclic_spectrum)
    ... )
    >>> target = [0.0, 0.0, 1.0, 0.0, 0.0]
    >>> (
    ...     round(risk(plain, target, 60, 0.0, 0.1).excess, 2),
    ...     round(risk(cyclic, target, 60, 0.0, 0.1).excess, 2),
    ... )
    (1.24, 0.07)
    """
    law, degree = domain_of(domain, d), whole("degree", degree, 0)
    far = degree + BEYOND
    if isinstance(law, Hypercube):
        far = max(min(far, law.d), degree)
    found = kernel_spectrum(kernel, d, far, domain)
    counts = np.array([cyclic_multiplicity(d, k, domain) for k in range(far + 1)])
    masses = found.eigenvalues * counts
    tail = float(masses[degree + 1 :].sum()) + found.tail / law.d
    return Spectrum(found.eigenvalues[: degree + 1], counts[: degree + 1], tail)
