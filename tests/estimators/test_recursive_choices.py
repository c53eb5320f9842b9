"""What recursive feature machines choose: iterations, penalties and lengths by rows that had no part in them."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from widelearn import (
    KernelRidge,
    KernelRidgeClassifierCV,
    KernelRidgeCV,
    RecursiveFeatureMachine,
    RecursiveFeatureMachineClassifier,
)
from widelearn.estimators.kernel_ridge.model import KernelProblem
from widelearn.estimators.recursive.fit import distinct
from widelearn.estimators.recursive.machine import ALPHAS
from widelearn.estimators.recursive.recursion import HeldOut, LeaveOneOutByRow, Recursion, Run, candidates
from widelearn.kernels import RBF, Laplace


def under_gradients(kernel, X, y):
    """The root of the metric of a fit's gradients, written out."""
    G = KernelRidge(kernel, 0.1).fit(X, y)
    slope = -2 * kernel.gamma * kernel(X) * G.dual_coef_
    G = slope.sum(axis=1)[:, None] * X - slope @ X
    values, vectors = np.linalg.eigh(G.T @ G)
    values = np.sqrt(values)
    return vectors * np.sqrt(values * X.shape[1] / values.sum())


def test_errors_are_those_of_refits(smooth):
    """Iteration 0: each row left out. Iteration 1: so too, under the metric of the other half of the rows."""
    X, y = smooth
    X, y = X[:60], y[:60]
    options = {"alphas": (0.1,), "standardize": False, "random_state": 3}
    model = RecursiveFeatureMachine(RBF(gamma=0.1), n_iter=1, **options).fit(X, y)
    order = distinct(X, y[:, None], None)[3][np.random.RandomState(3).permutation(60)]
    X, y = X[order] - X.mean(axis=0), y[order]
    fold = np.arange(60) % 2

    def left_out(root, rows):
        Z = X @ root
        kept = [np.arange(60) != i for i in rows]
        return [
            (y[i] - KernelRidge(RBF(gamma=0.1), 0.1).fit(Z[k], y[k]).predict(Z[[i]])[0]) ** 2
            for i, k in zip(rows, kept, strict=True)
        ]

    np.testing.assert_allclose(model.history_[0], np.mean(left_out(np.eye(6), range(60))), rtol=1e-9)
    errors = []
    for own in (0, 1):
        Z, t = X[fold != own], y[fold != own]
        errors += left_out(under_gradients(RBF(gamma=0.1), Z, t), np.flatnonzero(fold == own))
    np.testing.assert_allclose(model.history_[1], np.mean(errors), rtol=1e-9)
    assert model.best_score_ == -model.history_[model.n_iter_]


def test_errors_of_many_rows_are_those_of_rows_held_out(monkeypatch, smooth):
    """Fits to some rows, under the metric of these, predict others; the last fit keeps the metric."""
    monkeypatch.setattr("widelearn.estimators.recursive.recursion.CHOICE_ROWS", 100)
    X, y = smooth
    kernel = RBF(gamma=0.1)
    model = RecursiveFeatureMachine(kernel, (0.1,), n_iter=1, standardize=False, random_state=3).fit(X, y)
    order = distinct(X, y[:, None], None)[3][np.random.RandomState(3).permutation(160)]
    Z = X - X.mean(axis=0)
    judges, fitted = order[:40], order[40:]
    root = under_gradients(kernel, Z[fitted], y[fitted])
    for iteration, turned in enumerate((Z, Z @ root)):
        other = KernelRidge(kernel, 0.1).fit(turned[fitted], y[fitted]).predict(turned[judges])
        # Fits that choose are in float32.
        np.testing.assert_allclose(model.history_[iteration], np.mean((other - y[judges]) ** 2), rtol=1e-4)
    assert model.n_iter_ == 1
    np.testing.assert_allclose(model.M_, root @ root.T, atol=1e-4)
    whole = KernelRidge(kernel, 0.1).fit(Z @ root, y)
    np.testing.assert_allclose(model.predict(X), whole.predict(Z @ root), atol=1e-4 * np.abs(y).max())


def test_rows_that_judge_have_no_part_in_the_metric(smooth, rng):
    X, y = smooth
    recursion = Recursion.of(RecursiveFeatureMachine(alphas=(0.1,)))
    order = rng.permutation(160)

    def metric(targets):
        problem = KernelProblem(RBF(gamma=0.1), X, targets[:, None], None, True)
        trial = HeldOut(problem, order, recursion.initial(problem))
        assert trial.step(recursion, 0.1)
        return trial.root

    judges = np.isin(np.arange(160), order[:40])
    found = metric(y)
    np.testing.assert_array_equal(metric(np.where(judges, y + 9, y)), found)
    assert np.abs(metric(np.where(judges, y, y**2)) - found).max() > 0.1


