"""Targets and weights of any size: powers of two that are taken out of them change no bit of what a model says."""

import inspect

import numpy as np
import pytest
from sklearn.base import is_regressor

import widelearn as wl
from widelearn.estimators.units import ONES, Units

# Grids of few penalties, whose edges are often chosen.
pytestmark = pytest.mark.filterwarnings("ignore:alpha = ", "ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 4))
Y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
LABELS = np.digitize(Y, [-0.5, 0.5])
CHEAP = {"width": 8, "max_iter": 5, "n_iter": 1, "random_state": 0}
EVERY = [value for name in wl.__all__ if isinstance(value := getattr(wl, name), type) and hasattr(value, "predict")]
REGRESSORS = [family for family in EVERY if is_regressor(family())]
WEIGHTED = [family for family in EVERY if "sample_weight" in inspect.signature(family.fit).parameters]
# Objectives of these are weighted means, those of the others weighted sums.
MEANS = [wl.TaylorClassifier, wl.TaylorRegressor, wl.TwoLayerClassifier, wl.TwoLayerRegressor]
RIDGES = [family for family in WEIGHTED if family not in MEANS]
# Scores of squares: what the best penalty is chosen by.
SCORED = ("CV", "Machine", "GradientFlowRegressor")


def made(family, **options):
    """Return a cheap estimator of a class."""
    known = family().get_params(deep=False)
    return family(**{name: value for name, value in {**CHEAP, **options}.items() if name in known})


def test_estimators_are_found():
    assert len(REGRESSORS) == 10
    assert len(RIDGES) == 14
    assert set(MEANS) <= set(WEIGHTED)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("family", REGRESSORS)
def test_targets_of_any_size(family, dtype):
    x = X.astype(dtype)
    values = made(family).fit(x, Y).predict(x)
    least, most = (-110, 110) if dtype == np.float32 else (-1000, 1000)
    for k in (least, -560, -90, -45, 45, 90, 520, most):
        if not least <= k <= most:
            with pytest.raises(ValueError, match=f"pass float64 rows, or scale y {'up' if k < 0 else 'down'}"):
                made(family).fit(x, np.ldexp(Y, k))
            continue
        model = made(family)
        if k > 500 and family.__name__.endswith(SCORED):
            with pytest.raises(ValueError, match="scale y down by 1e"):
                model.fit(x, np.ldexp(Y, k))
            continue
        np.testing.assert_array_equal(model.fit(x, np.ldexp(Y, k)).predict(x), np.ldexp(values, k))


# scikit-learn's look at infinities adds all targets up.
@pytest.mark.filterwarnings("ignore:invalid value encountered in reduce", "ignore:overflow encountered in reduce")
@pytest.mark.parametrize("family", REGRESSORS)
@pytest.mark.parametrize("size", [1e-310, 1e308])
def test_targets_that_numbers_do_not_hold(family, size):
    with pytest.raises(ValueError, match=r"The numbers of a target reach .*float64 holds 2\.2e-308 to 4\.5e\+307"):
        made(family).fit(X, np.sign(Y) * size)


@pytest.mark.parametrize("family", [wl.FeatureRidge, wl.KernelRidge])
def test_targets_of_unlike_sizes_are_fitted_each_by_itself(family):
    sizes = np.array([0, -900, 700, -60])
    together = made(family).fit(X, np.ldexp(np.outer(Y, np.ones(4)), sizes)).predict(X)
    alone = made(family).fit(X, Y).predict(X)
    np.testing.assert_allclose(np.ldexp(together, -sizes), np.outer(alone, np.ones(4)), rtol=1e-10, atol=1e-12)


def test_scores_are_in_the_users_units():
    kinds = [made(wl.FeatureRidgeCV, cv=cv) for cv in (None, "gcv", 5)] + [
        made(wl.KernelRidgeCV, cv=cv) for cv in (None, 5)
    ]
    for model in [*kinds, made(wl.RecursiveFeatureMachine)]:
        plain, k = model.fit(X, Y).best_score_, 200
        power = 0 if getattr(model, "cv", None) == 5 else 2 * k
        assert model.fit(X, np.ldexp(Y, k)).best_score_ == np.ldexp(plain, power)
        assert model.fit(X, np.ldexp(Y, -k)).best_score_ == np.ldexp(plain, -power)
    stored = wl.FeatureRidgeCV(random_state=0, store_cv_results=True, alpha_per_target=True)
    many = np.column_stack([Y, Y**2])
    plain = stored.fit(X, many)
    errors, scores, alphas = plain.cv_results_, plain.best_score_, plain.alpha_
    stored.fit(X, np.ldexp(many, [300, -90]))
    np.testing.assert_array_equal(stored.cv_results_, np.ldexp(errors, [[600], [-180]]))
    np.testing.assert_array_equal(stored.best_score_, np.ldexp(scores, [600, -180]))
    np.testing.assert_array_equal(stored.alpha_, alphas)
    told = []
    machine = made(wl.RecursiveFeatureMachine, callback=lambda t, error: told.append(error)).fit(X, np.ldexp(Y, 100))
    assert np.isin(machine.history_, told).all()


def penalised(family, factor):
    """Return an estimator whose penalties are times a factor."""
    many = family.__name__.endswith(("CV", "Machine", "MachineClassifier"))
    options = {"alphas": np.array([0.1, 1.0, 10.0]) * factor} if many else {"alpha": 0.5 * factor}
    return made(family, **options)


@pytest.mark.parametrize("family", RIDGES)
def test_weights_and_penalties_of_any_size(family):
    weight = np.random.default_rng(1).integers(0, 4, len(X)) * 0.5
    y = Y if is_regressor(family()) else LABELS
    plain = penalised(family, 1.0).fit(X, y, weight)
    for factor in (1e-150, 1e-100, 2.0**-40, 1e-7, 3e5, 2e11, 1e100, 1e150):
        model = penalised(family, factor).fit(X, y, weight * factor)
        if not hasattr(model, "classes_"):
            np.testing.assert_allclose(model.predict(X), plain.predict(X), rtol=1e-9, atol=1e-11)
        else:
            found, wanted = model.decision_function(X), plain.decision_function(X)
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)
        if hasattr(model, "alpha_"):
            assert model.alpha_ == plain.alpha_ * factor
            # Those of recursive machines are weighted means.
            sums = 1.0 if "Machine" in family.__name__ else factor
            assert model.best_score_ == pytest.approx(plain.best_score_ * sums, rel=1e-9)


