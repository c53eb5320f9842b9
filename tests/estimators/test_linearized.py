"""Linearised models: ridge on the Jacobian in extended precision, training of linearised nets, refusals."""

import pickle
from itertools import product

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

import widelearn as wl
from reference_nets import smoothed
from widelearn.kernels import jacobians
from widelearn.nets import TwoLayer


class Net:
    """f_k(x) = Σ_r a_rk tanh(w_r.x), and its Jacobian by W and a; `flat` outputs have one axis."""

    def __init__(self, width, outputs, d=3, seed=0):
        rng = np.random.default_rng(seed)
        self.W, self.a = rng.standard_normal((width, d)), rng.standard_normal((width, outputs))

    def outputs(self, X):
        return np.tanh(X @ self.W.T.astype(X.dtype)) @ self.a.astype(X.dtype)

    def jacobian(self, X):
        H, a = np.tanh(X @ self.W.T.astype(X.dtype)), self.a.astype(X.dtype)
        n, c = len(X), a.shape[1]
        by_W = np.einsum("rk,nr,nd->nkrd", a, 1 - H**2, X).reshape(n, c, -1)
        return np.concatenate([by_W, np.einsum("nr,kl->nkrl", H, np.eye(c, dtype=H.dtype)).reshape(n, c, -1)], axis=2)

    def factors(self, X):
        by_a = self.jacobian(X)[:, :, self.W.size :]
        gates = 1 - np.tanh(X @ self.W.T.astype(X.dtype)) ** 2
        return [(self.a.T.astype(X.dtype) * gates[:, None], X), by_a]


def solved(A, b):
    """A⁻¹ b of a positive definite A, by elimination in the arrays' type."""
    A, b = A.copy(), b.copy()
    for j in range(len(A)):
        factor = A[j + 1 :, j] / A[j, j]
        A[j + 1 :, j:] -= np.outer(factor, A[j, j:])
        b[j + 1 :] -= factor * b[j]
    for j in reversed(range(len(A))):
        b[j] = (b[j] - A[j, j + 1 :] @ b[j + 1 :]) / A[j, j]
    return b


def expected(J, r, weight, alpha, fit_intercept):
    """The fit (n, c) of r by J (n, c, P), by normal equations in long doubles; an intercept for every output."""
    n, c, p = J.shape
    J, r, w = (part.astype(np.longdouble) for part in (J, r, weight))
    mean_j = mean_r = np.longdouble(0)
    if fit_intercept:
        mean_j, mean_r = np.einsum("n,ncp->cp", w / w.sum(), J), np.einsum("n,nc->c", w / w.sum(), r)
    Z, t, w = (J - mean_j).reshape(n * c, p), (r - mean_r).ravel(), np.repeat(w, c)
    delta = solved((Z.T * w) @ Z + alpha * np.eye(p, dtype=Z.dtype), (Z.T * w) @ t)
    return ((Z @ delta).reshape(n, c) + mean_r).astype(np.float64)


@pytest.fixture(params=[1 << 30, 3000], ids=["one panel", "panels"])
def panels(request, monkeypatch):
    monkeypatch.setattr(jacobians, "PANEL_BYTES", request.param)


@pytest.mark.usefixtures("panels")
@pytest.mark.parametrize(("width", "c", "fit_intercept"), list(product([2, 12], [1, 3], [False, True])))
def test_a_fit_is_ridge_on_the_jacobian(width, c, fit_intercept):
    net, rng = Net(width, c), np.random.default_rng(1)
    X, Y, weight = rng.standard_normal((15, 3)), rng.standard_normal((15, c)) + 5.0, rng.uniform(0.1, 3.0, 15)
    for dtype, alpha, given in product([np.float64, np.float32], [0.3, 1e-3], [None, weight]):
        x = X.astype(dtype)
        f0, J = net.outputs(x).astype(float), net.jacobian(x)
        wanted = f0 + expected(J, Y - f0, np.ones(15) if given is None else given, alpha, fit_intercept)
        model = wl.linearize(net.outputs, net.jacobian, alpha, fit_intercept).fit(x, Y, given)
        found = model.predict(x)
        assert (found.dtype, model.solver_) == (dtype, "primal" if width == 2 else "dual")
        # Rounding of the Jacobian and of coefficients in the rows' type.
        assert np.abs(found - wanted).max() < (1e-10 if dtype == np.float64 else 2e-4) * np.abs(wanted).max()
        assert model.coef_.shape == ((width * (3 + c),) if c > 1 else (1, width * 4))
        assert model.intercept_.shape == (c,)
        assert fit_intercept or not model.intercept_.any()