def test_the_metric_of_the_last_fit_is_that_of_half_the_rows_where_these_are_more(monkeypatch, smooth):
    for name, rows in {"CHOICE_ROWS": 100, "TRIED_ROWS": 60}.items():
        monkeypatch.setattr(f"widelearn.estimators.recursive.recursion.{name}", rows)
    X, y = smooth
    kernel = RBF(gamma=0.1)
    model = RecursiveFeatureMachine(kernel, (0.1,), n_iter=1, standardize=False, random_state=3).fit(X, y)
    half = distinct(X, y[:, None], None)[3][np.random.RandomState(3).permutation(160)][:80]
    assert model.n_iter_ == 1
    Z = X - X.mean(axis=0)
    root = under_gradients(kernel, Z[half], y[half])
    np.testing.assert_allclose(model.M_, root @ root.T, atol=1e-4)


@pytest.mark.parametrize("most", [1000, 30], ids=["left out", "held out"])
@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("metric", ["full", "diagonal"])
def test_weights_are_repetitions(monkeypatch, most, classes, dtype, metric, rng):
    monkeypatch.setattr("widelearn.estimators.recursive.recursion.CHOICE_ROWS", most)
    X = rng.standard_normal((120, 4)).astype(dtype) * np.array([1, 100, 0.01, 1], dtype) + 3
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    y = np.sin(2 * z[:, 0]) + z[:, 1] + 0.1 * rng.standard_normal(120)
    y = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes)) if classes else y
    kind = RecursiveFeatureMachineClassifier if classes else RecursiveFeatureMachine
    times = rng.integers(0, 4, 120)
    repeated = rng.permutation(np.repeat(np.arange(120), times))
    model = kind(n_iter=2, metric=metric, random_state=1)
    weighted = clone(model).fit(X, y, sample_weight=times)
    again = clone(model).fit(X[repeated], y[repeated])
    values = "decision_function" if classes else "predict"
    found, wanted = (getattr(one, values)(X) for one in (weighted, again))
    assert (weighted.n_iter_, weighted.alpha_) == (again.n_iter_, again.alpha_)
    # Sums in another order, in fits of condition below 1e6 in float64, of one in 1e3 in float32.
    np.testing.assert_allclose(found, wanted, atol=(1e-9 if dtype == np.float64 else 2e-3) * np.abs(wanted).max())
    np.testing.assert_allclose(weighted.history_, again.history_, rtol=1e-3)
    assert len(weighted.X_fit_) == (times > 0).sum()
    dropped = clone(model).fit(X[times > 0], y[times > 0], sample_weight=times[times > 0])
    np.testing.assert_allclose(getattr(dropped, values)(X), found, atol=1e-9 * np.abs(wanted).max())


def test_weights_of_classes_are_those_of_their_rows(smooth):
    X, y = smooth
    labels = np.where(y > 0, "high", "low")
    model = RecursiveFeatureMachineClassifier(n_iter=1)
    by_class = clone(model).set_params(class_weight={"high": 3.0}).fit(X, labels)
    by_row = clone(model).fit(X, labels, sample_weight=np.where(labels == "high", 3.0, 1.0))
    np.testing.assert_allclose(by_class.decision_function(X), by_row.decision_function(X), atol=1e-9)
    plain = clone(model).fit(X, labels)
    assert np.abs(plain.decision_function(X) - by_row.decision_function(X)).max() > 1e-3


@pytest.mark.parametrize("many", [False, True])
def test_twins_do_not_judge(monkeypatch, many, rng):
    """Noise of which every row stands twice is noise: a row is not judged by its twin."""
    monkeypatch.setattr("widelearn.estimators.recursive.recursion.CHOICE_ROWS", 100 if many else 1000)
    X, y = rng.standard_normal((200, 8)), rng.standard_normal(200)
    model = RecursiveFeatureMachine(n_iter=2).fit(np.vstack([X, X]), np.hstack([y, y]))
    assert model.n_iter_ == 0
    # The mean is the best that can be told of noise.
    assert model.best_score_ < -0.8 * y.var()


