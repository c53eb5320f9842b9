"""What a fitted model says of rows, in blocks: labels or numbers, and probabilities or scores of all classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.experiments.comparison.scores import Output

Matrix = NDArray[np.float64]
BLOCK = 4096


def in_blocks(call: Any, X: Any) -> NDArray[Any]:
    """Call with at most 4,096 rows at a time, so that no n_test x n_train matrix is held whole."""
    if not len(X):
        return np.empty(0)
    return np.concatenate([np.asarray(call(X[start : start + BLOCK])) for start in range(0, len(X), BLOCK)])


def answer(estimator: Any, X: Any, classes: int, *, full: bool = True) -> Output:
    """Predict rows; of `classes` classes (0 for numbers) with probabilities, or scores where there are none.

    With `full` false only labels are asked for. Columns are those of all classes, whichever the model has seen: a class
    that it has not gets probability 0, and a score below all others.
    """
    prediction = in_blocks(estimator.predict, X)
    if classes:
        _check_classes(estimator, prediction, classes)
    if not classes or not full:
        return Output(prediction.reshape(len(X)))
    for name in ("predict_proba", "decision_function"):
        if not hasattr(estimator, name):
            continue
        try:
            values = in_blocks(getattr(estimator, name), X)
            break
        except MemoryError:
            # Probabilities of kernels take a factor that their iterations did without.
            if name == "decision_function" or not hasattr(estimator, "decision_function"):
                raise
    else:
        return Output(prediction)
    values = np.column_stack([-values, values]) if values.ndim == 1 else values
    lowest = 0.0 if name == "predict_proba" else float(values.min(initial=0.0)) - 1.0
    columns = np.full((len(X), classes), lowest)
    columns[:, np.asarray(estimator.classes_, dtype=np.intp)] = values
    return Output(prediction, columns) if name == "predict_proba" else Output(prediction, None, columns)


def _check_classes(estimator: Any, prediction: NDArray[Any], classes: int) -> None:
    """Refuse predictions that are none of the classes, such as those of a regressor."""
    strange = prediction[~np.isin(prediction, np.arange(classes))]
    if len(strange):
        raise ValueError(
            f"{type(estimator).__name__} predicts {strange[0]}, which is the number of none of the {classes} classes:"
            " give a classifier"
        )


def predict_in_blocks(estimator: Any, X: Any) -> NDArray[Any]:
    """Predict at most 4,096 rows at a time."""
    return in_blocks(estimator.predict, X)
