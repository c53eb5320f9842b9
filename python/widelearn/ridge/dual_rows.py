"""Fewer rows than features: their inner products solve for the features' coefficients, or a decomposition of the rows.

Inner products lose what rounding takes from the squares of the largest features; three tiers follow one another, each
where the certificate of the one before says so: products in float32 of float32 rows, products in float64, and the
singular vectors of the rows, which lose no squares.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from widelearn import _core
from widelearn.ridge.certificate import HOPELESS, SINGLE_PRODUCTS, TRUSTED, blur, complain_of_left_out, roundoff
from widelearn.ridge.dual_path import HARMLESS, DualPath
from widelearn.ridge.kernel_systems import solve_dual
from widelearn.ridge.leave_one_out import Errors
from widelearn.ridge.row_spectrum import RowSpectrum
from widelearn.ridge.symmetric_systems import Inverses, Solution
from widelearn.ridge.tridiagonal import dual_gcv
from widelearn.runtime import Array, available_memory, check_memory, empty, row_blocks

# Rows whose mean features serve as origin of inner products, and values centred at once.
ORIGIN_ROWS = 256
CENTERED_VALUES = 1 << 19
# Errors of the fit, relative to the targets, that float32 rows do not show.
SINGLE_ROWS = 1e-8


class StoredRows:
    """Features that are stored, about an origin near them where there is an intercept."""

    def __init__(self, Z: Array, fit_intercept: bool) -> None:
        self.Z, self.dtype = Z, Z.dtype
        # Inner products about a point near the rows keep the digits that a mean far from zero would take; any such
        # point does, for the intercept takes the rest.
        mean = Z[:ORIGIN_ROWS].mean(axis=0, dtype=np.float64) if fit_intercept else np.zeros(Z.shape[1])
        self.center = mean.astype(Z.dtype)

    def gram(self, dtype: np.dtype[np.floating]) -> Array:
        """Return their inner products in float64, of products in a precision."""
        n = len(self.Z)
        more = 0 if dtype == self.Z.dtype else 8 * self.Z.size
        check_memory(8 * n * n + more, f"The inner products of {n} rows", "Take fewer rows.")
        out = empty((n, n), np.float64)
        Z = np.require(self.Z, dtype, requirements=["C", "ALIGNED"])
        _core.inner_products(Z, self.center.astype(dtype), out)
        # |z.z'|² <= |z|² |z'|²: where the diagonal is finite everything is.
        if not np.isfinite(out.diagonal()).all():
            raise ValueError(f"The squares of the features overflow {dtype}. Scale the features down.")
        return out

    def spectrum(self, y: Array, weight: Array | None, fit_intercept: bool) -> RowSpectrum | None:
        """Return the singular vectors of the rows, None where they do not fit into memory."""
        if RowSpectrum.need(*self.Z.shape) > available_memory()[0]:
            return None
        return RowSpectrum(self.Z, y, weight, fit_intercept=fit_intercept)

    def primal(self, found: Solution, dtype: np.dtype[np.floating]) -> Solution:
        """Return a dual solution with the coefficients (p, t) of the features, and values at their origin."""
        Z, center = self.Z, self.center
        dual = found.coef.astype(dtype)
        if not center.any() and dtype == Z.dtype:
            return found._replace(coef=Z.T @ dual, offset=found.offset.astype(dtype))
        turned, spread = np.zeros((dual.shape[1], Z.shape[1]), dtype), np.zeros(Z.shape[1])
        for rows in row_blocks(len(Z), max(CENTERED_VALUES // Z.shape[1], 1)):
            about = Z[rows].astype(dtype, copy=False) - center.astype(dtype)
            turned += dual[rows].T @ about
            spread += np.square(about, out=about).sum(axis=0)
        if not center.any():
            return found._replace(coef=turned.T)
        seen = spread > 0.0
        away = np.square(center[seen].astype(np.float64)) * len(Z) / spread[seen]
        center = center.astype(np.float64)
        return found._replace(coef=turned.T, center=center, distance=float(np.sqrt(away.max(initial=0.0))))


class KernelRows:
    """Features that are never stored, for a kernel gives their inner products and a function takes their sums."""

    def __init__(self, X: Array, kernel: Callable[[Array], Array], pull_back: Callable[[Array, Array], Array]) -> None:
        self.X, self.dtype, self._kernel, self._pull_back = X, X.dtype, kernel, pull_back

    def gram(self, dtype: np.dtype[np.floating]) -> Array:
        """Return the inner products in float64, of products in a precision."""
        n = self.X.shape[0]
        check_memory(12 * n * n, f"The inner products of {n} rows", "Take fewer rows.")
        return self._kernel(self.X.astype(dtype, copy=False)).astype(np.float64, copy=False)

    def spectrum(self, y: Array, weight: Array | None, fit_intercept: bool) -> None:
        """Return None: there are no rows of features to decompose."""

    def primal(self, found: Solution, dtype: np.dtype[np.floating]) -> Solution:
        """Return a dual solution with the coefficients (p, t) and intercepts (t,) of the features."""
        coef = self._pull_back(self.X.astype(dtype, copy=False), found.coef.astype(dtype, copy=False))
        return found._replace(coef=coef, offset=found.offset.astype(dtype))


class DualRows(Protocol):
    """Rows of features as dual systems see them."""

    dtype: np.dtype[Any]

    def gram(self, dtype: np.dtype[np.floating], /) -> Array:
        """Return the inner products in float64, of products in a precision."""

    def spectrum(self, y: Array, weight: Array | None, fit_intercept: bool, /) -> RowSpectrum | None:
        """Return the singular vectors of the rows, where there is room for them."""

    def primal(self, found: Solution, dtype: np.dtype[np.floating], /) -> Solution:
        """Return a dual solution with the coefficients (p, t) of the features."""


SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def solve_rows(
    rows: DualRows,
    y: Array,
    alpha: Array,
    weight: Array | None,
    *,
    fit_intercept: bool,
    inverses: Inverses | None = None,
) -> Solution:
    """Return the coefficients (p, t) and offsets (t,) of fewer rows than features.

    `inverses` takes those of unweighted rows' inner products about their origin, where those give the solution, which
    then has dual coefficients.
    """
    single, options = rows.dtype == SINGLE, dict[str, Any](fit_intercept=fit_intercept, definite=True)
    if single:
        K, unit = rows.gram(SINGLE), roundoff(SINGLE)
        # Where this holds the factor fails, or its solution is none: nothing is lost by not trying.
        if blur(K.diagonal(), weight, unit) < HOPELESS * alpha.min():
            found = confirmed(K, y, alpha, weight, unit=unit, inverses=inverses, **options)
            if found is not None and found.error <= SINGLE_PRODUCTS:
                return with_dual(rows.primal(found, SINGLE), found, inverses)
    found = confirmed(rows.gram(DOUBLE), y, alpha, weight, inverses=inverses, **options)
    if found is not None and found.error <= (SINGLE_ROWS if single else TRUSTED):
        return with_dual(rows.primal(found, DOUBLE), found, inverses)
    spectrum = rows.spectrum(y, weight, fit_intercept)
    if spectrum is not None:
        return spectrum.solve(alpha)
    return rows.primal(solve_dual(rows.gram(DOUBLE), y, alpha, weight, **options), DOUBLE)


def with_dual(solution: Solution, found: Solution, inverses: Inverses | None) -> Solution:
    """Return a solution with the dual coefficients of that of its rows, if inverses tell what they are good for."""
    return solution._replace(dual=found.coef) if inverses else solution


def confirmed(K: Array, y: Array, alpha: Array, weight: Array | None, **options: Any) -> Solution | None:
    """Return the dual solution of a Cholesky factor, None where there is none; K is destroyed."""
    try:
        return solve_dual(K, y, alpha, weight, fallback=False, **options)
    except np.linalg.LinAlgError:
        return None


class DualRowsPath:
    """The path of fewer rows than features over many penalties, by inner products where those are exact enough.

    All weights are positive.
    """

    def __init__(self, rows: DualRows, y: Array, alphas: Array, weight: Array | None, *, fit_intercept: bool) -> None:
        self.rows, self.alphas, self.source = rows, alphas, (y, weight, fit_intercept)
        # Whether left-out errors chose the penalty.
        self.asked = False
        K, self.dtype = rows.gram(rows.dtype), rows.dtype
        if self.dtype == SINGLE and blur(K.diagonal(), weight, roundoff(SINGLE)) > SINGLE_PRODUCTS * alphas.min():
            K, self.dtype = rows.gram(DOUBLE), DOUBLE
        options: dict[str, Any] = {"fit_intercept": fit_intercept, "definite": True, "unit": roundoff(self.dtype)}
        self.dual = DualPath(K, y, alphas, weight, **options)
        doubtful = self.dtype == DOUBLE and (self.dual.settled().max() > HARMLESS or self.dual.hides())
        self.spectrum = rows.spectrum(*self.source) if doubtful else None

    def errors(self) -> Errors:
        """Yield rows and their errors."""
        self.asked = True
        return self.dual.errors() if self.spectrum is None else self.spectrum.errors(self.alphas)

    def doubt(self) -> Array:
        """Return about how wrong left-out errors of every penalty (a,) may be by rounding, relative to themselves."""
        return self.dual.doubt() if self.spectrum is None else self.spectrum.doubt(self.alphas)

    def solve(self, alpha: Array) -> Solution:
        """Return the coefficients (p, t) and offsets (t,) for one penalty a target; warns of what chose it wrongly."""
        if self.asked:
            complain_of_left_out(self.doubt(), self.alphas, alpha)
        if self.spectrum is None:
            found = self.dual.confirmed(alpha)
            if found is not None:
                return self.rows.primal(found, self.dtype)
            self.spectrum = self.rows.spectrum(*self.source)
        if self.spectrum is None:
            return self.rows.primal(self.dual.factored(alpha), self.dtype)
        return self.spectrum.solve(alpha)


def gcv_of_rows(rows: DualRows, y: Array, alphas: Array, weight: Array | None, *, fit_intercept: bool) -> Array:
    """Return the generalised cross-validation errors (a, t) of fewer rows than features."""
    K = rows.gram(DOUBLE)
    rough = blur(K.diagonal(), weight, roundoff(DOUBLE))
    found, least = dual_gcv(K, y, alphas, weight, fit_intercept=fit_intercept)
    if rough > HARMLESS * (least + alphas.min()):
        spectrum = rows.spectrum(y, weight, fit_intercept)
        return found if spectrum is None else spectrum.gcv(alphas)
    return found
