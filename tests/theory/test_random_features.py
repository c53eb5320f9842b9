"""Random features in the proportional regime: published formulas, simulations, conventions."""

import numpy as np
import pytest
from scipy.optimize import brentq

from simulation import agrees, near, polynomial_target, sphere
from widelearn.theory import (
    Spectrum,
    convert_ridge,
    mei_montanari,
    risk,
    wide_optimal_ridge,
)

RELU = {"mu1": 0.5, "mu_star2": 0.25 - 1 / (2 * np.pi)}


# Mei and Montanari.


def published(psi1, psi2, ridge, mu1, mu_star2, F1, F_star2, noise):
    """The polynomials E0, E1, E2 at χ, with χ from its own scalar equation."""
    z, lam = mu1**2 / mu_star2, ridge / mu_star2

    def g(c):
        return c + z * c / (1 + z * c)

    q = min(psi1, psi2)
    A = q * z - z - 1
    top = (A + np.sqrt(A * A + 4 * z * q)) / (2 * z)

    def equation(c):
        return lam * c - (1 - g(c) / psi1) * (1 - g(c) / psi2)

    c = top if lam == 0 else brentq(equation, 0.0, top * (1 + 1e-15), xtol=1e-300, rtol=1e-15)
    x, p, s = -c, psi1, psi2
    E0 = -(x**5) * z**3 + 3 * x**4 * z**2 + (p * s - s - p + 1) * x**3 * z**3 - 2 * x**3 * z**2 - 3 * x**3 * z
    E0 += (p + s - 3 * p * s + 1) * x**2 * z**2 + 2 * x**2 * z + x**2 + 3 * p * s * x * z - p * s
    E1 = s * x**3 * z**2 - s * x**2 * z + p * s * x * z - p * s
    E2 = x**5 * z**3 - 3 * x**4 * z**2 + (p - 1) * x**3 * z**3 + 2 * x**3 * z**2 + 3 * x**3 * z
    E2 += (-p - 1) * x**2 * z**2 - 2 * x**2 * z - x**2
    return F1**2 * E1 / E0 + (noise + F_star2) * E2 / E0 + F_star2, x, E1 / E0, E2 / E0


@pytest.mark.parametrize(
    ("psi1", "psi2", "ridge", "golden", "chi"),
    [
        (3.0, 1.5, 1e-3, "1.42685692", "-.7895456496"),
        (0.7, 2.0, 0.01, "1.379903987", None),
        (2.0, 2.0, 0.05, ".9394333958", "-.4505331198"),
        (5.0, 3.0, 0.0, "1.456218183", "-2.144873776"),
    ],
)
def test_mei_montanari_golden(psi1, psi2, ridge, golden, chi):
    found = mei_montanari(psi1, psi2, ridge, **RELU, F1=1.0, F_star2=0.3, noise=0.2)
    near(found.excess, golden)
    if chi:
        near(-RELU["mu_star2"] / found.effective_ridge, chi)
    if ridge == 1e-3:
        near(mei_montanari(psi1, psi2, ridge, **RELU, F1=1.0, F_star2=0.0, noise=0.0).excess, ".4395035488")
        near(mei_montanari(psi1, psi2, ridge, **RELU, F1=0.0, F_star2=0.0, noise=1.0).excess, "1.374706742")


def test_mei_montanari_limits_golden():
    ridge = 0.3 * RELU["mu_star2"]
    wide = mei_montanari(np.inf, 2.0, ridge, **RELU, F1=1.0, F_star2=0.0, noise=1.0)
    near(wide.bias, ".12456007118")
    near(wide.variance, ".31509518621")
    many = mei_montanari(2.0, np.inf, ridge, **RELU, F1=1.0, F_star2=0.0, noise=1.0)
    near(many.bias, ".23905943167")
    assert many.variance == 0


def test_mei_montanari_is_the_published_formula_and_the_engine(rng):
    worst = 0.0
    for _ in range(300):
        psi1, psi2 = np.exp(rng.uniform(-1.5, 2, 2))
        mu1, star = np.exp(rng.uniform(-1, 1, 2))
        ridge, d = np.exp(rng.uniform(-6, 2)), np.exp(rng.uniform(2, 9))
        F1, F_star2, noise = rng.uniform(0, 1, 3)
        found = mei_montanari(psi1, psi2, ridge, mu1, star, F1, F_star2, noise)
        value = published(psi1, psi2, ridge, mu1, star, F1, F_star2, noise)[0]
        assert found.excess == pytest.approx(value, rel=1e-10)
        spectrum = Spectrum([mu1**2 / d], [d], tail=star)
        alpha = convert_ridge(ridge, "mei_montanari", "alpha", n=psi2 * d, d=d)
        general = risk(spectrum, [F1**2], psi2 * d, alpha, noise, psi1 * d, F_star2)
        for name in ("excess", "train", "bias", "variance"):
            assert getattr(found, name) == pytest.approx(getattr(general, name), rel=1e-10)
        # a of the paper's objective, features not divided by √N
        assert found.norm == pytest.approx(general.norm / np.sqrt(psi1 * d), rel=1e-9)
        worst = max(worst, abs(found.excess / value - 1))
    assert worst < 1e-10


