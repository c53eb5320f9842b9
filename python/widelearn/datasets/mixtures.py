"""Mixtures of Gaussians with a label for every cluster."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, ndtr
from sklearn.utils import Bunch, check_random_state

from widelearn.datasets.checks import Array, between, fits, numbers, orthonormal, positive, sizes
from widelearn.datasets.draws import normals

# The largest mean whose squared distances are numbers.
FARTHEST = 1e150


def xor_mixture(
    n: int,
    d: int,
    radius: float,
    random_state: Any = None,
    *,
    label_noise: float = 0.0,
    directions: ArrayLike | None = None,
) -> Bunch:
    """Draw four clusters whose labels are an exclusive or: N(±R u, I) has label 1 and N(±R v, I) label -1.

    u and v are hidden orthonormal directions, R = `radius`. No linear function helps, and where R² is small beside √d
    and n beside d² no kernel does, although the best classifier, the sign of <u, x>² - <v, x>², is right with
    probability Φ(R/√2)² + Φ(-R/√2)² whatever d.

    Parameters
    ----------
    n, d : int
        Numbers of rows and of features, d at least 2.
    radius : float
        R, the distance of the clusters from 0 in standard deviations of their coordinates, positive.
    random_state : int, RandomState or None, default=None
        The seed.
    label_noise : float, default=0.0
        Probability that a label is flipped, at most 1/2.
    directions : array-like of shape (2, d), optional
        u and v, to draw more rows of one problem; random if not given.

    Returns
    -------
    Bunch
        `X` (n, d) and `y` (n,), of -1 and 1; the truth: `directions` (2, d), the rows u and v, `cluster` (n,), 0 to 3
        for R u, -R u, R v and -R v, `bayes`, the best classifier, a function of rows, and `bayes_accuracy`.

    Raises
    ------
    ValueError
        If a size, the radius or the noise is out of range.

    References
    ----------
    Refinetti et al., "Classifying high-dimensional Gaussian mixtures: where kernel methods fail and neural networks
    succeed", ICML 2021.

    Examples
    --------
    >>> from widelearn.datasets import xor_mixture
    >>> data = xor_mixture(2000, 50, radius=4.0, random_state=0)
    >>> round(data.bayes_accuracy, 4)
    0.9953
    >>> bool(abs((data.bayes(data.X) == data.y).mean() - data.bayes_accuracy) < 0.005)
    True
    """
    n, d = sizes(n=n, d=d)
    if d < 2:
        raise ValueError(f"d = {d} has no room for two directions: take at least 2.")
    radius, noise = positive("radius", radius), between("label_noise", label_noise, 0, 0.5)
    fits("rows", n, d)
    rng = check_random_state(random_state)
    hidden = orthonormal(rng, directions, 2, d)
    cluster = rng.randint(0, 4, n)
    X = normals(rng, n, d)
    X += (radius * np.where(cluster % 2 == 0, 1.0, -1.0))[:, None] * hidden[cluster // 2]
    y = np.where(cluster < 2, 1, -1) * np.where(rng.uniform(size=n) < noise, -1, 1)

    def bayes(X: Array) -> Array:
        """Return the likelier label, -1 or 1, of every row."""
        along = np.abs(np.asarray(X) @ hidden.T)
        return np.where(along[:, 0] > along[:, 1], 1, -1)

    # <u + v, x>/√2 and <u - v, x>/√2 are independent N(±R/√2, 1); the best label is the sign of their product.
    right = ndtr(radius / np.sqrt(2)) ** 2 + ndtr(-radius / np.sqrt(2)) ** 2
    accuracy = float(right * (1 - noise) + (1 - right) * noise)
    return Bunch(X=X, y=y, directions=hidden, cluster=cluster, bayes=bayes, bayes_accuracy=accuracy)


def gaussian_mixture(
    n: int,
    d: int,
    n_clusters: int = 4,
    radius: float = 4.0,
    random_state: Any = None,
    *,
    means: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    scale: ArrayLike = 1.0,
    label_noise: float = 0.0,
) -> Bunch:
    """Draw labelled Gaussian clusters: x ~ Σ_j p_j N(μ_j, s_j² I), with the label of the cluster.

    Parameters
    ----------
    n, d : int
        Numbers of rows and of features.
    n_clusters : int, default=4
        Number r of clusters, if `means` are not given; at most d.
    radius : float, default=4.0
        Length of the means, if they are not given: they are then orthogonal, of random directions.
    random_state : int, RandomState or None, default=None
        The seed.
    means : array-like of shape (r, d), optional
        The μ_j, in place of `n_clusters` and `radius`.
    labels : array-like of shape (r,), optional
        Labels of the clusters, of any kind; 1 and -1 in turn if they are not given.
    weights : array-like of shape (r,), optional
        The p_j, non-negative; divided by their sum. Equal if they are not given.
    scale : float or array-like of shape (r,), default=1.0
        The standard deviations s_j, positive.
    label_noise : float, default=0.0
        Probability that a label is replaced by another one, each other one alike; at most 1/2.

    Returns
    -------
    Bunch
        `X` (n, d) and `y` (n,); the truth: `means` (r, d), `directions` (r, d), the means divided by their lengths (0
        where those are), `labels`, `weights` and `scale` (r,), `cluster` (n,), and `bayes`, the best classifier, a
        function of rows; for two clusters of one scale and two labels `bayes_accuracy`, too.

    Raises
    ------
    ValueError
        If a size or the noise is out of range, arrays do not fit the number of clusters, weights or scales are not
        positive, or a single label is to be replaced.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023, section 4
    (mixtures of Gaussians).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.datasets import gaussian_mixture
    >>> means = [[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0]]
    >>> data = gaussian_mixture(500, 2, means=means, labels=["a", "a", "b"], random_state=0)
    >>> bool(np.mean(data.bayes(data.X) == data.y) > 0.95), data.directions[2]
    (True, array([0., 1.]))
    """
    n, d, n_clusters = sizes(n=n, d=d, n_clusters=n_clusters)
    fits("rows", n, d)
    rng = check_random_state(random_state)
    centres = _centres(means, n_clusters, radius, d, rng)
    r = len(centres)
    names = np.where(np.arange(r) % 2 == 0, 1, -1) if labels is None else np.asarray(labels)
    p = numbers("weights", np.ones(r) if weights is None else weights)
    s = numbers("scale", scale)
    if names.shape != (r,) or p.shape != (r,) or s.shape not in ((), (r,)):
        raise ValueError(f"labels {names.shape}, weights {p.shape} and scale {s.shape} must be of shape ({r},).")
    if not (np.isfinite(p).all() and p.min() >= 0 and p.sum() > 0):
        raise ValueError(f"weights must be non-negative and not all 0, got {p.tolist()}.")
    if not (np.isfinite(s).all() and s.min() > 0):
        raise ValueError(f"scale must be positive and finite, got {s.tolist()}.")
    p, s, noise = p / p.sum(), np.broadcast_to(s, r).copy(), between("label_noise", label_noise, 0, 0.5)
    cluster = rng.choice(r, n, p=p)
    X = centres[cluster] + s[cluster, None] * normals(rng, n, d)
    # Powers of two change no bits, and keep the squares of small means.
    units = np.ldexp(centres, -np.frexp(np.abs(centres).max(axis=1, keepdims=True))[1])
    lengths = np.linalg.norm(units, axis=1, keepdims=True)
    kinds = _kinds(names)
    y = _relabelled(names[cluster], kinds, noise, rng)

    def bayes(X: Array) -> Array:
        """Return the likeliest label of every row."""
        rows = np.asarray(X, dtype=float)
        distances = np.stack([((rows - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
        with np.errstate(divide="ignore"):
            logs = np.log(p) - d * np.log(s) - distances / (2 * s**2)
        return kinds[np.stack([logsumexp(logs[:, names == kind], axis=1) for kind in kinds], axis=1).argmax(axis=1)]

    found = Bunch(
        X=X,
        y=y,
        means=centres,
        directions=units / np.where(lengths > 0, lengths, 1.0),
        labels=names,
        weights=p,
        scale=s,
        cluster=cluster,
        bayes=bayes,
    )
    if r == len(kinds) == 2 and s[0] == s[1]:
        right = _two_clusters(centres[0] - centres[1], float(s[0]), p)
        found.bayes_accuracy = right * (1 - noise) + (1 - right) * noise
    return found


def _centres(
    means: ArrayLike | None, n_clusters: int, radius: float, d: int, rng: np.random.RandomState
) -> NDArray[np.float64]:
    """Return the means: those given, or orthogonal ones of random directions."""
    if means is None:
        if n_clusters > d:
            raise ValueError(f"n_clusters = {n_clusters} orthogonal means need d = {d} to be as large: pass means.")
        return between("radius", positive("radius", radius), 0, FARTHEST) * orthonormal(rng, None, n_clusters, d)
    centres = numbers("means", means)
    if centres.ndim != 2 or centres.shape[1] != d or not len(centres) or not np.isfinite(centres).all():
        raise ValueError(f"means must be finite, of shape (r, {d}), got shape {centres.shape}.")
    if (largest := float(np.abs(centres).max())) > FARTHEST:
        raise ValueError(f"means reach {largest:.3g}, and squares beyond {FARTHEST:g} leave float64: scale them down.")
    return centres


def _two_clusters(apart: Array, scale: float, p: Array) -> float:
    """Return how often the likelier of two Gaussians of one scale is right, by the difference of their means."""
    with np.errstate(over="ignore"):
        distance = float(np.linalg.norm(apart / scale))
    if not (distance > 0 and p.min() > 0):
        return float(p.max())
    with np.errstate(over="ignore", divide="ignore"):
        shift = np.log(p[0] / p[1]) / distance
    return float(p[0] * ndtr(distance / 2 + shift) + p[1] * ndtr(distance / 2 - shift))


def _kinds(names: Array) -> Array:
    """Return different labels, sorted."""
    try:
        return np.unique(names)
    except TypeError:
        raise ValueError(f"labels must be of one kind, as all numbers or all texts, got {names.tolist()}.") from None


def _relabelled(y: Array, kinds: Array, noise: float, rng: np.random.RandomState) -> Array:
    """Return labels of which some are replaced by another one of the kinds; without noise nothing is drawn."""
    if not noise:
        return y
    if len(kinds) < 2:
        raise ValueError(f"label_noise = {noise:g} needs another label, but all clusters have {kinds[0]!r}.")
    place = np.searchsorted(kinds, y)
    moved = (place + rng.randint(1, len(kinds), len(y))) % len(kinds)
    return kinds[np.where(rng.uniform(size=len(y)) < noise, moved, place)]
