"""Tangent kernels of any model: against J Jᵀ in extended precision, of arrays and callables."""

import pickle
import tracemalloc
from itertools import product

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge

import widelearn as wl
from widelearn.kernels import RBF, Empirical, Linear, jacobians
from widelearn.ridge import pcg, solve

BIG = np.longdouble


class Net:
    """f_k(x) = Σ_r a_rk tanh(w_r.x): its Jacobian, and a count of the rows that it is asked for."""

    def __init__(self, d=3, width=5, outputs=1, seed=0, dtype=np.float64):
        rng = np.random.default_rng(seed)
        self.W = rng.standard_normal((width, d)).astype(dtype)
        self.a = rng.standard_normal((width, outputs)).astype(dtype)
        self.calls = []

    def jacobian(self, X):
        self.calls.append(len(X))
        H = np.tanh(X @ self.W.T)
        by_W = np.einsum("rk,nr,nd->nkrd", self.a, 1 - H**2, X)
        by_a = np.einsum("nr,kl->nkrl", H, np.eye(self.a.shape[1], dtype=H.dtype))
        n, c = len(X), self.a.shape[1]
        return np.concatenate([by_W.reshape(n, c, -1), by_a.reshape(n, c, -1)], axis=2)

    def jvp(self, X, theta):
        assert theta.shape == (self.a.size + self.W.size,)
        return self.jacobian(X) @ theta

    def vjp(self, X, U):
        if U.shape != (len(X), self.a.shape[1]):
            raise ValueError("the number of outputs is another")
        return np.einsum("ncp,nc->p", self.jacobian(X), U)

    def sources(self):
        return {
            "jacobian": {"jacobian": self.jacobian},
            "products": {"jvp": self.jvp, "vjp": self.vjp},
            "vjp": {"vjp": self.vjp},
            "all": {"jacobian": self.jacobian, "jvp": self.jvp, "vjp": self.vjp},
        }


def oracle(net, X, Y, outputs):
    """K in extended precision."""
    left, right = net.jacobian(X.astype(np.float64)).astype(BIG), net.jacobian(Y.astype(np.float64)).astype(BIG)
    K = np.einsum("icp,jdp->icjd", left, right)
    if outputs == "trace":
        return np.einsum("icjc->ij", K)
    if outputs == "diagonal":
        K = K * np.eye(K.shape[1])[None, :, None, :]
    return K.reshape(K.shape[0] * K.shape[1], -1)


def close(found, wanted, rtol):
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= rtol * np.abs(wanted).max()


@pytest.fixture(params=[1 << 30, 5000], ids=["one panel", "panels"])
def panels(request, monkeypatch):
    monkeypatch.setattr(jacobians, "PANEL_BYTES", request.param)


@pytest.mark.usefixtures("panels")
@pytest.mark.parametrize(
    ("source", "outputs", "c"), list(product(Net().sources(), ["trace", "diagonal", "full"], [1, 3]))
)
def test_values_products_and_operators_are_those_of_the_jacobian(source, outputs, c):
    net, rng = Net(outputs=c), np.random.default_rng(1)
    X, Y = rng.standard_normal((23, 3)) * 3.0, rng.standard_normal((11, 3)) + 10.0
    kernel = Empirical(**net.sources()[source], outputs=outputs)
    whole, cross = oracle(net, X, X, outputs), oracle(net, X, Y, outputs)
    # Sums of 40 products of entries near 10: some ulps of the largest value.
    K = kernel(X)
    close(K, whole, 1e-14)
    assert np.array_equal(K, K.T)
    close(kernel(X, Y), cross, 1e-14)
    close(kernel(Y, X), cross.T, 1e-14)
    close(kernel.diag(X), whole.diagonal(), 1e-14)
    for t in (1, 2, 40):
        V = rng.standard_normal((cross.shape[1], t))
        close(kernel.dot(X, Y, V), cross @ V, 1e-13)
        close(kernel.dot(X, Y, V[:, 0]), cross @ V[:, 0], 1e-13)
    operator = kernel.operator(X)
    V = rng.standard_normal((len(whole), 2))
    assert operator.shape == whole.shape
    close(operator @ V, whole @ V, 1e-13)
    places = [2, 1, len(whole) - 1]
    close(operator.columns(places), whole[:, places], 1e-14)
    close(operator.entries([0, 4], places), whole[np.ix_([0, 4], places)], 1e-14)
    close(operator.diag(), whole.diagonal(), 1e-14)
    each = 1 if outputs == "trace" else c
    assert kernel.values_per_row(X) == each
    assert kernel(X[0], Y[0]).shape == (() if each == 1 else (each, each))
    close(np.reshape(kernel(X[0], Y[0]), (each, each)), cross[:each, :each], 1e-13)


