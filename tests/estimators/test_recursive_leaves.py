"""Recursive feature machines of many rows: leaves that overlap, what they blend to, and the penalty that they share."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from widelearn import KernelRidge, RecursiveFeatureMachine, RecursiveFeatureMachineClassifier
from widelearn.estimators.chances import calibration_of
from widelearn.estimators.recursive import leaves
from widelearn.estimators.recursive.leaves import grown, leaf_rows, shape, spread_direction
from widelearn.kernels import RBF, Laplace


def two_directions(n, seed, noise=0.3):
    """Rows of ten columns, targets of two of their directions, these, and the targets without noise."""
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(np.random.default_rng(99).standard_normal((10, 2)))[0]
    X = rng.standard_normal((n, 10))
    P = X @ U
    f = np.sin(2 * P[:, 0]) + P[:, 0] * P[:, 1]
    return X, f + noise * rng.standard_normal(n), U, f


@pytest.mark.parametrize(("n", "size"), [(11, 10), (100, 10), (1000, 37), (57, 56), (40, 40)])
def test_leaves_are_of_one_size_and_hold_all_rows(n, size, rng):
    X = rng.standard_normal((n, 3))
    each, count = shape(n, size)
    found, directions, ends = grown(X, size)
    assert [len(rows) for rows in found] == [each] * count
    assert each <= size
    assert count == 1 or shape(n, each)[1] == count
    assert len(directions) == len(ends) == count - 1
    assert set(np.concatenate(found)) == set(range(n))
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1.0, rtol=1e-12)


def test_cuts_are_where_rows_spread(rng):
    X = rng.standard_normal((500, 4)) * np.array([1, 1, 9, 1])
    Q = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    # Ten powers of (1/9)² leave 1e-19 of the other directions; the sample's own are off by 1 / (9 sqrt(500)).
    assert abs(spread_direction(X @ Q) @ Q[2]) > 0.999
    np.testing.assert_array_equal(spread_direction(np.ones((5, 3))), [1, 0, 0])


def blend(model, Z, alpha, y):
    """The leaves' own fits, each weighed by its share of a row, all written out."""
    starts, tree = model.leaf_starts_, model._model.inner
    shares = {0: np.ones(len(Z))}
    for node, (direction, (low, high)) in enumerate(zip(tree.directions, tree.ends, strict=True)):
        right = np.clip((Z @ direction - low) / (high - low), 0, 1)
        shares[2 * node + 1], shares[2 * node + 2] = shares[node] * (1 - right), shares[node] * right
    out = np.zeros(len(Z))
    for leaf in range(len(starts) - 1):
        rows = model.X_fit_[starts[leaf] : starts[leaf + 1]]
        fit = KernelRidge(model.kernel_, alpha).fit(rows, [y[tuple(row)] for row in rows])
        out += shares[leaf + len(tree.ends)] * fit.predict(Z)
    return out


@pytest.mark.parametrize("metric", ["full", "diagonal"])
def test_predictions_are_those_of_leaves_in_their_shares(metric, smooth, rng):
    X, y = smooth
    model = RecursiveFeatureMachine(RBF(gamma=0.1), n_iter=2, leaf_size=30, metric=metric).fit(X, y)
    assert model.n_iter_ > 0
    assert len(model.leaf_starts_) == 9
    Z = ((X - model.mean_) / model.scale_) @ (model.root_ if metric == "full" else np.diag(model.root_))
    place = {tuple(row): target for row, target in zip(model._model.mapped(X), y, strict=True)}
    new = np.vstack([Z, rng.standard_normal((50, 6)) * Z.std(axis=0)])
    raw = new @ np.linalg.inv(model.root_ if metric == "full" else np.diag(model.root_)) * model.scale_ + model.mean_
    wanted = blend(model, new, model.alpha_, place)
    # Roots that are undone, of condition below 1e3, in fits of condition below 1e6.
    np.testing.assert_allclose(model.predict(raw), wanted, atol=1e-7 * np.abs(wanted).max())


