"""NNGP and NTK of activations given as functions: layer by layer in NumPy, over tiles of pairs of rows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np

from widelearn.kernels.bands import Bands
from widelearn.kernels.quadrature import Function, moment
from widelearn.runtime import Array, get_num_threads, one_blas_thread, row_blocks

# Variances below count as this one: what a function does on scales below 1e-12 is taken to be one power of t.
SMALLEST = 1e-24
# Pairs of rows a thread works on at once: their arrays stay in cache.
TILE_ROWS, TILE_PAIRS = 128, 1 << 14
# Cosines beyond this come from the difference or the sum of the unit rows; below, arccos keeps 14 digits.
NEAR = 0.995
# The smallest variance that a row other than zero has.
TINY = np.finfo(np.float64).smallest_subnormal


@dataclass
class Rows:
    """What the recursion keeps of rows; l counts layers and f the functions σ, σ'."""

    # Rows and bias of the first layer, of length 1.
    unit: Array
    # Variances of the inputs of the activations, K_l(x, x), (depth, n); their moments E σ_f², (depth, f, n); and E σ_f
    # where they were asked for.
    variance: Array
    second: Array
    mean: Array | None
    # Values of the whole kernel at equal rows.
    diag: Array

    def part(self, block: slice) -> "Rows":
        """Return some of the rows."""
        mean = None if self.mean is None else self.mean[..., block]
        return Rows(self.unit[block], self.variance[:, block], self.second[..., block], mean, self.diag[block])


