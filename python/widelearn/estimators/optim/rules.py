"""How a vector moves against gradients: Adam, and stochastic gradient descent with momentum or noise."""

import numpy as np

from widelearn.nets.steps import adam_step
from widelearn.runtime import Array

# Offset of the root, as in MLPClassifier.
EPSILON = 1e-8
# Steps after which means that have no digits left are set to 0.
SELDOM = 64


class Adam:
    """Steps of Adam for vectors like `theta`, with the running means `velocity` and `square` and their `count`.

    `weights` are the shares of a new gradient and of its square in the means v and s; the defaults are MLPClassifier's
    to the last bit. A step is rate v / (√s + ε) with both means corrected for their start at 0. Without `corrects_root`
    ε is added to the root of s as it is, and the rate is corrected. Source: Kingma & Ba, "Adam: a method for stochastic
    optimization", ICLR 2015, algorithm 1 and the end of section 2.
    """

    def __init__(
        self, theta: Array, *, weights: tuple[float, float] = (1 - 0.9, 1 - 0.999), corrects_root: bool = False
    ) -> None:
        self.velocity, self.square, self.count = np.zeros_like(theta), np.zeros_like(theta), 0
        self.weights, self.corrects_root = weights, corrects_root

    def step(self, theta: Array, gradient: Array, rate: float) -> bool:
        """Move a vector against a gradient, in place; return whether it is finite then."""
        self.count += 1
        return adam_step(
            theta,
            gradient,
            (self.velocity, self.square),
            rate=rate,
            shares=self.weights,
            count=self.count,
            epsilon=EPSILON,
            corrects_root=self.corrects_root,
            drops=self.count % SELDOM == 0,
        )


class Sgd:
    """Steps of gradient descent for vectors like `theta`; `count` are made.

    With `momentum` they go along `velocity` ← momentum velocity + gradient. A `noise`, a radius and a source, adds to
    every gradient a point drawn uniformly in the ball of that radius.
    """

    def __init__(
        self, theta: Array, *, momentum: float = 0.0, noise: tuple[float, np.random.RandomState] | None = None
    ) -> None:
        self.velocity, self.square, self.count = np.zeros_like(theta), np.zeros(0, theta.dtype), 0
        self.momentum, self.noise = momentum, noise

    def step(self, theta: Array, gradient: Array, rate: float) -> bool:
        """Move a vector against a gradient, in place; return whether it is finite then. The gradient is used up."""
        self.count += 1
        if self.noise is not None:
            gradient += point_in_ball(self.noise[1], len(theta), self.noise[0])
        with np.errstate(over="ignore", invalid="ignore"):
            if self.momentum:
                self.velocity *= self.momentum
                self.velocity += gradient
                drop_subnormal(self.velocity, self.count)
                np.copyto(gradient, self.velocity)
            gradient *= rate
            theta -= gradient
        return bool(np.isfinite(theta).all())


def drop_subnormal(velocity: Array, count: int) -> None:
    """Set means to 0, now and then, that have left the normal numbers: every product of them would take 100 cycles."""
    if count % SELDOM == 0:
        velocity[np.abs(velocity) < np.finfo(velocity.dtype).tiny] = 0.0


def point_in_ball(rng: np.random.RandomState, dimension: int, radius: float) -> Array:
    """Draw a point uniformly in a ball."""
    direction = rng.standard_normal(dimension)
    return radius * rng.uniform() ** (1 / dimension) / np.linalg.norm(direction) * direction
