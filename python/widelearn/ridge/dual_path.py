"""The path of dual ridge systems over many penalties: their left-out errors and solutions."""

from typing import Any

import numpy as np

from widelearn import _core
from widelearn.ridge.certificate import LOST, SINGLE_PRODUCTS, TRUSTED, blur, complain, fit_error, roundoff
from widelearn.ridge.lapack import cholesky, cholesky_solve, eigh, inverse_diagonal
from widelearn.ridge.leave_one_out import ERROR_ROWS, Errors, divide, eigen_errors
from widelearn.ridge.normal_equations import scale_of
from widelearn.ridge.symmetric_systems import Solution, residual, solve_symmetric, take_out
from widelearn.ridge.unit_systems import into_range
from widelearn.runtime import Array, check_memory, doubles, has_room, row_blocks

# From so many rows on a band of the matrix costs less than eigenvectors. Up to so many penalties, of fewer rows and of
# more, one Cholesky factor and its inverse for each cost less than either.
BAND_ROWS, FEW, FEW_OF_MANY = 300, 3, 6
# Bytes an entry that a band takes: a copy, and in the core a rotation twice.
BAND_BYTES = 24
# Relative errors of left-out errors that eigenvectors may make.
HARMLESS = 1e-8
# The share of a penalty beside which a matrix counts as nothing.
NOTHING = 1e-30