@pytest.mark.parametrize("psi2", [0.5, 3.0])
@pytest.mark.parametrize("share", [0.5, 2.0])
def test_best_ridge_of_wide_networks(psi2, share):
    """ρ below and above ζ²: the formula against a grid."""
    F1 = np.sqrt(share * RELU["mu1"] ** 2 / RELU["mu_star2"] * 0.5)
    formula = wide_optimal_ridge(psi2, **RELU, F1=F1, F_star2=0.3, noise=0.2)
    grid = np.linspace(0, 0.3, 3001)
    values = mei_montanari(np.inf, psi2, grid, **RELU, F1=F1, F_star2=0.3, noise=0.2).excess
    assert grid[np.argmin(values)] == pytest.approx(formula, abs=1.1e-4)
    assert (formula == 0) == (share > 1)


@pytest.mark.parametrize(("psi1", "psi2", "ridge"), [(3.0, 1.5, 1e-3), (2.0, 2.0, 0.05)])
def test_random_features_on_the_sphere(rng, psi1, psi2, ridge):
    d, noise = 60, 0.2
    N, n = int(psi1 * d), int(psi2 * d)
    rows = []
    for _ in range(40):
        W, X, test = sphere(rng, N, d), sphere(rng, n, d), sphere(rng, 1000, d)
        f = polynomial_target(rng, d, 1.0, 0.3)
        y = f(X) + np.sqrt(noise) * rng.standard_normal(n)
        Z, Z_test = (np.maximum(A @ W.T / np.sqrt(d), 0) - 1 / np.sqrt(2 * np.pi) for A in (X, test))
        penalty = n * N * ridge / d
        a = Z.T @ np.linalg.solve(Z @ Z.T + penalty * np.eye(n), y)
        rows.append(np.mean((Z_test @ a - f(test)) ** 2))
    found = mei_montanari(psi1, psi2, ridge, **RELU, F1=1.0, F_star2=0.3, noise=noise)
    # d = 60: c_k(d) differ from μ_k² by 2/d
    agrees(rows, found.excess, 0.04)


# Conventions.


def test_conventions_are_fits_of_the_same_model(rng):
    n, d, N, alpha = 30, 5, 12, 0.7
    X, W, y = rng.standard_normal((n, d)), rng.standard_normal((d, N)), rng.standard_normal(n)
    Z = np.maximum(X @ W, 0)

    def fit(features, weight, penalty):
        """Minimise weight ‖y - f‖² + penalty ‖a‖² and return f."""
        return features @ np.linalg.solve(weight * features.T @ features + penalty * np.eye(N), weight * features.T @ y)

    reference = fit(Z / np.sqrt(N), 1.0, alpha)
    sizes = {"n": n, "d": d, "n_features": N}
    mean, paper, plain = (convert_ridge(alpha, "alpha", k, **sizes) for k in ("mean", "mei_montanari", "unscaled"))
    np.testing.assert_allclose(fit(Z / np.sqrt(N), 1 / n, mean), reference, rtol=1e-10)
    np.testing.assert_allclose(fit(Z, 1 / n, N * paper / d), reference, rtol=1e-10)
    np.testing.assert_allclose(fit(Z, 1.0, plain), reference, rtol=1e-10)
    F = ((X @ W > 0)[:, :, None] * X[:, None, :]).reshape(n, -1)
    K = F @ F.T / (N * d)
    tangent = convert_ridge(alpha, "alpha", "unscaled_tangent", **sizes)
    primal = F @ np.linalg.solve(F.T @ F + tangent * np.eye(N * d), F.T @ y)
    np.testing.assert_allclose(primal, K @ np.linalg.solve(K + alpha * np.eye(n), y), rtol=1e-8)


def test_conventions_go_back_and_are_checked():
    for source in ("mean", "mei_montanari", "unscaled", "unscaled_tangent"):
        there = convert_ridge(0.3, source, "alpha", n=7, d=3, n_features=5)
        assert convert_ridge(there, "alpha", source, n=7, d=3, n_features=5) == pytest.approx(0.3, rel=1e-14)
    with pytest.raises(ValueError, match="'mei_montanari' needs d"):
        convert_ridge(0.3, "alpha", "mei_montanari", n=7)
    with pytest.raises(ValueError, match="Unknown convention 'mm'"):
        convert_ridge(0.3, "mm", "alpha", n=7)


@pytest.mark.parametrize("n", [100, 210, 212, 400, 1e6])
def test_as_many_features_as_the_spectrum_has_are_all_of_it_without_a_ridge(n):
    spectrum, target = Spectrum([1.0, 0.5, 0.1], [1, 20, 190]), [0.0, 0.6, 0.1]
    found = risk(spectrum, target, n, 0.0, noise=0.3, n_features=211)
    # A few more features change little, and from the rank on nothing.
    beside = risk(spectrum, target, n, 0.0, noise=0.3, n_features=211 + 1e-7)
    assert found.excess == pytest.approx(beside.excess, rel=1e-6)
    assert found.variance > 0
    if n > 211:
        assert found.variance == pytest.approx(0.3 * 211 / (n - 211))
