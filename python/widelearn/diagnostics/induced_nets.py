"""Networks of few neurons along given directions: how well the best of them does, bounded from above by one of them."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, expit, ndtri

from widelearn.diagnostics.first_gradients import column, halves, seed_of, unit_rows
from widelearn.diagnostics.net_paths import rows_of
from widelearn.nets import TwoLayer
from widelearn.runtime import NumberOverflowError, capped, check_memory

Array = NDArray[np.float64]

LOSSES = ("hinge", "logistic", "squared")
# The hinge's kink is rounded over this width of margins; steps between two looks at the gap.
KINK, LOOK = 1e-2, 50
# Most thresholds, neurons or steps.
MOST = 100_000
# Curvature of the losses as they are minimised.
CURVATURE = {"hinge": 1 / KINK, "logistic": 0.25, "squared": 1.0}


@dataclass(frozen=True, eq=False)
class OptBound:
    """Hold one network along given directions, and what its loss on rows that did not choose it says of OPT.

    Parameters
    ----------
    bound : float
        Upper confidence limit of the expected loss of the network, so of OPT over its class.
    loss, std_error : float
        Mean loss on the rows that did not choose the network, and its standard error.
    train : float
        Mean loss on the rows that did.
    gap : float
        No network of these neurons within the norms has a mean loss on those rows that is lower by more.
    W : ndarray of shape (r, d)
        Unit rows, directions or opposite ones.
    b, a : ndarray of shape (r,)
        Thresholds and output weights.

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.diagnostics import OptBound
    >>> OptBound(0.2, 0.1, 0.05, 0.1, 1e-4, np.eye(2), np.zeros(2), np.ones(2)).bound
    0.2
    """

    bound: float
    loss: float
    std_error: float
    train: float
    gap: float
    W: Array
    b: Array
    a: Array


@capped
def opt_bound(
    X: ArrayLike,
    y: ArrayLike,
    directions: ArrayLike,
    *,
    weight_norm: float,
    largest_weight: float = np.inf,
    largest_bias: float = np.inf,
    sign: int | None = None,
    n_biases: int = 8,
    n_neurons: int | None = None,
    loss: str = "hinge",
    delta: float = 0.05,
    tol: float = 1e-3,
    max_iter: int = 5000,
    random_state: int = 0,
) -> OptBound:
    """Bound from above OPT, the least expected loss of networks Σ_i a_i relu(<w_i, x> - b_i) along given directions.

    The w_i are ±D_j/‖D_j‖, as a feature set S_{p, γ, B_G} allows, with |a_i| <= B_a1, ‖a‖ <= B_a2 and |b_i| <= B_b. One
    half of the rows chooses output weights, for thresholds among the values of <w, x>; the other half measures them.
    Equal rows are in one half.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Rows, at least 40.
    y : array-like of shape (n,)
        Labels -1 and 1; for "squared" any numbers.
    directions : array-like of shape (r, d)
        The D_j.
    weight_norm : float
        B_a2, positive.
    largest_weight : float, default=inf
        B_a1, positive.
    largest_bias : float, default=inf
        B_b: thresholds beyond it are left out.
    sign : {-1, 1}, optional
        Sign of the thresholds; either if it is not given.
    n_biases : int, default=8
        Number of thresholds along each of D_j and -D_j.
    n_neurons : int, optional
        Most neurons: those of the largest |a_i| times the root mean square of their values are kept and fitted again.
    loss : {"hinge", "logistic", "squared"}, default="hinge"
        max(0, 1 - y f), log(1 + e^(-y f)) or ½ (f - y)².
    delta : float, default=0.05
        Probability that the expected loss is above the bound, between 0 and 1.
    tol : float, default=1e-3
        Gap at which the fit ends; the hinge loss reaches some 1e-3.
    max_iter : int, default=5000
        Most steps of a fit.
    random_state : int, default=0
        The seed of the halves.

    Returns
    -------
    OptBound
        The bound, the network that proves it, and the gap of its fit.

    Raises
    ------
    ValueError
        If shapes do not fit, labels do not suit the loss, no threshold is left, or a number is out of range.
    MemoryError
        If the neurons' values at the rows do not fit.

    Notes
    -----
    2 n N flops a step for N neurons, by accelerated projected gradients on the convex problem in a; the gap is that to
    the dual problem. The bound takes the mean loss of the second half for normal: it is 0 where no row there has a
    loss, and rows with one then have a probability of at most ln(1/δ) over their number. Other thresholds may do
    better.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023: networks
    induced by gradient features, and OPT. Beck & Teboulle, SIAM Journal on Imaging Sciences 2009 (the steps).

    Examples
    --------
    >>> import numpy as np
    >>> from widelearn.datasets import parity
    >>> from widelearn.diagnostics import opt_bound
    >>> data = parity(2000, 20, 3, random_state=0)
    >>> along = opt_bound(data.X, data.y, data.directions, weight_norm=20.0)
    >>> other = opt_bound(data.X, data.y, np.eye(20)[:1], weight_norm=20.0)
    >>> bool(along.bound < 0.05), bool(other.loss > 0.95)
    (True, True)
    """
    rows = rows_of("X", X)
    labels = column("y", y, len(rows))
    _check(loss, labels, sign, n_biases, n_neurons, max_iter)
    norm, cap = _above("weight_norm", weight_norm, False), _above("largest_weight", largest_weight, True)
    reach, chance = _above("largest_bias", largest_bias, True), _above("delta", delta, False)
    goal = _above("tol", tol, False)
    if not chance < 1 or len(rows) < 40:
        raise ValueError(f"delta must be below 1 and X must have at least 40 rows, got {delta!r} and {len(rows)}.")
    fit, held, groups = halves(rows, seed_of(random_state))
    W, b = _neurons(rows[fit], unit_rows(directions, rows.shape[1]), int(n_biases), sign, reach)
    check_memory(40 * len(rows) * len(b), f"{len(b)} neurons at {len(rows)} rows", "Take fewer rows or thresholds.")
    box = (norm, cap, goal, int(max_iter))
    H = TwoLayer(W, b, np.ones((len(b), 1)), "relu").hidden(rows[fit])
    a, train, gap = _fitted(H, labels[fit], loss, *box)
    if n_neurons is not None and n_neurons < len(b):
        kept = np.sort(np.argsort(-np.abs(a) * np.linalg.norm(H, axis=0), kind="stable")[: int(n_neurons)])
        W, b = W[kept], b[kept]
        a, train, gap = _fitted(np.ascontiguousarray(H[:, kept]), labels[fit], loss, *box)
    losses = _losses(loss, TwoLayer(W, b, a[:, None], "relu").outputs(rows[held])[:, 0], labels[held])[0]
    mean, error = _mean_of_groups(losses, groups[held])
    return OptBound(mean - float(ndtri(chance)) * error, mean, error, train, gap, W, b, a)


def _mean_of_groups(values: Array, groups: NDArray[np.intp]) -> tuple[float, float]:
    """Return a mean and its standard error, equal rows being one draw of several values."""
    mean = float(values.mean())
    _, inverse = np.unique(groups, return_inverse=True)
    off = np.bincount(inverse, values - mean)
    count = len(off)
    return mean, float(np.sqrt(count / (count - 1) * np.sum(off**2))) / len(values)


def _neurons(rows: Array, axes: Array, n_biases: int, sign: int | None, reach: float) -> tuple[Array, Array]:
    """Return first layers along the axes and against them, with thresholds at quantiles of the rows."""
    W, b = [], []
    for axis in np.concatenate([axes, -axes]):
        along = rows @ axis
        along = along if sign is None else along[np.sign(along) == sign]
        if along.size:
            within_reach = along[np.abs(along) <= reach]
            found = _thresholds(within_reach, n_biases) if within_reach.size else within_reach
            W += [axis] * len(found)
            b += found.tolist()
    if not b:
        raise ValueError(f"No threshold has sign {sign} and size up to {reach:g}: take a larger largest_bias.")
    return np.array(W), np.array(b)


def _thresholds(along: Array, count: int) -> Array:
    """Return the distinct values where they are few, else quantiles of them, from the least one on.

    A neuron whose threshold is the least value is linear on the rows.
    """
    size = float(np.abs(along).max())
    values = np.unique(np.round(along / size, 9)) * size if size > 0 else np.zeros(1)
    if len(values) <= count:
        return np.asarray(values)
    return np.asarray(np.quantile(values, np.arange(count) / count))


def _losses(kind: str, F: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return losses of rows, their slopes by outputs, and the part of the dual that has no outputs in it.

    ℓ(f) = max_s s f + dual(s); the hinge's slope is that of the loss with its kink rounded.
    """
    if kind == "squared":
        slope = F - y
        return 0.5 * slope**2, slope, -0.5 * slope**2 - slope * y
    margin = 1 - y * F
    if kind == "hinge":
        share = np.clip(margin / KINK, 0.0, 1.0)
        return np.maximum(margin, 0.0), -y * share, share
    share = expit(margin - 1)
    return np.logaddexp(0.0, margin - 1), -y * share, entr(share) + entr(1 - share)


