"""Linear models in closed form beside the engine, the best ridge, kinds of overfitting, and what simulations say."""

import numpy as np
import pytest
from scipy.optimize import brentq

from simulation import agrees, near
from widelearn.theory import (
    Spectrum,
    benign_overfitting,
    critical_regime,
    effective_ridge,
    isotropic_ridge,
    kernel_spectrum,
    latent_space,
    learnability,
    mei_montanari,
    optimal_ridge,
    power_law,
    risk,
    spiked,
    staircase,
)

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
