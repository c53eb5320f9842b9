"""Tangent models, training in the linear regime, and what lies beyond it, against simulation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from simulation import agrees, sphere
from widelearn.theory import (
    Spectrum,
    gradient_flow,
    hermite_coefficients,
    lazy_condition,
    neuron_spectrum,
    nt_concentration,
    nt_effective_ridge,
    nt_lambda_min,
    nt_noise_train,
    nt_threshold,
    risk,
)


def step(t):
    return (t > 0) * 1.0


def tangent_kernel(X, Y, W):
    return (step(X @ W.T) @ step(Y @ W.T).T / len(W)) * (X @ Y.T / X.shape[1])


def limit_kernel(X, Y):
    t = np.clip(X @ Y.T / X.shape[1], -1, 1)
    return (0.5 - np.arccos(t) / (2 * np.pi)) * t


# The tangent model.


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("n", [80, 160])
def test_linear_ridge_equivalence(rng, n, ridge):
    d, N, noise = 80, 400, 0.1
    rows = []
    for _ in range(10):
        X, test, W = sphere(rng, n, d), sphere(rng, 1000, d), sphere(rng, N, d, 1.0)
        b = sphere(rng, 1, d, 1.0)[0]
        y = X @ b + np.sqrt(noise) * rng.standard_normal(n)
        fit = tangent_kernel(test, X, W) @ np.linalg.solve(tangent_kernel(X, X, W) + ridge * np.eye(n), y)
        rows.append(np.mean((fit - test @ b) ** 2))
    gamma = nt_effective_ridge("relu", ridge)
    # the kernel x.x'/d with the ridge γ: features of variance 1 with the ridge γ d
    agrees(rows, risk(Spectrum([1.0], [d]), [1.0], n, gamma * d, noise).excess, 0.05)


def test_tangent_model_is_kernel_ridge_and_the_engine(rng):
    d, N, noise, n = 40, 800, 0.1, 160
    spectrum = neuron_spectrum("relu", d, 6, tangent=True)
    rows = []
    for _ in range(20):
        X, test, W = sphere(rng, n, d), sphere(rng, 1000, d), sphere(rng, N, d, 1.0)
        A = rng.standard_normal((d, d))
        A = (A + A.T) / 2 - np.trace(A) / d * np.eye(d)
        A *= np.sqrt(0.4 * (d + 2) / (2 * d)) / np.linalg.norm(A)
        b = np.sqrt(0.6) * sphere(rng, 1, d, 1.0)[0]
        f, truth = (Z @ b + np.einsum("ij,ij->i", Z @ A, Z) for Z in (X, test))
        y = f + np.sqrt(noise) * rng.standard_normal(n)
        fit = tangent_kernel(test, X, W) @ np.linalg.solve(tangent_kernel(X, X, W), y)
        limit = limit_kernel(test, X) @ np.linalg.solve(limit_kernel(X, X), y)
        rows.append([np.mean((fit - truth) ** 2), np.mean((limit - truth) ** 2)])
    rows = np.array(rows)
    agrees(rows[:, 0], risk(spectrum, [0, 0.6, 0.4, 0, 0, 0, 0], n, 0.0, noise).excess, 0.05)
    # n/(N d) = 0.5 %: the finite width costs at most 2 %
    assert rows[:, 0].mean() == pytest.approx(rows[:, 1].mean(), rel=0.02)


@pytest.mark.parametrize("n", [80, 320])
def test_smallest_eigenvalue(rng, n):
    d, N = 40, 4000
    values = []
    for _ in range(3):
        X, W = sphere(rng, n, d), sphere(rng, N, d, 1.0)
        values.append(np.linalg.eigvalsh(tangent_kernel(X, X, W))[0])
    assert np.mean(values) == pytest.approx(nt_lambda_min("relu", n, d), rel=0.03)
    with pytest.raises(ValueError, match="exceeds"):
        nt_lambda_min("relu", 1e18, 3)


def test_smallest_eigenvalue_has_published_limits():
    """Between the steps it is v_ℓ(σ) = Σ_{k >= ℓ} μ_k(σ')²: 1/4 and 1/4 - 1/(2π) for relu."""
    d = 10**6
    assert nt_lambda_min("relu", d**0.25, d) == pytest.approx(0.25 + 0.25, rel=0.02)  # ℓ = 0 keeps the mean
    assert nt_lambda_min("relu", d**1.5, d) == pytest.approx(0.25, rel=0.1)
    assert nt_lambda_min("relu", 1e3 * d, d) == pytest.approx(0.25, rel=0.1)
    v2 = np.sum(hermite_coefficients("relu", 300, derivative=1)[2:] ** 2)
    # the series decays like k^(-3/2)
    assert v2 == pytest.approx(0.25 - 1 / (2 * np.pi), abs=0.03)


def test_concentration(rng):
    d, N = 40, 400
    for n in (160, 320):
        norms = []
        for _ in range(3):
            X, W = sphere(rng, n, d), sphere(rng, N, d, 1.0)
            values, vectors = np.linalg.eigh(limit_kernel(X, X))
            root = vectors / np.sqrt(values) @ vectors.T
            norms.append(np.abs(np.linalg.eigvalsh(root @ tangent_kernel(X, X, W) @ root - np.eye(n))).max())
        assert np.mean(norms) == pytest.approx(nt_concentration(n, N, d), rel=0.1)


def test_threshold_and_noise(rng):
    d, n = 10, 120
    assert nt_threshold(n, d) == 12
    assert nt_threshold(121, d) == 13
    X = sphere(rng, n, d)
    for N in (6, 16, 24):
        trains = []
        for _ in range(20):
            W = rng.standard_normal((N, d))
            F = (step(X @ W.T)[:, :, None] * X[:, None, :]).reshape(n, -1)
            values = np.linalg.svd(F, compute_uv=False)
            # a sample at which no neuron is active has no features, with probability 2^-N
            alive = int(np.any(F != 0, axis=1).sum())
            assert np.sum(values > 1e-10 * values[0]) == min(alive, N * d)
            y = rng.standard_normal(n) * np.any(F != 0, axis=1)
            trains.append(np.mean((y - F @ np.linalg.lstsq(F, y, rcond=1e-10)[0]) ** 2))
        agrees(trains, nt_noise_train(n, N, d), 0.05) if N == 6 else None
        assert N == 6 or np.mean(trains) < 1e-6
    assert nt_noise_train(n, 18, d) == 0


def test_even_activations_learn_no_linear_function():
    with pytest.raises(ValueError, match="learns no linear function"):
        nt_effective_ridge("cos", 0.1)


# The linear regime.


def test_gradient_flow(rng):
    n = 12
    J = rng.standard_normal((n, 30))
    K, y = J @ J.T, rng.standard_normal(n)
    found = solve_ivp(lambda _, u: K @ (y - u) / n, (0, 3), np.zeros(n), t_eval=[0.1, 1.0, 3.0], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gradient_flow(K, y, [0.1, 1.0, 3.0]), found.y.T, atol=1e-9)
    np.testing.assert_allclose(gradient_flow(K, y, np.inf), y, rtol=1e-12)
    np.testing.assert_array_equal(gradient_flow(K, y, 0.0), np.zeros(n))


def test_gradient_descent_and_other_inputs(rng):
    n, rate, steps = 12, 0.05, 300
    J, J_test, y = rng.standard_normal((n, 30)), rng.standard_normal((5, 30)), rng.standard_normal(n)
    theta = np.zeros(30)
    for _ in range(steps):
        theta += rate * J.T @ (y - J @ theta) / n
    K, cross = J @ J.T, J_test @ J.T
    np.testing.assert_allclose(gradient_flow(K, y, steps, learning_rate=rate), J @ theta, rtol=1e-9)
    np.testing.assert_allclose(gradient_flow(K, y, steps, cross, learning_rate=rate), J_test @ theta, rtol=1e-8)
    least_norm = np.linalg.lstsq(J, y, rcond=None)[0]
    np.testing.assert_allclose(gradient_flow(K, y, np.inf, cross), J_test @ least_norm, rtol=1e-8)


def test_gradient_flow_with_null_directions(rng):
    J, y = rng.standard_normal((10, 4)), rng.standard_normal(10)
    fit = J @ np.linalg.lstsq(J, y, rcond=None)[0]
    np.testing.assert_allclose(gradient_flow(J @ J.T, y, 1e9), fit, atol=1e-5)
    test = rng.standard_normal((3, 4))
    expected = test @ np.linalg.lstsq(J, y, rcond=None)[0]
    np.testing.assert_allclose(gradient_flow(J @ J.T, y, 1e7, test @ J.T), expected, atol=1e-6)


def test_gradient_flow_refuses(rng):
    K = np.diag([1.0, 2.0])
    for call, message in (
        (lambda: gradient_flow(K, [1.0], 1.0), r"K has shape \(2, 2\) and y \(1,\)"),
        (lambda: gradient_flow([[1.0, 2.0], [0.0, 1.0]], [1.0, 1.0], 1.0), "K must be symmetric"),
        (lambda: gradient_flow(-K, [1.0, 1.0], 1.0), "smallest eigenvalue is -2"),
        (lambda: gradient_flow(K, [1.0, 1.0], -1.0), "t must be non-negative, got -1"),
        (lambda: gradient_flow(K, [1.0, 1.0], 5, learning_rate=2.5), "learning_rate = 2.5 diverges: it must be below"),
        (lambda: gradient_flow(K, [1.0, 1.0], 1.0, [[1.0]]), r"K_test has shape \(1, 1\): it must be \(m, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_lazy_bounds_hold_along_training(rng):
    """A tanh network, its output weights fixed: bounds (i) to (iii) of the condition, where it holds."""
    n, d, N = 8, 6, 300
    X, y = rng.standard_normal((n, d)) / np.sqrt(d), rng.standard_normal(n)
    W0 = rng.standard_normal((N, d))
    a = np.concatenate([np.ones(N // 2), -np.ones(N // 2)]) / np.sqrt(N)
    start = np.tanh(X @ W0.T) @ a

    def jacobian(W):
        return (((1 - np.tanh(X @ W.T) ** 2) * a)[:, :, None] * X[:, None, :]).reshape(n, -1)

    J0 = jacobian(W0)
    sigma = np.linalg.svd(J0, compute_uv=False)
    # the Jacobian's change: |tanh''| <= 0.77, each row moves by |a_j| |x_i|² ‖Δw_j‖
    lipschitz = 0.77 / np.sqrt(N) * np.linalg.norm(X, axis=1).max() * np.linalg.norm(X, 2)
    alpha = 1.05 * 4 * lipschitz * np.linalg.norm(y) / sigma[-1] ** 2
    found = lazy_condition(sigma[-1], lipschitz, np.linalg.norm(y), alpha)
    assert found.holds
    assert found.margin == pytest.approx(1 / 1.05)
    W, time = W0.copy(), 0.0
    rate = 0.2 * n / (alpha * sigma[0]) ** 2
    for _ in range(400):
        residual = y - alpha * (np.tanh(X @ W.T) @ a - start)
        J = jacobian(W)
        # a step of Euler overshoots the flow's bound by its own square
        assert residual @ residual <= (y @ y) * np.exp(-found.rate * time / n) * 1.01
        assert np.linalg.norm(W - W0) <= found.distance
        assert np.linalg.norm(alpha * (J - J0), 2) <= found.jacobian_change
        W = W + rate * alpha * (residual @ J).reshape(N, d) / n
        time += rate
    assert not lazy_condition(sigma[-1], lipschitz, np.linalg.norm(y), alpha / 1.1).holds
