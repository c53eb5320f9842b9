"""The spectrum of a dot-product kernel on the sphere or on the hypercube."""

from __future__ import annotations

from typing import Any

import numpy as np

from widelearn.theory.checks import whole
from widelearn.theory.expansions import Expansion, expand
from widelearn.theory.inputs import Domain, Hypercube, Sphere, domain_of
from widelearn.theory.kernel_forms import function_of, name_and_parameters, neuron_moments, part_of
from widelearn.theory.spectrum import Spectrum

# Masses below this share of h(1) are zeros (those of parity, above all).
ZERO = 1e-12
# Beyond this a coefficient is not known well enough to be given.
WORST = 1e-6
# On the sphere every degree costs a pass over all nodes, whose number grows with the highest.
DEGREES = 10_000


def kernel_spectrum(kernel: Any, d: int, degree: int, domain: str = "sphere") -> Spectrum:
    """Diagonalise a kernel of the inner product: eigenvalues c_k / B_k with multiplicities B_k, k = 0, ..., degree.

    On the sphere of radius √d, h(x.x'/d) = Σ_k c_k q_k(x.x'/d) with Gegenbauer polynomials q_k(1) = 1, and c_k = B_k
    E[h(t) q_k(t)]; B_k counts spherical harmonics. On the cube {±1}^d the q_k are Krawtchouk polynomials and B_k =
    C(d, k) counts parities. Block k of the result is degree k, with the trace c_k; the tail is Σ_{k > degree} c_k.

    Parameters
    ----------
    kernel : kernel object, str or callable
        An object of :mod:`widelearn.kernels` (its formula is derived again from its parameters; sums, products and
        multiples compose; FiniteRF and FiniteNTK mean their infinite-width limits), one of the strings that stand for
        kernels, or a NumPy function h(t) of t = x.x'/d.
    d : int
        Dimension of the inputs: at least 3 on the sphere, 1 on the cube.
    degree : int
        The highest degree that is resolved; at most 10,000 on the sphere, and d on the cube.
    domain : {"sphere", "hypercube"}, default="sphere"
        The law of the inputs.

    Returns
    -------
    Spectrum
        degree + 1 blocks and the tail; masses below 1e-12 h(1) are exact zeros.

    Raises
    ------
    ValueError
        If the kernel is no function of the inner product, or not positive semidefinite (a c_k or the tail is negative).
        If it cannot be resolved: use fewer degrees, or write h so that it takes complex numbers.

    Notes
    -----
    A relative error of about 1e-11 for degrees <= 8 in any dimension, if h is analytic inside the unit circle and takes
    complex arrays: powers of t turn into q_k without cancellation. Otherwise coefficients come from quadrature (sphere)
    or sums over the d + 1 values of t (cube), whose error is √B_k units of rounding. Milliseconds; the cube's sums cost
    d (degree + 1).

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", J. Stat. Mech. 2024, chapter 3; Ghorbani et
    al., "Linearized two-layers neural networks in high dimension", Annals of Statistics 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.theory import kernel_spectrum
    >>> spectrum = kernel_spectrum(np.exp, d=24, degree=3)
    >>> spectrum.masses.round(4)
    array([1.021 , 1.0194, 0.4878, 0.1499])
    >>> spectrum.multiplicities
    array([1.000e+00, 2.400e+01, 2.990e+02, 2.576e+03])
    >>> round(spectrum.tail, 4)
    0.0401
    """
    law = domain_of(domain, d)
    degree = whole("degree", degree, 0, DEGREES if isinstance(law, Sphere) else 2.0**53)
    if isinstance(law, Hypercube) and degree > law.d:
        raise ValueError(f"The cube of dimension {law.d} has degrees up to {law.d}, got degree {degree}.")
    found = _expansion(kernel, law, degree)
    value = float(found.masses.sum() + found.tail)
    _check(found, value, law)
    masses = np.where(found.masses <= ZERO * value, 0.0, found.masses)
    multiplicities = np.array([law.multiplicity(k) for k in range(degree + 1)])
    tail = found.tail if found.tail > ZERO * value else 0.0
    return Spectrum(masses / multiplicities, multiplicities, tail)


