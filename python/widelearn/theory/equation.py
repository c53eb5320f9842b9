"""The one equation: Λ/n = ν (1 - D(ν)/n)(1 - D(ν)/N), solved for many (Λ, n, N) at once."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from widelearn.theory.checks import Array
from widelearn.theory.spectrum import Spectrum

# Points times eigenvalues that are held at once.
CHUNK = 2**20
ITERATIONS = 200


class Root(NamedTuple):
    """The solution, every quantity free of cancellation, one entry a point.

    ν; the gaps 1 - D/n and 1 - D/N; D; δ = D - Σ s²/(s + ν)²; δ/ν.
    """

    nu: Array
    gap_n: Array
    gap_p: Array
    D: Array
    delta: Array
    delta_over_nu: Array


class Traces:
    """Sums over the positive eigenvalues of a spectrum at many ν."""

    def __init__(self, spectrum: Spectrum) -> None:
        keep = (spectrum.eigenvalues > 0) & (spectrum.multiplicities > 0)
        self.s, self.m, self.tail = spectrum.eigenvalues[keep], spectrum.multiplicities[keep], spectrum.tail
        self.count = float(self.m.sum())
        self.trace = float(self.s @ self.m) + self.tail
        # With a tail there are infinitely many eigenvalues.
        self.rank = np.inf if self.tail > 0 else self.count

    def chunks(self, points: int) -> Iterator[slice]:
        """Cut points into blocks that fit in memory."""
        size = max(1, CHUNK // max(1, len(self.s)))
        for start in range(0, points, size):
            yield slice(start, min(start + size, points))

    def sums(self, nu: Array) -> tuple[Array, Array, Array]:
        """Return D = Σ s/(s + ν) + tail/ν, the short Σ ν/(s + ν), and δ/ν = Σ s/(s + ν)² + tail/ν²."""
        inverse = 1 / (self.s + nu[:, None])
        weighted = inverse * self.s
        D, short = weighted @ self.m, nu * (inverse @ self.m)
        weighted *= inverse
        over = weighted @ self.m
        if self.tail:
            D, over = D + self.tail / nu, over + self.tail / nu**2
        return D, short, over

    def gap(self, D: Array, short: Array, n: Array) -> Array:
        """Return 1 - D/n; where the rank is at most n, summed from positive parts."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(self.rank <= n, (n - self.count + short) / n, 1 - D / n)
        return np.where(np.isinf(n), 1.0, found)


