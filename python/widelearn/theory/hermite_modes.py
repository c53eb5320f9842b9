"""The Hermite eigenstructure of a kernel: eigenvalues and modes from the covariance of the inputs alone."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.polynomial import hermite_e
from numpy.typing import ArrayLike

from widelearn.theory.checks import Array, finite, positive, whole
from widelearn.theory.inputs import Sphere
from widelearn.theory.kernel_forms import FORMS, Function, function_of, gamma_of, name_and_parameters
from widelearn.theory.spectrum import Spectrum

# Most modes, highest degree, and the circle on which Taylor coefficients are integrals.
MOST_MODES, DEGREES = 1_000_000, 40
RADIUS, POINTS = 0.8, 512
# Taylor coefficients below this share of the kernel's diagonal are rounding.
ROUNDING = 1e-13
# Kernels whose scale is not a matter of gamma alone: for these rows must have mean squared length d.
SCALED = ("RBF", "Laplace", "Polynomial")
# Kernels whose k(x, x) is the same for all rows: no eigenvalue is above it.
BOUNDED = ("RBF", "Laplace")


class HermiteSpectrum(Spectrum):
    """The spectrum, its largest eigenvalue first, and the mode of each eigenvalue.

    Attributes
    ----------
    modes : tuple of tuple of int
        The directions of a mode, those of larger variance first and repeated ones by degree: (0, 0, 2) is he_2(z_0)
        he_1(z_2), () the constant.
    """

    modes: tuple[tuple[int, ...], ...]

    def __init__(self, eigenvalues: ArrayLike, modes: Sequence[tuple[int, ...]], tail: float) -> None:
        super().__init__(eigenvalues, tail=tail)
        object.__setattr__(self, "modes", tuple(modes))

    def features(self, Z: ArrayLike) -> Array:
        """Return the modes at whitened principal components.

        Parameters
        ----------
        Z : array-like of shape (n, d)
            Components along the covariance's eigenvectors, in the order of its eigenvalues as they were given, divided
            by their standard deviations.

        Returns
        -------
        ndarray of shape (n, n_modes)
            Products of orthonormal Hermite polynomials he_k(z) / √(k!).
        """
        z = np.asarray(finite("Z", Z), dtype=np.float64)
        highest = max((mode.count(i) for mode in self.modes for i in set(mode)), default=0)
        factor, powers = 1.0, [np.ones_like(z)]
        for k in range(1, highest + 1):
            factor /= np.sqrt(k)
            powers.append(factor * hermite_e.hermeval(z, np.eye(k + 1)[k]))
        out = np.ones((len(z), len(self.modes)))
        for column, mode in enumerate(self.modes):
            for i in set(mode):
                out[:, column] *= powers[mode.count(i)][:, i]
        return out


def hermite_spectrum(kernel: Any, covariance_eigenvalues: ArrayLike, n_modes: int) -> HermiteSpectrum:
    """Return the largest eigenvalues of a kernel by the Hermite eigenstructure ansatz: c_l Π γ_i.

    On rows of length r, r² = Σ γ_i, a kernel is Σ_l (c_l / l!) (x.x')^l. The ansatz takes for every multiset of l
    directions the eigenfunction Π he_k(z_i) / √(k!), z the whitened principal components, and the eigenvalue c_l Π γ_i,
    a factor for each direction of the multiset.

    Parameters
    ----------
    kernel : Kernel, str or callable
        A kernel of inner products and lengths that :func:`kernel_spectrum` knows, or a function h(t), t = x.x'/r². A
        kernel whose lengths are not set by gamma takes eigenvalues that add up to d.
    covariance_eigenvalues : array-like of shape (d,)
        Variances γ of the inputs along their principal directions, not negative.
    n_modes : int
        How many modes are listed, the largest first.

    Returns
    -------
    HermiteSpectrum
        `eigenvalues`, `modes`, and the rest of the trace k(x, x) as `tail`, which acts as ridge.

    Raises
    ------
    ValueError
        If eigenvalues are negative or all zero, a kernel is not one of inner products, or its scale asks for rows of
        mean squared length d.

    Notes
    -----
    Exact in limits alone: Gaussian inputs and wide kernels. The order in which modes are learned is right beyond them;
    levels are low where the effective dimension (Σ γ)² / Σ γ² is small: at 12, of he_3 of the first component by an RBF
    kernel, 2 and 16 times at n = 400 and 1,600 (measured). Of kernels whose coefficients c_l fall slowly, Laplace and
    relu networks, eigenvalues would grow from a degree near the effective dimension on: there modes end, and the rest
    is the tail. So they do where the eigenvalue of a narrow RBF or Laplace kernel would be above its trace. n_modes
    log(n_modes) steps of a heap.

    References
    ----------
    Karkada, Turnbull, Liu & Simon, "Predicting kernel regression learning curves from only raw data statistics", ICLR
    2026.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.kernels import RBF
    >>> from widelearn.theory import hermite_spectrum
    >>> found = hermite_spectrum(RBF(gamma=0.125), [0.7, 0.3], n_modes=4)
    >>> found.modes
    ((), (0,), (1,), (0, 0))
    >>> np.round(found.eigenvalues, 4)
    array([0.7788, 0.1363, 0.0584, 0.0239])
    """
    gamma = np.atleast_1d(finite("covariance_eigenvalues", covariance_eigenvalues)).astype(np.float64)
    if not gamma.size:
        raise ValueError("covariance_eigenvalues has no entry: give the variance of one direction or more.")
    if gamma.ndim != 1 or (gamma < 0.0).any() or not gamma.sum() > 0.0:
        raise ValueError(
            f"covariance_eigenvalues must be (d,), not negative and not all zero: shape {gamma.shape}, smallest"
            f" {gamma.min():g}, sum {gamma.sum():g}."
        )
    count = whole("n_modes", n_modes, 1, MOST_MODES)
    h = _function(kernel, gamma)
    coefficients = _taylor(h)
    # c_l Π γ = (l! h_l) Π (γ / r²), h_l the Taylor coefficient in t.
    order = np.argsort(-gamma, kind="stable")
    shares = gamma[order] / gamma.sum()
    whole_trace, named_kernel = float(np.real(h(np.array(1.0)))), name_and_parameters(kernel)
    bounded = named_kernel is not None and named_kernel[0] in BOUNDED
    values, modes = _largest(coefficients, shares[shares > 0.0], count, whole_trace if bounded else np.inf)
    named = [tuple(int(order[i]) for i in mode) for mode in modes]
    return HermiteSpectrum(values, named, max(whole_trace - float(np.sum(values)), 0.0))


def _function(kernel: Any, gamma: Array) -> Function:
    """Return h(t), t = x.x'/r², of a kernel on rows of squared length r² = Σ γ."""
    d, r2 = len(gamma), float(gamma.sum())
    found = name_and_parameters(kernel)
    if found is None:
        return function_of(kernel, Sphere(d))
    name, parameters = found
    if name in SCALED and name in FORMS:
        width = float(positive("gamma", gamma_of(parameters, d)))
        return FORMS[name]({**parameters, "gamma": width * r2 / d}, Sphere(d))
    if name == "Linear":
        return lambda t: r2 * t
    if abs(r2 - d) > 1e-6 * d:
        raise ValueError(
            f"The scale of {name} is not set by gamma: the {d} eigenvalues must add up to {d}, got {r2:g}. Scale the"
            " rows so, or give a function h(t), t = x.x'/r²."
        )
    return function_of(kernel, Sphere(d))


def _taylor(h: Callable[[Any], Any]) -> Array:
    """Return l! h_l for the Taylor coefficients h_l at 0, by integrals over a circle; rounding counts as zero."""
    t = RADIUS * np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
    found = np.real(np.fft.fft(np.asarray(h(t), dtype=np.complex128)) / POINTS)[: DEGREES + 1]
    found /= RADIUS ** np.arange(DEGREES + 1)
    size = ROUNDING * float(np.abs(np.asarray(h(np.array(1.0)))).real) / RADIUS ** np.arange(DEGREES + 1)
    if (found < -1e3 * size).any():
        k = int(np.argmin(found))
        raise ValueError(
            f"The kernel's Taylor coefficient of degree {k} is {found[k]:.3g}: it is not positive definite."
        )
    found = np.where(found > size, found, 0.0)
    return found * np.cumprod([1.0, *range(1, DEGREES + 1)])


def _largest(
    coefficients: Array, shares: Array, count: int, most: float = np.inf
) -> tuple[Array, list[tuple[int, ...]]]:
    """Return the largest c_l Π γ_i, to `most`, and their multisets of directions, by a heap over sorted tuples."""

    def value(mode: tuple[int, ...]) -> float:
        return float(coefficients[len(mode)] * np.prod(shares[list(mode)])) if mode else float(coefficients[0])

    first: list[tuple[int, ...]] = []
    for degree in np.flatnonzero(coefficients > 0.0):
        mode = (0,) * int(degree)
        # Where eigenvalues grow with the degree again the ansatz has ended: what follows is left to the tail.
        if value(mode) > most or (len(first) > 1 and value(first[-2]) > value(first[-1]) < value(mode)):
            break
        first.append(mode)
    heap = [(-value(mode), len(mode), mode) for mode in first]
    heapq.heapify(heap)
    seen = set(first)
    values: list[float] = []
    modes: list[tuple[int, ...]] = []
    while heap and len(modes) < count:
        negative, _, mode = heapq.heappop(heap)
        values.append(-negative)
        modes.append(mode)
        for place in range(len(mode)):
            last = place == len(mode) - 1 or mode[place + 1] > mode[place]
            if last and mode[place] + 1 < len(shares):
                following = (*mode[:place], mode[place] + 1, *mode[place + 1 :])
                if following not in seen:
                    seen.add(following)
                    heapq.heappush(heap, (-value(following), len(following), following))
    return np.array(values), modes
