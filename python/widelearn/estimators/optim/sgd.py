"""Stochastic gradient descent: plain, with momentum, or with noise that leaves saddles."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Sgd:
    """Steps of gradient descent for vectors like `theta`; `count` are made.

    With `momentum` they go along `velocity` ← momentum velocity + gradient. A `noise`, a radius and a source, adds to
    every gradient a point drawn uniformly in the ball of that radius.
    """

    def __init__(
        self, theta: Array, *, momentum: float = 0.0, noise: tuple[float, np.random.RandomState] | None = None
    ) -> None:
        self.velocity, self.square, self.count = np.zeros_like(theta), np.zeros(0), 0
        self.momentum, self.noise = momentum, noise

    def step(self, theta: Array, gradient: Array, rate: float) -> None:
        """Move a vector against a gradient, in place; the gradient's memory is used up."""
        self.count += 1
        if self.noise is not None:
            gradient += point_in_ball(self.noise[1], len(theta), self.noise[0])
        if self.momentum:
            self.velocity *= self.momentum
            self.velocity += gradient
            np.copyto(gradient, self.velocity)
        gradient *= rate
        theta -= gradient


def point_in_ball(rng: np.random.RandomState, dimension: int, radius: float) -> Array:
    """Draw a point uniformly in a ball."""
    direction = rng.standard_normal(dimension)
    return radius * rng.uniform() ** (1 / dimension) / np.linalg.norm(direction) * direction
