"""Errors of gradient flows that leave out each row, from one decomposition.

The identity of ridge regression for left-out rows, e_i = β_i/G_ii, holds for every penalty, complex ones too. A flow
is a sum of ridge regressions: (1 - exp(-z))/z = Σ_k c_k/(z + s_k) to 1e-8, for few poles s_k. So what the flow of all
others to time t leaves of row i is Σ_k c_k e_i(s_k (n - 1)/t).
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hankel

from widelearn.estimators.flow.spectrum import Spectrum
from widelearn.runtime import Array, row_blocks

Complex = NDArray[np.complex128]
# Poles: each pair of them is worth nearly two digits.
POLES = 10
# Terms and nodes of the series that they are found from, and the scale of its variable.
TERMS, NODES, SCALE = 75, 1024, 9.0
# Rows whose errors are held at once, and weights that differ of which each has a time scale of its own.
ROWS, WEIGHTS = 512, 32


@cache
def poles() -> tuple[Complex, Complex]:
    """Return the poles s_k of positive imaginary part and the weights c_k, doubled for those of negative part.

    Those of the rational function next to exp(-z) for z >= 0, by the method of Carathéodory and Fejér. Source:
    Trefethen, Weideman & Schmelzer, "Talbot quadratures and rational approximations", BIT 46, 2006, section 4.
    """
    w = np.exp(2j * np.pi * np.arange(NODES) / NODES)
    with np.errstate(under="ignore"):
        values = np.exp(SCALE * (w.real - 1.0) / (w.real + 1.0 + 1e-16))
    series = np.fft.fft(values).real / NODES
    left, sizes, right = np.linalg.svd(hankel(series[1 : TERMS + 1]))
    u, v = left[::-1, POLES], right[POLES]
    quotient = np.fft.fft(u, NODES) / np.fft.fft(v, NODES)
    rational = np.polyval(series[TERMS::-1], w) - sizes[POLES] * w**TERMS * quotient
    roots = np.roots(v)
    roots = roots[np.abs(roots) > 1.0]
    top = (np.fft.fft(rational * np.polyval(np.poly(roots), w)).real / NODES)[POLES::-1]
    residues = np.array([np.polyval(top, q) / np.prod(q - np.delete(roots, k)) for k, q in enumerate(roots)])
    at = SCALE * (roots - 1.0) ** 2 / (roots + 1.0) ** 2
    # exp(-z) = -Σ r_k/(z + s_k), and its value 1 at zero makes the weights -r_k/s_k of the integral add up to 1.
    shares = -4.0 * residues / (roots**2 - 1.0)
    shares /= shares.sum()
    upper = at.imag > 0.0
    return at[upper], 2.0 * shares[upper]


def left_out_squares(problem: Any, times: Array) -> Array:
    """Return Σ_i w_i e_i² (T, t), e_i what the flow of the other rows to a time leaves of row i.

    Two products of n rows with k directions and T poles columns, and one more for each further target.
    """
    spectrum, (n, t) = problem.spectrum, problem.Y.shape
    weight, out = np.ones(n) if problem.weight is None else problem.weight, np.zeros((len(times), t))
    at, shares = poles()
    for rows in alike(weight):
        # The flow of the others has their number for n.
        penalties = (at / times[:, None]).ravel() * (spectrum.total - weight[rows].mean())
        inverse = 1.0 / (spectrum.eigenvalues[:, None] + penalties)
        for block in row_blocks(len(rows), ROWS):
            part = rows[block]
            errors = problem.ridge_errors(part, inverse)
            left = np.einsum("mjkt,k->mjt", errors.reshape(len(part), len(times), len(at), t), shares).real
            out += np.einsum("m,mjt->jt", weight[part], left**2)
    return out


def alike(weights: Array) -> list[Array]:
    """Return rows in groups of one weight, or where too many differ of about one."""
    distinct, which = np.unique(weights, return_inverse=True)
    if len(distinct) > WEIGHTS:
        which = np.searchsorted(np.quantile(weights, np.linspace(0.0, 1.0, WEIGHTS + 1)[1:-1]), weights)
    return [np.flatnonzero(which == number) for number in np.unique(which)]


def row_errors(spectrum: Spectrum, rows: Array, weight: Array | None, inverse: Complex) -> Complex:
    """Return β/G (m, P, t) of some rows in their own units, for 1/(λ + penalty) (k, P), by their eigenvectors."""
    root = np.ones((len(rows), 1)) if weight is None else np.sqrt(weight[rows])[:, None]
    vectors = spectrum.directions[rows] / root
    diagonal = product(vectors**2, inverse)
    parts = [product(vectors, inverse * column[:, None]) / diagonal for column in spectrum.projected.T]
    return np.stack(parts, axis=-1) / root[:, :, None]


def feature_errors(
    spectrum: Spectrum, scores: Array, about: Array, weight: Array, share: float, inverse: Complex
) -> Complex:
    """Return e/(1 - h) (m, P, t) of rows by their principal components (m, k) and targets less their means (m, t)."""
    slack = 1.0 - weight[:, None] * (share + product(scores**2, inverse))
    parts = [
        (about[:, [at]] - product(scores, inverse * column[:, None])) / slack
        for at, column in enumerate(spectrum.projected.T)
    ]
    return np.stack(parts, axis=-1)


def product(A: Array, B: Complex) -> Complex:
    """Return A B for a real A and a complex B, by one real product."""
    return (A @ np.ascontiguousarray(B).view(np.float64)).view(np.complex128)
