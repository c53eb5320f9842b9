"""Flows on rows that are near each other and far from zero, against flows in fifty digits, or told of with a remedy."""

import warnings

import mpmath
import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.kernel_approximation import RBFSampler
from sklearn.preprocessing import FunctionTransformer

import widelearn as wl
from widelearn import GradientFlowClassifier, GradientFlowRegressor
from widelearn.kernels import NTK, RBF, Polynomial

DIGITS, EPS = 60, float(np.finfo(float).eps)
TOLD = "Rounding errors may leave fewer than six digits of the flow"
# What is not told of is within ten times the estimate that would be, on the rows and beyond them.
FIT, BEYOND = 1e-5, 1e-4


def product(x, z):
    return mpmath.fsum(a * b for a, b in zip(x, z, strict=True))


def tangent(x, z):
    """The tangent kernel of one hidden layer of relu, weights of variance 1 and no biases."""
    d = len(x)
    long = mpmath.sqrt(product(x, x) * product(z, z))
    theta = mpmath.acos(min(product(x, z) / long, mpmath.mpf(1)))
    covariance = long / d * (mpmath.sin(theta) + (mpmath.pi - theta) * mpmath.cos(theta)) / (2 * mpmath.pi)
    return covariance + (mpmath.pi - theta) / (2 * mpmath.pi) * product(x, z) / d


KERNELS = {
    "linear": ("linear", product),
    "ntk": (NTK(), tangent),
    "rbf": (
        RBF(gamma=0.3),
        lambda x, z: mpmath.exp(-mpmath.mpf(0.3) * mpmath.fsum((a - b) ** 2 for a, b in zip(x, z, strict=True))),
    ),
    "polynomial": (Polynomial(degree=3, gamma=0.25), lambda x, z: (mpmath.mpf(0.25) * product(x, z) + 1) ** 3),
}


def exact(kernel, X, y, X_new, *, intercept=True):
    """Return a function of shares of n/λ_max, and λ_max: values at new rows of the flow in many digits."""
    rows, new = ([[mpmath.mpf(float(one)) for one in row] for row in A] for A in (X, X_new))
    n = len(rows)
    K = mpmath.matrix([[kernel(x, z) for z in rows] for x in rows])
    cross = mpmath.matrix([[kernel(x, z) for z in rows] for x in new])
    ones = mpmath.ones(n, 1)
    center = ones.T * K / n * intercept
    H = mpmath.eye(n) - ones * ones.T / n * intercept
    targets = mpmath.matrix([mpmath.mpf(float(one)) for one in y])
    values, vectors = mpmath.eigsy(H * K * H)
    largest = max(values)
    scores = (cross - mpmath.ones(len(new), 1) * center) * H * vectors
    projected = vectors.T * H * targets
    mean = mpmath.fsum(targets) / n * intercept

    def at(time):
        shares = [
            0
            if rate <= largest * mpmath.mpf(10) ** -40
            else (1 if time == np.inf else -mpmath.expm1(-rate * mpmath.mpf(time) / n)) / rate
            for rate in values
        ]
        found = scores * mpmath.matrix([share * one for share, one in zip(shares, projected, strict=True)])
        return np.array([float(mean + one) for one in found])

    return at, float(largest)


