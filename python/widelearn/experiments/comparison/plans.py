"""How a method is tuned: an outer grid of representations, an inner grid of fits on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Parameters = dict[str, Any]
Matrix = NDArray[np.float64]

N_COMPONENTS = 1024
# Ties are won by the first candidate, so every list begins with the most regular one.
LINEAR_ALPHAS: tuple[Parameters, ...] = tuple({"alpha": 10.0**power} for power in (4, 3, 2, 1, 0, -1, -2))
ALPHAS: tuple[Parameters, ...] = tuple({"alpha": 10.0**power} for power in (1, 0, -1, -2, -3, -4))
NOTHING: tuple[Parameters, ...] = ({},)


@dataclass(frozen=True)
class Setting:
    """What a method may know before it is tuned.

    Parameters
    ----------
    task : {"classification", "regression"}
    seed : int
    variance : float
        The sum of the training columns' variances, the scale of squared distances.
    """

    task: str
    seed: int
    variance: float

    @property
    def classify(self) -> bool:
        """Whether the task is classification."""
        return self.task == "classification"

    def gammas(self) -> tuple[Parameters, ...]:
        """Return widths of the RBF kernel around the usual 1 / (sum of the columns' variances)."""
        return tuple({"gamma": float(f"{factor / self.variance:.4g}")} for factor in (0.25, 1.0, 4.0))


@dataclass(frozen=True)
class Plan:
    """How one method is tuned and built.

    A candidate is a pair of an outer and an inner setting. `represent` turns rows into features or kernel values once
    for each outer setting and fold, `inner` fits on them for every inner setting, `final` builds the same on raw rows.

    Parameters
    ----------
    outer, inner : tuple of dict
        The grid is their product.
    represent : callable (outer, X_fit, X_check) -> (A_fit, A_check)
    solver : callable (inner) -> estimator for represented rows
    final : callable (outer, inner) -> estimator for raw rows
    fixed : dict
        Parameters that are reported, not tuned.
    """

    outer: tuple[Parameters, ...]
    inner: tuple[Parameters, ...]
    represent: Callable[[Parameters, Matrix, Matrix], tuple[Matrix, Matrix]]
    solver: Callable[[Parameters], BaseEstimator]
    final: Callable[[Parameters, Parameters], BaseEstimator]
    fixed: Parameters


def as_is(outer: Parameters, X_fit: Matrix, X_check: Matrix) -> tuple[Matrix, Matrix]:
    """Represent rows by themselves."""
    return X_fit, X_check


def plain(solver: Callable[[Parameters], BaseEstimator], inner: tuple[Parameters, ...]) -> Plan:
    """Plan an estimator that is fitted on the rows as they are."""
    return Plan(NOTHING, inner, as_is, solver, lambda _, inner: solver(inner), {})
