"""What one sample says of its own fit: GCV and κ from data, risks from kernel matrices and when they are refused."""

import re

import mpmath as mp
import numpy as np
import pytest

from simulation import polynomial_target, proves, sphere
from widelearn.theory import Spectrum, empirical_risk, gcv, kernel_spectrum, risk


def test_gcv_is_its_definition(rng):
    """Against S = K (K + Λ)^(-1) written out; at Λ = 0 the limit of small Λ."""
    A, y = rng.standard_normal((30, 50)), rng.standard_normal(30)
    K, ridges = A @ A.T, np.array([0.0, 1e-3, 1.0, 100.0])
    found = gcv(K, y, ridges)
    for i, ridge in enumerate(ridges[1:], start=1):
        S = K @ np.linalg.inv(K + ridge * np.eye(30))
        left = np.mean((y - S @ y) ** 2)
        assert found.train[i] == pytest.approx(left, rel=1e-9)
        assert found.test[i] == pytest.approx(left / (1 - np.trace(S) / 30) ** 2, rel=1e-7)
        assert found.df1[i] == pytest.approx(np.trace(S), rel=1e-12)
        assert found.effective_ridge[i] == pytest.approx(ridge / (30 - np.trace(S)), rel=1e-7)
    assert found.test[0] == pytest.approx(gcv(K, y, 1e-9).test, rel=1e-6)
    assert found.train[0] == 0


@pytest.mark.parametrize("ridge", [0.0, 0.2, 10.0])
def test_gcv_estimates_theory_from_data(rng, ridge):
    """p = 600, n = 200, power law: test error within max(3 SE, 3 %), κ within 1 %; a tenth more is refuted."""
    p, n, noise = 600, 200, 0.25
    k = np.arange(1.0, p + 1)
    s = k**-1.3
    theta = k**-0.3
    theta /= np.sqrt(s @ theta**2)
    expected = risk(s, s * theta**2, n, ridge, noise)
    tests, kappas = [], []
    for _ in range(100):
        X = rng.standard_normal((n, p)) * np.sqrt(s)
        found = gcv(X @ X.T, X @ theta + np.sqrt(noise) * rng.standard_normal(n), ridge)
        tests.append(found.test)
        kappas.append(found.effective_ridge)
    proves(tests, expected.test, 0.03)
    proves(kappas, expected.effective_ridge, 0.01)
    assert found.df1 == pytest.approx(expected.df1, rel=0.05)


def test_gcv_fails_where_features_do_not_concentrate(rng):
    """Rows times a random length: the negative control, more than 10 standard errors off the truth."""
    n, p, ridge = 200, 300, 20.0
    gaps = []
    for _ in range(30):
        X = rng.standard_normal((n, p)) * rng.choice([0.1, 1.41], (n, 1))
        theta = rng.standard_normal(p) / np.sqrt(p)
        y = X @ theta + 0.3 * rng.standard_normal(n)
        w = X.T @ np.linalg.solve(X @ X.T + ridge * np.eye(n), y)
        truth = np.sum((w - theta) ** 2) * (0.1**2 + 1.41**2) / 2 + 0.09
        gaps.append(gcv(X @ X.T, y, ridge).test / truth - 1)
    assert abs(np.mean(gaps)) > 10 * np.std(gaps, ddof=1) / np.sqrt(len(gaps))


