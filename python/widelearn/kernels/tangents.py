"""Tangent kernels in blocks: the Gram matrix, its diagonal and its products, of Jacobians that are never whole."""

import numpy as np

from widelearn.kernels.jacobians import PANEL_BYTES, Jacobian, Panel, TangentRows
from widelearn.kernels.long_rows import own_products, products
from widelearn.runtime import Array, row_blocks

# Rows that products given as callables take at once.
PRODUCT_ROWS = 512
# A block of rows: where they are read, which they are, and what was read.
Block = tuple[TangentRows, slice, Array]


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

    def lots(self, J: Array) -> list[Array]:
        """Return J (b, c, P) as matrices that are multiplied with one another."""
        b, c, p = J.shape
        if self.outputs == "trace":
            return [J.reshape(b, c * p)]
        return [J.reshape(b * c, p)] if self.outputs == "full" else [J[:, k] for k in range(c)]

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
        for k, (A, B) in enumerate(zip(self.lots(left[2]), self.lots(right[2]), strict=True)):
            with np.errstate(over="ignore", invalid="ignore"):
                values = (own_products(A) if left is right else products(A, B)).astype(out.dtype, copy=False)
            if not np.isfinite(values).all():
                source, rows, _ = left if not np.isfinite(left[2]).all() else right
                source.complain(rows)
            out[self.places(left[1], k), self.places(right[1], k)] = values

    def write_diagonal(self, out: Array) -> None:
        """Write k(x, x) of every row."""
        for rows, J in self.left.blocks():
            with np.errstate(over="ignore", invalid="ignore"):
                for k, A in enumerate(self.lots(J)):
                    out[self.places(rows, k)] = np.einsum("ij,ij->i", A, A, dtype=np.float64)
            self._check(out, self.left, rows)

    def multiply(self, V: Array, out: Array) -> None:
        """Write K V (n r, t): by J(Y)ᵀ V (P, t), which is kept, or by K where that is less work."""
        n, m, t = len(self.x), len(self.y), V.shape[1]
        if t * (n + m) > n * m and not self.jacobian.has_products:
            K = np.empty((n * self.each, m * self.each), out.dtype)
            self.write(K)
            np.matmul(K, V, out=out)
            return
        for columns in row_blocks(t, max(PANEL_BYTES // (8 * self.c * self.p), 1)):
            with np.errstate(over="ignore", invalid="ignore"):
                out[:, columns] = self.ahead(self.back(V[:, columns]))
        if np.isfinite(V).all():
            self._check(out, self.left, slice(0, n))

    def back(self, V: Array) -> list[Array]:
        """Return J(Y)ᵀ V (p, t) in float64, of every lot."""
        if self.jacobian.has_products:
            return self._back_by_products(V)
        width = self.c * self.p if self.outputs == "trace" else self.p
        found = [np.zeros((width, V.shape[1])) for _ in range(self.steps)]
        for rows, J in self.right.blocks():
            for k, A in enumerate(self.lots(J.astype(np.float64, copy=False))):
                found[k] += A.T @ V[self.places(rows, k)]
        return found

    def ahead(self, thetas: list[Array]) -> Array:
        """Return J(X) θ (n r, t) in float64, θ (p, t) of every lot its own."""
        if self.jacobian.has_products:
            return self._ahead_by_products(thetas)
        out = np.empty((len(self.x) * self.each, thetas[0].shape[1]))
        for rows, J in self.left.blocks():
            for k, A in enumerate(self.lots(J.astype(np.float64, copy=False))):
                out[self.places(rows, k)] = A @ thetas[k]
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
