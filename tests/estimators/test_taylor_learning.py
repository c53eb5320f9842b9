"""Taylor models: their starts, and what they learn and what not, beside kernels."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from widelearn import KernelRidge, KernelRidgeClassifier, TaylorClassifier, TaylorRegressor
from widelearn.estimators.taylor.activations import activation_scale
from widelearn.kernels import NTK, TaylorKernel

ALPHAS = np.logspace(-6, 2, 9)


def cube(d, n, seed, n_test=2000):
    """Rows of the cube and y = x1 x2, and as many test rows as asked for."""
    X = np.random.default_rng(seed).choice([-1.0, 1.0], (n + n_test, d))
    y = X[:, 0] * X[:, 1]
    return X[:n], y[:n], X[n:], y[n:]


def error(model, X, y, X_test, y_test):
    """Test error relative to the mean square of the targets, which are without mean."""
    return np.mean((model.fit(X, y).predict(X_test) - y_test) ** 2) / np.mean(y_test**2)


def quadratic(**parameters):
    return TaylorRegressor(linear_term=False, random_state=0, **parameters)


def best_kernel(kernel, *data):
    """The kernel at the penalty that is best on the test rows."""
    return min(error(KernelRidge(kernel, alpha, fit_intercept=False), *data) for alpha in ALPHAS)


def test_the_penalty_means_the_same_in_the_real_network():
    """Wide and little moved, its quadratic term and penalty are those of the Taylor model at W times sqrt(scale)."""
    X, y, X_test, _ = cube(10, 100, 0)
    scale = activation_scale("softplus", 2)
    taylor, real = (quadratic(mode=mode, width=2048, tol=1e-4).fit(X, y) for mode in ("taylor", "marginal"))
    ratio = np.sum(taylor.W_**2) / np.sum(real.W_**2)
    # Both are Taylor series whose next term is smaller by 1/sqrt(width) = 1/45; the variance over signs is as much.
    assert ratio == pytest.approx(scale, rel=0.1)
    np.testing.assert_allclose(real.predict(X_test), taylor.predict(X_test), atol=0.3)


def test_starts_agree_and_the_spectral_one_is_faster():
    X, y, _, _ = cube(20, 120, 0)
    random, spectral = (quadratic(init=init, tol=1e-8, max_iter=2000).fit(X, y) for init in ("random", "spectral"))
    # Iterations end when the objective falls by 1e-8 each: some hundred of them are left out at most.
    assert spectral.loss_curve_[-1] == pytest.approx(random.loss_curve_[-1], rel=1e-3)
    assert quadratic().fit(X, y).n_iter_ < quadratic(init="random").fit(X, y).n_iter_ / 2


def test_zero_is_a_saddle():
    X, y, X_test, y_test = cube(10, 100, 0)
    for solver in ("lbfgs", "adam"):
        with pytest.raises(ValueError, match=r"init='zeros' is a stationary point.*Take init='random' or 'spectral'"):
            quadratic(init="zeros", solver=solver).fit(X, y)
    assert error(quadratic(init="zeros", solver="pgd", max_iter=5000), X, y, X_test, y_test) < 0.05


@pytest.mark.parametrize(("d", "kernel_error"), [(20, 0.5), (40, 0.75), (80, 0.85)])
def test_a_product_of_two_columns_beyond_the_tangent_kernel(d, kernel_error):
    """At n = 6 d, in the median of five samples. The kernel's penalty is the best on the test rows."""
    errors = [error(quadratic(), *cube(d, 6 * d, seed)) for seed in range(5)]
    assert np.median(errors) < 0.05
    assert best_kernel(NTK(), *cube(d, 6 * d, 0)) > kernel_error


def test_parity_of_classes():
    X, y, X_test, y_test = cube(40, 160, 0)
    model = TaylorClassifier(linear_term=False, random_state=0).fit(X, y)
    assert model.score(X_test, y_test) >= 0.99
    kernel = max(KernelRidgeClassifier(NTK(), alpha).fit(X, y).score(X_test, y_test) for alpha in ALPHAS)
    assert kernel <= 0.70


