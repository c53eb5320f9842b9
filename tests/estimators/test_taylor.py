"""Taylor models: the formula, the objective and its gradient, solvers, and what fits and refits leave."""

import pickle
from math import comb, factorial

import numpy as np
import pytest
from scipy import special
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge

from widelearn import TaylorClassifier, TaylorRegressor
from widelearn.estimators.scaling import root_mean_square
from widelearn.estimators.taylor.activations import activation_scale
from widelearn.estimators.taylor.inputs import LinearPart, whitening
from widelearn.estimators.taylor.model import Objective, TaylorNet, draw_net
from widelearn.estimators.taylor.start import bottom_of_blocks, random_start
from widelearn.nets import Expansion


def softplus(t, order):
    """Derivatives of log(1 + e^t) up to order 3."""
    s = special.expit(t)
    return [np.logaddexp(0, t), s, s * (1 - s), s * (1 - s) * (1 - 2 * s)][order]


@pytest.fixture
def table(rng):
    X = 3 * rng.standard_normal((60, 4)) + [0, 1, 2, 3]
    return X, X[:, 0] * X[:, 1] + X[:, 2] + 5 + 0.1 * rng.standard_normal(60)


# Of order 3, of which softplus has no mean, the formula is looked at all the same.
@pytest.mark.filterwarnings("ignore:The term of order 3 of 'softplus' cannot fit")
@pytest.mark.parametrize("orders", [1, 2, 3, (1, 2), (2, 3)])
@pytest.mark.parametrize("linear_term", [True, False])
def test_predictions_are_the_formula(orders, linear_term, table):
    X, y = table
    model = TaylorRegressor(
        orders, "softplus", width=12, linear_term=linear_term, random_state=0, max_iter=500, tol=1e-3
    )
    model.fit(X, y)
    orders = np.atleast_1d(orders)
    z = np.random.default_rng(0).standard_normal(1_000_000)
    # The scale is a mean of 10^6 draws of a bounded function here: 3 standard errors are below 1 %.
    assert model.activation_scale_ == pytest.approx(np.sqrt(np.mean(softplus(z, max(orders)) ** 2)), rel=1e-2)
    assert model.x_scale_ == pytest.approx(np.sqrt(np.mean(X**2)), rel=1e-14)
    assert model.y_scale_ == pytest.approx(y.std() if linear_term else np.sqrt(np.mean(y**2)), rel=1e-14)
    rows = X / model.x_scale_
    U, V = rows @ model.W0_.T, rows @ model.W_.T
    terms = sum(softplus(U, k) * V**k / factorial(k) for k in orders) @ model.a_
    wanted = model.y_scale_ * terms / model.activation_scale_ + X @ model.coef_ + model.intercept_
    np.testing.assert_allclose(model.predict(X), wanted, rtol=1e-11, atol=1e-11)
    assert linear_term or (not model.coef_.any() and model.intercept_ == 0)


def test_neurons_come_in_pairs(table):
    model = TaylorRegressor(width=10, random_state=0).fit(*table)
    np.testing.assert_array_equal(model.W0_[:5], model.W0_[5:])
    np.testing.assert_array_equal(model.a_[:5], -model.a_[5:])
    np.testing.assert_allclose(np.abs(model.a_), 10**-0.5, rtol=1e-15)
    assert np.abs(model.W_[:5] - model.W_[5:]).min(axis=1).max() > 1e-3
    # 40,000 independent draws of variance 1/4: five standard errors of it are 0.009.
    assert abs(draw_net(np.random.RandomState(0), 20_000, 4, 1)[0].var() - 0.25) < 0.009


def test_the_mean_network_predicts(table):
    """In the modes of the real network: the mean over signs of the network at W0 + s W, whose σ is not scaled."""
    X, y = table
    for mode in ("marginal", "signs"):
        model = TaylorRegressor(width=6, mode=mode, max_iter=30, tol=1e-3, random_state=0).fit(X, y)
        rows = X / model.x_scale_
        # All 2^6 signs.
        signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 6)).reshape(6, -1).T
        every = [softplus(rows @ (model.W0_ + s[:, None] * model.W_).T, 0) @ model.a_ for s in signs]
        wanted = model.y_scale_ * np.mean(every, axis=0) + X @ model.coef_ + model.intercept_
        np.testing.assert_allclose(model.predict(X), wanted, rtol=1e-11, atol=1e-11)
        assert model.activation_scale_ == 1


