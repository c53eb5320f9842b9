"""Fitting and evaluating Taylor models: what the regressor and the classifier share."""

from dataclasses import KW_ONLY, dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.taylor.inputs import TargetUnits
from widelearn.estimators.taylor.model import TaylorModel
from widelearn.estimators.taylor.training import MAX_ORDER, Training
from widelearn.features.state import run_and_keep
from widelearn.runtime import Array, capped

DTYPES = [np.float64, np.float32]
Estimator = TypeVar("Estimator", bound="BaseTaylor")


@dataclass(eq=False, repr=False)
class BaseTaylor(BaseEstimator):
    """A Taylor model of a two-layer net: its parameters, and its values at rows."""

    order: int | tuple[int, ...] = 2
    activation: str | tuple[str, float] = "softplus"
    _: KW_ONLY
    width: int = 128
    mode: str = "taylor"
    alpha: float = 2e-3
    penalty_power: int = 1
    linear_term: bool = True
    whiten: bool = False
    solver: str = "lbfgs"
    init: str = "auto"
    max_iter: int = 500
    tol: float = 1e-5
    learning_rate_init: float | None = None
    batch_size: int | None = None
    random_state: int | np.random.RandomState | None = None
    callback: Any = None

    _model: TaylorModel = field(init=False)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "order": [Interval(Integral, 1, MAX_ORDER, closed="both"), tuple],
        "activation": [str, tuple],
        "width": [Interval(Integral, 2, None, closed="left")],
        "mode": [StrOptions({"taylor", "marginal", "signs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "penalty_power": [Interval(Integral, 1, 64, closed="both")],
        "linear_term": ["boolean"],
        "whiten": ["boolean"],
        "solver": [StrOptions({"lbfgs", "pgd", "sgd", "adam"})],
        "init": [StrOptions({"auto", "random", "spectral", "zeros"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "callback": [callable, None],
    }

    @capped
    def _values(self, X: ArrayLike) -> Array:
        """Return the model's values at rows: (n, c)."""
        refuse_lazy(X, type(self).__name__)
        return self._model.values(validate_data(self, X, dtype=DTYPES, reset=False))


def train(estimator: Estimator, draft: Estimator, X: Array, Y: Array, loss: str, units: TargetUnits) -> Estimator:
    """Fit a draft to validated rows and targets in their units, and keep that; also what was reached before Ctrl-C."""
    training = Training(draft, X, Y, loss, units)
    run_and_keep(estimator, draft, training)
    training.warn()
    return estimator
