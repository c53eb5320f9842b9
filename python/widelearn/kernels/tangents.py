"""Tangent kernels in blocks: the Gram matrix, its diagonal and its products, of Jacobians that are never whole."""

import numpy as np

from widelearn.kernels.jacobians import PANEL_BYTES, Jacobian, Panel, TangentRows
from widelearn.kernels.layers import Layer, lots_of
from widelearn.kernels.long_rows import own_products, products
from widelearn.kernels.outer_products import Lot
from widelearn.runtime import Array, row_blocks

# Rows that products given as callables take at once.
PRODUCT_ROWS = 512
# A block of rows: where they are read, which they are, and what was read.
Block = tuple[TangentRows, slice, list[Layer]]


class TangentGram:
    """The kernel matrix K(X, Y) = J(X) J(Y)ᵀ of a Jacobian, with several outputs as one of three kinds says.

    "trace" sums over outputs; "full" has a row for every row and output; "diagonal" is that with zeros between
    different outputs. A block of J falls into lots that are multiplied with one another: all of it, or each output's.
    """

    def __init__(self, jacobian: Jacobian, outputs: str, x: Array, y: Array | None = None) -> None:
        self.jacobian, self.outputs, self.x, self.y = jacobian, outputs, x, x if y is None else y
        self.left, self.symmetric = jacobian.on(x), y is None
        self.right = self.left if y is None else jacobian.on(y)
        self.c, self.p = jacobian.sizes(x)
        self.each = 1 if outputs == "trace" else self.c
        self.steps = self.c if outputs == "diagonal" else 1

    def places(self, rows: slice, k: int) -> slice:
        """Return where the rows of lot `k` stand in K."""
        return slice(rows.start * self.each + k, rows.stop * self.each, self.steps)

    def write(self, out: Array) -> None:
        """Write the matrix: some rows are kept while the others pass, each of which is asked for once a time."""
        if self.outputs == "diagonal":
            out[...] = 0.0
        # float32 stays so where float32 is asked for.
        dtype = None if out.dtype == np.float32 else out.dtype
        panel, step, call = self.jacobian.panel_rows(self.x, out.itemsize)
        n, m = len(self.x), len(self.y)
        rooms = Panel(min(panel, max(n, m)), call, dtype), Panel(min(step, max(n, m)), call, dtype)
        if self.symmetric:
            self._write_half(out, *rooms)
            return
        # Those are kept for which the others pass less often.
        turned = -(-m // panel) * n + m < -(-n // panel) * m + n
        kept, passing = (self.right, self.left) if turned else (self.left, self.right)
        for rows in row_blocks(m if turned else n, panel):
            held = kept, rows, rooms[0].read(kept, rows)
            for others in row_blocks(n if turned else m, step):
                block = passing, others, rooms[1].read(passing, others)
                self._put(out, *((block, held) if turned else (held, block)))

    def _write_half(self, out: Array, kept: Panel, passing: Panel) -> None:
        """Write K(X, X): rows pass those that are kept before them, and mirror images are copied."""
        n, source = len(self.x), self.left
        for rows in row_blocks(n, kept.size):
            held = source, rows, kept.read(source, rows)
            self._put(out, held, held)
            for part in row_blocks(n - rows.stop, passing.size):
                others = slice(rows.stop + part.start, rows.stop + part.stop)
                self._put(out, (source, others, passing.read(source, others)), held)
                for k in range(self.steps):
                    below, beside = self.places(others, k), self.places(rows, k)
                    out[beside, below] = out[below, beside].T

    def _put(self, out: Array, left: Block, right: Block) -> None:
        """Write the products of two blocks of rows, which may be one."""
        own = left is right
        lots = lots_of(left[2], self.outputs)
        for k, (A, B) in enumerate(zip(lots, lots if own else lots_of(right[2], self.outputs), strict=True)):
            values = out[self.places(left[1], k), self.places(right[1], k)]
            with np.errstate(over="ignore", invalid="ignore"):
                if own:
                    own_products(A, Lot.times, values)
                else:
                    products(A, B, Lot.times, values)
            if not np.isfinite(values).all():
                whole = all(np.isfinite(array).all() for layer in left[2] for array in layer.arrays)
                source, rows, _ = right if whole else left
                source.complain(rows)

    def write_diagonal(self, out: Array) -> None:
        """Write k(x, x) of every row."""
        as_they_are = out.dtype == np.float32 or not self.jacobian.has_factors
        for rows, layers in self.left.layered(None if as_they_are else out.dtype):
            with np.errstate(over="ignore", invalid="ignore"):
                for k, lot in enumerate(lots_of(layers, self.outputs)):
                    out[self.places(rows, k)] = lot.squares()
            self._check(out, self.left, rows)

    def multiply(self, V: Array, out: Array) -> None:
        """Write K V (n r, t): by J(Y)ᵀ V (P, t), which is kept, or by K where that is less work."""
        if self._by_matrix(V.shape[1], out.itemsize):
            K = np.empty((len(self.x) * self.each, len(self.y) * self.each), out.dtype)
            self.write(K)
            np.matmul(K, V, out=out)
            return
        for columns in row_blocks(V.shape[1], max(PANEL_BYTES // (8 * self.c * self.p), 1)):
            with np.errstate(over="ignore", invalid="ignore"):
                out[:, columns] = self.ahead(self.back(V[:, columns]))
        if np.isfinite(V).all():
            self._check(out, self.left, slice(0, len(self.x)))

    def _by_matrix(self, t: int, itemsize: int) -> bool:
        """Whether a product with t columns is less work by K, which then is no larger than they are or fits."""
        if self.jacobian.has_products:
            return False
        n, m = len(self.x), len(self.y)
        if t * (n + m) > n * m:
            return True
        if not self.jacobian.has_factors:
            return False
        lots = lots_of(self.jacobian.first(self.x), self.outputs)
        columns, work = sum(lot.columns for lot in lots), self.each / self.steps * sum(lot.work for lot in lots)
        return t * (n + m) * columns > n * m * work and n * m * self.each**2 * (8 + 2 * itemsize) < PANEL_BYTES

    def back(self, V: Array) -> list[Array]:
        """Return J(Y)ᵀ V (p, t) in float64, of every lot."""
        if self.jacobian.has_products:
            return self._back_by_products(V)
        width = self.c * self.p if self.outputs == "trace" else self.p
        found = [np.zeros((width, V.shape[1])) for _ in range(self.steps)]
        for rows, layers in self.right.layered(np.float64):
            for k, lot in enumerate(lots_of(layers, self.outputs)):
                lot.back(V[self.places(rows, k)], found[k])
        return found

    def ahead(self, thetas: list[Array]) -> Array:
        """Return J(X) θ (n r, t) in float64, θ (p, t) of every lot its own."""
        if self.jacobian.has_products:
            return self._ahead_by_products(thetas)
        out = np.empty((len(self.x) * self.each, thetas[0].shape[1]))
        for rows, layers in self.left.layered(np.float64):
            for k, lot in enumerate(lots_of(layers, self.outputs)):
                out[self.places(rows, k)] = lot.ahead(thetas[k])
        return out

    def _back_by_products(self, V: Array) -> list[Array]:
        """Return the same by `vjp`, for every column and, unless outputs are full, for every output."""
        m, t, c = len(self.y), V.shape[1], self.c
        if self.outputs == "full" or c == 1:
            return [np.stack([self._pulled(V[:, j].reshape(m, c)) for j in range(t)], axis=1)]
        found = []
        for k, unit in enumerate(np.eye(c)):
            part = V[k :: self.steps] if self.outputs == "diagonal" else V
            found.append(np.stack([self._pulled(np.outer(part[:, j], unit)) for j in range(t)], axis=1))
        return found if self.outputs == "diagonal" else [np.concatenate(found)]

    def _ahead_by_products(self, thetas: list[Array]) -> Array:
        """Return the same by `jvp`."""
        n, t, c = len(self.x), thetas[0].shape[1], self.c
        if self.outputs == "full" or c == 1:
            return np.stack([self._pushed(thetas[0][:, j]).ravel() for j in range(t)], axis=1)
        parts = thetas if self.outputs == "diagonal" else np.split(thetas[0], c)
        # Of the movement for an output only that output counts: (c, n, t).
        found = np.stack(
            [np.stack([self._pushed(theta[:, j])[:, k] for j in range(t)], axis=1) for k, theta in enumerate(parts)]
        )
        return found.transpose(1, 0, 2).reshape(n * c, t) if self.outputs == "diagonal" else found.sum(axis=0)

    def _pulled(self, U: Array) -> Array:
        """Return J(Y)ᵀ U (P,) for U (m, c)."""
        total = np.zeros(self.p)
        for rows in row_blocks(len(self.y), PRODUCT_ROWS):
            total += self.jacobian.backward(self.y[rows], U[rows])
        return total

    def _pushed(self, theta: Array) -> Array:
        """Return J(X) θ (n, c) for θ (P,)."""
        blocks = row_blocks(len(self.x), PRODUCT_ROWS)
        return np.concatenate([self.jacobian.forward(self.x[rows], theta) for rows in blocks])

    def _check(self, out: Array, source: TangentRows, rows: slice) -> None:
        """Refuse values of rows that are not finite."""
        if not np.isfinite(out[rows.start * self.each : rows.stop * self.each]).all():
            source.complain(rows)
