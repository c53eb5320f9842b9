"""Sufficient statistics of ridge regression that merge: weighted means and centred second moments."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _check_sample_weight

from widelearn import _core
from widelearn.ridge.exact_products import two_sum
from widelearn.ridge.normal_equations import EPS, NormalEquations, scale_of
from widelearn.ridge.primal_gcv import PrimalGcv
from widelearn.ridge.primal_systems import PrimalSolver
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.symmetric_systems import Solution, check_alpha
from widelearn.runtime import Array, capped, check_memory, core_blocks, in_range, row_blocks

# Few enough that their products stay in cache.
OUTER_ROWS = 32
# Rows converted to another type at once.
CONVERTED_ROWS = 4096


class Moments:
    """Sum what ridge regression needs to know of any number of rows, batch by batch or machine by machine.

    Kept are Σ w, the weighted means of features z and targets y, and the centred second moments Σ w (z - z̄)(z -
    z̄)', Σ w (z - z̄)(y - ȳ)' and Σ w (y - ȳ)², all in float64. Two sets of rows merge by adding their centred
    moments and (W_a W_b / W) δ δ', δ the difference of their means: merging is associative and exact to rounding,
    however far the means are from zero.

    Parameters
    ----------
    n_features : int
        Number of features, p.
    n_targets : int, default=1
        Number of targets, t. Results have a targets' axis unless every `y` was one-dimensional.

    Attributes
    ----------
    weight : float
        Σ w: the number of rows where no weights were given.
    mean_z, mean_y : ndarray of shape (p,) and (t,)
        Weighted means.
    rest_z : ndarray of shape (p,)
        What rounding takes from `mean_z`: far from zero a mean has more digits than one number holds.
    zz, zy, yy : ndarray of shape (p, p), (p, t) and (t,)
        Centred second moments.

    Notes
    -----
    Costs 2 n p (p + t) flops for n rows and 8 p² bytes; an update holds twice as much while it merges.

    References
    ----------
    Chan, Golub & LeVeque, "Algorithms for computing the sample variance", The American Statistician 37, 1983,
    equation 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.ridge import Moments
    >>> Z, y = np.array([[1.0], [2.0], [4.0]]), np.array([3.0, 5.0, 9.0])
    >>> first, second = Moments(1, 1).update(Z[:2], y[:2]), Moments(1, 1).update(Z[2:], y[2:])
    >>> coef, intercept = first.merge(second).solve(alpha=0.0, fit_intercept=True)
    >>> np.round(coef, 12), round(float(intercept), 12)
    (array([2.]), 1.0)
    """

    @in_range
    def __init__(self, n_features: int, n_targets: int = 1) -> None:
        if n_features < 1 or n_targets < 1:
            raise ValueError(f"n_features and n_targets must be at least 1, got {n_features} and {n_targets}.")
        self.n_features, self.n_targets = int(n_features), int(n_targets)
        self._clear()

    def _clear(self) -> None:
        self.weight = 0.0
        # Without rows nothing is allocated: the first batch's arrays become the state.
        self.mean_z = self.rest_z = self.mean_y = self.zz = self.zy = self.yy = np.empty(0)
        self.flat = self.n_targets == 1
        # The rounding error that products were summed with.
        self.unit = EPS / 2

    @capped
    def update(self, Z: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Add the rows of features `Z` (n, p) with targets `y` (n,) or (n, t), and return the object."""
        z = check_array(Z, dtype=[np.float64, np.float32], input_name="Z")
        targets = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        check_consistent_length(z, targets)
        flat = self.flat and targets.ndim == 1
        targets = np.require(targets.reshape(len(z), -1), requirements=["C", "ALIGNED"])
        if (z.shape[1], targets.shape[1]) != (self.n_features, self.n_targets):
            raise ValueError(
                f"Z has {z.shape[1]} features and y {targets.shape[1]} targets, but these moments are of"
                f" {self.n_features} features and {self.n_targets} targets."
            )
        weight = None
        if sample_weight is not None:
            if not np.any(sample_weight):
                if np.ndim(sample_weight) > 0:
                    check_consistent_length(z, sample_weight)
                self.flat = flat
                return self
            weight = _check_sample_weight(sample_weight, z, dtype=np.float64, ensure_non_negative=True)
            weight = np.require(weight, requirements=["C", "ALIGNED"])
        self.take(z, targets, weight).flat = flat
        return self

    def take(self, z: Array, targets: Array, weight: Array | None) -> Self:
        """Add rows as :meth:`update` does: checked ones, targets (n, t) and weights in float64 and C-contiguous."""
        p, t = self.n_features, self.n_targets
        check_taken(z, targets, weight, (p, t))
        check_memory(8 * p * p, f"The moments of {p} features", "Take fewer features.")
        # Of the features' own type, so that differences from it are exact.
        shift_z = z.mean(axis=0, dtype=np.float64).astype(z.dtype).astype(np.float64)
        shift_y = targets.mean(axis=0)
        zz, zy, sums = np.zeros((p, p)), np.zeros((p, t)), np.zeros(1 + p + 2 * t)
        for part in row_blocks(len(z), len(z) if z.dtype == np.float64 else CONVERTED_ROWS):
            for rows, block in core_blocks(z[part].astype(np.float64, copy=False)):
                at = slice(part.start + rows.start, part.start + rows.stop)
                w = None if weight is None else weight[at]
                _core.moments(None, block, targets[at], w, shift_z, shift_y, zz, zy, sums)
        self.flat = False
        return self.absorb(shift_z, shift_y, zz, zy, sums)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Earlier versions kept no rest of the means.
        vars(self).update({"unit": EPS / 2, "rest_z": np.zeros_like(state["mean_z"])} | state)

    def absorb(
        self, shift_z: Array, shift_y: Array, zz: Array, zy: Array, sums: Array, *, dtype: Any = np.float64
    ) -> Self:
        """Add rows summed about an origin, the arrays of a feature map's ``moments``, and return the object.

        The arrays must not be used afterwards: they may become part of the state. `dtype` is what products were taken
        in.
        """
        p, t = self.n_features, self.n_targets
        arrays = shift_z, shift_y, zz, zy, sums
        if not all(isinstance(array, np.ndarray) and array.dtype == np.float64 for array in arrays):
            raise TypeError("Moments are five arrays of float64, as a feature map's moments(X, y) returns them.")
        shapes, wanted = [array.shape for array in arrays], [(p,), (t,), (p, p), (p, t), (1 + p + 2 * t,)]
        if shapes != wanted:
            raise ValueError(f"Moments of shapes {shapes} do not add to {wanted}.")
        weight = float(sums[0])
        if weight == 0.0:
            return self
        if not (np.isfinite(zz.diagonal()).all() and np.isfinite(sums).all()):
            raise ValueError("The squares of the features or targets overflow float64. Scale them down.")
        dz, dy, yy = sums[1 : 1 + p] / weight, sums[1 + p : 1 + p + t] / weight, sums[1 + p + t :]
        self.unit = max(self.unit, float(np.finfo(dtype).eps) / 2)
        add_outer(zz, dz, -weight)
        zy -= weight * np.outer(dz, dy)
        mean_z, rest_z = two_sum(shift_z, dz)
        yy = np.maximum(yy - weight * dy * dy, 0.0)
        return self._merge(weight, (mean_z, rest_z, shift_y + dy, zz, zy, yy))

    def merge(self, other: Moments) -> Self:
        """Add the rows that another object has summed, and return this one; `other` is left as it is."""
        if not isinstance(other, Moments):
            raise TypeError(f"Moments merge with Moments, not with {type(other).__name__}.")
        if (self.n_features, self.n_targets) != (other.n_features, other.n_targets):
            raise ValueError(
                f"Moments of {other.n_features} features and {other.n_targets} targets do not add to moments of"
                f" {self.n_features} features and {self.n_targets} targets."
            )
        if other.weight == 0.0:
            return self
        self.flat, self.unit = self.flat and other.flat, max(self.unit, other.unit)
        if self.weight > 0.0:
            return self._merge(other.weight, other._arrays())
        arrays = other._arrays()
        return self._merge(other.weight, tuple(array.copy() for array in arrays))

    def joined(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows: `other` is used up, and this object left as it is."""
        if self.weight == 0.0 or other.weight == 0.0:
            return other if self.weight == 0.0 else self
        found = copy.copy(self)
        found.flat, found.unit = self.flat and other.flat, max(self.unit, other.unit)
        return found._merge(other.weight, other._arrays(), into=other.zz)

    def _arrays(self) -> tuple[Array, ...]:
        return self.mean_z, self.rest_z, self.mean_y, self.zz, self.zy, self.yy

    def _merge(self, weight: float, arrays: tuple[Array, ...], into: Array | None = None) -> Self:
        """Add moments; into the old matrix unless another is given, which is the only array that is written to."""
        mean_z, rest_z, mean_y, zz, zy, yy = arrays
        if self.weight == 0.0:
            self.weight, (self.mean_z, self.rest_z, self.mean_y, self.zz, self.zy, self.yy) = weight, arrays
            return self
        total = self.weight + weight
        dz, dy = (mean_z - self.mean_z) + (rest_z - self.rest_z), mean_y - self.mean_y
        between = self.weight * weight / total
        into = self.zz if into is None else into
        np.add(self.zz, zz, out=into)
        add_outer(into, dz, between)
        self.zz, self.zy = into, self.zy + (zy + between * np.outer(dz, dy))
        self.yy = self.yy + yy + between * dy * dy
        self.mean_z, self.rest_z = two_sum(self.mean_z, self.rest_z + dz * (weight / total))
        self.mean_y, self.weight = self.mean_y + dy * (weight / total), total
        return self

    @capped
    def solve(self, alpha: ArrayLike, fit_intercept: bool = False) -> tuple[Array, Any]:
        """Minimise Σ w (y - z.coef - intercept)² + alpha ‖coef‖² over all rows seen.

        `alpha` is a number or one a target. Returns `coef` (p,) or (p, t) and the unpenalised `intercept`, a number
        or (t,), zero unless it is fitted. Where the solution is not unique it is the one of smallest norm. A singular
        system gives a LinAlgWarning, and so does one where rounding of the moments may move fitted values by more than
        1e-6 of the targets' size. Costs p³ / 3 flops; the moments are left as they are.
        """
        found = self.solution(alpha, fit_intercept)
        return (found.coef[:, 0], found.intercept[0]) if self.flat else (found.coef, found.intercept)

    @capped
    def solve_once(self, alpha: ArrayLike, fit_intercept: bool = False) -> tuple[Array, Any]:
        """Solve as :meth:`solve` does and forget all rows: the matrix is factored in place, not copied."""
        flat, found = self.flat, self.solution_once(alpha, fit_intercept)
        return (found.coef[:, 0], found.intercept[0]) if flat else (found.coef, found.intercept)

    def solution(self, alpha: ArrayLike, fit_intercept: bool, rows: RowPasses | None = None) -> Solution:
        """Return coefficients (p, t) and values at a centre; where the rows are at hand they correct what is inexact.

        Without an intercept there is no centre.
        """
        check_memory(8 * self.n_features**2, f"The factor of {self.n_features} features", "Take fewer features.")
        check_rows(rows)
        solver = PrimalSolver(self.equations(fit_intercept), rows, unit=self.unit)
        return solver.solve(check_alpha(alpha, self.n_targets))

    def solution_once(self, alpha: ArrayLike, fit_intercept: bool, rows: RowPasses | None = None) -> Solution:
        """Solve as :meth:`solution` does and forget all rows: the matrix is factored in place, not copied."""
        check_rows(rows)
        solver = PrimalSolver(self.equations(fit_intercept, once=True), rows, unit=self.unit)
        found = solver.solve(check_alpha(alpha, self.n_targets))
        self._clear()
        return found

    @capped
    def gcv(self, alphas: ArrayLike, fit_intercept: bool = False) -> Array:
        """Return the generalised cross-validation error of every alpha, of shape (n_alphas,) or (n_alphas, t).

        With n = Σ w it is (RSS / n) / (1 - df / n)², df = Σ λ / (λ + alpha) over the eigenvalues λ of Σ w z z'
        (centred, and plus 1, with an intercept); infinite where df reaches n. One tridiagonal form, 4 p³ / 3 flops,
        serves all alphas.

        Source: Golub, Heath & Wahba, "Generalized cross-validation as a method for choosing a good ridge parameter",
        Technometrics 21, 1979, equation 1.4.
        """
        error = self.gcv_errors(check_alpha(alphas, np.size(alphas)), fit_intercept)
        return error[:, 0] if self.flat else error

    @in_range
    def gcv_errors(self, alphas: Array, fit_intercept: bool, rows: RowPasses | None = None) -> Array:
        """Return the errors (a, t); rows at hand take the place of moments that do not hold them."""
        check_rows(rows)
        return PrimalGcv(partial(self.equations, fit_intercept), alphas, self.unit, rows).errors()

    def equations(self, fit_intercept: bool, *, once: bool = False) -> NormalEquations:
        """Return the normal equations, of a copy of the moments or, for the last time, of their own arrays."""
        if self.weight == 0.0:
            raise ValueError("There are no rows to solve for: update or merge some with positive weights first.")
        zz = self.zz if once else self.zz.copy()
        zero, zy, total = np.zeros(self.n_features), self.zy, self.yy
        center, rest, mean_y = self.mean_z, self.rest_z, self.mean_y
        if not fit_intercept:
            add_outer(zz, center + rest, self.weight)
            zy = zy + self.weight * np.outer(center + rest, mean_y)
            total = total + self.weight * mean_y**2
            center, rest, mean_y = zero, zero, np.zeros(self.n_targets)
        spread, size = zz.diagonal().copy(), np.sqrt(total)
        scale = size if fit_intercept else scale_of(np.sqrt(self.yy), size)
        return NormalEquations(zz, zy, center, rest, mean_y, size, self.weight, fit_intercept, spread, scale)


def check_taken(z: Array, targets: Array, weight: Array | None, columns: tuple[int, int]) -> None:
    """Refuse what :meth:`Moments.take` is not made for; values are not looked at."""
    rows = [targets] if weight is None else [targets, weight]
    if not all(isinstance(part, np.ndarray) and part.dtype == np.float64 for part in rows):
        raise TypeError("Targets and weights must be arrays of float64.")
    if not isinstance(z, np.ndarray) or z.dtype not in (np.float32, np.float64):
        raise TypeError("Features must be an array of float32 or float64.")
    shapes, n = [z.shape, *(part.shape for part in rows)], len(z) if z.ndim else 0
    if shapes != [(n, columns[0]), (n, columns[1]), (n,)][: len(shapes)] or not n:
        raise ValueError(f"Features, targets and weights of shapes {shapes} are not those of {columns} columns.")
    if not all(part.flags.c_contiguous and part.flags.aligned for part in rows):
        raise ValueError("Targets and weights must be C-contiguous and aligned: pass them through numpy.require.")


def check_rows(rows: RowPasses | None) -> None:
    """Refuse rows at hand that are none."""
    if rows is not None and not isinstance(rows, RowPasses):
        raise TypeError(f"rows must be RowPasses or None, got {type(rows).__name__}.")
    given = {} if rows is None else {"y": (rows.y, 2), "weight": (rows.weight, 1)}
    for name, (values, axes) in given.items():
        if name == "weight" and values is None:
            continue
        if not (isinstance(values, np.ndarray) and values.dtype.kind in "fiub"):
            raise TypeError(f"{name} of rows must be an array of numbers, got {type(values).__name__}.")
        if values.ndim != axes:
            raise ValueError(f"{name} of rows must have {axes} axes, got the shape {values.shape}.")


def add_outer(matrix: Array, vector: Array, factor: float) -> None:
    """Add ``factor * vector vector'`` in place, block by block and symmetric to the last bit."""
    root = abs(factor) ** 0.5 * vector
    signed = -root if factor < 0.0 else root
    for rows in row_blocks(len(matrix), OUTER_ROWS):
        matrix[rows] += np.outer(signed[rows], root)