def _fitted(
    H: Array, y: Array, kind: str, norm: float, cap: float, goal: float, max_iter: int
) -> tuple[Array, float, float]:
    """Return the best output weights within the norms, their mean loss, and how far it may be above the least."""
    n = len(y)
    # Values near 1: the weights are those of neurons times a number.
    unit = float(H.max())
    if not unit > 0:
        value = float(_losses(kind, np.zeros(n), y)[0].mean())
        return np.zeros(H.shape[1]), value, 0.0
    H = H / unit
    norm, cap = norm * unit, cap * unit
    step = 1 / (CURVATURE[kind] * float(np.linalg.eigvalsh(H.T @ H / n)[-1]))
    a = ahead = best = np.zeros(H.shape[1])
    least, floor, momentum = np.inf, -np.inf, 1.0
    for count in range(max_iter + 1):
        if count % LOOK == 0:
            values, slope, dual = _losses(kind, H @ a, y)
            mean = float(values.mean())
            best, least = (a, mean) if mean < least else (best, least)
            pull = H.T @ slope / n
            floor = max(floor, float(dual.mean()) - float(within(pull, norm, cap, np.inf) @ pull))
            if not np.isfinite(least):
                raise NumberOverflowError("The losses are beyond float64. Scale labels or weight_norm down.")
            if least - floor <= goal:
                break
        slope = _losses(kind, H @ ahead, y)[1]
        new = within(ahead - step * (H.T @ slope / n), norm, cap, 1.0)
        # A step back against the movement begins anew.
        momentum = 1.0 if (ahead - new) @ (new - a) > 0 else momentum
        later = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        if count % LOOK == 0 and np.array_equal(new, a) and momentum == 1:
            break
        ahead = new + (momentum - 1) / later * (new - a)
        a, momentum = new, later
    return best / unit, least, max(least - floor, 0.0)


