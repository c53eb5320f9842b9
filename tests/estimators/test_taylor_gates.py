"""Taylor models whose first layer has other variances: steep gates with thresholds, given or chosen."""

import math
import pickle

import numpy as np
import pytest
from sklearn.base import clone

import widelearn as wl
from widelearn import TaylorClassifier, TaylorRegressor
from widelearn.diagnostics import (
    curvature_identity,
    directions,
    generalization_bound,
    gradient_norm,
    min_hessian_eigenvalue,
    movement_norm,
    optimality_gap,
    rademacher,
)
from widelearn.diagnostics.taylor_problem import TaylorProblem
from widelearn.estimators.taylor.gates import MORE, STEEP_BIASES, STEEP_WEIGHTS
from widelearn.estimators.taylor.held_out import parts_of
from widelearn.nets import Expansion

STEEP = {"weight_variance": STEEP_WEIGHTS, "bias_variance": STEEP_BIASES}


def folded(n, seed, d=4):
    """Rows and targets that bend where a column is near a threshold."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, np.abs(X[:, 0] - 1) + np.abs(X[:, 1] + 0.7) + np.maximum(X[:, 2], 0.5) + 0.05 * rng.standard_normal(n)


def product(n, seed, d=12):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, X[:, 0] * X[:, 1] + 0.3 * rng.standard_normal(n)


def by_hand(model, X):
    """Σ_r a_r σ^(k)(<w0_r, z> + b0_r) (<w_r, z> + b_r)^k / k! of rows z in the model's units, and the linear part."""
    Z = (X - model.mean_) @ model.whitening_ if model.whiten else X
    Z = Z / model.x_scale_
    orders = model.order if isinstance(model.order, tuple) else (model.order,)
    one = np.eye(2)
    total = np.zeros(len(X))
    for k in orders:
        gate = Expansion(one[:1], np.ones((1, 1)), model.activation_, (k,))
        for w0, b0, w, b, a in zip(model.W0_, model.b0_, model.W_, model.b_, model.a_, strict=True):
            rows = np.column_stack([Z @ w0 + b0, np.ones(len(Z))])
            derivative = math.factorial(k) * gate.terms(rows, one[1:]).ravel()
            total += a / model.activation_scale_ * derivative * (Z @ w + b) ** k / math.factorial(k)
    return total * model.y_scale_ + X @ model.coef_ + model.intercept_


@pytest.mark.parametrize("options", [{"order": 1}, {"order": 2}, {"order": (1, 2)}, {"order": 3}, {"whiten": True}])
def test_values_are_those_of_the_formula(options):
    X, y = folded(60, 0)
    model = TaylorRegressor(width=6, weight_variance=2.5, bias_variance=0.7, random_state=0, tol=1e-3, **options)
    model.fit(X, y)
    assert model.W_.shape == model.W0_.shape == (6, 4)
    assert model.b_.shape == model.b0_.shape == (6,)
    assert np.allclose(model.predict(X), by_hand(model, X), rtol=1e-10, atol=1e-10)
    wanted = np.sqrt(np.mean(X**2) / 2.5)
    assert options.get("whiten") or np.isclose(model.x_scale_, wanted, rtol=1e-12)


def test_first_layers_have_the_variances():
    X, y = folded(30, 0)
    model = TaylorRegressor(width=4000, **STEEP, linear_alpha=1.0, tol=1e9, random_state=0).fit(X, y)
    read = X / model.x_scale_ @ model.W0_.T
    # Σ of squares of 2,000 normals; rows are together of one length.
    assert np.isclose(np.mean(read**2), STEEP_WEIGHTS, rtol=0.1)
    assert np.isclose(np.mean(model.b0_**2), STEEP_BIASES, rtol=0.15)
    assert (model.b0_[:2000] == model.b0_[2000:]).all()


@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax"])
def test_certificates_know_thresholds(loss):
    X, y = folded(80, 1)
    # Enough neurons for the relaxation to be tight.
    options = {"width": 32, "tol": 1e-12, "max_iter": 5000, "random_state": 0, "linear_alpha": 0.03, **STEEP}
    if loss == "squared":
        model = TaylorRegressor(**options).fit(X, y)
    else:
        y = np.digitize(y, np.quantile(y, [0.5] if loss == "logistic" else [0.3, 0.7]))
        model = TaylorClassifier(**options).fit(X, y)
    problem = TaylorProblem.of(model, X, y, None, "It")
    assert np.isclose(problem.objective(), model.loss_curve_[-1], rtol=1e-9)
    if loss != "softmax":
        assert 0 <= optimality_gap(model, X, y) < 1e-2 * problem.objective()
    found = min_hessian_eigenvalue(model, X, y)
    assert found.value >= -1e-5 * found.largest
    assert found.direction.shape == (32, 5)
    assert found.linear_direction.shape == (5, problem.Y.shape[1])


