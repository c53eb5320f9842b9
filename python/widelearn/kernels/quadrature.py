"""Gaussian expectations of functions that users give, by quadrature in coordinates where a kink at 0 is an edge.

For standard normal z in the plane, u = sqrt(q) z.e and v = sqrt(r) z.e' with unit vectors e and e' at the angle θ. The
lines u = 0 and v = 0 cut the plane into sectors of opening π - θ, where u and v have one sign, and θ, where they have
two. In a sector of opening α, at the distance t from 0 and the angle ψ from the ray u = 0, |u| = sqrt(q) t sin ψ and
|v| = sqrt(r) t sin(α - ψ): smooth up to the edges for every σ that is smooth on both sides of 0.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from widelearn.runtime import Array, row_blocks

Function = Callable[[Array], Any]

# What a rule must agree to with the next finer one, relative to sqrt(E σ(u)² E σ(v)²); and what is refused.
TOLERANCE = 1e-13
REFUSED = 1e-10
# Sums that differ by less are equal: below the normal numbers there are no relative errors.
UNDERFLOW = 1e-300
# Rules from coarse to fine: Gauss-Legendre nodes of the narrow and of the widest panels, and how often more the panels
# next to 0 are halved than the variance asks for. Many nodes in wide panels follow oscillations and growth, in narrow
# panels and after more halvings what happens on scales below 1. Each has more of all, or agreement would not tell.
RULES = ((10, 10, 0), (13, 15, 0), (16, 24, 0), (20, 36, 0), (28, 50, 0), (40, 64, 2), (56, 80, 6))
# Where the plane is cut off, in standard deviations: the first that suffices. e^(-9²/2) is 3e-18.
REACHES = (9, 12, 15, 21, 30, 39)
# Values of σ held at once.
CHUNK = 1 << 16
REMEDY = (
    "The activation is not smooth away from 0, varies too fast there for rows of this size, or is not computed in"
    " float64; use a named activation, or scale the rows down."
)


def values_of(function: Function, t: Array) -> Array:
    """Return function(t) as finite float64 of the shape of `t`; refuse all else with the reason."""
    given = t.view()
    # It is looked at again.
    given.flags.writeable = False
    # Functions written with exp or cosh overflow on their way to a finite value: only the result counts.
    with np.errstate(all="ignore"):
        try:
            values = np.asarray(function(given))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{function!r} failed on an array of shape {t.shape}: {error}. An activation takes an array and returns"
                " one of the same shape, as NumPy's functions do; numpy.vectorize makes one from a scalar function."
            ) from error
    if values.shape != t.shape:
        raise ValueError(
            f"{function!r} returned shape {values.shape} for {t.shape}: an activation returns one value for each entry"
            " (a constant: numpy.full_like(t, value))."
        )
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{function!r} returned {values.dtype} values: an activation returns real numbers.")
    values = values.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        at = t[~np.isfinite(values)][0]
        raise ValueError(
            f"{function!r} is {values[~np.isfinite(values)][0]} at t = {at:.6g}: it must be finite there, for rows of"
            " this size. Scale the rows down, or write it without overflow (numpy.logaddexp, scipy.special.expit)."
        )
    return values


@dataclass(frozen=True)
class Rule:
    """Nodes and weights: distances, of t e^(-t²/2) dt or e^(-t²/2) dt, and angles as fractions of the opening."""

    distance: Array
    plane: Array
    line: Array
    fraction: Array
    share: Array


@lru_cache(maxsize=128)
def rule(level: int, octave: int, reach: int) -> Rule:
    """Return a rule for standard deviations up to 2^octave: panels halve towards 0 until σ sees at most one unit."""
    narrow, wide, extra = RULES[level]
    # The widest panels are 3 standard deviations and half the opening; 3·2² and 9·(π/2)·2⁴ bound what they see.
    halvings, halvings_angle = max(0, octave + 2 + extra), max(0, octave + 4 + extra)
    edges = [0.0, *(3.0 * 0.5**k for k in range(halvings, 0, -1)), *range(3, reach + 1, 3)]
    distance, weight = panels(edges, narrow, wide)
    half = [0.0, *(0.5**k for k in range(halvings_angle + 1, 0, -1))]
    fraction, share = panels([*half, *(1 - edge for edge in half[-2::-1])], narrow, wide)
    line = weight * np.exp(-(distance**2) / 2)
    return Rule(distance, distance * line, line, fraction, share)


def panels(edges: Sequence[float], narrow: int, wide: int) -> tuple[Array, Array]:
    """Return Gauss-Legendre nodes and weights between the edges, `wide` in the widest panels, at least `narrow`."""
    widths = np.diff(edges)
    pieces = []
    for low, width in zip(edges[:-1], widths, strict=True):
        nodes, weights = legendre(max(narrow, math.ceil(wide * width / widths.max())))
        pieces.append((low + width * (nodes + 1) / 2, width * weights / 2))
    nodes, weights = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return nodes, weights


@lru_cache(maxsize=128)
def legendre(count: int) -> tuple[Array, Array]:
    """Return the nodes and weights of the Gauss-Legendre rule on [-1, 1]."""
    return np.polynomial.legendre.leggauss(count)


def octaves(q: Array) -> Array:
    """Return the power of two that bounds each standard deviation, within what rules resolve."""
    # Below 1/4 no panel is halved; of deviations beyond 2^40, all but 2^-40 of the plane is where u is out of scale.
    return np.clip(np.ceil(np.log2(q) / 2), -2, 40).astype(int)


def moment(function: Function, q: Array, power: int = 2) -> Array:
    """Return E σ(sqrt(q) z)^power for each variance of `q`; the value of one is that of any place in any array."""
    q = np.asarray(q, np.float64)
    out = values_of(function, np.zeros(len(q))) ** power
    rows = np.flatnonzero(q > 0)
    octave = octaves(q[rows])
    for each in np.unique(octave):
        members = rows[octave == each]
        for part in row_blocks(len(members), 4096):
            block = members[part]
            out[block] = line_integrals(function, np.sqrt(q[block]), int(each), power)
    return out


def line_integrals(function: Function, deviation: Array, octave: int, power: int) -> Array:
    """Return E σ(s z)^power for standard deviations s of one octave."""
    out, todo = np.empty(len(deviation)), np.arange(len(deviation))
    for reach in REACHES:
        done = np.zeros(len(todo), bool)
        for part in row_blocks(len(todo), 256):
            value, scale, edge = one_reach(function, deviation[todo[part]], octave, power, reach)
            out[todo[part]] = value
            done[part] = edge <= 1e-15 * scale + UNDERFLOW
        todo = todo[~done]
        if not len(todo):
            return out
    raise too_fast(function, deviation[todo[0]])


def one_reach(function: Function, deviation: Array, octave: int, power: int, reach: int) -> tuple[Array, Array, Array]:
    """Return E σ(s z)^power, E |σ(s z)|^power and its integrand at the cut, refined row by row."""
    value, scale, edge = (np.zeros(len(deviation)) for _ in range(3))
    todo, before = np.arange(len(deviation)), np.full(len(deviation), np.inf)
    for level in range(len(RULES)):
        at = rule(level, octave, reach)
        u = deviation[todo, None] * at.distance
        with np.errstate(over="ignore", invalid="ignore"):
            sides = values_of(function, u) ** power, values_of(function, -u) ** power
            now = ((sides[0] + sides[1]) * at.line).sum(axis=1) / math.sqrt(2 * math.pi)
            size = (np.abs(sides[0]) + np.abs(sides[1])) * at.line
        if not np.isfinite(now).all():
            raise too_fast(function, deviation[todo][~np.isfinite(now)][0])
        scale[todo] = size.sum(axis=1) / math.sqrt(2 * math.pi)
        # Beside the last weight: what the integrand is there.
        edge[todo] = size[:, -1] / at.line[-1] * math.exp(-(reach**2) / 2)
        gap = np.abs(now - before)
        value[todo], before = now, now
        rough = gap > TOLERANCE * scale[todo] + UNDERFLOW
        todo, before, gap = todo[rough], before[rough], gap[rough]
        if not len(todo):
            return value, scale, edge
    worst = float((gap / scale[todo]).max())
    if worst > REFUSED:
        raise not_smooth(function, worst, float(deviation[todo].max() ** 2))
    return value, scale, edge


def not_smooth(function: Function, error: float, q: float) -> ValueError:
    """Return the error that says what was reached."""
    return ValueError(
        f"The Gaussian expectations of {function!r} at variances up to {q:.3g} are only known to {error:.1e}, not to"
        f" {REFUSED:.0e}. {REMEDY}"
    )


def too_fast(function: Function, deviation: float) -> ValueError:
    """Return the error for moments that overflow or that the tails make."""
    return ValueError(
        f"{function!r} grows too fast: at variance {deviation**2:.3g} its second Gaussian moment overflows or reaches"
        f" beyond {REACHES[-1]} standard deviations. Scale the rows down or use a named activation."
    )


def reach_of(function: Function, q: Array, second: Array) -> int:
    """Return where the plane may be cut for variances `q` with the second moments `second`."""
    for reach in REACHES:
        u = np.sqrt(q) * reach
        with np.errstate(over="ignore"):
            edge = np.maximum(values_of(function, u) ** 2, values_of(function, -u) ** 2) * math.exp(-(reach**2) / 2)
        if (edge * reach <= 1e-14 * second + UNDERFLOW).all():
            return reach
    return REACHES[-1]


def defects(function: Function, q: Array, r: Array, angle: Array) -> Array:
    """Return 1 - E σ(u) σ(v) / sqrt(E σ(u)² E σ(v)²) for pairs of positive variances and angles; 1 where σ vanishes.

    It is half the mean square of σ(u) / sqrt(E σ(u)²) - σ(v) / sqrt(E σ(v)²): no digits are lost where it is small.
    """
    second = moment(function, q), moment(function, r)
    octave = int(octaves(np.maximum(q, r)).max())
    reach = max(reach_of(function, q, second[0]), reach_of(function, r, second[1]))
    inverse = [np.where(moments > 0, moments, np.inf) ** -0.5 for moments in second]
    before, gap = np.full(len(angle), np.inf), np.inf
    for level in range(len(RULES)):
        now = plane_integrals(function, np.sqrt((q, r)), np.array(inverse), angle, rule(level, octave, reach))
        gap, before = float(np.abs(now - before).max()), now
        if gap <= TOLERANCE:
            break
    if gap > REFUSED:
        raise not_smooth(function, gap, float(max(q.max(), r.max())))
    return np.where((second[0] > 0) & (second[1] > 0), before, 1.0)


def plane_integrals(function: Function, deviation: Array, factor: Array, angle: Array, at: Rule) -> Array:
    """Return E (σ(u) f - σ(v) g)² / 2 by one rule for pairs of deviations and of factors f, g, of shapes (2, pairs)."""
    out = np.empty(len(angle))
    nodes = len(at.distance) * len(at.fraction)
    for block in row_blocks(len(angle), max(1, CHUNK // nodes)):
        total = np.zeros(len(angle[block]))
        (a, b), (f, g) = deviation[:, block, None, None], factor[:, block, None, None]
        for opening, sign in ((np.pi - angle[block], 1.0), (angle[block], -1.0)):
            base = at.distance[:, None] * np.sin(opening[:, None] * at.fraction)[:, None, :]
            u, v = a * base, sign * b * base[:, :, ::-1]
            square = (values_of(function, u) * f - values_of(function, v) * g) ** 2
            square += (values_of(function, -u) * f - values_of(function, -v) * g) ** 2
            total += opening * (square @ at.share @ at.plane)
        out[block] = total / (4 * np.pi)
    return out


def sector_grids(function: Function, q: Array, openings: Array, at: Rule) -> tuple[Array, Array]:
    """Return, for each opening, the integrals over the two sectors of equal and of opposite signs, all pairs of `q`."""
    n, half = len(q), len(at.fraction) // 2
    even, odd = np.zeros((2, len(openings), n, n))
    deviation = np.sqrt(q)[:, None, None]
    for k, opening in enumerate(openings):
        sine, share = np.sin(opening * at.fraction), at.share[:half] * (opening / (4 * np.pi))
        for part in row_blocks(len(at.distance), max(1, CHUNK // (n * len(sine)))):
            u = deviation * (at.distance[part, None] * sine)
            plus, minus = values_of(function, u), values_of(function, -u)
            # σ(u) σ(v) + σ(-u) σ(-v) and σ(u) σ(-v) + σ(-u) σ(v) are half the sum and difference of products of even
            # and of odd parts; exchanging u and v mirrors the sector, so half of it is enough.
            for values, total in ((plus + minus, even), (plus - minus, odd)):
                if values.any():
                    near = (values[:, :, :half] * (at.plane[part, None] * share)).reshape(n, -1)
                    total[k] += near @ values[:, :, : half - 1 : -1].reshape(n, -1).T
    even += even.swapaxes(1, 2)
    odd += odd.swapaxes(1, 2)
    return even + odd, even - odd


def sector_defects(function: Function, q: float, openings: Array, at: Rule) -> tuple[Array, Array]:
    """Return, for each opening, E (σ(u) - σ(v))² / 2 over the two sectors of equal and of opposite signs, r = q."""
    equal, opposite = np.zeros((2, len(openings)))
    for k, opening in enumerate(openings):
        for part in row_blocks(len(at.distance), max(1, CHUNK // len(at.fraction))):
            u = math.sqrt(q) * (at.distance[part, None] * np.sin(opening * at.fraction))
            plus, minus = values_of(function, u), values_of(function, -u)
            squares = (plus - plus[:, ::-1]) ** 2 + (minus - minus[:, ::-1]) ** 2, 2 * (plus - minus[:, ::-1]) ** 2
            for total, square in zip((equal, opposite), squares, strict=True):
                total[k] += at.plane[part] @ (square @ at.share) * opening / (4 * np.pi)
    return equal, opposite