def within(v: Array, norm: float, cap: float, most: float) -> Array:
    """Return v times a number up to `most`, cut at ±cap, as long as its norm allows: a projection for 1.

    For an infinite number it is the vector within the norm and the cap that is furthest along v.
    """
    sizes = np.sort(np.abs(v))[::-1]
    if not sizes[0] > 0:
        return np.zeros_like(v)
    tails = np.cumsum((sizes / sizes[0])[::-1] ** 2)[::-1]
    k = np.arange(len(v))
    if np.isfinite(cap):
        left = norm**2 - k * cap**2
        factors = np.sqrt(np.maximum(left, 0.0) / np.where(tails > 0, tails, 1.0)) / sizes[0]
        # The first k entries are cut, and the next one is not.
        fits = (left >= 0) & (tails > 0) & (factors * sizes <= cap)
        factor = float(factors[fits][0]) if fits.any() else np.inf
    else:
        factor = norm / (float(np.sqrt(tails[0])) * sizes[0])
    factor = min(factor, most)
    if np.isinf(factor):
        return np.asarray(np.sign(v) * cap)
    return np.clip(v * factor, -cap, cap)


def _above(name: str, value: float, infinite: bool) -> float:
    """Return a positive number."""
    top = np.inf if infinite else 1e100
    if not isinstance(value, Real) or isinstance(value, bool) or not 1e-100 <= value <= top:
        kind = "positive" if infinite else "positive and finite"
        raise ValueError(f"{name} must be {kind}, got {value!r}.")
    return float(value) if value <= 1e100 else np.inf


def _check(loss: str, labels: Array, sign: Any, n_biases: Any, n_neurons: Any, max_iter: Any) -> None:
    """Refuse an unknown loss, labels that do not suit it, and counts that are none."""
    if loss not in LOSSES or sign not in (None, -1, 1):
        raise ValueError(f"loss must be one of {', '.join(LOSSES)} and sign -1, 1 or None, got {loss!r} and {sign!r}.")
    if loss != "squared" and not (np.abs(labels) == 1).all():
        raise ValueError(f"The {loss} loss takes labels -1 and 1, got {labels[np.abs(labels) != 1][0]:g}. Encode them.")
    for name, count in (("n_biases", n_biases), ("n_neurons", n_neurons), ("max_iter", max_iter)):
        if count is None and name == "n_neurons":
            continue
        if not isinstance(count, Integral) or isinstance(count, bool) or not 1 <= int(count) <= MOST:
            raise ValueError(f"{name} must be a whole number from 1 to {MOST}, got {count!r}.")
