"""The fits of a ridge estimator without each of its rows, in closed form: what they predict where they have not seen.

Row i left out, f_-i(x) = f(x) - S_i(x) q_i: S_i(x) is how far f(x) moves with the target of row i, and q_i = y_i -
f_-i(x_i) its left-out error.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from scipy.linalg import LinAlgWarning
from scipy.linalg.blas import dtrmm, strmm

from widelearn.estimators.feature_ridge.posterior import KEPT_ROWS, KeptRows, MomentsPosterior
from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.held_out import HeldOutValues
from widelearn.estimators.posterior import BLOCK_ROWS, Posterior, RowPosterior
from widelearn.ridge.certificate import blur
from widelearn.ridge.factor import RidgeFactor
from widelearn.ridge.normal_equations import EPS
from widelearn.ridge.symmetric_systems import Inverse, Inverses
from widelearn.runtime import Array, available_memory, check_memory, row_blocks, warn

# What was factored for one call serves the next ones, where it takes so small a part of memory.
PART = 4
# Shares of a row in the directions of eigenvalue zero that are more than rounding.
SINGULAR = 1e-8
# Relative errors of left-out errors that are passed over, and those of products in single precision.
ROUGH, ROUGH_SINGLE = 1e-6, 0.1
# Rows whose leverages are taken at once, by which precisions, and the share of doubtful ones from which on a precision
# is given up.
QUICK_ROWS, PRECISIONS, MANY = 1024, (np.dtype(np.float32), np.dtype(np.float64)), 0.5
NO_ROWS = (
    "Intervals take rows that were fitted and their targets, and {} keeps none here: neither of a precomputed kernel,"
    " nor with more than 2,048 features or centres, nor of batches, blocks of a file or Dask collections. Fit rows in"
    " one call, with a kernel object or fewer features."
)
# Of a posterior that is still there: neither pickles nor files hold them.
KEPT: WeakKeyDictionary[Posterior, list[LeftOut]] = WeakKeyDictionary()


class LeftOut(ABC):
    """The fits of some targets, of one penalty, without each of n rows that have a weight.

    `q` and `targets` (n, t) are in the user's units; the rows stand for `share` as many.
    """

    columns: Array
    q: Array
    targets: Array
    # In the user's units, None where all are 1.
    weight: Array | None
    # What q takes from y - f(x): (y_i - f(x_i)) / q_i, (n,).
    left: Array
    size: int
    share: float = 1.0

    @property
    def n(self) -> int:
        """How many rows are left out, each by itself."""
        return len(self.q)

    def scores(self, *, copies: bool) -> Array:
        """Return the values (n, t) at rows of the fits without them.

        With `copies` a row of weight w > 1 is w rows, and one of them is left out.
        """
        if not copies or self.weight is None:
            return self.targets - self.q
        kept = 1.0 - np.minimum(1.0, 1.0 / self.weight)
        part = self.left / (self.left + kept * (1.0 - self.left))
        return self.targets - self.q * part[:, None]

    @property
    @abstractmethod
    def inflation(self) -> Array:
        """How rows' noise is inflated in their left-out errors, (n,)."""

    @abstractmethod
    def influences(self, X: Array) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of rows and how far each left-out row's target moves the values there, (n, rows)."""

    def spread(self, S: Array) -> Array:
        """Return the inflation of noise in errors at new rows, by what moves the values there."""
        return np.asarray(1.0 + self.share * np.square(S).sum(axis=0))


