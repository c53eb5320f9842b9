"""Kernel ridge of rows, targets and penalties of any size: the same choice, without a word, as of ordinary ones."""

import warnings

import numpy as np
import pytest

from widelearn import FeatureRidgeCV, KernelRidge, KernelRidgeCV, RandomFeatures
from widelearn.kernels import NTK, RBF, Linear

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
Y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * RNG.standard_normal(60)
SMALL, LARGE = (-500, -333, -67), (67, 333, 480)


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "alpha = ")
        yield


@pytest.mark.parametrize("cv", [None, "gcv", 3])
def test_a_kernel_is_chosen_whatever_the_size_of_targets(cv):
    kernels = [NTK(), RBF(), RBF(10.0)]
    for first in range(3):
        given = kernels[first:] + kernels[:first]
        wanted = KernelRidgeCV(given, cv=cv).fit(X, Y)
        for k in (-1000, -700, -541, -50, 400):
            found = KernelRidgeCV(given, cv=cv).fit(X, np.ldexp(Y, k))
            assert (found.alpha_, repr(found.kernel_)) == (wanted.alpha_, repr(wanted.kernel_))


@pytest.mark.parametrize("cv", [None, "gcv", 3])
@pytest.mark.parametrize("kernel", [NTK(), Linear()], ids=repr)
def test_rows_and_penalties_of_any_size(kernel, cv):
    """K / 4^k beside alpha / 4^k is the same system, wherever squares of its numbers lie."""
    alphas = np.array([1e-2, 1.0, 100.0])
    wanted = KernelRidgeCV(kernel, alphas, cv=cv).fit(X, Y)
    for k in (*SMALL, *LARGE):
        found = KernelRidgeCV(kernel, np.ldexp(alphas, 2 * k), cv=cv).fit(np.ldexp(X, k), Y)
        assert found.best_score_ == pytest.approx(wanted.best_score_, rel=1e-9)
        assert found.alpha_ == np.ldexp(wanted.alpha_, 2 * k)
        np.testing.assert_allclose(found.predict(np.ldexp(X, k)), wanted.predict(X), rtol=0, atol=1e-8)


