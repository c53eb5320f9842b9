"""Closed forms beside the engine, the proportional and polynomial regimes, and what simulations say."""

import numpy as np
import pytest
from scipy.optimize import brentq

from widelearn.theory import (
    Spectrum,
    benign_overfitting,
    convert_ridge,
    critical_regime,
    critical_samples,
    effective_ridge,
    empirical_risk,
    isotropic_ridge,
    kernel_spectrum,
    latent_space,
    learnability,
    marchenko_pastur_edges,
    mei_montanari,
    optimal_ridge,
    phase_diagram,
    power_law,
    risk,
    self_induced_ridge,
    smallest_eigenvalue,
    spiked,
    staircase,
    wide_optimal_ridge,
)

RELU = {"mu1": 0.5, "mu_star2": 0.25 - 1 / (2 * np.pi)}


def near(value, text):
    """A golden value is right to 1e-8 or to one unit of its last digit."""
    assert value == pytest.approx(float(text), rel=1e-8, abs=10.0 ** -len(text.partition(".")[2])), text


# Linear models.


def test_isotropic_golden():
    near(isotropic_ridge(200, 300, 0.0, 1.0, 0.3).excess, ".9333333333")
    found = isotropic_ridge(200, 300, 20.0, 1.0, 0.3)
    for name, text in (("effective_ridge", ".7358898944"), ("excess", ".6552071259"), ("train", ".01763891534")):
        near(getattr(found, name), text)


def test_isotropic_is_the_engine(rng):
    for _ in range(200):
        n, p, ridge = (*np.exp(rng.uniform(0, 8, 2)), float(rng.choice([0.0, np.exp(rng.uniform(-12, 8))])))
        signal, noise = rng.uniform(0, 2, 2)
        closed, general = (
            isotropic_ridge(n, p, ridge, signal, noise),
            risk(Spectrum([1.0], [p]), [signal], n, ridge, noise),
        )
        # p = n apart, sums of D near n lose what 1/|1 - p/n| says
        slack = 1e-12 + 1e-14 / abs(1 - p / n) ** 2
        for name in vars(closed):
            assert getattr(closed, name) == pytest.approx(getattr(general, name), rel=slack, abs=1e-300)


def test_isotropic_limits():
    assert isotropic_ridge(100, 100, 0.0, 1.0, 0.1).excess == np.inf
    assert isotropic_ridge(100, 100, 0.0, 1.0, 0.0).excess == 0
    low, best, high = (isotropic_ridge(100, 170, 170 * 0.3 * x, 1.0, 0.3).excess for x in (0.99, 1.0, 1.01))
    assert best < min(low, high)


def latent_closed_form(n, p, d, mu, signal, noise):
    """Hastie et al.'s ridgeless form."""
    gamma, psi = p / n, d / p
    a = 1 + mu / psi

    def equation(c):
        return (1 - psi) / (1 + c * gamma) + psi / (1 + c * a * gamma) - (1 - 1 / gamma)

    c = brentq(equation, 0, 1e9, xtol=1e-300, rtol=1e-15)
    one, two = (1 - psi) / (1 + c * gamma) ** 2, psi / (1 + c * a * gamma) ** 2
    E1, E2 = one + two * a**2, one + two * a
    sigma2 = noise + signal / a
    bias = (1 + gamma * c * E1 / E2) * signal * (mu / psi) / (a * (1 + c * a * gamma) ** 2)
    return bias, sigma2 * gamma * c * E1 / E2


@pytest.mark.parametrize(("n", "p", "d", "mu"), [(200, 400, 100, 1.0), (100, 2000, 20, 0.3), (50, 60, 60, 5.0)])
def test_latent_space_closed_form(n, p, d, mu):
    found = latent_space(n, p, d, mu, 0.0, 1.3, 0.1)
    bias, variance = latent_closed_form(n, p, d, mu, 1.3, 0.1)
    assert found.bias == pytest.approx(bias, rel=1e-10)
    assert found.variance == pytest.approx(variance, rel=1e-10)


