"""What a fit of a two-layer net leaves: the net, the scales of rows, and targets for which its outputs stand."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.utils.validation import column_or_1d

from widelearn.estimators.labels import Labels
from widelearn.estimators.scaling import ROWS, Scaling, columns
from widelearn.nets import TwoLayer
from widelearn.runtime import Array, check_memory, row_blocks


@dataclass(frozen=True)
class NumberTargets:
    """Numbers, scaled; and whether they had no axis of columns."""

    scaling: Scaling
    flat: bool
    loss: str = "squared"

    @classmethod
    def of(cls, y: Array, scaling: str | None, weight: Array | None = None) -> Self:
        """Measure targets of weighted rows, to be standardised unless there is no scaling."""
        return cls(Scaling.of(columns(y), None if scaling is None else "standard", weight), y.ndim == 1)

    def encode(self, y: Array, dtype: DTypeLike) -> Array:
        """Return scaled targets (n, c)."""
        Y = columns(y)
        if Y.shape[1] != len(self.scaling.scale):
            raise ValueError(f"y has {Y.shape[1]} targets, but the first batch had {len(self.scaling.scale)}.")
        return self.scaling.apply(Y).astype(dtype)

    def decode(self, values: Array) -> Array:
        """Return the targets that outputs (n, c) stand for, in their place."""
        found = self.scaling.undo(values)
        return found[:, 0] if self.flat else found

    def strata(self, Y: Array) -> None:
        """Return None: numbers are not shared out."""

    def attributes(self) -> dict[str, Any]:
        """Return what targets were scaled by."""
        return {"y_offset_": self.scaling.offset, "y_scale_": self.scaling.scale}


@dataclass(frozen=True)
class ClassTargets:
    """Class labels, with the loss of the net: of several classes "softmax" stands for "logistic"."""

    labels: Labels
    loss: str

    @classmethod
    def of(cls, y: Array, loss: str, classes: ArrayLike | None = None) -> Self:
        """Look at labels; where classes are given, they are all."""
        labels = Labels.from_targets(y, classes)
        count = len(labels.classes)
        if not labels.multilabel:
            refuse_one_class(labels.classes, "y")
        several = not labels.multilabel and count > 2
        return cls(labels, "softmax" if loss == "logistic" and several else loss)

    def encode(self, y: Array, dtype: DTypeLike) -> Array:
        """Return codes (n, c) of 1 and -1, for the softmax of 1 and 0, of labels that must be among the classes."""
        y = y if self.labels.multilabel else column_or_1d(y)
        Labels.from_targets(y, self.labels.classes)
        Y = self.labels.encode(y, dtype)
        return (Y > 0).astype(dtype) if self.loss == "softmax" else Y

    def strata(self, Y: Array) -> Array | None:
        """Return the class of every row; an indicator has none."""
        if self.labels.multilabel:
            return None
        return Y.argmax(axis=1) if Y.shape[1] > 1 else Y[:, 0]

    def attributes(self) -> dict[str, Any]:
        """Return the classes."""
        return {"classes_": self.labels.classes, "multilabel_": self.labels.multilabel}


Targets = NumberTargets | ClassTargets


def refuse_one_class(classes: Array, rows: str) -> None:
    """Refuse rows of one class."""
    if len(classes) == 1:
        raise ValueError(
            f"{rows} has one class only, {classes[0]!r}, but a classifier needs samples of at least 2 classes."
        )


@dataclass(frozen=True)
class TwoLayerModel:
    """A net on scaled rows, and the targets that its outputs stand for."""

    net: TwoLayer
    scaling: Scaling
    targets: Targets

    def values(self, X: Array) -> Array:
        """Return the outputs of the net (n, c) at raw rows, in their type."""
        W, b, a = (part.astype(X.dtype, copy=False) for part in (self.net.W, self.net.b, self.net.a))
        net = TwoLayer(W, b, a, self.net.activation, smoothing=self.net.smoothing)
        shape = (len(X), net.a.shape[1])
        check_memory(shape[0] * shape[1] * X.itemsize, f"The outputs of {len(X)} rows", "Predict fewer rows at a time.")
        out = np.empty(shape, X.dtype)
        for rows in row_blocks(len(X), ROWS):
            out[rows] = net.outputs(self.scaling.apply(X[rows]))
        return out
