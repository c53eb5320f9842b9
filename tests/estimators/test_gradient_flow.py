"""Gradient flow against flows and descents that are followed step by step, in more digits or without a closed form."""

import pickle

import mpmath
import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.preprocessing import PolynomialFeatures

import widelearn as wl
from widelearn import GradientFlowClassifier, GradientFlowRegressor
from widelearn.estimators.flow.contents import folds, of_rows
from widelearn.estimators.flow.left_out import poles
from widelearn.kernels import NTK, RBF
from widelearn.theory import gradient_flow


def problem(seed, n=30, m=7):
    """Rows, targets and weights of many sizes; some rows twice, some weights zero."""
    rng = np.random.default_rng(seed)
    d, t = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    X = rng.standard_normal((n, d)) * 10 ** rng.uniform(-1, 1)
    X[: n // 5] = X[-(n // 5) :]
    Y = (rng.standard_normal((n, t)) + rng.uniform(-30, 30, t)) * 10.0 ** rng.integers(-8, 9)
    weight = None if seed % 2 else rng.integers(0, 4, n) * rng.choice([1.0, 0.37])
    return X, Y, weight, rng.standard_normal((m, d)) * X.std(), rng


def descended(K, cross, Y, weight, steps, rate, momentum, intercept):
    """Follow the coefficients of the centred kernel step by step, by the gradient of the loss and what it was."""
    w = np.ones(len(K)) if weight is None else weight
    share = w / w.sum() if intercept else np.zeros(len(K))
    mean, about = share @ Y, cross - share @ K
    centred = K - share @ K
    centred = centred - (centred @ share)[:, None]
    about = about - (about @ share)[:, None]
    a = last = np.zeros(Y.shape)
    found = {}
    for step in range(max(steps) + 1):
        if step in steps:
            found[step] = mean + about @ a
        gradient = -w[:, None] / w.sum() * (Y - mean - centred @ a)
        a, last = a - rate * gradient + momentum * (a - last), a
    return np.stack([found[step] for step in steps])


@pytest.mark.parametrize("seed", range(12))
def test_steps_are_those_of_gradient_descent(seed):
    X, Y, weight, X_new, rng = problem(seed)
    kernel, intercept = (RBF(gamma=0.3), NTK(bias_variance=0.1))[seed % 3 == 0], bool(seed % 4 < 2)
    momentum = (0.0, 0.5, 0.9, 0.99)[seed % 4]
    bound = GradientFlowRegressor(kernel, 1, fit_intercept=intercept).fit(X, Y, weight).max_learning_rate_
    rate = bound * (1 + momentum) * rng.choice([0.02, 0.5, 0.97])
    model = GradientFlowRegressor(kernel, 20, learning_rate=rate, momentum=momentum, fit_intercept=intercept)
    model.fit(X, Y, weight)
    assert model.max_learning_rate_ == pytest.approx(bound * (1 + momentum))
    steps = [0, 1, 2, 3, 10, 57, 300]
    wanted = descended(kernel(X), kernel(X_new, X), Y, weight, steps, rate, momentum, intercept)
    size = np.abs(Y).max()
    found = model.staged_predict(X_new, steps)
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, atol=1e-10 * size, rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X_new), model.staged_predict(X_new, 20))


