"""How often signs of kernel fits are right: ten parities and five mixtures simulated, limits by other formulas."""

import numpy as np
import pytest
from scipy.special import ndtr

from widelearn.datasets import parity, xor_mixture
from widelearn.kernels import NTK, RBF, ArcCosine, Laplace, Polynomial
from widelearn.theory import Spectrum, kernel_spectrum, parity_accuracy, xor_accuracy

TEST = 2000
# A kernel, numbers of columns, bits and rows, the ridge in units of the trace, label noise.
PARITIES = [
    (NTK(), 60, 2, 500, 1e-3, 0.0),
    (NTK(bias_variance=1.0), 24, 3, 500, 1e-3, 0.0),
    (RBF(1 / 40), 40, 2, 300, 0.1, 0.0),
    (RBF(1 / 24), 24, 3, 500, 0.1, 0.0),
    (Polynomial(2, coef0=0), 40, 2, 300, 1.0, 0.1),
    (Polynomial(3, coef0=0), 20, 3, 500, 0.1, 0.0),
    (Polynomial(4, coef0=0), 16, 4, 500, 0.1, 0.0),
    (Laplace(1 / 50), 50, 2, 400, 0.1, 0.0),
    (ArcCosine(1), 36, 2, 250, 0.1, 0.1),
    (RBF(1 / 24) + 2 * Polynomial(2, coef0=1.0), 24, 2, 150, 0.1, 0.0),
]
MIXTURES = [(150, 3.0, 225, 0.1), (150, 4.0, 300, 1.0), (200, 2.5, 600, 0.1), (100, 3.0, 100, 1.0), (100, 8.0, 40, 1.0)]


def right(K, cross, y, ridge, truth):
    """Share of right signs of the fit to labels y."""
    fit = cross @ np.linalg.solve(K + ridge * np.eye(len(y)), y)
    return np.mean(np.sign(fit) == truth)


def agrees(found, theory):
    """The mean over draws is the prediction within max(3 SE, .01); whether a tenth more errors are not."""
    mean, error = np.mean(found), np.std(found, ddof=1) / np.sqrt(len(found))
    allowed = max(3 * error, 0.01)
    assert abs(mean - theory) <= allowed, (mean, theory, error)
    return abs(mean - (1 - 1.1 * (1 - theory))) > allowed


def noisy(y, rate, seed):
    """Labels of which some are flipped."""
    return y * np.where(np.random.default_rng(seed).uniform(size=len(y)) < rate, -1.0, 1.0)


def test_parities_at_ten_points():
    told = []
    for kernel, d, k, n, ridge, noise in PARITIES:
        own = isinstance(kernel, Polynomial)
        spectrum = kernel_spectrum(kernel, d, k if own else 8, "hypercube")
        theory = parity_accuracy(spectrum, k, n, ridge * spectrum.trace, label_noise=noise)
        found = []
        for seed in range(10):
            data = parity(n + TEST, d, k, random_state=seed)
            X, y = data.X[:n], noisy(data.y[:n], noise, seed)
            K, cross = kernel(X), kernel(data.X[n:], X)
            found.append(right(K, cross, y, ridge * spectrum.trace, data.y[n:]))
        told.append(agrees(found, theory))
    # Where accuracies are far from 1/2 an error rate that is a tenth larger is told apart.
    assert sum(told) >= 8


def test_mixtures_at_five_points():
    told = []
    for d, radius, n, ridge in MIXTURES:
        scale = ((d + radius**2) / d) ** 2
        theory = xor_accuracy(n, d, radius, ridge * scale)
        found = []
        for seed in range(12):
            data = xor_mixture(n + TEST, d, radius, random_state=seed)
            X, y = data.X[:n], data.y[:n].astype(float)
            K, cross = (X @ X.T / d) ** 2, (data.X[n:] @ X.T / d) ** 2
            found.append(right(K, cross, y, ridge * scale, data.y[n:]))
        told.append(agrees(found, theory))
    assert sum(told) >= 2


def test_few_random_features_know_less():
    """Random features of the degree itself, products of pairs of Gaussian projections."""
    d, k, n, p = 24, 2, 200, 150
    spectrum = kernel_spectrum(Polynomial(2, coef0=0), d, 2, "hypercube")
    theory = parity_accuracy(spectrum, k, n, 0.05, n_features=p)
    assert theory < parity_accuracy(spectrum, k, n, 0.05) - 0.05
    found = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        data = parity(n + TEST, d, k, random_state=seed)
        V = rng.standard_normal((2, d, p)) / np.sqrt(d)
        Z = (data.X @ V[0]) * (data.X @ V[1]) / np.sqrt(p)
        found.append(right(Z[:n] @ Z[:n].T, Z[n:] @ Z[:n].T, data.y[:n].astype(float), 0.05, data.y[n:]))
    assert agrees(found, theory)


def test_many_rows_and_none():
    spectrum = Spectrum([1.0, 0.5], [1, 20])
    # All of 21 features known from rows without noise.
    assert parity_accuracy(spectrum, 1, 1e6, 0.0) == 1.0
    assert parity_accuracy(Spectrum([1.0, 0.0], [1, 20], tail=1.0), 1, 100) == 0.5
    assert parity_accuracy(spectrum, 1, 10, label_noise=0.5) == 0.5
    # As many rows as features, or features as the spectrum has.
    for n in (20.999, 21, 21.001):
        assert parity_accuracy(spectrum, 1, n, 0.0) == pytest.approx(1.0)
    wide = Spectrum([1.0, 0.5, 0.1], [1, 20, 190])
    for n in (211, 212, 1e3, 1e9):
        assert parity_accuracy(wide, 1, n, 0.0, n_features=211) == pytest.approx(1.0)
    # One isotropic block in the limit of a large ridge: L = n s/Λ, and each other feature as much noise by 1/n.
    p, n = 4000.0, 300.0
    found = parity_accuracy(Spectrum([0.1], [p]), 0, n, 1e9)
    assert found == pytest.approx(float(ndtr(np.sqrt(n / p))), abs=1e-4)
    # A large ridge on the mixture, with V's other terms at their limits.
    assert xor_accuracy(2, 4000, 1e-3) == pytest.approx(0.5, abs=1e-6)
    assert xor_accuracy(2e5, 4000, 60.0) == pytest.approx(1.0, abs=1e-9)


def test_the_best_ridge_is_no_worse_than_any():
    spectrum = kernel_spectrum(RBF(1 / 30), 30, 8, "hypercube")
    best = parity_accuracy(spectrum, 2, 200, label_noise=0.2)
    tried = [parity_accuracy(spectrum, 2, 200, ridge, label_noise=0.2) for ridge in 10.0 ** np.arange(-8, 8)]
    assert max(tried) <= best <= max(tried) + 0.01
    best = xor_accuracy(400, 200, 3.0)
    tried = [xor_accuracy(400, 200, 3.0, ridge) for ridge in 10.0 ** np.arange(-8, 8)]
    assert max(tried) <= best <= max(tried) + 0.01


def test_wrong_numbers_are_refused():
    with pytest.raises(ValueError, match="2 blocks, none of degree k = 2"):
        parity_accuracy([1.0, 0.5], 2, 10)
    with pytest.raises(ValueError, match=r"from 0 to 1/2, got 0\.6"):
        parity_accuracy([1.0, 0.5], 1, 10, label_noise=0.6)
    with pytest.raises(ValueError, match="n must be at most d²/8 = 200, got 201"):
        xor_accuracy(201, 40, 3.0)
    with pytest.raises(ValueError, match="radius must be at most √d = 10, got 11"):
        xor_accuracy(20, 100, 11.0)
