"""Orthonormal polynomials by their recurrence of three terms."""

from collections.abc import Iterator

import numpy as np

from widelearn.theory.checks import Array

# Rows of polynomials that are held at once.
HELD = 64


def orthonormal_blocks(t: Array, b: list[float], size: int) -> Iterator[Array]:
    """Yield P_0(t), P_1(t), ..., one row each, `size` rows at a time: t P_k = b_k P_{k+1} + b_{k-1} P_{k-1}, P_0 = 1.

    There is a polynomial more than there are numbers b.
    """
    below, here = np.zeros_like(t), np.ones_like(t)
    for start in range(0, len(b) + 1, size):
        rows = np.ones((min(size, len(b) + 1 - start), *t.shape))
        for j, row in enumerate(rows, start):
            if j:
                np.multiply(t, here, out=row)
            if j > 1:
                row -= b[j - 2] * below
            if j:
                row /= b[j - 1]
                below, here = here, row
        # Who takes the rows may change them.
        below, here = below.copy(), here.copy()
        yield rows
