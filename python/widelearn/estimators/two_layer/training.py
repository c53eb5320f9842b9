"""One training of a two-layer net: its start, its algorithm and what it leaves, on scaled rows and encoded targets."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from widelearn.estimators.optim.descent import square
from widelearn.estimators.optim.rules import Adam, Sgd
from widelearn.estimators.two_layer.checkpoint import Checkpoint
from widelearn.estimators.two_layer.descent import MEASURES, Descent, learning_rates, loss_line, warn_if_trapped
from widelearn.estimators.two_layer.forgetting import careful_rate, fit_head, forget_all, forget_first_layer
from widelearn.estimators.two_layer.model import Targets, TwoLayerModel
from widelearn.estimators.two_layer.network import Batch, Network, Objective, first_weights
from widelearn.estimators.two_layer.rows import Rows
from widelearn.nets import TwoLayer
from widelearn.runtime import Array, watched

RATES = {"adam": 0.01, "sgd": 0.05}
HEADS = ("one_step", "k_step", "frozen")


class Training:
    """A net on its way: made at its start, moved by `follow`, shown on an estimator at any time."""

    def __init__(self, chosen: Any, targets: Targets, rows: Rows, seed: int, file: Checkpoint | None) -> None:
        self.chosen, self.targets, self.rows, self.seed, self.file = chosen, targets, rows, seed, file
        alpha = chosen.alpha if chosen.alpha is not None else 1e-4 if chosen.algorithm in HEADS else 1e-3
        self.objective = Objective(targets.loss, float(alpha))
        self.careful = chosen.algorithm == "algorithm1"
        X, Y, _ = rows.first
        weights = first_weights(chosen, X.shape[1], Y.shape[1], np.random.default_rng([seed, 1]), X.dtype)
        self.net = Network(weights, chosen.activation, float(chosen.smoothing))
        self.masks = self._masks()
        self._hold()
        self.start = tuple(part.copy() for part in (self.net.W, self.net.b, self.net.a))
        # Adam moves every weight alike, and so away from the features that the first step of algorithm 1 found.
        solver = ("sgd" if self.careful else "adam") if chosen.solver == "auto" else chosen.solver
        initial = RATES[solver] if chosen.learning_rate_init is None else chosen.learning_rate_init
        self.max_iter = chosen.max_iter or (100 if chosen.algorithm == "gd" else 200)
        rates = learning_rates(chosen.learning_rate, initial, self.max_iter)
        # Losses of fresh batches are too noisy to stop at, and algorithm 1 returns its best iterate instead.
        tol = None if rows.fresh or self.careful else chosen.tol
        theta = self.net.theta
        rule = Adam(theta) if solver == "adam" else Sgd(theta, momentum=chosen.momentum)
        end = (self.max_iter, tol, chosen.n_iter_no_change)
        self.run = Descent(self.net, self.objective, rule, rates, *end, self._free(), returns_best=self.careful)
        self.run.sizes, self.run.trains_output = rows.sizes, bool(chosen.train_output)
        self.n_iter = 0

    def _masks(self) -> tuple[Array, Array]:
        """Return 1 for first-layer weights, (m, d) or (m, 1), and for neurons (m,) that stay, and 0 for the others."""
        neurons, weights = self.net.b.shape, self.net.W.shape
        mask = np.ones(neurons) if self.chosen.mask is None else np.asarray(self.chosen.mask)
        if mask.shape not in (neurons, weights) or not np.isin(mask, (0, 1)).all():
            raise ValueError(f"mask must be of zeros and ones, of shape {neurons} or {weights}, got {mask.shape}.")
        if not mask.any():
            raise ValueError("mask is 0 everywhere: a net without weights learns nothing. Leave some of them in.")
        mask = mask.astype(self.net.W.dtype)
        return (mask[:, None], mask) if mask.ndim == 1 else (mask, np.ones_like(self.net.b))

    def _hold(self) -> None:
        """Keep masked weights at 0."""
        weights, neurons = self.masks
        self.net.W *= weights
        self.net.a *= neurons[:, None]

    def _free(self) -> Array | None:
        """Return 1 for weights that are trained, and 0 for the others; None if all are."""
        chosen, net, (weights, neurons) = self.chosen, self.net, self.masks
        W = np.ones_like(net.W) * weights
        b = neurons * float(chosen.train_bias and not self.careful)
        a = np.ones_like(net.a) * neurons[:, None] * float(chosen.train_output)
        free = np.concatenate([W.ravel(), b, a.ravel()])
        return None if free.all() else free

    @property
    def moved(self) -> bool:
        """Whether there was an iteration, here or in the checkpoint that was taken up."""
        return self.n_iter > 0 or self.run.iteration > 0

    def follow(self) -> None:
        """Follow the algorithm to its end."""
        if self.chosen.algorithm in HEADS:
            self._fit_on_features()
            return
        state = None if self.file is None else self.file.state
        if state is None:
            warn_if_trapped(self.net, self.objective.loss, self.rows.first)
        # Also where a checkpoint replaces its outcome: the length of later steps is measured on it.
        batches = self._forget() if self.careful else self.rows.batches
        if state is not None:
            self.run.take_up(state)
        given = (batches, self.rows.left_out, watched(self.chosen, loss_line))
        if self.file is None:
            self.run.run(*given, None)
            return
        file, seed = self.file, self.seed
        try:
            self.run.run(*given, lambda state: file.keep(state, seed))
        finally:
            file.file.flush()

    def _forget(self) -> Callable[[int], Iterable[Batch]]:
        """Take the first step of algorithm 1, and return the batches of those after it."""
        chosen, first = self.chosen, self.rows.first
        forget_all(self.net, self.objective.loss, first, chosen.first_step, self.masks)
        self._hold()
        # The other losses have bounded slopes, so that a long step does not grow.
        if chosen.learning_rate_init is None and isinstance(self.run.rule, Sgd) and self.objective.loss == "squared":
            rate = careful_rate(self.net, self.objective.alpha, first, chosen.momentum)
            self.run.rate = learning_rates(chosen.learning_rate, rate, self.max_iter)
        # A first batch of fresh rows is spent.
        return (lambda iteration: self.rows.batches(iteration + 1)) if self.rows.fresh else self.rows.batches

    def _fit_on_features(self) -> None:
        """Fit the output weights on the first layer as it starts, or as forgetting steps leave it."""
        chosen, rows, net = self.chosen, self.rows.first, self.net
        if self.objective.loss == "hinge":
            raise ValueError(
                f'algorithm="{chosen.algorithm}" fits the output weights by a smooth loss: take loss="logistic" or'
                ' "squared" in place of "hinge".'
            )
        if chosen.algorithm != "frozen":
            # A step takes all of a table, or a fresh batch.
            batches = self.rows.batches if self.rows.fresh else lambda t: [self.rows.first]
            count = chosen.n_forgetting_steps if chosen.algorithm == "k_step" else 1
            forget_first_layer(
                net, self.objective.loss, (batch for t in range(count) for batch in batches(t)), self.masks[0]
            )
            self._hold()
            thresholds = np.random.default_rng([self.seed, 4])
            net.b[:] = thresholds.uniform(-chosen.bias_range, chosen.bias_range, len(net.b))
            if self.rows.fresh:
                rows = next(iter(batches(count)), rows)
        loss, self.n_iter = fit_head(net, self.objective, rows, self.max_iter, self.masks[1])
        penalty = 0.5 * self.objective.alpha * square(net.a.ravel())
        for name, value in zip(MEASURES, (loss, loss + penalty, 0.0, 0.0, np.nan), strict=True):
            self.run.history[name].append(value)

    def show(self, draft: Any) -> None:
        """Set what is fitted on a draft of an estimator, with copies of the weights as they are now."""
        run, net, scaling, objective = self.run, self.net, self.rows.scaling, self.run.history["objective"]
        W, b, a = net.W.copy(), net.b.copy(), net.a.copy()
        kept = TwoLayer(W, b, a, net.activation, smoothing=net.smoothing)
        draft.__dict__ |= {
            "_model": TwoLayerModel(kept, scaling, self.targets),
            "W_": W,
            "b_": b,
            "a_": a,
            **dict(zip(("W0_", "b0_", "a0_"), self.start, strict=True)),
            "x_offset_": scaling.offset,
            "x_scale_": scaling.scale,
            "n_iter_": self.n_iter or run.iteration,
            "history_": {name: np.array(values) for name, values in run.history.items()},
            "loss_curve_": list(objective),
            "best_loss_": run.best if run.iteration else min(objective, default=np.nan),
            "best_iter_": run.best_iteration,
        } | self.targets.attributes()
