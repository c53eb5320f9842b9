"""The engine: golden values, identities, simulation, extremes, refusals."""

import numpy as np
import pytest

from simulation import near
from widelearn.theory import Spectrum, critical_ridge, effective_ridge, kernel_spectrum, risk

K = np.arange(1.0, 601.0)
S600 = K**-1.3
T600 = S600 * K**-0.6 / np.sum(S600 * K**-0.6)
K800 = np.arange(1.0, 801.0)


@pytest.mark.parametrize(
    ("ridge", "golden"),
    [
        (0.0, {"effective_ridge": ".001893507223", "bias": ".009705747816", "variance": ".2428882185"}),
        (1e-3, {"effective_ridge": ".003526454849", "excess": ".1262527812", "train": ".03025541144"}),
        (0.1, {"effective_ridge": ".1081951111", "excess": ".1155904642", "train": ".3123054657"}),
    ],
)
def test_linear_golden(ridge, golden):
    found = risk(S600, T600, 200, 200 * ridge, 0.25)
    for name, text in golden.items():
        near(getattr(found, name), text)
    near(found.norm**2, {0.0: "141.4766946", 1e-3: "48.52338337", 0.1: "1.393212037"}[ridge])


@pytest.mark.parametrize(
    ("n", "ridge", "golden"),
    [
        (60, 0.0, {"excess": ".6345476649"}),
        (299, 0.0, {"excess": ".2104762246", "effective_ridge": ".00153045161"}),
        (299, 0.2, {"excess": ".2555702840", "train": ".02238635633"}),
        (1200, 0.0, {"excess": ".03635891509"}),
    ],
)
def test_kernel_golden(n, ridge, golden):
    found = risk(kernel_spectrum(np.exp, 24, 6), [0, 0.5, 0.5, 0, 0, 0, 0], n, ridge, 0.05)
    for name, text in golden.items():
        near(getattr(found, name), text)


@pytest.mark.parametrize(
    ("n", "p", "ridge", "golden"),
    [
        (150, 300, 1e-3, {"effective_ridge": ".006304941866", "bias": ".130806988", "variance": ".06444253431"}),
        (300, 150, 1e-3, {"excess": ".2091682592", "train": ".06242395248"}),
        (200, 200, 0.01, {"excess": ".4965825109"}),
        (200, 500, 0.1, {"excess": ".1010718247", "train": ".003117920981"}),
        (150, 300, 0.0, {"excess": ".1963077763"}),
        (300, 100, 0.0, {"effective_ridge": ".01186774747", "excess": ".2123798065"}),
    ],
)
def test_random_features_golden(n, p, ridge, golden):
    found = risk(K800**-1.2, K800**-1.8, n, ridge, 0.04, p)
    for name, text in golden.items():
        near(getattr(found, name), text)
    nu1 = found.effective_ridge * (1 - found.df1 / p)
    if (n, p, ridge) == (150, 300, 1e-3):
        near(nu1, ".003159123561")


def points(rng, count):
    """Random spectra, targets, sizes and ridges over many orders of magnitude."""
    for _ in range(count):
        m = rng.integers(1, 30)
        multiplicities = np.exp(rng.uniform(0, 6, m))
        spectrum = Spectrum(np.exp(rng.uniform(-8, 2, m)), multiplicities, rng.choice([0.0, 0.3]))
        n, p, ridge = np.exp(rng.uniform(2, 8)), np.exp(rng.uniform(2, 8)), np.exp(rng.uniform(-9, 3))
        yield spectrum, rng.uniform(0, 1, m), n, ridge, rng.uniform(0, 1), p, rng.uniform(0, 0.3)


def test_the_equation_holds_and_fields_agree(rng):
    for spectrum, target, n, ridge, noise, p, tail in points(rng, 100):
        found = risk(spectrum, target, n, ridge, noise, p, tail)
        nu = found.effective_ridge
        s, m = spectrum.eigenvalues, spectrum.multiplicities
        D = np.sum(m * s / (s + nu)) + spectrum.tail / nu
        gaps = (1 - D / n) * (1 - D / p)
        # D is known to 1e-15, so a gap is known to 1e-15 / gap
        assert n * nu * gaps == pytest.approx(ridge, rel=1e-12 / min(1 - D / n, 1 - D / p))
        assert found.df1 == pytest.approx(D, rel=1e-12)
        assert found.excess == found.bias + found.variance
        assert found.gcv == found.test == found.excess + noise
        assert found.train == pytest.approx((1 - found.df1 / n) ** 2 * found.test, rel=1e-10 / (1 - D / n))
        assert effective_ridge(spectrum, n, ridge, p) == nu