class DualLeftOut(LeftOut):
    """By B, the inverse of K + alpha W⁻¹ with the intercept projected out: q_i = a_i / B_ii and S = B k(x) + u.

    Only a factor of the matrix is kept, made for S where the diagonal of B is known.
    """

    # Rows that a singular matrix does not tell from others, and the diagonal of its null space there.
    undetermined: tuple[Array, Array] = (np.zeros(0, int), np.zeros(0))

    def __init__(
        self,
        posterior: RowPosterior,
        penalty: float,
        columns: Array,
        intercept: Array | None,
        known: Inverse | None = None,
    ) -> None:
        kept, self.root = posterior._kept()
        n = len(self.root)
        self.posterior, self.penalty, self.columns, self.size = posterior, penalty, columns, 8 * n * n
        weight = None if posterior.weight is None else posterior.weight[kept]
        self.weight = None if weight is None else np.ldexp(weight, posterior.units.weight)
        self.ones = self.u = np.zeros(n)
        self.diagonal = self.root**2 * self.factor.inverse_diagonal() if known is None else known.diagonal.copy()
        if intercept is not None:
            border = None if known is None else known.border
            self.ones = self._solved(np.ones((n, 1)))[:, 0] if border is None else border
            self.u = self.ones / self.ones.sum()
            self.diagonal -= self.ones * self.u
        self.left = penalty * self.diagonal / self.root**2
        about = None if posterior.about is None else posterior.about[kept]
        dual = self._solved(about) if posterior.dual is None and about is not None else posterior.dual
        dual = np.asarray(dual) if posterior.dual is None else np.asarray(dual)[kept]
        self.q = posterior.units.original(dual / self.diagonal[:, None], "The left-out errors")[:, columns]
        if about is not None:
            if known is None:
                self._settle_singular(about, columns, intercept is not None)
            targets = posterior.units.original(about, "The targets")
            self.targets = (targets if intercept is None else targets + intercept)[:, columns]

    @cached_property
    def factor(self) -> RidgeFactor:
        """The factor of S K S + alpha I."""
        n = len(self.root)
        check_memory(24 * n * n, f"The factor of the kernel matrix of {n} rows", "Fit fewer rows.")
        return self.posterior._factor(self.penalty)

    def _settle_singular(self, about: Array, columns: Array, intercept: bool) -> None:
        """Set left-out errors of rows that a singular matrix does not tell from others, such as equal ones.

        With the projector P onto directions of eigenvalue zero, B is P over a penalty that vanishes, and q_i = (S⁻¹ P S
        y)_i / P_ii.
        """
        null = self.factor.left_out()
        if intercept and null.shape[1]:
            free = self.root @ null
            if np.linalg.norm(free) > SINGULAR * np.linalg.norm(self.root):
                null = null - np.outer(null @ free, free / (free @ free))
        own = np.square(null).sum(axis=1)
        rows = np.flatnonzero(own > SINGULAR)
        if not len(rows):
            return
        errors = null[rows] @ (null.T @ (self.root[:, None] * about)) / (self.root * own)[rows, None]
        self.q[rows] = self.posterior.units.original(errors, "The left-out errors")[:, columns]
        self.left[rows] = own[rows]
        self.undetermined = rows, own[rows]

    def _solved(self, right: Array) -> Array:
        """Return (K + alpha W⁻¹)⁻¹ times columns."""
        return self.root[:, None] * self.factor.solve(self.root[:, None] * right)

    @cached_property
    def inflation(self) -> Array:
        """Σ_j (B_ij / B_ii)²."""
        found = np.empty(self.n)
        for rows in row_blocks(self.n, BLOCK_ROWS):
            unit = np.zeros((self.n, rows.stop - rows.start))
            unit[np.arange(rows.start, rows.stop), np.arange(rows.stop - rows.start)] = 1.0
            B = self._solved(unit) - np.outer(self.ones, self.u[rows])
            # Shares first: squares of the inverse of a large penalty vanish.
            found[rows] = np.square(B / self.diagonal[rows]).sum(axis=0)
        known, own = self.undetermined
        found[known] = 1.0 / own
        return found

    def influences(self, X: Array) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of rows and S = B k(x) + u there."""
        posterior = self.posterior
        kept, _ = posterior._kept()
        fitted = posterior.rows[kept].astype(np.float64, copy=False)
        for rows in row_blocks(X.shape[0], BLOCK_ROWS):
            k = posterior.kernel(fitted, X[rows].astype(np.float64, copy=False))
            yield rows, self._solved(k) + (self.u[:, None] - np.outer(self.ones, self.u @ k))


class PrimalSystem:
    """M = Σ w z z' + alpha of features z about their mean, factored, and how far rounding moves what it says."""

    def __init__(self, posterior: MomentsPosterior, penalty: float, *, intercept: bool) -> None:
        p, moments = len(posterior.coef), posterior.moments
        self.center = moments.mean_z + moments.rest_z if intercept else np.zeros(p)
        self.base = 1.0 / moments.weight if intercept else 0.0
        self.factor = RidgeFactor(moments.zz.copy(), penalty) if intercept else posterior._factor(penalty)
        # Moments are off by a share of the sizes D of their columns, and z' M⁻¹ z by that times ‖D^(1/2) M⁻¹ z‖².
        self.sizes = moments.zz.diagonal() + moments.weight * np.square(moments.mean_z - self.center) + penalty
        self.blur = blur(np.ones(p), None, moments.unit)
        self.single = moments.unit > EPS
        self.rough = ROUGH_SINGLE if self.single else ROUGH

    @cached_property
    def inverse(self) -> tuple[Array, Array, float] | None:
        """L⁻¹ of M = L L', the diagonal of M⁻¹ and the trace of D M⁻¹; None where M has eigenvectors instead."""
        found = self.factor.inverse_factor()
        if found is None:
            return None
        diagonal = np.square(found).sum(axis=0)
        return found, diagonal, float(self.sizes @ diagonal)

    def leverages(self, Z: Array, T: Array) -> tuple[Array, Array]:
        """Return z' M⁻¹ z of features (n, p) about the centre, which may be destroyed, and how far rounding moves it.

        T is L⁻¹ in the precision that is wished for. It takes n p² flops, half those of a product with a matrix.
        """
        _, diagonal, trace = self.inverse or (T, T[0], 0.0)
        Z = Z.astype(T.dtype, copy=False)
        near = (np.square(Z) @ diagonal.astype(T.dtype)).astype(np.float64)
        multiply = strmm if T.dtype == np.float32 else dtrmm
        turned = multiply(1.0, T.T, Z.T, trans_a=True, overwrite_b=True).T
        own = np.einsum("ij,ij->i", turned, turned).astype(np.float64)
        # Products round by the root of the sum of their terms' squares.
        return own, self.blur * trace * own + 2.0 * float(np.finfo(T.dtype).eps) * np.sqrt(own * near)


