"""Steps and activations of two-layer nets and Taylor expansions beside NumPy, scikit-learn and the matmul rate."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benches.job import Job, gaussian, timed
from widelearn import nets
from widelearn.runtime import Array

STEPS = 20
# Of gradients of float32 nets, relative to the largest element: sums over 20,000 rows.
TOLERANCE = 1e-4


def jobs(quick: bool) -> Iterator[Job]:
    """Every job about nets."""
    n, d, m = (400, 16, 32) if quick else (20_000, 64, 512)
    for activation in ("relu", "tanh"):
        yield two_layer(n, d, m, activation)
    yield taylor(n, d, m)
    yield hidden(n, d, m)


def draw(n: int, d: int, m: int) -> list[Array]:
    X, W0, W = gaussian(n, d, "float32"), gaussian(m, d, "float32", 1), gaussian(m, d, "float32", 2)
    y = np.where(X[:, :1] * X[:, 1:2] > 0, 1, -1).astype(np.float32)
    a = (np.where(np.arange(m) % 2, 1, -1) / np.sqrt(m)).astype(np.float32)[:, None]
    # Pre-activations of size 1, and outputs that are not zero.
    return [X * np.sqrt(d, dtype=np.float32), y, W0, W, a + a[0, 0] / 2]


def steps(gradient: Callable[[Array], Array], start: Array, rate: float) -> Callable[[], Array]:
    """Full-batch gradient descent on the first layer."""

    def run() -> Array:
        W = start.copy()
        for _ in range(STEPS):
            W -= np.float32(rate) * gradient(W)
        return W

    return run


def difference(ours: Callable[[Array], Array], theirs: Callable[[Array], Array], at: Array) -> Callable[[], float]:
    def error() -> float:
        a, b = ours(at), theirs(at)
        return float(np.abs(a - b).max() / np.abs(b).max())

    return error


def job(name: str, shape: tuple[int, int, int], sides: dict[str, Any], error: Callable[[], float]) -> Job:
    n, d, m = shape
    return Job(
        name=name,
        shape=f"n={n} d={d} m={m}, {STEPS} steps",
        dtype="float32",
        least=1.5,
        sides={side: timed(run) for side, run in sides.items()},
        difference=error,
        tolerance=TOLERANCE,
        # Two products with n x m results a step.
        flops=4 * n * m * d * STEPS,
        rounds=3,
    )


def two_layer(n: int, d: int, m: int, activation: str) -> Job:
    X, y, W0, _, a = draw(n, d, m)
    b = np.zeros(m, np.float32)
    start = W0.copy()
    net = nets.TwoLayer(start, b, a, activation)
    peer = MLPClassifier((m,), activation=activation, solver="sgd", batch_size=n, max_iter=STEPS, alpha=0.0, tol=0.0)

    def ours(W: Array) -> Array:
        start[:] = W
        return net.loss_gradient(X, y, "logistic").W

    def numpy(W: Array) -> Array:
        Z = X @ W.T
        S = np.maximum(Z, 0) if activation == "relu" else np.tanh(Z)
        slopes = (Z > 0).astype(np.float32) if activation == "relu" else 1 - S * S
        r = -y / (1 + np.exp(y * (S @ a))) / n
        return ((r @ a.T) * slopes).T @ X

    def fit() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return peer.fit(X, y[:, 0])

    sides = {"widelearn": steps(ours, W0, 1.0), "NumPy": steps(numpy, W0, 1.0), "scikit-learn MLPClassifier": fit}
    return job(f"two-layer {activation} steps", (n, d, m), sides, difference(ours, numpy, W0))


def taylor(n: int, d: int, m: int) -> Job:
    X, y, W0, W, a = draw(n, d, m)
    net = nets.Expansion(W0, a, "softplus", (2,))

    def ours(W: Array) -> Array:
        return net.loss_gradient(X, y, W, "squared").W

    s = 1 / (1 + np.exp(-(X @ W0.T)))
    # What a program that holds n x m numbers computes once.
    half = s * (1 - s) / 2 * a.T

    def numpy(W: Array) -> Array:
        P = X @ W.T
        r = ((half * P * P).sum(axis=1, keepdims=True) - y) / n
        return (2 * r * half * P).T @ X

    sides = {"widelearn": steps(ours, W, 0.1), "NumPy, second derivatives stored": steps(numpy, W, 0.1)}
    # Two products a step are needed where second derivatives are stored; ours takes three and stores nothing.
    return job("Taylor order 2 steps", (n, d, m), sides, difference(ours, numpy, W))


def hidden(n: int, d: int, m: int) -> Job:
    X, _, W, _, _ = draw(n, d, m)
    b, unit = np.zeros(m, np.float32), np.eye(m, dtype=np.float32)
    net = nets.TwoLayer(W, b, unit, "tanh")
    sides = {
        "widelearn": lambda: net.hidden(X),
        "outputs by an identity matrix": lambda: net.outputs(X),
        "NumPy": lambda: np.tanh(X @ W.T - b),
    }
    error = difference(net.hidden, lambda X: np.tanh(X @ W.T - b), X)
    made = job("hidden activations", (n, d, m), sides, error)
    return replace(made, shape=f"n={n} d={d} m={m}", flops=2 * n * m * d)
