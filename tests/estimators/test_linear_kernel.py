"""The linear kernel on columns in unlike units: as exact as ridge regression of the columns, and a dual that fits."""

import numpy as np
import pytest

from fuzz import oracle
from widelearn import FeatureRidge, FeatureRidgeCV, KernelRidge, KernelRidgeClassifier, KernelRidgeCV
from widelearn.kernels import RBF, Linear

# Grids here are short, for speed: the best penalty may lie at their edge.
pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")


def unlike(rng, n, p, offset, dtype=np.float64):
    scale = 10.0 ** rng.uniform(-6, 6, p)
    X = ((rng.standard_normal((n, p)) + offset * rng.standard_normal(p)) * scale).astype(dtype)
    u = (X - X.mean(axis=0)) / scale
    return X, u @ rng.standard_normal((p, 2)) + 0.1 * rng.standard_normal((n, 2))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p"), [(40, 5), (8, 12), (25, 25), (120, 3)])
def test_units_do_not_matter(n, p, weighted, rng):
    for alpha in (1e-6, 1e-2, 1.0, 1e4):
        for offset in (0.0, 1e3, 1e7):
            X, Y = unlike(rng, n, p, offset)
            weight = rng.uniform(0.2, 4, n) if weighted else None
            model = KernelRidge(Linear(), alpha).fit(X, Y, weight)
            ones = np.ones(n) if weight is None else weight
            wanted = oracle.fit(oracle.sums(X, Y, ones, fit_intercept=True), alpha).values(X).rounded()
            # Rounding of the rows' own mean, 1e-16 of the offset, is what an exact method keeps.
            np.testing.assert_allclose(model.predict(X), wanted, rtol=0, atol=1e-8 * Y.std())
            np.testing.assert_allclose(model.dual_coef_.sum(axis=0), 0, atol=1e-6 * np.abs(model.dual_coef_).sum())


def test_the_dual_is_that_of_the_columns(rng):
    X = rng.standard_normal((30, 4)) * [0.1, 1, 10, 100]
    Y = rng.standard_normal((30, 2))
    for alpha in (0.0, 1e-4, [0.0, 1e-3]):
        model = KernelRidge(Linear(), alpha).fit(X, Y)
        assert model.solver_ == "columns"
        coef = FeatureRidge("passthrough", alpha).fit(X, Y).coef_
        scale = np.abs(X).max(axis=0)
        np.testing.assert_allclose((X.T @ model.dual_coef_).T * scale, coef * scale, atol=1e-6)


def test_small_numbers_beside_large_ones_choose_a_penalty(rng):
    X = np.c_[rng.uniform(size=(200, 4)), 1.7e12 + rng.uniform(size=200) * 1e9]
    y = X[:, :4] @ [3, -2, 1, 0] + 0.05 * rng.standard_normal(200)
    alphas = np.logspace(-4, 2, 7)
    for cv in (None, "gcv", 5):
        model = KernelRidgeCV([Linear(), RBF(1e-20)], alphas, cv=cv).fit(X, y)
        peer = FeatureRidgeCV("passthrough", alphas, cv=cv).fit(X, y)
        assert model.kernel_ == Linear()
        assert model.alpha_ == peer.alpha_
        np.testing.assert_allclose(model.predict(X), peer.predict(X), atol=1e-7)
        assert model.score(X, y) > 0.99


def test_single_precision_and_classes(rng):
    X, Y = unlike(rng, 60, 4, 10.0, np.float32)
    single = KernelRidge(Linear(), 1e-3).fit(X, Y)
    double = KernelRidge(Linear(), 1e-3).fit(X.astype(np.float64), Y)
    assert single.predict(X).dtype == single.dual_coef_.dtype == np.float32
    np.testing.assert_allclose(single.predict(X), double.predict(X), atol=1e-4 * Y.std())
    labels = Y[:, 0] > 0
    assert KernelRidgeClassifier(Linear(), 1e-3).fit(X, labels).score(X, labels) >= 0.8
