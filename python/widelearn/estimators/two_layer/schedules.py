"""Learning rates over the iterations of gradient descent."""

import math
from collections.abc import Callable


def learning_rates(schedule: str | Callable[[int], float], initial: float, max_iter: int) -> Callable[[int], float]:
    """Return the function from an iteration, counted from 0, to its learning rate.

    "constant"; "invscaling": initial / √(t + 1); "cosine": initial (1 + cos(π t / max_iter)) / 2; or initial times what
    a function of t returns.
    """
    match schedule:
        case "constant":
            return lambda t: initial
        case "invscaling":
            return lambda t: initial / math.sqrt(t + 1)
        case "cosine":
            return lambda t: 0.5 * initial * (1 + math.cos(math.pi * t / max_iter))
    return lambda t: initial * float(schedule(t))  # type: ignore[operator]