def parameters_of(model, X, y):
    """W with thresholds as its last column, β and b, in the model's units; one output."""
    coef, shift = model.coef_.ravel(), np.mean(y) if model.y_scale_ != 1 else 0.0
    offset = float(np.squeeze(model.intercept_)) - shift
    if model.whiten:
        offset, coef = offset + model.mean_ @ coef, np.linalg.solve(model.whitening_, coef)
    last = np.sqrt(X.shape[1] * model.bias_variance_)
    W = np.column_stack([model.W_, model.b_ / last])
    return np.concatenate([W.ravel(), coef * model.x_scale_ / model.y_scale_, [offset / model.y_scale_]])


def objective_by_hand(model, X, y, theta):
    """Mean loss and penalties of softplus, σ'' = s (1 - s), written out for one output."""
    (m, d), last = model.W_.shape, np.sqrt(X.shape[1] * model.bias_variance_)
    W, beta, b = theta[: m * (d + 1)].reshape(m, d + 1), theta[m * (d + 1) : -1], theta[-1]
    Z = (X - model.mean_) @ model.whitening_ if model.whiten else X
    Z = Z / model.x_scale_
    s = 1 / (1 + np.exp(-(Z @ model.W0_.T + model.b0_)))
    terms = s * (1 - s) / 2 * (Z @ W[:, :d].T + last * W[:, d]) ** 2
    f = terms @ model.a_.ravel() / model.activation_scale_ + Z @ beta + b
    if model.y_scale_ == 1:
        loss = np.mean(np.log1p(np.exp(np.where(y, -f, f))))
    else:
        loss = np.mean(((y - y.mean()) / model.y_scale_ - f) ** 2) / 2
    return loss + model.alpha_ * np.sum(np.sum(W**2, axis=1) ** 2) + model.linear_alpha_ / 2 * beta @ beta


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("options", [{}, {"whiten": True}, {"solver": "adam", "max_iter": 2, "linear_alpha": 0.0}])
def test_gradients_and_curvatures_are_those_of_the_written_objective(labels, options):
    X, y = folded(40, 3, d=3)
    y = y > np.median(y) if labels else y
    options = {"width": 4, "random_state": 0, "tol": 1e-3, "linear_alpha": 0.03, **STEEP, **options}
    model = (TaylorClassifier if labels else TaylorRegressor)(**options).fit(X, y)
    theta = parameters_of(model, X, y)
    problem = TaylorProblem.of(model, X, y, None, "It")
    assert np.isclose(problem.objective(), objective_by_hand(model, X, y, theta), rtol=1e-12)

    def slope(v, at=theta):
        return (objective_by_hand(model, X, y, at + v) - objective_by_hand(model, X, y, at - v)) / 2

    steps = 1e-5 * np.eye(len(theta))
    gradient = np.array([slope(step) for step in steps]) / 1e-5
    assert np.isclose(gradient_norm(model, X, y), np.linalg.norm(gradient), rtol=1e-6, atol=1e-9)
    found = min_hessian_eigenvalue(model, X, y)
    v = np.concatenate([found.direction.ravel(), found.linear_direction.ravel()])
    bent = np.array([slope(step, theta + 1e-3 * v) - slope(step, theta - 1e-3 * v) for step in steps]) / 2e-8
    # Of the unit eigenvector in coordinates of its own.
    assert np.isclose(v @ bent, found.value, rtol=1e-3, atol=1e-5 * found.largest)
    Z = np.column_stack([problem.columns, np.full(40, np.sqrt(3))])
    W = theta[:16].reshape(4, 4)
    assert np.isclose(movement_norm(model) ** 4, np.sum(np.sum(W**2, axis=1) ** 2), rtol=1e-12)
    ratio = np.sqrt(np.linalg.eigvalsh(Z.T @ Z / 40)[-1]) / np.linalg.norm(Z, axis=1).max()
    assert np.isclose(rademacher(model, X, draws=2).operator_norm_ratio, ratio, rtol=1e-12)
    line = generalization_bound(model, X, y, draws=2).constants["R_linear"][0]
    radii = [2 ** (np.ceil(4 * np.log2(np.linalg.norm(part))) / 4) for part in (theta[16:19], theta[19:])]
    wanted = radii[0] * np.linalg.norm(problem.columns) / 40 + radii[1] / np.sqrt(40)
    assert np.isclose(line, wanted, rtol=1e-9)
    identity = curvature_identity(model, X, y, np.roll(W, 1, axis=0), draws=100)
    assert abs(identity.sampled - identity.curvature) < 5 * identity.sampled_error