class PrimalLeftOut(LeftOut):
    """By M = Σ w z z' + alpha of features z about their mean, of as many rows as were kept.

    S_i(x) = w_i (1 / Σ w + z_i' M⁻¹ z(x)), h_i = S_i(x_i) and q_i = (y_i - f(x_i)) / (1 - h_i); without an intercept z
    are the features and there is no 1 / Σ w.
    """

    def __init__(self, posterior: MomentsPosterior, rows: KeptRows, columns: Array, system: PrimalSystem) -> None:
        p, n = len(posterior.coef), len(rows.Y)
        self.posterior, self.columns, self.size, self.system = posterior, columns, 8 * p * (n + p), system
        check_memory(8 * p * (3 * n + 3 * p), f"The features of {n} rows, {p} each", "Fit fewer features.")
        self.share = rows.share
        self.weight = None if rows.weight is None else np.ldexp(rows.weight, posterior.units.weight)
        self.factors = np.ones(n) if rows.weight is None else rows.weight.astype(np.float64)
        Z = np.asarray(posterior.features.transform(rows.X), np.float64)
        about = Z if rows.center is None else Z - rows.center
        errors = rows.Y - rows.offset - about @ posterior.coef
        self.Z = Z - system.center
        turned = system.factor.solve(self.Z.T)
        own = self.factors * (system.base + np.einsum("ij,ji->i", self.Z, turned))
        self.left = np.maximum(1.0 - own, 0.0)
        off = self.factors * (system.blur * (system.sizes @ np.square(turned))) + EPS
        self.spoilt = self.left < off / system.rough
        # A row that determines itself says nothing of its error.
        self.left = np.where(self.spoilt, np.maximum(self.left, off), self.left)
        self.q = posterior.units.original(errors / self.left[:, None], "The left-out errors")[:, columns]
        self.targets = posterior.units.original(rows.Y, "The targets")[:, columns]
        if self.spoilt.any():
            warn(
                f"Rounding may spoil the left-out errors of {int(self.spoilt.sum())} of {n} rows: they nearly determine"
                " their own fitted values, or columns are of sizes far apart. Raise alpha, or scale the columns.",
                LinAlgWarning,
            )

    @cached_property
    def inflation(self) -> Array:
        """1 + Σ_{j ≠ i} (S_j(x_i) / (1 - h_i))²."""
        found = np.empty(self.n)
        for rows in row_blocks(self.n, BLOCK_ROWS):
            S = self._moved(self.Z[rows])
            S[np.arange(rows.start, rows.stop), np.arange(rows.stop - rows.start)] = 0.0
            found[rows] = 1.0 + self.share * np.square(S / self.left[rows]).sum(axis=0)
        return found

    def influences(self, X: Array) -> Iterator[tuple[slice, Array]]:
        """Yield blocks of rows and S there."""
        for rows in row_blocks(X.shape[0], BLOCK_ROWS):
            yield (
                rows,
                self._moved(np.asarray(self.posterior.features.transform(X[rows]), np.float64) - self.system.center),
            )

    def _moved(self, Z: Array) -> Array:
        return self.factors[:, None] * (self.system.base + self.Z @ self.system.factor.solve(Z.T))


def left_out_fits(fitted: Any, posterior: Posterior, inverses: Inverses | None = None) -> list[LeftOut]:
    """Return the left-out fits of a fitted estimator, one for each different penalty; ValueError if none can be told.

    They are kept, where they are small beside the memory that is free, for as long as the posterior is there.
    `inverses` are what a fit knows of the matrix with its penalties.
    """
    found, known = KEPT.get(posterior), inverses or {}
    if found is None:
        found = [_left_out(fitted, posterior, *one, known.get(one[0])) for one in posterior._distinct()]
        if PART * sum(one.size for one in found) <= available_memory()[0]:
            KEPT[posterior] = found
    return found