@pytest.mark.parametrize("momentum", [0.25, 0.81])
def test_the_heavy_ball_where_its_roots_meet(momentum):
    # Two rows apart: rates 1/2 each times the step, and (1 - sqrt(momentum))² is where two roots are one.
    X, y = np.array([[0.0], [100.0]]), np.array([1.0, -1.0])
    for pull in ((1 - momentum**0.5) ** 2, 1.0, (1 + momentum**0.5) ** 2, 1.9 * (1 + momentum) * 0.99):
        options = {"learning_rate": 2 * pull, "momentum": momentum, "fit_intercept": False}
        model = GradientFlowRegressor(RBF(gamma=1.0), 5, **options).fit(X, y)
        steps = [1, 2, 5, 40, 41]
        wanted = descended(np.eye(2), np.eye(2), y[:, None], None, steps, 2 * pull, momentum, intercept=False)
        np.testing.assert_allclose(model.staged_predict(X, steps), wanted[:, :, 0], atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_exact_flow_in_forty_digits(seed):
    X, Y, weight, X_new, _ = problem(seed, n=7, m=3)
    weight = np.ones(7) if weight is None else np.maximum(weight, 0.5)
    kernel, intercept = NTK(depth=2, bias_variance=0.3), seed % 2 == 0
    K, cross = kernel(X), kernel(X_new, X)
    times = np.array([0.1, 3.0, 80.0]) * weight.sum() / np.linalg.eigvalsh(K)[-1]
    model = GradientFlowRegressor(kernel, 1.0, fit_intercept=intercept).fit(X, Y, weight)
    with mpmath.workdps(40):
        W, M, C = (mpmath.matrix(part.tolist()) for part in (np.diag(weight), K, cross))
        ones = mpmath.ones(7, 1)
        share = ones.T * W / mpmath.mpf(weight.sum()) if intercept else mpmath.zeros(1, 7)
        mean, center = share * mpmath.matrix(Y.tolist()), share * M
        H = mpmath.eye(7) - ones * share
        for time, found in zip(times, model.staged_predict(X_new, times), strict=True):
            # (I - exp(-t A)) A⁻¹ t = ∫ exp(-s A) ds: the upper right block of an exponential.
            A = H * M * H.T * W / mpmath.mpf(weight.sum())
            block = mpmath.zeros(14, 14)
            for i in range(7):
                block[i, 7 + i] = 1
                for j in range(7):
                    block[i, j] = -A[i, j]
            grown = mpmath.expm(block * mpmath.mpf(time))[:7, 7:]
            a = H.T * W * grown * (H * mpmath.matrix(Y.tolist())) / mpmath.mpf(weight.sum())
            wanted = mpmath.ones(3, 1) * mean + (C - mpmath.ones(3, 1) * center) * a
            wanted = np.array(wanted.tolist(), dtype=float)
            np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-9, atol=1e-10 * np.abs(Y).max())


def test_it_is_the_flow_of_theory(rng):
    X, y, X_new = rng.standard_normal((40, 3)), rng.standard_normal(40), rng.standard_normal((5, 3))
    kernel, times = NTK(), [0.0, 0.5, 20.0, 1e4, np.inf]
    model = GradientFlowRegressor(kernel, 1.0, fit_intercept=False).fit(X, y)
    wanted = gradient_flow(kernel(X), y, times, kernel(X_new, X))
    np.testing.assert_allclose(model.staged_predict(X_new, times), wanted, atol=1e-9)
    np.testing.assert_allclose(model.staged_predict(X, np.inf), y, atol=1e-9)
    with_mean = GradientFlowRegressor(kernel, 0.0).fit(X, y)
    np.testing.assert_allclose(with_mean.predict(X_new), np.full(5, y.mean()))


@pytest.mark.parametrize("n", [25, 120])
@pytest.mark.parametrize("intercept", [True, False])
def test_maps_flow_as_their_inner_products(rng, n, intercept):
    """More features than rows, fewer, ours and others: the same function as that of the kernel Z Z'."""
    X, y, X_new = rng.standard_normal((n, 4)), rng.standard_normal((n, 2)), rng.standard_normal((6, 4))
    weight = rng.integers(0, 3, n).astype(float)
    maps = [wl.RandomFeatures(60, bias_scale=1.0, random_state=0), wl.TangentFeatures(10, random_state=0)]
    for features in [*maps, PolynomialFeatures(2), wl.NystromFeatures("rbf", n_components=20, random_state=0)]:
        model = GradientFlowRegressor(features, 1.0, fit_intercept=intercept).fit(X, y, weight)
        times = np.array([0.3, 30.0, 1e4]) * model.max_learning_rate_
        fitted = features.fit(X[weight > 0])
        Z, Z_new = fitted.transform(X), fitted.transform(X_new)
        matrix = GradientFlowRegressor("precomputed", 1.0, fit_intercept=intercept).fit(Z @ Z.T, y, weight)
        wanted = matrix.staged_predict(Z_new @ Z.T, times)
        np.testing.assert_allclose(model.staged_predict(X_new, times), wanted, rtol=1e-6, atol=1e-6)
        assert model.max_learning_rate_ == pytest.approx(matrix.max_learning_rate_)


