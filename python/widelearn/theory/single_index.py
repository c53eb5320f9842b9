"""How hard targets of one or few directions are for gradient descent: overlaps, exponents, escapes, leaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from widelearn.theory.activations import Activation
from widelearn.theory.checks import Array, finite, increasing, positive, whole
from widelearn.theory.duals import second_moment
from widelearn.theory.hermite import hermite_coefficients
from widelearn.theory.quadrature import integrate
from widelearn.theory.trajectories import follow

# Of a series.
MOST_DEGREE = 10_000


def correlation_flow(activation: Activation, target: Activation, m0: float, t: ArrayLike, degree: int = 30) -> Array:
    """Follow the overlap of one neuron on the sphere with the direction of a single-index target.

    For f = σ(⟨w, x⟩), ‖w‖ = 1, and y = φ(⟨u, x⟩), the flow of E[y f] on the sphere gives dm/dt = (1 - m²) Σ_k k μ_k(σ)
    μ_k(φ) m^(k-1), m = ⟨w, u⟩.

    Parameters
    ----------
    activation, target : str, tuple or callable
        σ and φ, as for :func:`hermite_coefficients`.
    m0 : float
        Overlap at the start, between -1 and 1; of order d^(-1/2) for a random start.
    t : array-like of shape (T,)
        Increasing times from 0.
    degree : int, default=30
        Where the series ends, at most 10,000.

    Returns
    -------
    ndarray of shape (T,)
        m at each time.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Ben Arous, Gheissari & Jagannath, JMLR 2021 (population dynamics). Derived from E[h_j(⟨w, x⟩) h_k(⟨u, x⟩)] =
    δ_jk m^k; the tests compare with a flow in d dimensions.

    Examples
    --------
    >>> from widelearn.theory import correlation_flow
    >>> bool(correlation_flow("relu", "relu", m0=0.1, t=[0.0, 20.0])[-1] > 0.99)
    True
    """
    start = float(finite("m0", m0))
    if abs(start) > 1:
        raise ValueError(f"m0 must lie between -1 and 1, got {start:g}.")
    times = increasing("t", t)
    degree = whole("degree", degree, 1, MOST_DEGREE)
    slope = _speeds(activation, target, degree)
    powers = np.arange(len(slope))

    def rhs(_: float, m: Array) -> Array:
        return (1 - m**2) * (m**powers @ slope)

    return follow(rhs, np.array([start]), times, len(slope))[:, 0]


def information_exponent(activation: Activation, degree: int = 30) -> int:
    """Return the least k >= 1 with μ_k(φ) != 0: how hard a single-index target is for gradient descent from scratch.

    The overlap m of one neuron with the direction starts near d^(-1/2) and grows like m^(k-1)
    (:func:`correlation_flow`): it leaves the start in a time of order 1 for k = 1, log d for k = 2 and d^(k/2 - 1) for
    k >= 3.

    Parameters
    ----------
    activation : str, tuple or callable
        φ, as for :func:`hermite_coefficients`.
    degree : int, default=30
        The highest degree that is looked at.

    Returns
    -------
    int
        k, counting coefficients above 1e-9 of the root mean square as non-zero.

    Raises
    ------
    ValueError
        If φ is constant up to that degree.

    References
    ----------
    Ben Arous, Gheissari & Jagannath, "Online stochastic gradient descent on non-convex losses from high-dimensional
    inference", JMLR 2021; the times follow from the flow of m.

    Examples
    --------
    >>> from widelearn.theory import information_exponent
    >>> [information_exponent(name) for name in ("relu", "cos", "hermite3")]
    [1, 2, 3]
    """
    row = np.abs(hermite_coefficients(activation, whole("degree", degree, 1)))
    large = np.flatnonzero(row[1:] > 1e-9 * np.sqrt(second_moment(activation)))
    if not large.size:
        raise ValueError(f"The activation is constant up to degree {degree}: there is no direction to learn.")
    return int(large[0]) + 1


def escape_time(
    activation: Activation, target: Activation, d: ArrayLike, overlap: float = 0.5, degree: int = 30
) -> Array | float:
    """Return when one neuron on the sphere, of overlap d^(-1/2) with the direction at the start, has found it.

    The time at which the flow of :func:`correlation_flow` reaches an overlap: ∫ dm/((1 - m²) Σ_k k μ_k(σ) μ_k(φ)
    m^(k-1)) from d^(-1/2). With the information exponent k it has a limit for k = 1, grows like log d for k = 2 and
    like d^(k/2 - 1) for k >= 3.

    Parameters
    ----------
    activation, target : str, tuple or callable
        σ and φ, as for :func:`hermite_coefficients`.
    d : float or array-like
        Dimension of the inputs, at least 1.
    overlap : float, default=0.5
        Where the clock stops, between 0 and 1.
    degree : int, default=30
        Where the series ends, at most 10,000.

    Returns
    -------
    float or ndarray
        Times; inf where the flow never gets there, 0 where it starts beyond.

    Raises
    ------
    ValueError
        If a number is out of range.

    Notes
    -----
    Gauss-Legendre on log m, to about 1e-12. Derived for infinitely many samples; the study `multi-index` measures how
    many gradient descent on fresh ones takes.

    References
    ----------
    Ben Arous, Gheissari & Jagannath, JMLR 2021 (the flow).

    Examples
    --------
    >>> from widelearn.theory import escape_time
    >>> [round(escape_time("hermite3", "hermite3", d), 1) for d in (100, 400, 1600)]
    [2.8, 6.2, 12.8]
    """
    end, sizes = float(positive("overlap", overlap)), positive("d", d)
    if end >= 1 or np.any(sizes < 1):
        raise ValueError(f"overlap must be below 1 and d at least 1, got {end:g} and {sizes.min(initial=np.inf):g}.")
    slope = _speeds(activation, target, whole("degree", degree, 1, MOST_DEGREE))

    def inverse(x: Array) -> list[Array]:
        m = np.exp(x)
        return [(m / ((1 - m**2) * np.polynomial.polynomial.polyval(m, slope)))[None]]

    def time(size: float) -> float:
        if size**-0.5 >= end:
            return 0.0
        places = np.linspace(-np.log(size) / 2, np.log(end), 513)
        if np.any(np.polynomial.polynomial.polyval(np.exp(places), slope) <= 0):
            return np.inf
        return float(integrate(inverse, places[::16])[0])

    found = np.array([time(float(size)) for size in np.ravel(sizes)]).reshape(sizes.shape)
    return found if np.ndim(d) else float(found)


def _speeds(activation: Activation, target: Activation, degree: int) -> Array:
    """Return the coefficients k μ_k(σ) μ_k(φ) of m^(k-1), rounding errors taken for 0."""
    rows = [hermite_coefficients(one, degree) for one in (activation, target)]
    products = np.arange(degree + 1) * rows[0] * rows[1]
    products[np.abs(products) < 1e-13 * np.linalg.norm(rows[0]) * np.linalg.norm(rows[1])] = 0.0
    return products[1:]


def leap(terms: Sequence[Sequence[int]]) -> int:
    """Return the leap of a polynomial of few coordinates: the most new ones that gradient descent has to find at once.

    Terms are learned one after the other. The leap is the least L for which they can be ordered so that each has at
    most L factors in coordinates of no earlier term. Leap 1 is the merged-staircase property: z_0 + z_0 z_1 + z_0 z_1
    z_2 has it, z_0 z_1 z_2 alone has leap 3.

    Parameters
    ----------
    terms : sequence of sequences of int
        The coordinates of each term: (0, 1) is z_0 z_1 on the cube, and h_1(z_0) h_1(z_1) for Gaussian inputs, where
        (0, 0, 0) is h_3(z_0). A constant is (), and counts for nothing.

    Returns
    -------
    int
        L; of one direction the information exponent. 0 if there are only constants.

    Raises
    ------
    ValueError
        If there is no term, or a coordinate is no whole number from 0.

    Notes
    -----
    For Gaussian inputs the leap depends on the coordinates: a rotation of them may be harder. Networks on fresh samples
    are known to learn leap 1 from a number of the order of d, larger ones from more (recalled, for the cube and smooth
    activations; the study `staircase-features` shows an example).

    References
    ----------
    Abbe, Boix-Adsera & Misiakiewicz, COLT 2022 and COLT 2023 (definitions).

    Examples
    --------
    >>> from widelearn.theory import leap
    >>> leap([(0,), (0, 1), (0, 1, 2)]), leap([(0, 1, 2)]), leap([(0,), (0, 1, 2)])
    (1, 3, 2)
    """
    if isinstance(terms, str) or not len(terms):
        raise ValueError(f"terms must be one sequence of coordinates or more, got {terms!r}.")
    left = [tuple(whole("A coordinate of terms", place, 0) for place in term) for term in terms]
    known: set[int] = set()
    largest = 0
    while left:
        # the easiest term first: what it shows makes none of the others harder
        news = [sum(place not in known for place in term) for term in left]
        easiest = int(np.argmin(news))
        largest = max(largest, news[easiest])
        known.update(left.pop(easiest))
    return largest