def test_gcv_refuses():
    for call, message in (
        (lambda: gcv(np.eye(2), [1.0], 0.1), r"K has shape \(2, 2\) and y \(1,\)"),
        (lambda: gcv(np.eye(2), [1.0, 1.0], -0.1), "ridge must be non-negative"),
        (lambda: gcv(np.ones((2, 2)), [1.0, 1.0], 0.0), "K is singular"),
        (lambda: gcv(np.eye(2), [1.0, 1.0], []), "must not be empty"),
        (lambda: gcv([[1.0, 2.0], [0.0, 1.0]], [1.0, 1.0], 0.1), "K must be symmetric"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def exact_gcv(X, y, ridge):
    """GCV and κ of X X' in 50 digits, by the p features: Λ (K + Λ)^(-1) y is what they leave."""
    with mp.workdps(50):
        Z, lam = mp.matrix(X.tolist()), mp.mpf(ridge)
        inverse = (Z.T * Z + lam * mp.eye(Z.cols)) ** -1
        left = mp.matrix(y.tolist()) - Z * (inverse * (Z.T * mp.matrix(y.tolist())))
        trace = (Z.rows - sum((Z[i, :] * inverse * Z[i, :].T)[0] for i in range(Z.rows))) / lam
        return float(sum(r * r for r in left) / lam**2 * Z.rows / trace**2), float(1 / trace)


@pytest.mark.parametrize("seed", range(40))
def test_small_ridges_of_singular_matrices_are_right_or_refused(seed):
    """Within 1 %; refused below 1.4e-14 of the matrix alone, and with the ridge to take."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(8, 14)), int(rng.integers(1, 6))
    X = rng.standard_normal((n, p)) * 10.0 ** rng.uniform(-3, 3) + rng.choice([0.0, 2.0])
    y = X @ rng.standard_normal(p) + rng.choice([0.0, 0.3]) * rng.standard_normal(n)
    size = float(np.linalg.eigvalsh(X @ X.T)[-1])
    ridge = size * 10.0 ** rng.uniform(-15, -10)
    if ridge < 1.3e-14 * size:
        with pytest.raises(ValueError, match=re.escape(f"and a ridge is {ridge:.3g}: 1/(K + Λ)")) as caught:
            gcv(X @ X.T, y, ridge)
        ridge = 1.01 * float(re.search(r"above (\S+)\.$", str(caught.value))[1])
    test, kappa = exact_gcv(X, y, ridge)
    found = gcv(X @ X.T, y, ridge)
    assert found.test == pytest.approx(test, rel=1e-2, abs=0.0)
    assert found.effective_ridge == pytest.approx(kappa, rel=1e-2, abs=0.0)
    assert 1.1 * found.effective_ridge != pytest.approx(kappa, rel=1e-2, abs=0.0)


def rbf(A, B, gamma):
    return np.exp(-gamma * (np.sum(A**2, axis=1)[:, None] + np.sum(B**2, axis=1) - 2 * A @ B.T))


@pytest.mark.parametrize(("d", "gamma", "n"), [(6, 1 / 6, 150), (6, 1 / 6, 280), (3, 1 / 3, 60), (3, 1 / 3, 150)])
def test_predictions_that_are_wrong_are_refused(rng, d, gamma, n):
    """Normal inputs of few dimensions: 30 % to 70 % low, and not given."""
    X = rng.standard_normal((800, d))
    f, K = np.sin(X[:, 0]) + X[:, 1] * X[:, 2], rbf(X, X, gamma)
    with pytest.raises(ValueError, match="features do not concentrate"):
        empirical_risk(K, f, n, 1e-3, 0.02)
    assert empirical_risk(K, f, n, 1e-3, 0.02, check=False) > 0


def test_predictions_that_are_right_are_given(rng):
    """The sphere at d = 24: the mean over four matrices within max(3 SE, 5 %) of fresh simulations, not a tenth more.

    One matrix of 900 rows strays by some 4 %: alone it could not tell.
    """
    d, noise, ridge = 24, 0.05, 0.1
    f = polynomial_target(rng, d, 0.5, 0.5)
    samples = [sphere(rng, 900, d) for _ in range(4)]
    for n in (60, 150):
        found = [empirical_risk(np.exp(X @ X.T / d), f(X), n, ridge, noise) for X in samples]
        rows = []
        for _ in range(100):
            Z, fresh = sphere(rng, n, d), sphere(rng, 600, d)
            y = f(Z) + np.sqrt(noise) * rng.standard_normal(n)
            fit = np.exp(fresh @ Z.T / d) @ np.linalg.solve(np.exp(Z @ Z.T / d) + ridge * np.eye(n), y)
            rows.append(np.mean((fit - f(fresh)) ** 2))
        proves(rows, np.mean(found), 0.05)
        exact = risk(kernel_spectrum(np.exp, d, 6), [0, 0.5, 0.5, 0, 0, 0, 0], n, ridge, noise).excess
        assert found[0] == pytest.approx(exact, rel=0.06)
        assert np.mean(found) == pytest.approx(exact, rel=0.045)
        assert 1.1 * np.mean(found) != pytest.approx(exact, rel=0.045)


def test_eigenvalues_in_place_of_a_spectrum():
    assert risk(Spectrum([1.0, 0.5]), [1.0, 0.0], 10, 0.1, 0.1) == risk([1.0, 0.5], [1.0, 0.0], 10, 0.1, 0.1)