@dataclass(frozen=True)
class Recursion:
    """The kernel of a network: NNGP for the functions (σ,), NTK for (σ, σ')."""

    functions: tuple[Function, ...]
    depth: int
    weight_variance: float
    bias_variance: float

    def rows(self, x: Array) -> Rows:
        """Follow the diagonal through the layers; overflow leaves an infinite `diag`."""
        scaled = np.sqrt(self.weight_variance / x.shape[1]) * x.astype(np.float64)
        if self.bias_variance > 0:
            scaled = np.column_stack([scaled, np.full(len(x), np.sqrt(self.bias_variance))])
        # Relative to the largest entry, so that the squares of tiny rows do not vanish.
        peak = np.abs(scaled).max(axis=1)
        scaled /= np.where(peak > 0, peak, 1)[:, None]
        size = np.sqrt((scaled * scaled).sum(axis=1))
        unit = np.ascontiguousarray(scaled / np.where(size > 0, size, 1)[:, None])
        with np.errstate(over="ignore"):
            q = np.where(peak > 0, np.maximum((peak * size) ** 2, TINY), 0.0)
        variance, second = np.empty((self.depth, len(x))), np.empty((self.depth, len(self.functions), len(x)))
        diag = q.copy()
        if not np.isfinite(q).all():
            return Rows(unit, variance, second, None, diag)
        for layer in range(self.depth):
            variance[layer] = q
            for k, function in enumerate(self.functions):
                second[layer, k] = moment(function, q)
            q = self.weight_variance * second[layer, 0] + self.bias_variance
            diag = q if len(self.functions) == 1 else q + self.weight_variance * second[layer, 1] * diag
        return Rows(unit, variance, second, None, diag)

    def fill(self, x: Rows, y: Rows | None, out: Array) -> None:
        """Write K(x, y), or K(x, x) where `y` is None, to `out`."""
        other = x if y is None else y
        if min((rows.variance.min() for rows in (x, other)), default=1.0) == 0:
            for rows in (x, other):
                rows.mean = np.array([[moment(f, q, power=1) for f in self.functions] for q in rows.variance])
        with one_blas_thread():
            layers = [self._bands(q, r) for q, r in zip(x.variance, other.variance, strict=True)]
            with ThreadPoolExecutor(get_num_threads()) as pool:
                jobs = [
                    pool.submit(self._write, x, other, tile, y is None, layers, out)
                    for tile in tiles(len(x.diag), len(other.diag), upper=y is None)
                ]
                try:
                    for job in jobs:
                        job.result()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
        if y is None:
            with np.errstate(over="ignore"):
                np.fill_diagonal(out, x.diag)

    def _bands(self, q: Array, r: Array) -> list[Bands]:
        """Return the tables of one layer; rows that are 0 for certain take any place in them."""
        both = np.concatenate([q, r])
        least = max(SMALLEST, float(both[both > 0].min(initial=np.inf))) if both.any() else 1.0
        logs = np.log(np.maximum(q, least)), np.log(np.maximum(r, least))
        return [Bands(function, *logs) for function in self.functions]

    def _write(
        self, x: Rows, y: Rows, tile: tuple[slice, slice], mirror: bool, layers: list[list[Bands]], out: Array
    ) -> None:
        rows, columns = tile
        values = self._tile(x.part(rows), y.part(columns), tile, layers)
        if mirror and rows == columns:
            values = np.where(np.tri(len(values), k=-1, dtype=bool), values.T, values)
        with np.errstate(over="ignore"):
            out[rows, columns] = values
            if mirror:
                out[columns, rows] = values.T

    def _tile(self, x: Rows, y: Rows, tile: tuple[slice, slice], layers: list[list[Bands]]) -> Array:
        """Return the kernel of some rows."""
        angle = angles(x.unit, y.unit)
        q, r = x.variance[0][:, None], y.variance[0]
        same = (angle == 0) & (q == r) | (q == 0) & (r == 0)
        covariance = np.sqrt(q) * np.sqrt(r) * np.cos(angle)
        values = covariance
        for layer, bands in enumerate(layers):
            defects = [each.defects(angle, tile) for each in bands]
            self._zero_rows(x, y, layer, defects)
            a, b = (np.sqrt(self.weight_variance * rows.second[layer]) for rows in (x, y))
            size = a[0][:, None] * b[0]
            covariance = size - size * defects[0]
            covariance += self.bias_variance
            values = covariance if len(bands) == 1 else covariance + a[1][:, None] * b[1] * (1 - defects[1]) * values
            if layer + 1 < self.depth:
                angle = self._next_angle(a[0], b[0], size, defects[0])
                angle[same] = 0.0
        np.copyto(values, x.diag[:, None], where=same)
        return values

    def _next_angle(self, a: Array, b: Array, size: Array, defect: Array) -> Array:
        """Return the angle of a b (1 - defect) plus the bias, from 1 - cos θ without cancellation."""
        bias = self.bias_variance
        whole = np.sqrt(a * a + bias)[:, None] * np.sqrt(b * b + bias)
        less = size * defect
        if bias > 0:
            # sqrt((a² + bias) (b² + bias)) - a b - bias
            less += bias * (a[:, None] - b) ** 2 / (whole + size + bias)
        less /= np.where(whole > 0, 2 * whole, 1.0)
        return 2 * np.arcsin(np.sqrt(np.clip(less, 0.0, 1.0, out=less), out=less), out=less)

    def _zero_rows(self, x: Rows, y: Rows, layer: int, defects: list[Array]) -> None:
        """Where an input of the activation is 0 for certain, E σ(u) σ(v) = σ(0) E σ(v)."""
        if x.mean is None or y.mean is None:
            return
        zero = (x.variance[layer] == 0)[:, None] | (y.variance[layer] == 0)
        for k, values in enumerate(defects):
            scale = np.sqrt(x.second[layer, k])[:, None] * np.sqrt(y.second[layer, k])
            product = x.mean[layer, k][:, None] * y.mean[layer, k]
            np.copyto(values, 1 - product / np.where(scale > 0, scale, 1.0), where=zero)


def angles(u: Array, v: Array) -> Array:
    """Return the angles between unit rows, exactly 0 between equal ones; of a zero row, π/2."""
    cosine = u @ v.T
    i, j = np.nonzero(np.abs(cosine) > NEAR)
    out = np.arccos(np.clip(cosine, -1.0, 1.0, out=cosine), out=cosine)
    for part in row_blocks(len(i), max(1, TILE_PAIRS // u.shape[1])):
        left, right, near = u[i[part]], v[j[part]], out[i[part], j[part]] < 1
        chord = left - np.where(near, 1.0, -1.0)[:, None] * right
        gap = 2 * np.arcsin(np.sqrt((chord * chord).sum(axis=1)) / 2)
        out[i[part], j[part]] = np.where(near, gap, np.pi - gap)
    return out


def tiles(n: int, m: int, *, upper: bool) -> Iterator[tuple[slice, slice]]:
    """Cut an (n, m) matrix into tiles; with `upper`, those on and above the diagonal."""
    height = min(n, TILE_ROWS)
    width = TILE_ROWS if upper else max(TILE_ROWS, TILE_PAIRS // height)
    for rows, columns in product(row_blocks(n, height), row_blocks(m, width)):
        if not upper or columns.start >= rows.start:
            yield rows, columns
