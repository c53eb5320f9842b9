"""One fit of a Taylor model: its net, its objective, its start and its descent, on rows and targets in their units."""

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from widelearn.estimators.optim.descent import DivergedError, Trace, batch_descent, lbfgs_descent, perturbed_descent
from widelearn.estimators.optim.rules import Adam, Sgd
from widelearn.estimators.taylor.inputs import LinearPart, RowUnits, TargetUnits, dependence, distance
from widelearn.estimators.taylor.model import Objective, TaylorModel, TaylorNet, activation_scale, draw_net, is_odd
from widelearn.estimators.taylor.start import first_point
from widelearn.nets import Expansion
from widelearn.runtime import Array, check_memory, one_blas_thread, warn

MAX_ORDER = 4
# First rates of the solvers.
RATES = {"pgd": 1.0, "sgd": 0.3, "adam": 3e-3, "lbfgs": 1.0}
# Rows of a batch.
BATCH = 64
# Radius of the noise of "sgd".
NOISE = 1e-3
# Share of the objective without the net above which an odd term fits nothing.
STUCK = 0.9
# So many of their spreads from zero rows lose what they differ in.
FAR = 10.0
# So many deviations of chance are a dependence: noise with one direction has a larger χ² in 2 of 1,000 data sets.
SURE = 6.0


# Arrays as large as the net's movement that its descents hold.
MOVEMENTS = 12


class Training:
    """A Taylor model on its way: made at its start, moved by `follow`, shown on an estimator at any time."""

    def __init__(self, chosen: Any, X: Array, Y: Array, loss: str, units: TargetUnits) -> None:
        need = MOVEMENTS * 8 * int(chosen.width) * X.shape[1]
        check_memory(need, f"Training {chosen.width} neurons of {X.shape[1]} columns", "Take a narrower net.")
        orders = check_orders(chosen.order, chosen.mode, chosen.width)
        self.chosen, self.units, self.solver = chosen, units, check_solver(chosen, orders)
        self.rng = check_random_state(chosen.random_state)
        # The real network is not scaled, because signs would move its outputs more; a scaled penalty means the same.
        scale, alpha = activation_scale(chosen.activation, max(orders)), float(chosen.alpha)
        scaled = chosen.mode == "taylor"
        self.activation_scale, penalty = (scale, alpha) if scaled else (1.0, alpha * scale**2)
        self.rows, self.distance = RowUnits.of(X, whiten=chosen.whiten), 0.0 if chosen.whiten else distance(X)
        X = self.rows.apply(X)
        W0, self.a = (part.astype(X.dtype) for part in draw_net(self.rng, chosen.width, X.shape[1], Y.shape[1]))
        a = (self.a / self.activation_scale).astype(X.dtype)
        net = TaylorNet(Expansion(W0, a, chosen.activation, orders), chosen.mode)
        linear = LinearPart.of(X, alpha) if chosen.linear_term else None
        draws = self.rng if chosen.mode == "signs" else None
        Y = Y.astype(X.dtype)
        self.objective = Objective(X, Y, loss, net, linear, penalty, max(orders), chosen.penalty_power, draws)
        # Threads of small products wait for each other longer than they work.
        with one_blas_thread():
            self.trace = Trace(first_point(self.objective, chosen.init, self.rng), chosen.callback)

    @property
    def moved(self) -> bool:
        """Whether there was an iteration."""
        return bool(self.trace.losses)

    def follow(self) -> None:
        """Descend to the end, or to where steps diverge."""
        try:
            with one_blas_thread():
                self._descend()
        except DivergedError:
            count = len(self.trace.losses)
            self.trace.fault = f"{self.solver} diverged after {count} iterations, whose last finite weights are kept"

    def _descend(self) -> None:
        chosen, objective, trace, n = self.chosen, self.objective, self.trace, len(self.objective.X)
        rate = RATES[self.solver] if chosen.learning_rate_init is None else float(chosen.learning_rate_init)
        if self.solver == "lbfgs":
            # Below the rounding of the values there is nothing left to gain.
            tol = max(float(chosen.tol), 10 * float(np.finfo(objective.X.dtype).eps))
            lbfgs_descent(objective, trace, max_iter=chosen.max_iter, tol=tol)
        elif self.solver == "pgd":
            tol = float(chosen.tol)
            perturbed_descent(objective, trace, self.rng, max_iter=chosen.max_iter, tol=tol, rate=rate)
        else:
            batch_size = min(BATCH if chosen.batch_size is None else chosen.batch_size, n)
            adam = Adam(trace.theta, weights=(0.1, 0.001), corrects_root=True)
            rule = adam if self.solver == "adam" else Sgd(trace.theta, noise=(NOISE, self.rng))
            options = {"n_rows": n, "batch_size": batch_size, "max_iter": chosen.max_iter, "rate": rate}
            batch_descent(objective, trace, rule, self.rng, **options)

    def model(self) -> TaylorModel:
        """Return the model at the last iterate."""
        dtype, units = self.objective.X.dtype, self.units
        W, gamma, b = self.objective.unpack(self.trace.theta)
        beta, offset = np.zeros((W.shape[1], len(units.scale))), np.zeros(len(units.scale))
        if self.objective.linear is not None:
            beta, offset = self.rows.linear_part(*self.objective.linear.coefficients(gamma, b))
        with np.errstate(over="ignore"):
            coef, offset = (beta * units.scale).T.astype(dtype), (offset * units.scale + units.mean).astype(dtype)
        if not (np.isfinite(coef).all() and np.isfinite(offset).all()):
            raise ValueError(
                f"Coefficients of targets of size {units.scale.max():.3g} and rows of size {self.rows.scale:.3g}"
                f" overflow {dtype}: scale y down, or X up."
            )
        return TaylorModel(self.rows, self.objective.net, W.astype(dtype), units, coef, offset)

    def show(self, draft: Any) -> None:
        """Set what is fitted on a draft of an estimator; one column of targets has no axis."""
        model, trace, only = self.model(), self.trace, self.units.without_axis
        draft.__dict__ |= {
            "_model": model,
            "W_": model.W,
            "W0_": model.net.expansion.W0,
            "a_": only(self.a, axis=1),
            "coef_": only(model.coef),
            "intercept_": only(model.intercept),
            "activation_scale_": self.activation_scale,
            "x_scale_": self.rows.scale,
            "y_scale_": only(self.units.scale),
            "solver_": self.solver,
            "n_iter_": max(len(trace.losses), 1),
            "loss_curve_": trace.losses,
            "history_": {"loss": np.array(trace.losses), "gradient_norm": np.array(trace.gradients)},
        }
        if self.chosen.whiten:
            draft.mean_, draft.whitening_ = self.rows.mean, self.rows.whitening

    def warn(self) -> None:
        """Say what went wrong, if anything did."""
        objective, trace = self.objective, self.trace
        if self.distance > FAR and dependence(objective.X, objective.Y) > SURE:
            warn(
                f"The rows of X lie {self.distance:.3g} times their own spread from zero and are divided by one number:"
                f" all that they differ in is then of size {1 / self.distance:.2g}, which the penalty leaves little of."
                " Centre the columns first, make_pipeline(StandardScaler(), ...), or set whiten=True."
            )
        last = f"objective {trace.losses[-1]:.3g}, gradient {trace.gradients[-1]:.2g}" if trace.losses else "no step"
        if trace.fault:
            remedy = "Take a smaller learning_rate_init" if "diverged" in trace.fault else "Increase max_iter or tol"
            warn(f"{trace.fault} ({last}). {remedy}, or scale the columns of X.", ConvergenceWarning)
        elif trace.losses and is_odd(objective.net):
            _, gamma, b = objective.unpack(trace.theta)
            without = objective(objective.pack(np.zeros(objective.net.expansion.W0.shape), gamma, b))[0]
            if trace.losses[-1] > STUCK * without:
                warn(
                    f"The quadratic term of {self.chosen.activation!r} lowered the objective from {without:.3g} to"
                    f" {trace.losses[-1]:.3g} only: its σ'' is odd, and so is the term in x, which cannot fit an even"
                    " target such as a product of two columns. Take activation='softplus' or 'gelu'."
                )


