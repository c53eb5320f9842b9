"""What a two-layer net's training takes: steps along a few rows are timed, and counted."""

from functools import partial

import numpy as np

from widelearn.estimators.costs import FitCost
from widelearn.estimators.rates import FACTORED, least_seconds, places, product_seconds
from widelearn.estimators.two_layer.training import HEADS, Training

# Rows whose gradients are timed where a step takes all.
SOME = 1024
# Multiplications of a product of matrices that an entry of one takes, in a product with a vector.
READ = 8.0


def counted(training: Training) -> FitCost:
    """Return what a training takes, at most where it ends once losses no longer fall."""
    chosen, rows = training.chosen, training.rows
    table, run, net = rows.first, training.run, training.net
    n, (m, d), c = len(table.X), net.W.shape, net.a.shape[1]
    size = n if chosen.batch_size is None or chosen.algorithm in HEADS else min(chosen.batch_size, n)
    some = table.of(places(n, min(size, SOME)))
    steps = -(-n // size)
    theta = net.theta.copy()

    def step() -> None:
        _, gradient = training.objective.gradient(net, some)
        run.rule.step(theta, gradient, 0.0)

    moved = least_seconds(partial(run.rule.step, theta, np.zeros_like(theta), 0.0))
    whole = least_seconds(step)
    row, fixed = max(whole - moved, 0.0) / len(some.X), moved
    flops = 4.0 * n * m * (d + c)
    if chosen.algorithm in HEADS:
        hidden = least_seconds(partial(net.hidden, some.X)) / len(some.X)
        first = (chosen.n_forgetting_steps if chosen.algorithm == "k_step" else chosen.algorithm == "one_step") * 2
        unit = product_seconds()
        if training.objective.loss == "squared":
            work, sure = float(n) * m**2 / 2 + FACTORED * m**3, True
        else:
            # A gradient reads the features twice.
            # Each iteration reads the features twice or thrice, one column of products at a time.
            work, sure = 2.2 * training.max_iter * float(n) * m * c * READ, False
        return FitCost(chosen.algorithm, n * (hidden + first * row) + work * unit, 0.0, 2.0 * work, 8 * n * m, not sure)
    left = 0 if rows.left_out is None else len(rows.left_out.X)
    judged = left * row / 2
    seconds = training.max_iter * (n * row + steps * fixed + judged)
    stops = rows.left_out is not None or run.tol is not None
    return FitCost(chosen.algorithm, seconds, 0.0, training.max_iter * flops, 0, stops)
