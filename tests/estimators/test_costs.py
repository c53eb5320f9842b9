"""What fits are expected to take: work that is counted, by rates that are measured."""

import time

import numpy as np
import pytest
from sklearn.base import clone

import widelearn as wl
from widelearn import KernelRidge, KernelRidgeClassifier
from widelearn.estimators import rates
from widelearn.estimators.costs import FitCost
from widelearn.estimators.feature_ridge import cost as feature_cost
from widelearn.estimators.flow import choice as flow_choice
from widelearn.estimators.flow import cost as flow_cost
from widelearn.estimators.kernel_ridge import cost as kernel_cost
from widelearn.estimators.kernel_ridge import durations
from widelearn.estimators.recursive import cost as recursive_cost
from widelearn.estimators.taylor import cost as taylor_cost
from widelearn.estimators.two_layer import cost as two_layer_cost
from widelearn.kernels import NTK, RBF
from widelearn.ridge import operators

UNIT, ENTRY = 1e-11, 2e-9


@pytest.fixture
def table(rng):
    X = rng.standard_normal((400, 3))
    return X, np.sin(X[:, 0])


def rated(monkeypatch, entry=ENTRY, unit=UNIT):
    """Give a kernel value and a multiplication times that are known."""
    for room in (durations, kernel_cost, feature_cost, flow_cost):
        for name, value in (("entry_seconds", entry), ("product_seconds", unit)):
            if hasattr(room, name):
                monkeypatch.setattr(room, name, lambda *_, value=value: value)


@pytest.mark.parametrize("kind", [KernelRidge, KernelRidgeClassifier])
def test_the_cost_of_a_fit_is_counted(kind, table, monkeypatch):
    X, y = table
    y = (y > 0).astype(int) if kind is KernelRidgeClassifier else y
    rated(monkeypatch)
    found = kind(RBF(0.5), solver="cholesky").fit_cost(X, y)
    assert found[:5] == ("cholesky", pytest.approx(400**2 * 1e-9 + 400**3 / 3e11), 400**2 / 2, 400**3 / 3, 8 * 400**2)
    # One target and the intercept.
    found = kind(RBF(0.5), solver="pcg", max_iter=7).fit_cost(X, y)
    read = 400**2 * 7 * 2
    seconds = 400**2 * 2e-9 + read * durations.KEPT_ENTRY * 1e-11
    assert found[:5] == ("pcg", pytest.approx(seconds), 400**2, 2 * read, 8 * 400**2)
    assert kind(RBF(0.5), solver="auto").fit_cost(X, y).solver == "cholesky"
    monkeypatch.setattr(durations, "FEW_ROWS", 10)
    assert kind(RBF(0.5), solver="auto").fit_cost(X, y).solver == "cholesky"
    rated(monkeypatch, unit=1e-6)
    assert kind(RBF(0.5), solver="auto", max_iter=1).fit_cost(X, y).solver == "pcg"


def test_the_cost_without_room_for_a_matrix(table, monkeypatch):
    rated(monkeypatch)
    monkeypatch.setattr(operators, "available_memory", lambda: (400, "a limit"))
    found = KernelRidge(RBF(0.5), solver="pcg").fit_cost(*table)
    assert found[1:5] == (pytest.approx(30 * 400**2 * 2e-9), 30 * 400**2, 30 * 400**2 * 4, 0)


def test_the_cost_of_columns_and_matrices(table, monkeypatch):
    X, y = table
    rated(monkeypatch)
    model = KernelRidge("linear", 1e-12, solver="cholesky")
    assert model.fit_cost(1e3 * X, y)[:5] == ("columns", pytest.approx(400 * 9 / 2 * 1e-11), 0.0, 400 * 9, 0)
    assert model.fit(1e3 * X, y).solver_ == "columns"
    found = KernelRidge("precomputed", solver="cholesky").fit_cost(RBF(0.5)(X), y)
    assert found.seconds == pytest.approx(400**3 / 3e11)