@pytest.mark.parametrize("time", ["cv", "gcv", "loo", 3.0])
@pytest.mark.parametrize("kernel", [RBF(gamma=0.3), "precomputed", wl.RandomFeatures(20, random_state=0)])
def test_weights_are_repetitions_and_order_says_nothing(rng, time, kernel):
    X, y = rng.standard_normal((24, 3)), rng.standard_normal(24)
    weight = rng.integers(0, 4, 24)
    rows = np.repeat(np.arange(24), weight)
    shuffled = rng.permutation(rows)
    given = X if kernel != "precomputed" else RBF(gamma=0.3)(X)

    def seen(rows, columns):
        return X[rows] if kernel != "precomputed" else given[np.ix_(rows, columns)]

    every = np.arange(24)
    one = GradientFlowRegressor(kernel, time).fit(seen(every, every), y, weight)
    two = GradientFlowRegressor(kernel, time).fit(seen(shuffled, shuffled), y[shuffled])
    assert one.time_ == pytest.approx(two.time_, rel=1e-9)
    wanted = two.predict(seen(every, shuffled))
    np.testing.assert_allclose(one.predict(seen(every, every)), wanted, atol=1e-8)
    if isinstance(time, str):
        np.testing.assert_allclose(one.errors_, two.errors_, rtol=1e-6)


def smoother(K, weight, time, intercept):
    """The matrix S of fitted values S y, by an exponential of its own."""
    n, total = len(K), weight.sum()
    H = np.eye(n) - np.outer(np.ones(n), weight / total) * intercept
    values, vectors = np.linalg.eigh(np.sqrt(weight)[:, None] * (H @ K @ H.T) * np.sqrt(weight))
    inner = (vectors * -np.expm1(-values * time / total)) @ vectors.T
    inner = inner / np.sqrt(weight)[:, None] * np.sqrt(weight)
    return (np.eye(n) - H) + inner @ H


@pytest.mark.parametrize("intercept", [True, False])
def test_gcv_by_its_definition(rng, intercept):
    X, y = rng.standard_normal((30, 2)), rng.standard_normal(30)
    weight = rng.integers(1, 4, 30).astype(float)
    model = GradientFlowRegressor(RBF(gamma=0.3), "gcv", fit_intercept=intercept).fit(X, y, weight)
    K, total, refused = RBF(gamma=0.3)(X), weight.sum(), 0
    for time, error in zip(model.times_, model.errors_, strict=True):
        S = smoother(K, weight, time, intercept)
        if (S.diagonal() / weight).max() > 0.99 * (1 + 1e-9):
            assert error == np.inf
            refused += 1
        elif (S.diagonal() / weight).max() < 0.99 * (1 - 1e-9):
            wanted = weight @ (y - S @ y) ** 2 / total / (1 - np.trace(S) / total) ** 2
            assert error == pytest.approx(wanted, rel=1e-7)
    assert model.time_ == model.times_[model.errors_.argmin()]
    single = GradientFlowRegressor(RBF(gamma=30.0), "gcv", fit_intercept=intercept).fit(X, y)
    assert np.isinf(single.errors_[-1])


def refitted(kernel, X, y, times, train, test):
    """Squared errors (T, m) at rows of flows of others."""
    model = GradientFlowRegressor(kernel, 1.0).fit(X[train], y[train])
    return (model.staged_predict(X[test], times) - y[test]) ** 2


MAPS = [wl.RandomFeatures(25, bias_scale=1.0, random_state=0), wl.RandomFeatures(90, random_state=0)]


@pytest.mark.parametrize("kernel", [NTK(depth=2), *MAPS])
def test_left_out_rows_are_those_of_refits(rng, kernel):
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    single = GradientFlowRegressor(kernel, "loo").fit(X, y)
    rows = [refitted(kernel, X, y, single.times_, np.delete(np.arange(40), i), [i]) for i in range(40)]
    np.testing.assert_allclose(single.errors_, np.mean(rows, axis=0)[:, 0], rtol=1e-6)
    assert single.time_ == single.times_[single.errors_.argmin()]


