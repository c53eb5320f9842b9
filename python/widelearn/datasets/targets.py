"""Regression targets that depend on few directions, or on few degrees: multi-index, staircase, polynomial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state

from widelearn.datasets.checks import LARGEST, Array, between, bits, fits, numbers, orthonormal, sizes
from widelearn.datasets.draws import normals
from widelearn.datasets.inputs import hypercube, sphere

# The highest degree on the sphere: beyond, harmonics are counted for seconds.
DEEP = 1000


def multi_index(
    n: int,
    d: int,
    n_directions: int = 2,
    link: Callable[[Array], ArrayLike] | None = None,
    noise: float = 0.0,
    random_state: Any = None,
    *,
    directions: ArrayLike | None = None,
) -> Bunch:
    """Draw a target of few directions of Gaussian inputs: y = g(U x) + τ ε, x ~ N(0, I_d), ε ~ N(0, 1).

    Parameters
    ----------
    n, d : int
        Numbers of rows and of features.
    n_directions : int, default=2
        Number r of directions, at most d.
    link : callable, default=None
        g, from (n, r) to (n,). None: Σ_j ((-1)^j h_2(z_j) + h_4(z_j))/√(2 r), j = 0..r-1, with the orthonormal Hermite
        polynomials h_2 and h_4: of mean 0 and variance 1, uncorrelated with x, and with a Hessian of rank r.
    noise : float, default=0.0
        Standard deviation τ of the noise.
    random_state : int, RandomState or None, default=None
        The seed.
    directions : array-like of shape (r, d), optional
        The rows of U, to draw more rows of one problem; random if not given.

    Returns
    -------
    Bunch
        `X` (n, d) and `y` (n,); the truth: `directions` U (r, d), orthonormal rows, `signal` (n,), y without its noise,
        and `bayes`, the best regression, a function of rows.

    Raises
    ------
    ValueError
        If a size or the noise is out of range, or the link returns another shape.

    References
    ----------
    Damian, Lee & Soltanolkotabi, "Neural networks can learn representations with gradient descent", COLT 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.datasets import multi_index
    >>> data = multi_index(4, 10, 1, link=lambda z: np.sin(z[:, 0]), random_state=0)
    >>> bool(np.allclose(data.y, np.sin(data.X @ data.directions[0])))
    True
    """
    n, d, n_directions = sizes(n=n, d=d, n_directions=n_directions)
    if n_directions > d:
        raise ValueError(f"n_directions = {n_directions} must not exceed d = {d}.")
    noise = between("noise", noise, 0, np.inf)
    fits("rows", n, d)
    rng = check_random_state(random_state)
    U = orthonormal(rng, directions, n_directions, d)
    X = normals(rng, n, d)
    g = _two_and_four if link is None else link

    def bayes(X: Array) -> Array:
        """Return E[y | x] of every row."""
        return np.asarray(g(np.asarray(X) @ U.T))

    return _with_noise(X, bayes, noise, rng, directions=U)


def staircase(
    n: int,
    d: int,
    degree: int = 3,
    noise: float = 0.0,
    random_state: Any = None,
    *,
    support: ArrayLike | None = None,
    terms: Sequence[Sequence[int]] | None = None,
) -> Bunch:
    """Draw a staircase on the cube: y = x_a + x_a x_b + x_a x_b x_c + ... + τ ε, every product one bit longer.

    Networks learn its bits one after the other, each step the foothold of the next; a kernel needs d^degree rows. With
    `terms` it is any sum of products of few bits, stairs with steps left out among them.

    Parameters
    ----------
    n, d : int
        Numbers of rows and of features.
    degree : int, default=3
        Number k of terms, at most d.
    noise : float, default=0.0
        Standard deviation τ of the noise.
    random_state : int, RandomState or None, default=None
        The seed.
    support : array-like of shape (k,), optional
        The bits, to draw more rows of one problem; random if not given.
    terms : sequence of sequences of int, optional
        The places in `support`, from 0 to k - 1, of the bits of each product; ((0,), (0, 1), (0, 1, 2), ...) if not
        given. ((0, 1, 2),) has no step below the third: :func:`widelearn.theory.leap` counts them.

    Returns
    -------
    Bunch
        `X` (n, d), of -1.0 and 1.0, and `y` (n,), of as many units of variance as there are terms, and τ²; the truth:
        `support` (k,), the bits in the order of the terms, `signal` (n,), y without its noise, and `bayes`, the best
        regression, a function of rows.

    Raises
    ------
    ValueError
        If a size or the noise is out of range, or terms are not different sets of places.

    References
    ----------
    Abbe, Boix-Adsera & Misiakiewicz, "The merged-staircase property", COLT 2022.

    Examples
    --------
    >>> from widelearn.datasets import staircase
    >>> data = staircase(100, 10, degree=2, random_state=0)
    >>> a, b = data.X[:, data.support].T
    >>> bool((data.y == a + a * b).all())
    True
    """
    n, d, degree = sizes(n=n, d=d, degree=degree)
    if degree > d:
        raise ValueError(f"degree = {degree} must not exceed d = {d}.")
    noise = between("noise", noise, 0, np.inf)
    products = None if terms is None else _places(terms, degree)
    fits("rows", n, d)
    rng = check_random_state(random_state)
    drawn = rng.choice(d, degree, replace=False)
    chosen = drawn if support is None else bits(support, (degree,), d)
    X = hypercube(n, d, rng)

    def bayes(X: Array) -> Array:
        """Return E[y | x] of every row."""
        z = np.asarray(X)[:, chosen]
        if products is None:
            return np.cumprod(z, axis=1).sum(axis=1)
        return np.sum([z[:, places].prod(axis=1) for places in products], axis=0)

    return _with_noise(X, bayes, noise, rng, support=chosen)


def polynomial(
    n: int,
    d: int,
    degree: int = 2,
    random_state: Any = None,
    *,
    masses: ArrayLike | None = None,
    domain: str = "sphere",
    noise: float = 0.0,
) -> Bunch:
    """Draw a polynomial target with a given mass in every degree: y = Σ_k √F_k P_k(x) + τ ε, E P_k P_l = 1{k = l}.

    On the sphere of radius √d P_k is the Gegenbauer polynomial of degree k of <u_k, x>/√d, u_k a random unit vector;
    on the cube it is the product of k random bits. Both are pure degree k, so that the masses F_k are the `target` of
    :func:`widelearn.theory.risk`.

    Parameters
    ----------
    n, d : int
        Numbers of rows and of features, d at least 2.
    degree : int, default=2
        The largest degree, at most d on the cube.
    random_state : int, RandomState or None, default=None
        The seed.
    masses : array-like of shape (degree + 1,), optional
        The F_k of degrees 0, 1, ...; 1/degree each for degrees from 1 on if not given.
    domain : {"sphere", "hypercube"}, default="sphere"
        Where the inputs are uniform.
    noise : float, default=0.0
        Standard deviation τ of the noise.

    Returns
    -------
    Bunch
        `X` (n, d) and `y` (n,); the truth: `masses` (degree + 1,), `directions` (degree + 1, d), the rows u_k or the
        indicators of bits, divided by √k, `signal` (n,), y without its noise, and `bayes`, the best regression, a
        function of rows.

    Raises
    ------
    ValueError
        If a size, a mass or the noise is out of range, or the domain is unknown.

    Examples
    --------
    >>> from widelearn.datasets import polynomial
    >>> data = polynomial(20000, 10, degree=3, masses=[0, 1, 0, 4], random_state=0)
    >>> bool(abs(data.y.var() - 5) < 0.5)
    True
    """
    n, d, degree = sizes(n=n, d=d, degree=degree)
    if d < 2 or domain not in ("sphere", "hypercube") or (domain == "hypercube" and degree > d):
        raise ValueError(f"d = {d} must be at least 2 and, on the hypercube, degree = {degree}; got {domain!r}.")
    F = np.append(0.0, np.full(degree, 1 / degree)) if masses is None else numbers("masses", masses)
    if F.shape != (degree + 1,) or not (np.isfinite(F).all() and F.min() >= 0):
        raise ValueError(f"masses must be {degree + 1} non-negative numbers, got {F.tolist()}.")
    noise = between("noise", noise, 0, np.inf)
    if domain == "sphere" and (degree > DEEP or _harmonics(degree, d) > LARGEST):
        raise ValueError(
            f"degree = {degree} in {d} dimensions has more harmonics than float64 counts. Take a lower one."
        )
    fits("rows and terms", n + degree, d + 2 * degree)
    rng = check_random_state(random_state)
    if domain == "sphere":
        U = sphere(degree + 1, d, rng) / np.sqrt(d)
        X = sphere(n, d, rng)
    else:
        products = [rng.choice(d, k, replace=False) for k in range(degree + 1)]
        U = np.zeros((degree + 1, d))
        for k, chosen in enumerate(products):
            U[k, chosen] = 1 / np.sqrt(max(k, 1))
        X = hypercube(n, d, rng)

    def bayes(X: Array) -> Array:
        """Return E[y | x] of every row."""
        rows = np.asarray(X)
        if domain == "sphere":
            terms = [_gegenbauer(rows @ U[k] / np.sqrt(d), k, d) for k in range(degree + 1)]
        else:
            terms = [rows[:, chosen].prod(axis=1) for chosen in products]
        return np.stack(terms, axis=1) @ np.sqrt(F)

    return _with_noise(X, bayes, noise, rng, masses=F, directions=U)


def _with_noise(
    X: Array, bayes: Callable[[Array], Array], noise: float, rng: np.random.RandomState, **truth: Any
) -> Bunch:
    signal = np.asarray(bayes(X), dtype=float)
    if signal.shape != (len(X),):
        raise ValueError(f"The link must return one number a row, of shape ({len(X)},), but returned {signal.shape}.")
    return Bunch(X=X, y=signal + noise * rng.standard_normal(len(X)), signal=signal, bayes=bayes, **truth)


def _places(terms: Any, degree: int) -> list[Array]:
    """Return the places of each product's bits."""
    found = [np.asarray(term) for term in terms]
    sets = all(one.ndim == 1 and one.size and np.unique(one).size == one.size for one in found)
    if not found or not sets or not all(one.dtype.kind in "iu" and set(one) <= set(range(degree)) for one in found):
        raise ValueError(f"terms must be sets of whole numbers from 0 to {degree - 1}, got {terms!r}.")
    if len({tuple(sorted(one)) for one in found}) < len(found):
        raise ValueError(f"terms must be different sets of places, got {terms!r}.")
    return found


def _two_and_four(z: Array) -> Array:
    """Return Σ_j ((-1)^j h_2(z_j) + h_4(z_j))/√(2 r)."""
    two, four = (z**2 - 1) / np.sqrt(2), (z**4 - 6 * z**2 + 3) / np.sqrt(24)
    signs = np.where(np.arange(z.shape[1]) % 2 == 0, 1.0, -1.0)
    return (two * signs + four).sum(axis=1) / np.sqrt(2 * z.shape[1])


def _gegenbauer(t: Array, degree: int, d: int) -> Array:
    """Return the Gegenbauer polynomial of <u, x>/√d that has mean square 1 on the sphere in R^d."""
    before, now = np.zeros_like(t), np.ones_like(t)
    for k in range(degree):
        before, now = now, ((2 * k + d - 2) * t * now - k * before) / (k + d - 2) if k else t
    # the dimension of the harmonics of that degree, 1/E of the square of the polynomial that is 1 at t = 1
    return np.sqrt(float(_harmonics(degree, d))) * now


def _harmonics(degree: int, d: int) -> int:
    """Return the number of harmonics of a degree on the sphere in R^d."""
    return (2 * degree + d - 2) * comb(degree + d - 3, degree - 1) // degree if degree else 1