def test_rows_without_weight_are_not_seen():
    net, rng = Net(20, 2), np.random.default_rng(2)
    X, Y = rng.standard_normal((30, 3)), rng.standard_normal((30, 2))
    weight = np.ones(30)
    weight[20:] = 0.0
    model = wl.linearize(net.outputs, net.jacobian, 0.1, True)
    part = clone(model).fit(X[:20], Y[:20])
    np.testing.assert_allclose(model.fit(X, Y, weight).predict(X), part.predict(X), rtol=0, atol=1e-12)


def test_targets_beside_one_output_are_fitted_one_by_one():
    net, rng = Net(20, 1), np.random.default_rng(3)
    X, Y = rng.standard_normal((30, 3)), rng.standard_normal((30, 2)) * (1.0, 1e200)
    both = wl.linearize(net.outputs, net.jacobian, [0.1, 2.0]).fit(X, Y)
    assert both.coef_.shape == (2, 80)
    for k, alpha in enumerate((0.1, 2.0)):
        alone = wl.linearize(lambda X: net.outputs(X)[:, 0], net.jacobian, alpha).fit(X, Y[:, k])
        assert alone.predict(X).shape == (30,)
        assert isinstance(alone.intercept_, float)
        size = np.abs(Y[:, k]).max()
        np.testing.assert_allclose(both.predict(X)[:, k], alone.predict(X), rtol=0, atol=1e-13 * size)


@pytest.mark.usefixtures("panels")
@pytest.mark.parametrize(("width", "c", "fit_intercept"), list(product([2, 12], [1, 3], [False, True])))
def test_factors_of_the_layers_give_the_same_fit(width, c, fit_intercept):
    net, rng = Net(width, c), np.random.default_rng(9)
    X, Y, weight = rng.standard_normal((15, 3)), rng.standard_normal((15, c)) + 5.0, rng.uniform(0.1, 3.0, 15)
    for dtype, tolerance in ((np.float64, 1e-11), (np.float32, 1e-4)):
        x = X.astype(dtype)
        plain = wl.linearize(net.outputs, net.jacobian, 0.1, fit_intercept).fit(x, Y, weight)
        found = wl.linearize(net.outputs, factors=net.factors, alpha=0.1, fit_intercept=fit_intercept)
        found = pickle.loads(pickle.dumps(clone(found).fit(x, Y, weight)))
        assert found.solver_ == plain.solver_ == ("primal" if width == 2 else "dual")
        for one, other in ((found.coef_, plain.coef_), (found.predict(x + 1), plain.predict(x + 1))):
            assert one.dtype == dtype
            assert np.abs(one - other).max() <= tolerance * np.abs(other).max()


@pytest.mark.parametrize(
    ("activation", "n", "m", "c"), [("tanh", 20, 30, 1), ("relu", 60, 4, 2), ("softplus", 15, 9, 3)]
)
def test_it_is_what_training_the_linearised_net_converges_to(activation, n, m, c):
    rng = np.random.default_rng(4)
    W, b, a = rng.standard_normal((m, 4)), rng.standard_normal(m), rng.standard_normal((m, c)) / np.sqrt(m)
    X, Y, new, alpha = rng.standard_normal((n, 4)), rng.standard_normal((n, c)), rng.standard_normal((7, 4)), 10.0
    net = TwoLayer(W, b, a, activation)

    def jacobian(X):
        gates = smoothed((activation, 0.0), X @ W.T - b, 1, 0.0)
        return np.einsum("nr,rk,nd->nkrd", gates, a, X).reshape(len(X), c, -1)

    # Gradient descent on ‖y - f0 - J V‖² / 2 + alpha ‖V‖² / 2 by the net's own products.
    V, residual = np.zeros_like(W), Y - net.outputs(X)
    rate = 1.0 / (np.linalg.norm(jacobian(X).reshape(n * c, -1), 2) ** 2 + alpha)
    for _ in range(int(40 / (alpha * rate))):
        V = V + rate * (net.tangent_transpose(X, residual - net.tangent_product(X, V)) - alpha * V)
    model = wl.linearize(net.outputs, jacobian, alpha).fit(X, Y)
    # What is left of the slowest mode is e^-40 of it.
    np.testing.assert_allclose(model.predict(new), net.outputs(new) + net.tangent_product(new, V), rtol=0, atol=1e-10)
    assert np.abs(model.predict(new) - net.outputs(new)).max() > 0.01