@pytest.mark.parametrize("seed", range(12))
def test_the_closed_form_of_left_out_rows_is_that_of_refits(seed):
    """Kernels and maps, weights, copies and several targets, until rounding errors of the smallest eigenvalues show."""
    X, Y, weight, _, rng = problem(seed, n=26)
    Y = Y - (0.0 if seed % 3 else 1e4 * np.abs(Y).max())
    X = X / X.std()
    if seed == 10:
        weight = rng.uniform(0.5, 2.0, 26)
    kernel = [RBF(gamma=1.0), NTK(depth=2, bias_variance=0.1), *MAPS][seed % 4]
    for intercept in (True, False):
        closed = GradientFlowRegressor(kernel, "cv", fit_intercept=intercept).fit(X, Y, weight)
        wanted = GradientFlowRegressor(kernel, "loo", fit_intercept=intercept).fit(X, Y, weight)
        np.testing.assert_array_equal(closed.times_, wanted.times_)
        early = closed.times_ < 1e6 * closed.max_learning_rate_
        np.testing.assert_allclose(closed.errors_[early], wanted.errors_[early], rtol=1e-5)
        assert wanted.errors_[closed.times_ == closed.time_] <= wanted.errors_.min() * (1 + 1e-4)


def test_the_sum_of_ridge_regressions_is_the_flow():
    at, shares = poles()
    z = np.concatenate([[0.0], np.logspace(-12, 12, 2001)])
    found = (shares / (z[:, None] + at)).sum(axis=1).real
    exact = np.where(z > 0, -np.expm1(-z) / np.where(z > 0, z, 1.0), 1.0)
    assert np.abs((found - exact) * np.maximum(z, 1.0)).max() < 2e-8
    assert len(at) == 5


PROBLEMS = [
    (lambda X: np.sin(2 * X[:, 0]) + X[:, 1], 0.3, 3, NTK(depth=2)),
    (lambda X: X[:, 0] * X[:, 1], 0.5, 4, NTK(depth=1, bias_variance=0.2)),
    (lambda X: np.abs(X[:, 0]), 0.2, 2, RBF(gamma=0.5)),
    (lambda X: np.exp(-(X**2).sum(axis=1)), 0.05, 5, RBF(gamma=0.3)),
    (lambda X: X.sum(axis=1), 1.0, 6, wl.kernels.Laplace(gamma=0.5)),
    (lambda X: np.cos(3 * X[:, 0]), 0.0, 1, NTK(depth=3, bias_variance=0.5)),
]


@pytest.mark.parametrize("number", range(len(PROBLEMS)))
def test_the_chosen_time_is_nearly_the_best(number):
    """Its leave-one-out error, by refits, is within 2 % of the least of all times, also of times in between."""
    truth, noise, d, kernel = PROBLEMS[number]
    rng = np.random.default_rng(number)
    X = rng.standard_normal((80, d))
    y = truth(X) + noise * rng.standard_normal(80)
    chosen = GradientFlowRegressor(kernel, "cv").fit(X, y)
    near = chosen.time_ * np.exp2(np.linspace(-3, 3, 13))
    rows = [refitted(kernel, X, y, near, np.delete(np.arange(80), i), [i])[:, 0] for i in range(80)]
    errors = np.mean(rows, axis=0)
    assert errors[6] <= 1.02 * errors.min()
    # Not every time is.
    assert chosen.errors_.max() > 1.1 * errors.min()


@pytest.mark.parametrize("features", [wl.NystromFeatures("rbf", n_components=20, random_state=0), MAPS[0]])
def test_folds_are_refits_of_five_parts(rng, features):
    """Steps, and maps that look at rows: every row is left out once, with about as many others each time."""
    X, y = rng.standard_normal((43, 3)), rng.standard_normal(43)
    rate = None if isinstance(features, wl.NystromFeatures) else 0.01
    model = GradientFlowRegressor(features, "cv", learning_rate=rate).fit(X, y)
    parts = folds(of_rows(X), 5)
    assert sorted(np.concatenate([test for _, test in parts])) == list(range(43))
    assert {len(test) for _, test in parts} == {8, 9}
    total = np.zeros(len(model.times_))
    for train, test in parts:
        part = GradientFlowRegressor(features, 1, learning_rate=rate).fit(X[train], y[train])
        total += ((part.staged_predict(X[test], model.times_) - y[test]) ** 2).sum(axis=1)
    np.testing.assert_allclose(model.errors_, total / 43, rtol=1e-6)


