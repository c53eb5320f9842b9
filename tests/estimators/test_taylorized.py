"""Taylorised training without a framework: its minimum beside oracles, refusals of wrong functions, warnings."""

import pickle

import numpy as np
import pytest
from scipy.optimize import least_squares
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

import widelearn as wl
from reference_nets import slope
from widelearn.estimators.linearized import terms as terms_module
from widelearn.estimators.linearized.taylorized import MAX_ORDER
from widelearn.nets import Expansion


class Net:
    """A two-layer net f_k(x) = Σ_r a_rk σ(<w_r, x>), the first layer's terms by the core, and by formula."""

    def __init__(self, c=1, width=6, d=3, seed=0, activation="softplus"):
        rng = np.random.default_rng(seed)
        self.W0, self.a = rng.standard_normal((width, d)), rng.standard_normal((width, c))
        self.activation, self.p = activation, width * d

    def expansion(self, X, order):
        dtype = X.dtype
        return Expansion(self.W0.astype(dtype), self.a.astype(dtype), self.activation, range(1, order + 1))

    def f0(self, X):
        return slope((self.activation, 0.0), X @ self.W0.T.astype(X.dtype)) @ self.a.astype(X.dtype)

    def terms(self, X, delta, order):
        return list(self.expansion(X, order).terms(X, delta.reshape(self.W0.shape)))

    def vjp(self, X, delta, U, order):
        # The gradient of mean ½ ‖f - y‖² is that of <U, f> where f - y = n U.
        net, W = self.expansion(X, order), delta.reshape(self.W0.shape)
        return net.loss_gradient(X, net.outputs(X, W) - len(X) * U, W, "squared").W.ravel()

    def model(self, order, **options):
        return wl.TaylorizedRidge(
            self.f0, self.terms, self.vjp, order=order, n_parameters=self.p, **{"alpha": 0.3, "tol": 1e-12} | options
        )

    def value(self, X, delta, order, dtype=np.longdouble):
        """f0 and the terms by their formula."""
        W0, a, X, W = (part.astype(dtype) for part in (self.W0, self.a, X, delta.reshape(self.W0.shape)))
        u, p, total = X @ W0.T, X @ W.T, 0
        for k in range(order + 1):
            total = total + (slope((self.activation, 0.0), u.astype(float), k) * p**k / np.prod(range(1, k + 1))) @ a
        return total


def made(seed, c=1, n=40):
    rng = np.random.default_rng(seed)
    return Net(c, seed=seed), rng.standard_normal((n, 3)), rng.standard_normal((n, c)), rng.uniform(0.1, 3.0, n)


def residuals(net, X, Y, weight, order):
    """What squares are summed of, as a function of the movement and intercepts: 0 where there are none."""

    def of(theta):
        moved = net.value(X, theta[: net.p], order, float)
        left = Y - moved - (theta[net.p :] if len(theta) > net.p else 0.0)
        return np.concatenate([(np.sqrt(weight)[:, None] * left).ravel(), theta[: net.p]])

    return of


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize(("c", "fit_intercept"), [(1, False), (2, True)])
def test_a_fit_is_a_minimum_that_another_solver_finds(order, c, fit_intercept):
    for seed in range(2):
        net, X, Y, weight = made(seed, c)
        given = weight if seed else None
        model = net.model(order, alpha=1.0, fit_intercept=fit_intercept).fit(X, Y, given)
        free = residuals(net, X, Y, np.ones(len(X)) if given is None else given, order)
        start = np.zeros(net.p + c * fit_intercept)
        wanted = least_squares(free, start, method="trf", xtol=1e-15, ftol=1e-15, gtol=1e-14)
        here = np.concatenate([model.coef_.ravel(), model.intercept_ if fit_intercept else []])
        # Objectives beyond order 1 are not convex: the same value, or a lower one, and no slope.
        assert np.sum(free(here) ** 2) <= 2 * wanted.cost * (1 + 1e-9)
        steps = 1e-5 * np.eye(len(here))
        slopes = [np.sum(free(here + step) ** 2) - np.sum(free(here - step) ** 2) for step in steps]
        # Differences of values of some 10 by 2e-5 are known to 1e-10 of them.
        assert np.abs(np.array(slopes) / 2e-5).max() < 1e-4
        if order == 1:
            np.testing.assert_allclose(here, wanted.x, rtol=0, atol=1e-6)
        new = np.random.default_rng(9).standard_normal((7, 3))
        shown = net.value(new, model.coef_, order) + model.intercept_
        np.testing.assert_allclose(model.predict(new), shown.astype(float), rtol=0, atol=1e-10)


