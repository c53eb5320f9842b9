"""The picture of a spectrum: eigenvalues of the fit's matrix, and κ as trace and theory have it."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.exceptions import NotFittedError

import widelearn as wl
from widelearn import theory
from widelearn.diagnostics import SpectrumDisplay
from widelearn.kernels import RBF, Linear


def problem(n=50, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    return X, np.sin(2 * X[:, 0]) + 0.3 * rng.standard_normal(n), rng.integers(0, 4, n).astype(float)


def test_eigenvalues_of_a_fit_without_an_intercept():
    X, y, _ = problem()
    model = wl.KernelRidge(RBF(0.3), alpha=0.2, fit_intercept=False).fit(X, y)
    shown = SpectrumDisplay.from_estimator(model)
    K = RBF(0.3)(X)
    np.testing.assert_allclose(shown.eigenvalues, np.linalg.eigvalsh(K)[::-1] / 50, rtol=1e-9, atol=1e-15)
    # Another implementation of 1 / tr (K + alpha)⁻¹.
    np.testing.assert_allclose(shown.effective_ridge, theory.gcv(K, y, 0.2).effective_ridge, rtol=1e-12)
    assert shown.ridge.tolist() == [0.2]
    heights = [line.get_ydata()[0] for line in shown.ax_.lines]
    assert heights[1:] == [shown.effective_ridge[0], 0.2 / 50]
    np.testing.assert_array_equal(shown.ax_.lines[0].get_ydata()[::2], shown.eigenvalues[shown.eigenvalues > 0])
    shown.figure_.canvas.draw()


@pytest.mark.parametrize("kind", [wl.KernelRidge, wl.KernelRidgeClassifier])
def test_weights_and_intercept_are_those_of_the_fit(kind):
    """Eigenvalues beyond the border solve the fit: the left-out form of its coefficients has the same matrix."""
    X, y, weight = problem()
    y = (y > 0).astype(int) if kind is wl.KernelRidgeClassifier else y
    model = kind("rbf", alpha=0.3).fit(X, y, weight)
    shown = SpectrumDisplay.from_estimator(model, sample_weight=weight)
    kept, u = weight > 0, np.sqrt(weight[weight > 0])
    P = np.eye(len(u)) - np.outer(u, u) / (u @ u)
    M = P @ (u[:, None] * model.kernel_(X[kept]) * u) @ P
    wanted = np.sort(np.linalg.eigvalsh(M))[::-1][:-1]
    assert shown.n == len(u)
    np.testing.assert_allclose(shown.eigenvalues, wanted / len(u), rtol=1e-9, atol=1e-15)
    inverse = np.trace(np.linalg.inv(M + 0.3 * np.eye(len(u)))) - 1 / 0.3
    np.testing.assert_allclose(shown.effective_ridge, 1 / inverse, rtol=1e-12)


def test_a_recursive_machine_and_several_penalties():
    X, y, _ = problem(120)
    model = wl.RecursiveFeatureMachine(n_iter=1).fit(X, y)
    shown = SpectrumDisplay.from_estimator(model, ax=Figure().subplots())
    assert shown.ridge.tolist() == [model.alpha_]
    assert len(shown.eigenvalues) == 119
    many = wl.KernelRidge("rbf", alpha=[0.1, 2.0]).fit(X, np.column_stack([y, -y]))
    shown = SpectrumDisplay.from_estimator(many)
    assert shown.ridge.tolist() == [0.1, 2.0]
    assert len(shown.ax_.lines) == 5


def test_rounding_is_not_drawn():
    """A linear kernel of three columns has three eigenvalues, and without a penalty κ is 0."""
    X, y, _ = problem()
    model = wl.KernelRidge(Linear(), alpha=0.0, solver="cholesky").fit(X, y)
    shown = SpectrumDisplay.from_estimator(model)
    assert np.count_nonzero(shown.eigenvalues) == 3
    assert shown.effective_ridge.tolist() == [0.0]
    assert len(shown.ax_.lines) == 1


def test_theory():
    spectrum = theory.Spectrum([0.01, 1.0], [2000, 10], tail=0.5)
    shown = SpectrumDisplay.from_spectrum(spectrum, 100, [0.0, 1.0])
    np.testing.assert_array_equal(shown.eigenvalues, [1.0, 0.01])
    np.testing.assert_array_equal(shown.multiplicities, [10, 2000])
    np.testing.assert_allclose(shown.effective_ridge, theory.effective_ridge(spectrum, 100, [0.0, 1.0]), rtol=1e-12)
    np.testing.assert_array_equal(shown.ax_.lines[0].get_xdata(), [1, 10, 11, 2010])
    levels = [line.get_ydata()[0] for line in shown.ax_.lines[1:]]
    np.testing.assert_array_equal(levels, [*shown.effective_ridge, 0.01])
    assert SpectrumDisplay.from_spectrum([1.0, 0.5], 10, 1.0).eigenvalues.tolist() == [1.0, 0.5]


def test_a_sample_is_near_its_theory():
    """Isotropic columns: κ of 400 rows is that of the spectrum within 3 %, and a penalty of twice as much is not."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 200))
    model = wl.KernelRidge(Linear(), alpha=100.0, fit_intercept=False).fit(X, X[:, 0])
    found = SpectrumDisplay.from_estimator(model)
    spectrum = theory.Spectrum([1.0], [200])
    wanted, wrong = (SpectrumDisplay.from_spectrum(spectrum, 400, ridge) for ridge in (100.0, 200.0))
    assert found.effective_ridge[0] == pytest.approx(wanted.effective_ridge[0], rel=0.03)
    assert found.effective_ridge[0] != pytest.approx(wrong.effective_ridge[0], rel=0.3)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"eigenvalues": [-1.0]}, "eigenvalues"),
        ({"multiplicities": [1.0]}, "multiplicities"),
        ({"n": 0}, "n must be a positive number of rows"),
        ({"ridge": [1.0]}, "1 ridges but 0 effective ones"),
        ({"ridge": [-1.0]}, "ridge must hold finite numbers"),
    ],
)
def test_what_is_no_spectrum_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        SpectrumDisplay(**{"eigenvalues": [1.0, 2.0]} | options)


