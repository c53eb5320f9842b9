"""State functions of a sample, against naive refits, exact spectra and the theory's equation."""

import numpy as np
import pytest
from scipy.optimize import nnls

from widelearn.forecast import samples
from widelearn.forecast.bands import above
from widelearn.forecast.curves import KernelCurve
from widelearn.forecast.feature_counts import feature_error
from widelearn.forecast.samples import GRID, Sample, blocks, with_intercept
from widelearn.forecast.states import States, nonnegative
from widelearn.kernels import RBF
from widelearn.theory import Spectrum, effective_ridge, risk


def test_a_sample_is_what_refits_without_each_row_say(rng):
    X, Y = rng.standard_normal((60, 3)), rng.standard_normal((60, 2))
    K, alphas = RBF()(X), np.array([0.01, 0.3])
    found = Sample.of(K, Y, alphas, np.arange(60), keep=True)
    for j, alpha in enumerate(alphas):
        R = np.linalg.inv(K + alpha * np.eye(60))
        for i in (0, 17):
            rest = np.delete(np.arange(60), i)
            w = np.linalg.solve(K[np.ix_(rest, rest)] + alpha * np.eye(59), Y[rest])
            # The values are kept in float32.
            np.testing.assert_allclose(found.left_out[j, i], K[i, rest] @ w, rtol=0, atol=1e-6)
        q = (R @ Y) / np.diag(R)[:, None]
        assert found.error[j] == pytest.approx(np.mean(q**2), rel=1e-10)
        assert found.kappa[j] == pytest.approx(1 / np.trace(R), rel=1e-10)
        assert found.inflation[j] == pytest.approx(np.mean(np.diag(R @ R) / np.diag(R) ** 2), rel=1e-10)


def test_the_error_of_pure_noise_varies_as_groups_and_the_shared_part_say(rng, monkeypatch):
    """The relative variance of E of normal targets is that of its rows alone and what they share."""
    X, n = rng.standard_normal((120, 2)), 120
    K, alphas = RBF()(X), np.array([0.01, 0.1, 1.0])
    draws = rng.standard_normal((n, 4000))
    monkeypatch.setattr(samples, "PROBES", 2000)
    shared = Sample.of(K, draws[:, :1], alphas, np.arange(n)).shared
    for j, alpha in enumerate(alphas):
        R = np.linalg.inv(K + alpha * np.eye(n))
        A = R @ R / np.outer(np.diag(R), np.diag(R))
        errors = np.einsum("ik,ij,jk->k", draws, A, draws)
        rows = 2.0 * np.sum(np.diag(A) ** 2) / np.trace(A) ** 2
        # 4,000 draws know the variance to 2 or 3 %, and so many signs the trace.
        assert errors.var() / errors.mean() ** 2 == pytest.approx(rows + shared[j], rel=0.08)
        assert shared[j] > 0.1 * rows


def test_theory_is_held_to_the_left_out_error_near_the_sample(rng):
    X, y = rng.standard_normal((300, 3)), rng.standard_normal((300, 1))
    y += np.sin(2 * X[:, :1])
    curve = KernelCurve(blocks(RBF()(X), y, GRID, np.random.default_rng(0)), GRID)
    left_out = float(np.exp(curve._at(0.3)[0, -1]))
    assert curve.point(300.001, 0.3).by_state == pytest.approx(left_out, rel=1e-4)
    free = curve.states.error(600, curve.states.matched(600, 0.3))
    assert curve.point(600, 0.3).by_state == pytest.approx(free, rel=1e-12)


def test_the_added_constant_is_a_free_intercept(rng):
    X, y = rng.standard_normal((80, 2)), 5.0 + rng.standard_normal(80)
    K, alpha = RBF()(X), 0.1
    found = Sample.of(with_intercept(K), y[:, None], np.array([alpha]), np.arange(80), keep=True)
    one = np.ones(80)
    system = np.block([[K + alpha * np.eye(80), one[:, None]], [one, np.zeros(1)]])
    inverse = np.linalg.inv(system)
    left_out = y - (inverse @ np.append(y, 0.0))[:80] / np.diag(inverse)[:80]
    # What the penalty of the constant takes of its value of 5, of which rows that are far from all others feel most.
    np.testing.assert_allclose(found.left_out[0, :, 0], left_out, rtol=0, atol=2e-4)