def test_the_cost_leaves_the_estimator_alone(table):
    X, y = table
    model = KernelRidge("rbf")
    assert model.fit_cost(X, y).seconds > 0.0
    assert not hasattr(model, "n_features_in_")
    before = model.fit(X, y).dual_coef_
    model.fit_cost(X[:50, :2], y[:50])
    assert model.dual_coef_ is before
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit_cost(X, y[:-1])


def test_the_choice_of_kernel_and_penalty_is_counted(table, monkeypatch):
    X, y = table
    rated(monkeypatch)
    n = len(X)
    last, matrix = n**3 / 3 * UNIT, n * n * ENTRY / 2
    factors = wl.KernelRidgeCV(RBF(0.5), [0.1, 1.0]).fit_cost(X, y)
    assert factors.seconds == pytest.approx(matrix + 2 * rates.INVERTED * n**3 * UNIT + last)
    assert factors[2:] == (n * n / 2, pytest.approx(2 * (2 * rates.INVERTED + 1 / 3) * n**3), 8 * n * n, False)
    gcv = wl.KernelRidgeCV(RBF(0.5), cv="gcv").fit_cost(X, y)
    assert gcv.seconds == pytest.approx(matrix + rates.TRIDIAGONAL * n**3 * UNIT + last)
    many = np.logspace(-2, 3, 9)
    band = wl.KernelRidgeCV(RBF(0.5), many).fit_cost(X, y)
    shifts = rates.SHIFTED * 9 * n**2
    assert band.seconds == pytest.approx(matrix + (rates.BANDED * n**3 + shifts) * UNIT + last)
    folds = wl.KernelRidgeCV(RBF(0.5), many, cv=4).fit_cost(X, y)
    assert folds.seconds == pytest.approx(matrix + 4 * 9 * (0.75 * n) ** 3 / 3 * UNIT + last)
    # A penalty beside which the matrix is all rounding takes eigenvectors.
    turned = wl.KernelRidgeCV(RBF(0.5), [1e-17, *many]).fit_cost(X, y)
    assert turned.seconds > rates.TURNED * n**3 * UNIT
    both = wl.KernelRidgeCV([RBF(0.5), RBF(5.0)], many).fit_cost(X, y)
    assert both.seconds == pytest.approx(2 * (band.seconds - last) + last)


def test_centres_and_left_out_errors_are_counted(table, monkeypatch):
    X, y = table
    rated(monkeypatch)
    found = KernelRidge("rbf", solver="nystrom", n_components=50).fit_cost(X, y)
    work = 1.5 * 400 * 50**2 + 2 / 3 * 50**3
    assert found[:3] == ("nystrom", pytest.approx(400 * 50 * ENTRY + work * UNIT), 400 * 50)
    plain, stored = (KernelRidge("rbf", solver="cholesky", store_loo=store).fit_cost(X, y) for store in (False, True))
    assert stored.seconds - plain.seconds == pytest.approx(rates.INVERTED * 400**3 * UNIT)
    with pytest.raises(ValueError, match="store_loo"):
        KernelRidge("rbf", solver="nystrom", store_loo=True).fit_cost(X, y)


def test_columns_as_features_are_counted(rng, monkeypatch):
    X = rng.standard_normal((2000, 100))
    rated(monkeypatch)
    monkeypatch.setattr(feature_cost.time, "perf_counter", lambda: 0.0)
    n, p = X.shape
    plain = wl.FeatureRidge("passthrough").fit_cost(X, X[:, 0])
    assert plain[:4] == ("primal", pytest.approx((n * p**2 / 2 + p**3 / 3) * UNIT), 0.0, pytest.approx(2 / 3 * p**3))
    chosen = wl.FeatureRidgeCV("passthrough").fit_cost(X, X[:, 0])
    assert chosen.seconds == pytest.approx((1.5 * n * p**2 + rates.TURNED * p**3) * UNIT)
    gcv = wl.FeatureRidgeCV("passthrough", cv="gcv").fit_cost(X, X[:, 0])
    assert gcv.seconds == pytest.approx((n * p**2 / 2 + (rates.TRIDIAGONAL + 1 / 3) * p**3) * UNIT)
    wide = wl.FeatureRidge("passthrough").fit_cost(X[:60], X[:60, 0])
    assert wide[:2] == ("dual", pytest.approx((60**2 * p / 2 + 60**3 / 3) * UNIT))
    assert (plain.matrix_bytes, wide.matrix_bytes) == (8 * p * p, 8 * 60 * 60)


