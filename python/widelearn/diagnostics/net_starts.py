"""Where the training of a two-layer estimator started: its net, rows and targets in its units, the first gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from widelearn.diagnostics.net_paths import codes_of, rows_of, targets_of, weights_of
from widelearn.nets import TwoLayer, loss

Array = NDArray[np.float64]

FITTED = ("W0_", "b0_", "a0_", "W_", "b_", "a_", "x_offset_", "x_scale_")
# Largest value in the net's units whose squares and their sums are numbers.
LARGEST = 1e100
# Differences beside a target's size that are rounding errors.
EQUAL = 1e-12


def check_two_layer(model: Any) -> None:
    """Refuse what is no fitted two-layer estimator."""
    missing = [name for name in FITTED if not hasattr(model, name)]
    if missing and isinstance(model, BaseEstimator) and hasattr(model, "algorithm"):
        check_is_fitted(model)
    if missing:
        raise TypeError(
            f"{type(model).__name__} has no {missing[0]}: give a fitted TwoLayerRegressor or TwoLayerClassifier."
        )


@dataclass(frozen=True, eq=False)
class NetStart:
    """The net at its start, rows (n, d) and targets (n, c) in its units, the loss, and how outputs are read.

    Outputs are "numbers", have the "signs" of classes, or the "largest" tells the class.
    """

    net: TwoLayer
    X: Array
    Y: Array
    loss: str
    reading: str
    weight: Array | None = None

    @classmethod
    def of(cls, model: Any, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Read a fitted two-layer estimator, and rows, targets and weights like those of its fit."""
        check_two_layer(model)
        W, b, a = (np.asarray(part, dtype=float) for part in (model.W0_, model.b0_, model.a0_))
        rows, c = rows_of("X", X, W.shape[1]), a.shape[1]
        # Frames must have the columns of the fit, in their order.
        validate_data(model, X if hasattr(X, "shape") else rows, reset=False, skip_check_array=True)
        with np.errstate(over="ignore", invalid="ignore"):
            rows = np.ascontiguousarray((rows - model.x_offset_) / model.x_scale_)
        kind, reading = "squared", "numbers"
        if hasattr(model, "classes_"):
            Y = codes_of(model, y, len(rows), c)
            kind, reading = model.loss, "largest" if c > 1 and not model.multilabel_ else "signs"
            if reading == "largest" and kind == "logistic":
                kind = "softmax"
            elif reading == "largest":
                Y = 2.0 * Y - 1.0
        else:
            with np.errstate(over="ignore", invalid="ignore"):
                Y = (targets_of(y, len(rows), c) - model.y_offset_) / model.y_scale_
        for name, values in (("X", rows), ("y", Y)):
            if not np.abs(values).max(initial=0.0) <= LARGEST:
                raise ValueError(
                    f"{name} has values more than {LARGEST:g} times those of the fit: give the rows of the fit."
                )
        net = TwoLayer(W, b, a, model.activation, smoothing=model.smoothing)
        return cls(net, rows, Y, kind, reading, weights_in_fit(model, y, sample_weight, len(rows)))

    def ended(self, W: Any, b: Any, a: Any) -> float:
        """Return the score of the net with other weights."""
        W, b, a = (np.asarray(part, dtype=float) for part in (W, b, a))
        return self.score(TwoLayer(W, b, a, self.net.activation, smoothing=self.net.smoothing).outputs(self.X))

    @cached_property
    def residual(self) -> Array:
        """Minus the derivative of the mean loss by the outputs (n, c), at the start."""
        return -loss(self.net.outputs(self.X), self.Y, self.loss, sample_weight=self.weight)[1]

    @cached_property
    def descent(self) -> Array:
        """Minus the gradient of the mean loss by the first layer (m, d): at f = 0, a_i G(w_i, b_i)."""
        return -self.net.loss_gradient(self.X, self.Y, self.loss, sample_weight=self.weight).W

    def score(self, F: Array) -> float:
        """Return the share of rows whose class outputs (n, c) tell, or R² averaged over targets."""
        if self.reading == "largest":
            return float(np.mean(F.argmax(axis=1) == self.Y.argmax(axis=1)))
        if self.reading == "signs":
            return float(np.mean(((F > 0) == (self.Y > 0)).all(axis=1)))
        left = np.sum((F - self.Y) ** 2, axis=0)
        spread = np.sum((self.Y - self.Y.mean(axis=0)) ** 2, axis=0)
        # Of targets that are equal but for rounding.
        equal = spread <= len(F) * (EQUAL * np.abs(self.Y).max(axis=0)) ** 2
        return float(np.mean(np.where(equal, left <= spread, 1 - left / np.where(equal, 1.0, spread))))


def weights_in_fit(model: Any, y: ArrayLike, sample_weight: ArrayLike | None, n: int) -> Array | None:
    """Return the weights that rows had in a fit, those of their classes included; None where all are equal."""
    weight = None if sample_weight is None else weights_of(sample_weight, n)
    if getattr(model, "class_weight", None) is None:
        return weight
    own = weights_of(model._model.targets.labels.weights(y, model.class_weight, None), n)
    return own if weight is None else weights_of(own * weight, n)
