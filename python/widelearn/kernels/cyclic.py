"""Kernels averaged over cyclic shifts of the columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from widelearn.kernels.base import Kernel, as_kernel
from widelearn.runtime import Array


@dataclass(eq=False, repr=False)
class CyclicAverage(Kernel):
    """Average a kernel over cyclic shifts of the columns: k(x, x') = (1/d) Σ_g k_0(x, g x').

    g x' are the columns of x' shifted by 0 to d - 1 places, the last ones coming first.

    For signals on a ring, where a shift does not change the target: kernel ridge regression with it fits invariant
    functions only, from about d times fewer rows.

    Parameters
    ----------
    kernel : Kernel or str
        k_0, which must not change where both rows are shifted alike: all kernels of inner products and distances are
        so. Its parameters are ``kernel__...``.

    Raises
    ------
    ValueError
        If k_0 is a kernel of a net's weights, random or given, or a function of yours, which such shifts may change.

    Notes
    -----
    d Gram matrices of k_0; of the same bits for every number of threads. ``theory.cyclic_spectrum`` has its spectrum.

    References
    ----------
    Mei, Misiakiewicz & Montanari, "Learning with invariances in random features and kernel models", COLT 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.kernels import RBF, CyclicAverage
    >>> kernel, x = CyclicAverage(RBF(gamma=0.5)), np.array([1.0, 2.0, 4.0])
    >>> bool(np.isclose(kernel(x, np.roll(x, 1)), kernel(x, x)))
    True
    """

    kernel: Any = "rbf"

    @property
    def compiled(self) -> bool:
        """It is evaluated here, by Gram matrices of its kernel."""
        return False

    def _own_gram(self, x: Array, y: Array | None, out: Array) -> None:
        inner, other = self._inner(), x if y is None else y
        inner._gram(x, y, out)
        part = np.empty_like(out)
        for shift in range(1, x.shape[1]):
            inner._gram(x, np.ascontiguousarray(np.roll(other, shift, axis=1)), part)
            out += part
        out *= out.dtype.type(1 / x.shape[1])
        if y is None:
            # Shifts by s and by d - s are each other's transposes, to rounding.
            out += out.T.copy()
            out *= out.dtype.type(0.5)

    def _own_diag(self, x: Array, out: Array) -> None:
        inner, d = self._inner(), x.shape[1]
        shifts = (np.arange(d) - np.arange(d)[:, None]) % d
        row = np.empty((1, d), x.dtype)
        for i in range(len(x)):
            inner._gram(x[i : i + 1], x[i][shifts], row)
            # One after the other, as a Gram matrix adds them.
            out[i] = np.cumsum(row[0])[-1]
        out *= out.dtype.type(1 / d)

    def _inner(self) -> Kernel:
        kernel = as_kernel(self.kernel)
        if not _shifts_with(kernel):
            raise ValueError(
                f"CyclicAverage: {kernel!r} may change where both rows are shifted. Take a kernel of inner products or"
                " distances."
            )
        return kernel


def _shifts_with(kernel: Kernel) -> bool:
    """Whether shifting both rows alike leaves every part of a kernel as it is."""
    parts = (getattr(kernel, name) for name in ("k1", "k2", "kernel") if hasattr(kernel, name))
    return kernel._columns_alike and all(_shifts_with(as_kernel(part)) for part in parts)
