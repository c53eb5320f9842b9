"""Tangent kernels from the factors of layers: against the Jacobian that is formed of them, in extended precision."""

import pickle
import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone

import widelearn as wl
from widelearn import runtime
from widelearn.kernels import Empirical, jacobians, long_rows, outer_products

BIG = np.longdouble
KINDS = ("trace", "diagonal", "full")


class Layers:
    """Layers (out, in, T) of a model of c outputs, in is 0 for a plain Jacobian: smooth functions of its rows."""

    def __init__(self, layers, c, seed, d=3, flat=False):
        rng = np.random.default_rng(seed)
        self.c, self.flat, self.calls = c, flat, []
        self.layers = [
            (rng.standard_normal((d, c * T * out)), rng.standard_normal((d, T * width)), out, width, T)
            for out, width, T in layers
        ]

    def factors(self, X):
        self.calls.append(len(X))
        found, n = [], len(X)
        for R, S, out, width, T in self.layers:
            # One place may have an axis, or none; so may one output.
            shape = ((n,) if self.flat else (n, self.c)) + ((T, out) if T > 1 else (out,))
            delta = np.sin(X @ R.astype(X.dtype)).reshape(shape)
            a = np.cos(X @ S.astype(X.dtype)).reshape((n, T, width) if T > 1 else (n, width))
            found.append((delta, a) if width else delta)
        return found

    def jacobian(self, X, dtype=BIG):
        parts, n = [], len(X)
        for R, S, out, width, T in self.layers:
            delta = np.sin(X @ R.astype(X.dtype)).reshape(n, self.c, T, out).astype(dtype)
            a = np.cos(X @ S.astype(X.dtype)).reshape(n, T, width).astype(dtype) if width else np.ones((n, T, 1), dtype)
            parts.append(np.einsum("icto,itj->icoj", delta, a).reshape(n, self.c, -1))
        return np.concatenate(parts, axis=2)


def oracle(model, X, Y, outputs):
    """K in extended precision."""
    K = np.einsum("icp,jdp->icjd", model.jacobian(X), model.jacobian(Y))
    if outputs == "trace":
        return np.einsum("icjc->ij", K)
    if outputs == "diagonal":
        K = K * np.eye(K.shape[1])[None, :, None, :]
    return K.reshape(K.shape[0] * K.shape[1], -1)


def close(found, wanted, tolerance):
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.fixture
def small(monkeypatch):
    """Panels, tiles, ranges and parts that are formed, as they are of large models."""
    monkeypatch.setattr(jacobians, "PANEL_BYTES", 9000)
    for name, value in (("TILE", 10), ("ENOUGH", 1 << 11), ("WORK", 1 << 14)):
        monkeypatch.setattr(long_rows, name, value)
    for name, value in (("FORMED", 400), ("NEURONS", 5)):
        monkeypatch.setattr(outer_products, name, value)