def check_orders(order: Any, mode: str, width: int) -> tuple[int, ...]:
    """Return the orders whose terms are summed; refuse those that do not go with the mode, and an odd width."""
    orders: tuple[Any, ...] = order if isinstance(order, tuple) else (order,)
    whole = all(isinstance(k, Integral) and k in range(1, MAX_ORDER + 1) for k in orders)
    if not whole or not orders or len(set(orders)) < len(orders):
        raise ValueError(f"order must be one of 1 to {MAX_ORDER}, or a tuple of different ones, got {order!r}.")
    if mode != "taylor" and tuple(orders) != (2,):
        raise ValueError(
            f"mode={mode!r} trains the real network, of which random signs leave order 2 and even ones above it, got"
            f" order={order!r}. Set order=2, or mode='taylor'."
        )
    if width % 2:
        raise ValueError(f"width must be even, for neurons come in pairs, got {width}. Take {width + 1}.")
    return tuple(int(k) for k in orders)


def check_solver(chosen: Any, orders: tuple[int, ...]) -> str:
    """Return the solver that will run; refuse starts and solvers that do not go together."""
    solver: str = chosen.solver
    if chosen.mode == "signs":
        if solver == "pgd":
            raise ValueError("mode='signs' draws signs at every step, but 'pgd' compares steps. Take 'adam' or 'sgd'.")
        solver = "adam" if solver == "lbfgs" else solver
    if chosen.init == "zeros" and 1 not in orders and solver not in ("pgd", "sgd"):
        raise ValueError(
            f"init='zeros' is a stationary point, which {solver!r} never leaves: all terms of order 2 and more have"
            " gradient 0 there. Take init='random' or 'spectral', or solver='pgd', which adds noise."
        )
    if chosen.init == "spectral" and orders != (2,):
        raise ValueError(f"init='spectral' is made for order=2, got order={chosen.order!r}. Take init='random'.")
    return solver
