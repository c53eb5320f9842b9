"""What a descent has seen so far, and values and gradients that are held to be finite."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from widelearn.runtime import Array

# Value and gradient at a vector; a descent over batches gives the batch as a second argument.
LossGradient = Callable[..., tuple[float, Array]]


class DivergedError(Exception):
    """A value or gradient is not finite."""


@dataclass
class Trace:
    """The last iterate, and loss and gradient of every iteration; whole at any time, so that an interrupt keeps it."""

    theta: Array
    callback: Callable[[int, float], object] | None = None
    losses: list[float] = field(default_factory=list)
    gradients: list[float] = field(default_factory=list)
    # Why the descent ended, where that is worth a warning.
    fault: str = ""

    def add(self, theta: Array, loss: float, gradient: float) -> None:
        """Take one iteration down: a copy of its end, its loss and its gradient's norm."""
        self.theta = theta.copy()
        self.losses.append(loss)
        self.gradients.append(gradient)
        if self.callback is not None:
            self.callback(len(self.losses), loss)


def evaluate(loss_gradient: LossGradient, theta: Array, *batch: Any) -> tuple[float, Array, float]:
    """Return value, gradient and its norm, all finite.

    Raises
    ------
    DivergedError
        If they or the vector are not finite.
    """
    if np.isfinite(theta).all():
        with np.errstate(all="ignore"):
            value, gradient = loss_gradient(theta, *batch)
            norm = math.sqrt(square(gradient))
            if math.isfinite(value + norm):
                return value, gradient, norm
    raise DivergedError


def square(v: Array) -> float:
    """Return ‖v‖², without the threads of BLAS, which cost more than they save and change bits."""
    return float(np.einsum("i,i", v, v))
