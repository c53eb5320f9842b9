"""Standard deviations and likelihoods of ridge estimators against scikit-learn's Gaussian processes, and coverage."""

import pickle

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as gp

import widelearn as wl
from widelearn import FeatureRidge, FeatureRidgeCV, KernelRidge, KernelRidgeCV
from widelearn.estimators import posterior
from widelearn.kernels import RBF, Matern
from widelearn.ridge.factor import RidgeFactor

KERNELS = [
    (RBF(gamma=0.3), gp.RBF(length_scale=(2 * 0.3) ** -0.5)),
    (Matern(length_scale=1.5, nu=1.5), gp.Matern(length_scale=1.5, nu=1.5)),
    (2.0 * RBF(gamma=0.1) + wl.kernels.Linear() + 1.0, 2.0 * gp.RBF((2 * 0.1) ** -0.5) + gp.DotProduct(sigma_0=1.0)),
]


def peer(kernel, alpha, X, y):
    return GaussianProcessRegressor(kernel, alpha=alpha, optimizer=None).fit(X, y)


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("targets", [None, 3])
def test_scikit_learn_agrees(rng, number, targets):
    kernel, other = KERNELS[number]
    shape = (60,) if targets is None else (60, targets)
    X, y, X_new = rng.standard_normal((60, 3)), rng.standard_normal(shape), rng.standard_normal((20, 3))
    for alpha in (1e-4, 0.3, 20.0):
        model = KernelRidge(kernel, alpha=alpha, fit_intercept=False).fit(X, y)
        wanted = peer(other, alpha, X, y)
        mean, std = model.predict(X_new, return_std=True)
        expected_mean, expected_std = wanted.predict(X_new, return_std=True)
        np.testing.assert_allclose(mean, expected_mean, atol=1e-8)
        np.testing.assert_allclose(std, expected_std, atol=1e-8)
        assert model.log_marginal_likelihood() == pytest.approx(wanted.log_marginal_likelihood_value_, rel=1e-8)
        np.testing.assert_array_equal(model.predict(X_new), mean)
        # σ² 𝒦 and σ² alpha: the same mean, deviations times σ.
        scaled = peer(2.5 * other, 2.5 * alpha, X, y)
        np.testing.assert_allclose(
            model.predict(X_new, return_std=True, signal_variance=2.5)[1], scaled.predict(X_new, return_std=True)[1],
            atol=1e-8,
        )  # fmt: skip
        found = model.log_marginal_likelihood(signal_variance=2.5)
        assert found == pytest.approx(scaled.log_marginal_likelihood_value_, rel=1e-8)


def test_the_profile_is_the_best_signal_variance(rng):
    X, Y = rng.standard_normal((40, 2)), rng.standard_normal((40, 2)) * [0.1, 30.0]
    for model in (KernelRidge(RBF(), alpha=[0.1, 0.4]), FeatureRidge(wl.RandomFeatures(10, random_state=0), alpha=0.2)):
        fitted = model.fit(X, Y)
        ratio = fitted.predict(X, return_std=True, signal_variance="profile")[1] / fitted.predict(X, return_std=True)[1]
        best = (ratio**2).mean(axis=0)
        for target in range(2):
            alone = clone(model).set_params(alpha=np.broadcast_to(model.alpha, 2)[target]).fit(X, Y[:, target])
            likelihood = [alone.log_marginal_likelihood(signal_variance=best[target] * f) for f in (0.9, 1.0, 1.1)]
            assert likelihood[1] == max(likelihood)
            assert likelihood[1] == pytest.approx(alone.log_marginal_likelihood(signal_variance="profile"), rel=1e-12)
    K = RBF()(X)
    model = KernelRidge(RBF(), alpha=0.1, fit_intercept=False).fit(X, Y[:, 0])
    variance = Y[:, 0] @ np.linalg.solve(K + 0.1 * np.eye(40), Y[:, 0]) / 40
    found = model.predict(X, return_std=True, signal_variance="profile")[1] / model.predict(X, return_std=True)[1]
    np.testing.assert_allclose(found**2, variance, rtol=1e-9)