@pytest.mark.parametrize("order", [3, 4])
def test_the_mean_network_of_twins_predicts(order, table):
    """For other orders: a central difference of σ at the multipliers' values, over the gap of their moments."""
    X, y = table
    for mode in ("marginal", "signs"):
        model = TaylorRegressor(order, "softplus" if order == 4 else "tanh", width=6, mode=mode, max_iter=30, tol=1e-3)
        model.set_params(random_state=0).fit(X, y)
        rows, k = X / model.x_scale_, order
        shifts = [(-1) ** (k - j) * comb(k, j) / factorial(k) for j in range(k + 1)]
        at = [rows @ (model.W0_ + (j - k / 2) * model.W_).T for j in range(k + 1)]
        values = [np.logaddexp(0, z) if k == 4 else np.tanh(z) for z in at]
        mean = sum(share * part for share, part in zip(shifts, values, strict=True)) @ model.a_
        wanted = model.y_scale_ * mean + X @ model.coef_ + model.intercept_
        np.testing.assert_allclose(model.predict(X), wanted, rtol=1e-9, atol=1e-9)
        assert model.activation_scale_ == 1


def objective(loss, mode, power, linear_term=True, rng=None, seed=3):
    random = np.random.RandomState(seed)
    X = random.standard_normal((15, 3))
    Y = {"squared": X[:, :2], "logistic": np.sign(X[:, 1:]), "softmax": np.eye(2)[(X[:, 0] > 0).astype(int)]}[loss]
    W0, a = draw_net(random, 6, 3, 2)
    net = TaylorNet(Expansion(W0, a, "softplus", (1, 3)), mode)
    return Objective(X, Y, loss, net, LinearPart.of(X, 0.1) if linear_term else None, 0.1, power, rng)


class Repeated:
    """Random signs that are the same at every call."""

    def choice(self, values, size):
        return np.random.RandomState(5).choice(values, size)


@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax"])
@pytest.mark.parametrize("mode", ["taylor", "marginal", "signs"])
@pytest.mark.parametrize("power", [1, 2])
def test_gradient(loss, mode, power):
    function = objective(loss, mode, power, power == 1, Repeated() if mode == "signs" else None)
    random = np.random.RandomState(0)
    theta = 0.5 * random.standard_normal(len(function.pack(np.ones((6, 3)))))
    _, gradient = function(theta)
    for _ in range(3):
        v, h = random.standard_normal(len(theta)), 1e-5
        slope = (function(theta + h * v)[0] - function(theta - h * v)[0]) / (2 * h)
        # Differences err by h² f''' ~ 1e-10 and by rounding, 1e-16 / h = 1e-11, times numbers up to 10³.
        assert slope == pytest.approx(gradient @ v, rel=1e-6, abs=1e-7)


def test_objective_is_what_the_docstring_says(table):
    X, y = table
    for power, alpha in ((1, 2e-3), (2, 1e-2)):
        model = TaylorRegressor(width=20, alpha=alpha, penalty_power=power, random_state=0).fit(X, y)
        loss = 0.5 * np.mean((model.predict(X) - y) ** 2) / y.var()
        beta = model.coef_ * model.x_scale_ / model.y_scale_
        G = np.sum(np.linalg.norm(model.W_, axis=1) ** 4)
        wanted = loss + alpha * G**power + model.linear_alpha_ / 2 * beta @ beta
        assert model.loss_curve_[-1] == pytest.approx(wanted, rel=1e-10)
        assert model.history_["loss"][-1] == model.loss_curve_[-1]
        assert model.n_iter_ == len(model.loss_curve_) == len(model.history_["gradient_norm"])
        assert (np.diff(model.loss_curve_) <= 0).all()