def test_latent_space_simulation(rng):
    n, p, d, mu, noise = 200, 400, 100, 1.0, 0.1
    W = np.linalg.qr(rng.standard_normal((p, d)))[0] * np.sqrt(p * mu / d)
    theta = rng.standard_normal(d)
    theta /= np.linalg.norm(theta)
    beta = W @ theta / (1 + p * mu / d)
    rows = []
    for _ in range(40):
        z = rng.standard_normal((n, d))
        x = z @ W.T + rng.standard_normal((n, p))
        y = z @ theta + np.sqrt(noise) * rng.standard_normal(n)
        miss = x.T @ np.linalg.solve(x @ x.T, y) - beta
        rows.append(miss @ miss + np.sum((W.T @ miss) ** 2))
    agrees(rows, latent_space(n, p, d, mu, 0.0, 1.0, noise).excess, 0.03)


def agrees(rows, theory, share):
    """The mean over draws is within max(3 standard errors, a share of the prediction)."""
    mean, error = np.mean(rows), np.std(rows, ddof=1) / np.sqrt(len(rows))
    assert abs(mean - theory) <= max(3 * error, share * theory), (mean, theory, error)


def test_spiked_and_negative_ridge():
    """One strong spike that holds the target: the other directions regularise too much."""
    spikes, target = [199.0], [1.0]
    arguments = {"n": 100.0, "p": 1000.0, "spikes": spikes, "target": target, "noise": 0.01}
    spectrum = Spectrum([200.0, 1.0], [1, 999])
    best = optimal_ridge(spectrum, [1.0, 0.0], 100, 0.01, negative=True)
    assert best < 0
    assert spiked(ridge=best, **arguments).excess < spiked(ridge=0.0, **arguments).excess
    assert optimal_ridge(spectrum, [1.0, 0.0], 100, 0.01) == 0.0
    assert spiked(ridge=1.0, **arguments, rest=0.3) == risk(spectrum, [1.0, 0.3], 100, 1.0, 0.01)
    with pytest.raises(ValueError, match="3 spikes for p = 2"):
        spiked(10, 2, [1, 2, 3], [1, 2, 3], 0.0, 0.1)
    with pytest.raises(ValueError, match="target has 1 entries for 2 spikes"):
        spiked(10, 20, [1, 2], [1], 0.0, 0.1)


@pytest.mark.parametrize(("exponent", "ridge"), [(1.5, 0.0), (2.0, 0.0), (2.0, 0.3), (3.0, 1e-3)])
def test_power_law(exponent, ridge):
    """Against sums of 10^5 terms and the mass of the rest; the sums' own discreteness is of relative size 1/n."""
    k = np.arange(1.0, 1e5 + 1)
    spectrum = Spectrum(k**-exponent, tail=(1e5 + 0.5) ** (1 - exponent) / (exponent - 1))
    n = 400
    found = power_law(n, exponent, 1.0, ridge, signal=0.7, signal_exponent=1.8)
    general = risk(spectrum, 0.7 * k**-1.8, n, ridge, 1.0)
    for name in ("effective_ridge", "df1", "df2", "bias", "variance", "test"):
        assert getattr(found, name) == pytest.approx(getattr(general, name), rel=8 / n)
    if ridge == 0:
        assert found.variance == pytest.approx(exponent - 1, rel=1e-12)


def test_optimal_ridge():
    assert optimal_ridge(Spectrum([1.0], [170]), [2.0], 100, 0.3) == pytest.approx(170 * 0.3 / 2, rel=1e-6)
    assert optimal_ridge(Spectrum([1.0], [1e18]), [1.0], 1e17, 0.1) == pytest.approx(1e17, rel=1e-6)
    k = np.arange(1.0, 301.0)
    found = optimal_ridge(k**-1.5, k**-1.5, 80, 0.2, 200)
    around = risk(k**-1.5, k**-1.5, 80, found * np.array([0.98, 1.0, 1.02]), 0.2, 200).excess
    assert around[1] <= min(around[0], around[2])
    assert optimal_ridge([1.0], [0.0], 10, 0.1) == np.inf


def test_learnability_is_conserved():
    k = np.arange(1.0, 501.0)
    shares = learnability(k**-1.2, [50, 100], 0.0)
    np.testing.assert_allclose(shares.sum(axis=1), [50, 100], rtol=1e-12)


# Effective ranks.


