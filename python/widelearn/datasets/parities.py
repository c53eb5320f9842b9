"""Sparse parities on the cube: uniform, structured and in groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state

from widelearn.datasets.checks import Array, between, bits, fits, sizes

KINDS = ("uniform", "structured", "grouped")


def parity(
    n: int,
    d: int,
    k: int,
    kind: str = "uniform",
    random_state: Any = None,
    *,
    mix: float = 0.5,
    n_groups: int = 3,
    group_rate: float = 1 / 12,
    background: float = 0.25,
    label_noise: float = 0.0,
    support: ArrayLike | None = None,
) -> Bunch:
    """Draw a parity of few hidden bits: y = Π_{j in A} x_j, |A| = k, on the cube {-1, 1}^d.

    "uniform": x is uniform. "structured": with probability `mix` the k bits of A are all equal, of a fair sign, and
    else uniform: that component's gradient shows A; for even k its labels are all +1. "grouped": y = sign Σ_j Π_{i
    in A_j} x_i over r = `n_groups` groups of k bits, r odd; with probability `group_rate` each for j = 1..r and
    either sign the bits of A_j are all that sign and the others of A = ∪ A_j are 0, else those of A are uniform; the
    other bits are 1, -1 and 0 with probabilities `background`, `background` and 1 - 2 `background`. The same seed
    gives the three kinds the same A (k and r alike), and the first two the same uniform bits: the uniform parity is
    the structured one with its structure removed; the grouped one without it has `group_rate` = 0, `background` = 1/2.

    Parameters
    ----------
    n, d, k : int
        Numbers of rows, of features and of bits (in a group).
    kind : {"uniform", "structured", "grouped"}, default="uniform"
        The law of the inputs.
    random_state : int, RandomState or None, default=None
        The seed.
    mix : float, default=0.5
        Share of the component of "structured" that shows A, from 0 to 1.
    n_groups : int, default=3
        Odd number r of groups of "grouped".
    group_rate : float, default=1/12
        Probability p_A of each of the 2 r components of "grouped" that show a group, at most 1/(2 r).
    background : float, default=0.25
        Probability p_o of either sign of a bit outside A of "grouped", at most 1/2.
    label_noise : float, default=0.0
        Probability that a label is flipped, at most 1/2.
    support : array-like of shape (k,) or (n_groups, k), optional
        A, to draw more rows of one problem; random if not given.

    Returns
    -------
    Bunch
        `X` (n, d) and `y` (n,), of -1 and 1; the truth: `support` (k,), sorted, or (r, k), `directions` (1, d) or (r,
        d), the unit vectors Σ_{j in A} e_j/√k, `uniform` (n,), which rows are of the uniform component (accuracy is
        to be reported on them: the others are easy), `bayes`, the best classifier, a function of rows, and
        `bayes_accuracy`.

    Raises
    ------
    ValueError
        If a size or a probability is out of range, k n_groups exceeds d, n_groups is even or the kind is unknown.

    References
    ----------
    Barak et al., "Hidden progress in deep learning", NeurIPS 2022 (uniform). Daniely & Malach, "Learning parities
    with neural networks", NeurIPS 2020 (structured). Shi, Wei & Liang, "Provable guarantees for neural networks via
    gradient feature learning", NeurIPS 2023 (grouped).

    Examples
    --------
    >>> from widelearn.datasets import parity
    >>> data = parity(100, 20, 3, kind="structured", random_state=0)
    >>> bool((data.X[:, data.support].prod(axis=1) == data.y).all())
    True
    >>> bool((data.bayes(data.X) == data.y).all()), data.support.shape
    (True, (3,))
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}.")
    n, d, k, n_groups = sizes(n=n, d=d, k=k, n_groups=n_groups)
    groups = n_groups if kind == "grouped" else 1
    mix, noise = between("mix", mix, 0, 1), between("label_noise", label_noise, 0, 0.5)
    background = between("background", background, 0, 0.5)
    if groups * k > d:
        raise ValueError(f"{groups * k} hidden bits must not exceed d = {d} features: take fewer.")
    if groups % 2 == 0:
        raise ValueError(f"n_groups must be odd, got {n_groups}: an even number of groups can tie.")
    if kind == "grouped":
        between("group_rate", group_rate, 0, 0.5 / groups)
    fits("rows", n, d)
    rng = check_random_state(random_state)
    drawn = rng.choice(d, groups * k, replace=False).reshape(groups, k)
    hidden = np.sort(drawn, axis=1) if support is None else bits(support, (groups, k), d)
    X = 2.0 * rng.randint(0, 2, (n, d)) - 1.0
    uniform = np.ones(n, dtype=bool)
    if kind == "structured":
        uniform = rng.uniform(size=n) >= mix
        shown = np.flatnonzero(~uniform)
        X[np.ix_(shown, hidden[0])] = (2.0 * rng.randint(0, 2, len(shown)) - 1.0)[:, None]
    elif kind == "grouped":
        uniform = _show_groups(X, hidden, group_rate, background, rng)
    bayes = _product(hidden)
    y = np.where(rng.uniform(size=n) < noise, -1, 1) * bayes(X)
    directions = np.zeros((groups, d))
    np.put_along_axis(directions, hidden, 1 / np.sqrt(k), axis=1)
    return Bunch(
        X=X,
        y=y,
        support=hidden if kind == "grouped" else hidden[0],
        directions=directions,
        uniform=uniform,
        bayes=bayes,
        bayes_accuracy=1 - noise,
    )


def _product(support: Array) -> Callable[[Array], Array]:
    """Return the parity of one group of bits, or the majority of several: the Bayes classifier."""

    def bayes(X: Array) -> Array:
        """Return the likelier label, -1 or 1, of every row."""
        return np.where(np.asarray(X)[:, support].prod(axis=2).sum(axis=1) > 0, 1, -1)

    return bayes


def _show_groups(X: Array, support: Array, rate: float, background: float, rng: np.random.RandomState) -> Array:
    """Overwrite rows of a cube by those of the grouped law; return which are of the uniform component."""
    groups, n = len(support), len(X)
    kept = X[:, support.ravel()]
    X[rng.uniform(size=X.shape) >= 2 * background] = 0.0
    X[:, support.ravel()] = kept
    uniform = rng.uniform(size=n) >= 2 * groups * rate
    shown = np.flatnonzero(~uniform)
    which, sign = rng.randint(0, groups, len(shown)), 2.0 * rng.randint(0, 2, len(shown)) - 1.0
    X[np.ix_(shown, support.ravel())] = 0.0
    X[shown[:, None], support[which]] = sign[:, None]
    return uniform
