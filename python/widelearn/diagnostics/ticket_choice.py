"""Which weights or neurons of a fitted two-layer net make a ticket."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from widelearn.diagnostics.first_gradients import unit_rows
from widelearn.diagnostics.net_starts import NetStart, check_two_layer
from widelearn.diagnostics.ticket_scores import SCORES, gains, magnitude, shares
from widelearn.diagnostics.tickets import UNITS, Ticket, alive_of, unfitted
from widelearn.runtime import in_range

Array = NDArray[np.float64]
Weights = tuple[Array, Array, Array]

METHODS = ("iterative", "random", *SCORES)
# Share of what is left that a round of iterative pruning takes.
PRUNED = 0.2


@in_range
def ticket(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    method: str = "gradient_features",
    *,
    keep: float = 0.1,
    unit: str | None = None,
    directions: ArrayLike | None = None,
    rewind: int = 0,
    sample_weight: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Ticket:
    """Return the part of a fitted two-layer net that should learn the same when training starts again from its start.

    Parameters
    ----------
    model : TwoLayerRegressor or TwoLayerClassifier
        A fitted estimator. Where `method` looks at its end, a short training gives an early ticket.
    X : array-like of shape (n, d)
        The rows of its fit.
    y : array-like of shape (n,) or (n, t)
        Their targets.
    method : str, default="gradient_features"
        "gradient_features": what the first gradient says, g_i = -∂L/∂w_i at the start (a_i G(w_i, b_i) where the net is
        0). Of neurons with a gain along it, Σ_o a_io E[r_o σ(<ĝ_i, x> - b_i)] > 0, those stay that are nearest to each
        of the `directions`, equally many for each. Of weights, those with the largest |g_ij|/‖g_i‖, which is halved
        where W_ij starts with the other sign.
        "magnitude": the largest |a_i W_ij| at the end, or ‖w_i‖ ‖a_i‖ of neurons. "iterative": the same in rounds, each
        taking a fifth of what is left after a training of that from the start. "movement": the largest |W_ij - W0_ij|,
        or ‖w_i - w0_i‖. "snip": the largest |W_ij ∂L/∂W_ij| at the start, or |a_i ∂L/∂a_i|. "grasp": the largest
        W ∘ (H g) there, g and H the gradient and Hessian by W: what keeps the gradient long. "random": any.
    keep : float or int, default=0.1
        The share of weights, or of neurons, that stays; an integer is their number.
    unit : {"weights", "neurons"}, optional
        What is kept or not: weights of the first layer, or neurons. None is "neurons" for "gradient_features" and
        "weights" for the others.
    directions : array-like of shape (r, d), optional
        What "gradient_features" covers, in columns as they are given: directions of features, each for its own sign.
        None takes the gradients themselves: neurons are taken by turns from those least like the ones taken.
    rewind : int, default=0
        Iterations after which "iterative" takes the weights that its later rounds, and the ticket, start from.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows in the fit; those of classes are the model's.
    random_state : int, RandomState or None, default=None
        Source of "random".

    Returns
    -------
    Ticket
        The mask, and what :func:`retrain` needs.

    Raises
    ------
    ValueError
        If nothing or more than all is kept; if fewer neurons are kept than there are directions, or have a gain along
        them; if rows or targets do not fit the model, or a method is not one for the unit.
    NotFittedError
        If the net is not fitted.
    TypeError
        If the model is not a two-layer estimator.

    See Also
    --------
    retrain : Trains a ticket.
    ticket_report : Beside the whole net, another start and random masks.
    widelearn.theory.feature_coverage : How likely random neurons have all directions among them.

    Notes
    -----
    On scikit-learn's digits, width 256, a tenth of the weights by "gradient_features" was .0038 ± .0008 below the whole
    net over 40 splits, random ones .0062 ± .0008.

    Costs one gradient of all rows, 4 n m d flops, but for "grasp", three, and "iterative", a fit in each round. The
    same bits for every number of threads and the same `random_state`.

    References
    ----------
    Shi, Wei & Liang, "Provable guarantees for neural networks via gradient feature learning", NeurIPS 2023, section 5
    (a ticket is what has the gradient features). Frankle & Carbin, "The lottery ticket hypothesis", ICLR 2019
    (magnitude, in rounds). Lee, Ajanthan & Torr, "SNIP", ICLR 2019. Wang, Zhang & Grosse, "Picking winning tickets
    before training by preserving gradient flow", ICLR 2020. Zhou, Lan, Liu & Yosinski, "Deconstructing lottery
    tickets: zeros, signs, and the supermask", NeurIPS 2019 (signs of the start decide).

    Examples
    --------
    >>> from widelearn import TwoLayerClassifier
    >>> from widelearn.datasets import xor_mixture
    >>> from widelearn.diagnostics import retrain, ticket
    >>> data = xor_mixture(900, 40, 4.0, random_state=0)
    >>> model = TwoLayerClassifier.preset("xor_mixture", width=128, random_state=0).fit(
    ...     data.X[:500], data.y[:500]
    ... )
    >>> means = [*data.directions, *-data.directions]
    >>> four = ticket(model, data.X[:500], data.y[:500], keep=4, directions=means)
    >>> float(
    ...     retrain(four, data.X[:500], data.y[:500]).score(data.X[500:], data.y[500:])
    ... ) > 0.95
    True
    """
    check_two_layer(model)
    if method not in METHODS:
        raise ValueError(f"Unknown method {method!r}. The methods are: {', '.join(METHODS)}.")
    unit = unit or (UNITS[1] if method == "gradient_features" else UNITS[0])
    if unit not in UNITS:
        raise ValueError(f"unit must be 'weights' or 'neurons', got {unit!r}.")
    if directions is not None and (method, unit) != ("gradient_features", "neurons"):
        raise ValueError(f"directions are for neurons by 'gradient_features', not for {unit} by {method!r}.")
    if (
        isinstance(rewind, bool)
        or not isinstance(rewind, Integral)
        or int(rewind) < 0
        or (rewind and method != "iterative")
    ):
        raise ValueError(f"rewind must be a number of iterations, and is for 'iterative' alone, got {rewind!r}.")
    begin = NetStart.of(model, X, y, sample_weight)
    shape = model.W0_.shape if unit == "weights" else model.b0_.shape
    alive = alive_of(model, shape)
    count = count_of(keep, int(alive.sum()), unit)
    first = (np.array(model.W0_), np.array(model.b0_), np.array(model.a0_))
    whole = Ticket(alive.astype(float), method, unfitted(model), first)
    if method == "iterative":
        return by_rounds(whole, model, X, y, sample_weight, count, int(rewind))
    if method == "random":
        drawn = check_random_state(random_state).random_sample(shape)
        return replace(whole, mask=largest(drawn, alive, count))
    if (method, unit) != ("gradient_features", "neurons"):
        return replace(whole, mask=largest(SCORES[method](model, begin, unit), alive, count))
    goals = None if directions is None else goals_of(model, directions)
    return replace(whole, mask=covering(begin, alive, count, goals))


def count_of(keep: Any, total: int, unit: str) -> int:
    """Return how many are kept of so many."""
    if isinstance(keep, bool | np.bool_) or not isinstance(keep, Real):
        raise TypeError(f"keep must be a share or a whole number, got {keep!r}.")
    count = int(keep) if isinstance(keep, Integral) else round(float(keep) * total) if 0 < float(keep) <= 1 else None
    if count is None:
        raise ValueError(f"keep must be a share in (0, 1], or a whole number of {unit}, got {keep!r}.")
    if not 1 <= count <= total:
        raise ValueError(f"keep = {keep!r} keeps {count} of {total} {unit}: keep at least one and at most all.")
    return count


def largest(score: Array, alive: NDArray[np.bool_], count: int) -> Array:
    """Return the mask of the largest scores among those that are there; of equal ones the first."""
    mask = np.zeros(score.shape)
    if not np.any(score[alive]):
        raise ValueError("All scores are 0, so that nothing chooses: take another method, or another start.")
    order = np.argsort(-np.where(alive, score, -np.inf), axis=None, kind="stable")
    mask.flat[order[:count]] = 1.0
    return mask


def goals_of(model: Any, directions: ArrayLike) -> Array:
    """Return unit directions in the model's columns: a gradient is a mean of rows, and scales as they do."""
    given = unit_rows(directions, model.W0_.shape[1])
    return unit_rows(given / np.asarray(model.x_scale_, dtype=float), given.shape[1])


