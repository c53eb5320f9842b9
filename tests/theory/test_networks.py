"""Tangent models, training in the linear regime, and what lies beyond it, against simulation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import erf

from simulation import agrees, sphere
from widelearn.theory import (
    Spectrum,
    correlation_flow,
    fixed_feature_floor,
    gradient_flow,
    hermite_coefficients,
    information_exponent,
    kernel_spectrum,
    lazy_condition,
    mean_field_flow,
    neuron_spectrum,
    nt_concentration,
    nt_effective_ridge,
    nt_lambda_min,
    nt_noise_train,
    nt_threshold,
    one_step_overlap,
    quadratic_network_residual,
    quadratic_nt_residual,
    risk,
    single_neuron_floor,
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


# Beyond it.


def test_fixed_features_have_a_floor(rng):
    """Any p directions against M orthonormal targets in R^M."""
    p, M = 30, 80
    Q = np.linalg.qr(rng.standard_normal((M, p)))[0]
    assert np.mean(1 - np.sum(Q**2, axis=1)) == pytest.approx(fixed_feature_floor(p, M), rel=1e-12)
    assert fixed_feature_floor(100, 50) == 0


def test_single_neuron_floor_is_the_limit_of_the_engine():
    d = 10**6
    spectrum = neuron_spectrum("softplus", d, 4)
    target = hermite_coefficients("softplus", 300) ** 2
    found = risk(spectrum, target[:5], d**1.5, 0.0, 0.0, target_tail=target[5:].sum()).excess
    assert found == pytest.approx(single_neuron_floor("softplus", 1), rel=0.02)


@pytest.mark.parametrize("rho", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("trace", [0.0, 1.0])
def test_quadratic_targets(rng, rho, trace):
    d = 60
    rows, shares = [], []
    for _ in range(20):
        B = rng.standard_normal((d, d)) / np.sqrt(d)
        B = (B + B.T) / 2
        B += (trace - np.trace(B) / d) * np.eye(d)
        Q = np.linalg.qr(rng.standard_normal((d, int(rho * d))))[0]
        P = np.eye(d) - Q @ Q.T
        rows.append(np.sum((P @ B @ P) ** 2) / np.sum(B**2))
        shares.append(np.trace(B) ** 2 / d / np.sum(B**2))
    agrees(rows, quadratic_nt_residual(rho, np.mean(shares), d), 0.02)
    # the limit is 1/(ρ d) away
    assert quadratic_nt_residual(rho, 0.3) == pytest.approx(quadratic_nt_residual(rho, 0.3, 10**6), rel=1e-5)


def test_quadratic_network():
    B = np.diag([3.0, 2.0, 1.0, 0.0])
    assert quadratic_network_residual(B, 1) == pytest.approx(5 / 14)
    assert quadratic_network_residual(B, 3) == 0
    assert quadratic_network_residual(np.diag([1.0, -3.0]), 1) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="symmetric"):
        quadratic_network_residual([[1.0, 2.0], [0.0, 1.0]], 1)


def test_one_step_overlap(rng):
    d, noise = 200, 0.1
    for n in (100, 400, 1600):
        rows = []
        for _ in range(40):
            X = rng.standard_normal((n, d))
            y = np.maximum(X[:, 0], 0) + np.sqrt(noise) * rng.standard_normal(n)
            g = X.T @ (y - y.mean())
            rows.append(g[0] ** 2 / (g @ g))
        agrees(rows, one_step_overlap("relu", n, d, noise), 0.04)
    assert one_step_overlap("cos", 100, 10) == 0


def test_information_exponents():
    names = {"relu": 1, "tanh": 1, "quadratic": 2, "cubic": 1, "hermite4": 4, "cos": 2}
    assert {name: information_exponent(name) for name in names} == names
    with pytest.raises(ValueError, match="constant up to degree 30"):
        information_exponent("hermite0")


def test_mean_field_reduction(rng):
    """Reduced variables against the flow of the particles in d dimensions, at d = 100."""
    d, N, norm = 100, 200, 2.0
    W = rng.standard_normal((N, d)) / np.sqrt(d)
    u = np.zeros(d)
    u[0] = norm
    times = np.linspace(0, 4, 9)

    def cosines(W):
        size = 1 + np.sum(W**2, axis=1)
        return size, W @ W.T / np.sqrt(np.outer(size, size)), W @ u / np.sqrt(size * (1 + norm**2))

    def loss(W):
        _, pairs, target = cosines(W)
        own = np.arcsin(norm**2 / (1 + norm**2))
        return 2 / np.pi * (own - 2 * np.arcsin(target).mean() + np.arcsin(pairs).mean())

    def flow(_, flat):
        W = flat.reshape(N, d)
        size, pairs, target = cosines(W)
        push = 2 / np.pi / np.sqrt(1 - pairs**2) / N
        out = -(push / np.sqrt(np.outer(size, size))) @ W + ((push * pairs).sum(axis=1) / size)[:, None] * W
        pull = 2 / np.pi / np.sqrt(1 - target**2)
        out += pull[:, None] * (u / np.sqrt(size * (1 + norm**2))[:, None] - (target / size)[:, None] * W)
        return out.ravel()

    found = solve_ivp(flow, (0, 4), W.ravel(), t_eval=times, rtol=1e-6, atol=1e-8)
    full = np.array([loss(state.reshape(N, d)) for state in found.y.T])
    path = mean_field_flow(W[:, 0], np.linalg.norm(W[:, 1:], axis=1), norm, times)
    np.testing.assert_allclose(path.risk, full, rtol=0.01)
    assert np.all(np.diff(path.risk) < 0)


def test_mean_field_flow_is_a_gradient(rng):
    """ds/dt = -(N/2) ∂R/∂s and so for r, by central differences; and R from samples."""
    N, norm = 5, 1.5
    s, r, a = rng.standard_normal(N) / 2, rng.uniform(0.5, 1.5, N), rng.standard_normal(N)

    def loss(s, r):
        return mean_field_flow(s, r, norm, 0.0, a).risk[0]

    h = 1e-6
    early = mean_field_flow(s, r, norm, [0.0, h], a)
    for k in range(N):
        e = np.eye(N)[k] * h
        velocity = -N / 2 * (loss(s + e, r) - loss(s - e, r)) / (2 * h)
        assert (early.s[1, k] - s[k]) / h == pytest.approx(velocity, abs=1e-4)
        velocity = -N / 2 * (loss(s, r + e) - loss(s, r - e)) / (2 * h)
        assert (early.r[1, k] - r[k]) / h == pytest.approx(velocity, abs=1e-4)
    # orthogonal rests: the limit of high dimension
    x = rng.standard_normal((200_000, N + 1))
    f = (erf((np.outer(x[:, 0], s) + x[:, 1:] * r) / np.sqrt(2)) * a).mean(axis=1)
    squares = (erf(norm * x[:, 0] / np.sqrt(2)) - f) ** 2
    assert loss(s, r) == pytest.approx(squares.mean(), abs=4 * squares.std() / np.sqrt(len(x)))
    with pytest.raises(ValueError, match="s, r and a have 5, 4 and 5 entries"):
        mean_field_flow(s, r[:4], norm, 1.0)


def test_correlation_flow(rng):
    """Against the flow of w on the sphere in d = 50, gradients of E[y f] by Gauss-Hermite in the plane of w and u."""
    d, m0 = 50, 0.2
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / np.sqrt(2 * np.pi)
    t = np.outer(nodes, np.ones(60)), np.outer(np.ones(60), nodes)
    w = np.zeros(d)
    w[0], w[1] = m0, np.sqrt(1 - m0**2)

    def flow(_, w):
        m = w[0]
        x = t[0], m * t[0] + np.sqrt(1 - m * m) * t[1]  # ⟨u, x⟩ and ⟨w, x⟩
        # ∇_w E[φ(⟨u,x⟩) σ(⟨w,x⟩)], projected on the sphere: only its component along u - m w is left
        slope = (np.tanh(x[0]) * (1 - np.tanh(x[1]) ** 2) * (x[0] - m * x[1])) / (1 - m * m)
        size = weights @ slope @ weights
        direction = -m * w
        direction[0] += 1
        return size * direction

    times = [0.0, 1.0, 3.0]
    full = solve_ivp(flow, (0, 3), w, t_eval=times, rtol=1e-9, atol=1e-10).y[0]
    np.testing.assert_allclose(correlation_flow("tanh", "tanh", m0, times, degree=80), full, atol=1e-6)
    with pytest.raises(ValueError, match="m0 must lie between"):
        correlation_flow("tanh", "tanh", 2.0, times)


def test_kernels_cannot_learn_parity():
    """The negative control of high degrees: parity of 4 of 20 signs at n = 400."""
    spectrum = kernel_spectrum(np.exp, 20, 20, "hypercube")
    target = np.eye(21)[4]
    assert risk(spectrum, target, 400, 0.0, 0.0).excess > 0.9
