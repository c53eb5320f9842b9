"""Fits of two-layer nets: what the regressor and the classifier share."""

from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from types import SimpleNamespace
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from widelearn.estimators.lazy import refuse_lazy
from widelearn.estimators.state import draft_of, run_and_keep
from widelearn.estimators.two_layer.checkpoint import Checkpoint
from widelearn.estimators.two_layer.model import Targets, TwoLayerModel
from widelearn.estimators.two_layer.presets import parameters_of
from widelearn.estimators.two_layer.rows import Batch, Rows, leave_out, stream_rows
from widelearn.estimators.two_layer.training import HEADS, Training
from widelearn.runtime import Array

DTYPES = [np.float64, np.float32]


class BaseTwoLayer(BaseEstimator):
    """A two-layer net: its parameters, presets of them, and its outputs at new rows."""

    _model: TwoLayerModel

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
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
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
    }

    @classmethod
    def preset(cls, name: str, **overrides: Any) -> Self:
        """Return an estimator with parameters that learn a problem of :mod:`widelearn.datasets`.

        "parity" and "xor_mixture" take momentum descent from a small start with weight decay. "structured_parity" takes
        one forgetting step from quadruples with b = 1, or "algorithm1" if `algorithm` says so. `overrides` are
        parameters in place of the preset's.
        """
        return cls(**parameters_of(name, overrides))

    def _values(self, X: Any) -> Array:
        """Return the outputs of the net (n, c) at raw rows."""
        refuse_lazy(X, type(self).__name__)
        return self._model.values(validate_data(self, X, dtype=DTYPES, reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


Estimator = TypeVar("Estimator", bound=BaseTwoLayer)


def fit_to_table(estimator: Estimator, X: Any, y: Any, targets_of: Callable[[Array], Targets]) -> Estimator:
    """Fit an estimator to a table, and keep what was found; `targets_of` makes an object of the targets."""
    draft = draft_of(estimator)
    chosen = SimpleNamespace(**draft.get_params(deep=False))
    x, y = check_rows(draft, X, y, reset=True)
    targets = targets_of(y)
    Y = targets.encode(y, x.dtype)
    seed = drawn_seed(chosen)
    file = None if chosen.checkpoint is None else Checkpoint(chosen, targets.loss, x, Y)
    if file is not None and file.seed is not None:
        seed = file.seed
    fraction = chosen.validation_fraction if chosen.early_stopping else None
    parts = leave_out(x, Y, targets.strata(Y), fraction, seed)
    rows = Rows.of_table(*parts, chosen.scaling, chosen.batch_size, seed)
    training = Training(chosen, targets, rows, seed, file)
    return run_and_keep(estimator, draft, training.follow, training.show)


def fit_to_stream(estimator: Estimator, stream: Any, targets_of: Callable[[Array], Targets]) -> Estimator:
    """Fit an estimator to a stream, and keep what was found; `targets_of` makes an object of the first targets."""
    draft = draft_of(estimator)
    chosen = SimpleNamespace(**draft.get_params(deep=False))
    if chosen.early_stopping:
        raise ValueError("early_stopping leaves out rows of a table: fresh rows need none. Set it to False.")
    if chosen.checkpoint is not None and not callable(stream):
        raise ValueError("A checkpoint needs a sampler, which can be asked for any batch again, not an iterator.")
    seed = drawn_seed(chosen)
    draw = stream_rows(stream, chosen.batch_size, seed)
    raw = draw(0)
    if raw is None:
        raise ValueError("The stream is empty: give at least one batch (X, y).")
    x, y = check_rows(draft, *raw, reset=True)
    targets = targets_of(y)
    Y = targets.encode(y, x.dtype)
    file = None if chosen.checkpoint is None else Checkpoint(chosen, targets.loss, x, Y)
    if file is not None and file.seed not in (None, seed):
        raise ValueError("The checkpoint of a stream needs an integer random_state, the same in every part.")

    def encoded(iteration: int) -> Batch | None:
        found = draw(iteration)
        if found is None:
            return None
        x, y = check_rows(draft, *found, reset=False)
        return x, targets.encode(y, x.dtype)

    rows = Rows.of_stream((x, Y), encoded, chosen.scaling)
    training = Training(chosen, targets, rows, seed, file)
    return run_and_keep(estimator, draft, training.follow, training.show)


def check_rows(draft: BaseTwoLayer, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array]:
    """Return rows and targets as arrays; without `reset` the rows have to be like the first ones."""
    refuse_lazy(X, type(draft).__name__)
    x, targets = validate_data(draft, X, y, dtype=DTYPES, multi_output=True, y_numeric=is_regressor(draft), reset=reset)
    return x, targets


def drawn_seed(chosen: SimpleNamespace) -> int:
    """Return the seed of all that is random in one fit."""
    return int(check_random_state(chosen.random_state).randint(2**31 - 1))