def covering(start: NetStart, alive: NDArray[np.bool_], count: int, goals: Array | None) -> Array:
    """Return the mask of neurons that gain: nearest to each goal in turn, or least like those taken so far."""
    features, gain = shares(start.descent), gains(start)
    useful = alive & (gain > 0)
    if goals is not None and count < len(goals):
        raise ValueError(f"keep = {count} neurons cannot cover {len(goals)} directions: keep more, or name fewer.")
    if useful.sum() < count:
        raise ValueError(
            f"{int(useful.sum())} of {int(alive.sum())} neurons gain along their first gradient, fewer than the {count}"
            " that are to be kept: keep fewer, or train a wider net."
        )
    mask = np.zeros(len(gain))
    if goals is None:
        for chosen in spread(features, np.where(useful, gain, -np.inf), count):
            mask[chosen] = 1.0
        return mask
    nearness = np.where(useful[:, None], features @ goals.T, -np.inf)
    for turn in range(count):
        column = nearness[:, turn % len(goals)]
        chosen = int(np.argmax(column))
        mask[chosen], nearness[chosen] = 1.0, -np.inf
    return mask


def spread(features: Array, gain: Array, count: int) -> list[int]:
    """Return places of features that gain: the largest gain, then the largest gain times distance to those taken."""
    left = gain > 0
    gain = np.where(left, gain, 0.0)
    worth, taken = gain, []
    for _ in range(count):
        chosen = int(np.argmax(np.where(left, worth, -np.inf)))
        taken.append(chosen)
        left[chosen] = False
        worth = np.minimum(worth, gain * (1.0 - features @ features[chosen]))
    return taken


def by_rounds(
    whole: Ticket, model: Any, X: ArrayLike, y: ArrayLike, sample_weight: Any, count: int, rewind: int
) -> Ticket:
    """Take the smallest |a_i W_ij| away in rounds, each after a training of what is left from the start."""
    found, trained = whole, model
    if rewind:
        found = replace(whole, start=weights_after(whole, X, y, sample_weight, rewind))
    while found.n_kept > count:
        left = max(count, int((1 - PRUNED) * found.n_kept))
        scores = magnitude(trained, NetStart.of(trained, X, y), found.unit)
        found = replace(found, mask=largest(scores, found.mask > 0, left))
        if left > count:
            trained = found.masked.fit(X, y, sample_weight)
    return found


def weights_after(whole: Ticket, X: ArrayLike, y: ArrayLike, sample_weight: Any, steps: int) -> Weights:
    """Return the weights after so many iterations of a training."""
    kept: list[Weights] = []

    def look(iteration: int, state: Any) -> bool:
        if iteration == steps:
            kept.append((state.W.copy(), state.b.copy(), state.a.copy()))
        return iteration >= steps

    whole.masked.set_params(callback=look).fit(X, y, sample_weight)
    if not kept:
        raise ValueError(f"rewind = {steps} is beyond the iterations of the training: rewind to an earlier one.")
    return kept[0]