def test_noise_is_not_learned_and_a_function_without_noise_is():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 3))
    noise = GradientFlowRegressor(NTK()).fit(X, rng.standard_normal(100))
    assert np.var(noise.predict(X)) < 0.25
    smooth = GradientFlowRegressor(RBF(gamma=0.2)).fit(X, np.sin(X[:, 0]))
    assert smooth.time_ > 1e4 * noise.time_
    assert smooth.score(X, np.sin(X[:, 0])) > 0.9999


def test_steps_are_chosen_too(rng):
    X = rng.standard_normal((60, 2))
    y = X[:, 0] ** 2 + 0.3 * rng.standard_normal(60)
    flow = GradientFlowRegressor(NTK()).fit(X, y)
    rate = flow.max_learning_rate_ * 0.4
    for momentum in (0.0, 0.9):
        steps = GradientFlowRegressor(NTK(), "loo", learning_rate=rate, momentum=momentum).fit(X, y)
        assert steps.time_ == int(steps.time_) >= 1
        np.testing.assert_array_equal(steps.times_, np.rint(steps.times_))
        assert steps.errors_.min() == pytest.approx(flow.errors_.min(), rel=0.05)


def test_units_change_no_bit(rng):
    X, Y = rng.standard_normal((50, 3)), rng.standard_normal((50, 2))
    wanted = GradientFlowRegressor().fit(X, Y)
    for exponent in (-400, -100, 200, 400):
        found = GradientFlowRegressor().fit(X, np.ldexp(Y, exponent), np.full(50, 2.0**-30))
        np.testing.assert_array_equal(found.predict(X), np.ldexp(wanted.predict(X), exponent))
        assert found.time_ == wanted.time_
    mixed = GradientFlowRegressor(time=10.0).fit(X, Y * [1e-200, 1e200])
    alone = GradientFlowRegressor(time=10.0).fit(X, Y)
    np.testing.assert_allclose(mixed.predict(X), alone.predict(X) * [1e-200, 1e200], rtol=1e-12)


@pytest.mark.parametrize("exponent", [-152, -140, -60, 60, 152])
@pytest.mark.parametrize("kernel", ["ntk", "linear", wl.RandomFeatures(20, random_state=0)])
def test_rows_of_any_size_flow_alike(rng, kernel, exponent):
    X = rng.standard_normal((40, 3))
    y = X[:, 0] + 0.3 * rng.standard_normal(40)
    for time in ("cv", "gcv"):
        wanted, found = GradientFlowRegressor(kernel, time).fit(X, y), GradientFlowRegressor(kernel, time)
        found.fit(X * 10.0**exponent, y)
        # Where float64 does not hold the longest times, the last that it holds is the longest.
        assert np.isfinite(found.times_).all()
        if exponent > -150:
            assert found.time_ / found.max_learning_rate_ == pytest.approx(wanted.time_ / wanted.max_learning_rate_)
            np.testing.assert_allclose(found.predict(X * 10.0**exponent), wanted.predict(X), atol=1e-9)


def test_types_states_and_constant_targets(rng):
    X, y = rng.standard_normal((50, 3)), rng.standard_normal(50)
    for kernel in (NTK(), wl.RandomFeatures(20, random_state=0), wl.RandomFeatures(200, random_state=0)):
        double = GradientFlowRegressor(kernel).fit(X, y)
        single = GradientFlowRegressor(kernel).fit(X.astype(np.float32), y.astype(np.float32))
        found = single.predict(X.astype(np.float32))
        assert found.dtype == single.staged_predict(X.astype(np.float32), [1.0]).dtype == np.float32
        np.testing.assert_allclose(found, double.predict(X), atol=1e-4)
        again = pickle.loads(pickle.dumps(double))
        np.testing.assert_array_equal(again.predict(X), double.predict(X))
        np.testing.assert_array_equal(again.staged_predict(X, [3.0, np.inf]), double.staged_predict(X, [3.0, np.inf]))
        constant = GradientFlowRegressor(kernel).fit(X, np.full(50, 3.7))
        np.testing.assert_allclose(constant.predict(X), 3.7, rtol=1e-15)
        assert constant.time_ == constant.times_[0]


