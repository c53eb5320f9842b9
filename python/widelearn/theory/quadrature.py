"""Integrate vectors of functions over an interval, refining only where needed."""

from collections.abc import Callable, Iterable

import numpy as np

from widelearn.theory.checks import Array

NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
# A jump is fenced in to 2^-45 of a panel.
DEPTH = 45
# More panels than these are rounding, which no refinement cures.
PANELS = 2048
TOLERANCE = 2e-14
# Values of the function that are held at once.
VALUES = 1 << 22


def integrate(f: Callable[[Array], Iterable[Array]], edges: Array, rows: int = 1) -> Array:
    """Integrate a function from (m,) points to blocks of (k, m) values over panels between `edges`.

    Returns the integrals of all rows of the blocks, of which there are `rows` in the largest. A panel is halved until
    its 16 Gauss-Legendre nodes and those of its halves agree to 2e-14 of the integral of |f|. So kinks and jumps at
    unknown places are found; put those that are known at an edge.
    """
    left, right = edges[:-1], edges[1:]
    whole, size = _panels(f, left, right, rows)
    scale = size.sum(axis=1, keepdims=True)
    total = np.zeros(len(whole))
    for _ in range(DEPTH):
        middle = (left + right) / 2
        (first, one), (second, two) = (_panels(f, *ends, rows) for ends in ((left, middle), (middle, right)))
        scale = np.maximum(scale, (one + two).max(axis=1, keepdims=True))
        rough = (np.abs(first + second - whole) > TOLERANCE * scale).any(axis=0)
        if 2 * rough.sum() > PANELS:
            return total + (first + second).sum(axis=1)
        total += (first + second)[:, ~rough].sum(axis=1)
        if not rough.any():
            return total
        left, right = np.append(left[rough], middle[rough]), np.append(middle[rough], right[rough])
        whole = np.concatenate([first[:, rough], second[:, rough]], axis=1)
    return total + whole.sum(axis=1)


def _panels(f: Callable[[Array], Iterable[Array]], left: Array, right: Array, rows: int) -> tuple[Array, Array]:
    """Return the integrals of f and of |f| over each panel, of shape (k, panels)."""
    step = max(VALUES // (len(NODES) * rows), 1)
    if step < len(left):
        cuts = range(0, len(left), step)
        parts = [_panels(f, left[at : at + step], right[at : at + step], rows) for at in cuts]
        integrals, sizes = zip(*parts, strict=True)
        return np.concatenate(integrals, axis=1), np.concatenate(sizes, axis=1)
    half = (right - left) / 2
    points = (left + right)[:, None] / 2 + half[:, None] * NODES
    blocks = (values.reshape(len(values), len(left), -1) for values in f(points.ravel()))
    integrals, sizes = zip(*(((v @ WEIGHTS) * half, (np.abs(v) @ WEIGHTS) * half) for v in blocks), strict=True)
    return np.concatenate(integrals), np.concatenate(sizes)
