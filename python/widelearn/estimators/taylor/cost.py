"""What a Taylor model's training takes: gradients of a few rows are timed, and counted by the solver's plan."""

from functools import partial
from typing import Any

from widelearn.estimators.costs import FitCost
from widelearn.estimators.rates import least_seconds, places
from widelearn.estimators.taylor.gates import gates_of
from widelearn.estimators.taylor.held_out import (
    ALPHA,
    ALPHAS,
    FINE,
    LINEAR_ALPHAS,
    MANY,
    MAX_ITER,
    MOST,
    PARTS,
    STEEP_FEWEST,
    STEEP_MOST,
    Penalties,
    first_of,
)
from widelearn.estimators.taylor.model import Objective
from widelearn.estimators.taylor.settings import check_orders, is_stochastic
from widelearn.estimators.taylor.training import BATCH, Training
from widelearn.runtime import Array, one_blas_thread

# Rows whose gradients are timed.
SOME = 512
# Gradients of an iteration: line searches of L-BFGS take few more than one; halved steps begin at twice the last.
TRIED = {"lbfgs": 1.1, "pgd": 2.0}
# Gradients that the spectral start is worth.
START = 30


class Untuned(Training):
    """A training whose gates and penalties are taken as they come, where a fit would choose."""

    def _choose(self, gates: Any, X: Array, terms_of: Any) -> Objective:
        given = ALPHA if self.given_alpha is None else self.given_alpha
        self.penalties = Penalties(given, first_of(self.chosen.linear_alpha))
        return terms_of(gates[0])


def foreseen_training(draft: Any, X: Any, y: Any) -> FitCost:
    """Return what a fit takes at most: it ends where steps gain little, and may choose a net of fewer neurons."""
    x, Y, loss, units, weight = draft._read(draft, X, y)
    n, chosen = len(x), draft
    at = places(n, SOME)
    draft = type(chosen)(**chosen.get_params(deep=False) | {"random_state": 0, "init": "auto", "callback": None})
    draft.init = "zeros" if chosen.init == "zeros" else "random"
    training = Untuned(draft, x[at], Y[at], loss, units, None if weight is None else weight[at])
    objective, theta = training.objective, training.trace.theta
    with one_blas_thread():
        each = least_seconds(partial(objective, theta)) / len(at)
    wide = max(gate.width for gate in gates_of(chosen, check_orders(chosen.order, chosen.mode, chosen.width)))
    grown = wide / chosen.width if n >= STEEP_FEWEST else 1.0
    gradients, choice = float(START), choosing(chosen, loss, n, grown)
    if is_stochastic(chosen):
        batch = min(chosen.batch_size or BATCH, n)
        step = step_seconds(training, batch)
        seconds = chosen.max_iter * (-(-n // batch)) * step
        gradients = seconds / (each * n)
    else:
        gradients += chosen.max_iter * TRIED[training.solver]
    size, rows = theta.size / max(objective.X.shape[1], 1), float(n)
    seconds = each * (gradients * grown * rows + choice)
    flops = 6.0 * objective.X.shape[1] * size * (gradients * grown * rows + choice)
    sure = is_stochastic(chosen) and not choice
    return FitCost(training.solver, seconds, 0.0, flops, 0, not sure)


def step_seconds(training: Training, batch: int) -> float:
    """Return the time of a step along the gradient of a batch."""
    objective, theta, rows = training.objective, training.trace.theta.copy(), slice(0, batch)
    rule = training._new_rule()
    share = max(batch / len(objective.X), 1.0)

    def step() -> None:
        _, gradient = objective(theta, rows)
        rule.step(theta, gradient, 0.0)

    with one_blas_thread():
        return share * least_seconds(step)


def choosing(chosen: Any, loss: str, n: int, grown: float) -> float:
    """Return the gradients of one row that penalties and gates take at most, chosen by rows held out."""
    auto, linear_auto = isinstance(chosen.alpha, str), isinstance(chosen.linear_alpha, str) and chosen.linear_term
    count, fits = min(n, MOST), 0
    if auto or linear_auto or loss != "squared":
        fits = (len(LINEAR_ALPHAS) if linear_auto else 1) + (len(ALPHAS) - 1) * auto
    parts = FINE if (auto or loss != "squared") and n <= MANY else PARTS
    found = float(fits * (parts - 1) * count * MAX_ITER * TRIED["lbfgs"])
    if grown > 1.0:
        # Soft gates and steep ones once each, of up to so many rows with one part held out.
        some = min(n, STEEP_MOST)
        held = PARTS if some <= MOST else 1
        found += (1.0 + grown) * held * (1.0 - 1.0 / PARTS) * some * MAX_ITER * TRIED["lbfgs"]
    return found
