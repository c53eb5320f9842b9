"""By what the weights or neurons of a two-layer net are chosen for a ticket: a number for each, the largest stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from widelearn.diagnostics.net_starts import NetStart
from widelearn.nets import TwoLayer

Array = NDArray[np.float64]

# Of a weight's own size, and of the largest: the step of a difference quotient of gradients.
STEP = 1e-5
# What a weight counts that starts against its gradient feature: more keeps more of few columns that matter, less is
# better where most columns do.
OPPOSED = 0.5


def norms(A: Array) -> Array:
    """Return the lengths of rows, without squares that leave the range of doubles."""
    largest = np.abs(A).max(axis=1, initial=0.0)
    scaled = A / np.where(largest > 0, largest, 1.0)[:, None]
    return np.asarray(largest * np.sqrt(np.einsum("ij,ij->i", scaled, scaled)))


def shares(A: Array) -> Array:
    """Return rows divided by their lengths; rows of zeros stay."""
    lengths = norms(A)
    return np.asarray(A / np.where(lengths > 0, lengths, 1.0)[:, None])


def magnitude(model: Any, start: NetStart, unit: str) -> Array:
    """|a_i W_ij| at the end of training, with ‖a_i‖ for several outputs; of a neuron ‖w_i‖ ‖a_i‖."""
    W, a = np.asarray(model.W_, dtype=float), norms(np.asarray(model.a_, dtype=float))
    return np.abs(W) * a[:, None] if unit == "weights" else norms(W) * a


def movement(model: Any, start: NetStart, unit: str) -> Array:
    """|W_ij - W0_ij|; of a neuron ‖w_i - w0_i‖."""
    moved = np.asarray(model.W_, dtype=float) - start.net.W
    return np.abs(moved) if unit == "weights" else norms(moved)


def snip(model: Any, start: NetStart, unit: str) -> Array:
    """|W_ij ∂L/∂W_ij| at the start, the slope by a gate on a weight; of a neuron |Σ_o a_io ∂L/∂a_io|, on its output."""
    if unit == "weights":
        return np.abs(start.net.W * start.descent)
    slopes = start.net.hidden(start.X).T @ start.residual
    return np.abs(np.einsum("io,io->i", start.net.a, slopes))


def grasp(model: Any, start: NetStart, unit: str) -> Array:
    """W ∘ (H g) at the start: half of what its loss takes from ‖g‖² to first order, summed over a neuron."""
    found = start.net.W * hessian_product(start, -start.descent)
    return found if unit == "weights" else found.sum(axis=1)


def hessian_product(start: NetStart, V: Array) -> Array:
    """Return the second derivative of the mean loss by the first layer, times V (m, d), by central differences."""
    size = norms(V).max(initial=0.0)
    if not size > 0:
        return np.zeros_like(V)
    # Moves of a weight are small beside the rows of weights, which are those of the start.
    length = STEP * (norms(start.net.W).max(initial=0.0) or 1.0) / size
    ends = []
    for sign in (1.0, -1.0):
        net = start.net
        moved = TwoLayer(net.W + sign * length * V, net.b, net.a, net.activation, smoothing=net.smoothing)
        ends.append(moved.loss_gradient(start.X, start.Y, start.loss, sample_weight=start.weight).W)
    return np.asarray((ends[0] - ends[1]) / (2 * length))


def gradient_shares(model: Any, start: NetStart, unit: str) -> Array:
    """|g_ij| / ‖g_i‖ for g the first gradient: how much of a neuron's gradient feature a weight carries.

    A weight that starts against its feature counts for OPPOSED of that: it loses what it is before it turns.
    """
    found = shares(start.descent)
    return np.abs(found) * np.where(found * start.net.W < 0, OPPOSED, 1.0)


SCORES: dict[str, Callable[[Any, NetStart, str], Array]] = {
    "gradient_features": gradient_shares,
    "magnitude": magnitude,
    "movement": movement,
    "snip": snip,
    "grasp": grasp,
}


def gains(start: NetStart) -> Array:
    """Return what each neuron gains along its gradient feature: Σ_o a_io E[r_o σ(<ĝ_i, x> - b_i)].

    ĝ_i is the first gradient's direction, of such a length that E <ĝ_i, x>² = 1, and r the residual at the start. A
    neuron of negative gain sees its feature on rows of the wrong sign: its output weight will not use it.
    """
    net, directions = start.net, shares(start.descent)
    sizes = np.sqrt(np.average((start.X @ directions.T) ** 2, axis=0, weights=start.weight))
    there = sizes > 0
    directions = directions / np.where(there, sizes, 1.0)[:, None]
    moved = TwoLayer(directions, net.b, net.a, net.activation, smoothing=net.smoothing)
    found = np.einsum("io,io->i", net.a, moved.hidden(start.X).T @ start.residual)
    return np.where(there, found, -np.inf)
