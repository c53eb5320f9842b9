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
# The same function's errors, beside which interpolation adds none.
ACCURACY = 2e-8
# Rows whose errors are held at once, weights that differ of which each has a time scale of its own, and the share of
# all weight up to which time scales of more of them are interpolated.
ROWS, WEIGHTS, LIGHT = 2048, 32, 1 / 8
# Lifetimes of the slowest direction after which rounding leaves nothing of it.
ENDED = 40.0
# Powers of two that float64 holds, with their inverses.
FURTHEST = 1000
# Rows, the weights of all others at which their flows are taken (s,), and the shares of these in each (m, s).
Scale = tuple[NDArray[np.intp], Array, Array]


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
    weight, count = np.ones(n) if problem.weight is None else problem.weight, len(times)
    if len(spectrum.eigenvalues) == n - problem.fit_intercept:
        # Without a row the smallest rate is no smaller, so that later flows have ended.
        times = times[: 1 + np.count_nonzero(times * (spectrum.eigenvalues.min() / spectrum.total) < ENDED)]
    out = np.zeros((len(times), t))
    for rows, others, mixed in scales(weight, spectrum.total):
        for block in row_blocks(len(rows), ROWS):
            part, left = rows[block], np.zeros((1, 1, 1))
            for number, total in enumerate(others):
                # The flow of the others has their number for n.
                penalties = (poles()[0] / times[:, None]).ravel() * total
                inverse = 1.0 / (spectrum.eigenvalues[:, None] + penalties)
                left = left + mixed[block, number, None, None] * problem.flow_errors(part, inverse)
            out += np.einsum("m,mjt->jt", weight[part], left**2)
    return np.concatenate([out, np.repeat(out[-1:], count - len(times), axis=0)])


def scales(weight: Array, total: float) -> list[Scale]:
    """Return rows with the time scales, the weights of all others, that their errors are taken or interpolated at.

    Rows of few different weights, and heavy ones, have their own. The others' errors are analytic functions of the
    logarithm of the time scale up to π/2 off the real axis, so that interpolating them at s points of Chebyshev in an
    interval of half width h errs by 2 (h/π)^s of their size.
    """
    distinct, which = np.unique(weight, return_inverse=True)
    light = np.flatnonzero(weight <= LIGHT * total) if len(distinct) > WEIGHTS else np.arange(0)
    single = np.setdiff1d(which, which[light])
    own = [np.flatnonzero(which == number) for number in single]
    found = [
        (rows, total - distinct[number : number + 1], np.ones((len(rows), 1)))
        for number, rows in zip(single, own, strict=True)
    ]
    if not len(light):
        return found
    logs = np.log1p(-weight[light] / total)
    middle, half = (logs.max() + logs.min()) / 2.0, max((logs.max() - logs.min()) / 2.0, float(np.finfo(float).tiny))
    count = int(np.ceil(np.log(2.0 / ACCURACY) / np.log(np.pi / half)))
    nodes, places = np.cos(np.pi * (np.arange(count) + 0.5) / count), (logs - middle) / half
    others = [np.delete(nodes, number) for number in range(count)]
    mixed = [np.prod((places[:, None] - left) / (own - left), axis=1) for own, left in zip(nodes, others, strict=True)]
    return [*found, (light, total * np.exp(middle + half * nodes), np.stack(mixed, axis=1))]


def row_errors(spectrum: Spectrum, rows: Array, weight: Array | None, inverse: Complex) -> Array:
    """Return what flows leave (m, T, t) of some rows in their own units, by their eigenvectors.

    `inverse` is 1/(λ + penalty) (k, T poles); of ridge regressions that is β/G.
    """
    root = np.ones((len(rows), 1)) if weight is None else np.sqrt(weight[rows])[:, None]
    vectors = spectrum.directions[rows] / root
    # A power of two for the unit of kernels, which the quotient does not see.
    exponent = int(np.clip(np.frexp(np.abs(inverse[-1]).max())[1], -FURTHEST, FURTHEST))
    inverse = inverse * np.ldexp(1.0, -exponent)
    # Directions without variance, the first ones, are one.
    null = int(np.count_nonzero(spectrum.eigenvalues <= 0.0))
    lost, seen, at_null, inverse = vectors[:, :null], vectors[:, null:], inverse[:1] * (null > 0), inverse[null:]
    share = shares_of(product(seen**2, inverse) + (lost**2).sum(axis=1)[:, None] * at_null)
    parts = [
        summed(share, product(seen, inverse * column[null:, None]) + (lost @ column[:null])[:, None] * at_null)
        for column in spectrum.projected.T
    ]
    return np.stack(parts, axis=-1) / root[:, :, None]


def feature_errors(
    spectrum: Spectrum, scores: Array, about: Array, weight: Array, share: float, inverse: Complex
) -> Array:
    """Return what flows leave (m, T, t) of rows by their principal components (m, k) and targets less their means.

    Of ridge regressions that is e/(1 - h).
    """
    slack = shares_of(1.0 - weight[:, None] * (share + product(scores**2, inverse)))
    parts = [
        summed(slack, about[:, [at]] - product(scores, inverse * column[:, None]))
        for at, column in enumerate(spectrum.projected.T)
    ]
    return np.stack(parts, axis=-1)


def shares_of(divisor: Complex) -> Complex:
    """Return the weights of the poles over what ridge regressions are divided by (m, T poles)."""
    shares = poles()[1]
    return np.tile(shares, divisor.shape[1] // len(shares)) / divisor


def summed(share: Complex, found: Complex) -> Array:
    """Return the real parts (m, T) of sums over the poles of shares times ridge regressions (m, T poles)."""
    shape = len(share), -1, 2 * len(poles()[0])
    return np.einsum("mjk,mjk->mj", share.conj().view(np.float64).reshape(shape), found.view(np.float64).reshape(shape))


def product(A: Array, B: Complex) -> Complex:
    """Return A B for a real A and a complex B, by one real product."""
    return (A @ np.ascontiguousarray(B).view(np.float64)).view(np.complex128)