def test_against_the_published_form(rng):
    """Defilippis et al.'s Υ and χ, where they do not cancel."""
    for spectrum, target, n, ridge, noise, p, tail in points(rng, 100):
        found = risk(spectrum, target, n, ridge, noise, p, tail)
        s, m, nu = spectrum.eigenvalues, spectrum.multiplicities, found.effective_ridge
        T12 = np.sum(m * s / (s + nu) ** 2) + spectrum.tail / nu**2
        r = 1 - found.df1 / p
        upsilon = p / n * ((1 - r) ** 2 + r**2 * found.df2 / (p - found.df2))
        chi = T12 / (p - found.df2)
        first = np.sum(target / (s + nu) ** 2) + tail / nu**2
        bias = nu**2 / (1 - upsilon) * (first + chi * np.sum(target * s / (s + nu) ** 2))
        slack = 1e-11 / (1 - upsilon) / (1 - found.df2 / p)
        assert found.bias == pytest.approx(bias, rel=slack)
        assert found.variance == pytest.approx(noise * upsilon / (1 - upsilon), rel=slack)


def test_many_features_are_kernel_ridge(rng):
    for spectrum, target, n, ridge, noise, _, tail in points(rng, 30):
        wide, kernel = (risk(spectrum, target, n, ridge, noise, p, tail) for p in (1e18, np.inf))
        for name in vars(wide):
            assert getattr(wide, name) == pytest.approx(getattr(kernel, name), rel=1e-10)


def test_population_limit(rng):
    for spectrum, target, _, _, noise, p, tail in points(rng, 30):
        many, limit = (risk(spectrum, target, n, 0.0, noise, p, tail) for n in (1e18, np.inf))
        assert many.excess == pytest.approx(limit.excess, rel=1e-8, abs=1e-15)
        assert limit.variance == 0


def test_norm_is_the_derivative_of_the_objective(rng):
    """The objective ‖y - f‖² + Λ‖w‖² is n train + Λ norm²; its derivative by Λ is norm²."""
    for spectrum, target, n, ridge, noise, p, tail in points(rng, 30):

        def objective(value, point=(spectrum, target, n, noise, p, tail)):
            spectrum, target, n, noise, p, tail = point
            found = risk(spectrum, target, n, value, noise, p, tail)
            return n * found.train + value * found.norm**2

        step = 1e-4 * ridge
        slope = (objective(ridge + step) - objective(ridge - step)) / (2 * step)
        norm = risk(spectrum, target, n, ridge, noise, p, tail).norm
        # central differences: relative error 1e-8 of truncation, and rounding of an objective larger than Λ norm²
        slack = 1e-6 + 1e-11 * objective(ridge) / (ridge * norm**2)
        assert slope == pytest.approx(norm**2, rel=slack)


def test_effective_ridge_grows_as_theory_says():
    """dκ/dΛ = 1 / (n - df2)."""
    step = 1e-4
    low, middle, high = (risk(S600, T600, 200, value, 0.1) for value in (1 - step, 1.0, 1 + step))
    slope = (high.effective_ridge - low.effective_ridge) / (2 * step)
    assert slope == pytest.approx(1 / (200 - middle.df2), rel=1e-7)


def test_arrays_are_points():
    n = np.array([50.0, 200.0, 700.0])
    ridges = np.array([[0.0], [1.0]])
    found = risk(S600, T600, n, ridges, 0.1)
    assert found.excess.shape == (2, 3)
    for i, j in np.ndindex(2, 3):
        one = risk(S600, T600, n[j], ridges[i, 0], 0.1)
        for name in vars(one):
            assert getattr(found, name)[i, j] == pytest.approx(getattr(one, name), rel=1e-12)


def ridge_fit(Z, y, ridge):
    n, p = Z.shape
    if p <= n:
        return np.linalg.solve(Z.T @ Z + ridge * np.eye(p), Z.T @ y)
    return Z.T @ np.linalg.solve(Z @ Z.T + ridge * np.eye(n), y)


