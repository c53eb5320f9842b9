"""Many rows as machines of a few each: leaves of a balanced tree whose cuts overlap, blended where they do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from widelearn.estimators.held_out import HeldOutValues
from widelearn.estimators.kernel_ridge.model import KernelProblem
from widelearn.estimators.recursive.metric import gradients
from widelearn.estimators.units import Units
from widelearn.kernels.operators import fitted_product
from widelearn.ridge.leave_one_out import Errors
from widelearn.runtime import Array, available_memory, check_memory

# Rows up to which one machine fits all; operations of the factors of all leaves of more, and sizes of these.
WHOLE_ROWS = 20_000
OPERATIONS, SMALLEST, LARGEST = 2e12, 2000, 8000
# Share of a node's rows that both of its sides fit, and by how much more they blend, beside the spread of places.
OVERLAP, REACH = 0.1, 1e-6
# Leaves that choose the penalty, one row of so many held out; the error of their fits, relative to the targets, for
# which float32 is left.
JUDGES, EVERY, ROUGH = 4, 5, 1e-2
# Steps toward the direction of the largest spread.
POWERS = 10
# Bytes of a leaf's kernel matrix and factor for every pair of its rows; part of the memory that they may take.
PAIR, PART = 16, 2
FEWEST = 500


def leaf_rows(n: int, d: int, t: int, asked: int | None) -> int:
    """Return how many rows a machine fits at most, checked to fit into memory: all n, or those of a leaf.

    Rows have d columns and t targets. Unless asked for, it is all of up to 20,000 rows, else as many as
    let the factors of all leaves cost 2e12 operations, from 2,000 to 8,000; fewer where memory asks for it, at least
    500.
    """
    size = asked
    if size is None:
        size = n if n <= WHOLE_ROWS else int(min(max(math.sqrt(3.0 * OPERATIONS / n), SMALLEST), LARGEST))
        size = min(size, max(math.isqrt(available_memory()[0] // (PART * PAIR)), FEWEST))
    size = min(size, n)
    check_memory(PAIR * size * size, f"The kernel matrix of {size} rows and its factor", "Take a smaller leaf_size.")
    if size < n:
        each, leaves = shape(n, size)
        text = f"The rows of {leaves} leaves of {each} rows"
        check_memory(8 * each * leaves * (d + t), text, "Take a larger leaf_size, or fit fewer rows.")
    return size


def shape(n: int, size: int) -> tuple[int, int]:
    """Return the rows of the largest leaf, and how many leaves there are, of a tree with at most so many rows each."""
    leaves = 1
    while n > size:
        n, leaves = n - shared(n), 2 * leaves
    return n, leaves


def shared(n: int) -> int:
    """Return how many of a node's rows each side leaves to the other."""
    return max(int(n * (0.5 - OVERLAP / 2.0)), 1)


def grown(X: Array, size: int) -> tuple[list[Array], Array, Array]:
    """Return the rows of leaves of at most so many, the directions of cuts, and the ends of where sides blend.

    A node's cut is along the direction of the largest spread of its rows, which a metric has stretched where targets
    change; each side fits 55 % of them, as ranked there. Rows at the same place are ranked by their numbers.
    """
    _, leaves = shape(len(X), size)
    directions, ends = np.empty((leaves - 1, X.shape[1])), np.empty((leaves - 1, 2))
    nodes, numbers = [np.arange(len(X))], np.finfo(np.float64)
    for node in range(leaves - 1):
        rows = nodes[node]
        Z = X[rows].astype(np.float64, copy=False)
        directions[node] = spread_direction(Z)
        place = Z @ directions[node]
        ranked = np.argsort(place, kind="stable")
        low = shared(len(rows))
        high = len(rows) - low
        reach = REACH * float(np.ptp(place)) + float(numbers.eps) * float(np.abs(place).max(initial=0.0))
        reach = max(reach, float(numbers.tiny))
        ends[node] = place[ranked[low]] - reach, place[ranked[high - 1]] + reach
        nodes += [rows[np.sort(ranked[:high])], rows[np.sort(ranked[low:])]]
    return nodes[leaves - 1 :], directions, ends


def spread_direction(Z: Array) -> Array:
    """Return nearly the direction of the largest spread of rows, by powers of their covariance; a unit vector."""
    about = Z - Z.mean(axis=0)
    squares = np.einsum("ij,ij->j", about, about)
    v = np.zeros(Z.shape[1])
    v[int(squares.argmax())] = 1.0
    for _ in range(POWERS):
        turned = about.T @ (about @ v)
        length = float(np.linalg.norm(turned))
        if not length > 0.0:
            return v
        v = turned / length
    return v