class DualPath:
    """The path of (S K S + alpha I) with the border u, for a kernel matrix K, C-contiguous, which is destroyed.

    All weights are positive; `definite` says whether K is positive semidefinite but for rounding. Whatever the type of
    K, numbers are in float64; `unit` is the unit roundoff of what its entries were computed in, by default float64's.
    """

    def __init__(
        self,
        K: Array,
        y: Array,
        alphas: Array,
        weight: Array | None,
        *,
        fit_intercept: bool,
        definite: bool,
        unit: float | None = None,
    ) -> None:
        n = len(K)
        if K.dtype != np.float64:
            check_memory(8 * n * n, f"The kernel matrix of {n} rows in float64", "Take fewer rows.")
            K = doubles(K)
        self.given, self.definite = alphas, definite
        self.unit = roundoff(np.float64) if unit is None else unit
        self.trusted = TRUSTED if self.unit <= roundoff(np.float64) else SINGLE_PRODUCTS
        self.root = np.ones(n) if weight is None else np.sqrt(weight)
        if weight is not None:
            K *= self.root[:, None]
            K *= self.root
        self.K, self.y = K, y * self.root[:, None]
        mean = (self.root @ self.y) / (self.root @ self.root)
        whole = np.linalg.norm(self.y, axis=0)
        self.scale = scale_of(np.linalg.norm(self.y - np.outer(self.root, mean), axis=0), whole)
        # What cancels in left-out errors without an intercept, beside their scale.
        some = not fit_intercept and self.scale > 0.0
        self.lever = float(np.divide(whole, self.scale, out=np.ones_like(whole), where=some).max(initial=1.0))
        self.border = self.root if fit_intercept else None
        self.alphas, self.exponent = into_range(K, alphas)
        self.diagonal = np.abs(K.diagonal())
        # What rounding may do to eigenvalues.
        self.blur = blur(self.diagonal, None, self.unit)
        self.values = self.vectors = np.empty(0)
        # What factors say of left-out errors that were taken from them.
        self.measured = np.full(len(alphas), np.nan)
        self.noise = n * np.finfo(K.dtype).eps * float(self.diagonal.sum())
        # Left-out errors by a band of the matrix, where they were taken, and whether that pays.
        self.banded: Array | None = None
        few = len(alphas) <= (FEW if n < BAND_ROWS else FEW_OF_MANY)
        self.bands = not few and n >= BAND_ROWS and has_room(BAND_BYTES * n * n)
        if not ((few or self.bands) and self.alphas.min(initial=np.inf) > self.noise):
            self._decompose()

    def _decompose(self) -> None:
        """Take the eigenvectors on the complement of the border."""
        n = len(self.K)
        self.banded, self.measured = None, np.full(len(self.alphas), np.nan)
        check_memory(24 * n * n, f"The eigenvectors of {n} rows", "Take fewer rows, or fewer penalties.")
        P = doubles(self.K)
        if self.border is not None:
            u = self.border / np.linalg.norm(self.border)
            take_out(P, u)
            # An eigenvalue below all others, so that no other eigenvector mixes with the border.
            # Beside penalties the matrix may be nothing, and its squares vanish.
            below = max(float(np.linalg.norm(self.K)), NOTHING * float(self.alphas.min(initial=0.0))) * u
            for rows in row_blocks(n, ERROR_ROWS):
                P[rows] -= np.outer(below[rows], u)
        self.values, self.vectors = eigh(P)
        if self.border is not None:
            self.values, self.vectors = self.values[1:], self.vectors[:, 1:]
        self.noise = n * np.finfo(self.K.dtype).eps * np.abs(self.values).max(initial=0.0)
        if self.definite and len(self.values):
            self.noise = max(self.noise, -2 * self.values[0])
            self.values = np.where(self.values > self.noise, self.values, 0.0)

    def _in_range(self, alpha: Array) -> Array:
        """Return penalties beside the matrix in its range."""
        return np.ldexp(alpha, -self.exponent) if self.exponent else alpha

    def _original(self, found: Solution) -> Solution:
        """Return a solution in the units that were given."""
        return found._replace(coef=np.ldexp(found.coef, -self.exponent)) if self.exponent else found

    def forget(self) -> None:
        """Let go of the eigenvectors: solutions come from factors of the matrix then."""
        self.values = self.vectors = np.empty(0)
        self.banded = None

    def settled(self) -> Array:
        """Return :meth:`doubt`, of a band or eigenvalues where it would be more than harmless without them."""
        if not self.vectors.size and self.doubt().max() > HARMLESS:
            self._take_band()
        if not self.vectors.size and self.doubt().max() > HARMLESS:
            self._decompose()
        return self.doubt()

    def doubt(self) -> Array:
        """Return about how wrong left-out errors of every penalty (a,) may be by rounding, relative to themselves."""
        least = np.zeros(1)
        if self.vectors.size:
            # Eigenvalues that are none but for rounding do no harm where a gap says so.
            least = self.values[self.values > 0.0] if self.definite else np.abs(self.values)
        smallest = np.abs((least if least.size else np.zeros(1))[:, None] + self.alphas).min(axis=0)
        bound = np.divide(self.lever * self.blur, smallest, out=np.full(len(smallest), np.inf), where=smallest > 0.0)
        return np.where(np.isnan(self.measured), bound, self.measured)

    def hides(self) -> bool:
        """Whether an eigenvalue was taken for a rounding error that may be none, and that the least penalty shows."""
        dropped = bool(self.vectors.size) and self.definite and not self.values.all()
        return dropped and self.blur > HARMLESS * float(self.alphas.min(initial=np.inf))

    def errors(self) -> Errors:
        """Yield rows and their errors, by a band or eigenvectors, and by a factor where these are too rough."""
        if not self.vectors.size:
            self._take_band()
            every = np.arange(len(self.alphas))
            at = every if self.banded is None else np.flatnonzero(self.measured > HARMLESS)
            found = self._cholesky_errors(at) if at.size else np.empty((0, *self.y.shape))
            if found is not None:
                errors = found if self.banded is None else self.banded
                errors[at] = found
                yield slice(0, len(self.K)), errors
                return
            self._decompose()
        rough = (self.doubt() > HARMLESS) & (self.alphas > 0.0)
        finer = self._cholesky_errors(np.flatnonzero(rough)) if rough.any() else None
        for rows, found in eigen_errors(self.values, self.vectors, self.y, self.alphas, self.noise):
            if finer is not None:
                found[rough] = finer[:, rows]
            yield rows, found

    def _take_band(self) -> None:
        """Take the errors of many penalties by a band, unless the matrix is not definite enough for that.

        Like eigenvectors it rounds all entries by the largest of them.
        """
        n, u = len(self.K), self.border
        if self.banded is not None or not self.bands:
            return
        right = self.y if u is None else np.column_stack([self.y, u])
        # Where the last one has a factor, no eigenvalue is below that.
        lowest = self.alphas.min() / 2
        shifts = np.append(self.alphas, lowest)
        duals, inverses = np.empty((len(shifts) * n, right.shape[1])), np.empty((len(shifts), n))
        try:
            _core.shifted_inverses(doubles(self.K), shifts, np.ascontiguousarray(right), duals, inverses)
        except np.linalg.LinAlgError:
            return
        self.banded = np.empty((len(self.alphas), *self.y.shape))
        for j, (dual, own) in enumerate(zip(duals.reshape(len(shifts), n, -1)[:-1], inverses[:-1], strict=True)):
            dual, share = self._without_border(dual, own)
            self.banded[j] = divide(dual, share)
            # The largest eigenvalue of an inverse is no larger than its trace.
            smallest = max(self.alphas[j] - lowest, 1.0 / own.sum())
            cancelled = (own / share).max() if (share > 0.0).all() else np.inf
            self.measured[j] = self.lever * self.blur / smallest * cancelled

    def _without_border(self, dual: Array, inverse: Array) -> tuple[Array, Array]:
        """Return dual coefficients and the inverse's diagonal on the complement of the border, the last column."""
        u = self.border
        if u is None:
            return dual, inverse
        dual, q = dual[:, :-1], dual[:, -1]
        return dual - np.outer(q, (u @ dual) / (u @ q)), inverse - q**2 / (u @ q)

    def _cholesky_errors(self, at: Array) -> Array | None:
        """Take one factor and its inverse for each penalty numbered `at`; None where a matrix is not definite."""
        n, u = len(self.K), self.border
        check_memory(16 * n * n, f"The factor and the inverse of {n} rows", "Take fewer rows.")
        right = self.y if u is None else np.column_stack([self.y, u])
        out, measured = np.empty((len(at), *self.y.shape)), np.empty(len(at))
        for j, alpha in enumerate(self.alphas[at]):
            M = np.array(self.K, dtype=np.float64, order="C")
            M[np.diag_indices(n)] += alpha
            try:
                factor = cholesky(M)
            except np.linalg.LinAlgError:
                return None
            dual = cholesky_solve(factor, right)
            inverse = inverse_diagonal(factor)
            spread, own = float((self.diagonal + alpha) @ inverse), inverse
            dual, inverse = self._without_border(dual, inverse)
            out[j] = divide(dual, inverse)
            measured[j] = self._lost(out[j], dual, own, inverse, spread, alpha)
        self.measured[at] = measured
        return out

    def _lost(self, errors: Array, dual: Array, own: Array, share: Array, spread: float, alpha: float) -> float:
        """Return about how wrong left-out errors are that a factor of M gave, beside themselves or the targets.

        Entries of M are rounded by unit √(M_ii M_jj), independently. With s = tr(diag(M) M⁻¹), `spread`, (M⁻¹)_ii,
        `own`, is off by unit s of itself, and the dual coefficient by unit ((M⁻¹)_ii s)^½ ‖diag(M)^½ a‖: outlying rows
        add nothing to s. Source: derived, by Cauchy's inequality for the entries of M⁻¹.
        """
        size = self.scale / len(self.y) ** 0.5
        scaled = np.linalg.norm(np.sqrt(self.diagonal + alpha)[:, None] * dual, axis=0)
        seen = share > np.finfo(np.float64).tiny
        if (~seen & (share != 0.0)).any():
            return np.inf
        # A row that determines itself keeps its error.
        moved = np.sqrt(own * spread)[:, None] * scaled + spread * own[:, None] * np.abs(errors)
        moved = self.unit * np.divide(moved, share[:, None], out=np.zeros_like(moved), where=seen[:, None])
        beside = np.maximum(np.abs(errors), size)
        return float(np.divide(moved, beside, out=np.zeros_like(moved), where=beside > 0.0).max(initial=0.0))

    def solve(self, alpha: Array) -> Solution:
        """Return the dual coefficients (n, t) and offsets (t,) for one penalty a target."""
        found = self._turned(alpha)
        return self.factored(alpha) if found is None else found

    def confirmed(self, alpha: Array) -> Solution | None:
        """Return what :meth:`solve` does where its error is trusted, else None."""
        found = self._turned(alpha)
        if found is not None:
            return found
        try:
            found = self._factored(alpha, fallback=False)
        except np.linalg.LinAlgError:
            return None
        return found if found.error <= self.trusted else None

    def _turned(self, alpha: Array) -> Solution | None:
        """Solve by eigenvectors; None where there are none, or they lose digits."""
        if not self.vectors.size:
            return None
        alpha = self._in_range(alpha)
        shifted = self.values[:, None] + alpha
        size = np.abs(shifted)
        if size.min() <= np.finfo(self.K.dtype).eps * size.max():
            return None
        coef, offset = self.vectors @ ((self.vectors.T @ self.y) / shifted), np.zeros(self.y.shape[1])
        error = self._error(coef)
        if error > self.trusted:
            return None
        if self.border is not None:
            offset = (self.border @ (self.y - self.K @ coef)) / (self.border @ self.border)
        norms = np.linalg.norm(self.y, axis=0)
        relative = residual(self.K, coef, self.y, alpha, self.border, offset, norms)
        return self._original(Solution(coef * self.root[:, None], offset, "eigen", relative, error=error))

    def _error(self, coef: Array, left: float = 0.0) -> float:
        fit_intercept = self.border is not None
        return fit_error(self.diagonal, coef, self.y, self.root, self.unit, left, fit_intercept=fit_intercept)

    def factored(self, alpha: Array) -> Solution:
        """Return what :meth:`solve` does, from a factor of its own, whose rounding errors are the smaller ones."""
        found = self._factored(alpha)
        if found.error > LOST and found.solver == "cholesky":
            complain(found.error, self.K, self._in_range(alpha), self.unit)
        return found

    def _factored(self, alpha: Array, *, fallback: bool = True) -> Solution:
        options: dict[str, Any] = {"definite": self.definite, "fallback": fallback}
        found = solve_symmetric(self.K, self.y, self._in_range(alpha), border=self.border, **options)
        error = self._error(found.coef, found.residual)
        return self._original(found._replace(coef=found.coef * self.root[:, None], error=error))
