"""What makes a score too good to be true: leaks, repeated rows, hidden groups, rare classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Warnings = list[dict[str, str | None]]


def found(y: NDArray[Any], classes: list[Any] | None) -> Warnings:
    """Return warnings, each with its kind, the column that it names (or None) and a sentence."""
    return [] if classes is None else _imbalance(y, classes)


def _imbalance(y: NDArray[Any], classes: list[Any]) -> Warnings:
    """Warn of a class so rare that accuracy says nothing."""
    shares = np.bincount(y, minlength=len(classes)) / len(y)
    few, many = int(shares.argmin()), int(shares.argmax())
    if shares[few] >= 0.2 / len(classes):
        return []
    text = (
        f"class {classes[few]!r} is {shares[few]:.1%} of the rows: saying always {classes[many]!r} has accuracy "
        f"{shares[many]:.3f}, so read balanced accuracy, AUC or log loss"
    )
    return [{"kind": "imbalance", "column": None, "text": text}]
