"""One training of a two-layer net: its start, its algorithm and what it leaves, on scaled rows and encoded targets."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from widelearn.estimators.optim.trace import square
from widelearn.estimators.two_layer.checkpoint import Checkpoint
from widelearn.estimators.two_layer.descent import MEASURES, Descent, Steps, learning_rates, warn_if_trapped
from widelearn.estimators.two_layer.forgetting import careful_rate, fit_head, forget_all, forget_first_layer
from widelearn.estimators.two_layer.model import Targets, TwoLayerModel
from widelearn.estimators.two_layer.network import Network, Objective, Start
from widelearn.estimators.two_layer.rows import Batch, Rows
from widelearn.nets import TwoLayer
from widelearn.runtime import Array

RATES = {"adam": 0.01, "sgd": 0.05}
HEADS = ("one_step", "k_step", "frozen")


class Training:
    """A net on its way: made at its start, moved by `follow`, shown on an estimator at any time."""

    def __init__(
        self, chosen: SimpleNamespace, targets: Targets, rows: Rows, seed: int, file: Checkpoint | None
    ) -> None:
        self.chosen, self.targets, self.rows, self.seed, self.file = chosen, targets, rows, seed, file
        alpha = chosen.alpha if chosen.alpha is not None else 1e-4 if chosen.algorithm in HEADS else 1e-3
        self.objective = Objective(targets.loss, float(alpha))
        self.careful = chosen.algorithm == "algorithm1"
        self.net = self._start()
        self.mask = self._mask(chosen.mask)
        self._hold()
        # Adam moves every weight alike, and so away from the features that the first step of algorithm 1 found.
        solver = ("sgd" if self.careful else "adam") if chosen.solver == "auto" else chosen.solver
        initial = RATES[solver] if chosen.learning_rate_init is None else chosen.learning_rate_init
        self.max_iter = chosen.max_iter or (100 if chosen.algorithm == "gd" else 200)
        rates = learning_rates(chosen.learning_rate, initial, self.max_iter)
        # Losses of fresh batches are too noisy to stop at, and algorithm 1 returns its best iterate instead.
        tol = None if rows.fresh or self.careful else chosen.tol
        steps = Steps(solver, chosen.momentum, rates, self.max_iter, tol, chosen.n_iter_no_change)
        self.run = Descent(self.net, self.objective, steps, self._free(), returns_best=self.careful)
        self.n_iter = 0

    def _start(self) -> Network:
        chosen, (X, Y) = self.chosen, self.rows.first
        output_scale = 1.0 if chosen.output_scale is None and self.careful else chosen.output_scale
        start = Start(chosen.init, chosen.weight_scale, chosen.bias, chosen.bias_scale, chosen.output, output_scale)
        rng = np.random.default_rng([self.seed, 1])
        weights = start.draw(chosen.width, X.shape[1], Y.shape[1], rng, X.dtype)
        return Network(weights, chosen.activation, float(chosen.smoothing))

    def _mask(self, given: Any) -> Array | None:
        if given is None:
            return None
        mask, neurons, weights = np.asarray(given), self.net.b.shape, self.net.W.shape
        if mask.shape not in (neurons, weights) or not np.isin(mask, (0, 1)).all():
            raise ValueError(f"mask must be of zeros and ones, of shape {neurons} or {weights}, got {mask.shape}.")
        return mask.astype(self.net.W.dtype)

    def _hold(self) -> None:
        """Keep masked weights at 0."""
        if self.mask is not None:
            self.net.apply(self.mask)

    def _free(self) -> Array | None:
        """Return 1 for weights that are trained, and 0 for the others; None if all are."""
        chosen, net = self.chosen, self.net
        W, b, a = np.ones_like(net.W), np.ones_like(net.b), np.ones_like(net.a)
        b *= chosen.train_bias and not self.careful
        a *= chosen.train_output
        if self.mask is not None:
            W *= self.mask if self.mask.ndim == 2 else self.mask[:, None]
            if self.mask.ndim == 1:
                b *= self.mask
                a *= self.mask[:, None]
        free = np.concatenate([W.ravel(), b, a.ravel()])
        return None if free.all() else free

    def follow(self) -> None:
        """Follow the algorithm to its end."""
        if self.chosen.algorithm in HEADS:
            self._fit_on_features()
            return
        state = None if self.file is None else self.file.state
        if state is None:
            warn_if_trapped(self.net, self.objective.loss, *self.rows.first)
        # Also where a checkpoint replaces its outcome: the length of later steps is measured on it.
        batches = self._forget() if self.careful else self.rows.batches
        if state is not None:
            self.run.take_up(state)
        write = None if self.file is None else self.file.writer(self.seed)
        self.run.run(batches, self.rows.left_out, self.chosen.callback, write)

    def _forget(self) -> Callable[[int], Iterable[Batch]]:
        """Take the first step of algorithm 1, and return the batches of those after it."""
        chosen, (X, Y) = self.chosen, self.rows.first
        forget_all(self.net, self.objective.loss, X, Y, chosen.first_step)
        self._hold()
        # The other losses have bounded slopes, so that a long step does not grow.
        steps = self.run.steps
        if chosen.learning_rate_init is None and steps.solver == "sgd" and self.objective.loss == "squared":
            rate = careful_rate(self.net, self.objective.alpha, X, chosen.momentum)
            self.run.steps = replace(steps, rate=learning_rates(chosen.learning_rate, rate, self.max_iter))
        # A first batch of fresh rows is spent.
        return (lambda iteration: self.rows.batches(iteration + 1)) if self.rows.fresh else self.rows.batches

    def _fit_on_features(self) -> None:
        """Fit the output weights on the first layer as it starts, or as forgetting steps leave it."""
        chosen, (X, Y), net = self.chosen, self.rows.first, self.net
        if self.objective.loss == "hinge":
            raise ValueError(
                f'algorithm="{chosen.algorithm}" fits the output weights by a smooth loss: take loss="logistic" or'
                ' "squared" in place of "hinge".'
            )
        if chosen.algorithm != "frozen":
            count = chosen.n_forgetting_steps if chosen.algorithm == "k_step" else 1
            forget_first_layer(net, self.objective.loss, (batch for t in range(count) for batch in self._one(t)))
            self._hold()
            thresholds = np.random.default_rng([self.seed, 4])
            net.b[:] = thresholds.uniform(-chosen.bias_range, chosen.bias_range, len(net.b))
            if self.rows.fresh:
                (X, Y) = next(iter(self._one(count)), (X, Y))
        alive = self.mask if self.mask is not None and self.mask.ndim == 1 else None
        loss, self.n_iter = fit_head(net, self.objective, X, Y, self.max_iter, alive)
        penalty = 0.5 * self.objective.alpha * square(net.a.ravel())
        for name, value in zip(MEASURES, (loss, loss + penalty, 0.0, 0.0, np.nan), strict=True):
            self.run.history[name].append(value)

    def _one(self, t: int) -> Iterable[Batch]:
        """Return the rows of one forgetting step: all of a table, or a fresh batch."""
        return self.rows.batches(t) if self.rows.fresh else [self.rows.first]

    def model(self) -> TwoLayerModel:
        """Return the model with copies of the weights as they are now."""
        net = self.net
        parts = (net.W.copy(), net.b.copy(), net.a.copy())
        return TwoLayerModel(TwoLayer(*parts, net.activation, smoothing=net.smoothing), self.rows.scaling, self.targets)

    def show(self, draft: Any) -> None:
        """Set what is fitted on a draft of an estimator."""
        model, run = self.model(), self.run
        objective = run.history["objective"]
        draft.__dict__ |= {
            "_model": model,
            "W_": model.net.W,
            "b_": model.net.b,
            "a_": model.net.a,
            "x_offset_": model.scaling.offset,
            "x_scale_": model.scaling.scale,
            "n_iter_": self.n_iter or run.iteration,
            "history_": {name: np.array(values) for name, values in run.history.items()},
            "loss_curve_": list(objective),
            "best_loss_": run.best if run.iteration else min(objective, default=np.nan),
            "best_iter_": run.best_iteration,
        } | self.targets.attributes()