def solve(spectrum: Spectrum, n: Array, ridge_over_n: Array, n_features: Array) -> Root:
    """Solve the equation at every point; arrays of one length, n and N perhaps infinite.

    Raises
    ------
    ValueError
        If a ridge is below the critical one, where the risk diverges.
    """
    traces = Traces(spectrum)
    nu = np.empty(len(n))
    for block in traces.chunks(len(n)):
        nu[block] = _roots(traces, n[block], ridge_over_n[block], n_features[block])
    for i in np.flatnonzero(ridge_over_n < 0):
        nu[i] = _negative_root(traces, float(n[i]), float(ridge_over_n[i]), float(n_features[i]))
    parts = [_root(traces, nu[b], n[b], ridge_over_n[b], n_features[b]) for b in traces.chunks(len(n))]
    return Root(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _roots(traces: Traces, n: Array, c: Array, p: Array) -> Array:
    """Return ν for c = Λ/n >= 0 (others are left for later)."""
    q = np.minimum(n, p)
    out = np.zeros(len(n))
    zero = (c <= 0) & (traces.rank > q)
    if zero.any():
        out[zero] = _ridgeless(traces, q[zero])
    some = c > 0
    if not some.any() or traces.trace == 0:
        return np.where(some, c, out)
    n, c, p = n[some], c[some], p[some]

    def logarithm(x: Array) -> tuple[Array, Array]:
        nu = np.exp(x)
        D, short, over = traces.sums(nu)
        gap_n, gap_p, delta = traces.gap(D, short, n), traces.gap(D, short, p), nu * over
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where((gap_n > 0) & (gap_p > 0), x + np.log(gap_n) + np.log(gap_p) - np.log(c), -np.inf)
            slope = 1 + delta / (n * gap_n) + delta / (p * gap_p)
        return value, slope

    highest = c + traces.trace * (1 / n + 1 / p)
    out[some] = np.exp(_increasing_root(logarithm, np.log(c) - 1e-12, np.log(highest) + 1e-12))
    return out


def _ridgeless(traces: Traces, q: Array) -> Array:
    """Return the ν with D(ν) = q, where the rank is above q."""
    log_q = np.log(q)

    def logarithm(x: Array) -> tuple[Array, Array]:
        nu = np.exp(x)
        D, _, over = traces.sums(nu)
        return log_q - np.log(D), nu * over / D

    high = np.log(traces.trace) - log_q
    step, low = 2.0, high - 2.0
    while step < 1400 and (short := logarithm(low)[0] > 0).any():
        step *= 2
        low = np.where(short, high - step, low)
    return np.exp(_increasing_root(logarithm, low, high + 1e-12))


def _increasing_root(f: Callable[[Array], tuple[Array, Array]], low: Array, high: Array) -> Array:
    """Find the roots of increasing functions: Newton's steps inside a bracket, halved where a step leaves it."""
    x = (low + high) / 2
    before = np.full_like(x, np.inf)
    done = np.zeros(len(x), bool)
    for _ in range(ITERATIONS):
        value, slope = f(x)
        above = value > 0
        high, low = np.where(above, x, high), np.where(above, low, x)
        with np.errstate(invalid="ignore", divide="ignore"):
            guess = x - value / slope
        inside = (guess >= low) & (guess <= high)
        new = np.where(inside, guess, (low + high) / 2)
        new = np.where(done | (value == 0), x, new)
        step = np.abs(new - x)
        # Rounding is reached when a tiny step no longer shrinks.
        done |= (step <= 2e-16 * np.maximum(np.abs(x), 1)) | ((step < 1e-11) & (step > 0.9 * before))
        x, before = new, step
        if done.all():
            break
    return x


def _root(traces: Traces, nu: Array, n: Array, c: Array, p: Array) -> Root:
    """Complete a root: where a gap would cancel it comes from the equation itself, to full relative accuracy."""
    D, over = np.full(len(nu), traces.count), np.full(len(nu), float(traces.m @ (1 / traces.s)))
    at, short = nu != 0, np.zeros(len(nu))
    if at.any():
        D[at], short[at], over[at] = traces.sums(nu[at])
    q, r = np.minimum(n, p), np.maximum(n, p)
    # gap_q gap_r = Λ / (n ν) with gap_r = (1 - q/r) + (q/r) gap_q: a quadratic for gap_q.
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(np.isinf(r), 0.0, q / r)
        product = np.where(at, np.maximum(c, 0) / nu, 0.0)
        b = 1 - share
        quadratic = 2 * product / (b + np.sqrt(b * b + 4 * share * product))
    quadratic = np.where(product == 0, 0.0, quadratic)
    solved = (traces.rank > q) & (c >= 0) & (traces.trace > 0)
    gap_q = np.where(solved, quadratic, traces.gap(D, short, q))
    gap_r = b + share * gap_q
    # so that 1 - D/n is the gap itself, and D exactly n at interpolation
    close = solved & (gap_q < 0.5)
    D = np.where(close, np.where(close, q, 0.0) * (1 - gap_q), D)
    first = n <= p
    return Root(nu, np.where(first, gap_q, gap_r), np.where(first, gap_r, gap_q), D, nu * over, over)


def _divergence(traces: Traces, nu: float, n: float, p: float) -> float:
    """Return dΛ/dν / n: positive where the ridge is above the critical one."""
    D, _, over = (float(value[0]) for value in traces.sums(np.array([nu])))
    delta = nu * over
    gap_n, gap_p = 1 - D / n, 1 - D / p
    return gap_n * gap_p + delta / n * gap_p + delta / p * gap_n


def _ridge_at(traces: Traces, nu: float, n: float, p: float) -> float:
    """Return Λ/n at ν."""
    D = float(traces.sums(np.array([nu]))[0][0]) if nu else traces.count
    return nu * (1 - D / n) * (1 - D / p)


def critical_point(traces: Traces, n: float, p: float) -> tuple[float, float, float]:
    """Return ν and Λ/n where dΛ/dν = 0, and the ν of Λ = 0: below lies no solution."""
    q = min(n, p)
    if traces.trace == 0 or np.isinf(q) or traces.rank == q:
        return 0.0, 0.0, 0.0
    if traces.rank > q:
        top = float(_ridgeless(traces, np.array([q]))[0])
        low = top
        while low > 1e-300 and _divergence(traces, low, n, p) > 0:
            low /= 2
        if low <= 1e-300:
            return 0.0, 0.0, top
    else:
        top = 0.0
        edge, share = -float(traces.s.min()), 0.5
        low = edge * share
        while share > 1e-15 and _divergence(traces, low, n, p) > 0:
            share /= 2
            low = edge * (1 - share)
    start = top if top else -1e-300
    nu = float(brentq(lambda v: _divergence(traces, v, n, p), low, start, xtol=1e-300, rtol=1e-14))
    return nu, _ridge_at(traces, nu, n, p), top


def _negative_root(traces: Traces, n: float, c: float, p: float) -> float:
    """Return ν for Λ/n < 0, between the critical ν and that of Λ = 0."""
    critical, lowest, top = critical_point(traces, n, p)
    if c < lowest:
        raise ValueError(
            f"ridge must be at least the critical {lowest * n:.6g} (n = {n:g}, n_features = {p:g}), got {c * n:g}."
        )
    if c == lowest:
        return critical
    return float(brentq(lambda v: _ridge_at(traces, v, n, p) - c, critical, top, xtol=1e-300, rtol=1e-14))