@pytest.mark.parametrize("cv", [None, "gcv"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_scores_where_penalty_or_kernel_is_nothing(cv, fit_intercept):
    """The limits: errors of the mean of others, or of nothing; and those of the inverse kernel matrix."""
    n, y = len(Y), Y + 3.0
    alone = np.mean(((y - y.mean()) * n / (n - 1)) ** 2) if fit_intercept else np.mean(y**2)
    for scale, alphas in ((-500, [1.0, 1e6]), (0, [1e300]), (-333, [1e-6]), (0, [1e30])):
        model = KernelRidgeCV(NTK(), alphas, fit_intercept=fit_intercept, cv=cv).fit(np.ldexp(X, scale), y)
        assert model.best_score_ == pytest.approx(-alone, rel=1e-12)
    K = NTK()(X)
    G = np.linalg.inv(K)
    if fit_intercept:
        G -= np.outer(G.sum(axis=1), G.sum(axis=0)) / G.sum()
    a = G @ y
    exact = np.mean((a / G.diagonal()) ** 2) if cv is None else n * (a @ a) / G.trace() ** 2
    for scale in LARGE:
        model = KernelRidgeCV(NTK(), [1e-6, 1e6], fit_intercept=fit_intercept, cv=cv).fit(np.ldexp(X, scale), y)
        assert model.best_score_ == pytest.approx(-exact, rel=1e-8)


@pytest.mark.parametrize("cv", [None, "gcv", 3])
def test_features_of_any_size(cv):
    for features in ("passthrough", RandomFeatures(40, random_state=0), RandomFeatures(80, random_state=0)):
        for k in LARGE:
            model = FeatureRidgeCV(features, [1e-6, 1.0], cv=cv).fit(np.ldexp(X, k), Y)
            again = FeatureRidgeCV(features, [1e-6, 1.0], cv=cv).fit(np.ldexp(X, k - 10), Y)
            assert model.best_score_ == pytest.approx(again.best_score_, rel=1e-4)


@pytest.mark.parametrize("cv", [None, "gcv"])
def test_scores_of_large_features_are_those_of_least_squares(cv):
    for features in ("passthrough", RandomFeatures(40, random_state=0)):
        Z = X if features == "passthrough" else features.fit_transform(X)
        A = np.column_stack([np.ones(len(Y)), Z])
        H = A @ np.linalg.pinv(A)
        left = Y - H @ Y
        wanted = np.mean((left / (1 - H.diagonal())) ** 2 if cv is None else (left / (1 - H.trace() / len(Y))) ** 2)
        for k in LARGE:
            model = FeatureRidgeCV(features, [1e-6, 1.0], cv=cv).fit(np.ldexp(X, k), Y)
            assert model.best_score_ == pytest.approx(-wanted, rel=1e-6)


def test_one_row_has_no_error():
    for model in (KernelRidgeCV("ntk", cv="gcv"), FeatureRidgeCV(RandomFeatures(40, random_state=0), cv="gcv")):
        assert model.fit(X[:1], Y[:1]).best_score_ == 0.0
        np.testing.assert_allclose(model.predict(X[:2]), Y[0], rtol=1e-15)


@pytest.mark.parametrize("kernel", [NTK(), Linear()], ids=repr)
def test_iterations_on_rows_of_any_size(kernel):
    for k, alpha in ((-500, 1.0), (-333, 1.0), (-67, 1.0), (-30, 1e-3), (0, 1e300), (333, 2.0**660)):
        rows = np.ldexp(X, k)
        direct, found = (KernelRidge(kernel, alpha, solver=name).fit(rows, Y) for name in ("cholesky", "pcg"))
        assert found.residual_ < 1e-7
        np.testing.assert_allclose(found.predict(rows), direct.predict(rows), rtol=0, atol=1e-6)


def test_gcv_of_rows_that_lie_in_a_line():
    """More columns than rows, of which all but one are small beside it."""
    A, y = RNG.standard_normal((20, 50)), RNG.standard_normal(20)
    A = A[:, :1] + 1e-5 * A
    scores = [FeatureRidgeCV("passthrough", [1e-6, 1e-3], cv="gcv").fit(A * k, y).best_score_ for k in (1e20, 1e80)]
    u, s, _ = np.linalg.svd(A - A.mean(axis=0))
    g = (u[:, :19].T @ (y - y.mean())) / s[:19] ** 2
    wanted = 20 * (g @ g) / np.sum(s[:19] ** -2.0) ** 2
    np.testing.assert_allclose(scores, -wanted, rtol=1e-6)


def test_warnings_name_no_penalty_that_nobody_gave():
    w, A = np.ldexp(np.ones(12), 60), RNG.standard_normal((12, 40))
    w[0], A[1] = 1.0, A[1] * 1e6
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        FeatureRidgeCV("passthrough", [3e-4]).fit(A, RNG.standard_normal(12), w)
    assert not any("alpha = " in str(one.message) for one in caught)


@pytest.mark.parametrize("solver", ["cholesky", "pcg", "nystrom"])
def test_weights_of_sixteen_decades(solver):
    """Rows so far apart that their kernel matrix is the identity: each is fitted by itself."""
    n, alpha = 40, 1e-3
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows, y, w = rng.standard_normal((n, 3)) * 1e3, rng.standard_normal(n), 10.0 ** rng.uniform(-5, 11, n)
        share = 1 / (1 + alpha / w)
        mean = share @ y / share.sum()
        model = KernelRidge("rbf", alpha, solver=solver, n_components=n, random_state=0)
        if solver == "pcg":
            warnings.simplefilter("ignore")
        found = model.fit(rows, y, w).predict(rows)
        np.testing.assert_allclose(found, mean + share * (y - mean), rtol=0, atol=1e-6)