@pytest.mark.usefixtures("panels")
@pytest.mark.parametrize("outputs", ["trace", "diagonal", "full"])
def test_an_array_serves_the_rows_that_it_was_computed_at(outputs):
    net, rng = Net(outputs=2), np.random.default_rng(2)
    X = rng.standard_normal((20, 3))
    X[7] = X[3]
    J, whole = net.jacobian(X), oracle(net, X, X, outputs)
    kernel = Empirical(J, outputs=outputs)
    close(kernel(X), whole, 1e-14)
    close(kernel(X.copy(), X[[4, 7, 0]]), oracle(net, X, X[[4, 7, 0]], outputs), 1e-14)
    close(kernel.dot(X[:5], X, np.ones(len(whole))), oracle(net, X[:5], X, outputs).sum(axis=1), 1e-13)
    close(kernel.diag(X[::-1]), oracle(net, X[::-1], X[::-1], outputs).diagonal(), 1e-14)
    with pytest.raises(ValueError, match=r"Row 1 is none of the 20 .* callable"):
        kernel.dot(np.stack([X[0], X[1] + 1.0]), X, np.ones(len(whole)))
    with pytest.raises(ValueError, match="array of 20 rows, and X has 19"):
        Empirical(J, outputs=outputs)(X[:19])
    with pytest.raises(ValueError, match="none of the 20"):
        kernel(X + 1.0)


def test_every_row_is_asked_for_once_where_all_fit_and_once_a_panel_where_they_do_not(monkeypatch):
    net = Net()
    X, each = np.random.default_rng(3).standard_normal((100, 3)), 8 * 20
    kernel = Empirical(net.jacobian)
    kernel(X)
    # One row tells the sizes; then as many as are given at once.
    assert net.calls == [1, 100]
    net.calls.clear()
    kernel(X, X[:10])
    assert sum(net.calls) == 110
    net.calls.clear()
    kernel.dot(X, None, np.ones((100, 3)))
    assert sum(net.calls) == 200
    monkeypatch.setattr(jacobians, "PANEL_BYTES", 30 * each)
    net.calls.clear()
    kernel(X)
    # Panels of 30 rows meet the 100, 70, 40 and 10 from their own on.
    assert sum(net.calls) == 100 + 70 + 40 + 10
    assert max(net.calls) == 30 // 6
    net.calls.clear()
    kernel(X, X[:20])
    assert sum(net.calls) == 20 + 100
    net.calls.clear()
    kernel(X[:20], X)
    assert sum(net.calls) == 20 + 100


