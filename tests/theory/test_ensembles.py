"""Ensembles of wide networks against another library's formulas, against simulation, and against what they must be."""

from pathlib import Path

import numpy as np
import pytest

from widelearn.kernels import NNGP, NTK, RBF
from widelearn.theory import ensemble, gradient_flow, nngp_posterior

PEER = np.load(Path(__file__).parents[1] / "golden" / "ensembles.npz")
TIMES = [0.5, 20.0, 3e3, np.inf]


@pytest.mark.parametrize("setting", [(2, 1.0, 0.0), (1, 1.7, 0.3)])
def test_neural_tangents_agrees(setting):
    depth, w, b = setting
    ntk, nngp = (kind(depth=depth, weight_variance=w, bias_variance=b) for kind in (NTK, NNGP))
    X, y, X_test = PEER["x"], PEER["y"], PEER["x_test"]
    for name, kernels in (("ntk", (ntk, nngp)), ("nngp", (nngp, nngp))):
        found = ensemble(*kernels, X, y, X_test, TIMES)
        # Its time is this one times the number of targets, two.
        np.testing.assert_allclose(found.mean, PEER[f"{name}_mean:{depth}"], atol=1e-8)
        np.testing.assert_allclose(found.cov, PEER[f"{name}_cov:{depth}"], atol=1e-8)
    posterior = nngp_posterior(nngp, X, y, X_test)
    np.testing.assert_allclose(posterior.mean, PEER[f"nngp_mean:{depth}"][-1], atol=1e-8)
    np.testing.assert_allclose(posterior.cov, PEER[f"nngp_cov:{depth}"][-1], atol=1e-8)
    for column in range(2):
        path = gradient_flow(ntk(X), y[:, column], TIMES, ntk(X_test, X))
        np.testing.assert_allclose(path, PEER[f"mse:{depth}"][:, :, column], atol=1e-8)


def test_it_is_the_law_of_trained_linear_networks(rng):
    """Draws of f_0 of covariance 𝒦, each trained by its own flow along Θ: their mean and covariance, to 4 SE."""
    ntk, nngp, draws = RBF(gamma=0.5), RBF(gamma=0.2), 20_000
    X, X_test, y, t = rng.standard_normal((6, 2)), rng.standard_normal((3, 2)), rng.standard_normal(6), 15.0
    every = np.vstack([X, X_test])
    values, vectors = np.linalg.eigh(nngp(every))
    start = rng.standard_normal((draws, 9)) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    identity = np.eye(6)
    weights = np.stack([gradient_flow(ntk(X), row, t, ntk(X_test, X)) for row in identity], axis=1)
    trained = start[:, 6:] + (y - start[:, :6]) @ weights.T
    found = ensemble(ntk, nngp, X, y, X_test, t)
    spread = np.sqrt(found.cov.diagonal())
    assert (np.abs(trained.mean(axis=0) - found.mean) < 4 * spread / draws**0.5).all()
    error = 4 * np.sqrt((np.outer(spread, spread) ** 2 + found.cov**2) / draws)
    assert (np.abs(np.cov(trained.T) - found.cov) < error).all()
    # A tenth more of the variance would be seen.
    assert not (np.abs(np.cov(trained.T) - 1.1 * found.cov) < error).all()


def test_the_ends_of_training(rng):
    X, X_test, y = rng.standard_normal((8, 3)), rng.standard_normal((4, 3)), rng.standard_normal(8)
    start = ensemble(NTK(), NNGP(), X, y, X_test, 0.0)
    np.testing.assert_allclose(start.mean, np.zeros(4))
    np.testing.assert_allclose(start.cov, NNGP()(X_test))
    end = ensemble(NTK(), NNGP(), X, y, X, np.inf)
    np.testing.assert_allclose(end.mean, y, atol=1e-10)
    np.testing.assert_allclose(end.cov, np.zeros((8, 8)), atol=1e-12)
    noisy = nngp_posterior(NNGP(), X, np.column_stack([y, 2 * y]), X_test, noise=0.3)
    K, cross = NNGP()(X) + 0.3 * np.eye(8), NNGP()(X_test, X)
    np.testing.assert_allclose(noisy.mean, cross @ np.linalg.solve(K, np.column_stack([y, 2 * y])), rtol=1e-10)
    np.testing.assert_allclose(noisy.cov, NNGP()(X_test) - cross @ np.linalg.solve(K, cross.T), atol=1e-12)


def test_refusals(rng):
    X, y = rng.standard_normal((4, 2)), np.ones(4)
    cases = [
        (lambda: ensemble(NTK(), NNGP(), X, y[:3], X, 1.0), r"X has shape \(4, 2\), y \(3,\) and X_test \(4, 2\)"),
        (lambda: ensemble(NTK(), NNGP(), X, y, X[:, :1], 1.0), r"X_test \(4, 1\)"),
        (lambda: ensemble(NTK(), NNGP(), X, y, X, -1.0), "t must be a number or a row of them of at least 0"),
        (lambda: ensemble(lambda a, b: np.ones(3), NNGP(), X, y, X, 1.0), r"ntk returned shape \(3,\) for \(4, 4\)"),
        (lambda: ensemble(lambda a, b: -NTK()(a, b), NNGP(), X, y, X, 1.0), "K must be positive semidefinite"),
        (lambda: nngp_posterior(NNGP(), X, y, X, noise=-1.0), "noise must be non-negative"),
    ]
    for call, text in cases:
        with pytest.raises(ValueError, match=text):
            call()
    with pytest.raises(TypeError, match=r"ntk must be a function of rows \(n, d\), \(m, d\) -> \(n, m\), got 'ntk'"):
        ensemble("ntk", NNGP(), X, y, X, 1.0)