def test_directions_are_those_of_the_rows():
    X, y = product(300, 0)
    model = TaylorRegressor(weight_variance=1.0, bias_variance=0.5, random_state=0).fit(X, y)
    found = directions(model, truth=np.eye(12)[:2])
    assert found.vectors.shape == (2, 12)
    assert found.angles.max() < 12


def test_few_rows_have_soft_gates():
    X, y = folded(999, 0)
    model = TaylorRegressor(width=16, random_state=0).fit(X, y)
    soft = TaylorRegressor(width=16, random_state=0, weight_variance=1.0, bias_variance=0.0).fit(X, y)
    assert (model.weight_variance_, model.bias_variance_) == (1, 0)
    assert (model.predict(X) == soft.predict(X)).all()
    assert not model.b_.any()
    assert not model.b0_.any()


@pytest.mark.parametrize("repeated", [False, True])
def test_held_out_rows_choose_steep_gates(repeated):
    X, y = folded(1100, 0)
    data = (X, y, np.full(len(X), 2.0)) if repeated else (X, y)
    model = TaylorRegressor(width=16, random_state=0).fit(*data)
    assert (model.weight_variance_, model.bias_variance_) == (STEEP_WEIGHTS, STEEP_BIASES)
    given = TaylorRegressor(width=16 * MORE, random_state=0, linear_alpha=model.linear_alpha_, **STEEP).fit(*data)
    assert (model.W0_ == given.W0_).all()
    assert np.allclose(model.predict(X), given.predict(X), rtol=0, atol=1e-2 * np.std(y))
    fresh, truth = folded(1000, 1)
    soft = TaylorRegressor(width=16, random_state=0, weight_variance=1.0).fit(*data)
    assert 1 - model.score(fresh, truth) < 0.5 * (1 - soft.score(fresh, truth))


@pytest.mark.parametrize("n", [1100, 2300])
def test_held_out_rows_choose_soft_gates(n):
    X, y = product(n, 0)
    model = TaylorRegressor(width=32, random_state=0).fit(X, y)
    soft = TaylorRegressor(width=32, random_state=0, weight_variance=1.0, bias_variance=0.0).fit(X, y)
    assert (model.weight_variance_, model.bias_variance_, len(model.W_)) == (1, 0, 32)
    assert (model.predict(X) == soft.predict(X)).all()


def test_duplicates_are_no_further_rows():
    X, y = folded(550, 0)
    model = TaylorRegressor(width=8, random_state=0, max_iter=20).set_params(tol=1e-2)
    assert model.fit(np.tile(X, (2, 1)), np.tile(y, 2)).weight_variance_ == 1


@pytest.mark.parametrize("column", [np.full(60, 1e17), np.arange(60) % 7 * 1e20, np.full(60, -1.7e308), np.zeros(60)])
def test_large_columns_do_not_hide_that_rows_differ(column):
    X = np.column_stack([column, np.arange(60.0) % 50]) * (1.0 if column.any() else 1e-320)
    parted = parts_of(X, np.ones((60, 1)), np.random.RandomState(0))
    assert parted.count == len(np.unique(X, axis=0))
    _, first, place = np.unique(X, axis=0, return_index=True, return_inverse=True)
    assert (parted.numbers == parted.numbers[first][place.ravel()]).all()


def test_classes_choose_too():
    X, y = folded(1400, 0)
    y = np.digitize(y, np.quantile(y, [0.3, 0.7]))
    model = TaylorClassifier(width=16, random_state=0).fit(X, y)
    soft = TaylorClassifier(width=16, random_state=0, weight_variance=1.0).fit(X, y)
    fresh, truth = folded(1000, 1)
    truth = np.digitize(truth, np.quantile(truth, [0.3, 0.7]))
    assert model.weight_variance_ == STEEP_WEIGHTS
    assert model.score(fresh, truth) > soft.score(fresh, truth) + 0.03