def test_order_1_is_ridge_on_the_jacobian():
    for seed, c, fit_intercept in [(0, 1, False), (1, 1, True), (2, 2, False), (3, 2, True)]:
        net, X, Y, weight = made(seed, c)
        Y[:, 0] *= 1e3

        def jacobian(X, net=net):
            gates = slope((net.activation, 0.0), X @ net.W0.T, 1)
            return np.einsum("nr,rk,nd->nkrd", gates, net.a, X).reshape(len(X), -1, net.p)

        alpha = 0.1 * 10.0**seed
        ridge = wl.linearize(net.f0, jacobian, alpha, fit_intercept).fit(X, Y, weight)
        found = wl.linearize(
            net.f0, None, alpha, fit_intercept, order=1, terms=net.terms, vjp=net.vjp, n_parameters=net.p
        )
        found = found.set_params(tol=1e-12).fit(X, Y, weight)
        # Descents end where values do not fall by 1e-14: places are known to the root of it, times their condition.
        np.testing.assert_allclose(found.predict(X), ridge.predict(X), rtol=0, atol=1e-6 * np.abs(Y).max())
        np.testing.assert_allclose(found.coef_.ravel(), ridge.coef_.ravel(), rtol=0, atol=1e-5 * np.abs(Y).max())


def test_float32_is_kept_and_near():
    net, X, Y, _ = made(4)
    for order in range(1, MAX_ORDER + 1):
        wide, narrow = (net.model(order, alpha=1.0, tol=1e-5).fit(X.astype(T), Y) for T in (np.float64, np.float32))
        found = narrow.predict(X.astype(np.float32))
        assert found.dtype == narrow.coef_.dtype == np.float32
        # The minimum's value is known to float32's digits, the place to their root.
        np.testing.assert_allclose(found, wide.predict(X), rtol=0, atol=1e-2)


def test_blocks_of_rows_add_up(monkeypatch):
    net, X, Y, weight = made(5, 2)
    whole = net.model(3).fit(X, Y, weight)
    monkeypatch.setattr(terms_module, "ROWS", 7)
    np.testing.assert_allclose(net.model(3).fit(X, Y, weight).predict(X), whole.predict(X), rtol=0, atol=1e-6)


def test_columns_of_targets_beside_one_output_move_each_by_itself():
    net, X, Y, _ = made(6)
    many = np.column_stack([Y, 1.5 * Y[::-1]])
    both = net.model(2).fit(X, many)
    assert both.coef_.shape == (2, net.p)
    for k in (0, 1):
        alone = net.model(2).fit(X, many[:, k])
        assert np.array_equal(both.predict(X)[:, k], alone.predict(X))
        assert isinstance(alone.intercept_, float)


def test_rows_without_weight_are_not_seen_and_state_is_kept():
    net, X, Y, weight = made(7)
    weight[20:] = 0.0
    model = net.model(2, callback=lambda t, value: None).fit(X, Y.ravel(), weight)
    part = clone(model).fit(X[:20], Y.ravel()[:20], weight[:20])
    assert np.array_equal(model.predict(X), part.predict(X))
    before = model.predict(X)
    assert model.n_iter_ == len(model.loss_curve_)
    assert (np.diff(model.loss_curve_) <= 0).all()
    with pytest.raises(ValueError, match="f0 returned shape"):
        model.set_params(f0=lambda X: np.ones((3, 3))).fit(X, Y)
    assert np.array_equal(model.predict(X), before)
    plain = wl.TaylorizedRidge(order=2).fit(X, Y.ravel())
    assert np.array_equal(pickle.loads(pickle.dumps(plain)).predict(X), plain.predict(X))


def test_an_interrupt_keeps_the_movement_so_far():
    net, X, Y, _ = made(8)

    def stops(iteration, value):
        if iteration == 3:
            raise KeyboardInterrupt

    model = net.model(2, callback=stops)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert model.n_iter_ == 3
    first = np.sum((Y - net.f0(X)) ** 2)
    assert np.sum((Y - model.predict(X)) ** 2) < first


