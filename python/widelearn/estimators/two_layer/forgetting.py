"""Steps that forget the first layer's start, and convex fits of the output weights on what they leave."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import minimize

from widelearn.estimators.two_layer.descent import Array, Batch
from widelearn.estimators.two_layer.network import Model, Network, square
from widelearn.nets import loss as loss_of
from widelearn.ridge import solve
from widelearn.runtime import one_blas_thread

# Projected gradient at which the logistic head ends: far below what accuracy or probabilities show.
HEAD_TOL = 1e-6
# Rows that a mean over rows is measured on.
SOME_ROWS = 2048


def forget_all(net: Network, model: Model, X: Array, Y: Array, eta: float | None) -> float:
    """Take the first step of algorithm 1: W ← -η ∇_W, a ← -η ∇_a of the mean loss; return η.

    It is a step η of gradient descent with a penalty of 1/η. Without η, its length makes the neurons' pre-activations
    as large as their thresholds: the root mean square of <w, x> becomes twice that of b, or 2 where there are none.
    """
    g = model.gradient(net, X, Y, penalised=False)[1]
    slopes = g[: net.W.size].reshape(net.W.shape)
    if eta is None:
        size = root_mean_square(X @ slopes.T)
        eta = 2 * (root_mean_square(net.b) or 1.0) / size if size else 1.0
    if slopes.any():
        net.W[:] = -eta * slopes
        net.a[:] = -eta * g[-net.a.size :].reshape(net.a.shape)
    return eta


def careful_rate(net: Network, model: Model, X: Array, momentum: float) -> float:
    """Return a learning rate at which momentum descent on the squared loss is stable, for slopes σ' up to 1.

    The limit is 2 (1 + momentum)/L, L the largest curvature: that of the net's linearisation is at most the mean square
    of its gradient on a row, ‖σ(W x - b)‖² + ‖a‖² ‖x‖², plus alpha. 0.8 of it is taken.
    """
    some = X[:SOME_ROWS]
    H = model.hidden(net, some).astype(np.float64)
    rows = float(np.mean(np.sum(np.square(some, dtype=np.float64), axis=1)))
    trace = float(np.mean(np.sum(H * H, axis=1))) + square(net.a.ravel()) * rows
    return 1.6 * (1 + momentum) / (trace + model.alpha) if trace else 1.0


def forget_first_layer(net: Network, model: Model, batches: Iterable[Batch]) -> int:
    """Replace the first layer by its gradient where the net is zero, once for every batch; return the steps.

    Rows are scaled so that <w, x> has mean square 1; a neuron without gradient keeps its row. The net is made zero by
    a copy of every neuron with -a, as at a symmetric start.
    """
    count = 0
    for X, Y in batches:
        a = np.concatenate([net.a, -net.a])
        both = Network(np.concatenate([net.W, net.W]), np.concatenate([net.b, net.b]), a)
        g = model.gradient(both, X, Y, penalised=False)[1]
        G = -g[: net.W.size].reshape(net.W.shape)
        sizes = np.sqrt(np.mean(np.square(X @ G.T, dtype=np.float64), axis=0))
        alive = sizes > 0
        net.W[alive] = G[alive] / sizes[alive, None].astype(G.dtype)
        count += 1
    return count


def fit_head(net: Network, model: Model, X: Array, Y: Array, max_iter: int, alive: Array | None) -> tuple[float, int]:
    """Set the output weights to the best ones for the first layer; return the mean loss and the iterations.

    They minimise mean ℓ + (alpha/2) ‖a‖² exactly: ridge regression for the squared loss, L-BFGS for the logistic one.
    Neurons that are not `alive` get 0.
    """
    H = model.hidden(net, X).astype(np.float64)
    if alive is not None:
        H *= alive
    targets = Y.astype(np.float64)
    if model.loss == "squared":
        a, count = solve(H, targets, len(H) * model.alpha), 1
        loss = 0.5 * float(np.mean(np.sum((H @ a - targets) ** 2, axis=1)))
    else:
        head: Any = partial(_logistic, H=H, Y=targets, model=model)
        with one_blas_thread():
            found = minimize(
                head,
                np.zeros(net.a.size),
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": max_iter, "gtol": HEAD_TOL, "ftol": 0.0, "maxcor": 20},
            )
        a, count = found.x.reshape(net.a.shape), max(int(found.nit), 1)
        loss = float(found.fun) - 0.5 * model.alpha * float(np.sum(a * a))
    net.a[:] = a
    return loss, count


def _logistic(v: Array, H: Array, Y: Array, model: Model) -> tuple[float, Array]:
    """Return the objective of the logistic or softmax head, and its gradient."""
    a = v.reshape(H.shape[1], Y.shape[1])
    value, R = loss_of(H @ a, Y, model.loss)
    g = H.T @ R + model.alpha * a
    return value + 0.5 * model.alpha * float(v @ v), g.ravel()


def root_mean_square(array: Array) -> float:
    """Return the root of the mean square of all entries."""
    return float(np.sqrt(np.mean(np.square(array, dtype=np.float64))))


def redraw_thresholds(net: Network, width: float, rng: np.random.Generator) -> None:
    """Draw thresholds uniformly from -width to width."""
    net.b[:] = rng.uniform(-width, width, len(net.b))