def told(model, X, y):
    """Fit, and return whether a warning of rounding was given; any other is an error."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        model.fit(X, y)
    assert all(issubclass(one.category, LinAlgWarning) and str(one.message).startswith(TOLD) for one in found), [
        str(one.message) for one in found
    ]
    return bool(found)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("offset", [0.0, 3.0, 1e2, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-9])
def test_offsets_lose_no_digits_that_are_not_told_of(name, offset, spread):
    rng = np.random.default_rng([int(np.log10(offset + 1)), int(-np.log10(spread)), len(name)])
    X, X_new = rng.standard_normal((9, 4)) * spread + offset, rng.standard_normal((3, 4)) * spread + offset
    y = rng.standard_normal(9) + 5.0
    kernel, formula = KERNELS[name]
    with mpmath.workdps(DIGITS):
        at, largest = exact(formula, X, y, np.vstack([X, X_new]))
        for multiple in (0.3, 30.0, 1e5, np.inf):
            # Rows may be all one in float64.
            time = multiple * 9 / (largest or 1.0)
            model = GradientFlowRegressor(kernel, time)
            lost = told(model, X, y)
            off = np.abs(model.predict(np.vstack([X, X_new])) - at(time)) / y.std()
            assert lost or (off[:9].max() < FIT and off[9:].max() < BEYOND)
            # Not everything is told of.
            assert not lost or offset**2 > 100 or spread < 1 or multiple == np.inf
            assert not lost or name != "linear"


@pytest.mark.parametrize("seed", range(16))
def test_columns_of_unlike_lengths_keep_their_digits(seed):
    """More columns than rows and fewer, far from zero or not, with an intercept or without: at no time is any lost."""
    rng = np.random.default_rng(seed)
    n, d, intercept = 9, (4, 12)[seed % 2], seed % 4 < 2
    X = rng.standard_normal((n, d)) + (rng.choice([0.0, 10.0, 1e4], d) if intercept else 0.0)
    X *= 10.0 ** rng.uniform(-5, 5, d)
    y = rng.standard_normal(n) + X[:, 0] / X[:, 0].std()
    X_new = X[:3] + X.std(axis=0) * rng.standard_normal((3, d))
    with mpmath.workdps(DIGITS):
        at, largest = exact(product, X, y, np.vstack([X, X_new]), intercept=intercept)
        for multiple in (1.0, 1e6, 1e12, 1e20, np.inf):
            wanted = at(multiple * n / largest)
            for kernel in ("linear", FunctionTransformer()):
                model = GradientFlowRegressor(kernel, multiple * n / largest, fit_intercept=intercept)
                assert not told(model, X, y)
                found = model.predict(np.vstack([X, X_new]))
                np.testing.assert_allclose(found, wanted, atol=1e-8 * np.abs(wanted).max())


@pytest.mark.parametrize("apart", range(2, 8))
@pytest.mark.parametrize("unit", [1.0, 1e-5])
def test_columns_that_are_nearly_copies_are_told_of(apart, unit):
    rng = np.random.default_rng(apart)
    X = rng.standard_normal((9, 3)) * [1.0, 1.0, unit]
    X[:, 1] = X[:, 0] + 10.0**-apart * rng.standard_normal(9)
    y, any_told = rng.standard_normal(9), False
    with mpmath.workdps(DIGITS):
        at, largest = exact(product, X, y, X)
        for multiple in (1.0, 1e6, 1e12, np.inf):
            for kernel in ("linear", FunctionTransformer()):
                model = GradientFlowRegressor(kernel, multiple * 9 / largest)
                lost = told(model, X, y)
                any_told |= lost
                # Eigenvalues up to the last places of the largest are none: what they would have learned is missing.
                off = np.abs(model.predict(X) - at(multiple * 9 / largest)).max()
                missing = 9 * EPS * multiple if multiple < np.inf or apart > 6 else 0.0
                assert lost or off < FIT + missing * y.std()
                assert not lost or multiple * 10.0 ** (-2 * apart) > 1e-6
    assert any_told == (apart > 4)


@pytest.mark.parametrize("apart", [6, 8, 10, 12])
def test_rows_that_are_nearly_copies_are_told_of(apart):
    """Fewer rows than columns, which are of unlike lengths: late times learn how copies differ, or tell."""
    rng = np.random.default_rng(apart)
    X = rng.standard_normal((9, 12))
    X[1] = X[0] * (1 + 10.0**-apart * rng.standard_normal(12))
    X *= 10.0 ** rng.uniform(-4, 4, 12)
    y = rng.standard_normal(9)
    with mpmath.workdps(DIGITS):
        at, largest = exact(product, X, y, X)
        for multiple in (1.0, 1e6, 1e30, np.inf):
            model = GradientFlowRegressor("linear", multiple * 9 / largest)
            lost = told(model, X, y)
            assert lost or np.abs(model.predict(X) - at(multiple * 9 / largest)).max() < FIT
            assert lost == (multiple > 1e6)


@pytest.mark.parametrize("seed", range(6))
def test_copies_of_columns_in_other_units_are_one_direction(seed):
    """To the last bit, so that the rank is known; without end the solution of smallest norm."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((9, 2))
    X = np.column_stack([X, X * 2.0**-14, X[:, 0] * 2.0**20, X[:, 1] * 2.0**-30, np.full(9, 3.0)])
    y = rng.standard_normal(9)
    with mpmath.workdps(DIGITS):
        at, largest = exact(product, X, y, X)
        for multiple in (1.0, 1e8, np.inf):
            for kernel in ("linear", FunctionTransformer()):
                model = GradientFlowRegressor(kernel, multiple * 9 / largest)
                assert not told(model, X, y)
                np.testing.assert_allclose(model.predict(X), at(multiple * 9 / largest), atol=1e-9)


