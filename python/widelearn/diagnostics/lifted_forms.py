"""The quadratic forms of single neurons, Σ_i u_i σ''(<w0_r, x_i>) x_i x_iᵀ/2: their extreme eigenvalues and norms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from widelearn.diagnostics.taylor_problem import derivative
from widelearn.nets import Expansion
from widelearn.runtime import check_memory, row_blocks

Array = NDArray[np.float64]

# Numbers of a block of rows that stay in cache, and of forms that are held at a time.
VALUES, FORMS = 1 << 20, 1 << 23
# Columns up to which products of two of them are formed for all neurons at once.
LIFTED = 128


class NeuronForms(NamedTuple):
    """Smallest and largest eigenvalue, squared Frobenius norm (m,), and first eigenvectors of neurons' forms.

    Eigenvectors are (m, d), or (m, 0) where they were not asked for.
    """

    smallest: Array
    largest: Array
    square: Array
    bottoms: Array


def neuron_forms(expansion: Expansion, X: Array, u: Array, *, vectors: bool = False) -> NeuronForms:
    """Measure S_r = Σ_i <u_i, a_r> σ''(<w0_r, x_i>) x_i x_iᵀ/2 of every neuron, for u (n, c).

    Σ_i <u_i, f(x_i)> = Σ_r w_rᵀ S_r w_r for the quadratic term f. Twins, which share w0_r and have opposite a_r, have
    opposite forms, of which one is computed; 2 n m d² flops without twins, and half of them with.
    """
    m, d = expansion.W0.shape
    check_memory(8 * max(4 * d * d, FORMS), f"Forms of neurons of {d} columns", "Take fewer columns.")
    half = m // 2
    twins = m % 2 == 0 and np.array_equal(expansion.W0[:half], expansion.W0[half:])
    twins = twins and np.array_equal(expansion.a[:half], -expansion.a[half:])
    blocks = row_blocks(half if twins else m, max(1, FORMS // (2 * d * d)))
    found = [_measured(expansion, X, u, neurons, vectors) for neurons in blocks]
    smallest, largest, square, bottoms, tops = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not twins:
        return NeuronForms(smallest, largest, square, bottoms)
    ends = np.append(smallest, -largest), np.append(largest, -smallest)
    return NeuronForms(*ends, np.append(square, square), np.vstack([bottoms, tops]))


def _measured(expansion: Expansion, X: Array, u: Array, neurons: slice, vectors: bool) -> tuple[Any, ...]:
    W0, a = expansion.W0[neurons], expansion.a[neurons]
    d = X.shape[1]
    forms, lifted = np.zeros((len(W0), d, d)), d <= LIFTED
    upper, lower = np.triu_indices(d)
    sums = np.zeros((len(W0), len(upper) if lifted else 0))
    for rows in row_blocks(len(X), max(1, VALUES // (sums.shape[1] + d + len(W0)))):
        x = X[rows]
        weights = derivative(expansion, x @ W0.T, 2) * (u[rows] @ a.T) / 2
        if lifted:
            sums += weights.T @ (x[:, upper] * x[:, lower])
        else:
            for form, weight in zip(forms, weights.T, strict=True):
                form += (x * weight[:, None]).T @ x
    if lifted:
        forms[:, upper, lower] = sums
        forms[:, lower, upper] = sums
    square = np.einsum("rij,rij->r", forms, forms)
    if not vectors:
        values, none = np.linalg.eigvalsh(forms), forms[:, :0, 0]
        return values[:, 0], values[:, -1], square, none, none
    values, found = np.linalg.eigh(forms)
    return values[:, 0], values[:, -1], square, found[:, :, 0], found[:, :, -1]
