"""Labels that patterns of a dictionary decide, and labels that a line decides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state

from widelearn.datasets.checks import Array, between, bits, fits, numbers, orthonormal, sizes
from widelearn.datasets.draws import normals

KINDS = ("structured", "uniform")
DICTIONARIES = ("orthonormal", "incoherent")


def dictionary_pattern(
    n: int,
    d: int,
    k: int,
    kind: str = "structured",
    random_state: Any = None,
    *,
    n_atoms: int | None = None,
    labels: Any = "parity",
    mix: float = 0.5,
    background: float = 0.5,
    dictionary: str = "orthonormal",
    label_noise: float = 0.0,
    support: ArrayLike | None = None,
    atoms: ArrayLike | None = None,
) -> Bunch:
    """Draw rows that are sums of a dictionary's atoms, labelled by how many of k hidden patterns are in them.

    x̃ = Σ_j φ_j M_j with D unit atoms M_j and φ in {0, 1}^D; y = 1 if Σ_{j in A} φ_j is one of the counts `labels`, else
    -1, |A| = k. With probability `mix` the k bits of A are all 0 or all 1, with equal chances, else uniform; the others
    are 1 with probability `background`. Rows are x = √d (x̃ - E x̃)/σ with σ² = E‖x̃ - E x̃‖², so that E‖x‖² = d. kind =
    "uniform" removes the structure: all bits are fair and independent; the same seed gives it the same atoms and A.

    Parameters
    ----------
    n, d, k : int
        Numbers of rows, of features and of hidden patterns.
    kind : {"structured", "uniform"}, default="structured"
        Whether bits of A show themselves together.
    random_state : int, RandomState or None, default=None
        The seed.
    n_atoms : int, optional
        D; d if not given, or the number of `atoms`.
    labels : {"parity", "threshold"} or sequence of int, default="parity"
        The counts of label 1: the odd ones, those above k/2, or those given. Classes are balanced for odd k.
    mix : float, default=0.5
        Share of the component that shows A, from 0 to 1.
    background : float, default=0.5
        Rate p_o of the other bits, above 0 and at most 1/2.
    dictionary : {"orthonormal", "incoherent"}, default="orthonormal"
        Law of random atoms: orthonormal, D at most d, or independent and uniform on the unit sphere.
    label_noise : float, default=0.0
        Probability that a label is flipped, at most 1/2.
    support : array-like of shape (k,), optional
        A, to draw more rows of one problem; random if not given.
    atoms : array-like of shape (n_atoms, d), optional
        The M_j, to draw more rows of one problem; random if not given.

    Returns
    -------
    Bunch
        `X` (n, d) and `y` (n,), of -1 and 1; the truth: `atoms` (D, d), `codes` (n, D), the φ, `support` (k,), sorted,
        `directions` (1, d), the unit vector along Σ_{j in A} M_j, `uniform` (n,), the rows of the uniform component,
        and, if atoms are independent, `bayes`, the best classifier, a function of rows, and `bayes_accuracy`.

    Raises
    ------
    ValueError
        If a size or a probability is out of range, or atoms or labels do not fit.

    References
    ----------
    Shi, Wei & Liang, "A theoretical analysis on feature learning in neural networks: emergence from inputs and
    advantage over fixed features", ICLR 2022; the law of the bits of A is that of Daniely & Malach, NeurIPS 2020.

    Examples
    --------
    >>> from widelearn.datasets import dictionary_pattern
    >>> data = dictionary_pattern(200, 30, 3, n_atoms=20, random_state=0)
    >>> bool((data.bayes(data.X) == data.y).all())
    True
    >>> bool(((data.codes[:, data.support].sum(axis=1) % 2 == 1) == (data.y == 1)).all())
    True
    """
    if kind not in KINDS or dictionary not in DICTIONARIES:
        raise ValueError(
            f"kind must be one of {', '.join(KINDS)} and dictionary one of {', '.join(DICTIONARIES)}, got {kind!r} and"
            f" {dictionary!r}."
        )
    n, d, k = sizes(n=n, d=d, k=k)
    given = None if atoms is None else _given_atoms(atoms, d)
    D = _number(n_atoms, given, d, k)
    mix, noise = between("mix", mix, 0, 1), between("label_noise", label_noise, 0, 0.5)
    background = between("background", background, 1e-6, 0.5)
    counts = _counts(labels, k)
    fits("rows and codes", n + D, d + D)
    rng = check_random_state(random_state)
    M = _atoms(rng, given, dictionary, D, d)
    drawn = np.sort(rng.choice(D, k, replace=False))
    hidden = drawn if support is None else bits(support, (k,), D)
    rate, shown = (background, mix) if kind == "structured" else (0.5, 0.0)
    codes, uniform = _codes(rng, n, D, hidden, rate, shown)
    y = np.where(np.isin(codes[:, hidden].sum(axis=1), counts), 1, -1)
    y = y * np.where(rng.uniform(size=n) < noise, -1, 1)
    mean, unit = _moments(M, hidden, rate, shown, d)
    along = M[hidden].sum(axis=0)
    found = Bunch(
        X=(codes @ M - mean) * unit,
        y=y,
        atoms=M,
        codes=codes,
        support=hidden,
        directions=(along / max(float(np.linalg.norm(along)), 1e-300))[None],
        uniform=uniform,
    )
    if d >= D and np.linalg.matrix_rank(M) == D:
        # the sum of the duals of A reads the count
        reader = np.linalg.pinv(M)[:, hidden].sum(axis=1)

        def bayes(X: Array) -> Array:
            """Return the likelier label, -1 or 1, of every row."""
            read = (np.asarray(X) / unit + mean) @ reader
            return np.where(np.isin(np.rint(read), counts), 1, -1)

        found.update(bayes=bayes, bayes_accuracy=1 - noise)
    return found


def linearly_separable(
    n: int,
    d: int,
    margin: float = 0.5,
    random_state: Any = None,
    *,
    label_noise: float = 0.0,
    directions: ArrayLike | None = None,
) -> Bunch:
    """Draw rows that a hidden direction separates: <u, x> = y (margin + |z|), z ~ N(0, 1), and N(0, I) across u.

    y is a fair sign. E y x = (margin + √(2/π)) u: the gradient of neurons that are active everywhere is along u.

    Parameters
    ----------
    n, d : int
        Numbers of rows and of features.
    margin : float, default=0.5
        The least distance of a row from the plane, at least 0.
    random_state : int, RandomState or None, default=None
        The seed.
    label_noise : float, default=0.0
        Probability that a label is flipped, at most 1/2.
    directions : array-like of shape (1, d), optional
        u, to draw more rows of one problem; random if not given.

    Returns
    -------
    Bunch
        `X` (n, d) and `y` (n,), of -1 and 1; the truth: `directions` (1, d), the row u, `margin`, `bayes`, the best
        classifier, a function of rows, and `bayes_accuracy`.

    Raises
    ------
    ValueError
        If a size, the margin or the noise is out of range.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023 (linear
    data); the law is this package's.

    Examples
    --------
    >>> from widelearn.datasets import linearly_separable
    >>> data = linearly_separable(500, 10, margin=0.3, random_state=0)
    >>> bool((data.y * (data.X @ data.directions[0])).min() >= 0.3)
    True
    """
    n, d = sizes(n=n, d=d)
    margin, noise = between("margin", margin, 0, np.inf), between("label_noise", label_noise, 0, 0.5)
    fits("rows", n, d)
    rng = check_random_state(random_state)
    hidden = orthonormal(rng, directions, 1, d)
    u = hidden[0]
    sign = 2.0 * rng.randint(0, 2, n) - 1.0
    X = normals(rng, n, d)
    along = X @ u
    X += np.outer(sign * (margin + np.abs(along)) - along, u)
    y = sign.astype(int) * np.where(rng.uniform(size=n) < noise, -1, 1)

    def bayes(X: Array) -> Array:
        """Return the likelier label, -1 or 1, of every row."""
        return np.where(np.asarray(X) @ u > 0, 1, -1)

    return Bunch(X=X, y=y, directions=hidden, margin=margin, bayes=bayes, bayes_accuracy=1 - noise)


def _counts(labels: Any, k: int) -> Array:
    """Return the numbers of patterns that have label 1."""
    every = np.arange(k + 1)
    if isinstance(labels, str):
        if labels not in ("parity", "threshold"):
            raise ValueError(f"labels must be parity, threshold or counts from 0 to {k}, got {labels!r}.")
        return every[every % 2 == 1] if labels == "parity" else every[2 * every > k]
    found = np.asarray(labels)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not np.isin(found, every).all() or len(found) > k:
        raise ValueError(f"labels must be some counts from 0 to {k}, not all, got {labels!r}.")
    return found


def _given_atoms(atoms: ArrayLike, d: int) -> Array:
    """Return unit atoms that a user gave."""
    rows = numbers("atoms", atoms)
    if rows.ndim != 2 or rows.shape[1] != d or not len(rows) or not np.isfinite(rows).all():
        raise ValueError(f"atoms must be finite, of shape (D, {d}), got shape {rows.shape}.")
    lengths = np.linalg.norm(rows, axis=1)
    if not np.allclose(lengths, 1, atol=1e-8):
        raise ValueError(f"atoms must be unit vectors, got lengths {lengths.min():g} to {lengths.max():g}.")
    return rows


def _number(n_atoms: int | None, given: Array | None, d: int, k: int) -> int:
    """Return the number of atoms, enough for the hidden patterns."""
    (D,) = sizes(n_atoms=n_atoms if n_atoms is not None else d if given is None else len(given))
    if given is not None and len(given) != D:
        raise ValueError(f"n_atoms = {D} does not fit {len(given)} atoms: leave it out.")
    if k > D:
        raise ValueError(f"k = {k} hidden patterns must not exceed n_atoms = {D}.")
    return D


def _atoms(rng: np.random.RandomState, given: Array | None, dictionary: str, D: int, d: int) -> Array:
    """Return the atoms: drawn in any case, so that the rest of the draw is the same."""
    if given is None and dictionary == "orthonormal" and d < D:
        raise ValueError(f"n_atoms = {D} orthonormal atoms need d = {d} to be as large: take incoherent ones.")
    drawn: Array
    if dictionary == "orthonormal" and d >= D:
        drawn = orthonormal(rng, None, D, d)
    else:
        drawn = rng.standard_normal((D, d))
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn if given is None else given


def _codes(rng: np.random.RandomState, n: int, D: int, hidden: Array, rate: float, shown: float) -> tuple[Array, Array]:
    """Return the codes of n rows, and which rows are of the uniform component."""
    uniform = rng.uniform(size=n) >= shown
    codes = (rng.uniform(size=(n, D)) < rate).astype(float)
    codes[:, hidden] = rng.randint(0, 2, (n, len(hidden)))
    codes[np.ix_(np.flatnonzero(~uniform), hidden)] = rng.randint(0, 2, n - uniform.sum())[:, None]
    return codes, uniform


def _moments(M: Array, hidden: Array, rate: float, shown: float, d: int) -> tuple[Array, float]:
    """Return E x̃ and √d/σ: independent bits, but those of A, whose covariances are a quarter of the mix."""
    inside = np.isin(np.arange(len(M)), hidden)
    variance = np.where(inside, 0.25 * (1 - shown), rate * (1 - rate))
    along = M[inside].sum(axis=0)
    square = float(np.sum(variance * np.sum(M**2, axis=1)) + 0.25 * shown * (along @ along))
    return np.where(inside, 0.5, rate) @ M, float(np.sqrt(d / square))