def drawn(seed):
    """A model of one to four layers of every kind, and two sets of rows, some of which are equal."""
    rng = np.random.default_rng(seed)
    c = int(rng.choice([1, 2, 3]))
    # A matrix at one place, one at some, where it is formed or not, and a plain one.
    kinds = [(9, 11, 1), (int(rng.integers(1, 9)), int(rng.integers(1, 9)), 1), (40, 30, 3), (12, 10, 3), (5, 0, 1)]
    layers = [kinds[i] for i in rng.permutation(5)[: rng.integers(1, 5)]]
    X, Y = rng.standard_normal((int(rng.integers(1, 16)), 3)), rng.standard_normal((11, 3))
    Y[: len(X) // 2] = X[: min(len(X) // 2, 11)]
    return Layers(layers, c, seed, flat=c == 1 and seed % 2 == 0), X, Y


@pytest.mark.parametrize("panels", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_factors_give_what_the_jacobian_gives(request, panels, seed):
    if panels:
        request.getfixturevalue("small")
    model, X, Y = drawn(seed)
    rng = np.random.default_rng(seed)
    for outputs in KINDS:
        kernel = Empirical(factors=model.factors, outputs=outputs)
        whole, cross = oracle(model, X, X, outputs), oracle(model, X, Y, outputs)
        K = kernel(X)
        close(K, whole, 1e-13)
        assert np.array_equal(K, K.T)
        close(kernel(X, Y), cross, 1e-13)
        close(kernel.diag(X), whole.diagonal(), 1e-13)
        for t in (1, 2, 30):
            V = rng.standard_normal((cross.shape[1], t))
            close(kernel.dot(X, Y, V), cross @ V, 1e-12)
        close(kernel.operator(X) @ np.ones(len(whole)), whole.sum(axis=1), 1e-12)
        assert kernel.values_per_row(X) == (1 if outputs == "trace" else model.c)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(4))
def test_float32_factors_are_summed_as_float32_jacobians_are(seed):
    model, X, Y = drawn(seed)
    x, y = X.astype(np.float32), Y.astype(np.float32)
    for outputs in KINDS:
        kernel = Empirical(factors=model.factors, outputs=outputs)
        # Of the same factors, which float32 functions have rounded: sums of some hundred products of 24 bits.
        whole, cross = oracle(model, x, x, outputs), oracle(model, x, y, outputs)
        assert kernel(x).dtype == np.float32
        close(kernel(x), whole, 1e-6)
        close(kernel(x, y), cross, 1e-6)
        close(kernel.diag(x), whole.diagonal(), 1e-6)
        close(kernel.dot(x, y, np.ones(len(cross.T), np.float32)), cross.sum(axis=1), 3e-6)
        double = Empirical(factors=lambda X: [f32(one) for one in model.factors(X)], outputs=outputs)
        close(double(X), oracle(model, X, X, outputs), 1e-6)


def f32(layer):
    return tuple(one.astype(np.float32) for one in layer) if isinstance(layer, tuple) else layer.astype(np.float32)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("outputs", KINDS)
def test_bits_are_the_same_for_every_number_of_threads(outputs):
    model = Layers([(9, 11, 1), (40, 30, 3), (12, 10, 3), (5, 0, 1)], 2, 0)
    X, before, found = np.random.default_rng(0).standard_normal((13, 3)), runtime.get_num_threads(), []
    kernel = Empirical(factors=model.factors, outputs=outputs)
    try:
        for count in (1, 2, 3):
            runtime.set_num_threads(count)
            found.append((kernel(X), kernel.dot(X, None, np.ones(len(kernel.diag(X))))))
    finally:
        runtime.set_num_threads(before)
    for one in found[1:]:
        np.testing.assert_array_equal(one[0], found[0][0])
        np.testing.assert_array_equal(one[1], found[0][1])


def test_the_way_of_least_work_is_taken(monkeypatch):
    seen = []
    monkeypatch.setattr(outer_products.Outer, "_formed", lambda self, other, left, right, *_: seen.append(left.shape))
    X = np.ones((4, 3))
    # 9 places: 81 (50 + 60 + 16) multiplications a pair of rows by factors, 50 · 60 by the Jacobian.
    with pytest.raises(TypeError):
        Empirical(factors=Layers([(50, 60, 9)], 1, 0).factors)(X)
    assert seen == [(4, 9, 50)]
    Empirical(factors=Layers([(50, 60, 3), (50, 60, 1)], 1, 0).factors)(X)
    assert len(seen) == 1
    # A Jacobian that is no larger than its factors is what is held.
    reader = Empirical(factors=Layers([(1, 60, 1), (3, 4, 9), (50, 60, 2)], 1, 0).factors).read()
    assert [len(layer.arrays) for layer in reader.on(X).layers(slice(0, 4), None)] == [1, 1, 2]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_matrix_that_is_used_twice_is_one_layer_of_two_places(dtype):
    """f(x) = sum(tanh(W tanh(W x))) has the gradient δ₂ a₂ᵀ + δ₁ a₁ᵀ."""
    W, X = np.random.default_rng(1).standard_normal((6, 6)), np.random.default_rng(2).standard_normal((7, 6))
    x = X.astype(dtype)

    def factors(X):
        w = W.astype(X.dtype)
        first = np.tanh(X @ w.T)
        last = 1 - np.tanh(first @ w.T) ** 2
        return [(np.stack([(last @ w) * (1 - first**2), last], axis=1), np.stack([X, first], axis=1))]

    (delta, a), small = factors(x.astype(BIG))[0], np.finfo(dtype).eps
    J = np.einsum("ito,itj->ioj", delta, a).reshape(7, -1)
    close(Empirical(factors=factors)(x), J @ J.T, 50 * small)
    step = 1e-6 * np.random.default_rng(3).standard_normal((6, 6))
    value = lambda W: np.tanh(np.tanh(X @ W.T) @ W.T).sum(axis=1)  # noqa: E731
    close((value(W + step) - value(W - step)) / 2, J @ step.ravel(), 1e-6)


@pytest.mark.parametrize(("dtype", "power"), [(np.float64, 600), (np.float32, 75)])
def test_factors_of_any_scales_give_the_same_bits_where_their_products_have_them(dtype, power):
    """Squares of either factor would overflow, and of the other vanish."""
    model, X = Layers([(9, 11, 1), (40, 30, 3)], 2, 4), np.random.default_rng(4).standard_normal((6, 3)).astype(dtype)

    def scaled(X):
        # Rows, and their places, are scaled by powers of their own.
        found = []
        for delta, a in model.factors(X):
            places = a.shape[1] if a.ndim == 3 else 1
            by = power * np.where(np.outer(X[:, 0], (-1.0) ** np.arange(places)) > 0, 1, -1)
            shared = by.reshape(len(X), *(() if delta.ndim == 3 else (1,)), places, 1) if a.ndim == 3 else by
            own = shared if a.ndim == 3 else by[:, :, None]
            found.append((np.ldexp(delta, own), np.ldexp(a, -(by[:, :, None] if a.ndim == 3 else by))))
        return found

    for outputs in KINDS:
        kernel, other = (Empirical(factors=one, outputs=outputs) for one in (model.factors, scaled))
        np.testing.assert_array_equal(other(X), kernel(X))
        np.testing.assert_array_equal(other.diag(X), kernel.diag(X))


def test_a_row_that_is_not_a_number_is_named_without_the_jacobian():
    def factors(X):
        delta = np.outer(X[:, 0], np.ones(3000))
        delta[X[:, 0] > 1, 7] = np.nan
        return [(delta, np.outer(X[:, 1], np.ones(3000)))]

    X = np.ones((60, 2))
    X[-1] = 2
    tracemalloc.start()
    with pytest.raises(ValueError, match="NaN or infinity at row 59 of its 60"):
        Empirical(factors=factors)(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A row of J takes 72 MB.
    assert peak < 3e7


def test_rows_are_asked_for_once_where_their_factors_fit_and_the_jacobian_is_never_held(monkeypatch):
    n, out, width = 40, 90, 120
    model, X = Layers([(out, width, 1), (out, width, 4)], 1, 5), np.random.default_rng(5).standard_normal((n, 3))
    kernel = Empirical(factors=model.factors)
    kernel(X)
    assert model.calls == [1, n]
    model.calls.clear()
    monkeypatch.setattr(jacobians, "PANEL_BYTES", 20 * 5 * (out + width) * 8)
    monkeypatch.setattr(outer_products, "FORMED", 2000)
    tracemalloc.start()
    K = kernel(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    J = model.jacobian(X, np.float64)[:, 0]
    close(K, J @ J.T, 1e-13)
    assert model.calls[0] <= 20
    assert sum(model.calls) == n + 20
    # What is kept and passes, thrice where it is made.
    assert peak < 4 * 20 * 5 * (out + width) * 8 < 0.3 * J.nbytes


def test_kernel_ridge_takes_them_and_kernels_are_equal_by_their_callables():
    model, rng = Layers([(5, 4, 1), (3, 4, 2)], 1, 6), np.random.default_rng(6)
    X, y = rng.standard_normal((25, 3)), rng.standard_normal(25)
    kernel, plain = Empirical(factors=model.factors), Empirical(lambda X: model.jacobian(X, np.float64))
    fits = [wl.KernelRidge(one, alpha=0.3).fit(X, y).predict(X[:4] + 0.1) for one in (kernel, plain)]
    close(fits[0], fits[1], 1e-11)
    assert kernel == clone(kernel) == Empirical(factors=model.factors)
    assert hash(kernel) == hash(clone(kernel))
    assert kernel != plain
    assert kernel.get_params()["factors"] == model.factors
    copy = pickle.loads(pickle.dumps(kernel))
    np.testing.assert_array_equal(copy(X), kernel(X))


def test_products_are_by_jvp_and_vjp_where_these_are_given():
    model, X = Layers([(5, 4, 1), (3, 4, 2)], 2, 7), np.random.default_rng(7).standard_normal((5, 3))

    def jvp(X, theta):
        return model.jacobian(X, np.float64) @ theta

    def vjp(X, U):
        return np.einsum("ncp,nc->p", model.jacobian(X, np.float64), U)

    kernel = Empirical(factors=model.factors, jvp=jvp, vjp=vjp, outputs="full")
    kernel(X)
    model.calls.clear()
    V = np.random.default_rng(8).standard_normal((10, 2))
    close(kernel.dot(X, None, V), oracle(model, X, X, "full") @ V, 1e-12)
    assert model.calls == []


X4 = np.arange(4.0)[:, None] * np.ones((1, 3))
D, A = np.ones((1, 5)), np.ones((1, 7))


def at(*layers):
    """Factors that are these for one row, repeated for more."""
    return lambda X: [
        tuple(None if one is None else np.repeat(one, len(X), axis=0) for one in layer)
        if isinstance(layer, tuple)
        else np.repeat(layer, len(X), axis=0)
        for layer in layers
    ]


def changing(*lists):
    """Factors that are another list at every call."""
    left = list(lists)
    return lambda X: at(*(left.pop(0) if len(left) > 1 else left[0]))(X)


def broken(value, which):
    """Factors with one wrong value in row 2."""

    def factors(X):
        layer = [np.ones((len(X), 5)), np.ones((len(X), 7))]
        layer[which][X[:, 0] == 2, 3] = value
        return [tuple(layer)]

    return factors


WRONG = {
    "one pair": (lambda X: (D, A), "factors returned tuple: it must be a list of layers"),
    "an array": (lambda X: D, "factors returned ndarray: it must be a list"),
    "no layers": (lambda X: [], "factors returned an empty list"),
    "one factor": (at((D,)), "Layer 0 of factors is a tuple of 1 factors: give both"),
    "a missing factor": (at((D, A), (D, None)), r"Layer 1 .* a tuple of 1 factors: give both.* as of a bias"),
    "other rows": (
        lambda X: [(np.ones((len(X), 5)), np.ones((9, 7)))],
        r"shape \(1, 5\) and a of shape \(9, 7\) for 1",
    ),
    "other rows of an array": (lambda X: [np.ones((9, 5))], r"Layer 0 of factors has shape \(9, 5\) for 1 rows"),
    "other places": (at((np.ones((1, 4, 5)), np.ones((1, 3, 7)))), r"at T places \(n, c, T, out\) and \(n, T, in\)"),
    "too many axes": (at((np.ones((1, 1, 2, 2, 2)), np.ones((1, 2, 2)))), "axis of c outputs may be left out"),
    "no places": (at((np.ones((1, 0, 5)), np.ones((1, 0, 7)))), "they must be"),
    "no inputs": (at((D, np.ones((1, 0)))), r"a of shape \(1, 0\)"),
    "no parameters": (at((D, A), np.ones((1, 0))), r"Layer 1 of factors has shape \(1, 0\)"),
    "outputs": (at((np.ones((1, 2, 5)), A), (D, A)), r"have \[2, 1\] outputs"),
    "complex": (at((D, A * 1j)), "a of layer 0 of factors has complex values"),
    "words": (at((np.full((1, 3), "a"), A)), "delta of layer 0 of factors must have numbers"),
    "another shape": (
        changing([(D, A)], [(D, A[:, :4])]),
        r"Layer 0 of factors has rows .*\(1, 4\)\), and .*\(1, 7\)\)",
    ),
    "another count": (changing([(D, A), (D, A)], [(D, A)]), "factors returned 1 layers, and 2 before"),
    "more layers": (changing([(D, A)], [(D, A), (D, A)]), "factors returned 2 layers, and 1 before"),
    "NaN in delta": (broken(np.nan, 0), "NaN or infinity at row 2 of its 4"),
    "NaN in a": (broken(np.nan, 1), "NaN or infinity at row 2 of its 4"),
    "infinity": (broken(np.inf, 1), "NaN or infinity at row 2 of its 4"),
    "overflow": (broken(1e200, 0), "overflow float64: scale"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("call", [lambda k: k(X4), lambda k: k.diag(X4), lambda k: k.dot(X4, None, np.ones(4))])
def test_wrong_factors_are_refused_with_numbers_and_the_remedy(case, call):
    factors, message = WRONG[case]
    if case in ("another shape", "another count", "more layers"):
        lists = {"another shape": ([(D, A)], [(D, A[:, :4])]), "another count": ([(D, A), (D, A)], [(D, A)])}
        factors = changing(*lists.get(case, ([(D, A)], [(D, A), (D, A)])))
    with pytest.raises(ValueError, match=message):
        call(Empirical(factors=factors))


def test_factors_are_given_alone_and_fit():
    with pytest.raises(ValueError, match="jacobian and factors give the same rows: give one of them"):
        Empirical(lambda X: X, factors=at((D, A)))(X4)
    with pytest.raises(TypeError, match="factors must be a callable or None, got list"):
        Empirical(factors=[(D, A)])(X4)


def test_what_factors_raise_passes():
    def raises(X):
        raise RuntimeError("the user's own words")

    with pytest.raises(RuntimeError, match=r"^the user's own words$"):
        Empirical(factors=raises)(X4)


def test_factors_that_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "1M")
    with pytest.raises(MemoryError, match=r"2 rows, 1 outputs and 900000000 parameters"):
        Empirical(factors=lambda X: [(np.ones((len(X), 30_000)), np.ones((len(X), 30_000)))])(X4)
