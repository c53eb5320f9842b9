"""Settings of a Taylor model that go together: orders, width, mode, solver and start."""

from math import isfinite
from numbers import Integral, Real
from typing import Any

MAX_ORDER = 4


def is_stochastic(chosen: Any) -> bool:
    """Whether descents take batches of rows."""
    return chosen.solver in ("sgd", "adam") or (chosen.mode == "signs" and chosen.solver == "lbfgs")


def check_orders(order: Any, mode: str, width: int) -> tuple[int, ...]:
    """Return the orders whose terms are summed; refuse several in the real network, and an odd width."""
    orders: tuple[Any, ...] = order if isinstance(order, tuple) else (order,)
    whole = all(isinstance(k, Integral) and k in range(1, MAX_ORDER + 1) for k in orders)
    if not whole or not orders or len(set(orders)) < len(orders):
        raise ValueError(f"order must be one of 1 to {MAX_ORDER}, or a tuple of different ones, got {order!r}.")
    if mode != "taylor" and len(orders) > 1:
        raise ValueError(
            f"mode={mode!r} trains the real network, of which random multipliers leave the term of one order, got"
            f" order={order!r}. Set one order, such as {max(orders)}, or mode='taylor'."
        )
    if width % 2:
        raise ValueError(f"width must be even, for neurons come in pairs, got {width}. Take {width + 1}.")
    return tuple(int(k) for k in orders)


def is_joint(chosen: Any) -> bool:
    """Whether every order has a movement and a penalty of its own."""
    return isinstance(chosen.alpha, tuple)


def check_alphas(chosen: Any, orders: tuple[int, ...]) -> float | tuple[float, ...] | None:
    """Return the penalty of the net, or one for each order; None where data choose it."""
    if not isinstance(chosen.alpha, tuple):
        return None if isinstance(chosen.alpha, str) else float(chosen.alpha)
    alphas = chosen.alpha
    if not all(isinstance(one, Real) and float(one) >= 0 and isfinite(one) for one in alphas):
        raise ValueError(f"alpha must hold numbers from 0 on, got {alphas!r}. Give such as {(2e-3,) * len(orders)}.")
    if len(alphas) != len(orders) or len(orders) < 2:
        raise ValueError(
            f"alpha has {len(alphas)} penalties, one for the movement of each of several orders, but"
            f" order={chosen.order!r}. Give one number, or two orders or more and as many penalties."
        )
    return tuple(float(one) for one in alphas)


def check_solver(chosen: Any, orders: tuple[int, ...]) -> str:
    """Return the solver that will run; refuse starts and solvers that do not go together."""
    solver: str = chosen.solver
    if chosen.mode == "signs":
        if solver == "pgd":
            raise ValueError("mode='signs' draws signs at every step, but 'pgd' compares steps. Take 'adam' or 'sgd'.")
        solver = "adam" if solver == "lbfgs" else solver
    if chosen.init == "zeros" and (1 not in orders or is_joint(chosen)) and solver not in ("pgd", "sgd"):
        raise ValueError(
            f"init='zeros' is a stationary point, which {solver!r} never leaves: all terms of order 2 and more have"
            " gradient 0 there. Take init='random' or 'spectral', or solver='pgd', which adds noise."
        )
    if chosen.init == "spectral" and orders != (2,):
        raise ValueError(f"init='spectral' is made for order=2, got order={chosen.order!r}. Take init='random'.")
    return solver
