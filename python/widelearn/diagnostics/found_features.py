"""Which directions gradients share, found on one half of the rows and proved on the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from widelearn.diagnostics.cones import cone_cover, interval_of, positive
from widelearn.diagnostics.first_gradients import (
    gradient_features,
    merged,
    problem_of,
    refuse_tiny,
    residuals_of,
    seed_of,
)
from widelearn.nets import TwoLayer
from widelearn.runtime import NumberOverflowError, capped

Array = NDArray[np.float64]

# Fewest rows of a half whose mean is near enough to normal for its test.
FEWEST = 20
# Level of the intervals of probabilities.
LEVEL = 0.9


@dataclass(frozen=True, eq=False)
class FoundFeatures:
    """Hold directions that the gradients of many neurons share, proved on rows that did not choose them.

    Parameters
    ----------
    directions : ndarray of shape (q, d)
        Unit rows D, those of most neurons first.
    members : ndarray of shape (m,)
        The direction of every neuron, -1 for those of none.
    probability, lower, upper : ndarray of shape (q,)
        Shares of the neurons, and ends of their 90 % intervals.
    norms : ndarray of shape (q,)
        ‖E G‖, the length of the members' mean gradient, free of noise in the mean square.
    angles : ndarray of shape (q,)
        By how many degrees sampling has turned D: tan θ = √E‖error‖²/‖E G‖.
    scores : ndarray of shape (q,)
        Standard errors by which the second half of the rows confirms D.
    n_candidates : int
        How many directions were tested.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import FoundFeatures
    >>> one = np.ones(1)
    >>> FoundFeatures(
    ...     np.eye(2)[:1], np.zeros(9, int), one, one, one, one, one, 9 * one, 3
    ... ).n_candidates
    3
    """

    directions: Array
    members: NDArray[np.intp]
    probability: Array
    lower: Array
    upper: Array
    norms: Array
    angles: Array
    scores: Array
    n_candidates: int


@capped
def discover_features(
    X: ArrayLike,
    y: ArrayLike,
    W: ArrayLike,
    b: ArrayLike,
    *,
    outputs: ArrayLike | None = None,
    loss: str = "logistic",
    sample_weight: ArrayLike | None = None,
    cone: float = 0.1,
    min_count: int = 5,
    max_features: int = 20,
    alpha: float = 0.01,
    random_state: int = 0,
) -> FoundFeatures:
    """Find directions that neurons' simplified gradients share, and keep those that fresh rows confirm.

    :func:`cone_cover` groups the gradients of one half of the rows. Gradients of the same rows share their noise, too:
    they would form cones without any structure. So the mean gradient of a group, on the other half, must point along
    the group's direction, by a one-sided test at level α over the number of groups. Residuals are taken less their
    mean, which a constant explains, and equal rows are one row.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Rows, at least 40 different ones with weight.
    y : array-like of shape (n,)
        Labels -1 and 1, or any numbers.
    W : array-like of shape (m, d)
        First layer: the start of a net, or draws of :func:`initial_neurons`.
    b : array-like of shape (m,)
        Thresholds.
    outputs : array-like of shape (n,), optional
        f(x_i) of a net, for what it has not fitted yet.
    loss : {"logistic", "hinge", "squared"}, default="logistic"
        ℓ where there are outputs.
    sample_weight : array-like of shape (n,), optional
        Weights >= 0.
    cone : float, default=0.1
        γ of the groups: |cos| > 1 - γ.
    min_count : int, default=5
        Fewest neurons in a group.
    max_features : int, default=20
        Most groups.
    alpha : float, default=0.01
        Probability of any direction where labels have nothing to do with rows, between 0 and 1.
    random_state : int, default=0
        The seed of the halves.

    Returns
    -------
    FoundFeatures
        Directions, by both halves together, with their shares of the neurons, lengths and errors; none may be found.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is out of range, or rows are too few.
    MemoryError
        If the gradients or m² bytes do not fit.

    Notes
    -----
    Some 12 n m d flops and m² d. The test is of a mean of independent numbers, one a row, taken for normal. A parity of
    uniform bits has gradients that are not 0, but small: enough rows find them, and should. Thresholds tell groups of
    bits apart: three groups of 15 of 100 bits were found within 2 degrees from 40,000 rows with thresholds of two
    standard deviations of the sum over a group where the other bits are hardly ever on (background=0.01); with lower
    thresholds, or other bits that are on more often, mixtures of the groups are found.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023: gradient
    features. The test is derived here.

    Examples
    --------
    >>> from widelearn.datasets import parity
    >>> from widelearn.diagnostics import discover_features, initial_neurons
    >>> W, b = initial_neurons(100, 20)
    >>> kinds = "structured", "uniform"
    >>> seen, unseen = (parity(1500, 20, 5, kind, random_state=0) for kind in kinds)
    >>> found = discover_features(seen.X, seen.y, W, b)
    >>> len(found.directions), bool(abs(found.directions @ seen.directions.T)[0, 0] > 0.99)
    (1, True)
    >>> len(discover_features(unseen.X, unseen.y, W, b).directions)
    0
    """
    rows, first, thresholds, weight = problem_of(X, y, W, b, sample_weight)
    residual = residuals_of(y, outputs, loss, len(rows))
    refuse_tiny(rows, residual)
    rows, residual, weight = merged(rows, residual - weight @ residual, weight)
    chance = positive("alpha", alpha, 1.0)
    if not 0 < chance < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha!r}.")
    order = np.random.default_rng(seed_of(random_state)).permutation(len(rows))
    if len(order) < 2 * FEWEST:
        raise ValueError(f"{len(order)} different rows have weight: two halves of at least {FEWEST} are needed.")
    one, two = order[::2], order[1::2]
    chosen = gradient_features(rows[one], residual[one], first, thresholds, sample_weight=weight[one])
    # Gradients that are noise for the larger part vote for no direction.
    heard = np.where((chosen.errors <= chosen.norms**2)[:, None], chosen.G, 0.0)
    axes, members = cone_cover(heard, cone=cone, min_count=min_count, max_features=max_features)
    groups = []
    for c in range(len(axes)):
        inside = np.flatnonzero(members == c)
        signs = np.where(chosen.G[inside] @ axes[c] < 0, -1.0, 1.0) / len(inside)
        share = _mean_activity(rows, first[inside], thresholds[inside], signs)
        groups.append((share, _score((rows[two] @ axes[c]) * residual[two] * share[two], weight[two])))
    scores = np.array([score for _, score in groups])
    kept = np.flatnonzero(ndtr(-scores) * len(axes) <= chance)
    means = [_mean_gradient(rows, residual * groups[c][0], weight) for c in kept]
    directions = np.array([mean / np.linalg.norm(mean) for mean, _ in means]).reshape(len(kept), rows.shape[1])
    # Members' signs are relative; the axis has that of their sum.
    signs = np.where(np.einsum("ij,ij->i", directions, axes[kept]) < 0, -1.0, 1.0)
    errors = np.array([error for _, error in means])
    norms = np.sqrt([max(float(mean @ mean) - error, 0.0) for mean, error in means])
    places = np.full(len(axes) + 1, -1)
    places[kept] = np.arange(len(kept))
    members = places[members]
    counts = np.bincount(members[members >= 0], minlength=len(kept)).astype(np.intp)
    lower, upper = interval_of(counts, len(first), LEVEL, "clopper-pearson")
    angles = np.degrees(np.arctan2(np.sqrt(errors), norms))
    shares = (counts / len(first), lower, upper)
    return FoundFeatures(signs[:, None] * directions, members, *shares, norms, angles, scores[kept], len(axes))


def _mean_activity(rows: Array, first: Array, thresholds: Array, signs: Array) -> Array:
    """Return Σ_r s_r 1{<w_r, x> > b_r} at every row."""
    return np.asarray(TwoLayer(first, thresholds, signs[:, None], "step").outputs(rows)[:, 0])


def _score(values: Array, weight: Array) -> float:
    """Return a weighted mean over its standard error."""
    largest = float(np.abs(values).max())
    if not largest > 0:
        return 0.0
    values, p = values / largest, weight / weight.sum()
    mean = float(p @ values)
    error = float(np.sqrt(np.sum(p**2 * (values - mean) ** 2) / (1 - p @ p)))
    return mean / error if error > 0 else 0.0


def _mean_gradient(rows: Array, factor: Array, weight: Array) -> tuple[Array, float]:
    """Return the mean of factor x and its mean square error."""
    lost = float(weight @ weight)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (weight * factor) @ rows
        squares = float(np.sum((weight * factor) ** 2 * np.einsum("ij,ij->i", rows, rows)))
        error = max(squares - lost * float(mean @ mean), 0.0) / (1 - lost)
    if not (np.isfinite(error) and np.isfinite(mean).all()):
        raise NumberOverflowError("The squares of the gradients are beyond float64. Scale rows or labels down.")
    return np.asarray(mean), error