def test_the_real_network():
    data = cube(40, 400, 0)
    assert error(quadratic(mode="marginal", width=256), *data) <= 0.03
    assert error(quadratic(mode="signs", width=512, max_iter=80), *data) <= 0.08


def test_a_dense_quadratic_form_is_no_easier_than_for_its_kernel(rng):
    """The negative control: the gain is in few directions."""
    X = rng.choice([-1.0, 1.0], (2400, 40))
    y = np.einsum("ij,jk,ik->i", X, np.triu(rng.standard_normal((40, 40)), 1), X)
    data = X[:400], y[:400], X[400:], y[400:]
    assert best_kernel(TaylorKernel(2, "softplus"), *data) < error(quadratic(), *data)


def test_an_even_term_sees_no_linear_part(rng):
    """The negative control of `linear_term`: dense linear + product."""
    X = rng.choice([-1.0, 1.0], (2400, 40))
    y = X @ rng.standard_normal(40) / 40**0.5 + X[:, 0] * X[:, 1]
    data = X[:400], y[:400], X[400:], y[400:]
    alone = error(quadratic(), *data)
    assert alone > best_kernel(NTK(), *data)
    assert error(TaylorRegressor(random_state=0), *data) < 0.05 < 0.5 < alone


def test_whitening_repairs_unlike_columns():
    X, y, X_test, y_test = cube(40, 400, 0)
    scale = np.ones(40)
    scale[5:9] = 6
    data = X * scale, y, X_test * scale, y_test
    with pytest.warns(UserWarning, match=r"One direction of X has .*M_op² = .*or set whiten=True"):
        assert error(quadratic(), *data) > 0.2
    assert error(quadratic(whiten=True), *data) < 0.02


def test_odd_curvature_is_blind_to_even_targets():
    X = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]] * 10)
    with pytest.warns(UserWarning, match="σ'' is odd.*Take activation='softplus'"):
        TaylorRegressor(activation="tanh", random_state=0).fit(X, X[:, 0] * X[:, 1])
    assert TaylorRegressor(random_state=0).fit(X, X[:, 0] * X[:, 1]).score(X, X[:, 0] * X[:, 1]) > 0.95


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_digits(seed):
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=seed)
    assert TaylorClassifier(random_state=seed).fit(X, y).score(X_test, y_test) >= 0.96


@pytest.mark.parametrize(
    ("load", "floor"), [(load_diabetes, 0.2), (load_breast_cancer, 0.94), (load_wine, 0.94), (load_iris, 0.92)]
)
def test_defaults_on_tables(load, floor):
    """Scores of three splits; the floors lie two test errors or more below what was measured."""
    X, y = load(return_X_y=True)
    model = TaylorRegressor if load is load_diabetes else TaylorClassifier
    scores = []
    for seed in range(3):
        A, B, a, b = train_test_split(X, y, random_state=seed)
        scores.append(make_pipeline(StandardScaler(), model(random_state=seed)).fit(A, a).score(B, b))
    assert np.mean(scores) > floor


@pytest.mark.parametrize("power", [2, 16, 32, 64])
@pytest.mark.parametrize("order", [2, 3, 4])
def test_powers_of_the_penalty_are_taken_to_the_last(power, order):
    """Powers that overflow where steps are tried end no fit with an error; the net stays where G^q is finite."""
    rng = np.random.default_rng(power)
    X = rng.standard_normal((80, 4))
    y = X[:, 0] * X[:, 1] + X[:, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = TaylorRegressor(order, width=16, penalty_power=power, random_state=0).fit(X, y)
    sizes = np.sum(model.W_**2, axis=1) ** order
    assert np.isfinite(model.loss_curve_).all()
    assert 0 < model.alpha * np.sum(sizes) ** power <= model.loss_curve_[-1] * (1 + 1e-9)
    assert model.score(X, y) > 0.1


def test_a_descent_that_diverges_names_parameters_that_it_has():
    X = np.random.default_rng(0).standard_normal((80, 4))
    with pytest.warns(ConvergenceWarning, match="lbfgs diverged .* smaller alpha or penalty_power"):
        TaylorRegressor(alpha=1e300, width=16, random_state=0).fit(X, X[:, 0] * X[:, 1])