def test_flows_are_counted(table, monkeypatch):
    X, y = table
    rated(monkeypatch)
    n = len(X)
    once = n * n / 2 * ENTRY + rates.TURNED * n**3 * UNIT
    assert wl.GradientFlowRegressor("rbf", 3.0).fit_cost(X, y)[:3] == ("flow", pytest.approx(once), n * n / 2)
    refits = wl.GradientFlowRegressor("rbf", learning_rate=0.1).fit_cost(X, y)
    assert refits.seconds == pytest.approx(once + 5 * rates.TURNED * (0.8 * n) ** 3 * UNIT)
    assert once < wl.GradientFlowRegressor("rbf").fit_cost(X, y).seconds < refits.seconds
    monkeypatch.setattr(flow_choice, "MOST_REFITS", 100)
    with pytest.raises(ValueError, match="each of 400 rows, of which it takes 100"):
        wl.GradientFlowRegressor("rbf", "loo").fit_cost(X, y)


MODELS = [
    KernelRidge("rbf"),
    KernelRidgeClassifier("rbf"),
    wl.KernelRidgeCV(["rbf", NTK()]),
    wl.KernelRidgeClassifierCV("rbf"),
    wl.FeatureRidge(wl.NystromFeatures(n_components=300), random_state=np.random.RandomState(0)),
    wl.FeatureRidgeClassifier(),
    wl.FeatureRidgeCV(wl.RandomFeatures(50)),
    wl.FeatureRidgeClassifierCV(cv=3),
    wl.GradientFlowRegressor(),
    wl.GradientFlowClassifier(wl.RandomFeatures(50)),
    wl.TaylorRegressor(width=16, random_state=np.random.RandomState(0)),
    wl.TaylorClassifier(width=16, solver="adam", max_iter=3),
    wl.TwoLayerRegressor(max_iter=3, random_state=np.random.RandomState(0)),
    wl.TwoLayerClassifier(algorithm="one_step", width=16),
    wl.RecursiveFeatureMachine(),
    wl.RecursiveFeatureMachineClassifier(),
]
NAMES = [type(model).__name__ for model in MODELS]


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_every_family_foretells_and_changes_nothing(model, table):
    X, y = table
    y = np.where(y > 0, "up", "down") if hasattr(model, "decision_function") or "Classifier" in str(model) else y
    model = clone(model)
    source = getattr(model, "random_state", None)
    before = source.get_state()[1].copy() if isinstance(source, np.random.RandomState) else None
    start = time.process_time()
    found = model.fit_cost(X, y)
    # Some tenths of a second on a machine that does nothing else.
    assert time.process_time() - start < 5.0
    assert isinstance(found, FitCost)
    assert 0.0 < found.seconds < 60.0
    assert found.flops >= 0.0
    assert not hasattr(model, "n_features_in_")
    if before is not None:
        np.testing.assert_array_equal(source.get_state()[1], before)


def ticking(call):
    """Return 1 for the time of whatever is called."""
    return 1.0


