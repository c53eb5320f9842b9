"""Fits of two-layer nets: what the regressor and the classifier share."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from widelearn.estimators.costs import FitCost, fit_cost
from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.scaling import Scaling, columns
from widelearn.estimators.two_layer.checkpoint import Checkpoint
from widelearn.estimators.two_layer.cost import counted
from widelearn.estimators.two_layer.model import Targets, TwoLayerModel
from widelearn.estimators.two_layer.network import Batch
from widelearn.estimators.two_layer.rows import Rows, leave_out, scaled, sizes_of, stream_rows, table_batches
from widelearn.estimators.two_layer.training import HEADS, Training
from widelearn.estimators.units import check_range, largest_of
from widelearn.features.state import draft_of, run_and_keep
from widelearn.kernels.parameters import DefaultObjects
from widelearn.kernels.rows import check_dense_targets
from widelearn.runtime import Array, capped

DTYPES = [np.float64, np.float32]
# Steps that are large for a small symmetric start, and a penalty that forgets what does not grow.
PRESET: dict[str, Any] = {"solver": "sgd", "momentum": 0.9, "tol": None, "scaling": None}
# The steps and the start that learn a family of :mod:`widelearn.datasets`.
PRESETS: dict[str, dict[str, Any]] = {
    "parity": {"learning_rate_init": 1.0, "max_iter": 500, "alpha": 2e-3}
    | {"width": 128, "weight_scale": 0.5, "bias_scale": 0.2, "output_scale": 0.3},
    "xor_mixture": {"learning_rate_init": 0.05, "max_iter": 100, "alpha": 0.125}
    | {
        "width": 64,
        "weight_scale": 0.3,
        "bias_scale": 0.0,
        "train_bias": False,
        "output": "signs",
        "output_scale": 0.3,
    },
    "structured_parity": {"algorithm": "one_step", "first_step": 2.0}
    | {"learning_rate_init": 0.05, "max_iter": 400, "alpha": 1e-4}
    | {"width": 256, "init": "quadruples", "bias": "constant", "bias_scale": 1.0, "output_scale": 1.0},
}


@dataclass(eq=False, repr=False)
class BaseTwoLayer(DefaultObjects, BaseEstimator):
    """A two-layer net: its parameters, presets of them, and its outputs at new rows."""

    width: int = 256
    activation: Any = "relu"
    _: KW_ONLY
    algorithm: str = "gd"
    alpha: float | None = 1e-2
    solver: str = "auto"
    learning_rate_init: float | None = None
    learning_rate: str | Callable[[int], float] = "constant"
    momentum: float = 0.9
    batch_size: int | None = None
    max_iter: int | None = None
    tol: float | None = 1e-5
    n_iter_no_change: int = 20
    early_stopping: bool = False
    validation_fraction: float = 0.1
    init: Any = "pairs"
    weight_scale: float = 1.0
    bias: str = "normal"
    bias_scale: float = 1.0
    output: str = "normal"
    output_scale: float | None = None
    train_bias: bool = True
    train_output: bool = True
    mask: Any = None
    smoothing: float = 0.0
    first_step: float | None = None
    n_forgetting_steps: int = 2
    bias_range: float = 2.0
    scaling: str | None = "standard"
    checkpoint: str | PathLike[str] | None = None
    random_state: int | np.random.RandomState | None = None
    callback: Callable[[int, Any], object] | None = None
    verbose: bool | int = False

    _model: TwoLayerModel = field(init=False)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "width": [Interval(Integral, 1, None, closed="left")],
        "activation": [str, tuple],
        "algorithm": [StrOptions({"gd", "algorithm1", *HEADS})],
        "alpha": [Interval(Real, 0, None, closed="left"), None],
        "solver": [StrOptions({"auto", "sgd", "adam"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), None],
        "learning_rate": [StrOptions({"constant", "invscaling", "cosine"}), callable],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        # As many as a history tells of.
        "max_iter": [Interval(Integral, 1, 1 << 24, closed="both"), None],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "init": [StrOptions({"pairs", "quadruples"}), tuple],
        "weight_scale": [Interval(Real, 0, None, closed="left")],
        "bias": [StrOptions({"normal", "constant"})],
        "bias_scale": [Interval(Real, None, None, closed="neither")],
        "output": [StrOptions({"normal", "signs"})],
        "output_scale": [Interval(Real, 0, None, closed="left"), None],
        "train_bias": ["boolean"],
        "train_output": ["boolean"],
        "mask": ["array-like", None],
        "smoothing": [Interval(Real, 0, None, closed="left")],
        "first_step": [Interval(Real, 0, None, closed="neither"), None],
        "n_forgetting_steps": [Interval(Integral, 1, None, closed="left")],
        "bias_range": [Interval(Real, 0, None, closed="left")],
        "scaling": [StrOptions({"standard", "scalar"}), None],
        "checkpoint": [str, PathLike, None],
        "random_state": ["random_state"],
        "callback": [callable, None],
        "verbose": ["verbose"],
    }

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> Self:
        """Return an estimator with parameters that learn a problem of :mod:`widelearn.datasets`.

        "parity" (bits uniform or in groups) and "xor_mixture" take momentum descent from a small start with weight
        decay; "xor_mixture" holds b = 0. "structured_parity" takes one forgetting step from quadruples with b = 1, or
        "algorithm1" if `algorithm` says so. `overrides` are parameters in place of the preset's.

        With "xor_mixture" and a radius from 2.5 to 5, the mean accuracy is at most .015 below that of the quadratic
        kernel, or above it, for n >= 3 d, and for n >= 1.5 d where d >= 300 (measured up to d = 1,000). With fewer rows
        that kernel is better. ``TaylorClassifier(linear_term=False)`` was better wherever both were tried: .89 to .99.
        """
        if name not in PRESETS:
            raise ValueError(f"Unknown preset {name!r}. The presets are: {', '.join(PRESETS)}.")
        return cls(**PRESET | PRESETS[name] | overrides)

    def _foreseen(self, X: Any, y: Any) -> FitCost:
        return foreseen_training(self, X, y)

    fit_cost = fit_cost

    @capped
    def _values(self, X: Any) -> Array:
        """Return the outputs of the net (n, c) at raw rows."""
        refuse_lazy(X, type(self).__name__)
        return self._model.values(validate_data(self, X, dtype=DTYPES, reset=False))


Estimator = TypeVar("Estimator", bound=BaseTwoLayer)


def fit_to_table(
    estimator: Estimator, X: Any, y: Any, weigh: Callable[[Array, Array], tuple[Array, Array, Array | None, Targets]]
) -> Estimator:
    """Fit an estimator to a table, and keep what was found; `weigh` is :func:`training_of`'s."""
    draft = draft_of(estimator)
    return run_and_keep(estimator, draft, training_of(draft, X, y, weigh))


