"""One training of a two-layer net: its start, its algorithm and its checkpoint, on scaled rows and encoded targets."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from widelearn.estimators.two_layer.descent import MEASURES, Array, Batch, Descent, Steps, trapped
from widelearn.estimators.two_layer.forgetting import (
    careful_rate,
    fit_head,
    forget_all,
    forget_first_layer,
    redraw_thresholds,
)
from widelearn.estimators.two_layer.network import Model, Start, square
from widelearn.estimators.two_layer.schedules import learning_rates
from widelearn.ridge import checkpoint as disk

RATES = {"adam": 0.01, "sgd": 0.05}
HEADS = ("one_step", "k_step", "frozen")


@dataclass
class Rows:
    """Rows to train on: those of the first iteration, the function from an iteration to its batches, rows left out."""

    first: Batch
    batches: Callable[[int], Iterable[Batch]]
    validation: Batch | None
    fresh: bool


class Checkpoint:
    """The file of a run: read once, and refused if it is another problem's."""

    def __init__(self, path: Any, mark: str) -> None:
        self.path, self.mark = Path(path), mark
        self.state = disk.read(self.path, mark)
        self.seed = None if self.state is None else int(self.state.pop("seed"))

    def writer(self, seed: int) -> Callable[[dict[str, Array]], None]:
        """Return the function that writes a state."""
        return lambda state: disk.write(self.path, self.mark, {**state, "seed": np.array(seed)})


class Training:
    """A net on its way: `net`, `run` and, when it has ended, `n_iter` and `history`."""

    def __init__(self, chosen: SimpleNamespace, loss: str, seed: int, rows: Rows) -> None:
        X, Y = rows.first
        self.chosen, self.seed, self.rows = chosen, seed, rows
        alpha = chosen.alpha if chosen.alpha is not None else 1e-4 if chosen.algorithm in HEADS else 1e-3
        self.model = Model(chosen.activation, float(chosen.smoothing), loss, float(alpha))
        careful = chosen.algorithm == "algorithm1"
        output_scale = 1.0 if chosen.output_scale is None and careful else chosen.output_scale
        start = Start(chosen.init, chosen.weight_scale, chosen.bias, chosen.bias_scale, chosen.output, output_scale)
        rng = np.random.default_rng([seed, 1])
        self.net = start.draw(chosen.width, X.shape[1], Y.shape[1], rng, X.dtype)
        self.mask = self._mask(chosen.mask)
        self.hold()
        # Adam moves every weight alike, and so away from the features that the first step of algorithm 1 found.
        solver = ("sgd" if careful else "adam") if chosen.solver == "auto" else chosen.solver
        initial = RATES[solver] if chosen.learning_rate_init is None else chosen.learning_rate_init
        self.max_iter = chosen.max_iter or (100 if chosen.algorithm == "gd" else 200)
        rates = learning_rates(chosen.learning_rate, initial, self.max_iter)
        # Losses of fresh batches are too noisy to stop at, and algorithm 1 returns its best iterate instead.
        tol = None if rows.fresh or careful else chosen.tol
        steps = Steps(solver, chosen.momentum, rates, self.max_iter, tol, chosen.n_iter_no_change)
        self.run = Descent(self.net, self.model, steps, self._free(), returns_best=careful)
        self.n_iter = 0

    def _mask(self, given: Any) -> Array | None:
        if given is None:
            return None
        mask, neurons, weights = np.asarray(given), self.net.b.shape, self.net.W.shape
        if mask.shape not in (neurons, weights) or not np.isin(mask, (0, 1)).all():
            raise ValueError(f"mask must be of zeros and ones, of shape {neurons} or {weights}, got {mask.shape}.")
        return mask.astype(self.net.W.dtype)

    def hold(self) -> None:
        """Keep masked weights at 0."""
        if self.mask is not None:
            self.net.keep(self.mask)

    def _free(self) -> Array | None:
        """Return 1 for weights that are trained, and 0 for the others; None if all are."""
        chosen, net = self.chosen, self.net
        W, b, a = np.ones_like(net.W), np.ones_like(net.b), np.ones_like(net.a)
        b *= chosen.train_bias and chosen.algorithm != "algorithm1"
        a *= chosen.train_output
        if self.mask is not None:
            W *= self.mask if self.mask.ndim == 2 else self.mask[:, None]
            if self.mask.ndim == 1:
                b *= self.mask
                a *= self.mask[:, None]
        free = np.concatenate([W.ravel(), b, a.ravel()])
        return None if free.all() else free

    def follow(self, file: Checkpoint | None) -> None:
        """Follow the algorithm to its end."""
        chosen, (X, Y) = self.chosen, self.rows.first
        if chosen.algorithm in HEADS:
            self._fit_on_features()
            return
        resumed = file is not None and file.state is not None
        batches = self.rows.batches
        if not resumed:
            trapped(self.model, self.net, X, Y)
        if chosen.algorithm == "algorithm1":
            # Also where a checkpoint replaces its outcome: the length of later steps is measured on it.
            forget_all(self.net, self.model, X, Y, chosen.first_step)
            self.hold()
            # The other losses have bounded slopes, so that a long step does not grow.
            if chosen.learning_rate_init is None and self.run.steps.solver == "sgd" and self.model.loss == "squared":
                rate = careful_rate(self.net, self.model, X, chosen.momentum)
                rates = learning_rates(chosen.learning_rate, rate, self.max_iter)
                self.run.steps = replace(self.run.steps, rate=rates)
            if self.rows.fresh:
                # The first batch is spent.
                batches = lambda iteration: self.rows.batches(iteration + 1)  # noqa: E731
        if file is not None and file.state is not None:
            self.run.take_up(file.state)
        write = None if file is None else file.writer(self.seed)
        self.run.run(batches, self.rows.validation, chosen.callback, write)

    def _fit_on_features(self) -> None:
        chosen, (X, Y) = self.chosen, self.rows.first
        if self.model.loss == "hinge":
            raise ValueError(
                f'algorithm="{chosen.algorithm}" fits the output weights by a smooth loss: take loss="logistic" or'
                ' "squared" in place of "hinge".'
            )
        if chosen.algorithm != "frozen":
            count = chosen.n_forgetting_steps if chosen.algorithm == "k_step" else 1
            batches = (batch for t in range(count) for batch in self._one(t))
            forget_first_layer(self.net, self.model, batches)
            self.hold()
            redraw_thresholds(self.net, chosen.bias_range, np.random.default_rng([self.seed, 4]))
            if self.rows.fresh:
                (X, Y) = next(iter(self._one(count)), (X, Y))
        alive = self.mask if self.mask is not None and self.mask.ndim == 1 else None
        loss, self.n_iter = fit_head(self.net, self.model, X, Y, self.max_iter, alive)
        penalty = 0.5 * self.model.alpha * square(self.net.a.ravel())
        for name, value in zip(MEASURES, (loss, loss + penalty, 0.0, 0.0, np.nan), strict=True):
            self.run.history[name].append(value)

    def _one(self, t: int) -> Iterable[Batch]:
        """Return the rows of one forgetting step: all of a table, or a fresh batch."""
        return self.rows.batches(t) if self.rows.fresh else [self.rows.first]
