"""Metrics learned from gradients: the average gradient outer product of a kernel machine, and its root."""

from collections.abc import Iterator

import numpy as np

from widelearn.kernels import Kernel, specs
from widelearn.kernels.gradients import slopes, sum_slopes
from widelearn.ridge.lapack import eigh
from widelearn.runtime import Array, check_memory, row_blocks

# Numbers in a tile of gradient factors.
TILE = 1 << 21


def gradients(kernel: Kernel, Z: Array, centres: Array, dual: Array) -> Iterator[tuple[slice, int, Array]]:
    """Yield rows, target and the gradients (rows, d) of Σ_j a_j k(z, z_j), all targets of one tile of rows in turn.

    With S_ij = h'(r_ij)/r_ij they are (S a) z - S (a z), two products; no array is larger than a tile of S and (m, d).
    Those of sums of absolute differences are a product a column, all targets at once.
    """
    spec = kernel.spec(Z.shape[1])
    for rows in row_blocks(len(Z), max(16, min(1024, TILE // max(len(centres), 1)))):
        z = np.ascontiguousarray(Z[rows])
        if isinstance(spec, specs.Manhattan):
            for t, found in enumerate(sum_slopes(spec.gamma, kernel(z, centres), z, centres, dual)):
                yield rows, t, found
            continue
        S = slopes(kernel, z, centres)
        for t in range(dual.shape[1]):
            a = dual[:, t : t + 1]
            out = S @ (a * centres)
            np.subtract((S @ a) * z, out, out=out)
            yield rows, t, out


def outer_product(kernel: Kernel, Z: Array, dual: Array, weight: Array | None, *, diagonal: bool) -> Array:
    """Return Σ_i w_i Σ_t ∇f_t(z_i) ∇f_t(z_i)' over the rows, or its diagonal, in float64."""
    d = Z.shape[1]
    if not diagonal:
        check_memory(32 * d * d, f"The metric of {d} columns and its root", "Take metric='diagonal'.")
    total = np.zeros(d if diagonal else (d, d))
    root = None if weight is None else np.sqrt(weight)[:, None]
    for rows, _, found in gradients(kernel, Z, Z, dual):
        # Single precision would leave noise in directions without gradients, which small exponents raise.
        G = found.astype(np.float64)
        if root is not None:
            G *= root[rows]
        total += np.einsum("ij,ij->j", G, G) if diagonal else G.T @ G
    return total


def applied(root: Array, Z: Array) -> Array:
    """Return rows times a root, a matrix or the diagonal of one."""
    return Z * root if root.ndim == 1 else Z @ root


def next_metric(root: Array, product: Array, exponent: float) -> tuple[Array, Array] | None:
    """Return the metric M = c (R P R)^exponent of trace d and its root; None where there is no gradient.

    `product` is P, of gradients in the mapped rows z = R x, so that R P R is of those in x.
    """
    P = product * root**2 if product.ndim == 1 else applied(root, applied(root, product).T)
    trace = P.sum() if P.ndim == 1 else np.trace(P)
    if not (np.isfinite(trace) and trace > 0.0):
        return None
    P = P / trace
    if P.ndim == 1:
        M = P**exponent
        M *= len(M) / M.sum()
        return M, np.sqrt(M)
    values, vectors = eigh(P.copy())
    # Roots would raise the rounding of zero eigenvalues.
    values[values < len(values) * np.finfo(np.float64).eps * values[-1]] = 0.0
    values **= exponent
    values *= len(values) / values.sum()
    return (vectors * values) @ vectors.T, (vectors * np.sqrt(values)) @ vectors.T