def stored_left_out(fitted: Any, posterior: Any, rows: Rows, inverses: Inverses, dual: Array | None = None) -> Array:
    """Return the left-out errors (n, t) of rows in units that were fitted, NaN where one has no weight.

    `inverses` are what the fit of a kernel matrix knows of it with its penalties; where dual coefficients are given,
    too, they are of inner products about another origin than the posterior's, and tell the errors alone.
    """
    if not knows_rows(posterior):
        raise ValueError(NO_ROWS.format(type(fitted).__name__))
    weighed = np.arange(len(rows.Y)) if rows.weight is None else np.flatnonzero(rows.weight)
    found = np.full(rows.Y.shape, np.nan)
    if isinstance(posterior, RowPosterior) and dual is not None:
        for penalty, columns in posterior._distinct():
            found[:, columns] = (dual / inverses[penalty].projected[:, None])[:, columns]
        return posterior.units.original(found, "The left-out errors")
    if isinstance(posterior, RowPosterior):
        for one in left_out_fits(fitted, posterior, inverses):
            found[np.ix_(weighed, one.columns)] = one.q
        return found
    for penalty, columns in posterior._distinct():
        system, doubted = PrimalSystem(posterior, penalty, intercept=fitted.fit_intercept), weighed
        if system.inverse is not None:
            for dtype in PRECISIONS[:1] if system.single else PRECISIONS:
                T = system.inverse[0].astype(dtype, copy=False)
                doubted = by_leverages(posterior, system, T, rows, doubted, columns, found)
        for part in row_blocks(len(doubted), KEPT_ROWS):
            among = doubted[part]
            left_out = PrimalLeftOut(posterior, among_kept(posterior, rows, among), columns, system)
            found[np.ix_(among, columns)] = left_out.q
    return found


def among_kept(posterior: Any, rows: Rows, among: Any) -> KeptRows:
    """Return some rows that were fitted as a posterior keeps them."""
    weight = None if rows.weight is None else rows.weight[among]
    kept: KeptRows = posterior.kept_rows
    return kept._replace(X=rows.X[among], Y=rows.Y[among].astype(np.float64), weight=weight)


def by_leverages(
    posterior: Any, system: PrimalSystem, T: Array, rows: Rows, asked: Array, columns: Array, out: Array
) -> Array:
    """Write the left-out errors of rows by leverages, and return those rows of which rounding may spoil them."""
    doubted, kept = [asked[:0]], posterior.kept_rows
    level = kept.offset + (system.center - (0.0 if kept.center is None else kept.center)) @ posterior.coef
    for part in row_blocks(len(asked), QUICK_ROWS):
        among = asked[part]
        X, Y, weight = among_kept(posterior, rows, part if len(asked) == len(rows.Y) else among)[:3]
        Z = posterior.features.transform(X)
        own_copy = Z.dtype == np.float64 and not np.may_share_memory(Z, X)
        Z = np.subtract(Z, system.center, out=Z if own_copy else None)
        errors = Y - level - Z @ posterior.coef
        own, off = system.leverages(Z, T)
        factors = np.ones(len(Z)) if weight is None else weight.astype(np.float64)
        left, off = 1.0 - factors * (system.base + own), factors * off + EPS
        bad = left < off / system.rough
        if bad.mean() > MANY:
            # Another way is taken for all further rows.
            return np.concatenate([*doubted, asked[part.start :]])
        doubted.append(among[bad])
        errors /= np.where(bad, 1.0, left)[:, None]
        out[among[:, None], columns] = posterior.units.original(errors, "The left-out errors")[:, columns]
    return np.concatenate(doubted)


def _left_out(fitted: Any, posterior: Any, penalty: float, columns: Array, known: Inverse | None = None) -> LeftOut:
    intercept = fitted.fit_intercept if posterior.fit_intercept is None else posterior.fit_intercept
    if isinstance(posterior, RowPosterior):
        if len(posterior._kept()[1]) < 2:
            raise ValueError(TOO_FEW)
        value = np.reshape(np.asarray(fitted.intercept_, np.float64), -1) if intercept else None
        return DualLeftOut(posterior, penalty, columns, value, known)
    rows = posterior.kept_rows
    if len(rows.Y) < 2:
        raise ValueError(TOO_FEW)
    return PrimalLeftOut(posterior, rows, columns, PrimalSystem(posterior, penalty, intercept=intercept))


TOO_FEW = "1 row with a weight is too few: without it there is no fit. Fit more rows."


def knows_rows(posterior: Any) -> bool:
    """Whether a fit kept what leaving out its rows takes."""
    if isinstance(posterior, HeldOutValues):
        return True
    if isinstance(posterior, RowPosterior):
        return posterior.dual is not None or posterior.about is not None
    return isinstance(posterior, MomentsPosterior) and posterior.kept_rows is not None