def test_a_gram_matrix_never_holds_the_jacobian(monkeypatch):
    n, p = 120, 20_000
    monkeypatch.setattr(jacobians, "PANEL_BYTES", 20 * p * 8)
    base = np.random.default_rng(4).standard_normal(p)
    kernel = Empirical(lambda X: np.sin(X[:, :1] + base))
    X = np.random.default_rng(5).standard_normal((n, 1))
    tracemalloc.start()
    K = kernel(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    J = np.sin(X + base)
    close(K, J @ J.T, 1e-13)
    # Twenty rows that are kept, and eight that pass, thrice: in the callable, and returned.
    assert peak < (20 + 3 * 8 + 1) * p * 8 + 2 * K.nbytes < 0.4 * J.nbytes


def test_float32_jacobians_are_summed_in_doubles():
    p, rng = 300_000, np.random.default_rng(6)
    J = (1.0 + 0.1 * rng.standard_normal((6, p))).astype(np.float32)
    exact = np.einsum("ip,jp->ij", J, J, dtype=np.float64)
    X = np.arange(6.0)[:, None]
    close(Empirical(lambda X: J[X[:, 0].astype(int)])(X), exact, 1e-14)
    single = Empirical(lambda X: J[X[:, 0].astype(int)])
    rows = X.astype(np.float32)
    assert single(rows).dtype == np.float32
    # Sums of 2,048 products of float32 numbers near one round to about sqrt(2048) / 2 ulps each, and they average out.
    close(single(rows), exact, 3e-7)
    close(single.diag(rows), exact.diagonal(), 1e-7)
    close(single.dot(rows, None, np.ones(6, np.float32)), exact.sum(axis=1), 1e-7)


SOLVERS = [{"solver": "cholesky"}, {"solver": "pcg", "tol": 1e-11}, {"solver": "nystrom", "n_components": 40}]


@pytest.mark.parametrize(("options", "stored"), list(product(SOLVERS, [False, True])))
def test_kernel_ridge_is_ridge_on_the_jacobian(options, stored):
    net, rng = Net(), np.random.default_rng(7)
    X, new = rng.standard_normal((40, 3)), rng.standard_normal((9, 3))
    y, weight = rng.standard_normal(40), rng.uniform(0.5, 2.0, 40)
    J = net.jacobian(X)[:, 0]
    kernel = Empirical(J if stored else net.jacobian)
    model = wl.KernelRidge(kernel, alpha=0.1, **options).fit(X, y, weight)
    wanted = Ridge(0.1).fit(J, y, weight)
    # Nyström's factor of a singular matrix leaves a millionth of sqrt(k(x, x)).
    tolerance = 1e-5 if options["solver"] == "nystrom" else 1e-8
    close(model.predict(X), wanted.predict(J), tolerance)
    if stored:
        with pytest.raises(ValueError, match="fitted rows alone"):
            model.predict(new)
    else:
        close(model.predict(new), wanted.predict(net.jacobian(new)[:, 0]), tolerance)
        copy = pickle.loads(pickle.dumps(wl.KernelRidge(Empirical(Net(seed=3).jacobian)).fit(X, y)))
        assert copy.predict(new).shape == (9,)


@pytest.mark.parametrize("cv", [None, "gcv", 3])
def test_a_penalty_is_chosen_as_for_ridge_on_the_jacobian(cv):
    net, rng = Net(), np.random.default_rng(8)
    X = rng.standard_normal((40, 3))
    y = np.sin(X[:, 0]) + 0.1 * rng.standard_normal(40)
    J, alphas = net.jacobian(X)[:, 0], (1e-3, 1e-1, 10.0)
    found = wl.KernelRidgeCV([Empirical(net.jacobian), RBF()], alphas, cv=cv).fit(X, y)
    wanted = wl.FeatureRidgeCV("passthrough", alphas, cv=cv).fit(J, y)
    alone = wl.KernelRidgeCV(Empirical(J), alphas, cv=cv).fit(X, y)
    assert alone.alpha_ == wanted.alpha_
    assert np.isclose(alone.best_score_, wanted.best_score_, rtol=1e-8)
    assert found.best_score_ >= alone.best_score_ - 1e-12


def test_systems_of_all_outputs_are_solved_by_the_functional_layer():
    net, rng = Net(outputs=3), np.random.default_rng(9)
    X, y = rng.standard_normal((15, 3)), rng.standard_normal(45)
    J = net.jacobian(X).reshape(45, -1)
    wanted = np.linalg.solve(J @ J.T + 0.5 * np.eye(45), y)
    kernel = Empirical(net.jacobian, outputs="full")
    close(solve(kernel(X), y, 0.5, kind="kernel"), wanted, 1e-10)
    close(np.asarray(pcg(kernel.operator(X), y, 0.5, tol=1e-12)[0]), wanted, 1e-8)
    for model in (wl.KernelRidge(kernel), wl.KernelRidge(kernel, solver="pcg"), wl.NystromFeatures(kernel, 5)):
        with pytest.raises(ValueError, match=r'3 values a row.*"trace"'):
            model.fit(X, y[:15])


def test_places_of_the_matrix_of_all_outputs_are_checked():
    net, X = Net(outputs=2), np.random.default_rng(11).standard_normal((4, 3))
    operator = Empirical(net.jacobian, outputs="full").operator(X)
    whole = oracle(net, X, X, "full")
    close(operator.columns([7, -8, 3, 3]), whole[:, [7, -8, 3, 3]], 1e-14)
    close(operator.columns(np.arange(8) == 5), whole[:, [5]], 1e-14)
    with pytest.raises(TypeError, match="Indices must be integers"):
        operator.columns([0.5])
    with pytest.raises(ValueError, match="0 to n - 1 = 7"):
        operator.entries([8], [0])


def test_kernels_are_joined():
    net, X = Net(outputs=2), np.random.default_rng(10).standard_normal((8, 3))
    kernel = Empirical(net.jacobian)
    joined = 2.0 * kernel + Linear() * kernel
    close(joined(X), (2.0 + X @ X.T) * kernel(X), 1e-14)
    close(joined.diag(X), joined(X).diagonal(), 1e-14)
    close(joined.dot(X, X[:3], np.ones(3)), joined(X, X[:3]).sum(axis=1), 1e-13)
    with pytest.raises(ValueError, match="2 and 1 values a row"):
        (Empirical(net.jacobian, outputs="full") + Linear())(X)


def test_equal_kernels_hold_the_same_callables():
    net, other = Net(), Net()
    J = net.jacobian(np.ones((2, 3)))
    kernel = Empirical(net.jacobian)
    assert kernel == Empirical(net.jacobian) == clone(kernel)
    assert hash(kernel) == hash(clone(kernel))
    assert kernel not in (Empirical(other.jacobian), Empirical(net.jacobian, outputs="full"), RBF())
    assert Empirical(J) == clone(Empirical(J)) != Empirical(J.copy())
    assert clone(Empirical(J)).jacobian is J
    assert Empirical(vjp=net.vjp).get_params()["vjp"] == net.vjp
    assert Empirical(net.jacobian).set_params(outputs="full").outputs == "full"
    kernel(np.ones((2, 3)))
    kernel.set_params(jacobian=Net(width=9).jacobian)
    assert kernel(np.ones((2, 3))).shape == (2, 2)


def broken(value, at=1):
    """The Jacobian of a net with one wrong value in a row."""
    net = Net()

    def jacobian(X):
        J = net.jacobian(X)
        J[X[:, 0] == at, 0, 3] = value
        return J

    return jacobian


def shapes(*found):
    """A callable that returns arrays of these shapes, one after the other."""
    left = list(found)
    return lambda X: np.ones(left.pop(0) if len(left) > 1 else left[0])


X4 = np.arange(4.0)[:, None] * np.ones((1, 3))
WRONG = {
    "other rows": (lambda: Empirical(lambda X: np.ones((5, 7))), r"shape \(5, 7\) for 1 rows: it must be \(1, P\)"),
    "one axis": (lambda: Empirical(lambda X: np.ones(len(X))), r"shape \(1,\) for 1 rows"),
    "no parameters": (lambda: Empirical(lambda X: np.ones((len(X), 0))), "1 outputs and 0 parameters.*width 1"),
    "no outputs": (lambda: Empirical(lambda X: np.ones((len(X), 0, 3))), "0 outputs and 3 parameters"),
    "an array without parameters": (lambda: Empirical(np.ones((4, 0))), "0 parameters"),
    "an array of one axis": (lambda: Empirical(np.ones(4)), r"shape \(4,\): it must be \(n, P\)"),
    "an array of other rows": (lambda: Empirical(np.ones((5, 2))), "array of 5 rows, and X has 4"),
    "complex": (lambda: Empirical(lambda X: np.ones((len(X), 2)) * 1j), "complex.*two outputs"),
    "a complex array": (lambda: Empirical(np.ones((4, 2)) * 1j), "complex"),
    "words": (lambda: Empirical(lambda X: np.full((len(X), 2), "a")), "numbers of float32 or float64"),
    "NaN": (lambda: Empirical(broken(np.nan)), "NaN or infinity at row 1 of its 4"),
    "infinity": (lambda: Empirical(broken(np.inf, 3)), "NaN or infinity at row 3 of its 4"),
    "an array with NaN": (lambda: Empirical(np.array([[1.0], [2.0], [np.nan], [1.0]])), "NaN or infinity in row 2"),
    "overflow": (lambda: Empirical(broken(1e200, 2)), "overflow float64: scale"),
    "another shape": (lambda: Empirical(shapes((1, 3), (4, 5))), "1 outputs and 5 parameters, and 1 and 3 before"),
    "more outputs": (lambda: Empirical(shapes((1, 3), (4, 2, 3))), "2 outputs and 3 parameters, and 1 and 3 before"),
    "jvp alone": (lambda: Empirical(jvp=Net().jvp), "jvp alone has no rows"),
    "nothing": (Empirical, "give jacobian"),
    "outputs": (lambda: Empirical(Net().jacobian, outputs="sum"), "one of trace, diagonal, full, got 'sum'"),
    "an array and products": (lambda: Empirical(np.ones((4, 2)), vjp=Net().vjp), "array of the Jacobian needs no"),
    "a vjp of two axes": (lambda: Empirical(vjp=lambda X, U: np.ones((2, 2))), r"vjp returned shape \(2, 2\)"),
    "a vjp that changes": (
        lambda: Empirical(vjp=lambda X, U: np.ones(2 if not U.any() else 3)),
        r"vjp returned shape \(3,\), and \(2,\) before",
    ),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("call", [lambda k: k(X4), lambda k: k.diag(X4), lambda k: k.dot(X4, None, np.ones(4))])
def test_wrong_jacobians_are_refused_with_numbers_and_the_remedy(case, call):
    make, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        call(make())


def test_wrong_products_are_refused():
    net = Net()
    for jvp in (lambda X, t: np.ones((len(X), 2)), lambda X, t: np.ones(len(X) + 1)):
        with pytest.raises(ValueError, match=r"jvp returned shape"):
            Empirical(net.jacobian, jvp=jvp, vjp=net.vjp).dot(X4, None, np.ones(4))
    with pytest.raises(ValueError, match="jvp returned NaN or infinity, at 4 of 4 places"):
        Empirical(net.jacobian, jvp=lambda X, t: np.full(len(X), np.nan), vjp=net.vjp).dot(X4, None, np.ones(4))
    with pytest.raises(TypeError, match="jvp must be a callable or None, got int"):
        Empirical(net.jacobian, jvp=3)(X4)


@pytest.mark.parametrize("name", ["jacobian", "vjp"])
def test_what_a_callable_raises_passes(name):
    def raises(*arguments):
        raise RuntimeError("the user's own words")

    with pytest.raises(RuntimeError, match=r"^the user's own words$"):
        Empirical(**{name: raises})(X4)
    with pytest.raises(RuntimeError, match=r"^the user's own words$"):
        wl.KernelRidge(Empirical(**{name: raises})).fit(X4, X4[:, 0])


def test_a_jacobian_that_does_not_fit_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "1M")
    with pytest.raises(MemoryError, match=r"2 rows, 1 outputs and 40000 parameters"):
        Empirical(lambda X: np.ones((len(X), 40_000)))(X4)