@pytest.mark.parametrize(
    "spectrum",
    [
        Spectrum(np.arange(1, 20_001.0) ** -1.5),
        Spectrum([1.0, 1e-3], [10, 20_000]),
        Spectrum(1 / (np.arange(1, 200_001.0) * np.log(np.arange(1, 200_001.0) + 1) ** 2)),
        Spectrum([2.0, 1.0, 0.1], [50, 300, 5000], tail=1.0),
    ],
    ids=["power", "flat", "logarithmic", "blocks"],
)
@pytest.mark.parametrize("ridge", [0.0, 3.0])
def test_effective_ranks(spectrum, ridge):
    """Bounds against the definition, one eigenvalue at a time."""
    n = 200
    found = benign_overfitting(spectrum, n, ridge)
    sigma = np.repeat(spectrum.eigenvalues, spectrum.multiplicities.astype(int))
    s = np.append(np.cumsum(sigma[::-1])[::-1], 0.0) + spectrum.tail
    k = np.arange(n)
    assert found.upper == pytest.approx(np.min((s[:n] + ridge) / (n - k)), rel=1e-12)
    assert found.lower == pytest.approx(max(np.max((s[:-1] + ridge) / n - sigma), (s[-1] + ridge) / n, 0), rel=1e-12)
    assert found.lower * (1 - 1e-12) <= found.effective_ridge <= found.upper * (1 + 1e-12)
    ranks = s[:-1] / sigma
    if np.isfinite(found.split) and found.split < len(sigma):
        assert found.split == np.flatnonzero(ranks >= n)[0]
        j = int(found.split)
        assert found.r == pytest.approx(ranks[j], rel=1e-12)
        assert pytest.approx(s[j] ** 2 / np.sum(sigma[j:] ** 2), rel=1e-10) == found.R


def test_kinds_of_overfitting():
    assert benign_overfitting(Spectrum([1.0, 1e-4], [5, 1e5]), 200).kind == "benign"
    assert benign_overfitting(np.arange(1, 1e5) ** -2.0, 200).kind == "tempered"
    assert benign_overfitting(np.exp(-np.arange(0, 700.0)), 200).kind == "catastrophic"
    assert benign_overfitting(Spectrum([1.0], [202]), 200).kind == "catastrophic"


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


def sphere(rng, n, d):
    X = rng.standard_normal((n, d))
    return X * np.sqrt(d) / np.linalg.norm(X, axis=1, keepdims=True)


def polynomial_target(rng, d, linear, quadratic):
    """A function with these squared masses in degree 1 and 2."""
    b = rng.standard_normal(d)
    b /= np.linalg.norm(b)
    A = rng.standard_normal((d, d))
    A = (A + A.T) / 2
    A -= np.trace(A) / d * np.eye(d)
    # E ⟨x, A x⟩² = 2d/(d + 2) ‖A‖² on the sphere, A traceless
    A *= np.sqrt(quadratic * (d + 2) / (2 * d)) / np.linalg.norm(A)
    return lambda X: np.sqrt(linear) * X @ b + np.einsum("ij,ij->i", X @ A, X)


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


def test_refusals():
    for call, message in (
        (lambda: isotropic_ridge(10, 20, -1.0, 1.0, 0.1), "ridge must be non-negative"),
        (lambda: latent_space(10, 20, 30, 1.0, 0.0, 1.0, 0.1), "d = 30 hidden variables must not exceed p = 20"),
        (lambda: power_law(10, 1.0, 0.1), "exponent must be above 1"),
        (lambda: power_law(10, 1.5, 0.1, signal=1.0, signal_exponent=9), "signal_exponent must lie between 1 and"),
        (lambda: mei_montanari(0.0, 1.0, 0.1, 0.5, 0.1, 1.0, 0.1, 0.1), "psi1 must be positive"),
        (lambda: mei_montanari(1.0, 1.0, -0.1, 0.5, 0.1, 1.0, 0.1, 0.1), "ridge must be non-negative"),
        (lambda: staircase([1.0], 10, 1), "d must be above 1"),
        (lambda: critical_regime(kernel_spectrum(np.exp, 9, 2), [0, 0, 0], 10, 0, 0, 5), "Degree 5 has no mass"),
        (lambda: effective_ridge([1.0], 0, 0.1), "n must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
