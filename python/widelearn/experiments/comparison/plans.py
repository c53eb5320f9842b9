"""How a method is tuned: an outer grid of representations, an inner grid of fits on each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Parameters = dict[str, Any]
Matrix = NDArray[np.float64]

N_COMPONENTS = 1024
# The first candidate wins a tie, so every grid begins with the most regular one.
LINEAR_ALPHAS: tuple[Parameters, ...] = tuple({"alpha": 10.0**power} for power in (4, 3, 2, 1, 0, -1, -2))
ALPHAS: tuple[Parameters, ...] = tuple({"alpha": 10.0**power} for power in (1, 0, -1, -2, -3, -4))
NOTHING: tuple[Parameters, ...] = ({},)


@dataclass(frozen=True)
class Setting:
    """What a method may know before it is tuned."""

    task: str
    seed: int
    # The sum of the training columns' variances, the scale of squared distances.
    variance: float

    @property
    def classify(self) -> bool:
        """Whether the task is classification."""
        return self.task == "classification"

    def gammas(self) -> tuple[Parameters, ...]:
        """Return widths of the RBF kernel around the usual 1 / (sum of the columns' variances)."""
        return tuple({"gamma": float(f"{factor / self.variance:.4g}")} for factor in (0.25, 1.0, 4.0))


@dataclass(frozen=True)
class TuningPlan:
    """How one method is tuned and built: candidates are pairs of an outer and an inner setting.

    `represent` turns rows into features or kernel values once for each outer setting and fold. `solver` fits on them
    for every inner setting, `final` builds the same on raw rows. `fixed` parameters are reported, not tuned.
    """

    outer: tuple[Parameters, ...]
    inner: tuple[Parameters, ...]
    represent: Callable[[Parameters, Matrix, Matrix], tuple[Matrix, Matrix]]
    solver: Callable[[Parameters], BaseEstimator]
    final: Callable[[Parameters, Parameters], BaseEstimator]
    fixed: Parameters = field(default_factory=dict)

    def only(self, chosen: Parameters) -> TuningPlan:
        """Return the plan of the one candidate that was chosen before: as it is reported, fixed parameters included."""
        for outer in self.outer:
            for inner in self.inner:
                if self.fixed | outer | inner == chosen:
                    return replace(self, outer=(outer,), inner=(inner,))
        raise ValueError(f"No candidate has the parameters {chosen}.")


def plain(
    solver: Callable[[Parameters], BaseEstimator], inner: tuple[Parameters, ...], fixed: Parameters | None = None
) -> TuningPlan:
    """Plan an estimator that is fitted on the rows as they are."""
    return TuningPlan(
        NOTHING, inner, lambda _, X_fit, X_check: (X_fit, X_check), solver, lambda _, inner: solver(inner), fixed or {}
    )


def on_features(
    outer: tuple[Parameters, ...],
    features: Callable[[Parameters], Any],
    solver: Callable[[Parameters], BaseEstimator],
    final: Callable[[Parameters, Parameters], BaseEstimator],
) -> TuningPlan:
    """Plan ridge on a random feature map: the map is applied once for all alphas."""

    def represent(outer: Parameters, X_fit: Matrix, X_check: Matrix) -> tuple[Matrix, Matrix]:
        fitted = features(outer).fit(X_fit)
        return fitted.transform(X_fit), fitted.transform(X_check)

    return TuningPlan(outer, ALPHAS, represent, solver, final, {"n_components": N_COMPONENTS})


def on_kernel(
    outer: tuple[Parameters, ...],
    kernel: Callable[[Parameters], Callable[..., Matrix]],
    solver: Callable[[Parameters], BaseEstimator],
    final: Callable[[Parameters, Parameters], BaseEstimator],
) -> TuningPlan:
    """Plan kernel ridge: the kernel is evaluated once for all alphas."""

    def represent(outer: Parameters, X_fit: Matrix, X_check: Matrix) -> tuple[Matrix, Matrix]:
        values = kernel(outer)
        return values(X_fit), values(X_check, X_fit)

    return TuningPlan(outer, ALPHAS, represent, solver, final)
