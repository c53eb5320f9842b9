"""Cones about directions: which gradients lie in them, how often, and the fewest that hold most gradients."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

from widelearn.diagnostics.first_gradients import GradientFeatures, unit_rows
from widelearn.diagnostics.net_paths import rows_of
from widelearn.runtime import capped, check_memory, in_range

Array = NDArray[np.float64]

INTERVALS = ("clopper-pearson", "wilson")
# Directions of a cone are improved so often.
ROUNDS = 3
# Below it rounding would put a vector out of its own cone.
NARROWEST = 1e-9


@dataclass(frozen=True, eq=False)
class FeatureSets:
    """Hold how often neurons' gradients lie in cones about directions: p of S_{p, γ, B_G}, with intervals.

    Parameters
    ----------
    directions : ndarray of shape (r, d)
        Unit rows D.
    cones : ndarray of shape (c,)
        The γ: |cos| > 1 - γ.
    min_norm : float
        B_G.
    counts : ndarray of shape (r, c)
        Neurons whose gradients lie in the cone and are as long as B_G.
    n_draws : int
        Number of neurons.
    probability, lower, upper : ndarray of shape (r, c)
        Shares of the neurons, and ends of their intervals.
    short, unresolved : float
        Shares of neurons that count for no cone: with ‖G‖ below B_G, or, of the others, with an error above ‖G‖.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import FeatureSets
    >>> p = np.array([[0.25]])
    >>> sets = FeatureSets(
    ...     np.eye(2)[:1],
    ...     np.array([0.1]),
    ...     0.0,
    ...     np.array([[5]]),
    ...     20,
    ...     p,
    ...     p - 0.1,
    ...     p + 0.2,
    ...     0.0,
    ...     0.0,
    ... )
    >>> sets.contains(0.1), sets.contains(0.2)
    (array([[ True]]), array([[False]]))
    """

    directions: Array
    cones: Array
    min_norm: float
    counts: NDArray[np.intp]
    n_draws: int
    probability: Array
    lower: Array
    upper: Array
    short: float
    unresolved: float

    @in_range
    def contains(self, probability: float) -> NDArray[np.bool_]:
        """Return which (direction, γ) are in S_{p, γ, B_G} by the lower end of the interval."""
        return np.asarray(self.lower >= probability)


@in_range
def feature_sets(
    features: GradientFeatures,
    directions: ArrayLike,
    *,
    cones: ArrayLike = (0.3, 0.1, 0.03, 0.01),
    min_norm: float = 0.0,
    sign: int | None = None,
    level: float = 0.9,
    interval: str = "clopper-pearson",
) -> FeatureSets:
    """Estimate the sets S_{p, γ, B_G}: P(|cos(G(w, b), D)| > 1 - γ, ‖G(w, b)‖ >= B_G, sign b = s) over drawn neurons.

    Parameters
    ----------
    features : GradientFeatures
        Gradients of neurons that were drawn independently: estimated by :func:`gradient_features`, or closed forms.
    directions : array-like of shape (r, d)
        The D, of any length but 0.
    cones : float or array-like of shape (c,), default=(0.3, 0.1, 0.03, 0.01)
        The γ, above 0 and at most 1.
    min_norm : float, default=0.0
        B_G.
    sign : {-1, 1}, optional
        s: only neurons with thresholds of that sign count; all of them if it is not given.
    level : float, default=0.9
        Probability that an interval holds p, between 0 and 1.
    interval : {"clopper-pearson", "wilson"}, default="clopper-pearson"
        Never below the level, or near it and shorter.

    Returns
    -------
    FeatureSets
        Shares and intervals of every direction and cone, and how many neurons could not be judged.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is out of range.
    TypeError
        If the features are of another kind.

    Notes
    -----
    m r d operations. Norms and cosines are those that sampling noise does not inflate; a neuron with √E‖Ĝ - G‖² >
    ‖G‖ counts for no cone. Intervals are of the draw of neurons, the rows as they are.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023: the
    gradient feature set. Clopper & Pearson, Biometrika 1934; Wilson, JASA 1927.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import GradientFeatures, feature_sets, initial_neurons
    >>> from widelearn.theory import mixture_gradient
    >>> means = np.sqrt(20) * np.eye(20)[[0, 0, 1, 1]] * [[1], [-1], [1], [-1]]
    >>> W, b = initial_neurons(600, 20, bias_scale=2.0)
    >>> G = mixture_gradient(W, b, means, [1, 1, -1, -1], scale=0.25).G
    >>> sets = feature_sets(
    ...     GradientFeatures(W, b, G, np.zeros(600)), np.eye(20)[:2], min_norm=0.4
    ... )
    >>> sets.probability.round(2)
    array([[0.06, 0.06, 0.06, 0.06],
           [0.05, 0.05, 0.05, 0.05]])
    """
    if not isinstance(features, GradientFeatures):
        raise TypeError(f"features must be GradientFeatures, got {type(features).__name__}.")
    gammas = np.atleast_1d(np.asarray(cones, dtype=float))
    if gammas.ndim != 1 or not gammas.size or not np.all((gammas > 0) & (gammas <= 1)):
        raise ValueError(f"cones must be numbers above 0 and at most 1, got {gammas.tolist()}.")
    least, chance = positive("min_norm", min_norm, np.inf), positive("level", level, 1.0)
    if not 0 < chance < 1:
        raise ValueError(f"level must be between 0 and 1, got {level!r}.")
    if sign not in (None, -1, 1) or interval not in INTERVALS:
        raise ValueError(
            f"sign must be -1, 1 or None and interval one of {', '.join(INTERVALS)}, got {sign!r}, {interval!r}."
        )
    axes = unit_rows(directions, features.G.shape[1])
    norms, m = features.norms, len(features.G)
    long = (norms > 0) & (norms >= least)
    resolved = long & (features.errors <= norms**2)
    chosen = resolved if sign is None else resolved & (np.sign(features.b) == sign)
    near = np.abs(features.cosines(axes)) * chosen[:, None]
    counts = np.stack([np.count_nonzero(near > 1 - gamma, axis=0) for gamma in gammas], axis=1)
    lower, upper = interval_of(counts, m, chance, interval)
    return FeatureSets(
        axes,
        gammas,
        least,
        counts,
        m,
        counts / m,
        lower,
        upper,
        float(np.mean(~long)),
        float(np.mean(long & ~resolved)),
    )


def interval_of(counts: NDArray[np.intp], m: int, level: float, kind: str) -> tuple[Array, Array]:
    """Return the two ends of a confidence interval of a probability that was met `counts` times of m."""
    tail, k = (1 - level) / 2, np.asarray(counts, dtype=float)
    if kind == "wilson":
        z2 = float(ndtri(tail)) ** 2
        centre, half = k + z2 / 2, np.sqrt(z2 * (k * (m - k) / m + z2 / 4))
        return (np.clip((centre - half) / (m + z2), 0.0, 1.0), np.clip((centre + half) / (m + z2), 0.0, 1.0))
    lower = np.where(k > 0, betaincinv(np.maximum(k, 1), m - k + 1, tail), 0.0)
    upper = np.where(k < m, betaincinv(k + 1, np.maximum(m - k, 1), 1 - tail), 1.0)
    return lower, upper


@capped
def cone_cover(
    G: ArrayLike, *, cone: float = 0.1, min_count: int = 5, max_features: int = 20
) -> tuple[Array, NDArray[np.intp]]:
    """Cover vectors by cones about axes, greedily: the cone that holds most of them, then of those left, and so on.

    Opposite vectors are one axis, |cos| > 1 - γ: the sign of an output weight turns a neuron's step around.

    Parameters
    ----------
    G : array-like of shape (m, d)
        Vectors; those that are 0 belong to no cone.
    cone : float, default=0.1
        γ, from 1e-9 to below 1.
    min_count : int, default=5
        Fewest vectors in a cone.
    max_features : int, default=20
        Most cones.

    Returns
    -------
    directions : ndarray of shape (q, d)
        Unit rows, the axes, in the order of the cones; their sign is that of the members' sum. None may be found.
    members : ndarray of shape (m,)
        The cone of every vector, -1 for those in none.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is out of range.
    MemoryError
        If m² bytes do not fit.

    Notes
    -----
    m² d operations and m² bytes. An axis is the first principal one of the unit vectors about a vector, three rounds
    over, or that vector where the axis has too few in its cone. Axes are mixtures where gradients are: without
    thresholds those of two clusters fill their plane.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import cone_cover
    >>> G = np.array([[2.0, 0.1], [-1.0, 0.0], [0.0, 3.0], [0.1, 1.0], [0.0, 0.0]])
    >>> directions, members = cone_cover(G, min_count=2)
    >>> members
    array([ 0,  0,  1,  1, -1])
    """
    vectors = rows_of("G", G)
    gamma = positive("cone", cone, 1.0)
    if not NARROWEST <= gamma < 1:
        raise ValueError(f"cone must be from {NARROWEST:g} to below 1, got {cone!r}.")
    for name, count in (("min_count", min_count), ("max_features", max_features)):
        if not isinstance(count, Integral) or isinstance(count, bool) or count < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {count!r}.")
    m = len(vectors)
    check_memory(m * m + 24 * vectors.size, f"The cones of {m} vectors", "Take fewer neurons.")
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    units = vectors / np.where(largest > 0, largest, 1.0)
    units = units / np.where(largest > 0, np.linalg.norm(units, axis=1, keepdims=True), 1.0)
    near = np.empty((m, m), dtype=bool)
    for start in range(0, m, 512):
        near[start : start + 512] = np.abs(units[start : start + 512] @ units.T) > 1 - gamma
    left, members = largest[:, 0] > 0, np.full(m, -1)
    axes: list[Array] = []
    while left.any() and len(axes) < max_features:
        counts = np.where(left, near @ left.astype(np.float32), 0)
        place = int(counts.argmax())
        inside = near[place] & left
        for _ in range(ROUNDS):
            axis = np.linalg.svd(units[inside], full_matrices=False)[2][0]
            closer = (np.abs(units @ axis) > 1 - gamma) & left
            if np.count_nonzero(closer) < np.count_nonzero(inside):
                break
            inside = closer
        # Members are those of the last axis, or of the vector that it began with.
        inside = (np.abs(units @ axis) > 1 - gamma) & left
        if np.count_nonzero(inside) < min_count:
            axis, inside = units[place], near[place] & left
        if np.count_nonzero(inside) < min_count:
            break
        axis = axis if (units[inside] @ axis).sum() >= 0 else -axis
        members[inside] = len(axes)
        axes.append(axis)
        left = left & ~inside
    return np.array(axes).reshape(len(axes), vectors.shape[1]), members


def positive(name: str, value: float, most: float) -> float:
    """Return a number that is not negative, up to a largest one."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= value <= most or not value < np.inf:
        raise ValueError(f"{name} must be a finite number from 0 to {most:g}, got {value!r}.")
    return float(value)
