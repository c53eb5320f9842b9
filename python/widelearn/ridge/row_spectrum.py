"""The singular vectors of rows: ridge regression for all penalties at once, without the squares of the features."""

from functools import partial

import numpy as np

from widelearn.ridge.certificate import LOST, SINGLE
from widelearn.ridge.complaints import complain_once
from widelearn.ridge.dual_refinement import Refined, ScaledRows, refine_dual
from widelearn.ridge.graded_factor import GradedFactor
from widelearn.ridge.lapack import qr, svd, svdvals
from widelearn.ridge.leave_one_out import Errors, eigen_errors
from widelearn.ridge.normal_equations import NormalEquations, scale_of
from widelearn.ridge.row_passes import RowPasses
from widelearn.ridge.row_triangle import RowTriangle
from widelearn.ridge.symmetric_systems import Solution, Trouble, describe
from widelearn.ridge.triangle_refinement import TOO_MUCH_OF_COEFFICIENTS, refine_factor
from widelearn.ridge.tridiagonal import gcv_errors, noticed
from widelearn.runtime import Array, check_memory

EPS = float(np.finfo(np.float64).eps)
# Errors of the fit, relative to the targets, that a user is told of, and for which no other method is tried.
LOST_BY_ROWS, NEARLY = 3e-7, 1e-9
# Relative errors of left-out errors for which a row is left out in earnest, and so many rows at most.
OUTLYING, MOST_REFITS = 1e-9, 32
# Features of which a triangle costs some hundredths of a second a penalty, where nothing else is confirmed.
MOST_FEATURES = 256
# Corrections of coefficients by what they leave of the targets.
REFINED = 2
# Rounding errors of singular vectors, in units of the last place.
ULPS = 8.0