@pytest.mark.parametrize("kernel", [RBF(gamma=0.1), Laplace(gamma=0.3, power=1.5)], ids=repr)
@pytest.mark.parametrize("metric", ["full", "diagonal"])
def test_gradients_are_those_of_the_blended_function(kernel, metric, smooth, rng):
    X, y = smooth
    X = X * np.array([1, 10, 0.1, 1, 5, 1]) + 3
    options = {"n_iter": 2, "metric": metric, "leaf_size": 50}
    model = RecursiveFeatureMachine(kernel, **options).fit(X, np.column_stack([y, y**2]))
    Q = X.mean(axis=0) + X.std(axis=0) * rng.standard_normal((40, 6))
    steps = 1e-5 * X.std(axis=0)
    sides = [
        (model.predict(Q + h * e) - model.predict(Q - h * e)) / (2 * h) for h, e in zip(steps, np.eye(6), strict=True)
    ]
    found, wanted = model.gradient(Q), np.stack(sides, axis=1)
    assert found.shape == (40, 6, 2)
    size = np.abs(wanted).max(axis=(0, 2), keepdims=True)
    # Squares of steps of 1e-5 are 1e-10; rounding of fits is 1e-13 over 1e-5.
    np.testing.assert_allclose(found / size, wanted / size, atol=1e-7)
    assert clone(model).fit(X, y).gradient(Q).shape == (40, 6)


def test_one_leaf_is_all_rows(smooth):
    X, y = smooth
    whole = RecursiveFeatureMachine(n_iter=2).fit(X, y)
    one = RecursiveFeatureMachine(n_iter=2, leaf_size=160).fit(X, y)
    np.testing.assert_array_equal(one.predict(X), whole.predict(X))
    np.testing.assert_array_equal(whole.leaf_starts_, [0, 160])