def test_a_kernel_that_gives_up_does_not_stop_its_gradients():
    """Where a large penalty is best for the kernel, gradients of a sharper fit are tried."""
    X = np.random.default_rng(5).standard_normal((300, 4))
    y = np.sin(X[:, 0]) + np.random.default_rng(6).standard_normal(300)
    heard = []
    model = RecursiveFeatureMachine(Laplace(gamma=0.3), callback=lambda *news: heard.append(news)).fit(X, y)
    one = Recursion.of(model)
    assert one.caps(10.0) == [0.1, 1e-3]
    assert one.caps(10.0, 1e4) == []
    assert one.caps(0.1) == [1e-3]
    assert one.caps(1e-3) == []
    assert Recursion.of(clone(model).set_params(alphas=(1.0, 10.0))).caps(10.0) == []
    assert Recursion.of(clone(model).set_params(n_iter=0)).caps(10.0) == []
    starts = [place for place, (number, _) in enumerate(heard) if number == 0]
    runs = [heard[first:last] for first, last in zip(starts, [*starts[1:], len(heard)], strict=True)]
    assert len(runs) >= 2
    assert all([number for number, _ in run] == list(range(len(run))) for run in runs)
    assert tuple(model.history_) in {tuple(error for _, error in run) for run in runs}


def test_nothing_is_learned_from_noise(rng):
    X, y = rng.standard_normal((200, 15)), rng.standard_normal(200)
    model = RecursiveFeatureMachine().fit(X, y)
    assert model.n_iter_ == 0
    np.testing.assert_array_equal(model.M_, np.eye(15))


@pytest.mark.parametrize("load", [load_diabetes, load_breast_cancer, load_wine])
def test_it_hardly_loses_to_its_kernel(load):
    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=0)
    kind = RecursiveFeatureMachine if load is load_diabetes else RecursiveFeatureMachineClassifier
    scores = [kind(n_iter=n).fit(X, y).score(X_test, y_test) for n in (0, 5)]
    assert scores[1] >= 0.99 * scores[0]


@pytest.mark.parametrize("kernel", [RBF(), Laplace()])
@pytest.mark.parametrize("share", [0.3, 1.0, 4.0])
@pytest.mark.filterwarnings("ignore:alpha = ")
def test_the_length_is_that_of_the_smallest_left_out_errors(kernel, share, rng):
    X = rng.standard_normal((90, 3))
    y = np.sin(X.sum(axis=1) / share) + 0.1 * rng.standard_normal(90)
    lengths = candidates(kernel, X)
    scores = [KernelRidgeCV(length, ALPHAS).fit(X, y).best_score_ for length in lengths]
    model = RecursiveFeatureMachine(kernel, n_iter=0, standardize=False, random_state=0).fit(X, y)
    assert model.kernel_.gamma == pytest.approx(lengths[int(np.argmax(scores))].gamma, rel=1e-9)
    assert model.best_score_ == pytest.approx(max(scores), rel=1e-6)
    # One length is not as good as another.
    assert max(scores) > 1.05 * min(scores)


