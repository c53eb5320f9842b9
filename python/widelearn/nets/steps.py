"""Steps of weights in the compiled core."""

import numpy as np

from widelearn import _core
from widelearn.runtime import Array


def adam_step(
    theta: Array,
    gradient: Array,
    means: tuple[Array, Array],
    *,
    rate: float,
    shares: tuple[float, float],
    count: int,
    epsilon: float,
    corrects_root: bool,
    drops: bool,
) -> bool:
    """Move a vector against its gradient by Adam's step number `count`, in place; return whether it is finite then.

    `means` are the running means of gradients and of their squares, `shares` those of new ones in them; with `drops`
    means that have left the normal numbers become 0. One sweep over all; its caller has the formulas.
    """
    first, second = shares
    seen, seen_square = 1 - (1 - first) ** count, 1 - (1 - second) ** count
    g = np.require(gradient, theta.dtype, ["C", "ALIGNED"])
    numbers = (float(rate), first, second, seen, seen_square, epsilon)
    return _core.adam_step(theta, g, means, numbers, (corrects_root, drops))