@pytest.mark.parametrize("ridge", [0.0, 0.2, 20.0])
@pytest.mark.parametrize("signs", [False, True])
def test_linear_simulation(rng, ridge, signs):
    """Independent coordinates, Gaussian or ±1."""
    n, noise, draws = 200, 0.25, 40
    theta = np.sqrt(T600 / S600)
    rows = []
    for _ in range(draws):
        Z = rng.choice([-1.0, 1.0], (n, 600)) if signs else rng.standard_normal((n, 600))
        X = Z * np.sqrt(S600)
        y = X @ theta + np.sqrt(noise) * rng.standard_normal(n)
        w = ridge_fit(X, y, ridge)
        inverse = np.linalg.inv(X @ X.T + ridge * np.eye(n))
        gcv = np.mean((inverse @ y) ** 2) / np.mean(np.diag(inverse)) ** 2
        rows.append([np.sum(S600 * (w - theta) ** 2), np.mean((y - X @ w) ** 2), w @ w, gcv])
    found = risk(S600, T600, n, ridge, noise)
    check_draws(rows, [found.excess, found.train, found.norm**2, found.gcv], 0.03)


def check_draws(rows, theory, share):
    """Means over draws within max(3 standard errors, a share of the prediction)."""
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(len(rows))
    for k, value in enumerate(theory):
        assert abs(mean[k] - value) <= max(3 * error[k], share * abs(value), 1e-12), (k, mean[k], value, error[k])


@pytest.mark.parametrize(("n", "p", "ridge"), [(150, 300, 1e-3), (300, 150, 1e-3), (200, 200, 0.01), (150, 300, 0.0)])
def test_random_feature_simulation(rng, n, p, ridge):
    """Gaussian features through a random map: the model that the formula describes."""
    s, beta, noise = K800**-1.2, K800**-0.9, 0.04
    rows = []
    for _ in range(40):
        G = rng.standard_normal((n, 800))
        H = rng.standard_normal((p, 800)) * np.sqrt(s)
        Z = G @ H.T / np.sqrt(p)
        y = G @ beta + np.sqrt(noise) * rng.standard_normal(n)
        a = ridge_fit(Z, y, ridge)
        rows.append([np.sum((H.T @ a / np.sqrt(p) - beta) ** 2), np.mean((y - Z @ a) ** 2), a @ a])
    found = risk(s, beta**2, n, ridge, noise, p)
    check_draws(rows, [found.excess, found.train, found.norm**2], 0.05)


def test_elliptical_features_defeat_the_theory(rng):
    """The negative control: rows of random length do not concentrate."""
    n, p, noise, ridge = 200, 300, 0.25, 20.0
    theta, rows = np.full(p, 1 / np.sqrt(p)), []
    for _ in range(40):
        X = rng.choice([0.1, np.sqrt(1.99)], (n, 1)) * rng.standard_normal((n, p))
        y = X @ theta + np.sqrt(noise) * rng.standard_normal(n)
        rows.append(np.sum((ridge_fit(X, y, ridge) - theta) ** 2))
    predicted = risk(Spectrum([1.0], [p]), [1.0], n, ridge, noise).excess
    assert abs(np.mean(rows) - predicted) > 10 * np.std(rows, ddof=1) / np.sqrt(len(rows))


def test_tiny_risks_keep_relative_accuracy():
    """n far beyond the rank with tiny ridge: bias (Λ/n)² Σ t/s², variance τ² p / (n - p)."""
    found = risk([1.0, 0.5], [0.3, 0.7], 1e12, 1e-6, 0.0)
    # κ = Λ/n (1 + O(1e-12))
    assert found.bias == pytest.approx((1e-18) ** 2 * (0.3 + 0.7 / 0.25), rel=1e-10)
    assert found.excess > 0


def test_nothing_overflows():
    wide = Spectrum([1.0, 1e-12, 1e-30], [1.0, 1e9, 1e18], tail=1e-20)
    for n, p, ridge in (
        (1e18, 1e18, 1.0),
        (1e18, 1e3, 0.0),
        (1e3, 1e18, 0.0),
        (1.0, 1.0, 1e-300),
        (1e18, np.inf, 1e18),
    ):
        found = risk(wide, [1.0, 0.5, 0.5], n, ridge, 0.1, p)
        assert np.isfinite(found.excess)
        assert found.effective_ridge > 0