def test_classes_are_signs(rng):
    X = rng.standard_normal((90, 3))
    y = np.array(["a", "b", "c"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 0)]
    model = GradientFlowClassifier(NTK(), class_weight="balanced").fit(X, y)
    codes = np.where(y[:, None] == model.classes_, 1.0, -1.0)
    weight = (90 / 3 / np.unique(y, return_counts=True)[1])[np.searchsorted(model.classes_, y)]
    values = GradientFlowRegressor(NTK()).fit(X, codes, weight)
    assert model.time_ == values.time_
    np.testing.assert_array_equal(model.decision_function(X), values.predict(X))
    found = model.staged_predict(X, [0.1, model.time_])
    np.testing.assert_array_equal(found[1], model.predict(X))
    np.testing.assert_array_equal(found[1], model.staged_predict(X, model.time_))
    assert found.shape == (2, 90)
    assert set(found.ravel()) <= {"a", "b", "c"}
    two = GradientFlowClassifier(NTK()).fit(X, y == "b")
    np.testing.assert_array_equal(two.staged_predict(X, [two.time_])[0], two.predict(X))
    labels = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int)
    many = GradientFlowClassifier(NTK()).fit(X, labels)
    np.testing.assert_array_equal(many.staged_predict(X, [many.time_])[0], many.predict(X))


def test_refusals(rng):
    X, y = rng.standard_normal((20, 2)), rng.standard_normal(20)
    bound = GradientFlowRegressor(NTK(), 1).fit(X, y).max_learning_rate_
    K = NTK()(X)
    centred = K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()
    assert bound == pytest.approx(2 * 20 / np.linalg.eigvalsh(centred)[-1])
    GradientFlowRegressor(NTK(), 5, learning_rate=bound * 0.999).fit(X, y)
    for rate, momentum, text in ((bound * 1.001, 0.0, r"2n/λ_max = "), (bound * 1.6, 0.5, r"2 \(1 \+ momentum\)")):
        with pytest.raises(ValueError, match=f"learning_rate = .* diverges on these rows: it must be below {text}"):
            GradientFlowRegressor(NTK(), 5, learning_rate=rate, momentum=momentum).fit(X, y)
    with pytest.raises(ValueError, match=r"momentum = 0\.5 is of steps"):
        GradientFlowRegressor(NTK(), 5, momentum=0.5).fit(X, y)
    with pytest.raises(ValueError, match=r"must be a whole number, at least 0, .* got 1\.5"):
        GradientFlowRegressor(NTK(), 1.5, learning_rate=bound / 2).fit(X, y)
    with pytest.raises(ValueError, match="takes 500 at most"):
        GradientFlowRegressor(NTK(), "loo").fit(np.zeros((501, 1)) + np.arange(501)[:, None], np.arange(501.0))
    with pytest.raises(TypeError, match="no Dask collections"):
        GradientFlowRegressor().fit(lazy := __import__("dask.array").array.ones((9, 2)), lazy[:, 0])
    model = GradientFlowRegressor(NTK()).fit(X, y)
    for times, text in ((-1.0, "got -1"), ([[1.0]], "shape"), ("soon", "'soon'"), (np.nan, "got nan")):
        with pytest.raises(ValueError, match=f"time must be at least 0, infinity allowed.*{text}"):
            model.staged_predict(X, times)
    with pytest.raises(ValueError, match="must be square at fit"):
        GradientFlowRegressor("precomputed").fit(X, y)
    with pytest.warns(LinAlgWarning, match="The kernel matrix is not positive semidefinite"):
        GradientFlowRegressor("precomputed", 1.0).fit(-np.eye(20), y)