def test_leaves_choose_the_penalty_by_rows_held_out(monkeypatch, smooth):
    monkeypatch.setattr(leaves, "JUDGES", 8)
    X, y = smooth
    y = y + np.random.default_rng(3).standard_normal(160)
    options = {"n_iter": 0, "leaf_size": 30, "standardize": False}
    model = RecursiveFeatureMachine(RBF(gamma=0.3), (1e-3, 0.1, 10.0), **options).fit(X, y)
    place = {tuple(row): target for row, target in zip(model._model.mapped(X), y, strict=True)}
    errors = {}
    for alpha in (1e-3, 0.1, 10.0):
        squares = []
        for low, high in zip(model.leaf_starts_[:-1], model.leaf_starts_[1:], strict=True):
            Z = model.X_fit_[low:high]
            t = np.array([place[tuple(row)] for row in Z])
            judge = np.arange(len(Z)) % 5 == 0
            fit = KernelRidge(RBF(gamma=0.3), alpha).fit(Z[~judge], t[~judge])
            squares.append((fit.predict(Z[judge]) - t[judge]) ** 2)
        errors[alpha] = np.mean(np.concatenate(squares))
    assert model.alpha_ == min(errors, key=errors.get)
    # One penalty is not as good as another.
    assert max(errors.values()) > 1.05 * min(errors.values())


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_weights_are_repetitions(classes, dtype, rng):
    X = rng.standard_normal((150, 4)).astype(dtype)
    y = np.sin(2 * X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(150)
    y = np.digitize(y, (-1, 1)) if classes else y
    model = (RecursiveFeatureMachineClassifier if classes else RecursiveFeatureMachine)(n_iter=2, leaf_size=40)
    times = rng.integers(0, 4, 150)
    repeated = rng.permutation(np.repeat(np.arange(150), times))
    weighted = clone(model).fit(X, y, sample_weight=times)
    again = clone(model).fit(X[repeated], y[repeated])
    found, wanted = (getattr(one, "decision_function" if classes else "predict")(X) for one in (weighted, again))
    assert found.dtype == dtype
    assert len(weighted.leaf_starts_) > 2
    # Sums in another order, in fits of condition below 1e6 in float64, of one in 1e3 in float32.
    np.testing.assert_allclose(found, wanted, atol=(1e-9 if dtype == np.float64 else 2e-3) * np.abs(wanted).max())


@pytest.mark.parametrize(
    "spoil",
    [np.sign, np.round, np.zeros_like, lambda X: X[:, :1], lambda X: np.column_stack([X, np.full(len(X), 7.0)])],
    ids=["signs", "ties", "constant", "one column", "constant column"],
)
def test_rows_at_the_same_place_are_cut_too(spoil, smooth):
    X, y = smooth
    X = spoil(X)
    model = RecursiveFeatureMachine(n_iter=1, leaf_size=20).fit(X, y)
    found = model.predict(X)
    assert np.isfinite(found).all()
    assert np.isfinite(model.gradient(X)).all()
    # A row alone goes the way that it goes among others, though sums round otherwise.
    alone = np.concatenate([model.predict(X[[i]]) for i in range(len(X))])
    np.testing.assert_allclose(alone, found, atol=1e-7 * max(np.abs(found).max(), 1.0))


def test_errors_fall_with_more_rows_and_directions_are_found():
    T, _, U, f = two_directions(2000, 5)
    errors = []
    for n in (1500, 6000):
        X, y, _, _ = two_directions(n, 1)
        model = RecursiveFeatureMachine(leaf_size=800).fit(X, y)
        errors.append((model.predict(T) - f) ** 2)
        assert len(model.leaf_starts_) > 2
    _, vectors = np.linalg.eigh(model.M_)
    cosines = np.linalg.svd(np.linalg.qr((vectors[:, -2:].T / model.scale_).T)[0].T @ U)[1]
    assert np.degrees(np.arccos(min(cosines.min(), 1.0))) < 5
    gain = errors[0] - errors[1]
    assert gain.mean() > 3 * gain.std() / np.sqrt(len(T))
    assert errors[1].mean() < 0.05 * f.var()


def test_sizes_are_chosen_by_cost_and_by_memory(monkeypatch):
    monkeypatch.setattr(leaves, "available_memory", lambda: (1 << 40, ""))
    sizes = [leaf_rows(n, 20, 1, None) for n in (100, 20_000, 30_000, 500_000, 1_000_000, 2_000_000)]
    assert sizes[:3] == [100, 20_000, 8000]
    assert 8000 > sizes[3] > sizes[4] > sizes[5] == 2000
    with pytest.raises(MemoryError, match="larger leaf_size"):
        leaf_rows(10**8, 1000, 1, None)
    monkeypatch.setattr(leaves, "available_memory", lambda: (1 << 25, ""))
    # 2^25 / 32 = 2^20 pairs.
    assert leaf_rows(3000, 20, 1, None) == 1024
    assert leaf_rows(3000, 20, 1, 2000) == 2000


def test_memory_is_checked_before_work(monkeypatch, rng):
    X, y = rng.standard_normal((3000, 3)), rng.standard_normal(3000)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "20M")
    heard = []
    with pytest.raises(MemoryError, match="smaller leaf_size"):
        RecursiveFeatureMachine(leaf_size=2000, callback=lambda *news: heard.append(news)).fit(X, y)
    assert not heard
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "100K")
    with pytest.raises(MemoryError):
        leaf_rows(3000, 20, 1, 10)


def test_leaves_can_be_stored(smooth):
    X, y = smooth
    model = RecursiveFeatureMachine(n_iter=1, leaf_size=30).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert model.intercept_.shape == (8,)
    assert model.dual_coef_.shape == (model.leaf_starts_[-1],) == (len(model.X_fit_),)
    with pytest.raises(ValueError, match="leaf_size"):
        clone(model).set_params(leaf_size=9).fit(X, y)


