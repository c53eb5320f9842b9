"""Laws of inputs under which theory is exact, or fails: sphere, cube, spiked, latent, elliptical."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Bunch, check_random_state

from widelearn.datasets.checks import LARGEST, fits, numbers, positive, sizes
from widelearn.datasets.draws import normals

Array = NDArray[np.float64]


def sphere(n: int, d: int, random_state: Any = None) -> Array:
    """Draw inputs uniformly from the sphere of radius √d in R^d.

    Parameters
    ----------
    n, d : int
        Numbers of inputs and of features.
    random_state : int, RandomState or None, default=None
        The seed.

    Returns
    -------
    ndarray of shape (n, d)
        Rows of norm √d, so that coordinates have mean square 1.

    Raises
    ------
    ValueError
        If n or d is not a whole number of at least 1.

    Examples
    --------
    >>> from widelearn.datasets import sphere
    >>> X = sphere(5, 3, random_state=0)
    >>> X.shape, (X**2).sum(axis=1).round(12)
    ((5, 3), array([3., 3., 3., 3., 3.]))
    """
    n, d = sizes(n=n, d=d)
    fits("rows", n, d)
    return _sphere(check_random_state(random_state), n, d, np.sqrt(d))


def hypercube(n: int, d: int, random_state: Any = None) -> Array:
    """Draw inputs uniformly from the cube {-1, 1}^d.

    Parameters
    ----------
    n, d : int
        Numbers of inputs and of features.
    random_state : int, RandomState or None, default=None
        The seed.

    Returns
    -------
    ndarray of shape (n, d)
        Entries -1.0 and 1.0.

    Raises
    ------
    ValueError
        If n or d is not a whole number of at least 1.

    Examples
    --------
    >>> from widelearn.datasets import hypercube
    >>> sorted(set(hypercube(5, 3, random_state=0).ravel().tolist()))
    [-1.0, 1.0]
    """
    n, d = sizes(n=n, d=d)
    fits("rows", n, d)
    return 2.0 * check_random_state(random_state).randint(0, 2, (n, d)) - 1.0


def spiked(n: int, d: int, n_directions: int, radius: float = 1.0, random_state: Any = None) -> Bunch:
    """Draw inputs that are longer in few hidden directions: x = U z + V z'.

    z is uniform on the sphere of radius `radius` √k in k = `n_directions` dimensions, z' on that of radius √(d - k) in
    the others, [U V] a random rotation. Kernels see an effective dimension between k and d, smaller for a larger
    radius; a target that is a function of z shows what learning U is worth.

    Parameters
    ----------
    n, d : int
        Numbers of inputs and of features.
    n_directions : int
        k < d.
    radius : float, default=1.0
        Length of a coordinate of z beside one of z'; 1 is nearly isotropic.
    random_state : int, RandomState or None, default=None
        The seed.

    Returns
    -------
    Bunch
        `X` (n, d); the truth: `directions` (k, d), orthonormal rows, and `z` (n, k), in units of the radius.

    Raises
    ------
    ValueError
        If a size is out of range or the radius not positive.

    References
    ----------
    Ghorbani et al., "When do neural networks outperform kernel methods?", NeurIPS 2020

    Examples
    --------
    >>> from widelearn.datasets import spiked
    >>> data = spiked(4, 10, n_directions=2, radius=3.0, random_state=0)
    >>> bool(abs(data.X @ data.directions.T - 3.0 * data.z).max() < 1e-12)
    True
    """
    n, d, n_directions = sizes(n=n, d=d, n_directions=n_directions)
    if n_directions >= d:
        raise ValueError(f"n_directions = {n_directions} must be below d = {d}.")
    radius = positive("radius", radius)
    fits("rows and the rotation", n + d, d)
    rng = check_random_state(random_state)
    rotation = _rotation(rng, d)
    z = _sphere(rng, n, n_directions, np.sqrt(n_directions))
    rest = _sphere(rng, n, d - n_directions, np.sqrt(d - n_directions))
    X = radius * z @ rotation[:n_directions] + rest @ rotation[n_directions:]
    return Bunch(X=X, z=z, directions=rotation[:n_directions])


def latent(n: int, p: int, d: int, mu: float = 1.0, random_state: Any = None) -> Bunch:
    """Draw noisy views of few hidden variables: x = W z + u.

    z ~ N(0, I_d) is hidden, u ~ N(0, I_p), and W'W = (p μ/d) I_d, W random otherwise: the more features, the better
    they determine z.

    Parameters
    ----------
    n, p : int
        Numbers of inputs and of features.
    d : int
        Number of hidden variables, at most p.
    mu : float, default=1.0
        Signal-to-noise ratio μ, non-negative.
    random_state : int, RandomState or None, default=None
        The seed.

    Returns
    -------
    Bunch
        `X` (n, p); the truth: `z` (n, d) and `directions` (d, p), the transpose of W.

    Raises
    ------
    ValueError
        If a size or μ is out of range.

    References
    ----------
    Hastie et al., "Surprises in high-dimensional ridgeless least squares interpolation", Annals of Statistics 2022
    (the latent space model).

    Examples
    --------
    >>> from widelearn.datasets import latent
    >>> data = latent(4, 10, 2, mu=0.5, random_state=0)
    >>> (data.directions @ data.directions.T).round(9) + 0.0
    array([[2.5, 0. ],
           [0. , 2.5]])
    """
    n, p, d = sizes(n=n, p=p, d=d)
    if d > p:
        raise ValueError(f"d = {d} hidden variables must not exceed p = {p} features.")
    if not (isinstance(mu, Real) and 0 <= mu <= LARGEST):
        raise ValueError(f"mu must be non-negative and finite, got {mu!r}.")
    fits("rows and directions", n + d, p)
    rng = check_random_state(random_state)
    W = np.linalg.qr(rng.standard_normal((p, d)))[0] * np.sqrt(p * mu / d)
    z = normals(rng, n, d)
    return Bunch(X=z @ W.T + normals(rng, n, p), z=z, directions=W.T)


def elliptical(n: int, d: int, scales: ArrayLike = (0.1, 1.99**0.5), random_state: Any = None) -> Bunch:
    """Draw Gaussian inputs of random lengths: x = s g, g ~ N(0, I_d), s one of `scales` with equal chances.

    The covariance is E s² I, but quadratic forms do not concentrate, so the theory of ridge regression with independent
    features fails here: a negative control.

    Parameters
    ----------
    n, d : int
        Numbers of inputs and of features.
    scales : array-like, default=(0.1, √1.99)
        Positive; the default has mean square 1.
    random_state : int, RandomState or None, default=None
        The seed.

    Returns
    -------
    Bunch
        `X` (n, d), and `scales` (n,), the s of each row.

    Raises
    ------
    ValueError
        If a size is out of range or a scale not positive.

    References
    ----------
    El Karoui, "On the impact of predictor geometry on the performance on high-dimensional ridge-regularized
    generalized robust regression estimators", Probability Theory and Related Fields 2018.

    Examples
    --------
    >>> from widelearn.datasets import elliptical
    >>> data = elliptical(1000, 50, random_state=0)
    >>> bool(abs((data.X**2).mean() - 1) < 0.1)
    True
    """
    n, d = sizes(n=n, d=d)
    choices = np.atleast_1d(numbers("scales", scales))
    if choices.ndim != 1 or not choices.size or not (np.isfinite(choices).all() and np.all(choices > 0)):
        raise ValueError(f"scales must be positive and finite, got {scales!r}.")
    fits("rows", n, d)
    rng = check_random_state(random_state)
    s = choices[rng.randint(0, len(choices), n)]
    return Bunch(X=s[:, None] * normals(rng, n, d), scales=s)


def _sphere(rng: np.random.RandomState, n: int, d: int, radius: float) -> Array:
    X = normals(rng, n, d)
    X *= radius / np.linalg.norm(X, axis=1, keepdims=True)
    return X


def _rotation(rng: np.random.RandomState, d: int) -> Array:
    """Return a rotation, uniform up to signs of its rows, which the laws above do not see."""
    Q: Array = np.linalg.qr(rng.standard_normal((d, d)))[0]
    return Q.T
