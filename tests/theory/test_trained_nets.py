"""What theory says beyond the linear regime, against networks that are trained."""

import numpy as np
import pytest

from simulation import agrees, proves, sphere
from widelearn import TwoLayerRegressor
from widelearn.kernels import NNGP, NTK, RBF, Polynomial
from widelearn.nets import TwoLayer
from widelearn.theory import multi_index_flow, one_step_overlap, one_step_risk, single_neuron_floor


def one_and_two(z):
    return z[:, 0] + z[:, 0] * z[:, 1]


def stairs(z):
    return np.cumprod(z, axis=1).sum(axis=1)


def product(z):
    return z.prod(axis=1)


def one_pass(link, k, *, d, width, size, seed, times, inputs, step, batch):
    """Risks of a network that plain gradient descent trains on fresh samples, and of the flow from its start."""
    rng = np.random.default_rng([7, seed])
    # pairs of opposite output weights, so that f = 0 at the start
    W = np.repeat(rng.standard_normal((width // 2, d)) / np.sqrt(d), 2, axis=0)
    b, a = np.repeat(rng.standard_normal(width // 2), 2), np.tile([size, -size], width // 2)
    rest = np.linalg.norm(W[:, k:], axis=1)
    flow = multi_index_flow(link, W[:, :k], rest, times, a, b, inputs=inputs, train_output=False, n_nodes=12)

    def draw(n, seed):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n, d)) if inputs == "gaussian" else 2.0 * rng.integers(0, 2, (n, d)) - 1
        return X.astype(np.float32), link(X[:, :k]).astype(np.float32)

    X, y = draw(10_000, 10**6 + seed)
    found = []

    def watch(iteration, state):
        if np.any(np.abs(iteration * step - times[1:]) < step / 2):
            found.append(np.mean((TwoLayer(state.W, state.b, state.a, "erf").outputs(X)[:, 0] - y) ** 2))

    # mean-field time: weights of a/N move N times as slowly
    TwoLayerRegressor(
        width, "erf", init=(W, b, a[:, None] / width), train_output=False, alpha=0.0, solver="sgd", momentum=0.0,
        learning_rate_init=width * step, batch_size=batch, max_iter=round(times[-1] / step), scaling=None, tol=None,
        random_state=seed, callback=watch,
    ).fit_stream(draw)  # fmt: skip
    return np.array(found), flow.risk[1:]


def test_nets_follow_the_mean_field_flow():
    """Two directions of Gaussian inputs; 3 % for steps of 1/80, 160 neurons and batches of 500 in place of limits."""
    settings = {"d": 60, "width": 160, "size": 3.0, "inputs": "gaussian", "step": 0.0125, "batch": 500}
    times = np.array([0.0, 1.0, 2.0, 3.0])
    runs = [one_pass(one_and_two, 2, seed=seed, times=times, **settings) for seed in range(5)]
    for net, flow in zip(*np.transpose(runs, (1, 2, 0)), strict=True):
        proves(net * flow.mean() / flow, flow.mean(), 0.03)


def test_stairs_are_learned_and_their_last_step_alone_is_not():
    """The same number of fresh samples, of the order of d, on the cube."""
    settings = {"d": 80, "width": 200, "size": 4.0, "inputs": "hypercube", "step": 0.0125, "batch": 250}
    times = np.array([0.0, 1.5, 3.0])
    found = {}
    for link in (stairs, product):
        runs = np.array([one_pass(link, 3, seed=seed, times=times, **settings) for seed in range(4)])
        for net, flow in zip(*np.transpose(runs, (1, 2, 0)), strict=True):
            proves(net * flow.mean() / flow, flow.mean(), 0.05)
        found[link] = runs[:, 0, -1]
    assert found[stairs].max() < 0.25 * 3
    assert found[product].min() > 0.9


@pytest.mark.parametrize("n", [200, 1600])
def test_one_step_nets_leave_what_the_direction_leaves(n):
    """d = 200: the first layer is its gradient on n samples, output weights are fitted to 20,000 fresh ones."""
    d, noise, risks, overlaps = 200, 0.09, [], []
    for seed in range(12):
        rng = np.random.default_rng([2, seed])
        X = rng.standard_normal((n + 20_000, d), dtype=np.float32)
        y = np.maximum(X[:, 0], 0) + np.sqrt(noise) * rng.standard_normal(len(X), dtype=np.float32)
        y -= y[:n].mean()
        # so small a start that slopes are those at thresholds: gradients of all neurons have one direction
        net = TwoLayerRegressor(
            64, algorithm="one_step", weight_scale=1e-9, alpha=1e-6, scaling=None, random_state=seed
        )
        net.fit_stream([(X[:n], y[:n]), (X[n:], y[n:])])
        test = rng.standard_normal((5_000, d), dtype=np.float32)
        truth = np.maximum(test[:, 0], 0)
        gap = net.predict(test) - truth
        risks.append(np.var(gap))
        alive = net.W_[np.linalg.norm(net.W_, axis=1) > 1e-3].astype(float)
        overlaps.append(np.mean(alive[:, 0] ** 2 / np.sum(alive**2, axis=1)))
    proves(overlaps, one_step_overlap("relu", n, d, noise), 0.04)
    proves(risks, one_step_risk("relu", n, d, noise), 0.03)


def test_one_neuron_is_learned_below_every_kernel():
    """d = 20, n = 10 d: the best kernel at the best ridge on the test rows, and the floor of degree 1."""
    d, n = 20, 200
    kernels = {"nngp": NNGP(), "ntk": NTK(), "rbf": RBF(), "quadratic": Polynomial(2)}
    errors = {name: [] for name in (*kernels, "network")}
    for seed in range(5):
        rng = np.random.default_rng([1, seed])
        X, test, u = sphere(rng, n, d), sphere(rng, 2000, d), sphere(rng, 1, d, 1.0)[0]
        y, truth = np.maximum(X @ u, 0), np.maximum(test @ u, 0)
        for name, kernel in kernels.items():
            values, vectors = np.linalg.eigh(kernel(X))
            left, right = kernel(test, X) @ vectors, vectors.T @ y
            ridges = np.trace(kernel(X)) / n * 10.0 ** np.arange(-6, 3)
            errors[name].append(min(np.mean((left @ (right / (values + r)) - truth) ** 2) for r in ridges))
        net = TwoLayerRegressor(random_state=seed).fit(X, y)
        errors["network"].append(np.mean((net.predict(test) - truth) ** 2))
    means = {name: np.mean(found) for name, found in errors.items()}
    spread = {name: np.std(found, ddof=1) / np.sqrt(5) for name, found in errors.items()}
    best = min(kernels, key=means.__getitem__)
    assert max(errors["network"]) < min(errors[best]) / 3
    assert means[best] - means["network"] > 10 * np.hypot(spread[best], spread["network"])
    assert max(errors["network"]) < single_neuron_floor("relu", 1) / 10
    with pytest.raises(AssertionError):
        agrees(errors["network"], single_neuron_floor("relu", 1), 0.05)
