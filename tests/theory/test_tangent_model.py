"""The neural tangent model at finite width: smallest eigenvalue, risk, rates beyond n of the order of d."""

import numpy as np
import pytest

from simulation import polynomial_target, proves, sphere
from widelearn.kernels import FiniteNTK
from widelearn.theory import (
    Spectrum,
    critical_ridge,
    neuron_spectrum,
    nt_concentration,
    nt_effective_ridge,
    nt_lambda_min,
    nt_risk,
    polynomial_rates,
    risk,
    smallest_eigenvalue,
)


def limit_kernel(X, Y):
    t = np.clip(X @ Y.T / X.shape[1], -1, 1)
    return (0.5 - np.arccos(t) / (2 * np.pi)) * t


def tangent_kernel(rng, width):
    return FiniteNTK(width, random_state=int(rng.integers(1 << 30)))


@pytest.mark.parametrize(
    ("n", "share", "draws"), [(80, 0.01, 8), (80, 0.1, 20), (320, 0.02, 3), (320, 0.2, 4), (320, 0.5, 8)]
)
def test_smallest_eigenvalue_at_finite_width(rng, n, share, draws):
    """relu, d = 40, n/(N d) from 1 % to 50 %: within max(3 SE, 4 %), where the limit is up to 8 times higher."""
    d = 40
    N = round(n / (share * d))
    values = [np.linalg.eigvalsh(tangent_kernel(rng, N)(sphere(rng, n, d)))[0] for _ in range(draws)]
    proves(values, nt_lambda_min("relu", n, d, N), 0.04)
    if share >= 0.1:
        limit, error = nt_lambda_min("relu", n, d), np.std(values, ddof=1) / np.sqrt(draws)
        assert limit - np.mean(values) > 10 * error


def test_smallest_eigenvalue_of_features_is_minus_the_critical_ridge(rng):
    spectrum = Spectrum([1.0, 0.1], [30, 400])
    assert smallest_eigenvalue(spectrum, 100, 200) == -critical_ridge(spectrum, 100, 200)
    assert smallest_eigenvalue(spectrum, 100, 100) == 0
    assert smallest_eigenvalue(spectrum, 100, 1e9) == pytest.approx(smallest_eigenvalue(spectrum, 100), rel=0.05)
    # isotropic features, infinitely many kinds of neurons: (√p - √n)² of Marchenko and Pastur
    assert smallest_eigenvalue(Spectrum([1.0], [400]), 100, 1e12) == pytest.approx(100.0, rel=1e-5)
    with pytest.raises(ValueError, match="fills the 430 functions"):
        smallest_eigenvalue(spectrum, 430, 1000)


@pytest.mark.parametrize(("n", "width", "ridge"), [(160, 12, 0.0), (160, 40, 0.0), (160, 20, 0.2), (320, 40, 0.0)])
def test_risk_at_finite_width(rng, n, width, ridge):
    """relu, d = 40, N d from 3 n: within max(3 SE, 5 %) of simulation, and the limit is refuted where it differs."""
    d, noise, draws = 40, 0.1, 24
    rows, limit = [], []
    for _ in range(draws):
        f, kernel = polynomial_target(rng, d, 0.6, 0.4), tangent_kernel(rng, width)
        X, fresh = sphere(rng, n, d), sphere(rng, 600, d)
        y = f(X) + np.sqrt(noise) * rng.standard_normal(n)
        for k, found in ((kernel, rows), (limit_kernel, limit)):
            K = k(X, X) + (ridge + 1e-10) * np.eye(n)  # a row without an active neuron has K = 0
            found.append(np.mean((k(fresh, X) @ np.linalg.solve(K, y) - f(fresh)) ** 2))
    finite, infinite = (nt_risk("relu", [0, 0.6, 0.4], n, d, ridge, noise, w).excess for w in (width, np.inf))
    proves(rows, finite, 0.05)
    proves(limit, infinite, 0.05)
    gaps = np.array(rows) / limit
    # what finite width costs, on the same draws: within a tenth of itself, or 3 standard errors
    error = gaps.std(ddof=1) / np.sqrt(draws)
    assert abs(gaps.mean() - finite / infinite) < max(3 * error, 0.1 * (finite / infinite - 1))
    assert gaps.mean() - 1 > 5 * error