def test_functions_may_write_into_what_they_are_given():
    net, X, Y, _ = made(9)

    def spoiling(function):
        def spoils(*given):
            found = function(*given)
            for one in given:
                if isinstance(one, np.ndarray):
                    one[...] = np.nan
            return found

        return spoils

    wanted = net.model(2).fit(X, Y).predict(X)
    parts = {name: spoiling(getattr(net, name)) for name in ("f0", "terms", "vjp")}
    assert np.array_equal(net.model(2).set_params(**parts).fit(X, Y).predict(X), wanted)


NET = Net(seed=10)
WRONG = {
    "no factorial": ("terms", lambda X, D, k: [j * T for j, T in enumerate(NET.terms(X, D, k), 1)], "not the gradient"),
    "whole model": ("terms", lambda X, D, k: [NET.value(X, D, 4, float) - NET.f0(X)] * k, "Term 1 .* degree 1"),
    "swapped": ("terms", lambda X, D, k: NET.terms(X, D, k)[::-1], "Term 1 of terms is not homogeneous"),
    "too few": ("terms", lambda X, D, k: NET.terms(X, D, 1), r"terms returned 1 arrays .* order 2"),
    "sum": ("terms", lambda X, D, k: sum(NET.terms(X, D, k)), r"terms returned 40 arrays of shapes"),
    "number": ("terms", lambda X, D, k: 1.0, "terms returned one float: it must be a list of 2 arrays"),
    "other rows": ("terms", lambda X, D, k: NET.terms(X[1:], D, k), r"for 40 rows and order 2"),
    "NaN": ("terms", lambda X, D, k: [T * np.nan for T in NET.terms(X, D, k)], "terms returned NaN or infinity"),
    "complex": ("terms", lambda X, D, k: [T * 1j for T in NET.terms(X, D, k)], "terms has complex values"),
    "gradient by 1.1": ("vjp", lambda X, D, U, k: 1.1 * NET.vjp(X, D, U, k), "not the gradient of terms"),
    "first term's": ("vjp", lambda X, D, U, k: NET.vjp(X, 0 * D, U, k), "not the gradient of terms"),
    "without U": ("vjp", lambda X, D, U, k: NET.vjp(X, D, np.ones_like(U), k), "not the gradient of terms"),
    "gradient's shape": ("vjp", lambda X, D, U, k: NET.vjp(X, D, U, k)[1:], r"vjp returned shape \(17,\)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_functions_are_refused_with_numbers(case):
    name, function, message = WRONG[case]
    _, X, Y, _ = made(10)
    for dtype in (np.float64, np.float32):
        with pytest.raises(ValueError, match=message):
            NET.model(2).set_params(**{name: function}).fit(X.astype(dtype), Y)


def test_arguments_that_do_not_go_together_are_refused():
    net, X, Y, _ = made(11, 2)
    with pytest.raises(ValueError, match="order=3 takes terms and vjp"):
        wl.linearize(net.f0, lambda X: X, order=3)
    with pytest.raises(ValueError, match="Jacobian beside terms"):
        wl.linearize(net.f0, lambda X: X, order=1, terms=net.terms)
    with pytest.raises(ValueError, match="terms is given without vjp"):
        wl.linearize(net.f0, terms=net.terms, n_parameters=net.p).fit(X, Y)
    with pytest.raises(ValueError, match="n_parameters=5 needs terms"):
        wl.TaylorizedRidge(n_parameters=5).fit(X, Y)
    with pytest.raises(ValueError, match="y has 3 columns, f0 2 and terms 2 outputs"):
        net.model(2).fit(X, np.ones((len(X), 3)))
    assert isinstance(wl.linearize(net.f0, lambda X: X, order=1), wl.LinearizedRidge)
    assert wl.linearize(net.f0, terms=net.terms, vjp=net.vjp, n_parameters=net.p).order == 2


def test_what_ends_too_early_says_so():
    net, X, Y, _ = made(12)
    with pytest.warns(ConvergenceWarning, match="max_iter = 2 iterations .objective .*Increase max_iter"):
        net.model(2, max_iter=2).fit(X, Y)
    still = Net(seed=12)
    # Neurons in opposite pairs at the same place, whose movements to first order see nothing: w and a are 0.
    still.W0 *= 0.0
    still.activation = "cubic"
    with pytest.warns(UserWarning, match="movement stays 0, where the gradient is 0"):
        still.model(3).fit(X, Y)