def test_the_linear_part_is_ridge_regression(table):
    """Given the net, β and b minimise (1/n) ‖r - Xβ - b‖² + alpha ‖β‖²; a first-order net without movement is none."""
    X, y = table
    model = TaylorRegressor(width=2, alpha=1e3, linear_alpha=1e3, random_state=0, tol=1e-13).fit(X, y)
    scaled = X / model.x_scale_
    peer = Ridge(1e3 * len(X)).fit(scaled, (y - y.mean()) / y.std())
    # A penalty of 10³ leaves ‖w‖⁴ ~ 10^-6 and so a net of 10^-3 at most.
    np.testing.assert_allclose(model.coef_ * model.x_scale_ / y.std(), peer.coef_, atol=1e-3)
    random, Z = np.random.RandomState(0), scaled - scaled.mean(axis=0)
    part = LinearPart.of(scaled, 0.3)
    gamma = random.standard_normal((4, 1))
    beta, _ = part.coefficients(gamma, np.zeros(1))
    np.testing.assert_allclose(part.Z @ gamma, Z @ beta, atol=1e-12)
    assert float(part.penalty @ gamma[:, 0] ** 2) == pytest.approx(float(0.3 * (beta**2).sum()), rel=1e-12)
    np.testing.assert_allclose(part.Z.T @ part.Z / len(Z) + np.diag(part.penalty), np.eye(4), atol=1e-12)


def test_the_unit_of_y_and_of_x_does_not_matter(table):
    X, y = table
    wanted = TaylorRegressor(width=20, random_state=0).fit(X, y).predict(X)
    # Powers of two scale without rounding.
    for a in (1024.0, 2.0**-300):
        model = TaylorRegressor(width=20, random_state=0).fit(X, a * y)
        np.testing.assert_allclose(model.predict(X) / a, wanted)
    model = TaylorRegressor(width=20, random_state=0).fit(2.0**400 * X, y)
    np.testing.assert_allclose(model.predict(2.0**400 * X), wanted)


def test_scales():
    assert root_mean_square(np.array([3e200, 4e200])) == pytest.approx(np.sqrt(12.5) * 1e200)
    X = np.random.default_rng(0).standard_normal((200, 3)) @ np.diag([1.0, 50.0, 0.0]) + 7
    mean, root = whitening(X)
    Z = (X - mean) @ root
    np.testing.assert_allclose(Z.T @ Z / 200, np.diag([1.0, 1.0, 0.0]), atol=1e-10)
    # σ'' of relu3 is relu, whose square has the mean 1/2.
    assert activation_scale("relu3", 2) == pytest.approx(0.5**0.5, rel=1e-9)


def test_solvers_agree(table):
    X, y = table
    values = {}
    for solver in ("lbfgs", "pgd", "sgd", "adam"):
        model = TaylorRegressor(width=24, solver=solver, max_iter=3000, random_state=0, tol=1e-7, alpha=0.01)
        model.set_params(**({"batch_size": 60} if solver in ("sgd", "adam") else {}))
        values[solver] = model.fit(X, y).loss_curve_[-1]
        assert model.solver_ == solver
    # Saddles apart, all local minima are nearly global: first-order methods come within 3 % in these iterations.
    for solver, value in values.items():
        assert value == pytest.approx(values["lbfgs"], rel=0.03), solver


def test_the_spectral_start_is_the_bottom_of_the_curvature():
    X = np.random.default_rng(0).choice([-1.0, 1.0], (50, 8))
    y = X[:, 0] * X[:, 1]
    W0, a = draw_net(np.random.RandomState(0), 6, 8, 1)
    function = Objective(
        X, y[:, None], "squared", TaylorNet(Expansion(W0, a, "softplus", (2,)), "taylor"), None, 0.0, 1
    )
    values, vectors = bottom_of_blocks(function, np.zeros(48), random_start(np.random.RandomState(1), (6, 8), 2))
    for r in range(6):
        block = (X.T * (-y * a[r, 0] * softplus(X @ W0[r], 2))) @ X / 50
        np.testing.assert_allclose(values[r], np.linalg.eigvalsh(block)[0], rtol=1e-9)
        np.testing.assert_allclose(block @ vectors[r], values[r] * vectors[r], atol=1e-9)


