"""Fitting and evaluating Taylor models: what the regressor and the classifier share."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from widelearn.estimators.costs import fit_cost
from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.taylor.cost import foreseen_training
from widelearn.estimators.taylor.inputs import TargetUnits
from widelearn.estimators.taylor.model import TaylorModel
from widelearn.estimators.taylor.settings import MAX_ORDER, is_stochastic
from widelearn.estimators.taylor.training import Training, resumed
from widelearn.features.state import draft_of, refitting, run_and_keep
from widelearn.kernels.parameters import DefaultObjects
from widelearn.runtime import Array, capped

DTYPES = [np.float64, np.float32]
# Rows, targets in their units, loss, those units, and weights whose mean is 1.
Problem = tuple[Array, Array, str, TargetUnits, Array | None]
Estimator = TypeVar("Estimator", bound="BaseTaylor")


@dataclass(eq=False, repr=False)
class BaseTaylor(DefaultObjects, BaseEstimator):
    """A Taylor model of a two-layer net: its parameters, and its values at rows."""

    order: int | tuple[int, ...] = 2
    activation: str | tuple[str, float] | None = None
    _: KW_ONLY
    width: int = 128
    mode: str = "taylor"
    alpha: float | str | tuple[float, ...] = 2e-3
    linear_alpha: float | str = "auto"
    penalty_power: int = 1
    weight_variance: float | str = "auto"
    bias_variance: float | str = "auto"
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
    verbose: bool | int = False

    _model: TaylorModel = field(init=False)
    _read: ClassVar[Any]
    _foreseen = foreseen_training
    fit_cost = fit_cost
    # Where a descent over batches stands.
    _training: Training = field(init=False)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "order": [Interval(Integral, 1, MAX_ORDER, closed="both"), tuple],
        "activation": [str, tuple, None],
        "width": [Interval(Integral, 2, None, closed="left")],
        "mode": [StrOptions({"taylor", "marginal", "signs"})],
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"}), tuple],
        "linear_alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "penalty_power": [Interval(Integral, 1, 64, closed="both")],
        "weight_variance": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "bias_variance": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
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
        "verbose": ["verbose"],
    }

    @capped
    def _values(self, X: ArrayLike) -> Array:
        """Return the model's values at rows: (n, c)."""
        refuse_lazy(X, type(self).__name__)
        return self._model.values(validate_data(self, X, dtype=DTYPES, reset=False))


def train(estimator: Estimator, read: Callable[..., Problem]) -> Estimator:
    """Fit a draft to what is read of rows, and keep that; also what was reached before Ctrl-C."""
    draft = draft_of(estimator)
    training = Training(draft, *read(draft, None, more=False))
    run_and_keep(estimator, draft, training)
    training.warn()
    return estimator


def train_further(estimator: Estimator, read: Callable[..., Problem]) -> Estimator:
    """Take what is read of rows for one pass over them; the first rows give all units."""
    with refitting(estimator, further=True) as draft:
        old: Training | None = draft.__dict__.get("_training")
        X, Y, loss, units, weight = read(draft, old and old.units, more=True)
        if old is None:
            training = Training(draft, X, Y, loss, units, weight)
            training.seed = int(training.rng.randint(2**31 - 1))
        else:
            training = resumed(old, draft, X, Y, weight)
        training.pass_over(training.seed + len(training.trace.losses))
        training.show(draft)
    training.warn(first=old is None)
    return estimator


def goes_on(estimator: BaseTaylor) -> bool:
    """Whether rows may come in batches; scikit-learn shows the error as the reason why not."""
    if is_stochastic(estimator):
        return True
    raise AttributeError(f"partial_fit takes steps along batches, got solver={estimator.solver!r}. Set solver='adam'.")
