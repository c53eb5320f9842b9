"""Kernel ridge regression in high dimension: plateaus, critical regimes, kernel matrices, beside simulations."""

import numpy as np
import pytest

from simulation import agrees, polynomial_target, sphere
from widelearn.theory import (
    critical_regime,
    critical_samples,
    empirical_risk,
    kernel_spectrum,
    marchenko_pastur_edges,
    phase_diagram,
    risk,
    self_induced_ridge,
    smallest_eigenvalue,
    staircase,
)

# Kernels in high dimension.


def test_staircase_is_the_limit_of_the_engine():
    """At d = 10^6 the plateaus are d^(-1/2) away from their limits, in the middle of a step."""
    d = 10**6
    target = np.array([0.0, 0.5, 0.3, 0.2, 0.0])
    spectrum = kernel_spectrum(np.exp, d, 4)
    powers = np.array([0.5, 1.5, 2.5])
    limit = staircase(target, d**powers, d)
    np.testing.assert_allclose(limit, [1.0, 0.5, 0.2])
    for ridge in (0.0, 0.5):
        np.testing.assert_allclose(risk(spectrum, target, d**powers, ridge, 0.1).excess, limit, atol=20 / np.sqrt(d))
    features = risk(spectrum, target, d**3.5, 0.1, 0.1, d**powers).excess
    np.testing.assert_allclose(features, staircase(target, d**3.5, d, d**powers), atol=20 / np.sqrt(d))


def test_critical_regime_is_the_limit_of_the_engine():
    target = np.array([0.0, 0.3, 0.4, 0.3, 0.0])
    differences = []
    for d in (30, 300, 3000):
        spectrum = kernel_spectrum(np.exp, d, 4)
        n = 0.7 * spectrum.multiplicities[2]
        closed = critical_regime(spectrum, target, n, 0.1, 0.05, 2)
        general = risk(spectrum, target, n, 0.1, 0.05)
        differences.append([abs(getattr(closed, k) / getattr(general, k) - 1) for k in ("excess", "train", "bias")])
    # lower degrees take d of d²/2 samples: 1/d
    assert np.all(np.array(differences[2]) < 10 / 3000)
    assert np.all(np.diff(differences, axis=0) < 0)


def test_multiple_descent():
    """A kernel with little mass above degree 2 peaks at n = 1 + B_1 + B_2."""
    spectrum = kernel_spectrum(lambda t: t + t**2 + 0.001 * t**3, 40, 3)
    peak = critical_samples(spectrum)[2]
    n = np.linspace(0.5, 1.5, 201) * peak
    values = risk(spectrum, [0, 0.5, 0.5, 0], n, 0.0, 0.2).excess
    assert n[np.argmax(values)] == pytest.approx(peak, rel=0.02)


def test_best_ridge_at_the_critical_regime():
    """Λ = max(0, c_2 (t_{>2} + τ²)/t_2 - c_{>2}): isotropic ridge regression."""
    spectrum = kernel_spectrum(np.exp, 3000, 4)
    target = [0, 0, 0.4, 0.1, 0]
    formula = spectrum.masses[2] * (0.1 + 0.2) / 0.4 - self_induced_ridge(spectrum, 2)
    n = spectrum.multiplicities[2]
    ridges = formula * np.linspace(0.5, 1.5, 41)
    values = [critical_regime(spectrum, target, n, ridge, 0.2, 2).excess for ridge in ridges]
    assert ridges[np.argmin(values)] == pytest.approx(formula, rel=0.03)


@pytest.mark.parametrize(("n", "ridge", "draws"), [(60, 0.0, 40), (299, 0.0, 40), (299, 0.2, 40), (600, 0.0, 20)])
def test_kernel_ridge_simulation(rng, n, ridge, draws):
    d, noise = 24, 0.05
    rows, trains = [], []
    for _ in range(draws):
        f = polynomial_target(rng, d, 0.5, 0.5)
        X, test = sphere(rng, n, d), sphere(rng, 1500, d)
        y = f(X) + np.sqrt(noise) * rng.standard_normal(n)
        alpha = np.linalg.solve(np.exp(X @ X.T / d) + ridge * np.eye(n), y)
        rows.append(np.mean((np.exp(test @ X.T / d) @ alpha - f(test)) ** 2))
        trains.append(np.mean((ridge * alpha) ** 2))
    found = risk(kernel_spectrum(np.exp, d, 6), [0, 0.5, 0.5, 0, 0, 0, 0], n, ridge, noise)
    agrees(rows, found.excess, 0.05)
    if ridge:
        agrees(trains, found.train, 0.03)


