"""One fit of a Taylor model: its net, its objective, its start and its descent, on rows and targets in their units."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from widelearn.estimators.optim.descent import (
    DivergedError,
    Trace,
    batch_descent,
    evaluate,
    lbfgs_descent,
    objective_line,
    pass_over,
    perturbed_descent,
)
from widelearn.estimators.optim.rules import Adam, Sgd
from widelearn.estimators.taylor.activations import activation_scale, blindness, default_activation
from widelearn.estimators.taylor.gates import SOFT, Gates, gates_of
from widelearn.estimators.taylor.held_out import (
    STEEP_FEWEST,
    Penalties,
    choose_penalties,
    first_of,
    measured,
    steep_parts,
)
from widelearn.estimators.taylor.inputs import (
    DOMINANT,
    MANY_COLUMNS,
    LinearPart,
    RowUnits,
    Span,
    TargetUnits,
    dependence,
    distance,
    dominance,
)
from widelearn.estimators.taylor.joint import JointNet
from widelearn.estimators.taylor.model import Objective, TaylorModel, TaylorNet, draw_net
from widelearn.estimators.taylor.settings import check_alphas, check_orders, check_solver, is_joint, is_stochastic
from widelearn.estimators.taylor.start import first_point
from widelearn.nets import Expansion
from widelearn.runtime import Array, check_memory, one_blas_thread, warn, watched

# First rates of the solvers.
RATES = {"pgd": 1.0, "sgd": 0.3, "adam": 3e-3, "lbfgs": 1.0}
# Rows of a batch.
BATCH = 64
# Radius of the noise of "sgd".
NOISE = 1e-3
# So many of their spreads from zero rows lose what they differ in.
FAR = 10.0
# So many deviations of chance are a dependence: noise with one direction has a larger χ² in 2 of 1,000 data sets.
SURE = 6.0


# Parameters that a training is made by, and that cannot change while it goes on.
SETTLED = (
    *("order", "activation", "width", "mode", "alpha", "linear_alpha", "penalty_power", "linear_term", "whiten"),
    *("weight_variance", "bias_variance", "solver"),
)
# Arrays as large as the net's movement that its descents hold.
MOVEMENTS = 12
# Those of all columns that are made at the ends, of few rows of many columns.
MADE = 2


class Training:
    """A Taylor model on its way: made at its start, moved by `follow`, shown on an estimator at any time."""

    # Those of files from before gates were chosen.
    gates: Gates = SOFT
    # Rows of all columns, where the fit is held in their span.
    wide: Array

    def __init__(
        self, chosen: Any, X: Array, Y: Array, loss: str, units: TargetUnits, weight: Array | None = None
    ) -> None:
        self.orders = orders = check_orders(chosen.order, chosen.mode, chosen.width)
        # Orders that have one movement, once for each movement.
        self.groups = [(k,) for k in orders] if is_joint(chosen) else [orders]
        gates = gates_of(chosen, orders)[: 1 if len(X) < STEEP_FEWEST else None]
        held = X.shape[1] if is_stochastic(chosen) else min(X.shape[1], MANY_COLUMNS * len(X))
        need = 8 * len(self.groups) * gates[-1].width * (MOVEMENTS * held + MADE * X.shape[1])
        remedy = "Take a narrower net" + (", or weight_variance=1." if len(gates) > 1 else ".")
        check_memory(need, f"Training {gates[-1].width} neurons of {X.shape[1]} columns", remedy)
        self.chosen, self.units, self.solver = chosen, units, check_solver(chosen, orders)
        self.given_alpha = check_alphas(chosen, orders)
        given = chosen.activation
        self.activations = [default_activation(group) if given is None else given for group in self.groups]
        self.scales = [
            activation_scale(one, max(group)) for one, group in zip(self.activations, self.groups, strict=True)
        ]
        self.rng = check_random_state(chosen.random_state)
        # Of descents over batches: their rule, and the seed of those that come later.
        self.rule: Adam | Sgd | None = None
        self.seed = 0
        self.settled = {name: getattr(chosen, name) for name in SETTLED}
        self.distance = 0.0 if chosen.whiten else distance(X)
        Y = Y.astype(X.dtype)
        # Threads of small products wait for each other longer than they work.
        with one_blas_thread():
            terms = self._choose(gates, X, partial(self._terms, X=X, Y=Y, loss=loss, weight=weight))
            self.objective = self._objective(terms)
            self.trace = Trace(first_point(self.objective, chosen.init, self.rng), watched(chosen, objective_line))
        if chosen.mode == "signs":
            self.objective = replace(self.objective, rng=self._draws())

    def _terms(self, gates: Gates, *, X: Array, Y: Array, loss: str, weight: Array | None) -> Objective:
        """Draw the net of some gates, and return what is minimised but for the penalties."""
        chosen, self.gates = self.chosen, gates
        self.rows = RowUnits.of(X, weight, whiten=chosen.whiten, gates=gates)
        drawn = draw_net(self.rng, gates.width, X.shape[1], Y.shape[1], biased=self.rows.last > 0)
        self.W0, self.a = (part.astype(X.dtype) for part in drawn)
        X, last = self.rows.apply(X), self.rows.last > 0
        # Batches to come may leave the span of these rows.
        span, W0 = None if is_stochastic(chosen) else Span.of(X, last), self.W0
        if span is not None:
            self.wide, X, W0 = X, span.of_rows(X), span.of_rows(W0)
        alpha = first_of(chosen.linear_alpha)
        linear = LinearPart.of(X[:, : X.shape[1] - last], alpha, weight) if chosen.linear_term else None
        net = self._net("taylor", W0)
        return Objective(X, Y, loss, net, linear, 0.0, chosen.penalty_power, weight=weight, span=span)

    def _choose(self, gates: list[Gates], raw: Array, terms_of: Callable[[Gates], Objective]) -> Objective:
        """Set gates and penalties, those that are not given by held-out rows; return the terms of the net.

        Penalties are chosen for the first gates.
        """
        before = self.rng.get_state()
        terms = terms_of(gates[0])
        self.penalties = self._penalties(terms, raw)
        source = copy.deepcopy(self.rng)
        parted = steep_parts(raw, terms.Y, source) if len(gates) > 1 else None
        if parted is None:
            return terms
        soft, _ = measured(terms, parted, self.penalties, source)
        # Of both nets' terms, as large as all rows, one alone is held at a time; both are drawn as if they were given.
        del terms
        self.rng.set_state(before)
        terms = terms_of(gates[1])
        # Rows are longer then, and β is shorter.
        longer = gates[1].weight_variance if isinstance(self.chosen.linear_alpha, str) else 1.0
        given = Penalties(self.penalties.alpha, self.penalties.linear_alpha * longer)
        steep, found = measured(terms, parted, given, source)
        if steep < soft:
            self.penalties = found
            return terms
        del terms
        self.rng.set_state(before)
        return terms_of(gates[0])

    def _net(self, mode: str, W0: Array) -> TaylorNet | JointNet:
        """Return the net of a mode with a first layer; the real one is not scaled: signs would move outputs more."""
        found = []
        for group, activation, scale in zip(self.groups, self.activations, self.scales, strict=True):
            a = (self.a / scale).astype(self.a.dtype) if mode == "taylor" else self.a
            found.append(Expansion(W0, a, activation, group))
        return JointNet(tuple(found)) if is_joint(self.chosen) else TaylorNet.of(found[0], mode)

    def _penalties(self, terms: Objective, raw: Array) -> Penalties:
        """Return the penalties, by the terms themselves whatever the mode; the rows are in the user's units."""
        # The draws of the fit are those that it had if nothing were to be chosen.
        return choose_penalties(terms, self.given_alpha, self.chosen.linear_alpha, raw, copy.deepcopy(self.rng))

    def _objective(self, terms: Objective) -> Objective:
        """Return what is minimised, at the penalties."""
        alpha, linear_alpha = self.penalties.alpha, self.penalties.linear_alpha
        linear = None if terms.linear is None else terms.linear.at(linear_alpha)
        if self.chosen.mode == "taylor":
            return replace(terms, linear=linear, alpha=alpha)
        W0 = self.W0 if terms.span is None else terms.span.of_rows(self.W0)
        # A scaled penalty means the same.
        alpha = cast(float, alpha) * self.scales[0] ** 2
        return replace(terms, net=self._net(self.chosen.mode, W0), linear=linear, alpha=alpha)

    @property
    def moved(self) -> bool:
        """Whether there was an iteration."""
        return bool(self.trace.losses)

    def follow(self) -> None:
        """Descend to the end, or to where steps diverge."""
        self._guarded(self._descend)

    def pass_over(self, seed: int) -> None:
        """Go over the rows once in batches, at a constant rate, from where the last rows left off."""
        trace, rng = self.trace, np.random.RandomState(seed)
        self.rng = rng
        rule = self.rule = self.rule or self._new_rule()
        if isinstance(rule, Sgd):
            rule.noise = (NOISE, self._draws())
        if self.objective.net.mode == "signs":
            self.objective = replace(self.objective, rng=self._draws())
        n = len(self.objective.X)
        batches = np.array_split(rng.permutation(n), -(-n // self._batch_size()))
        sized = ((len(batch), batch) for batch in batches)

        def descend() -> None:
            theta = trace.theta.copy()
            loss, _, norm = pass_over(sized, self.objective, theta, rule, lambda _: self._rate(), trace.theta)
            evaluate(self.objective, theta, batches[-1])
            trace.add(theta, loss, norm)

        self._guarded(descend)

    def _guarded(self, descend: Callable[[], None]) -> None:
        try:
            with one_blas_thread():
                descend()
        except DivergedError:
            count = len(self.trace.losses)
            self.trace.fault = f"{self.solver} diverged after {count} iterations, whose last finite weights are kept"

    def _rate(self) -> float:
        return RATES[self.solver] if self.chosen.learning_rate_init is None else float(self.chosen.learning_rate_init)

    def _batch_size(self) -> int:
        return min(BATCH if self.chosen.batch_size is None else self.chosen.batch_size, len(self.objective.X))

    def _new_rule(self) -> Adam | Sgd:
        if self.solver == "adam":
            return Adam(self.trace.theta, weights=(0.1, 0.001), corrects_root=True)
        return Sgd(self.trace.theta, noise=(NOISE, self._draws()))

    def _draws(self) -> np.random.RandomState:
        """Return a source apart from the order of the rows, which takes more numbers of more rows."""
        return np.random.RandomState(self.rng.randint(2**31 - 1))

    def _descend(self) -> None:
        chosen, objective, trace = self.chosen, self.objective, self.trace
        if self.solver == "lbfgs":
            # Below the rounding of the values there is nothing left to gain.
            tol = max(float(chosen.tol), 10 * float(np.finfo(objective.X.dtype).eps))
            lbfgs_descent(objective, trace, max_iter=chosen.max_iter, tol=tol)
        elif self.solver == "pgd":
            tol, rate = float(chosen.tol), self._rate()
            perturbed_descent(objective, trace, self.rng, max_iter=chosen.max_iter, tol=tol, rate=rate)
        else:
            rule = self.rule = self._new_rule()
            sizes = {"n_rows": len(objective.X), "batch_size": self._batch_size()}
            batch_descent(objective, trace, rule, self.rng, max_iter=chosen.max_iter, rate=self._rate(), **sizes)

    def model(self) -> TaylorModel:
        """Return the model at the last iterate."""
        dtype, units = self.objective.X.dtype, self.units
        W, gamma, b = self.objective.unpack(self.trace.theta)
        net, span = self.objective.net, self.objective.span
        if span is not None:
            net, W = self._net(net.mode, self.W0), span.back(W)
        d = W.shape[1] - (self.rows.last > 0)
        beta, offset = np.zeros((d, len(units.scale))), np.zeros(len(units.scale))
        if self.objective.linear is not None:
            beta, offset = self.objective.linear.coefficients(gamma, b)
            if span is not None:
                beta = span.axes[:d, : len(beta)] @ beta
            beta, offset = self.rows.linear_part(beta, offset)
        with np.errstate(over="ignore"):
            coef, offset = (beta * units.scale).T.astype(dtype), (offset * units.scale + units.mean).astype(dtype)
        if not (np.isfinite(coef).all() and np.isfinite(offset).all()):
            raise ValueError(
                f"Coefficients of targets of size {units.scale.max():.3g} and rows of size {self.rows.scale:.3g}"
                f" overflow {dtype}: scale y down, or X up."
            )
        return TaylorModel(self.rows, net, W.astype(dtype), units, coef, offset)

    def show(self, draft: Any) -> None:
        """Set what is fitted on a draft of an estimator; one column of targets has no axis."""
        model, trace, only = self.model(), self.trace, self.units.without_axis
        scales = self.scales if model.net.mode == "taylor" else [1.0]
        joint = isinstance(model.net, JointNet)
        W, W0 = (model.W.reshape(-1, *self.W0.shape) if joint else model.W), self.W0
        last, d = self.rows.last, model.coef.shape[1]
        draft.__dict__ |= {
            "_model": model,
            # Without thresholds they are the model's own arrays, which files hold once.
            "W_": W[..., :d] if last else W,
            "W0_": W0[:, :d] if last else W0,
            "b_": W[..., d:].sum(axis=-1) * last,
            "b0_": W0[:, d:].sum(axis=-1) * last,
            "weight_variance_": self.gates.weight_variance,
            "bias_variance_": self.gates.bias_variance,
            "a_": only(self.a, axis=1),
            "coef_": only(model.coef),
            "intercept_": only(model.intercept),
            "activation_": tuple(self.activations) if joint else self.activations[0],
            "activation_scale_": tuple(scales) if joint else scales[0],
            "alpha_": self.penalties.alpha,
            "linear_alpha_": self.penalties.linear_alpha,
            "x_scale_": self.rows.scale,
            "y_scale_": only(self.units.scale),
            "solver_": self.solver,
            "n_iter_": max(len(trace.losses), 1),
            "loss_curve_": trace.losses,
            "history_": {"loss": np.array(trace.losses), "gradient_norm": np.array(trace.gradients)},
        }
        if self.objective.loss != "squared":
            draft.temperature_ = self.penalties.temperature
        if self.rule is not None:
            draft._training = emptied(self)
        if self.rows.mean is not None:
            draft.mean_, draft.whitening_ = self.rows.mean, self.rows.whitening

    def warn(self, *, first: bool = True) -> None:
        """Say what went wrong, if anything did; what the first rows have told is not said again."""
        trace = self.trace
        if first:
            self._warn_of_rows()
        last = f"objective {trace.losses[-1]:.3g}, gradient {trace.gradients[-1]:.2g}" if trace.losses else "no step"
        if trace.fault:
            remedy = "Increase max_iter or tol"
            if "diverged" in trace.fault:
                wanted = "alpha or penalty_power" if self.solver == "lbfgs" else "learning_rate_init"
                remedy = f"Take a smaller {wanted}"
            warn(f"{trace.fault} ({last}). {remedy}, or scale the columns of X.", ConvergenceWarning)
        blind = [blindness(one, group) for one, group in zip(self.activations, self.groups, strict=True)]
        if first and any(blind):
            warn(next(filter(None, blind)))

    def _warn_of_rows(self) -> None:
        """Say where columns are far from zero, or of sizes so unlike that the large ones hide the small ones."""
        objective = self.objective
        X = objective.X if objective.span is None else self.wide
        if self.distance > FAR and dependence(X, objective.Y) > SURE:
            warn(
                f"The rows of X lie {self.distance:.3g} times their own spread from zero and are divided by one number:"
                f" all that they differ in is then of size {1 / self.distance:.2g}, which the penalty leaves little of."
                " Centre the columns first, make_pipeline(StandardScaler(), ...), or set whiten=True."
            )
        if self.chosen.whiten or max(self.orders) < 2:
            return
        now, after, ratio = dominance(X)
        if now > DOMINANT * after:
            warn(
                f"One direction of X has {now:.2g} of its squared spread (M_op² = {ratio:.2g}), and {after:.2g} once"
                " columns are standardised: orders above 1 learn the less from a row the more one direction dominates."
                " Take make_pipeline(StandardScaler(), ...), or set whiten=True; ignore this if large columns matter."
            )


def emptied(training: Training) -> Training:
    """Return a training without rows, parameters and sources of random numbers: arrays and numbers to go on from."""
    found, objective = copy.copy(training), training.objective
    linear = None if objective.linear is None else replace(objective.linear, Z=objective.linear.Z[:0])
    X, Y = objective.X[:0].copy(), objective.Y[:0].copy()
    found.objective = replace(objective, X=X, Y=Y, linear=linear, rng=None, weight=None)
    found.chosen = found.rng = None
    found.trace, found.rule = replace(training.trace, callback=None), copy.copy(training.rule)
    if isinstance(found.rule, Sgd):
        found.rule.noise = None
    return found


def resumed(training: Training, chosen: Any, X: Array, Y: Array, weight: Array | None) -> Training:
    """Return a training that goes on with other rows, in the user's units, and targets in theirs; the old one stays."""
    found, objective = copy.copy(training), training.objective
    for name, old in training.settled.items():
        if (new := getattr(chosen, name)) != old:
            raise ValueError(
                f"{name} was {old!r} in earlier batches and is {new!r} now, which a model on its way cannot take."
                " Set it back, or begin anew with fit or with a clone."
            )
    X = training.rows.apply(X.astype(objective.X.dtype, copy=False))
    linear = None if objective.linear is None else objective.linear.of_rows(X)
    found.objective = replace(objective, X=X, Y=Y.astype(X.dtype), linear=linear, weight=weight)
    found.chosen, found.rule = chosen, copy.deepcopy(training.rule)
    trace = training.trace
    found.trace = Trace(trace.theta.copy(), watched(chosen, objective_line), [*trace.losses], [*trace.gradients])
    return found