@dataclass(frozen=True)
class Leaves:
    """The function that machines of overlapping leaves blend to; rows of leaves stand one after the other.

    In a node f = (1 - s) f_left + s f_right, and s goes from 0 to 1 between its ends, linearly.
    """

    kernel: Any
    rows: Array
    dual: Array
    starts: Array
    offsets: Array
    directions: Array
    ends: Array
    # What is known of errors, in the place of the Gaussian process whose mean it would be.
    posterior: HeldOutValues

    @classmethod
    def fitted(
        cls, problem: KernelProblem, found: tuple[list[Array], Array, Array], alpha: float, judged: HeldOutValues
    ) -> Self:
        """Return the machines of all leaves of a problem, fitted with one penalty, and what is known of errors."""
        sizes = [len(rows) for rows in found[0]]
        starts, t = np.concatenate([[0], np.cumsum(sizes)]), problem.Y.shape[1]
        rows = np.empty((int(starts[-1]), problem.X.shape[1]), problem.X.dtype)
        dual, offsets = np.empty((len(rows), t)), np.empty((len(sizes), t))
        single = problem.X.dtype == np.float32
        for leaf, own in enumerate(found[0]):
            part = slice(int(starts[leaf]), int(starts[leaf + 1]))
            model = taken(problem, own).factored(np.full(t, alpha))
            single &= model.solution.coef.dtype == np.float32
            rows[part], dual[part], offsets[leaf] = problem.X[own], model.solution.coef, model.solution.offset
        dtype = np.float32 if single else np.float64
        return cls(problem.kernel, rows, dual.astype(dtype), starts, offsets.astype(dtype), *found[1:], judged)

    def in_original(self, units: Units) -> Self:
        """Return the model in the user's units of targets."""
        dual = units.original(self.dual, "The dual coefficients")
        offsets = units.original(self.offsets, "The intercept")
        return replace(self, dual=dual, offsets=offsets, posterior=self.posterior.in_original(units))

    def values(self, Z: Array) -> Array:
        """Return the values (m, t) at rows as the kernel sees them."""
        return self.at(Z)[:, :, 0].astype(np.result_type(Z, self.rows), copy=False)

    def at(self, Z: Array, *, slopes: bool = False, node: int = 0) -> Array:
        """Return the values, and with `slopes` after them the gradients, (m, t, 1) or (m, t, 1 + d), below a node."""
        if node >= len(self.ends):
            return self._in_leaf(node - len(self.ends), Z, slopes=slopes)
        direction, (low, high) = self.directions[node], self.ends[node]
        share = (Z.astype(np.float64, copy=False) @ direction - low) / (high - low)
        out = np.zeros((len(Z), self.dual.shape[1], 1 + slopes * Z.shape[1]))
        blended = (share > 0.0) & (share < 1.0)
        share = np.clip(share, 0.0, 1.0)
        for child, own, sign in ((2 * node + 1, 1.0 - share, -1.0), (2 * node + 2, share, 1.0)):
            rows = np.flatnonzero(own)
            if not len(rows):
                continue
            found = self.at(Z[rows], slopes=slopes, node=child)
            out[rows] += own[rows, None, None] * found
            if slopes:
                steep = blended[rows, None] * found[:, :, 0] * (sign / (high - low))
                out[rows, :, 1:] += steep[:, :, None] * direction
        return out

    def _in_leaf(self, leaf: int, Z: Array, *, slopes: bool) -> Array:
        part = slice(int(self.starts[leaf]), int(self.starts[leaf + 1]))
        rows, dual = self.rows[part], self.dual[part]
        exact = Z.astype(np.result_type(Z, dual), copy=False)
        out = np.empty((len(Z), dual.shape[1], 1 + slopes * Z.shape[1]))
        out[:, :, 0] = fitted_product(self.kernel, exact, rows, dual) + self.offsets[leaf]
        if slopes:
            for some, t, found in gradients(self.kernel, exact, rows.astype(exact.dtype, copy=False), dual):
                out[some, t, 1:] = found
        return out


class JudgedLeaves:
    """Some leaves, a fifth of whose rows judge penalties of fits to the others; in float32 where that is enough."""

    def __init__(self, problem: KernelProblem, leaves: list[Array]) -> None:
        rough = replace(problem, X=problem.X.astype(np.float32, copy=False), tolerance=ROUGH)
        chosen = sorted({int(place) for place in np.linspace(0, len(leaves) - 1, JUDGES)})
        parts = [leaves[leaf] for leaf in chosen]
        self.fitted = [taken(rough, np.delete(rows, slice(None, None, EVERY))) for rows in parts]
        self.judges = [taken(rough, rows[::EVERY]) for rows in parts]
        self.Y = np.concatenate([part.Y for part in self.judges])
        weights = [part.weight for part in self.judges if part.weight is not None]
        self.weight = np.concatenate(weights) if weights else None
        self.values: dict[float, list[Array]] = {}

    def left_out(self, alphas: Array) -> Errors:
        """Yield rows that judge and their scaled errors (a, rows, t)."""
        start = 0
        for fitted, own in zip(self.fitted, self.judges, strict=True):
            values = [fitted.factored(np.full(own.Y.shape[1], alpha)).values(own.X) for alpha in alphas]
            for alpha, found in zip(alphas, values, strict=True):
                self.values.setdefault(float(alpha), []).append(found)
            errors = own.Y - np.array(values)
            errors = errors if own.weight is None else errors * np.sqrt(own.weight)[:, None]
            yield slice(start, start + len(own.Y)), errors
            start += len(own.Y)

    def held_out(self, alpha: float) -> HeldOutValues:
        """Return what the fits with a penalty that was judged say of rows that they have not seen."""
        values = np.concatenate(self.values[alpha]).astype(np.float64)
        return HeldOutValues(values, self.Y.astype(np.float64), self.weight)


def taken(problem: KernelProblem, rows: Array) -> KernelProblem:
    """Return the problem of some rows."""
    weight = None if problem.weight is None else problem.weight[rows]
    return replace(problem, X=np.ascontiguousarray(problem.X[rows]), Y=problem.Y[rows], weight=weight)