@pytest.mark.parametrize("family", MEANS)
def test_weights_of_any_size_in_a_mean(family):
    weight = np.random.default_rng(1).integers(0, 4, len(X)) * 0.5
    y = Y if is_regressor(family()) else LABELS
    plain = made(family).fit(X, y, weight)
    for factor in (1e-150, 2.0**-40, 1e-7, 3e5, 1e150):
        model = made(family).fit(X, y, weight * factor)
        name = "predict" if is_regressor(model) else "decision_function"
        np.testing.assert_allclose(getattr(model, name)(X), getattr(plain, name)(X), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("solver", ["pcg", "nystrom"])
def test_solvers_with_weights_of_any_size(solver):
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(X))
    plain = wl.KernelRidge("rbf", 0.5, solver=solver).fit(X, Y, weight).predict(X)
    for factor in (1e-150, 1e-100, 2e11, 1e150):
        model = wl.KernelRidge("rbf", 0.5 * factor, solver=solver).fit(X, Y, weight * factor)
        np.testing.assert_allclose(model.predict(X), plain, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("family", [family for family in WEIGHTED if "CV" not in family.__name__])
def test_whole_weights_are_repeated_rows_and_those_of_zero_are_not_there(family):
    for seed in range(3):
        weight = np.random.default_rng(seed).integers(0, 3, len(X))
        y, strange = (Y.copy(), 1e90) if is_regressor(family()) else (LABELS.copy(), 1)
        rows = X.copy()
        y[weight == 0], rows[weight == 0] = strange, 1e5
        kept = weight > 0
        weighted = made(family).fit(rows, y, weight)
        repeated = made(family).fit(np.repeat(rows, weight, axis=0), np.repeat(y, weight))
        dropped = made(family).fit(rows[kept], y[kept], weight[kept])
        for other in (repeated, dropped):
            name = "predict" if is_regressor(weighted) else "decision_function"
            found, wanted = getattr(weighted, name)(X), getattr(other, name)(X)
            np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("family", WEIGHTED)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
def test_weights_that_are_none(family, wrong):
    weight = np.ones(len(X))
    weight[[7, 9]] = wrong
    with pytest.raises(ValueError, match=rf"^sample_weight is .* at 2 of 60 places, first 7: {wrong:g}\."):
        made(family).fit(X, Y if is_regressor(family()) else LABELS, weight)


@pytest.mark.parametrize("k", [-560, 520])
def test_sums_refuse_targets_whose_squares_they_do_not_hold(k):
    model = made(wl.FeatureRidge)
    with pytest.raises(ValueError, match=r"scale y (up|down), or give all rows to one fit"):
        model.partial_fit(X, np.ldexp(Y, k)).predict(X)
    part = made(wl.FeatureRidge).partial_fit(X, np.ldexp(Y, k // 2)).predict(X)
    whole = made(wl.FeatureRidge).fit(X, np.ldexp(Y, k // 2)).predict(X)
    np.testing.assert_allclose(part, whole, rtol=1e-9, atol=1e-11 * np.abs(whole).max())


def test_constants_and_zeros():
    # A net of two layers learns constants, like all else, by steps, and linearised ones have no intercept.
    without = (wl.TwoLayerRegressor, wl.LinearizedRidge, wl.TaylorizedRidge)
    for family in [family for family in REGRESSORS if family not in without]:
        for value in (0.0, 1e-170, 1e120):
            model = made(family).fit(X, np.full(len(X), value))
            np.testing.assert_allclose(model.predict(X), value, rtol=1e-6)


def test_ordinary_numbers_are_not_touched():
    targets = np.column_stack([Y, 1e9 * Y, np.zeros(len(Y))])
    weight = np.linspace(0.01, 1e5, len(Y))
    units = Units.of(targets, weight, np.float64)
    assert (units.targets, units.weight) == (ONES.targets, ONES.weight)
    assert all(a is b for a, b in zip(units.take_out(targets, weight), (targets, weight), strict=True))
    assert units.original(targets, "") is targets
    assert units.penalties(weight) is weight