def training_of(
    draft: BaseTwoLayer, X: Any, y: Any, weigh: Callable[[Array, Array], tuple[Array, Array, Array | None, Targets]]
) -> Training:
    """Return the training of a draft on a table, at its start.

    `weigh` takes checked rows and targets and returns those that have a weight, the weights, and an object of the
    targets.
    """
    x, y, weight, targets = weigh(*check_rows(draft, X, y, reset=True))
    given = Batch(x, targets.encode(y, x.dtype), weight)
    seed = drawn_seed(draft)
    file = None if draft.checkpoint is None else Checkpoint(draft, targets.loss, given)
    if file is not None and file.seed is not None:
        seed = file.seed
    fraction = draft.validation_fraction if draft.early_stopping else None
    kept, left_out = leave_out(given, targets.strata(given.Y), fraction, seed)
    kept = kept.of_mean_one()
    scaling = Scaling.of(kept.X, draft.scaling, kept.weight)
    first = scaled(kept, scaling, draft.batch_size if draft.algorithm == "gd" else None)
    validation = None if left_out is None else left_out._replace(X=scaling.apply(left_out.X))
    rows = Rows(scaling, first, table_batches(first, draft.batch_size, seed), validation, sizes=sizes_of(first))
    return Training(draft, targets, rows, seed, file)


def foreseen_training(draft: Any, X: Any, y: Any) -> FitCost:
    """Return what a fit to a table takes."""
    source = draft.random_state
    draft.random_state, draft.checkpoint = 0 if isinstance(source, np.random.RandomState) else source, None
    return counted(training_of(draft, X, y, partial(draft._weigh, sample_weight=None)))


def fit_to_stream(
    estimator: Estimator,
    stream: Any,
    targets_of: Callable[[Array], Targets],
    weights_of: Callable[[Any, Array], Array | None] = lambda *_: None,
) -> Estimator:
    """Fit an estimator to a stream, and keep what was found.

    `targets_of` makes an object of the first targets, `weights_of` weights of every batch's.
    """
    draft = draft_of(estimator)
    if draft.early_stopping:
        raise ValueError("early_stopping leaves out rows of a table: fresh rows need none. Set it to False.")
    if draft.checkpoint is not None and not callable(stream):
        raise ValueError("A checkpoint needs a sampler, which can be asked for any batch again, not an iterator.")
    seed = drawn_seed(draft)
    draw = stream_rows(stream, draft.batch_size, seed)
    raw = draw(0)
    if raw is None:
        raise ValueError("The stream is empty: give at least one batch (X, y).")
    x, y = check_rows(draft, *raw, reset=True)
    targets = targets_of(y)
    weight = weights_of(targets, y)
    # The mean of the first rows' weights is 1, so that steps keep their length.
    largest = 1.0 if weight is None else float(weight.max())
    unit = 1.0 if weight is None else largest * float((weight / largest).mean())
    given = Batch(x, targets.encode(y, x.dtype), None if weight is None else weight / unit)
    file = None if draft.checkpoint is None else Checkpoint(draft, targets.loss, given)
    if file is not None and file.seed not in (None, seed):
        raise ValueError("The checkpoint of a stream needs an integer random_state, the same in every part.")

    scaling = Scaling.of(x, draft.scaling)
    first = given._replace(X=scaling.apply(x))

    def batches(iteration: int) -> list[Batch]:
        if iteration == 0:
            return [first]
        found = draw(iteration)
        if found is None:
            return []
        x, y = check_rows(draft, *found, reset=False)
        weight = weights_of(targets, y)
        return [Batch(scaling.apply(x), targets.encode(y, x.dtype), None if weight is None else weight / unit)]

    training = Training(draft, targets, Rows(scaling, first, batches, fresh=True), seed, file)
    return run_and_keep(estimator, draft, training)


def check_rows(draft: BaseTwoLayer, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array]:
    """Return rows and targets as arrays; without `reset` the rows have to be like the first ones."""
    refuse_lazy(X, type(draft).__name__)
    numeric = is_regressor(draft)
    if numeric:
        check_dense_targets(y)
    x, y = validate_data(draft, X, y, dtype=DTYPES, multi_output=True, y_numeric=numeric, reset=reset)
    if numeric and reset:
        check_range(largest_of(columns(y)), x.dtype)
    return x, y


def drawn_seed(draft: BaseTwoLayer) -> int:
    """Return the seed of all that is random in one fit."""
    return int(check_random_state(draft.random_state).randint(2**31 - 1))