def test_many_rows_leave_choices_to_samples(monkeypatch, smooth):
    for name, rows in {"LENGTH_ROWS": 30, "CHOICE_ROWS": 60, "HELD_OUT_ROWS": 30, "TRIED_ROWS": 90}.items():
        monkeypatch.setattr(f"widelearn.estimators.recursive.recursion.{name}", rows)
    X, y = smooth
    model = RecursiveFeatureMachine(n_iter=2).fit(X, y)
    assert model.X_fit_.shape == X.shape
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize(("kind", "columns"), [("classes", 1), ("classes", 3), ("labels", 3), ("numbers", 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_that_refits_misclassify_are_known(kind, columns, weighted, rng):
    X = rng.standard_normal((40, 2))
    noisy = X @ rng.standard_normal((2, columns)) + rng.standard_normal((40, columns))
    hits = noisy > 0 if kind == "labels" or columns == 1 else noisy.argmax(axis=1)[:, None] == np.arange(columns)
    Y, weight = 2.0 * hits - 1.0, rng.uniform(0.5, 2.0, 40) if weighted else None
    found = LeaveOneOutByRow(np.array([0.3]), kind).choose(KernelProblem(RBF(gamma=0.5), X, Y, weight, True)).errors
    w = np.ones(40) if weight is None else weight / weight.mean()
    wrong = np.zeros(40)
    for i in range(40 * (kind != "numbers")):
        kept = np.arange(40) != i
        fit = KernelRidge(RBF(gamma=0.5), 0.3).fit(X[kept], Y[kept], None if weight is None else weight[kept])
        f = fit.predict(X[[i]]).reshape(-1)
        one = kind == "classes" and columns > 1
        wrong[i] = f.argmax() != Y[i].argmax() if one else np.mean(np.sign(f) != Y[i])
    assert kind == "numbers" or 0 < wrong.sum() < 40
    np.testing.assert_allclose(found[:, 1], w * wrong, atol=1e-12)


def test_an_iteration_that_misclassifies_more_is_not_taken():
    errors = [np.full(50, value) for value in (1.0, 0.5, 0.7, 0.6)]
    wrong = [np.arange(50) < count for count in (5, 6, 5, 4)]
    judged = [np.column_stack(parts) for parts in zip(errors, wrong, strict=True)]
    assert Run(judged, [0.1] * 4, np.inf).best == 3
    assert Run(judged[:3], [0.1] * 3, np.inf).best == 2
    assert Run(judged[:2], [0.1] * 2, np.inf).best == 0
    assert Run([found * [1, 0] for found in judged], [0.1] * 4, np.inf).best == 1


def cells(rng, n):
    """Rows of fourteen kinds, whose classes are likelier in some than in others, as in tables of categories."""
    kinds = np.array([(a, b, c) for a in range(4) for b in range(2) for c in range(2)][:14], float)
    chance = np.clip(0.15 + 0.6 * kinds[:, 1] - 0.08 * kinds[:, 0] + 0.15 * kinds[:, 2], 0.05, 0.95)
    drawn = rng.integers(0, 14, n)
    return kinds[drawn], rng.random(n) < chance[drawn]


@pytest.mark.parametrize("many", [False, True])
def test_equal_rows_of_different_targets_are_judged_together(monkeypatch, many, rng):
    """A row left out alone would be told by its equals of other classes, and only a model that gives up be right."""
    if many:
        monkeypatch.setattr("widelearn.estimators.recursive.recursion.CHOICE_ROWS", 8)
    X, y = cells(rng, 1500)
    X_test, y_test = cells(rng, 4000)
    model = RecursiveFeatureMachineClassifier().fit(X, y)
    best = KernelRidgeClassifierCV("laplace").fit(X, y).score(X_test, y_test)
    # The majority's share is .15 below.
    assert model.score(X_test, y_test) >= best - 0.02
    assert max(y_test.mean(), 1 - y_test.mean()) < best - 0.1
    assert len(model.X_fit_) == 14
    chance = model.predict_proba(X_test)[:, 1]
    for kind in np.unique(X_test, axis=0):
        own = (X_test == kind).all(axis=1)
        # Standard errors of the shares of 14 kinds, of which one each comes from 107 rows.
        assert abs(chance[own][0] - y_test[own].mean()) < 0.25
    assert log_loss(y_test, chance) < log_loss(y_test, np.full(len(y_test), y.mean())) - 0.05


def test_fits_to_equal_rows_are_those_to_their_means(rng):
    X, y = cells(rng, 400)
    y = y + 0.1 * rng.standard_normal(400)
    kinds, place = np.unique(X, axis=0, return_inverse=True)
    count = np.bincount(place).astype(float)
    means = np.bincount(place, y) / count
    options = {"random_state": 0, "alphas": (0.01, 1.0, 100.0)}
    model = RecursiveFeatureMachine(**options).fit(X, y)
    other = RecursiveFeatureMachine(**options).fit(kinds, means, sample_weight=count)
    assert model.alpha_ == other.alpha_
    np.testing.assert_allclose(model.predict(X), other.predict(X), rtol=1e-9)
    # Mean squares about the rows' means are part of the error.
    within = np.mean((y - means[place]) ** 2)
    assert model.best_score_ == pytest.approx(other.best_score_ - within, rel=1e-9)
    lower, upper = model.predict_interval(X, level=0.9).T
    assert 0.85 < np.mean((lower <= y) & (y <= upper)) <= 1.0
    weighted = RecursiveFeatureMachine(**options).fit(X, y, sample_weight=np.full(400, 3.0))
    thrice = RecursiveFeatureMachine(**options).fit(np.vstack([X] * 3), np.hstack([y] * 3))
    np.testing.assert_allclose(weighted.predict(X), thrice.predict(X), rtol=1e-9)
    assert weighted.best_score_ == pytest.approx(thrice.best_score_, rel=1e-9)
