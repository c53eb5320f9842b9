"""float32 rows lose nothing that alpha keeps, and the kernel solution that is returned is the one that was scored."""

import numpy as np
import pytest

from widelearn import KernelRidge, KernelRidgeClassifierCV, KernelRidgeCV, ridge
from widelearn.kernels import NTK, RBF, Laplace, Linear, Matern, Polynomial

# Grids here are short, for speed: the best penalty may lie at their edge.
pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")

KERNELS = [NTK(), NTK(3), RBF(0.5), Matern(2.0, 2.5), Laplace(), Polynomial(2), Linear() + 1.0]


def smooth(rng, n, d, offset):
    X = (rng.uniform(-2, 2, (n, d)) + offset).astype(np.float32)
    u = X.astype(np.float64) - offset
    y = np.sin(2 * u[:, 0]) + u[:, -1]
    return X, y + 0.1 * rng.standard_normal(n), y


@pytest.mark.filterwarnings("ignore:Rounding errors move the fit")
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_float32_rows_give_what_float64_does(kernel, rng):
    """Rows are exact in float32; what is left is the rounding of predictions, 1e-5 of the targets' spread."""
    for n, d, offset, alpha in [(150, 1, 0, 1e-6), (120, 2, 10, 1e-3), (80, 3, 0, 1.0), (100, 2, 3, 1e-4)]:
        X, y, _ = smooth(rng, n, d, offset)
        T = smooth(rng, 50, d, offset)[0]
        for weight in (None, rng.uniform(0.1, 3, n)):
            single = KernelRidge(kernel, alpha).fit(X, y, weight)
            double = KernelRidge(kernel, alpha).fit(X.astype(np.float64), y, weight)
            values = single.predict(T)
            assert values.dtype == np.float32
            wanted = double.predict(T.astype(np.float64))
            np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-4 * max(np.abs(wanted).max(), 1.0))


def test_a_float32_matrix_is_solved_in_float64_where_it_must_be(rng):
    """The case of eigenvalues below n eps32 times the largest, which alpha keeps."""
    X, y, truth = smooth(rng, 300, 1, 0)
    K = Matern(2.0, 2.5)(X.astype(np.float64)).astype(np.float32)
    for alpha in (1e-2, 1e-4):
        model = KernelRidge("precomputed", alpha).fit(K, y)
        double = KernelRidge("precomputed", alpha).fit(K.astype(np.float64), y)
        values = model.predict(K)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, double.predict(K.astype(np.float64)), atol=1e-4)
        assert np.mean((values - truth) ** 2) < 0.05 * truth.var()


@pytest.mark.parametrize("solver", ["cholesky", "pcg", "nystrom"])
def test_every_solver_keeps_the_digits_that_predictions_need(solver, rng):
    X, y, _ = smooth(rng, 300, 1, 0)
    T, _, truth = smooth(rng, 200, 1, 0)
    model = KernelRidge(Matern(2.0, 2.5), 1e-4, solver=solver, n_components=100).fit(X, y)
    assert model.score(T, truth) > 0.98


def refitted(kernel, alpha, X, y, weight):
    """Minus the weighted mean square of left-out errors, one fit for each row."""
    total = 0.0
    for i in range(len(y)):
        k = np.arange(len(y)) != i
        model = KernelRidge(kernel, alpha).fit(X[k], y[k], None if weight is None else weight[k])
        total += (1.0 if weight is None else weight[i]) * float(y[i] - model.predict(X[i : i + 1])[0]) ** 2
    return -total / len(y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_score_is_that_of_the_model(dtype, weighted, rng):
    X, y, _ = smooth(rng, 40, 1, 0)
    X, weight = X.astype(dtype), rng.uniform(0.1, 3, 40) if weighted else None
    for kernel, alphas in [(Matern(2.0, 2.5), (1e-5, 1e-4, 1e-3)), ([NTK(), RBF(1.0)], np.logspace(-4, 2, 9))]:
        model = KernelRidgeCV(kernel, alphas).fit(X, y, weight)
        again = KernelRidge(model.kernel_, model.alpha_).fit(X, y, weight)
        wanted = refitted(model.kernel_, model.alpha_, X, y, weight)
        np.testing.assert_allclose(model.best_score_, wanted, rtol=1e-8 if dtype == np.float64 else 1e-3)
        np.testing.assert_allclose(model.predict(X), again.predict(X), atol=1e-9 if dtype == np.float64 else 1e-4)
        if dtype == np.float64:
            np.testing.assert_array_equal(model.dual_coef_, again.dual_coef_)


def test_generalised_cross_validation_chooses(rng):
    X, y, _ = smooth(rng, 60, 2, 0)
    alphas = np.logspace(-4, 3, 8)
    for weight in (None, rng.uniform(0.5, 2, 60)):
        for intercept in (False, True):
            model = KernelRidgeCV(RBF(0.5), alphas, cv="gcv", fit_intercept=intercept).fit(X, y, weight)
            again = KernelRidge(RBF(0.5), model.alpha_, fit_intercept=intercept).fit(X, y, weight)
            np.testing.assert_allclose(model.predict(X), again.predict(X), atol=1e-4)
            if not intercept:
                errors = ridge.gcv(RBF(0.5)(X.astype(np.float64)), y, alphas, kind="kernel", sample_weight=weight)
                assert model.alpha_ == alphas[errors.argmin()]
                np.testing.assert_allclose(-model.best_score_, errors.min(), rtol=1e-9)
    labels = np.where(y > 0, "b", "a")
    model = KernelRidgeClassifierCV(["rbf", NTK()], alphas, cv="gcv").fit(X, labels)
    assert model.score(X, labels) > 0.85
