"""Any model at moments of its training, by arrays or by callables of parameters and rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from widelearn.diagnostics.net_paths import rows_of
from widelearn.runtime import available_memory, check_memory, row_blocks

Array = NDArray[np.float64]
Function = Callable[[Array, Array], ArrayLike]

# Bytes of a block of a Jacobian's rows, where the memory budget leaves as much; up to four are held at once.
BLOCK_BYTES = 1 << 28


class Snapshots:
    """Hold a model of your own at moments of its training, the start first: what :func:`laziness` reads.

    Outputs are F(x; θ), real, one or c of them a row; the Jacobian has the derivatives of each by the P parameters.

    Parameters
    ----------
    parameters : array-like of shape (T, P)
        θ at each moment, as flat vectors.
    outputs : callable or sequence of arrays
        ``outputs(theta, X)`` of shape (n,) or (n, c); or its values at the training rows, of shape (T, n) or (T, n, c),
        and, second, at the fresh ones.
    jacobian : callable or sequence of arrays
        ``jacobian(theta, X)`` of shape (n, P) or (n, c, P), called with blocks of rows, so that no n x P matrix beyond
        the memory budget is held; or its values at the training rows, of shape (T, n, P) or (T, n, c, P), and, second,
        at the fresh ones.
    times : array-like of shape (T,), optional
        When: times of gradient flow of mean ½‖F - y‖², or numbers of steps if there is a `learning_rate`.
    learning_rate : float, optional
        Length of the steps of gradient descent.

    Raises
    ------
    ValueError
        If parameters are not finite vectors of one length, or numbers of moments differ.

    Notes
    -----
    A callable is asked for the Jacobian of all rows once a moment where one block of at most 256 MiB holds it, and for
    each measure and each pair of blocks where none does.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import Snapshots
    >>> model = lambda theta, X: np.sin(X @ theta)
    >>> slope = lambda theta, X: np.cos(X @ theta)[:, None] * X
    >>> len(Snapshots([[0.1, 0.2], [0.3, 0.1]], model, slope))
    2
    """

    def __init__(
        self,
        parameters: ArrayLike,
        outputs: Function | Any,
        jacobian: Function | Any,
        times: ArrayLike | None = None,
        learning_rate: float | None = None,
    ) -> None:
        self.parameters = _real("parameters", parameters)
        if self.parameters.ndim != 2 or not self.parameters.size:
            raise ValueError(
                f"parameters has the shape {self.parameters.shape}: give (T, P), a flat vector of P >= 1 numbers for"
                " each of T >= 1 moments."
            )
        self.outputs, self.jacobian = (
            part if callable(part) else [_real(name, one) for one in part]
            for name, part in (("outputs", outputs), ("jacobian", jacobian))
        )
        for name, part in (("outputs", self.outputs), ("jacobian", self.jacobian)):
            lengths = [] if callable(part) else [len(one) for one in part]
            if any(length != len(self) for length in lengths):
                raise ValueError(f"{name} has {lengths} moments at its rows, but parameters {len(self)}.")
        self.times = None if times is None else _real("times", times)
        if self.times is not None and self.times.shape != (len(self),):
            raise ValueError(f"times has the shape {self.times.shape}: give one for each of the {len(self)} moments.")
        self.learning_rate = learning_rate

    def __len__(self) -> int:
        return len(self.parameters)

    def bind(self, X: ArrayLike, X_fresh: ArrayLike | None) -> BoundSnapshots:
        """Return the path at training rows and at fresh ones."""
        named = [("X", X), *([] if X_fresh is None else [("X_fresh", X_fresh)])]
        for name, part in (("outputs", self.outputs), ("jacobian", self.jacobian)):
            if not callable(part) and len(part) < len(named):
                raise ValueError(
                    f"{name} has arrays for {len(part)} of X and X_fresh: give one for each, or a callable."
                )
        return BoundSnapshots(self, [rows_of(name, Z) for name, Z in named])


def _real(name: str, values: ArrayLike) -> Array:
    """Return finite real numbers in double precision."""
    found = np.asarray(values)
    if np.iscomplexobj(found):
        raise ValueError(f"{name} must be real, got {found.dtype}.")
    try:
        found = found.astype(np.float64, copy=False)
    except OverflowError:
        raise ValueError(f"{name} must be numbers that float64 can hold.") from None
    if not np.isfinite(found).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(found))[0])
        raise ValueError(
            f"{name}{list(place)} is {found[place]}: values must be finite. Leave the diverged moments out."
        )
    return found


class BoundSnapshots:
    """Snapshots at training rows (0) and fresh rows (1)."""

    def __init__(self, path: Snapshots, rows: list[Array]) -> None:
        self.path, self.rows, self.parameters = path, rows, path.parameters.shape[1]
        # Jacobians of all rows that a callable was asked for: those of the start, and the latest.
        self._held: list[tuple[Array, int, Array]] = []
        first = self._given_outputs(0, 0)
        self.outputs_per_row = first.size // len(rows[0])

    def __len__(self) -> int:
        return len(self.path)

    def outputs(self, k: int, at: int) -> Array:
        """Return F at moment k, flattened."""
        found = self._given_outputs(k, at)
        wanted = len(self.rows[at]) * self.outputs_per_row
        if found.size != wanted:
            raise ValueError(
                f"outputs at moment {k} have the shape {found.shape}, but {len(self.rows[at])} rows with"
                f" {self.outputs_per_row} outputs each were expected."
            )
        return found.ravel()

    def _given_outputs(self, k: int, at: int) -> Array:
        source, X = self.path.outputs, self.rows[at]
        found = _real(
            "outputs", source(self.path.parameters[k].copy(), X.copy()) if callable(source) else source[at][k]
        )
        if found.ndim not in (1, 2) or len(found) != len(X) or not found.size:
            raise ValueError(f"outputs have the shape {found.shape} for {len(X)} rows: return ({len(X)},) or (n, c).")
        return found

    def size(self) -> float:
        """Return ‖θ_0‖."""
        return float(np.linalg.norm(self.path.parameters[0]))

    def moved(self, k: int) -> float:
        """Return ‖θ_k - θ_0‖."""
        return float(np.linalg.norm(self.path.parameters[k] - self.path.parameters[0]))

    def kernel(self, k: int, at: int = 0, to: int | None = None) -> Array:
        """Return J_k J_k' between rows `at` and rows `to`, by default the same."""
        theta, key = self.path.parameters[k], k
        if to is None or to == at:
            return self._gram(lambda rows: self._rows(theta, at, rows, key), at)
        out = np.empty((self._count(at), self._count(to)))
        c = self.outputs_per_row
        for rows in self._blocks(at):
            left = self._rows(theta, at, rows, key)
            for columns in self._blocks(to):
                block = slice(rows.start * c, rows.stop * c), slice(columns.start * c, columns.stop * c)
                out[block] = left @ self._rows(theta, to, columns, key).T
        return out

    def trace(self, k: int, at: int) -> float:
        """Return ‖J_k‖² (Frobenius)."""
        theta = self.path.parameters[k]
        return float(sum(np.sum(self._rows(theta, at, rows, k) ** 2) for rows in self._blocks(at)))

    def change(self, k: int) -> Array:
        """Return (J_k - J_0)(J_k - J_0)' at the training rows."""
        return self._gram(lambda rows: self._differences(self.path.parameters[k], 0, rows, k), 0)

    def change_size(self, k: int, at: int) -> float:
        """Return ‖J_k - J_0‖² (Frobenius)."""
        theta = self.path.parameters[k]
        return float(sum(np.sum(self._differences(theta, at, rows, k) ** 2) for rows in self._blocks(at)))

    def taylor(self, k: int, at: int) -> Array:
        """Return J_0 (θ_k - θ_0), flattened."""
        start, moved = self.path.parameters[0], self.path.parameters[k] - self.path.parameters[0]
        return np.concatenate([self._rows(start, at, rows, 0) @ moved for rows in self._blocks(at)])

    def gradient(self, u: Array) -> list[Array]:
        """Return J_0' u."""
        return [self._pull(lambda rows: self._rows(self.path.parameters[0], 0, rows, 0), u)]

    def change_at(self, direction: list[Array], length: float) -> Array:
        """Return (J - J_0)(J - J_0)' for J at θ_0 + length · direction."""
        theta = self.path.parameters[0] + length * direction[0]
        return self._gram(lambda rows: self._differences(theta, 0, rows, None), 0)

    def pulled(self, direction: list[Array], length: float, u: Array) -> list[Array]:
        """Return (J - J_0)' u for J at θ_0 + length · direction."""
        theta = self.path.parameters[0] + length * direction[0]
        return [self._pull(lambda rows: self._differences(theta, 0, rows, None), u)]

    @property
    def movable(self) -> bool:
        """Whether the Jacobian is known at parameters that are no moment of the path."""
        return callable(self.path.jacobian)

    def _pull(self, source: Callable[[slice], Array], u: Array) -> Array:
        c = self.outputs_per_row
        return np.sum([u[rows.start * c : rows.stop * c] @ source(rows) for rows in self._blocks(0)], axis=0)

    def _gram(self, source: Callable[[slice], Array], at: int) -> Array:
        """Return the products of all rows of a matrix that is given by blocks of rows."""
        count, c = self._count(at), self.outputs_per_row
        check_memory(32 * count * count, f"Tangent kernels of {count} outputs", "Give fewer rows.")
        out, blocks = np.empty((count, count)), self._blocks(at)
        for i, rows in enumerate(blocks):
            left, here = source(rows), slice(rows.start * c, rows.stop * c)
            out[here, here] = left @ left.T
            for columns in blocks[:i]:
                there = slice(columns.start * c, columns.stop * c)
                out[here, there] = left @ source(columns).T
                out[there, here] = out[here, there].T
        return out

    def _count(self, at: int) -> int:
        return len(self.rows[at]) * self.outputs_per_row

    def _blocks(self, at: int) -> list[slice]:
        """Cut rows into blocks whose Jacobian fits: four are held, and what makes one holds as much again."""
        room = min(BLOCK_BYTES, available_memory()[0] // 8)
        size = max(1, room // (8 * self.parameters * self.outputs_per_row))
        return row_blocks(len(self.rows[at]), size)

    def _differences(self, theta: Array, at: int, rows: slice, k: int | None) -> Array:
        return self._rows(theta, at, rows, k) - self._rows(self.path.parameters[0], at, rows, 0)

    def _rows(self, theta: Array, at: int, rows: slice, k: int | None) -> Array:
        """Return the Jacobian's rows of some rows of X, a row for each output, (b c, P)."""
        source, c = self.path.jacobian, self.outputs_per_row
        if not callable(source):
            whole = source[at][0 if k is None else k]
            if len(whole) != len(self.rows[at]):
                raise ValueError(f"jacobian has {len(whole)} rows, but X or X_fresh has {len(self.rows[at])}.")
            return self._flat(whole[rows], rows)
        for one, place, held in self._held:
            if place == at and np.array_equal(one, theta):
                return held[rows.start * c : rows.stop * c]
        found = self._flat(_real("jacobian", source(theta.copy(), self.rows[at][rows].copy())), rows)
        if rows == slice(0, len(self.rows[at])):
            start = self.path.parameters[0]
            self._held = [one for one in self._held if np.array_equal(one[0], start)] + [(theta, at, found)]
        return found

    def _flat(self, found: Array, rows: slice) -> Array:
        """Return a checked block of a Jacobian, a row for each output."""
        b, c = rows.stop - rows.start, self.outputs_per_row
        shapes = {(b, c, self.parameters), (b, self.parameters)} if c == 1 else {(b, c, self.parameters)}
        if found.shape not in shapes:
            raise ValueError(
                f"jacobian has the shape {found.shape} for {b} rows, {c} outputs and {self.parameters} parameters: it"
                f" must be {(b, self.parameters) if c == 1 else (b, c, self.parameters)}."
            )
        return found.reshape(b * c, self.parameters)