def _check(found: Expansion, value: float, law: Domain) -> None:
    """Refuse kernels that are not positive semidefinite, and coefficients that rounding has eaten."""
    if value < 0:
        raise ValueError(f"The kernel is not positive semidefinite: h(1) = {value:g}.")
    masses = np.append(found.masses, found.tail)
    errors = np.append(found.errors, found.tail_error)
    bad = np.flatnonzero(masses < -np.maximum(1e-10 * value, 4 * errors))
    if bad.size:
        k = int(bad[0])
        which = f"its degree-{k} part has the trace {masses[k]:g}"
        if k == len(found.masses):
            which = f"the degrees beyond {k - 1} have the trace {masses[k]:g}"
        place = "the sphere" if isinstance(law, Sphere) else "the hypercube"
        raise ValueError(f"The kernel is not positive semidefinite on {place} of dimension {law.d}: {which}.")
    lost = np.flatnonzero(found.errors > WORST * value)
    if lost.size:
        raise ValueError(
            f"Degree {int(lost[0])} in dimension {law.d} is known only to {errors[lost[0]]:.1g}, h(1) being {value:g}. "
            "Use a lower degree, or write h(t) so that it takes complex arrays and is analytic inside |t| < 1."
        )


def _expansion(kernel: Any, law: Domain, degree: int) -> Expansion:
    """Expand a kernel; sums and multiples are those of expansions, weights on the sphere have exact singular values."""
    found = name_and_parameters(kernel)
    name, parameters = found if found is not None else ("", {})
    if name == "Sum":
        one, two = (_expansion(part_of(parameters[key]), law, degree) for key in ("k1", "k2"))
        masses, errors = one.masses + two.masses, one.errors + two.errors
        return Expansion(masses, errors, one.tail + two.tail, one.tail_error + two.tail_error)
    if name == "Product":
        for this, other in (("k1", "k2"), ("k2", "k1")):
            part = name_and_parameters(part_of(parameters[this]))
            if part is not None and part[0] == "Constant":
                one = _expansion(part_of(parameters[other]), law, degree)
                factor = float(part[1]["value"])
                size = abs(factor)
                return Expansion(factor * one.masses, size * one.errors, factor * one.tail, size * one.tail_error)
    if name == "FiniteRF" and isinstance(law, Sphere):
        return _neurons(parameters["activation"], 0, law, degree)
    if name == "FiniteNTK" and isinstance(law, Sphere):
        return _tangent(parameters["activation"], law, degree)
    return expand(function_of(kernel, law), law, degree)


def _neurons(activation: Any, derivative: int, sphere: Sphere, degree: int) -> Expansion:
    """Expand E_w[σ^(j)(w.x) σ^(j)(w.x')], which has the squares of one neuron's moments (Funk and Hecke)."""
    roots, square = neuron_moments(activation, derivative, sphere, degree)
    masses = roots**2
    return Expansion(masses, 1e-15 * np.sqrt(square * masses), max(square - float(masses.sum()), 0.0))


def _tangent(activation: Any, sphere: Sphere, degree: int) -> Expansion:
    """Multiply the kernel of σ' by t, which moves masses to the neighbouring degrees."""
    inner = _neurons(activation, 1, sphere, degree + 1)
    masses, errors = (sphere.multiply_by_t(np.append(row, 0.0))[: degree + 1] for row in (inner.masses, inner.errors))
    return Expansion(masses, errors, float(inner.masses.sum() + inner.tail - masses.sum()))


def neuron_spectrum(activation: Any, d: int, degree: int, tangent: bool = False) -> Spectrum:
    """Diagonalise the limiting kernel of random or tangent features of one wide layer on the sphere.

    The kernels are E_w[σ(w.x) σ(w.x')] and (x.x'/d) E_w[σ'(w.x) σ'(w.x')], w uniform on the unit sphere: those of
    FiniteRF and FiniteNTK. The masses of the first are the squares of √B_k E[σ(√d t) q_k(t)] (Funk and Hecke).

    Parameters
    ----------
    activation : str, tuple or callable
        As for :func:`hermite_coefficients`.
    d : int
        Dimension of the inputs, at least 3.
    degree : int
        The highest degree that is resolved, at most 10,000.
    tangent : bool, default=False
        Whether to take the tangent kernel of the first layer.

    Returns
    -------
    Spectrum
        Block k is degree k; for large d the masses tend to μ_k(σ)², or to μ_{k-1}(σ')² for the tangent kernel.

    Raises
    ------
    ValueError
        If a number is out of range, or σ' is no function.

    References
    ----------
    Misiakiewicz & Montanari, "Six lectures on linearized neural networks", J. Stat. Mech. 2024, chapters 4-5.

    Examples
    --------
    >>> from widelearn.theory import neuron_spectrum
    >>> neuron_spectrum("relu", d=40, degree=3).masses.round(4)
    array([0.1612, 0.25  , 0.0785, 0.    ])
    """
    name = "FiniteNTK" if tangent else "FiniteRF"
    limit = type(name, (), {"get_params": lambda self, deep=True: {"activation": activation}})()
    return kernel_spectrum(limit, d, degree)