def test_min_norm_divergences_are_infinite():
    assert risk(S600, T600, 100, 0.0, 0.1, 100).excess == np.inf
    assert risk(S600, T600, 600, 0.0, 0.1).excess == np.inf
    # nothing to amplify: as many equations as unknowns and no noise
    assert risk(S600, T600, 600, 0.0, 0.0).excess == 0


def test_underparametrised_least_squares():
    found = risk(Spectrum([2.0], [50]), [1.0], 200, 0.0, 0.3)
    assert (found.effective_ridge, found.bias) == (0.0, 0.0)
    assert found.variance == pytest.approx(0.3 * 50 / 150, rel=1e-14)
    assert found.train == pytest.approx(0.3 * 150 / 200, rel=1e-14)


def test_a_null_spectrum_learns_nothing():
    for ridge in (0.0, 1.0):
        found = risk([0.0], [0.7], 10, ridge, 0.1)
        assert (found.excess, found.df1, found.norm) == (0.7, 0.0, 0.0)


@pytest.mark.parametrize(("p", "n"), [(50, 200), (400, 100)])
def test_negative_ridges(p, n):
    """The critical ridge of isotropic features is the Marchenko-Pastur edge; the risk is smooth through 0."""
    spectrum = Spectrum([1.0], [p])
    edge = -((np.sqrt(n) - np.sqrt(p)) ** 2)
    assert critical_ridge(spectrum, n) == pytest.approx(edge, rel=1e-10)
    assert critical_ridge(spectrum, n, 1e18) == pytest.approx(edge, rel=1e-10)
    below, zero, above = (risk(spectrum, [1.0], n, ridge, 0.1) for ridge in (-1e-5, 0.0, 1e-5))
    assert below.excess + above.excess == pytest.approx(2 * zero.excess, rel=1e-9)
    assert below.norm + above.norm == pytest.approx(2 * zero.norm, rel=1e-9)
    assert risk(spectrum, [1.0], n, 0.999 * edge, 0.1).excess > 10 * zero.excess
    with pytest.raises(ValueError, match=r"ridge must be at least the critical -.*n = "):
        risk(spectrum, [1.0], n, 1.001 * edge, 0.1)


def test_negative_ridge_with_finitely_many_features():
    spectrum = Spectrum(K800**-1.2)
    for n, p in ((150, 300), (300, 150)):
        lowest = critical_ridge(spectrum, n, p)
        assert lowest < 0
        below, zero, above = (risk(spectrum, K800**-1.8, n, x * lowest, 0.04, p).excess for x in (1e-4, 0.0, -1e-4))
        assert below + above == pytest.approx(2 * zero, rel=1e-5)
        assert critical_ridge(spectrum, p, n) / p == pytest.approx(lowest / n, rel=1e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n": 0}, "n must be positive, got 0"),
        ({"n": -3.0}, "n must be positive, got -3"),
        ({"n": np.nan}, "n must be positive"),
        ({"n_features": 0}, "n_features must be positive, got 0"),
        ({"noise": -0.1}, "noise must be non-negative and finite, got -0.1"),
        ({"target": [1.0, 2.0]}, "target has 2 entries for the spectrum's 1 blocks"),
        ({"target": [-1.0]}, r"target must be non-negative and finite, got -1 \(entry 0\)"),
        ({"target_tail": -1.0}, "target_tail must be non-negative"),
        ({"ridge": np.nan}, "ridge must be finite"),
        ({"ridge": -1e3}, "ridge must be at least the critical"),
        ({"spectrum": [-1.0]}, "eigenvalues must be non-negative and finite, got -1"),
    ],
)
def test_refusals(change, message):
    arguments = {"spectrum": Spectrum([1.0], [50]), "target": [1.0], "n": 20, "ridge": 0.1, "noise": 0.1} | change
    with pytest.raises(ValueError, match=message):
        risk(**arguments)


def test_spectra_are_checked():
    with pytest.raises(ValueError, match="2 eigenvalues but 1 multiplicities"):
        Spectrum([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="multiplicities must be non-negative"):
        Spectrum([1.0], [-1.0])
    with pytest.raises(ValueError, match="tail must be non-negative"):
        Spectrum([1.0], tail=-1.0)
    assert Spectrum([1.0], tail=0.1).rank == np.inf