class RowSpectrum:
    """U s V' = S (Z - 1 c'), S = √W, c the weighted mean of the rows where there is an intercept, and zero else.

    Inner products have s² for eigenvalues, and round them by EPS s_1²; these are rounded by EPS s_1. Costs about 6 n² p
    + 20 n³ flops for n <= p.
    """

    def __init__(self, Z: Array, y: Array, weight: Array | None, *, fit_intercept: bool) -> None:
        n, p = Z.shape
        kept = np.arange(n) if weight is None else np.flatnonzero(weight)
        check_memory(self.need(n, p), f"The singular vectors of {n} rows of {p} features", "Raise alpha.")
        root = np.ones(n) if weight is None else np.sqrt(weight[kept])
        self.root, self.n_null = root, int(fit_intercept)
        A, right = Z[kept].astype(np.float64), y[kept]
        self.center, self.mean, self.distance, lead = np.zeros(p), np.zeros(y.shape[1]), 0.0, 0.0
        if fit_intercept:
            share = root**2 / (root @ root)
            self.center, self.mean = share @ A, share @ right
            # What is constant is so exactly.
            self.center = np.clip(self.center, A.min(axis=0), A.max(axis=0))
            A -= self.center
            right = right - self.mean
        A *= root[:, None]
        if fit_intercept:
            u = root / np.linalg.norm(root)
            # What rounding of the centre leaves in this direction is the intercept's.
            A -= np.outer(u, u @ A)
            seen = (spread := np.square(A).sum(axis=0)) > 0.0
            away = np.square(self.center[seen]) * (root @ root) / spread[seen]
            self.distance = float(np.sqrt(away.max(initial=0.0)))
            # A column beyond all others takes the first singular vector, so that no other mixes with this direction.
            lead = 2.0 * float(np.linalg.norm(A)) or 1.0
            A = np.column_stack([lead * u, A])
        self.y, self.lengths = right * root[:, None], np.linalg.norm(A[:, self.n_null :], axis=0)
        scaled = A[:, self.n_null :] / np.where(self.lengths > 0.0, self.lengths, 1.0)
        alike = svdvals(scaled)
        self.A = A[:, self.n_null :]
        self.U, self.s, self.Vt = graded_svd(A, self.n_null)
        # Columns of unlike lengths have small singular values that are none of rounding: rank is that of columns alike.
        rank = np.count_nonzero(alike > max(n, p) * EPS * alike.max(initial=0.0))
        self.s[rank:] = 0.0
        self.rows, self.lost = (Z, y, weight, kept), LOST_BY_ROWS if Z.dtype == np.float64 else SINGLE
        mean = (root @ self.y) / (root @ root)
        self.size = scale_of(np.linalg.norm(self.y - np.outer(root, mean), axis=0), np.linalg.norm(self.y, axis=0))
        # What cancels in left-out errors without an intercept, beside their scale.
        whole = np.linalg.norm(self.y, axis=0)
        self.lever = float(np.divide(whole, self.size, out=np.ones_like(whole), where=self.size > 0.0).max(initial=1.0))
        # Errors of rows that were left out in earnest, and for which penalties one of them is not confirmed.
        self.again: dict[int, Array] = {}
        self.unsure: Array = np.zeros(1, bool)
        self._triangle: tuple[RowTriangle, RowPasses] | None = None

    @staticmethod
    def need(n: int, p: int) -> int:
        """Return the bytes that are held at once."""
        return 8 * (4 * n * (p + 1) + 6 * n * n)

    def errors(self, alphas: Array) -> Errors:
        """Yield rows and their scaled left-out errors for every penalty."""
        self.again, self.unsure = self._refits(alphas)
        for rows, found in eigen_errors(self.s**2, self.U, self.y, alphas, 0.0):
            for i, errors in self.again.items():
                if rows.start <= i < rows.stop:
                    found[:, i - rows.start] = errors
            yield rows, found

    def _refits(self, alphas: Array) -> tuple[dict[int, Array], Array]:
        """Return the errors (a, t) of rows so far out that rounding of the others drowns what is left of them.

        With them comes for which penalties (a,) one of them is not confirmed.
        """
        none: tuple[dict[int, Array], Array] = {}, np.zeros(len(alphas), bool)
        if len(self.root) < 3 or not (alphas > 0.0).all():
            return none
        inverse = 1.0 / (self.s[:, None] ** 2 + alphas)
        share = self.U**2 @ inverse
        drowned = self.lever * EPS * inverse.max(axis=0, initial=0.0)
        outlying = np.flatnonzero((drowned > OUTLYING * share).any(axis=1))
        if len(self.root) <= MOST_REFITS and (self._turned(alphas) > OUTLYING).any():
            outlying = np.arange(len(self.root))
        if len(outlying) > MOST_REFITS:
            return none
        (Z, y, weight, kept), (found, unsure) = self.rows, none
        for i in outlying:
            others, z = np.delete(kept, i), Z[kept[i]].astype(np.float64)
            part = RowSpectrum(
                Z[others],
                y[others],
                None if weight is None else weight[others],
                fit_intercept=bool(self.n_null),
            )
            fits = [part.fit(np.full(y.shape[1], alpha)) for alpha in alphas]
            left = [y[kept[i]] - (z - part.center) @ coef - offset for coef, offset, _ in fits]
            # The row may be so far out that rounding of coefficients shows.
            blurred = [4 * EPS * (np.abs(z - part.center) @ np.abs(coef)) for coef, *_ in fits]
            least = LOST * np.maximum(np.abs(left), self.size / np.linalg.norm(self.root))
            unsure |= (np.array(blurred) > least).any(axis=1) | np.array([error > LOST_BY_ROWS for *_, error in fits])
            found[int(i)] = self.root[i] * np.array(left)
        return found, unsure

    def doubt(self, alphas: Array) -> Array:
        """Return about how wrong left-out errors of every penalty (a,) may be by rounding, relative to themselves.

        Rows that were left out in earnest have no part in it.
        """
        others = np.delete(self.U, list(self.again), axis=0)
        if not len(others):
            return np.where(self.unsure, np.inf, 0.0)
        shifted = self.s[:, None] ** 2 + alphas
        inverse = np.divide(1.0, shifted, out=np.zeros_like(shifted), where=shifted > 0.0)
        share = (others**2 @ inverse).min(axis=0, initial=np.inf)
        drowned = self.lever * EPS * inverse.max(axis=0, initial=0.0)
        drowned = np.divide(drowned, share, out=np.zeros_like(share), where=share > 0.0)
        return np.where(self.unsure, np.inf, np.maximum(self._turned(alphas), drowned))

    def _turned(self, alphas: Array) -> Array:
        """Return how far rounding turns singular vectors (a,), by some units of the last place."""
        least, first = self.s[self.s > 0.0].min(initial=np.inf), float(self.s.max(initial=0.0))
        smallest = np.sqrt(least**2 + alphas)
        return np.divide(self.lever * ULPS * EPS * first, smallest, out=np.zeros(len(alphas)), where=smallest > 0.0)

    def gcv(self, alphas: Array) -> Array:
        """Return the generalised cross-validation errors (a, t)."""
        alphas = noticed(alphas, float(self.s.max(initial=0.0)) ** 2)
        shifted = self.s[:, None] ** 2 + alphas
        share = np.where(shifted > 0.0, alphas / np.where(shifted > 0.0, shifted, 1.0), 1.0)
        squares = (self.U.T @ self.y) ** 2
        outside = squares[self.s == 0.0].sum(axis=0)
        # What rounding leaves in directions without variance is no residual.
        outside[outside <= squares.sum(axis=0) * 64 * len(self.s) * EPS**2] = 0.0
        rss = outside + (share[self.s > 0.0] ** 2).T @ squares[self.s > 0.0]
        total = float(self.root @ self.root)
        n = len(self.root)
        return gcv_errors(rss, (total - n) + share.sum(axis=0), total, exact=total == n)

    def fit(self, alpha: Array) -> tuple[Array, Array, float]:
        """Return the coefficients (p, t), the values at the centre (t,), and about how far off their fit is."""
        coef, offset = self._by_vectors(alpha), self.mean.copy()
        # Of several solutions the shortest stays as it is.
        unique, lost = bool(self.s.all() or (alpha > 0.0).all()), 0.0
        for value in np.unique(alpha):
            at = np.flatnonzero(alpha == value)
            found = self._refined(float(value), at, coef[:, at]) if unique else None
            if unique and not (found is not None and found.left <= NEARLY):
                found = self._by_triangle(float(value), at, found)
            if found is not None:
                coef[:, at], offset[at] = found[:2]
            lost = max(lost, self._moved(coef[:, at], at) if found is None else found.left)
        # What no row varies in has no coefficient.
        coef[self.lengths == 0.0] = 0.0
        return coef, offset, lost

    def _moved(self, coef: Array, at: Array) -> float:
        """Return about how far rounding moves the fit of some targets."""
        own, all_ = np.linalg.norm(self.lengths[:, None] * coef, axis=0), np.linalg.norm(coef, axis=0)
        # Rounding is between that of columns by themselves and that of the longest.
        moved, size = EPS * np.sqrt(own * self.s.max(initial=0.0) * all_), self.size[at]
        return float(np.divide(moved, size, out=np.zeros_like(moved), where=size > 0.0).max(initial=0.0))

    def _by_triangle(self, alpha: float, at: Array, instead: Refined | None) -> Refined | None:
        """Return the solution by a triangle of the rows, unless the rows do not confirm it and there is another one.

        It solves for the features' coefficients, which have no dual ones' size where alpha is small beside the rows.
        """
        if self.A.shape[1] > MOST_FEATURES or alpha == 0.0:
            return instead
        Z, y, weight, kept = self.rows
        if self._triangle is None:
            Z, y = Z[kept], y[kept]
            passes = RowPasses(lambda: [(slice(0, len(Z)), Z)], y, None if weight is None else weight[kept])
            self._triangle = RowTriangle(self._equations(Z), passes), passes
        triangle, passes = self._triangle
        factor = triangle.factor(alpha)
        found = refine_factor(triangle, passes, alpha, factor, at)
        if found is None:
            error = factor.error(triangle.system.scale)[at].max(initial=0.0)
            return instead or Refined(factor.coef[:, at], factor.offset[at], float(error))
        rounding = triangle.system.rounding(found.coef, alpha, at)
        left = max(found.left, rounding if rounding > TOO_MUCH_OF_COEFFICIENTS else 0.0)
        return Refined(*found[:2], left)

    def _equations(self, Z: Array) -> NormalEquations:
        """Return the normal equations of the rows that have a weight."""
        A, total = self.A, float(self.root @ self.root)
        rest = self.root**2 @ (Z - self.center) / total if self.n_null else np.zeros(A.shape[1])
        size, spread = np.linalg.norm(self.y, axis=0), self.lengths**2
        where = self.center, rest, self.mean, size, total, bool(self.n_null)
        return NormalEquations(A.T @ A, A.T @ self.y, *where, spread, self.size)

    def _by_vectors(self, alpha: Array) -> Array:
        """Return the coefficients (p, t) that singular vectors give."""
        seen = self.s > 0.0
        s = self.s[seen, None]
        U, Vt = self.U[:, seen], self.Vt[seen]
        coef = np.asarray(Vt.T @ (s * (U.T @ self.y) / (s**2 + alpha)))
        # Errors of a vector's length are too many for the small coefficients of the longest columns.
        for _ in range(REFINED):
            left = U.T @ (self.y - self.A @ coef)
            coef += Vt.T @ ((s * left - alpha * (Vt @ coef)) / (s**2 + alpha))
        return coef

    def _refined(self, alpha: float, at: Array, coef: Array) -> Refined | None:
        """Return the solution of some targets for one penalty that residuals confirm best, or None."""
        Z, y, _, kept = self.rows
        given = ScaledRows(Z[kept], y[np.ix_(kept, at)], self.root, self.center, self.A, bool(self.n_null))
        start = coef, self.dual(np.full(len(self.size), alpha))[:, at], self.mean[at]
        found = refine_dual(given, alpha, start, partial(self._correct, alpha), self.size[at])
        if found is None or found.left > NEARLY:
            factor = GradedFactor(self.A, alpha, self.root if self.n_null else None)
            dual, coef = factor(self.y[:, at])
            start = coef, self.root[:, None] * dual, self.mean[at]
            other = refine_dual(given, alpha, start, factor, self.size[at])
            found = min((one for one in (found, other) if one), key=lambda one: one.left, default=None)
        return found

    def _correct(self, alpha: float, left: Array, gap: Array) -> tuple[Array, Array]:
        """Return how a dual solution's residuals (n, t) and (p, t) change dual coefficients and coefficients."""
        step = self.U @ ((self.U.T @ (left - self.A @ gap)) / (self.s[:, None] ** 2 + alpha))
        return step, self.A.T @ step + gap

    def solve(self, alpha: Array) -> Solution:
        """Return the coefficients (p, t) and values at the centre (t,) for one penalty a target."""
        coef, offset, error = self.fit(alpha)
        self._warn(error, alpha)
        return Solution(coef, offset, "svd", center=self.center, distance=self.distance, error=error)

    def dual(self, alpha: Array) -> Array:
        """Return the dual coefficients (n, t) of the rows that have a weight, for one penalty a target."""
        shifted = self.s[:, None] ** 2 + alpha
        inverse = np.where(shifted > 0.0, 1.0 / np.where(shifted > 0.0, shifted, 1.0), 0.0)
        return np.asarray(self.root[:, None] * (self.U @ (inverse * (self.U.T @ self.y))))

    def _warn(self, error: float, alpha: Array) -> None:
        """Say that a solution is not unique, or may be off."""
        rank, n = int(np.count_nonzero(self.s)), len(self.s)
        first = float(self.s.max(initial=0.0))
        if rank < n and not (alpha > 0.0).all():
            complain_once(describe(Trouble("eigen", EPS, rank), n, self.y.dtype), singular=True)
        elif error > self.lost:
            ratio = first / max(float(alpha.min()), EPS**2 * first**2) ** 0.5
            complain_once(
                f"Rounding errors move the fit: the largest singular value of the features is {ratio:.2g} roots of"
                " alpha, more than doubles hold. Raise alpha, or scale the columns alike.",
                severity=error,
            )


def graded_svd(A: Array, first: int) -> tuple[Array, Array, Array]:
    """Return U, s and V' of columns of unlike lengths on the complement of the `first` ones.

    Triangles of columns, the longest first, round each by itself, where turning rows would round all by the longest.
    """
    order = np.append(np.arange(first), first + np.argsort(-np.linalg.norm(A[:, first:], axis=0), kind="stable"))
    Q, R = qr(A[:, order])
    V, s, Ut = svd(np.array(R[first:, first:].T, order="C"))
    out = np.empty(V.T.shape, order="F")
    out[:, order[first:] - first] = V.T
    return Q[:, first:] @ Ut.T, s, out
