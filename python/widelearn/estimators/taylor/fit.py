"""Fitting and evaluating Taylor models: what the regressor and the classifier share."""

from numbers import Integral, Real
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.state import run_and_keep
from widelearn.estimators.taylor.inputs import TargetUnits
from widelearn.estimators.taylor.model import TaylorModel
from widelearn.estimators.taylor.training import MAX_ORDER, Training
from widelearn.runtime import Array

DTYPES = [np.float64, np.float32]
Estimator = TypeVar("Estimator", bound="BaseTaylor")


class BaseTaylor(BaseEstimator):
    """A Taylor model of a two-layer net: its parameters, and its values at rows."""

    _model: TaylorModel

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "order": [Interval(Integral, 1, MAX_ORDER, closed="both"), tuple],
        "activation": [str, tuple],
        "width": [Interval(Integral, 2, None, closed="left")],
        "mode": [StrOptions({"taylor", "marginal", "signs"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "penalty_power": [Interval(Integral, 1, None, closed="left")],
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

    def __init__(
        self,
        order: int | tuple[int, ...] = 2,
        activation: str | tuple[str, float] = "softplus",
        *,
        width: int = 128,
        mode: str = "taylor",
        alpha: float = 2e-3,
        penalty_power: int = 1,
        linear_term: bool = True,
        whiten: bool = False,
        solver: str = "lbfgs",
        init: str = "auto",
        max_iter: int = 500,
        tol: float = 1e-5,
        learning_rate_init: float | None = None,
        batch_size: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        callback: Any = None,
    ) -> None:
        self.order = order
        self.activation = activation
        self.width = width
        self.mode = mode
        self.alpha = alpha
        self.penalty_power = penalty_power
        self.linear_term = linear_term
        self.whiten = whiten
        self.solver = solver
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.random_state = random_state
        self.callback = callback

    def _values(self, X: ArrayLike) -> Array:
        """Return the model's values at rows: (n, c)."""
        refuse_lazy(X, type(self).__name__)
        values: Array = self._model.values(validate_data(self, X, dtype=DTYPES, reset=False))
        return values


def train(estimator: Estimator, draft: Estimator, X: Array, Y: Array, loss: str, units: TargetUnits) -> Estimator:
    """Fit a draft to validated rows and targets in their units, and keep that; also what was reached before Ctrl-C."""
    training = Training(SimpleNamespace(**draft.get_params(deep=False)), X, Y, loss, units)
    run_and_keep(estimator, draft, training.run, training.show)
    training.warn()
    return estimator