def test_features_that_differ_by_rounding_alone_are_constant(rng):
    """Equal rows whose features a map rounds in other ways, in units of all sizes."""
    y, rows = rng.standard_normal(40), np.tile([3.0, -1e6, 1e-5], (40, 1))
    rounded = FunctionTransformer(lambda X: X * (1.0 + EPS * np.random.default_rng(len(X)).integers(-1, 2, X.shape)))
    for time in ("cv", 1e30, np.inf):
        found = GradientFlowRegressor(rounded, time).fit(rows, y).predict(rows)
        np.testing.assert_allclose(found, y.mean(), atol=1e-9)
    seen = np.column_stack([rows, rng.standard_normal(40) * 1e-9])
    model = GradientFlowRegressor(rounded, np.inf).fit(seen, y)
    wanted = np.polynomial.Polynomial.fit(seen[:, 3], y, 1)(seen[:, 3])
    np.testing.assert_allclose(model.predict(seen), wanted, atol=1e-6)


@pytest.mark.parametrize(
    "kernel", ["linear", "ntk", "rbf", "polynomial", "laplace", "precomputed", "columns", "random"]
)
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_rows_that_are_all_one_flow_to_the_mean(rng, kernel, size):
    row, y = rng.standard_normal(3) * size, rng.standard_normal(30)
    X = np.tile(row, (30, 1))
    weight = rng.integers(1, 4, 30).astype(float)
    maps = {"columns": FunctionTransformer(), "random": RBFSampler(random_state=0), "laplace": wl.kernels.Laplace()}
    given = np.full((30, 30), row @ row) if kernel == "precomputed" else X
    for time in ("cv", "gcv", 1.0, 1e12, np.inf):
        for w in (None, weight):
            model = GradientFlowRegressor(maps.get(kernel, kernel), time)
            model.fit(given, y, w)
            np.testing.assert_allclose(model.predict(given[:3]), np.average(y, weights=w), rtol=1e-9, atol=1e-9)
            elsewhere = given[:3] * 0.5 if kernel == "precomputed" else X[:2] + 1.0
            np.testing.assert_allclose(model.predict(elsewhere), np.average(y, weights=w), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("offset", [1e2, 3e3, 1e6, 1e8])
@pytest.mark.parametrize("d", [4, 50])
def test_linear_kernels_flow_by_their_columns_whatever_the_offset(rng, offset, d):
    X = rng.standard_normal((30, d)) + offset
    y = X[:, 0] - offset + 0.3 * rng.standard_normal(30)
    near = X - offset
    for time in ("cv", "gcv", 9.0, 1e9, np.inf):
        far, plain = (GradientFlowRegressor("linear", time).fit(rows, y) for rows in (X, near))
        assert far.time_ == pytest.approx(plain.time_, rel=1e-6)
        np.testing.assert_allclose(far.predict(X), plain.predict(near), atol=1e-6)
        found = far.staged_predict(X[:5], [0.5, 20.0])
        np.testing.assert_allclose(found, plain.staged_predict(near[:5], [0.5, 20.0]), atol=1e-6)


def test_rows_that_differ_by_less_than_kernels_see_are_told_of(rng):
    X, y = 1.0 + 1e-9 * rng.standard_normal((30, 3)), rng.standard_normal(30)
    for kernel in ("rbf", "ntk"):
        for time in ("cv", "gcv"):
            with pytest.warns(LinAlgWarning, match=f"{TOLD}.*Center the columns of X and scale them alike"):
                model = GradientFlowRegressor(kernel, time).fit(X, y)
            # What was rounding is not learned.
            assert np.abs(model.predict([[1.0, 2.0, 3.0]]) - y.mean()).max() < 10 * y.std()
    with pytest.warns(LinAlgWarning, match=TOLD):
        GradientFlowClassifier("rbf").fit(X, y > 0)


def test_what_negative_eigenvalues_show_of_noise_is_not_learned(rng):
    """A matrix of four columns and errors of its own: no time learns more of the targets than these hold."""
    X, y = rng.standard_normal((60, 4)), rng.standard_normal(60)
    noise = rng.standard_normal((60, 60)) * 1e-12
    within = np.column_stack([np.ones(60), X])
    wanted = within @ np.linalg.lstsq(within, y, rcond=None)[0]
    K = X @ X.T + noise + noise.T
    model = GradientFlowRegressor("precomputed", np.inf).fit(K, y)
    np.testing.assert_allclose(model.predict(K), wanted, atol=1e-9)


def test_time_without_end_is_the_interpolator_of_smallest_norm(rng):
    X, Y = rng.standard_normal((20, 30)), rng.standard_normal((20, 2))
    wanted = np.linalg.lstsq(X - X.mean(axis=0), Y - Y.mean(axis=0), rcond=None)[0]
    for kernel in ("linear", FunctionTransformer()):
        model = GradientFlowRegressor(kernel, np.inf).fit(X, Y)
        assert model.time_ == np.inf
        found = Y.mean(axis=0) + (X[:4] + 1 - X.mean(axis=0)) @ wanted
        np.testing.assert_allclose(model.predict(X[:4] + 1), found, atol=1e-9)
        np.testing.assert_allclose(model.predict(X), Y, atol=1e-9)
    steps = GradientFlowRegressor(NTK(), np.inf, learning_rate=0.1, momentum=0.5).fit(X, Y)
    np.testing.assert_allclose(steps.predict(X), Y, atol=1e-9)
    classes = GradientFlowClassifier("linear", np.inf).fit(X, Y[:, 0] > 0)
    assert classes.score(X, Y[:, 0] > 0) == 1.0
    # Fewer columns than rows: least squares, and what no row varies in stays where it starts.
    twice = np.column_stack([X[:, :3], X[:, :3], np.full(20, 7.0)])
    for kernel in ("linear", FunctionTransformer()):
        model = GradientFlowRegressor(kernel, np.inf).fit(twice, Y)
        coef = np.linalg.lstsq(np.column_stack([np.ones(20), X[:, :3]]), Y, rcond=None)[0]
        np.testing.assert_allclose(model.predict(twice), coef[0] + X[:, :3] @ coef[1:], atol=1e-9)
        np.testing.assert_allclose(model.predict(twice * [[1] * 6 + [3]]), model.predict(twice), atol=1e-9)


@pytest.mark.parametrize("kernel", ["linear", "ntk", FunctionTransformer(), wl.RandomFeatures(8, random_state=0)])
def test_kernel_values_that_vanish_are_refused(rng, kernel):
    X, y = rng.standard_normal((30, 4)), rng.standard_normal(30)
    for size in (1e-170, 1e-158):
        for rows in (X * size, (X + 1e3) * size):
            with pytest.raises(ValueError, match=r"Kernel values of rows of numbers about .* scale X up"):
                GradientFlowRegressor(kernel).fit(rows, y)
    np.testing.assert_allclose(GradientFlowRegressor(kernel).fit(X * 0.0, y).predict(X), y.mean())
