"""A chosen penalty, its score, and whether it lies at the edge of the penalties that it was chosen from."""

from typing import Any, NamedTuple

import numpy as np

from widelearn.estimators.units import ONES, Units, raised
from widelearn.runtime import Array, warn

# Shares of its neighbour's error, and of that of the largest penalty, about the variance of the targets, by which the
# edge must beat its neighbour: below either the error is flat.
FLAT, TRIFLE = 5e-2, 1e-4
# What the user's units make of scores.
SCORE = "The score of squared left-out errors"


class Choice(NamedTuple):
    """The penalty of every target (t,), what it is called, one number unless each target has its own, and its score.

    The penalties stand beside weights in the units of the problem, all else is in the user's.
    """

    penalties: Array
    alpha: Any
    score: Any = None
    # Squared left-out errors (n, t, a), where they are stored, zero for rows without weight; or left-out predictions.
    errors: Array | None = None
    # What there is to say of a penalty at the edge.
    edge: str = ""
    # The score in the units of the problem, in which none vanishes: by this, kernels are compared. None cannot be.
    merit: float | None = None
    # The score of every penalty, (a,) or (t, a) where each target has its own, in the user's units.
    scores: Array | None = None

    def warn(self) -> None:
        """Say once that the penalty lies at the edge, if it does."""
        if self.edge:
            warn(self.edge)


def best_by_error(
    errors: Array, alphas: Array, n_targets: int, per_target: bool = False, units: Units = ONES
) -> Choice:
    """Return the choice of the smallest errors (a, t), squares in some units: of their mean, or target by target."""
    penalties = units.penalties(alphas)
    if per_target and n_targets > 1:
        at = errors.argmin(axis=0)
        scores = units.squares(-errors[at, np.arange(n_targets)], SCORE)
        merit = -float(units.together(errors)[0].min(axis=0).mean())
        every = unbounded(-errors, units.of_squares(n_targets)).T
        return Choice(penalties[at], alphas[at], scores, edge=edge_of(alphas, errors, at), merit=merit, scores=every)
    together, exponent = units.together(errors)
    mean = together.mean(axis=1)
    first = int(mean.argmin())
    score = float(-mean[first] if not exponent else raised(-mean[first], exponent, SCORE))
    edge = edge_of(alphas, mean[:, None], np.array([first]))
    merit, every = float(-mean[first]), unbounded(-mean, exponent)
    chosen = np.full(n_targets, penalties[first])
    return Choice(chosen, float(alphas[first]), score, edge=edge, merit=merit, scores=every)


def best_by_score(
    scores: Array, alphas: Array, n_targets: int, units: Units = ONES, errors: Array | None = None
) -> Choice:
    """Return the choice of the largest scores (a,), or (a, t) target by target; `errors`, if any, judge the edges."""
    penalties, table = units.penalties(alphas), scores.reshape(len(alphas), -1)
    at = table.argmax(axis=0)
    edge = "" if errors is None else edge_of(alphas, errors.reshape(table.shape), at, table)
    if scores.ndim == 2:
        best = table[at, np.arange(n_targets)]
        merit = float(best.mean())
        return Choice(penalties[at], alphas[at], best, edge=edge, merit=merit, scores=table.T.copy())
    first = int(at[0])
    score, chosen = float(scores[first]), np.full(n_targets, penalties[first])
    return Choice(chosen, float(alphas[first]), score, edge=edge, merit=score, scores=scores)


def unbounded(scores: Array, exponents: Any) -> Array:
    """Return scores times powers of two; what is beyond numbers is infinite, for such a penalty is not chosen."""
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(scores, exponents)


def edge_of(alphas: Array, errors: Array, at: Array, scores: Array | None = None) -> str:
    """Say which columns of errors (a, c) chose the smallest or largest penalty; nothing where errors are flat there.

    Where scores (a, c), larger is better, were compared, it is they that are told.
    """
    distinct = np.unique(alphas)
    if len(distinct) < 2:
        return ""
    whole = errors[alphas == distinct[-1]].min(axis=0)
    for edge, inner, word, more in (
        (distinct[0], distinct[1], "smallest", "smaller"),
        (distinct[-1], distinct[-2], "largest", "larger"),
    ):
        columns = np.flatnonzero(alphas[at] == edge)
        # There is nothing below 0.
        if edge == 0.0 or not len(columns):
            continue
        near = errors[alphas == inner][:, columns].min(axis=0)
        with np.errstate(invalid="ignore"):
            gain = near - errors[at[columns], columns]
        steep = gain > np.maximum(FLAT * near, TRIFLE * whole[columns])
        if steep.any():
            who = "" if errors.shape[1] == 1 else f" for {int(steep.sum())} of {errors.shape[1]} targets"
            most = int(np.argmax(np.where(steep, gain / np.where(near > 0.0, near, 1.0), -np.inf)))
            share = float(gain[most] / near[most])
            said = f"left-out error is {share:.1%} below that of alpha = {inner:g}, and may fall"
            if scores is not None:
                best = float(scores[at[columns[most]], columns[most]])
                other = float(scores[alphas == inner][:, columns[most]].max())
                said = f"score is {best:.4g}, above the {other:.4g} of alpha = {inner:g}, and may rise"
            about = f"alpha = {edge:g}, the {word} of {len(alphas)} alphas, was chosen{who}"
            return f"{about}: its {said} further. Give {more} alphas."
    return ""
