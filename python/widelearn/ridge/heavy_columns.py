"""Conjugate gradients on inner products of sparse rows, which the columns of most weight precondition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg as sl

from widelearn.ridge.centred_rows import CentredRows
from widelearn.runtime import Array

# Most columns that precondition, and the share of rows that they may be.
MOST_COLUMNS, SHARE = 1024, 0.25
# Penalties that share a preconditioner lie within this factor.
ALIKE = 8.0
# Rounds that begin with what is left, computed anew.
ROUNDS = 4

Preconditioner = Callable[[Array], Array]


def heaviest(spread: Array, n: int, alpha: float) -> Array:
    """Return the columns whose sums of squares exceed alpha and the mean that all others add to a row's."""
    most = min(MOST_COLUMNS, int(SHARE * n), len(spread))
    if most == 0:
        return np.empty(0, np.intp)
    first = np.argpartition(-spread, most - 1)[:most]
    order = first[np.argsort(-spread[first], kind="stable")]
    rest = np.maximum(spread.sum() - np.cumsum(spread[order]), 0.0) / n
    enough = np.flatnonzero(spread[order] > alpha + rest)
    return np.sort(order[: enough[-1] + 1]) if len(enough) else order[:0]


def preconditioner(rows: CentredRows, spread: Array, alpha: float) -> Preconditioner:
    """Return the inverse of H H' + c for the heaviest columns H of A, with c = alpha and the mean of what they leave.

    By Woodbury's identity it is (1 - H (H'H + c)⁻¹ H') / c.
    """
    places = heaviest(spread, len(rows.root), alpha)
    if not len(places):
        return np.copy
    heavy = rows.columns(places)
    rest = alpha + max(float(spread.sum() - spread[places].sum()), 0.0) / len(rows.root)
    gram = heavy.gram()
    gram[np.diag_indices_from(gram)] += rest
    factor = sl.cho_factor(gram, lower=True, overwrite_a=True, check_finite=False)

    def solved(R: Array) -> Array:
        out = heavy.times(sl.cho_solve(factor, heavy.turned(R), check_finite=False))
        np.subtract(R, out, out=out)
        out /= rest
        return out

    return solved


def alike(alpha: Array) -> list[Array]:
    """Return the places of penalties, those together that lie within a factor of each other."""
    order = np.argsort(alpha, kind="stable")
    groups: list[Array] = []
    while len(order):
        near = alpha[order] <= ALIKE * alpha[order[0]]
        groups.append(order[near])
        order = order[~near]
    return groups


def dual_coefficients(
    rows: CentredRows, spread: Array, Y: Array, alpha: Array, enough: Array, most: int
) -> tuple[Array, int]:
    """Return coefficients D (n, t) of (A A' + alpha) D = Y, and the number of iterations, `most` for each penalty's.

    What is left need not be as small as `enough` (t,): rounding or `most` may end it before.
    """
    D, count = np.zeros_like(Y), 0
    for group in alike(alpha):
        a, limit = alpha[group], enough[group]
        inverse = preconditioner(rows, spread, float(np.sqrt(a.min() * a.max())))
        found, left, done, size = np.zeros((len(Y), len(group))), Y[:, group], 0, np.full(len(group), np.inf)
        for _ in range(ROUNDS):
            before, size = size, np.linalg.norm(left, axis=0)
            if done >= most or (size <= limit).all() or not (size <= before / 2).any():
                break
            done += descend(rows, inverse, found, left.copy(), a, limit / 2, most - done)
            left = Y[:, group] - rows.inner(found) - a * found
        D[:, group] = found
        count = max(count, done)
    return D, count


def descend(
    rows: CentredRows, inverse: Preconditioner, D: Array, R: Array, alpha: Array, enough: Array, most: int
) -> int:
    """Move coefficients D and what is left R by conjugate gradients, and return the number of iterations."""
    Z = inverse(R)
    P, rho = Z, np.einsum("nt,nt->t", R, Z)
    for count in range(1, most + 1):
        Q = rows.inner(P)
        Q += alpha * P
        curvature = np.einsum("nt,nt->t", P, Q)
        step = np.divide(rho, curvature, out=np.zeros_like(rho), where=curvature > 0)
        D += step * P
        Q *= step
        R -= Q
        if (np.linalg.norm(R, axis=0) <= enough).all():
            return count
        Z = inverse(R)
        before, rho = rho, np.einsum("nt,nt->t", R, Z)
        P *= np.divide(rho, before, out=np.zeros_like(rho), where=before > 0)
        P += Z
    return most
