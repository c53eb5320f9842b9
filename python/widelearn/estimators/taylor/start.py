"""Where the descent of a Taylor model starts: random, or at the bottom of the objective's curvature at 0."""

from dataclasses import replace
from typing import cast

import numpy as np

from widelearn.estimators.optim.descent import DivergedError, evaluate
from widelearn.estimators.taylor.inputs import Span, mean_of
from widelearn.estimators.taylor.model import Objective, TaylorNet
from widelearn.nets import loss
from widelearn.runtime import Array, available_memory

# Products with the Hessian that look for the most negative curvature.
KRYLOV = 20
# Bytes that the products may hold; a wider net makes do with fewer products.
KRYLOV_BYTES = 512 << 20
# Multiples of the start that are tried.
FACTORS = 2.0 ** np.arange(-6, 7)
# Share of the largest curvature below which there is none.
ROUNDING = 1e-12
# Share of a random start that is added.
NOISE = 1e-3


def first_point(objective: Objective, init: str, rng: np.random.RandomState) -> Array:
    """Return where the descent starts; of the squared loss with the linear part alone solved."""
    net = objective.net
    W = np.zeros(net.shape)
    if init != "zeros":
        W = np.concatenate([random_start(rng, part.shape, k, objective.span) for k, part in net.blocks(W)])
    theta = objective.pack(W)
    if objective.linear is not None and objective.loss == "squared":
        Y = objective.Y.astype(np.float64)
        mean, weight = mean_of(Y, objective.weight), objective.weight
        pulled = (Y - mean) if weight is None else (Y - mean) * weight[:, None]
        theta = objective.pack(W, objective.linear.Z.T @ pulled / len(Y), mean)
    # Order 2 alone: the curvature at W = 0 is that of a quadratic model, exactly or to leading order.
    if init == "spectral" or (init == "auto" and net.orders == (2,)):
        _, gamma, b = objective.unpack(theta)
        theta = objective.pack(spectral_start(objective, theta, rng), gamma, b)
    return theta


def random_start(rng: np.random.RandomState, shape: tuple[int, int], order: int, span: Span | None = None) -> Array:
    """Draw entries N(0, m^(-1/k) / d), independent of the pairs: of all d columns Σ_r ‖w_r‖^(2k) is about 1."""
    m, d = shape
    d = d if span is None else len(span.axes)
    W = rng.standard_normal((m, d)) * m ** (-1 / (2 * order)) / np.sqrt(d)
    return W if span is None else span.of_rows(W)


def spectral_start(objective: Objective, theta: Array, rng: np.random.RandomState) -> Array:
    """Return the best multiple of sqrt(κ_r) e_r, with a little noise.

    At W = 0 the Hessian of a quadratic model is one block 2 S_r a neuron; -κ_r <= 0 is the smallest eigenvalue of S_r
    and e_r its eigenvector: the direction in which the neuron lowers the loss, and how much.
    """
    # Factors are compared without random signs.
    objective = replace(objective, rng=None)
    _, gamma, b = objective.unpack(theta)
    noise = random_start(rng, objective.net.shape, 2, objective.span)
    values, vectors = bottom_of_blocks(objective, theta, noise)
    # Of a block without a negative eigenvalue, the smallest is a rounding error in any direction.
    bent = -values > ROUNDING * np.abs(values).max(initial=0.0)
    W = np.sqrt(np.where(bent, -values, 0.0))[:, None] * vectors
    norm = float(np.sum(np.einsum("ij,ij->i", W, W) ** 2)) ** 0.25
    if not norm > 0:
        return noise
    W = W / norm + NOISE * noise
    return best_factor(objective, W, gamma, b) * W


def best_factor(objective: Objective, W: Array, gamma: Array, b: Array) -> float:
    """Return the multiple of a movement at which the objective is least, the linear part as it is."""
    if objective.net.mode != "taylor":
        return min((value_at(objective, objective.pack(t * W, gamma, b)), t) for t in FACTORS)[1]
    # The term of one order k is homogeneous: t W has t^k times its values, which are computed once.
    dtype = objective.X.dtype
    moved, offset = objective.net.outputs(objective.X, W.astype(dtype)), objective.offset(objective.pack(W, gamma, b))
    tried = []
    for t in FACTORS:
        with np.errstate(all="ignore"):
            F = moved * dtype.type(t ** objective.net.orders[0]) + (0 if offset is None else offset)
            value = objective.penalty(t * W)[0]
        if np.isfinite(F).all():
            value += loss(F, objective.Y, objective.loss, sample_weight=objective.weight)[0]
            tried.append((value if np.isfinite(value) else np.inf, t))
    return min(tried)[1] if tried else FACTORS[0]


def value_at(objective: Objective, theta: Array) -> float:
    """Return the objective, infinite where it diverges."""
    try:
        return evaluate(objective, theta)[0]
    except DivergedError:
        return np.inf


def bottom_of_blocks(objective: Objective, theta: Array, start: Array) -> tuple[Array, Array]:
    """Return the smallest eigenvalue (m,) and eigenvector (m, d) of every neuron's block of the Hessian at W = 0."""
    # A quadratic model, which no joint net is.
    expansion, X, Y = cast(TaylorNet, objective.net).expansion, objective.X, objective.Y
    offset, zero = objective.offset(theta), np.zeros_like(expansion.W0)

    def product(V: Array) -> Array:
        options = {"offset": offset, "sample_weight": objective.weight}
        found = expansion.hessian_product(X, Y, zero, V.astype(X.dtype), objective.loss, **options)
        return found.astype(np.float64)

    # Lanczos's method for all neurons at once: one product with the Hessian is a step of each.
    steps = max(min(KRYLOV, start.shape[1], min(KRYLOV_BYTES, available_memory()[0] // 4) // (2 * start.nbytes)), 1)
    basis = [start / np.linalg.norm(start, axis=1, keepdims=True)]
    images = [product(basis[0])]
    for _ in range(steps - 1):
        fresh = images[-1]
        for _ in range(2):
            for old in basis:
                fresh = fresh - np.einsum("ij,ij->i", fresh, old)[:, None] * old
        length = np.linalg.norm(fresh, axis=1, keepdims=True)
        # A row whose space is exhausted adds nothing.
        alive = length > 1e-10 * np.linalg.norm(images[-1], axis=1, keepdims=True)
        basis.append(np.where(alive, fresh / np.where(alive, length, 1.0), 0.0))
        images.append(product(basis[-1]))
    Q, AQ = np.stack(basis, axis=1), np.stack(images, axis=1)
    values, vectors = np.linalg.eigh(Q @ AQ.transpose(0, 2, 1))
    # An eigenvector has no sign of its own: it takes that along the start.
    bottom = vectors[:, :, 0] * np.where(vectors[:, :1, 0] < 0, -1.0, 1.0)
    return values[:, 0], np.einsum("rk,rkd->rd", bottom, Q)