def test_kernel_matrix(rng):
    """The cluster of degree 2 at d = 30, n = 1,400, and the bulk above the sum of higher degrees."""
    d, n, draws = 30, 1400, 3
    spectrum = kernel_spectrum(np.exp, d, 8)
    low, high = marchenko_pastur_edges(spectrum, n, 2)
    first = 1 + d
    last = first + int(spectrum.multiplicities[2])
    edges = []
    for _ in range(draws):
        X = sphere(rng, n, d)
        values = np.linalg.eigvalsh(np.exp(X @ X.T / d))[::-1]
        edges.append([values[last - 1], values[first], values[last:].mean()])
    below, above, bulk = np.mean(edges, axis=0)
    assert above == pytest.approx(high, rel=0.04)
    assert below == pytest.approx(low, rel=0.08)
    assert bulk == pytest.approx(self_induced_ridge(spectrum, 2), rel=0.02)
    with pytest.raises(ValueError, match="n = 20 samples do not reach degree 2: lower degrees take 31"):
        marchenko_pastur_edges(spectrum, 20, 2)
    assert smallest_eigenvalue(spectrum, 10**9) < spectrum.trace


def test_kernel_ridge_is_polynomial_ridge_with_the_self_induced_ridge(rng):
    d, n, ridge = 24, 400, 0.1
    spectrum = kernel_spectrum(np.exp, d, 8)
    f = polynomial_target(rng, d, 0.5, 0.5)
    X, test = sphere(rng, n, d), sphere(rng, 2000, d)
    y = f(X) + 0.3 * rng.standard_normal(n)
    full = np.exp(test @ X.T / d) @ np.linalg.solve(np.exp(X @ X.T / d) + ridge * np.eye(n), y)
    gaps = []
    for degree in (2, 3):
        c = spectrum.masses[: degree + 1]

        def kernel(t, c=c):
            rows = [np.ones_like(t), t]
            for k in range(1, len(c) - 1):
                rows.append(((2 * k + d - 2) * t * rows[k] - k * rows[k - 1]) / (k + d - 2))
            return sum(mass * row for mass, row in zip(c, rows, strict=True))

        shifted = kernel(X @ X.T / d) + (ridge + self_induced_ridge(spectrum, degree)) * np.eye(n)
        fit = kernel(test @ X.T / d) @ np.linalg.solve(shifted, y)
        gaps.append(np.mean((full - fit) ** 2) / np.mean((full - f(test)) ** 2))
    # the rest's fluctuation: n c_3²/B_3 beside the ridge squared, 400 · .15²/2576/.3² = 4 %, and .1 % a degree later
    assert gaps[0] < 0.05
    assert gaps[1] < 0.002


def test_phase_diagram():
    spectrum = kernel_spectrum(np.exp, 100, 8)
    target = [0, 1 / 3, 1 / 3, 1 / 3, 0, 0, 0, 0, 0]
    n, N = np.logspace(1, 6, 100), np.logspace(1, 6, 80)
    grid = phase_diagram(spectrum, target, n, N, 1e-3, 0.0)
    assert grid.shape == (100, 80)
    assert np.isfinite(grid).all()
    assert grid[30, 60] == pytest.approx(risk(spectrum, target, n[30], 1e-3, 0.0, N[60]).excess, rel=1e-12)


def test_empirical_risk(rng):
    """Spiked inputs, far from isotropic: the extrapolated prediction against simulation; M alone is too low."""
    d0, d, n, noise, ridge = 4, 24, 150, 0.02, 1e-3

    def draw(m):
        z = sphere(rng, m, d0)
        return np.hstack([3.5 * z, sphere(rng, m, d - d0)]), z[:, 0] * z[:, 1] + 0.7 * z[:, 2]

    scale = d0 * 3.5**2 + d - d0
    rows = []
    for _ in range(25):
        (X, f), (test, g) = draw(n), draw(1500)
        y = f + np.sqrt(noise) * rng.standard_normal(n)
        alpha = np.linalg.solve(np.exp(X @ X.T / scale) + ridge * np.eye(n), y)
        rows.append(np.mean((np.exp(test @ X.T / scale) @ alpha - g) ** 2))
    X, f = draw(1400)
    found = empirical_risk(np.exp(X @ X.T / scale), f, n, ridge, noise)
    agrees(rows, found, 0.05)
    with pytest.raises(ValueError, match="n = 900 must be below half of the 1400 rows"):
        empirical_risk(np.exp(X @ X.T / scale), f, 900, ridge, noise)
