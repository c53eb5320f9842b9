"""The iterations of conjugate gradients on all columns at once, of which none ends worse than it began."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.ridge.checkpoint import StateFile
from widelearn.ridge.operators import Operator, double_product, exact, product
from widelearn.ridge.preconditioner import Preconditioner
from widelearn.runtime import Array

# Iterations aim at this share of what is asked for, so that the true residual meets it too.
AIM = 0.5
# A pass that leaves more than this share of the residual it began with has met rounding errors.
STALLED = 0.5
# Rounding errors of a semidefinite matrix, in machine epsilons of its trace: below, an eigenvalue may be negative.
ENTRIES = 16
# Beyond this an iterate is lost: of systems whose entries and right-hand sides are of order one.
LARGEST = 1e150
# A residual of more is no fit. Where alpha is to blame, so many machine epsilons of the trace are tried in its place;
# so many iterations show that they lead nowhere.
FAILED = 1e-4
LIFTED = 64.0
MANY = 100
# Iterations between two looks at the true residuals of penalties below rounding errors.
LOOKED = 50


class NotFiniteError(np.linalg.LinAlgError):
    """A product of the matrix is NaN or infinite."""


class Run:
    """Conjugate gradients on all columns at once, restarted from the true residual until that is small."""

    # Called after every iteration with its number and the residuals.
    callback: Callable[[int, Array], object] | None = None
    file: StateFile | None = None
    # Whether no iteration is half done, and whether rounding errors ended the run.
    whole = True
    stalled = False

    def __init__(
        self, A: Operator, right: Array, alphas: Array, inverse: Preconditioner, start: Array, tol: float, max_iter: int
    ) -> None:
        self.A, self.exact, self.right, self.alphas, self.inverse = A, exact(A), right, alphas, inverse
        self.tol, self.max_iter = tol, max_iter
        size = np.linalg.norm(right, axis=0)
        self.size = np.where(size > 0, size, 1.0)
        # Where nothing is asked for, zero is the solution.
        start = np.where(size > 0, start, 0.0)
        # A pass with single-precision products is not believed beyond half their digits more.
        kept = float(np.finfo(A.dtype).eps)
        self.floor = 0.0 if A.dtype == np.float64 else 16 * kept
        self.noise = ENTRIES * kept * float(np.asarray(A.diag(), np.float64).clip(min=0.0).sum())
        self.rounded = False
        # Everything that an iteration hands to the next; a pass ends when no column is active. Beside X, `kept` has the
        # smallest true residual so far, at first that of zero, and `near` the smallest that this pass believes in.
        self.state: dict[str, Any] = {
            "X": start,
            "R": np.zeros_like(start),
            "P": np.zeros_like(start),
            "rz": np.zeros(len(size)),
            "aim": np.zeros(len(size)),
            "active": np.zeros(len(size), bool),
            "before": np.full(len(size), np.inf),
            "iteration": np.array(0),
            "kept": np.zeros_like(start),
            "least": np.where(size > 0, 1.0, 0.0),
            "near": np.zeros_like(start),
            "nearest": np.zeros(len(size)),
            "ended": np.zeros(len(size), bool),
        }

    def take_up(self, file: StateFile) -> None:
        """Go on from the state in a file, if there is one, and keep states there."""
        self.file = file
        shapes = {name: (np.shape(part), np.asarray(part).dtype) for name, part in self.state.items()}
        found = file.read(shapes, sum(np.asarray(part).nbytes for part in self.state.values()))
        self.state = self.state if found is None else found

    def solve(self) -> None:
        """Iterate until the true residual is small, no longer falls, or the iterations are used up.

        The file gets the last state that is whole, however this ends.
        """
        try:
            self.pass_by_pass()
        finally:
            if self.file is not None and self.whole:
                self.file.flush()

    def pass_by_pass(self) -> None:
        """Iterate in passes, each from the true residual that the one before has left."""
        state = self.state
        while True:
            while state["active"].any() and state["iteration"] < self.max_iter:
                self.whole = False
                self.step()
                if state["iteration"] % LOOKED == 0:
                    self.look()
                self.whole = True
                if self.file is not None:
                    self.file.keep(state)
                if self.callback is not None:
                    self.callback(int(state["iteration"]), np.linalg.norm(state["R"], axis=0) / self.size)
            self.measure()
            open_ = ~(self.residual <= self.tol)
            stalled = bool((~(self.residual <= STALLED * state["before"]) | state["ended"])[open_].any())
            if not open_.any():
                return
            if stalled or state["iteration"] >= self.max_iter:
                if self.file is not None:
                    self.file.flush()
                self.settle()
                self.stalled = stalled and bool(state["iteration"] < self.max_iter)
                return
            self.whole = False
            self.begin(self.left, open_)
            self.whole = True

    def remainder(self, X: Array, columns: Any) -> Array:
        """Return what is left of some right-hand sides, in double precision."""
        left = self.right[:, columns].copy()
        if X.any():
            # One after the other: their sum would round at the size of what both take away.
            left -= double_product(self.exact, X)
            left -= X * self.alphas[columns]
        if not np.isfinite(left).all():
            raise NotFiniteError(self.no_number())
        return left

    def no_number(self) -> str:
        """Say that the operator is at fault."""
        return (
            f"The operator's product with finite vectors is not finite, after {int(self.state['iteration'])} iterations"
            f" on {self.A.shape[0]} rows: the entries have NaN, or overflow {self.A.dtype}. Scale the rows."
        )

    def measure(self) -> None:
        """Take the true residuals, and keep what is better than before."""
        state = self.state
        lost = ~(np.abs(state["X"]) < LARGEST).all(axis=0)
        state["X"][:, lost] = state["kept"][:, lost]
        self.left = self.remainder(state["X"], slice(None))
        self.residual = np.linalg.norm(self.left, axis=0) / self.size
        better = self.residual < state["least"]
        state["kept"][:, better], state["least"][better] = state["X"][:, better], self.residual[better]

    def settle(self) -> None:
        """End each column at the smallest residual that it had, if it is beyond that."""
        state = self.state
        worse = np.flatnonzero(~(self.residual <= state["least"]))
        if len(worse) == 0:
            return
        near = state["near"][:, worse]
        residual = np.linalg.norm(self.remainder(near, worse), axis=0) / self.size[worse]
        better = residual < state["least"][worse]
        state["kept"][:, worse[better]], state["least"][worse[better]] = near[:, better], residual[better]
        state["X"][:, worse] = state["kept"][:, worse]
        self.left[:, worse] = self.remainder(state["X"][:, worse], worse)
        self.residual[worse] = np.linalg.norm(self.left[:, worse], axis=0) / self.size[worse]

    def begin(self, R: Array, active: NDArray[np.bool_]) -> None:
        """Start a pass from the true residual."""
        state, columns = self.state, np.flatnonzero(active)
        state["R"], state["active"], state["before"] = R.copy(), active, self.residual.copy()
        state["aim"] = np.maximum(AIM * self.tol, self.floor * self.residual) * self.size
        state["near"], state["nearest"] = state["X"].copy(), self.residual * self.size
        state["P"][:, active] = self.inverse.solve(R[:, active], columns)
        state["rz"][active] = np.einsum("ij,ij->j", R[:, active], state["P"][:, active])
        self.drop_infinite()

    def drop_infinite(self) -> None:
        """End the pass of columns whose direction overflows."""
        state = self.state
        lost = state["active"] & ~(np.isfinite(state["rz"]) & np.isfinite(state["P"]).all(axis=0))
        state["P"][:, lost], state["rz"][lost], state["active"] = 0.0, 0.0, state["active"] & ~lost

    def step(self) -> None:
        """Advance every active column by one iteration."""
        state, active = self.state, self.state["active"]
        columns = np.flatnonzero(active)
        P, rz = state["P"][:, active], state["rz"][active]
        Q = product(self.A, P) + P * self.alphas[active]
        if not np.isfinite(Q).all():
            raise NotFiniteError(self.no_number())
        curvature = np.einsum("ij,ij->j", P, Q)
        self.check_definite(curvature, P, Q)
        # Where rounding errors are all that is left, the column waits for its true residual.
        sound = (curvature > 0) & (rz > 0)
        with np.errstate(over="ignore"):
            step = np.divide(rz, curvature, out=np.zeros_like(rz), where=sound)
        sound &= np.isfinite(step)
        step[~sound] = 0.0
        state["X"][:, active] += step * P
        R = state["R"][:, active] - step * Q
        state["R"][:, active] = R
        size = np.linalg.norm(R, axis=0)
        closer = size < state["nearest"][active]
        state["near"][:, columns[closer]] = state["X"][:, columns[closer]]
        state["nearest"][columns[closer]] = size[closer]
        left = sound & (size > state["aim"][active])
        kept = columns[left]
        if left.any():
            Z = self.inverse.solve(R[:, left], kept)
            fresh = np.einsum("ij,ij->j", R[:, left], Z)
            state["P"][:, kept] = Z + (fresh / rz[left]) * P[:, left]
            state["rz"][kept] = fresh
        state["active"] = np.isin(np.arange(len(active)), kept)
        state["iteration"] = state["iteration"] + 1
        self.drop_infinite()

    def look(self) -> None:
        """Give up columns of hopeless penalties where rounding errors lead.

        Their residual, updated step by step, has parted from the true one, or is far above the least so far.
        """
        state = self.state
        columns = np.flatnonzero(state["active"] & (self.alphas < self.noise))
        X, R = state["X"][:, columns], state["R"][:, columns]
        size = np.linalg.norm(R, axis=0)
        given_up = FAILED * size > state["nearest"][columns]
        near = (self.noise * np.linalg.norm(X, axis=0) > size) & ~given_up & (np.abs(X) < LARGEST).all(axis=0)
        if near.any():
            left = self.remainder(X[:, near], columns[near])
            given_up[near] = np.linalg.norm(left - R[:, near], axis=0) > STALLED * np.linalg.norm(left, axis=0)
        state["ended"][columns[given_up]] = True
        state["active"] = state["active"] & ~state["ended"]

    def check_definite(self, curvature: Array, P: Array, Q: Array) -> None:
        """Refuse a matrix on which p'(A + alpha I) p is negative beyond rounding of its entries and products."""
        lengths = np.linalg.norm(P, axis=0)
        noise = 16 * np.finfo(self.A.dtype).eps * len(P) ** 0.5 * lengths * np.linalg.norm(Q, axis=0)
        self.rounded = self.rounded or bool((curvature < -noise).any())
        wrong = curvature < -noise - self.noise * lengths**2
        if wrong.any():
            column = int(np.argmin(curvature / np.where(lengths > 0, lengths, 1.0) ** 2))
            value = curvature[column] / lengths[column] ** 2
            raise np.linalg.LinAlgError(
                f"The kernel matrix plus alpha is indefinite: it has an eigenvalue of at most {value:.2g}, and"
                " conjugate gradients need all of them positive. Raise alpha by more than that, or solve directly:"
                " solver='cholesky', or ridge.solve(K, y, alpha, kind='kernel')."
            )

    def lost(self) -> NDArray[np.bool_]:
        """Say for which columns alpha is so far below rounding errors that the iterations found no fit."""
        ended = self.stalled or self.rounded or int(self.state["iteration"]) >= MANY
        return (self.residual > FAILED) & (self.alphas < self.noise) & ended

    def lift(self, together: bool) -> Array | None:
        """Solve for the smallest penalty that rounding errors allow where that leaves less; return the penalties.

        Solutions that are combined need the same penalty: then all of it are taken `together`.
        """
        lost = np.flatnonzero(self.lost())
        if len(lost) == 0:
            return None
        if together:
            lost = np.flatnonzero(np.isin(self.alphas, self.alphas[lost]))
        lifted = np.full(len(lost), LIFTED / ENTRIES * self.noise)
        inverse = Preconditioner(self.inverse.panels, lifted, self.inverse.pivots)
        start = np.zeros((len(self.right), len(lost)))
        run = Run(self.A, self.right[:, lost], lifted, inverse, start, self.tol, self.max_iter)
        run.solve()
        X = run.state["X"]
        left = run.left + X * (lifted - self.alphas[lost])
        residual = np.linalg.norm(left, axis=0) / self.size[lost]
        better = np.flatnonzero((residual < self.residual[lost]) | together)
        kept, taken = lost[better], np.array(self.alphas)
        self.state["X"][:, kept], self.left[:, kept] = X[:, better], left[:, better]
        self.residual[kept], taken[kept] = residual[better], lifted[better]
        self.state["iteration"] = self.state["iteration"] + run.state["iteration"]
        return taken if len(kept) else None

    def complaint(self, lifted: Array | None) -> str | None:
        """Say which columns did not converge, and why."""
        if not (self.residual > self.tol).any():
            return None
        worst, count = float(self.residual.max()), int(self.state["iteration"])
        why = (
            f"rounding errors of {self.A.dtype} stop them there. Raise tol or alpha"
            if self.stalled
            else f"these are all of max_iter={self.max_iter}. Raise it, rank, alpha or tol"
        )
        more = ", or pass float64 data" if self.stalled and self.A.dtype == np.float32 else ""
        if self.rounded or lifted is not None:
            share = ENTRIES * float(self.alphas.min()) / self.noise if self.noise > 0 else 0.0
            why = (
                f"alpha is {share:.2g} machine epsilons of the trace, so that rounding errors of {self.A.dtype} make"
                " the matrix plus alpha indefinite. Raise alpha, or centre the rows"
            )
        if lifted is not None:
            more += f". The solution for an alpha {LIFTED:g} epsilons of the trace is returned"
        return (
            f"Conjugate gradients reached a relative residual of {worst:.2g}, not tol={self.tol:.2g}, in {count}"
            f" iterations: {why}{more}."
        )
