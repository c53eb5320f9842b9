"""Sums of kernels with weights: drawn to be chosen from, and their matrices from those of the terms."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from widelearn.kernels.base import Constant, Kernel, Product, Sum, as_kernel
from widelearn.runtime import Array, check_memory, has_room

# Kernel matrices that are held beside those of the terms while a candidate is judged.
BESIDE = 6
# What a term of a sum takes, as objects of Python.
TERM_BYTES = 300


def weighted_sums(
    kernels: Sequence[Any],
    n_iter: int = 100,
    *,
    concentration: float | Sequence[float] = (0.1, 1.0),
    random_state: int | np.random.RandomState | None = None,
) -> list[Kernel]:
    """Return sums of kernels with weights from the simplex, to choose from: Σ_g w_g k_g, w_g >= 0, Σ_g w_g = 1.

    Given to ``KernelRidgeCV(kernel=...)``, which judges each by left-out rows in closed form, they are a random search
    for the weights of kernels: of groups of columns, say, or of several lengths.

    Parameters
    ----------
    kernels : sequence of Kernel, str or callable
        The terms k_g, at least two.
    n_iter : int, default=100
        Number of sums. The first has equal weights.
    concentration : float or sequence of float, default=(0.1, 1.0)
        Of the symmetric Dirichlet laws that weights are drawn from in turn: 1 is uniform on the simplex, and smaller
        ones leave most of the weight to few kernels. From 0.01 to 1e6.
    random_state : int, RandomState or None, default=None
        Seed of the weights.

    Returns
    -------
    list of Kernel
        The sums; a term of weight 0 is left out.

    Raises
    ------
    ValueError
        If there are fewer than two kernels, or a number is out of its range.
    TypeError
        If `kernels` is no sequence of what stands for a kernel, or `n_iter` is no integer.
    MemoryError
        If so many sums do not fit, with the bytes.

    See Also
    --------
    Columns : A kernel that sees some of the columns.

    Notes
    -----
    Sums share their terms with each other and with `kernels`: what `set_params` changes in one changes in all.

    Weights compare kernels of like size, such as those that are 1 at equal rows; divide others by their mean diagonal.
    Estimators that choose among the sums compute the kernel matrix of each term once, where memory holds them all, and
    eigenvectors or a band for each sum.

    References
    ----------
    Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant, "Feature-space selection with banded ridge regression",
    NeuroImage 264, 2022 (its random search over the simplex).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn import KernelRidgeCV
    >>> from widelearn.kernels import RBF, Columns, weighted_sums
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (60, 6))
    >>> y = X[:, 0] * X[:, 1] + 0.1 * rng.standard_normal(60)
    >>> groups = [Columns(RBF(1.0), [0, 1]), Columns(RBF(1.0), [2, 3, 4, 5])]
    >>> model = KernelRidgeCV(weighted_sums(groups, 20, random_state=0)).fit(X, y)
    >>> bool(model.kernel_.k1.k1.value > 0.9)
    True
    """
    if isinstance(kernels, str) or not isinstance(kernels, Iterable):
        raise TypeError(f"kernels must be a sequence of kernels, got {kernels!r}.")
    parts = [as_kernel(kernel) for kernel in kernels]
    if len(parts) < 2:
        raise ValueError(f"kernels must be at least two, got {len(parts)}.")
    if not isinstance(n_iter, Integral) or isinstance(n_iter, bool):
        raise TypeError(f"n_iter must be an integer, got {n_iter!r}.")
    if n_iter < 1:
        raise ValueError(f"n_iter must be at least 1, got {n_iter}.")
    laws: list[Any] = [concentration] if np.ndim(concentration) == 0 else list(concentration)
    if not laws or not all(isinstance(law, Real) and 0.01 <= law <= 1e6 for law in laws):
        raise ValueError(f"concentration must be numbers from 0.01 to 1e6, got {concentration!r}.")
    what = f"The {n_iter} sums of {len(parts)} kernels"
    check_memory(int(n_iter) * len(parts) * TERM_BYTES, what, "Take fewer: some hundreds tell most of the weights.")
    whole = isinstance(random_state, Integral)
    rng = np.random.default_rng(random_state if whole else check_random_state(random_state).randint(2**31 - 1))
    drawn = (rng.dirichlet([float(laws[i % len(laws)])] * len(parts)) for i in range(int(n_iter) - 1))
    return [weighted(parts, weights) for weights in (np.full(len(parts), 1.0 / len(parts)), *drawn)]


def weighted(parts: Sequence[Kernel], weights: Array) -> Kernel:
    """Return the sum of kernels by their weights, without those of weight 0."""
    terms: list[Kernel] = [float(weight) * part for weight, part in zip(weights, parts, strict=True) if weight > 0]
    return reduce(Sum, terms)


def terms_of(kernel: Kernel) -> list[tuple[Constant | None, Kernel]]:
    """Return the terms of a sum, each with the constant that it is multiplied by, if any."""
    if isinstance(kernel, Sum):
        return [term for part in (kernel.k1, kernel.k2) for term in terms_of(as_kernel(part))]
    return [(kernel.multiple() if isinstance(kernel, Product) else None) or (None, kernel)]


class Grams:
    """Kernel matrices of the same rows by several kernels: that of a term which some of them share is computed once."""

    def __init__(self, kernels: Iterable[Any], n: int) -> None:
        found = [terms_of(kernel) for kernel in kernels if isinstance(kernel, Kernel)]
        self._known: dict[Kernel, Array | None] = {}
        if any(len(terms) > 1 for terms in found):
            count = Counter(term for terms in found for term in {term for _, term in terms})
            shared = [term for term, times in count.items() if times > 1 and not isinstance(term, Constant)]
            if has_room(8 * n * n * (len(shared) + BESIDE)):
                self._known = dict.fromkeys(shared)

    def matrix(self, kernel: Kernel, X: Array) -> Array:
        """Return K(X, X), a copy; `X` are the same rows at each call."""
        terms = terms_of(kernel) if self._known else []
        if not any(term in self._known for _, term in terms):
            return kernel(X)
        out = np.zeros((X.shape[0], X.shape[0]), X.dtype)
        for factor, term in terms:
            out += self._of(term, X) * X.dtype.type(1.0 if factor is None else factor.number())
        # Of a sum that overflows the kernel says at which row.
        return out if np.isfinite(out.diagonal()).all() else kernel(X)

    def _of(self, term: Kernel, X: Array) -> Array:
        if term not in self._known:
            return term(X)
        found = self._known[term]
        if found is None:
            found = self._known[term] = term(X)
        return found