def test_diverging_steps_keep_the_last_finite_weights(table):
    with pytest.warns(ConvergenceWarning, match="sgd diverged .* Take a smaller learning_rate_init"):
        model = TaylorRegressor(solver="sgd", learning_rate_init=1e6, random_state=0).fit(*table)
    assert np.isfinite(model.predict(table[0])).all()
    with pytest.warns(ConvergenceWarning, match="lbfgs stopped after max_iter = 2 iterations"):
        TaylorRegressor(max_iter=2, random_state=0).fit(*table)


@pytest.mark.parametrize("solver", ["lbfgs", "pgd", "adam"])
def test_an_interrupted_fit_keeps_its_weights(solver, table):
    X, y = table

    def stop(iteration, value):
        assert value > 0
        if iteration == 4:
            raise KeyboardInterrupt

    model = TaylorRegressor(solver=solver, callback=stop, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 4
    # Four steps are better than the mean; of all sizes the fit has the right one, with the mean of y put back.
    assert model.score(X, y) > 0


def test_probabilities(rng):
    X = rng.standard_normal((90, 3))
    for y in (X[:, 0] > 0, np.array(["low", "mid", "high"])[np.digitize(X[:, 0], [-0.5, 0.5])], np.full(90, "one")):
        model = TaylorClassifier(width=16, random_state=0).fit(X, y)
        p = model.predict_proba(X)
        assert p.shape == (90, len(model.classes_))
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
        assert model.score(X, y) > 0.9
    Y = (X[:, :2] > 0).astype(int)
    model = TaylorClassifier(width=16, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X) > 0.5, model.predict(X))
    assert (model.predict(X) == Y).mean() > 0.9


@pytest.mark.parametrize("n", [1, 2, 30])
@pytest.mark.parametrize("d", [1, 2])
def test_small_and_constant_data(n, d, rng):
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    for A, b in ((X, y), (X, 0 * y + 3), (0 * X + 2, y), (0 * X, 0 * y)):
        for parameters in ({}, {"linear_term": False}, {"whiten": True}, {"mode": "marginal"}, {"alpha": 0.0}):
            values = TaylorRegressor(width=8, random_state=0, **parameters).fit(A, b).predict(A)
            assert np.isfinite(values).all()
    assert TaylorRegressor(random_state=0).fit(X, 0 * y + 0.1).predict(X) == pytest.approx(0.1, rel=1e-15)
    assert TaylorClassifier(random_state=0).fit(X, np.arange(n) % 2).predict(X).shape == (n,)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"activation": "relu"}, "relu.* order 2.*'softplus' or 'gelu'.*'relu2' or 'relu3'"),
        ({"activation": "identity"}, "that derivative is zero"),
        ({"activation": "nonsense"}, "unknown"),
        ({"activation": (np.cos, np.sin)}, "tuple of 2 functions"),
        ({"width": 7}, "width must be even.*Take 8"),
        ({"order": (2, 2)}, "a tuple of different ones"),
        ({"order": (2, 3), "mode": "marginal"}, "Set one order, such as 3, or mode='taylor'"),
        ({"order": 3, "init": "spectral"}, "Take init='random'"),
        ({"mode": "signs", "solver": "pgd"}, "Take 'adam' or 'sgd'"),
    ],
)
def test_refusals(parameters, match, table):
    with pytest.raises(ValueError, match=match):
        TaylorRegressor(**parameters).fit(*table)