def features_of(seed):
    """A map, rows and weights: fewer features than rows or more, sometimes far from zero."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(20, 60)), int(rng.integers(5, 90))
    X, X_new = rng.standard_normal((n, 3)), rng.standard_normal((9, 3))
    y = rng.standard_normal((n, 2)) * 10.0 ** rng.integers(-100, 100) if seed % 3 == 0 else rng.standard_normal((n, 2))
    weight = None if seed % 2 else rng.integers(0, 4, n).astype(float)
    return wl.RandomFeatures(p, bias_scale=1.0, random_state=seed), X, y, weight, X_new, 10 ** rng.uniform(-3, 1)


@pytest.mark.parametrize("seed", range(6))
def test_features_by_the_process_of_all_copies_of_rows(seed):
    features, X, y, weight, X_new, alpha = features_of(seed)
    rows = np.arange(len(X)) if weight is None else np.repeat(np.arange(len(X)), weight.astype(int))
    Z, Z_new = features.fit(X).transform(X[rows]), features.transform(X_new)
    M = Z @ Z.T + alpha * np.eye(len(rows))
    for intercept in (True, False):
        models = [FeatureRidge(features, alpha, fit_intercept=intercept).fit(X, y, weight)]
        models.append(FeatureRidge(features, alpha, fit_intercept=intercept).partial_fit(X, y, weight))
        models.append(FeatureRidgeCV(features, [alpha], fit_intercept=intercept, cv="gcv").fit(X, y, weight))
        own = wl.kernels.as_kernel(lambda A, B: features.transform(A) @ features.transform(B).T)
        models.append(KernelRidge(own, alpha, fit_intercept=intercept).fit(X, y, weight))
        models.append(KernelRidgeCV(own, [alpha], fit_intercept=intercept).fit(X, y, weight))
        for model in models:
            about = y[rows] - model.intercept_
            spread = (Z_new**2).sum(axis=1) - ((Z_new @ Z.T) * np.linalg.solve(M, Z @ Z_new.T).T).sum(axis=1)
            mean, std = model.predict(X_new, return_std=True)
            np.testing.assert_array_equal(mean, model.predict(X_new))
            np.testing.assert_allclose(std, np.sqrt(np.maximum(spread, 0))[:, None] * [1, 1], rtol=1e-5, atol=1e-6)
            quadratic = (about * np.linalg.solve(M, about)).sum(axis=0) / (scale := (y**2).mean(axis=0))
            logs = np.linalg.slogdet(M)[1] + len(rows) * np.log(2 * np.pi * scale)
            for signal, value in (("profile", None), (1.0, 1.0)):
                if value is None:
                    best = quadratic / len(rows)
                    wanted = -0.5 * (len(rows) + logs + len(rows) * np.log(best)).sum()
                    found = model.log_marginal_likelihood(signal_variance=signal)
                    assert found == pytest.approx(wanted, rel=1e-6)
                elif 1e-3 < scale.min() <= scale.max() < 1e3:
                    wanted = -0.5 * (quadratic * scale + logs - len(rows) * np.log(scale)).sum()
                    assert model.log_marginal_likelihood() == pytest.approx(wanted, rel=1e-6)


def test_centres_that_are_all_rows_are_exact(rng):
    X, y, X_new = rng.standard_normal((80, 3)), rng.standard_normal(80), rng.standard_normal((15, 3))
    exact, every = KernelRidge(RBF(), alpha=0.1), KernelRidge(RBF(), alpha=0.1, solver="nystrom", n_components=80)
    wanted, found = (model.fit(X, y).predict(X_new, return_std=True)[1] for model in (exact, every))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert every.log_marginal_likelihood() == pytest.approx(exact.log_marginal_likelihood(), rel=1e-6)
    # Few explain nothing of rows far away, whose variance stays that of the prior.
    few = KernelRidge(RBF(), alpha=0.1, solver="nystrom", n_components=20).fit(X, y)
    np.testing.assert_allclose(few.predict(100 * X_new, return_std=True)[1], 1.0)


DRAWS, NEW, LEVEL = 90, 100, 0.9
KERNEL = RBF(gamma=0.1)
MAP = wl.RandomFeatures(300, bias_scale=1.0, random_state=5)


def features_kernel(X, Y):
    return MAP.fit(X).transform(X) @ MAP.transform(Y).T


@pytest.mark.parametrize(
    ("model", "kernel"),
    [
        (KernelRidge(KERNEL, fit_intercept=False), KERNEL),
        (KernelRidge(KERNEL, solver="nystrom", n_components=120, fit_intercept=False), KERNEL),
        (FeatureRidge(MAP, fit_intercept=False), features_kernel),
    ],
    ids=["cholesky", "nystrom", "features"],
)
def test_bands_cover_the_function_as_often_as_they_say(model, kernel):
    """Draws of a Gaussian process in five columns: the band of 90 % holds f at 90 % of new rows, on average."""
    alpha, d, n = 0.05, 5, 200
    covered, wider = [], []
    for seed in range(DRAWS):
        rng = np.random.default_rng([7, seed])
        X = rng.standard_normal((n + NEW, d))
        # A jitter that nothing here would show.
        f = np.linalg.cholesky(kernel(X, X) + 1e-10 * np.eye(n + NEW)) @ rng.standard_normal(n + NEW)
        y = f[:n] + np.sqrt(alpha) * rng.standard_normal(n)
        mean, std = model.set_params(alpha=alpha).fit(X[:n], y).predict(X[n:], return_std=True)
        off, edge = np.abs(mean - f[n:]), stats.norm.ppf(0.5 + LEVEL / 2) * std
        covered.append((off < edge).mean())
        wider.append((off < 1.1 * edge).mean())
    error = 3 * np.std(covered, ddof=1) / np.sqrt(DRAWS)
    assert abs(np.mean(covered) - LEVEL) < max(0.02, error)
    # Bands that are a tenth wider would be found out.
    assert abs(np.mean(wider) - LEVEL) > max(0.02, error)


def test_states_and_types(rng):
    X, y = rng.standard_normal((70, 3)), rng.standard_normal(70)
    for model in (
        KernelRidge(RBF()),
        FeatureRidge(wl.RandomFeatures(20, random_state=0)),
        FeatureRidge(random_state=0),
    ):
        fitted = model.fit(X, y)
        std = fitted.predict(X, return_std=True)[1]
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.predict(X, return_std=True)[1], std)
        single = model.fit(X.astype(np.float32), y.astype(np.float32)).predict(X.astype(np.float32), return_std=True)
        assert single[1].dtype == np.float32
        np.testing.assert_allclose(single[1], std, atol=1e-4)


def test_without_noise_a_process_knows_what_it_saw(rng):
    X, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    model = KernelRidge(wl.kernels.Laplace(gamma=1.0), alpha=0.0).fit(X, y)
    np.testing.assert_allclose(model.predict(X, return_std=True)[1], 0.0, atol=1e-7)
    assert (model.predict(X + 0.3, return_std=True)[1] > 0.1).all()
    with pytest.raises(ValueError, match=r"Without noise, at alpha = 0"):
        model.log_marginal_likelihood()
    with pytest.raises(ValueError, match=r"Without noise, at alpha = 0"):
        model.predict(X, return_std=True, signal_variance="profile")
    # A variance that is given takes no likelihood.
    plain, given = (model.predict(X + 0.3, return_std=True, signal_variance=s)[1] for s in (1.0, 4.0))
    np.testing.assert_array_equal(given, 2 * plain)


@pytest.mark.parametrize("signal_variance", [1.0, 2.5, "profile"])
def test_deviations_take_one_factor_a_penalty(rng, monkeypatch, signal_variance):
    X, Y = rng.standard_normal((30, 2)), rng.standard_normal((30, 3))
    model, made = KernelRidge(RBF(), alpha=[0.1, 0.4, 0.1]).fit(X, Y), []
    monkeypatch.setattr(posterior, "RidgeFactor", lambda *given: made.append(given[1]) or RidgeFactor(*given))
    model.predict(X, return_std=True, signal_variance=signal_variance)
    assert sorted(made) == [0.1, 0.4]


def test_refusals(rng):
    X, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    K = RBF()(X)
    with pytest.raises(ValueError, match="The variance of new rows is not known: neither a precomputed"):
        KernelRidge("precomputed").fit(K, y).predict(K, return_std=True)
    wide = FeatureRidge(wl.RandomFeatures(2049, random_state=0)).fit(rng.standard_normal((2100, 2)), np.arange(2100.0))
    with pytest.raises(ValueError, match="fit keeps no second moments of 2049 features"):
        wide.predict(X, return_std=True)
    model = KernelRidge(RBF()).fit(X, y)
    for wrong in ("best", -1.0, np.nan, np.inf, None, [1.0], 10**400, True, 1j):
        with pytest.raises(ValueError, match="signal_variance must be a positive number or 'profile'"):
            model.predict(X, return_std=True, signal_variance=wrong)
    constant = KernelRidge(RBF()).fit(X, np.zeros(30))
    with pytest.raises(ValueError, match="The targets are zero but for the intercept"):
        constant.log_marginal_likelihood(signal_variance="profile")