def test_steps_are_counted(rng, monkeypatch):
    """Where every call takes a second, a training takes as many seconds as calls, and rows beside those timed."""
    X = rng.standard_normal((1000, 4))
    y, classes = X[:, 0], (X[:, 0] > 0).astype(int)
    monkeypatch.setattr(taylor_cost, "least_seconds", ticking)
    given = {"linear_alpha": 0.01, "weight_variance": 1.0, "max_iter": 10, "random_state": 0}
    found = wl.TaylorRegressor(**given).fit_cost(X, y)
    assert found.seconds == pytest.approx((30 + 11) * 1000 / 512)
    assert (found.solver, found.at_most) == ("lbfgs", True)
    found = wl.TaylorRegressor(solver="adam", batch_size=100, **given).fit_cost(X, y)
    assert (found.solver, found.seconds, found.at_most) == ("adam", pytest.approx(10 * 10), False)
    assert wl.TaylorRegressor(**given | {"linear_alpha": "auto"}).fit_cost(X, y).seconds > 1000.0

    def halves(call):
        return 1.0 if "partial" in type(call).__name__ else 3.0

    monkeypatch.setattr(two_layer_cost, "least_seconds", halves)
    # A step of 1 s along a gradient of 2 s for each 1,000 rows, or 100.
    found = wl.TwoLayerRegressor(max_iter=7, tol=None).fit_cost(X, y)
    assert (found.solver, found.seconds, found.at_most) == ("gd", pytest.approx(7 * 3), False)
    found = wl.TwoLayerRegressor(max_iter=7, batch_size=100).fit_cost(X, y)
    assert (found.seconds, found.at_most) == (pytest.approx(7 * 30), True)
    frozen = wl.TwoLayerClassifier(algorithm="frozen", max_iter=7).fit_cost(X, classes)
    assert (frozen.solver, frozen.at_most, frozen.matrix_bytes) == ("frozen", True, 8 * 1000 * 256)


def test_machines_of_many_rows_are_counted(rng, monkeypatch):
    X = rng.standard_normal((30_000, 3))
    for name, value in (("entry_seconds", 0.0), ("product_seconds", UNIT)):
        monkeypatch.setattr(recursive_cost, name, lambda *_, value=value: value)
    whole = wl.RecursiveFeatureMachine(n_iter=0).fit_cost(X[:20_000], X[:20_000, 0])
    trials = whole.seconds - 20_000**3 / 3 * UNIT
    assert 0.0 < trials < 0.2 * whole.seconds
    assert (whole.at_most, whole.matrix_bytes) == (True, 8 * 20_000**2)
    leaves = wl.RecursiveFeatureMachine(n_iter=0).fit_cost(X, X[:, 0])
    assert leaves.seconds < whole.seconds
    more = wl.RecursiveFeatureMachine(n_iter=2).fit_cost(X[:20_000], X[:20_000, 0])
    assert more.seconds - whole.seconds > 2 * 10_000**3 / 3 * UNIT


def refusal(method, X, y):
    """Return what a method says to bad rows."""
    try:
        method(X, y)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_bad_rows_and_parameters_are_refused_as_by_fit(model, table):
    X, y = table
    y = np.where(y > 0, "up", "down") if "Classifier" in type(model).__name__ else y
    bad = [(X[:, 0], y), (X, y[:-1]), (np.where(X > 2.0, np.nan, X), y), (X, np.full(len(X), np.nan))]
    for rows, targets in bad:
        wanted = refusal(clone(model).fit, rows, targets)
        assert wanted
        assert refusal(clone(model).fit_cost, rows, targets) == wanted
    name = "fit_intercept" if hasattr(model, "fit_intercept") else "max_iter"
    with pytest.raises(ValueError, match=name):
        clone(model).set_params(**{name: "perhaps"}).fit_cost(X, y)
    with pytest.raises(TypeError, match="fit_cost"):
        model.fit_cost(X)


@pytest.mark.parametrize(("seconds", "count"), [([0.001] * 12, 9), ([0.02] * 9, 5), ([0.08, 0.03, 0.01], 2)])
def test_quick_calls_are_timed_more_often_and_the_shortest_counts(seconds, count, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(rates.time, "perf_counter", lambda: clock[0])
    left = iter(seconds)

    def call():
        clock[0] += next(left)

    assert rates.least_seconds(call) == pytest.approx(min(seconds[:count]))
    assert len(list(left)) == len(seconds) - count
