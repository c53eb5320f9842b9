"""Log marginal likelihoods keep their digits where alpha is small, or say how many they lose: against 60 digits."""

import warnings

import mpmath as mp
import numpy as np
import pytest

from widelearn import FeatureRidge, FeatureRidgeCV, KernelRidge, KernelRidgeCV
from widelearn.kernels import RBF


def exact(K, y, weight, alpha):
    """log N(y; 0, K + alpha W⁻¹), rows as often as they weigh, in 60 digits."""
    with mp.workdps(60):
        rows = [i for i, w in enumerate(weight) for _ in range(int(w))]
        n = len(rows)
        M = mp.matrix(n, n)
        for i, a in enumerate(rows):
            for j, b in enumerate(rows):
                M[i, j] = K[a, b] + (mp.mpf(alpha) if i == j else 0)
        L = mp.cholesky(M)
        half, logs = mp.matrix(n, 1), mp.mpf(0)
        for i, a in enumerate(rows):
            half[i] = (y[a] - sum((L[i, k] * half[k] for k in range(i)), mp.mpf(0))) / L[i, i]
            logs += 2 * mp.log(L[i, i])
        return float(-(sum(h * h for h in half) + logs + n * mp.log(2 * mp.pi)) / 2)


def products(X):
    with mp.workdps(60):
        Z = mp.matrix(X.tolist())
        return Z * Z.T


def gaussians(X, gamma):
    with mp.workdps(60):
        Z = [[mp.mpf(value) for value in row] for row in X.tolist()]
        K = mp.matrix(len(X), len(X))
        for i, a in enumerate(Z):
            for j, b in enumerate(Z):
                K[i, j] = mp.exp(-mp.mpf(gamma) * sum((s - t) ** 2 for s, t in zip(a, b, strict=True)))
        return K


def problem(seed, wide):
    """Rows, targets with noise or without it, and weights that count copies."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(8, 16))
    d = int(rng.integers(n, 2 * n)) if wide else int(rng.integers(1, 5))
    X = rng.standard_normal((n, d)) * 10.0 ** rng.uniform(-2, 2) + rng.choice([0.0, 3.0])
    y = X @ rng.standard_normal(d) + rng.choice([0.0, 1e-6, 0.3]) * rng.standard_normal(n)
    weight = np.ones(n) if seed % 2 else rng.integers(1, 3, n).astype(float)
    return X, y, weight, 10.0 ** rng.uniform(-14, 1)


def caught_likelihood(model):
    with warnings.catch_warnings(record=True, action="always") as caught:
        found = model.log_marginal_likelihood()
    assert all("Rounding errors may move the log marginal likelihood" in str(one.message) for one in caught)
    return found, bool(caught)


def right(found, wanted, n):
    return abs(found - wanted) <= 3e-6 * max(abs(wanted), n)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_linear_functions_keep_their_digits(seed, wide):
    """Without a word: rows say what moments, and inner products of few columns, have lost."""
    X, y, weight, alpha = problem(seed, wide)
    sure = [
        FeatureRidge("passthrough", alpha, fit_intercept=False),
        KernelRidge("linear", alpha, fit_intercept=False),
        FeatureRidgeCV("passthrough", [alpha], fit_intercept=False, cv="gcv"),
        KernelRidgeCV("linear", [alpha], fit_intercept=False),
    ]
    wanted = exact(products(X), y, weight, alpha)
    for model in sure:
        with warnings.catch_warnings():
            # The fit itself may say that alpha is too small for it.
            warnings.simplefilter("ignore")
            model.fit(X, y, weight)
        found, told = caught_likelihood(model)
        assert told or right(found, wanted, weight.sum()), model
        assert wide or not told, model
        assert not right(1.1 * found, wanted, weight.sum())


@pytest.mark.parametrize("seed", range(16))
def test_what_sums_and_kernels_lose_is_told_of(seed):
    X, y, weight, alpha = problem(seed, wide=False)
    cases = [(FeatureRidge("passthrough", alpha, fit_intercept=False).partial_fit(X, y, weight), products(X))]
    gamma = 0.3 / X.var()
    cases.append((KernelRidge(RBF(gamma), alpha, fit_intercept=False), gaussians(X, gamma)))
    for model, K in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(model, KernelRidge):
                model.fit(X, y, weight)
        found, told = caught_likelihood(model)
        wanted = exact(K, y, weight, alpha)
        assert told or right(found, wanted, weight.sum()), (model, alpha, found, wanted)
        assert not told or alpha < 1e-6