def test_the_effective_ridge_can_be_refuted(rng):
    """γ_eff = (Λ + v_1)/μ_0² at n of the order of d; γ_eff without the self-induced part fails by 10 SE."""
    d, width, noise, n, ridge = 80, 400, 0.1, 160, 0.3
    rows = []
    for _ in range(24):
        kernel, X, fresh = tangent_kernel(rng, width), sphere(rng, n, d), sphere(rng, 600, d)
        b = sphere(rng, 1, d, 1.0)[0]
        y = X @ b + np.sqrt(noise) * rng.standard_normal(n)
        fit = kernel(fresh, X) @ np.linalg.solve(kernel(X) + ridge * np.eye(n), y)
        rows.append(np.mean((fit - fresh @ b) ** 2))

    def predicted(gamma):
        return risk(Spectrum([1.0], [d]), [1.0], n, gamma * d, noise).excess

    proves(rows, predicted(nt_effective_ridge("relu", ridge)), 0.05)
    error = np.std(rows, ddof=1) / np.sqrt(len(rows))
    assert abs(np.mean(rows) - predicted(ridge / 0.25)) > 10 * error


@pytest.mark.parametrize(("n", "width", "draws"), [(160, 400, 40), (640, 200, 8)])
def test_concentration_can_be_refuted(rng, n, width, draws):
    d, norms = 40, []
    for _ in range(draws):
        X = sphere(rng, n, d)
        values, vectors = np.linalg.eigh(limit_kernel(X, X))
        root = vectors / np.sqrt(values) @ vectors.T
        norms.append(np.abs(np.linalg.eigvalsh(root @ tangent_kernel(rng, width)(X) @ root - np.eye(n))).max())
    # two theories a tenth apart are told from each other by shares below 0.1/2.1
    proves(norms, nt_concentration(n, width, d), 0.04)


def test_rates_beyond_the_first_step():
    """Between d and d²/2 rates are those of the engine up to B_ℓ/n + n/B_(ℓ+1), which falls with d."""
    for activation in ("softplus", "relu"):
        worst = []
        for d in (100, 1000, 10_000):
            spectrum = neuron_spectrum(activation, d, 5, tangent=True)
            target, n = [0, 0.5, 0.3, 0.2, 0, 0], d**1.5
            rates, full = polynomial_rates(spectrum, target, n, 0.1, 0.2), risk(spectrum, target, n, 0.1, 0.2)
            assert rates.degree == 1
            left_out = d / n + n / spectrum.multiplicities[2]
            worst.append(max(abs(rates.excess / full.excess - 1), abs((rates.bias - 0.5) / 0.5) - 0.01))
            assert worst[-1] < 3 * left_out
        assert worst[2] < 0.05 < worst[0]


def test_rates_in_simulation(rng):
    """d = 30, n = 150: the engine's risk; at d = 10,000, where it leaves 3 %, the rates are within that remainder."""
    d, n, noise = 30, 150, 0.3
    spectrum = neuron_spectrum("relu", d, 8, tangent=True)
    target = [0, 0.7, 0, 0, 0, 0, 0, 0, 0]
    rows = []
    for _ in range(40):
        X, fresh, b = sphere(rng, n, d), sphere(rng, 600, d), np.sqrt(0.7) * sphere(rng, 1, d, 1.0)[0]
        y = X @ b + np.sqrt(noise) * rng.standard_normal(n)
        rows.append(np.mean((limit_kernel(fresh, X) @ np.linalg.solve(limit_kernel(X, X), y) - fresh @ b) ** 2))
    proves(rows, risk(spectrum, target, n, 0.0, noise).excess, 0.05)
    assert polynomial_rates(spectrum, target, n, 0.0, noise).degree == 1
    d, n = 10_000, 10**6
    spectrum = neuron_spectrum("relu", d, 8, tangent=True)
    found, exact = (theory(spectrum, target, n, 0.0, noise).excess for theory in (polynomial_rates, risk))
    left_out = d / n + n / spectrum.multiplicities[2]
    assert found == pytest.approx(exact, rel=left_out)
    assert 1.1 * found != pytest.approx(exact, rel=left_out)


def test_refusals():
    spectrum = neuron_spectrum("relu", 40, 4, tangent=True)
    for call, message in (
        (lambda: nt_risk("relu", [0, 1.0], 400, 40, 0.0, 0.1, 9), "N d = 360 parameters are below n = 400: give 10"),
        (lambda: nt_risk("relu", [0, 1.0], 0, 40, 0.0, 0.1), "n must be positive"),
        (lambda: nt_lambda_min("relu", 40, 40, 0.0), "width must be positive"),
        (lambda: polynomial_rates(spectrum, [0, 1, 0, 0, 0], 1e9, 0.1, 0.1), "must lie between"),
        (lambda: polynomial_rates(Spectrum([1.0, 0.0], [5, 1e6]), [1, 0], 50, 0.0, 0.1), "must lie between"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