def test_blocks_are_disjoint_parts_of_the_rows(rng):
    K, Y = RBF()(rng.standard_normal((400, 2))), rng.standard_normal((400, 1))
    looks = blocks(K, Y, np.array([0.1]), rng)
    assert [look.n for look in looks] == [400] + [200] * 2 + [100] * 4 + [50] * 8
    for n in (200, 100, 50):
        rows = np.concatenate([look.rows for look in looks if look.n == n])
        assert sorted(rows) == list(range(400))


class Exact:
    """States of a spectrum that is known: degrees of freedom are sums, F the bias and noise without inflation."""

    def __init__(self, spectrum, target, noise):
        self.s, self.m, self.t, self.noise = spectrum.eigenvalues, spectrum.multiplicities, target, noise
        self.x = np.log(np.array([1e-12, 1e6]))

    def df1(self, x):
        k = np.exp(np.asarray(x, dtype=float))[..., None]
        return (self.m * self.s / (self.s + k)).sum(-1)

    def df2(self, x):
        k = np.exp(np.asarray(x, dtype=float))[..., None]
        return (self.m * (self.s / (self.s + k)) ** 2).sum(-1)

    def f(self, x):
        k = np.exp(np.asarray(x, dtype=float))[..., None]
        return (self.t * (k / (self.s + k)) ** 2).sum(-1) + self.noise


@pytest.mark.parametrize(("n", "count", "ridge"), [(300, 900, 0.1), (300, 150, 1.0), (120, 60, 10.0), (50, 400, 1e-2)])
def test_exact_states_give_the_theory_of_random_features(n, count, ridge):
    spectrum = Spectrum(np.arange(1.0, 400.0) ** -1.7)
    target = np.arange(1.0, 400.0) ** -2.0
    exact = Exact(spectrum, target, 0.05)
    error, x = feature_error(exact, n, count, ridge)
    told = risk(spectrum, target, n, ridge, 0.05, n_features=count)
    # The integral over F is a sum of 200 trapezia.
    assert error == pytest.approx(told.test, rel=2e-3)
    assert np.exp(x) == pytest.approx(effective_ridge(spectrum, n, ridge, n_features=count), rel=1e-8)
    assert error != pytest.approx(1.1 * told.test, rel=2e-3)


def test_measured_states_follow_a_known_spectrum(rng):
    """Gaussian features: what a sample of 500 rows measures is theory's at its effective ridge, within its noise."""
    s = np.arange(1.0, 301.0) ** -1.5
    Z = rng.standard_normal((500, 300)) * np.sqrt(s)
    f = Z @ (rng.standard_normal(300) * np.sqrt(s))
    y = f + 0.3 * rng.standard_normal(500)
    K = Z @ Z.T
    alphas = GRID * np.mean(np.diag(K))
    states = States(Sample.of(K, y[:, None], alphas, np.arange(500)), alphas)
    for kappa in (3e-3, 1e-2, 5e-2):
        x = np.log(kappa)
        # Traces fluctuate by few in the hundred at 500 rows.
        assert states.df1(x) == pytest.approx((s / (s + kappa)).sum(), rel=0.05)
        assert states.df2(x) == pytest.approx(((s / (s + kappa)) ** 2).sum(), rel=0.08)


def test_the_fit_with_a_floor_is_nonnegative_least_squares():
    x, y, weight = np.array([0.1, 0.3, 0.6, 1.0]), np.array([0.9, 0.5, 0.4, 0.42]), np.array([1.0, 2.0, 1.0, 3.0])
    left, exponents, f = nonnegative(x, np.array([y, y[::-1]]), np.array([-1.5, -0.5, 0.7]), weight)
    for row, target in enumerate((y, y[::-1])):
        fits = [(nnls(np.c_[np.ones(4), x**q] * (weight / target)[:, None], weight), q) for q in (-1.5, -0.5, 0.7)]
        (expected, residual), best = min(fits, key=lambda fit: fit[0][1])
        assert exponents[row] == best
        np.testing.assert_allclose(f[row], expected, atol=1e-12)
        assert left[row] == pytest.approx(residual**2)


@pytest.mark.parametrize(
    ("share", "text"), [(0.13, "13.0%"), (0.12004, "12.004%"), (0.12 + 1e-9, "12.0000001%"), (0.5, "50.0%")]
)
def test_what_is_above_a_bound_is_shown_above_it(share, text):
    assert above(share, 0.12) == text
    assert float(above(np.nextafter(0.12, 1.0), 0.12)[:-1]) >= 12.0