def test_what_has_no_spectrum_is_refused():
    X, y, weight = problem()
    with pytest.raises(NotFittedError):
        SpectrumDisplay.from_estimator(wl.KernelRidge())
    with pytest.raises(TypeError, match="must be a fitted kernel machine"):
        SpectrumDisplay.from_estimator(3)
    for model in (wl.FeatureRidge().fit(X, y), wl.KernelRidge("precomputed").fit(X @ X.T, y)):
        with pytest.raises(TypeError, match="no kernel object and rows"):
            SpectrumDisplay.from_estimator(model)
    with pytest.raises(ValueError, match="centres"):
        SpectrumDisplay.from_estimator(wl.KernelRidge("rbf", solver="nystrom", n_components=5).fit(X, y))
    model = wl.KernelRidge("rbf").fit(X, y)
    for wrong in (weight[:-1], -weight, 0 * weight):
        with pytest.raises(ValueError, match="50 finite weights"):
            SpectrumDisplay.from_estimator(model, sample_weight=wrong)
    with pytest.raises(TypeError, match="ax must be"):
        SpectrumDisplay([1.0]).plot(3)
    with pytest.raises(ValueError, match=r"SpectrumDisplay\(\) got a number beyond"):
        SpectrumDisplay([1.0], n=10**400)
    with pytest.raises(ValueError, match=r"SpectrumDisplay\.from_spectrum\(\) got a number beyond"):
        SpectrumDisplay.from_spectrum([1.0], 10, 10**400)


@pytest.mark.parametrize("intercept", [True, False])
def test_the_fit_is_drawn_whatever_was_set_since(intercept, rng):
    X = rng.standard_normal((30, 3))
    model = wl.KernelRidge("rbf", 0.5, fit_intercept=intercept).fit(X, X[:, 0])
    before = SpectrumDisplay.from_estimator(model)
    after = SpectrumDisplay.from_estimator(model.set_params(alpha=9.0, fit_intercept=not intercept))
    np.testing.assert_array_equal(after.eigenvalues, before.eigenvalues)
    assert after.ridge.tolist() == before.ridge.tolist() == [0.5]
    assert len(after.eigenvalues) == 30 - intercept
