"""Steps that forget the first layer's start, and convex fits of the output weights on what they leave."""

from collections.abc import Iterable

import numpy as np

from widelearn.estimators.optim.descent import Trace, lbfgs_descent, square
from widelearn.estimators.scaling import root_mean_square
from widelearn.estimators.two_layer.network import Batch, Network, Objective, Weights
from widelearn.estimators.weights import rooted
from widelearn.nets import loss
from widelearn.ridge import solve
from widelearn.runtime import Array, one_blas_thread

# Projected gradient at which the logistic head ends: far below what accuracy or probabilities show.
HEAD_TOL = 1e-6
# Rows that a mean over rows is measured on.
SOME_ROWS = 2048


def forget_all(net: Network, loss: str, batch: Batch, eta: float | None, masks: tuple[Array, Array]) -> None:
    """Take the first step of algorithm 1: W ← -η ∇_W, a ← -η ∇_a of the mean loss.

    Without η, its length makes the root mean square of <w, x> twice that of b, or 2 where there are no thresholds, over
    neurons that `masks` leave.
    """
    batch, (weights, neurons) = batch.of_mean_one(), masks
    found = net.loss_gradient(batch.X, batch.Y, loss, sample_weight=batch.weight)
    W, alive = found.W * weights, neurons > 0
    if eta is None:
        size = root_mean_square(rooted(batch.X @ W[alive].T, batch.weight)) if alive.any() else 0.0
        eta = 2 * (root_mean_square(net.b[alive]) or 1.0) / size if size else 1.0
    if W.any():
        net.W[:] = -eta * W
        net.a[:] = -eta * found.a


def careful_rate(net: Network, alpha: float, batch: Batch, momentum: float) -> float:
    """Return a learning rate at which momentum descent on the squared loss is stable, for slopes σ' up to 1.

    The limit is 2 (1 + momentum)/L, L the largest curvature: that of the net's linearisation is at most the mean square
    of its gradient on a row, ‖σ(W x - b)‖² + ‖a‖² ‖x‖², plus alpha. 0.8 of it is taken.
    """
    some = batch.of(slice(SOME_ROWS))
    H = rooted(net.hidden(some.X).astype(np.float64), some.weight)
    rows = float(np.mean(np.sum(np.square(rooted(some.X, some.weight), dtype=np.float64), axis=1)))
    trace = (float(np.mean(np.sum(H * H, axis=1))) + square(net.a.ravel()) * rows) / some.share
    return 1.6 * (1 + momentum) / (trace + alpha) if trace else 1.0


def forget_first_layer(net: Network, loss: str, batches: Iterable[Batch], mask: Array) -> None:
    """Replace the first layer by its gradient where the net is zero, once for every batch.

    Rows are scaled so that <w, x> has mean square 1; a neuron without gradient keeps its row. The net is made zero by
    a copy of every neuron with -a, as at a symmetric start.
    """
    for X, Y, weight in (batch.of_mean_one() for batch in batches):
        both = Weights(np.tile(net.W, (2, 1)), np.tile(net.b, 2), np.concatenate([net.a, -net.a]))
        G = -Network(both, net.activation, net.smoothing).loss_gradient(X, Y, loss, sample_weight=weight).W
        G = G[: len(net.W)] * mask
        sizes = np.sqrt(np.mean(np.square(rooted(X @ G.T, weight), dtype=np.float64), axis=0))
        alive = sizes > 0
        net.W[alive] = G[alive] / sizes[alive, None].astype(G.dtype)


def fit_head(net: Network, objective: Objective, batch: Batch, max_iter: int, alive: Array) -> tuple[float, int]:
    """Set output weights of least mean ℓ + (alpha/2) ‖a‖², 0 for neurons not `alive`; return loss and iterations."""
    H = net.hidden(batch.X).astype(np.float64) * alive
    targets, weight, count = batch.Y.astype(np.float64), batch.weight, 1
    if objective.loss == "squared":
        a = solve(H, targets, len(H) * batch.share * objective.alpha, sample_weight=weight)
    else:
        a, count = fit_by_slopes(H, targets, weight, objective, max_iter)
    net.a[:] = a
    return loss(H @ a, targets, objective.loss, sample_weight=weight)[0], count


def fit_by_slopes(H: Array, Y: Array, weight: Array | None, objective: Objective, max_iter: int) -> tuple[Array, int]:
    """Return output weights (m, c) that minimise a smooth convex loss on features, and the iterations it took."""
    shape, alpha = (H.shape[1], Y.shape[1]), objective.alpha

    def head(v: Array) -> tuple[float, Array]:
        value, residual = loss(H @ v.reshape(shape), Y, objective.loss, sample_weight=weight)
        return value + 0.5 * alpha * float(v @ v), (H.T @ residual).ravel() + alpha * v

    trace = Trace(np.zeros(shape[0] * shape[1]))
    with one_blas_thread():
        lbfgs_descent(head, trace, max_iter=max_iter, gradient_tol=HEAD_TOL)
    return trace.theta.reshape(shape), max(len(trace.losses), 1)