def test_targets_precisions_and_state(table):
    X, y = table
    Y = np.column_stack([y, X[:, 3], 1e6 * y])
    for parameters in ({}, {"mode": "marginal"}, {"whiten": True}, {"order": 1}):
        model = TaylorRegressor(width=32, random_state=0, **parameters).fit(X, Y)
        assert (model.coef_.shape, model.intercept_.shape, model.a_.shape) == ((3, 4), (3,), (32, 3))
        assert model.predict(X).shape == (60, 3)
        assert model.score(X, Y) > 0.7
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
        np.testing.assert_allclose(clone(model).fit(X, Y).predict(X), model.predict(X), rtol=1e-9)
        single = clone(model).fit(X.astype(np.float32), Y)
        assert {getattr(single, name).dtype for name in ("W_", "W0_", "a_", "coef_", "intercept_")} == {np.dtype("f4")}
        assert single.predict(X.astype(np.float32)).dtype == np.float32
        # Other roundings end the descent elsewhere in the same basin.
        np.testing.assert_allclose(single.score(X, Y), model.score(X, Y), atol=0.05)


def refused(model, X, refit, error, match):
    """Hold a refit to a refusal that leaves all that was fitted as it was."""
    before = {name: value for name, value in vars(model).items() if name.endswith("_")}
    wanted = model.predict(X), model.get_params()
    with pytest.raises(error, match=match):
        model.fit(*refit)
    assert model.get_params() == wanted[1]
    assert before.keys() == {name for name in vars(model) if name.endswith("_")}
    assert all(vars(model)[name] is value for name, value in before.items())
    np.testing.assert_array_equal(model.predict(X), wanted[0])


def interrupt(*_):
    raise RuntimeError("stop")


def test_a_failed_refit_leaves_the_old_model(table, monkeypatch):
    X, y = table
    Y = np.column_stack([y, -y])
    for targets, others in ((y, Y), (Y, y)):
        model = TaylorRegressor(width=8, random_state=0, max_iter=50, tol=1e-2).fit(X, targets)
        refused(model, X, (X[:, :3], np.where(others > 5, np.nan, others)), ValueError, "contains NaN")
        refused(model.set_params(callback=interrupt), X, (X[:, :3], others), RuntimeError, "stop")
        refused(model.set_params(width=7), X, (X[:, :3], others), ValueError, "width must be even")
    model = TaylorClassifier(width=8, random_state=0, max_iter=50, tol=1e-2).fit(X, np.where(y > 5, "a", "b"))
    refused(model, X, (X, y), ValueError, "Unknown label type")
    refused(model.set_params(callback=interrupt), X, (X[:, :3], np.arange(60) % 3), RuntimeError, "stop")
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "1M")
    refused(model.set_params(callback=None, width=1 << 17), X, (X, np.arange(60) % 3), MemoryError, "narrower net")


@pytest.mark.parametrize("mode", ["taylor", "marginal"])
def test_parameters_set_after_a_fit_change_no_prediction(mode, table):
    X, y = table
    other = {"order": 3, "activation": "gelu", "mode": "signs", "width": 4, "linear_term": False, "whiten": True}
    for model, targets in ((TaylorRegressor, np.column_stack([y, y])), (TaylorClassifier, y > 5)):
        fitted = model(2, "softplus", width=8, mode=mode, random_state=0, max_iter=50, tol=1e-2).fit(X, targets)
        wanted = fitted.predict(X)
        np.testing.assert_array_equal(fitted.set_params(**other).predict(X), wanted)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), wanted)


class Lazy:
    """What shows itself as a Dask collection."""

    def __dask_graph__(self):
        return {}


def test_dask_collections_are_refused(table):
    X, y = table
    for model, targets in ((TaylorRegressor, y), (TaylorClassifier, y > 5)):
        fitted = model(width=8, random_state=0, max_iter=50, tol=1e-2).fit(X, targets)
        for call in (lambda: fitted.fit(Lazy(), targets), lambda: fitted.predict(Lazy())):  # noqa: B023
            with pytest.raises(TypeError, match=rf"{model.__name__} takes no Dask collections: pass X.compute"):
                call()


def test_warnings_name_the_line_of_the_user(table):
    with pytest.warns(ConvergenceWarning) as seen:
        TaylorRegressor(max_iter=2, random_state=0).fit(*table)
    assert [warning.filename for warning in seen] == [__file__]