def test_steep_models_are_kept_and_go_on(tmp_path):
    X, y = folded(300, 0)
    model = TaylorRegressor(width=8, solver="adam", random_state=0, max_iter=2, **STEEP).fit(X, y)
    again = clone(model)
    for batch in np.split(np.arange(300), 3):
        again.partial_fit(X[batch], y[batch])
    for one in (model, again):
        wl.save(one, tmp_path / "model")
        assert (wl.load(tmp_path / "model").predict(X) == one.predict(X)).all()
        assert (pickle.loads(pickle.dumps(one)).predict(X) == one.predict(X)).all()
    with pytest.raises(ValueError, match=r"bias_variance was 1\.0 in earlier batches"):
        again.set_params(bias_variance=0.5).partial_fit(X, y)


def test_files_hold_movements_once():
    X, y = folded(30, 0, d=50)
    model = TaylorRegressor(width=400, tol=1.0, linear_alpha=1.0, random_state=0).fit(X, y)
    # The movement and the first layer, of 160,000 bytes each.
    assert len(pickle.dumps(model)) < 350_000


def test_the_joint_model_has_thresholds_for_every_order():
    X, y = folded(80, 0)
    model = TaylorRegressor((1, 2), alpha=(1e-3, 1e-3), width=6, random_state=0, tol=1e-3, **STEEP).fit(X, y)
    assert model.W_.shape == (2, 6, 4)
    assert model.b_.shape == (2, 6)
    assert model.b0_.shape == (6,)


@pytest.mark.parametrize("options", [{"weight_variance": 0.0}, {"weight_variance": "steep"}, {"bias_variance": -1.0}])
def test_variances_that_are_none_are_refused(options):
    X, y = folded(30, 0)
    with pytest.raises(ValueError, match=next(iter(options))):
        TaylorRegressor(**options).fit(X, y)


def test_linear_parts_do_not_read_the_column_of_thresholds():
    X, y = folded(200, 0)
    line = np.column_stack([X, np.ones(200)])
    left = y - line @ np.linalg.lstsq(line, y, rcond=None)[0]
    # Gates so far away that none opens: a column of 1e50 beside the rows' own.
    model = TaylorRegressor(width=8, bias_variance=1e100, linear_alpha=0.0, random_state=0).fit(X, y)
    assert np.allclose(y - model.predict(X), left, rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{"weight_variance": 1e100}, {"weight_variance": 1e-100}, {"bias_variance": 1e100}])
def test_variances_without_room_in_single_precision_are_refused(options):
    X, y = folded(30, 0)
    with pytest.raises(ValueError, match="no room in float32, with weight_variance"):
        TaylorRegressor(**options).fit(X.astype(np.float32), y)


def test_a_shared_source_goes_on_where_given_gates_leave_it():
    def drawn(data, **options):
        source = np.random.RandomState(0)
        model = TaylorRegressor(random_state=source, max_iter=60, tol=1e-2, **options).fit(*data)
        return model, source.standard_normal()

    for data, width, given in (
        (folded(1000, 0), 8, STEEP | {"width": 8 * MORE}),
        (product(1000, 0), 32, {"weight_variance": 1.0, "width": 32}),
    ):
        chosen, after = drawn(data, width=width)
        wanted, there = drawn(data, **given)
        assert chosen.weight_variance_ == wanted.weight_variance_
        assert (chosen.W0_ == wanted.W0_).all()
        assert after == there


def test_memory_is_asked_for_what_may_be_trained(monkeypatch):
    def asked(need, what, remedy):
        if need > 1 << 20:
            raise MemoryError(f"{what}: {remedy}")

    monkeypatch.setattr("widelearn.estimators.taylor.training.check_memory", asked)
    X, y = np.random.default_rng(0).standard_normal((1000, 50)), np.arange(1000.0)
    with pytest.raises(MemoryError, match=r"512 neurons of 50 columns.*or weight_variance=1\."):
        TaylorRegressor(random_state=0).fit(X, y)
    # Of few rows steep gates are not tried.
    TaylorRegressor(random_state=0, max_iter=20, tol=1.0, linear_alpha=1.0).fit(X[:200], y[:200])


def test_models_from_before_there_were_thresholds_go_on(tmp_path):
    X, y = product(100, 0, d=3)
    model = TaylorRegressor(width=4, solver="adam", max_iter=2, random_state=0).fit(X, y)
    wanted = gradient_norm(model, X, y)
    for name in ("b_", "b0_", "weight_variance_", "bias_variance_"):
        del model.__dict__[name]
    del model._training.__dict__["gates"]
    wl.save(model, tmp_path / "model")
    for old in (pickle.loads(pickle.dumps(model)), wl.load(tmp_path / "model")):
        assert gradient_norm(old, X, y) == wanted
        assert movement_norm(old) == movement_norm(model)
        old.partial_fit(X, y)
        assert (old.weight_variance_, old.bias_variance_) == (1, 0)