def test_intervals_are_those_of_rows_held_out():
    X, y, _, _ = two_directions(3000, 1)
    model = RecursiveFeatureMachine(n_iter=2, leaf_size=400).fit(X[:2000], 1e3 * y[:2000])
    held = model._model.posterior
    errors = np.sort(np.abs(held.targets - held.values)[:, 0])
    ends = model.predict_interval(X[2000:], 0.8)
    reach = errors[int(np.ceil(0.8 * (len(errors) + 1))) - 1]
    np.testing.assert_allclose(np.diff(ends, axis=1)[:, 0], 2 * reach, rtol=1e-9)
    np.testing.assert_allclose(ends.mean(axis=1), model.predict(X[2000:]), atol=1e-9 * reach)
    inside = (ends[:, 0] <= 1e3 * y[2000:]) & (1e3 * y[2000:] <= ends[:, 1])
    # 320 rows held out and 1,000 new ones: 4 standard errors of both, and fits to a fifth more rows are a bit better.
    assert abs(inside.mean() - 0.8) < 4 * np.sqrt(0.16 / len(errors) + 0.16 / 1000)
    np.testing.assert_array_equal(model.predict_interval(X[2000:], 0.8, "loo"), ends)
    with pytest.raises(ValueError, match="no Gaussian process"):
        model.predict_interval(X, method="gaussian")
    with pytest.raises(ValueError, match="too few"):
        model.predict_interval(X, 0.9999)


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_calibrated_by_rows_held_out(classes):
    X, _, _, f = two_directions(4000, 1)
    rng = np.random.default_rng(2)
    y = np.digitize(f + 0.7 * rng.standard_normal(4000), [0] if classes == 2 else [-0.7, 0.7])
    model = RecursiveFeatureMachineClassifier(n_iter=2, leaf_size=400).fit(X[:2500], y[:2500])
    found = model.predict_proba(X[2500:])
    assert found.shape == (1500, classes)
    np.testing.assert_array_equal(found.argmax(axis=1), model.predict(X[2500:]))
    held = model._model.posterior
    slope = calibration_of(model).slope

    def loss(slope):
        odds = held.values * slope
        odds = np.hstack([np.zeros_like(odds), odds]) if classes == 2 else odds
        truth = held.targets[:, 0] > 0 if classes == 2 else held.targets.argmax(axis=1)
        chances = np.exp(odds - odds.max(axis=1, keepdims=True))
        return -np.log((chances / chances.sum(axis=1, keepdims=True))[np.arange(len(odds)), truth.astype(int)]).mean()

    # The slope of the least log loss, but for a prior of two rows.
    assert loss(slope) < min(loss(0.8 * slope), loss(1.25 * slope))
    best = found.max(axis=1)
    right = found.argmax(axis=1) == y[2500:]
    # 1,500 new rows, and a slope of at least 300: 4 standard errors of both.
    assert abs(best.mean() - right.mean()) < 4 * np.sqrt(0.25 / 1500 + 0.25 / len(held.values))
    sets = model.predict_set(X[2500:], 0.9)
    inside = sets[np.arange(1500), y[2500:]]
    assert abs(inside.mean() - 0.9) < 4 * np.sqrt(0.09 / 1500 + 0.09 / len(held.values))


@pytest.mark.parametrize("leaf_size", [100, None])
def test_intervals_of_equal_rows_are_those_of_single_targets(leaf_size):
    """Means of four targets each would tell half of the noise."""
    covered = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = np.repeat(rng.standard_normal((300, 3)), 4, axis=0)
        y, fresh = np.sin(X[:, 0]) + rng.standard_normal((2, 1200))
        model = RecursiveFeatureMachine(leaf_size=leaf_size, random_state=0).fit(X, y)
        assert (len(model.leaf_starts_) > 2) == (leaf_size is not None)
        lower, upper = model.predict_interval(X, 0.8).T
        covered.append(np.mean((lower <= fresh) & (fresh <= upper)))
    # Errors of some 60 rows of four targets tell a level of 0.8 to 0.05; three standard errors of the mean.
    assert abs(np.mean(covered) - 0.8) < 3 * 0.05 / 2