def test_without_a_model_it_is_plain_ridge():
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((40, 6)), rng.standard_normal(40)
    for fit_intercept in (False, True):
        wanted = Ridge(0.7, fit_intercept=fit_intercept).fit(X, y)
        found = wl.LinearizedRidge(alpha=0.7, fit_intercept=fit_intercept).fit(X, y)
        np.testing.assert_allclose(found.coef_, wanted.coef_, rtol=0, atol=1e-13)
        np.testing.assert_allclose(found.intercept_, wanted.intercept_, rtol=0, atol=1e-13)


def test_it_is_an_estimator_like_any_other():
    net, rng = Net(10, 1), np.random.default_rng(6)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    search = GridSearchCV(wl.linearize(None, net.jacobian), {"alpha": [0.1, 1.0]}, cv=3).fit(X, y)
    assert search.predict(X).shape == (40,)
    model = wl.linearize(net.outputs, net.jacobian).fit(X, y)
    before = model.predict(X)
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict(X), before)
    # The model is that which was fitted, whatever is set later or fails.
    model.set_params(f0=None)
    assert np.array_equal(model.predict(X), before)
    with pytest.raises(ValueError, match="f0 returned shape"):
        model.set_params(f0=lambda X: np.ones((3, 3))).fit(X, y)
    assert np.array_equal(model.predict(X), before)
    assert np.array_equal(model.tangent_kernel()(X), wl.kernels.Empirical(net.jacobian)(X))


X4 = np.arange(4.0)[:, None] * np.ones((1, 3)) + 1.0
ONE, TWO = Net(4, 1), Net(4, 2)
WRONG = {
    "f0 of other rows": (lambda X: np.ones(3), None, X4[:, 0], r"f0 returned shape \(3,\) for 4 rows"),
    "f0 of three axes": (lambda X: np.ones((4, 1, 1)), None, X4[:, 0], r"f0 returned shape \(4, 1, 1\)"),
    "f0 NaN": (lambda X: np.where(X[:, 0] == 2, np.nan, 1.0), None, X4[:, 0], "f0 returned NaN or infinity at row 1"),
    "f0 complex": (lambda X: X[:, 0] * 1j, None, X4[:, 0], "f0 has complex values"),
    "J of other rows": (None, lambda X: np.ones((5, 3)), X4[:, 0], r"shape \(5, 3\) for 1 rows"),
    "J without parameters": (None, lambda X: np.ones((len(X), 0)), X4[:, 0], "0 parameters"),
    "J infinite": (None, lambda X: X / (X[:, :1] != 3), X4[:, 0], "NaN or infinity at row 2"),
    "outputs": (None, TWO.jacobian, X4[:, 0], "y has 1 columns, f0 1 and the Jacobian 2 outputs"),
    "outputs of f0": (TWO.outputs, ONE.jacobian, X4, "y has 3 columns, f0 2 and the Jacobian 1 outputs"),
    "penalties": (None, TWO.jacobian, X4[:, :2], "there are 1 targets"),
}


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize("case", WRONG)
def test_wrong_models_are_refused_with_numbers(case):
    f0, jacobian, y, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        wl.linearize(f0, jacobian, [1.0, 2.0] if case == "penalties" else 1.0).fit(X4, y)


def test_factors_are_given_in_place_of_a_jacobian():
    with pytest.raises(ValueError, match="jacobian and factors give the same rows"):
        wl.linearize(None, ONE.jacobian, factors=ONE.factors).fit(X4, X4[:, 0])
    with pytest.raises(ValueError, match="order=2 takes terms and vjp"):
        wl.linearize(None, factors=ONE.factors, order=2)
    with pytest.raises(ValueError, match="nor are factors: give one"):
        wl.linearize(None, factors=ONE.factors, terms=ONE.outputs, vjp=ONE.outputs)
    with pytest.raises(ValueError, match="factors returned tuple: it must be a list"):
        wl.linearize(None, factors=lambda X: (X, X)).fit(X4, X4[:, 0])


def test_what_callables_raise_passes():
    def raises(X):
        raise ZeroDivisionError("the user's own words")

    for f0, jacobian in ((raises, None), (None, raises)):
        with pytest.raises(ZeroDivisionError, match=r"^the user's own words$"):
            wl.linearize(f0, jacobian).fit(X4, X4[:, 0])
