"""Two-layer nets: the core against its oracle, gradients against differences, identities, laws of signs and labels."""

from itertools import product

import numpy as np
import pytest
from scipy.special import comb, ndtr

import reference_nets as oracle
from widelearn import nets

LOSSES = ("squared", "logistic", "hinge", "softmax")
# Every activation with its highest derivative here.
ORDERS = {"relu": 1, "leaky_relu": 1, "relu2": 2, "relu3": 3} | dict.fromkeys(
    ("erf", "tanh", "sigmoid", "gelu", "softplus", "swish", "cos", "sin", "exp", "quadratic", "cubic", "hermite3"), 4
)


def draw(rng, n=23, d=5, m=7, c=2, loss="squared", dtype=float):
    """Rows, labels of the loss and a net, all of size 1."""
    X, W, V = rng.standard_normal((n, d)), rng.standard_normal((m, d)), rng.standard_normal((m, d))
    Y = rng.standard_normal((n, c))
    if loss in ("logistic", "hinge"):
        Y = np.where(Y > 0, 1.0, -1.0)
    if loss == "softmax":
        Y = np.eye(c)[rng.integers(c, size=n)] * 0.9 + 0.1 / c
    b, a, w = rng.standard_normal(m), rng.standard_normal((m, c)), rng.random(n)
    return [z.astype(dtype) for z in (X, Y, W / np.sqrt(d), V / np.sqrt(d), b, a, w)]


def slope_of(f, at, direction, h=1e-6):
    """Central difference; with h = 1e-6 its error is h² f''' / 6 + ε f / h, about 1e-10 here."""
    return (f(at + h * direction) - f(at - h * direction)) / (2 * h)


def close(found, wanted, rtol):
    """Compare relative to the largest number."""
    scale = max(float(np.abs(wanted).max()), 1e-3)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=rtol * scale)


# Sums of a few hundred products of size 1 in the arrays' type, some thousand rows in float64: ten roundings of the
# largest number, and as many again for activations (1 to 2 of their own each) and for the oracle.
ROUNDING = {"float64": 1e-13, "float32": 2e-5}
# Blocks of rows, tiles of neurons and panels of columns that end anywhere; one block, several, several groups.
SHAPES = [(1, 1, 1, 1), (23, 5, 7, 2), (193, 8, 97, 1), (500, 33, 130, 3), (3100, 3, 48, 1)]


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_core_agrees_with_the_oracle(rng, dtype, shape, loss):
    X, Y, W0, W, b, a, w = draw(rng, *shape, loss=loss, dtype=dtype)
    V, offset = rng.standard_normal((2, *W.shape)).astype(dtype)[0], rng.standard_normal(Y.shape).astype(dtype)
    a /= np.sqrt(len(a), dtype=dtype)
    wide = [z.astype(float) for z in (X, Y, W0, W, b, a, V, offset)]
    x, y, w0, w1, b1, a1, v, o = wide
    rtol = ROUNDING[dtype]
    for name, s in (("relu", 0.0), ("softplus", 0.0), ("truncated_relu", 0.0), ("relu", 0.4), ("truncated_relu", 0.4)):
        close(nets.forward(X, W0, b, a, name, smoothing=s), oracle.forward(x, w0, b1, a1, (name, 0.0), s), rtol)
        found = nets.loss_gradient(X, Y, W0, b, a, name, loss, smoothing=s, sample_weight=w)
        wanted = oracle.loss_gradient(x, y, w0, b1, a1, (name, 0.0), loss, s, w)
        for part, other in zip(found, wanted, strict=True):
            close(part, other, rtol)
    close(nets.simplified_gradient(X, Y, W0, b, w), oracle.simplified_gradient(x, y, w0, b1, w), rtol)
    orders, spec = (0, 1, 2), ("tanh", 0.0)
    U, P = x @ w0.T, x @ w1.T
    terms = np.array([oracle.terms(spec, U, P, (k,), 0) @ a1 for k in orders])
    close(nets.taylor_terms(X, W0, a, W, "tanh", orders), terms, rtol)
    close(nets.taylor_forward(X, W0, a, W, "tanh", orders, offset=offset), terms.sum(axis=0) + o, rtol)
    options = {"offset": offset, "sample_weight": w}
    found = nets.taylor_loss_gradient(X, Y, W0, a, W, "tanh", orders, loss, **options)
    for part, other in zip(found, oracle.taylor_loss_gradient(x, y, w0, a1, w1, spec, orders, loss, o, w), strict=True):
        close(part, other, rtol)
    product = nets.taylor_hessian_product(X, Y, W0, a, W, V, "tanh", orders, loss, **options)
    close(product, oracle.taylor_hessian_product(x, y, w0, a1, w1, v, spec, orders, loss, o, w), rtol)
    mean, variance = nets.marginal_forward(X, W0, a, W, "softplus")
    even, odd = oracle.halves(("softplus", 0.0), U, P, 0)
    close(mean, even @ a1, rtol)
    close(variance, odd**2 @ a1**2, rtol)
    found = nets.marginal_loss_gradient(X, Y, W0, a, W, "softplus", loss, **options)
    close(found.loss, oracle.marginal_loss(x, y, w0, a1, w1, ("softplus", 0.0), loss, o, w), rtol)
    slopes = oracle.smoothed(("softplus", 0.0), x @ w0.T - b1, 1, 0.0)
    close(nets.tangent_product(X, W0, b, a, "softplus", V), (slopes * (x @ v.T)) @ a1, rtol)
    close(nets.tangent_transpose(X, W0, b, a, "softplus", Y), ((y @ a1.T) * slopes).T @ x, rtol)


@pytest.mark.parametrize("activation", ORDERS)
def test_terms_of_every_order_agree_with_the_oracle(rng, activation):
    X, _, W0, W, _, a, _ = draw(rng, 40, 6, 11, 2)
    orders, U, P = range(ORDERS[activation] + 1), X @ W0.T, X @ W.T
    parameter = 0.01 if activation == "leaky_relu" else 0.0
    found = nets.taylor_terms(X, W0, a, W, activation, orders)
    for k, term in zip(orders, found, strict=True):
        close(term, oracle.terms((activation, parameter), U, P, (k,), 0) @ a, 1e-12)
    slanted = nets.taylor_terms(X, W0, a, W, ("leaky_relu", 0.3), (1,))[0]
    close(slanted, oracle.terms(("leaky_relu", 0.3), U, P, (1,), 0) @ a, 1e-12)


def everything(X, Y, W0, W, b, a, w):
    """All results that there are, as bytes."""
    options = {"sample_weight": w}
    return [
        np.asarray(part).tobytes()
        for result in (
            nets.loss_gradient(X, Y, W0, b, a, "tanh", "softmax", **options),
            nets.taylor_loss_gradient(X, Y, W0, a, W, "softplus", (1, 2), "squared", **options),
            nets.marginal_loss_gradient(X, Y, W0, a, W, "softplus", "softmax", **options),
            nets.marginal_forward(X, W0, a, W, "softplus"),
            (
                nets.forward(X, W0, b, a, "relu"),
                nets.simplified_gradient(X, Y, W0, b, w),
                nets.taylor_terms(X, W0, a, W, "erf", (0, 3)),
                nets.taylor_hessian_product(X, Y, W0, a, W, W0, "softplus", (2,), "softmax", **options),
                nets.tangent_product(X, W0, b, a, "gelu", W),
                nets.tangent_transpose(X, W0, b, a, "gelu", Y),
            ),
        )
        for part in result
    ]


@pytest.mark.parametrize("dtype", ROUNDING)
def test_bits_do_not_depend_on_threads(rng, threads, dtype):
    arrays = draw(rng, 2000, 19, 150, 3, loss="softmax", dtype=dtype)
    found = []
    for k in (1, 2, 5):
        threads(k)
        found.append(everything(*arrays))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("dtype", ROUNDING)
def test_outputs_of_a_row_do_not_depend_on_the_others(rng, dtype):
    X, _, W0, W, b, a, _ = draw(rng, 700, 19, 150, 2, dtype=dtype)
    for f in (
        lambda X: nets.forward(X, W0, b, a, "tanh"),
        lambda X: nets.taylor_forward(X, W0, a, W, "softplus", (1, 2)),
        lambda X: nets.marginal_forward(X, W0, a, W, "softplus")[1],
        lambda X: nets.tangent_product(X, W0, b, a, "gelu", W),
    ):
        whole = f(X)
        assert np.array_equal(whole, np.vstack([f(X[:1]), f(X[1:300]), f(X[300:])]))


def test_slopes_that_are_not_kept_give_the_same(rng):
    # Two arrays of 48 rows and 22,000 neurons are more than a block may keep.
    X, Y, W0, W, b, a, w = draw(rng, 60, 3, 22_000, 2)
    a /= np.sqrt(len(a))
    x, spec = (X, Y, W0, b, a), ("softplus", 0.0)
    for part, other in zip(
        nets.loss_gradient(*x, "softplus", "squared", sample_weight=w),
        oracle.loss_gradient(*x, spec, "squared", 0.0, w),
        strict=True,
    ):
        # Sums of 22,000 terms: their square root more rounding than elsewhere.
        close(part, other, 1e-12)
    product = nets.taylor_hessian_product(X, Y, W0, a, W, W0, "softplus", (1, 2), "squared")
    close(product, oracle.taylor_hessian_product(X, Y, W0, a, W, W0, spec, (1, 2), "squared", 0.0), 1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("activation", "smoothing"), [*((name, 0.0) for name in ORDERS), ("truncated_relu", 0.0), ("truncated_relu", 0.3)]
)
def test_gradient_is_that_of_the_loss(rng, loss, activation, smoothing):
    X, Y, W, V, b, a, w = draw(rng, loss=loss)
    db, da = rng.standard_normal(b.shape), rng.standard_normal(a.shape)
    options = {"smoothing": smoothing, "sample_weight": w}
    found = nets.loss_gradient(X, Y, W, b, a, activation, loss, **options)

    def value(W, b, a):
        return nets.loss_gradient(X, Y, W, b, a, activation, loss, **options).loss

    F = nets.forward(X, W, b, a, activation, smoothing=smoothing)
    assert found.loss == pytest.approx(w @ oracle.row_losses(loss, Y, F) / w.sum(), rel=1e-12)
    for part, at, D, f in (
        (found.W, W, V, lambda z: value(z, b, a)),
        (found.b, b, db, lambda z: value(W, z, a)),
        (found.a, a, da, lambda z: value(W, b, z)),
    ):
        assert (part * D).sum() == pytest.approx(slope_of(f, at, D), rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ORDERS)
def test_taylor_gradient_and_hessian_are_those_of_the_loss(rng, loss, activation):
    X, Y, W0, W, _, a, w = draw(rng, loss=loss)
    V = rng.standard_normal(W.shape) / np.sqrt(W.shape[1])
    offset = rng.standard_normal(Y.shape)
    for orders in [(k,) for k in range(1, ORDERS[activation] + 1)] + [tuple(range(ORDERS[activation] + 1))]:
        options = {"offset": offset, "sample_weight": w}

        def found(W, orders=orders, options=options):
            return nets.taylor_loss_gradient(X, Y, W0, a, W, activation, orders, loss, **options)

        here = found(W)
        assert (here.W * V).sum() == pytest.approx(slope_of(lambda W: found(W).loss, W, V), rel=1e-7, abs=1e-8)
        HV = nets.taylor_hessian_product(X, Y, W0, a, W, V, activation, orders, loss, **options)
        close(HV, slope_of(lambda W: found(W).W, W, V), 1e-6)
        F = nets.taylor_forward(X, W0, a, W, activation, orders, offset=offset)
        terms = nets.taylor_terms(X, W0, a, W, activation, orders)
        close(F, terms.sum(axis=0) + offset, 1e-13)
        # <grad L, W> = Σ_k k Σ_i <r_i, f^(k)(x_i)>: Euler's identity, term by term.
        euler = sum(k * (here.residual * term).sum() for k, term in zip(orders, terms, strict=True))
        assert (here.W * W).sum() == pytest.approx(euler, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["softplus", "relu", "tanh", "relu3"])
def test_marginal_gradient_is_that_of_the_loss(rng, loss, activation):
    X, Y, W0, W, _, a, w = draw(rng, loss=loss, c=3)
    V, offset = rng.standard_normal(W.shape), rng.standard_normal(Y.shape)

    def found(W):
        return nets.marginal_loss_gradient(X, Y, W0, a, W, activation, loss, offset=offset, sample_weight=w)

    assert (found(W).W * V).sum() == pytest.approx(slope_of(lambda W: found(W).loss, W, V), rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("activation", ["softplus", "relu", "tanh"])
def test_marginal_moments_are_means_over_all_signs(rng, activation):
    X, Y, W0, W, _, a, _ = draw(rng, m=6)
    signs, none = [np.array(s)[:, None] for s in product((-1.0, 1.0), repeat=6)], np.zeros(6)
    outputs = [nets.forward(X, W0 + s * W, none, a, activation) for s in signs]
    F, V = nets.marginal_forward(X, W0, a, W, activation)
    # Means of 64 numbers of size 10: 1e-14 of their size.
    close(F, np.mean(outputs, axis=0), 1e-13)
    close(V, np.var(outputs, axis=0), 1e-13)
    mean = np.mean([oracle.row_losses("squared", Y, output).mean() for output in outputs])
    found = nets.marginal_loss_gradient(X, Y, W0, a, W, activation, "squared")
    assert found.loss == pytest.approx(mean, rel=1e-13)
    # Other losses are approximations, close where the signs matter little: the third order of small movements is lost.
    for loss in ("logistic", "softmax"):
        labels = np.where(Y > 0, 1.0, -1.0) if loss == "logistic" else np.eye(2)[(Y[:, 0] > 0).astype(int)]
        small = [nets.forward(X, W0 + 0.1 * s * W, none, a, activation) for s in signs]
        wanted = np.mean([oracle.row_losses(loss, labels, output).mean() for output in small])
        plain = oracle.row_losses(loss, labels, nets.marginal_forward(X, W0, a, 0.1 * W, activation)[0]).mean()
        got = nets.marginal_loss_gradient(X, labels, W0, a, 0.1 * W, activation, loss).loss
        # The mean net alone misses the variance's share; what is left after it is of fourth order in the movement.
        assert abs(got - wanted) < 0.1 * abs(plain - wanted)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_first_step_follows_the_simplified_gradient(rng, loss):
    X, Y, W, _, b, a, w = draw(rng, m=8, c=1, loss=loss)
    W, b, a = np.vstack([W, W]), np.concatenate([b, b]), np.vstack([a, -a])
    found = nets.loss_gradient(X, Y, W, b, a, "relu", loss, sample_weight=w)
    G = nets.simplified_gradient(X, Y, W, b, w)[0]
    start = {"logistic": -0.5, "hinge": -1.0}[loss]
    # f = 0 but for the rounding of 16 numbers, which moves the logistic slope by 1e-15.
    np.testing.assert_allclose(found.W, a * start * G, rtol=0, atol=1e-14)


def test_curvature_along_random_signs(rng):
    X, Y, W0, W, _, a, _ = draw(rng, m=8, c=1, loss="logistic")
    star = rng.standard_normal(W.shape)

    def loss_at(W):
        return nets.taylor_loss_gradient(X, Y, W0, a, W, "softplus", (2,), "logistic")

    curvature = 0.0
    for signs in product((-1.0, 1.0), repeat=8):
        D = np.array(signs)[:, None] * star
        curvature += (nets.taylor_hessian_product(X, Y, W0, a, W, D, "softplus", (2,), "logistic") * D).sum() / 2**8
    here, f = loss_at(W), nets.taylor_terms(X, W0, a, W, "softplus", (2,))[0]
    f_star = nets.taylor_terms(X, W0, a, star, "softplus", (2,))[0]
    s = 1 / (1 + np.exp(-f[:, 0]))
    second = curvatures(X @ W0.T) * a[:, 0] * (X @ W.T) * (X @ star.T)
    spread = (s * (1 - s) * (second**2).sum(axis=1)).mean()
    wanted = (here.W * W).sum() + 2 * (here.residual * (f_star - f)).sum() + spread
    assert curvature == pytest.approx(wanted, rel=1e-12)


def curvatures(u):
    """Softplus's second derivative."""
    s = 1 / (1 + np.exp(-u))
    return s * (1 - s)


def test_simplified_gradient_of_a_gaussian_mixture(rng):
    d, n, sizes, deviations = 6, 200_000, np.array([0.5, 0.3, 0.2]), np.array([0.7, 1.0, 1.4])
    means, labels = rng.standard_normal((3, d)), np.array([1.0, -1.0, 1.0])
    W, b = rng.standard_normal((4, d)), rng.standard_normal(4)
    part = rng.choice(3, size=n, p=sizes)
    X = means[part] + deviations[part, None] * rng.standard_normal((n, d))
    found = nets.simplified_gradient(X, labels[part][:, None], W, b)[0]
    norm = np.linalg.norm(W, axis=1)
    wanted = np.zeros((4, d))
    for p, y, mean, s in zip(sizes, labels, means, deviations, strict=True):
        t = (W @ mean - b) / (s * norm)
        bell = np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
        wanted += p * y * (mean * ndtr(t)[:, None] + s * bell[:, None] * W / norm[:, None])
    # Standard errors from the sample's own second moments; 24 numbers, so five of them.
    active = (X @ W.T - b > 0).astype(float)
    error = np.sqrt((active.T @ X**2 / n - found**2) / n)
    assert (np.abs(found - wanted) < 5 * error).all()


def test_simplified_gradient_of_a_parity(rng):
    d, k, n = 11, 4, 200_000
    X = rng.choice((-1.0, 1.0), size=(n, d))
    found = nets.simplified_gradient(X, X[:, :k].prod(axis=1, keepdims=True), np.ones((1, d)), np.zeros(1))[0, 0]

    def majority(s):
        """Coefficient of order s, odd, of the majority of d signs."""
        half = (d - 1) // 2
        ratio = (-1) ** ((s - 1) // 2) * comb(half, (s - 1) // 2) / comb(d - 1, s - 1)
        return ratio * comb(d - 1, half) / 2 ** (d - 1)

    wanted = np.where(np.arange(d) < k, majority(k - 1), majority(k + 1)) / 2
    # Every coordinate is a mean of values 0 and ±1, active half of the time: its standard error is below (1/2n)^½.
    assert (np.abs(found - wanted) < 5 * np.sqrt(0.5 / n)).all()


def test_tangent_products_are_adjoint_and_derivatives(rng):
    X, R, W, V, b, a, _ = draw(rng)
    JV = nets.tangent_product(X, W, b, a, "tanh", V)
    JR = nets.tangent_transpose(X, W, b, a, "tanh", R)
    assert (JV * R).sum() == pytest.approx((JR * V).sum(), rel=1e-13)
    close(JV, slope_of(lambda W: nets.forward(X, W, b, a, "tanh"), W, V), 1e-8)
    first = nets.taylor_terms(X, W, a, V, "tanh", (1,))[0]
    close(nets.tangent_product(X, W, np.zeros_like(b), a, "tanh", V), first, 1e-14)


def test_smoothing_is_a_mean_over_noise(rng):
    X, _, W, _, b, a, _ = draw(rng, n=3)
    noise, s = np.linspace(-8, 8, 4001), 0.4
    density = np.exp(-(noise**2) / 2)
    for activation in ("relu", "truncated_relu"):
        parts = [p * nets.forward(X, W, b - s * xi, a, activation) for xi, p in zip(noise, density, strict=True)]
        wanted = sum(parts) / density.sum()
        # The trapezoidal rule at steps of 0.004 errs by step² / 12 times the jumps of the slope.
        close(nets.forward(X, W, b, a, activation, smoothing=s), wanted, 1e-5)


def test_wrong_input_is_refused_with_a_remedy(rng):
    X, Y, W, V, b, a, _ = draw(rng)
    gradient = nets.loss_gradient
    with pytest.raises(ValueError, match=r"X has the shape \(0, 5\)"):
        gradient(X[:0], Y[:0], W, b, a, "relu", "squared")
    with pytest.raises(ValueError, match="smaller steps"):
        gradient(X, Y, W * np.inf, b, a, "relu", "squared")
    broken = X.copy()
    broken[17, 3] = np.nan
    with pytest.raises(ValueError, match=r"X\[17, 3\] is nan: .*Impute"):
        gradient(broken, Y, W, b, a, "relu", "squared")
    with pytest.raises(TypeError, match="Convert them to one type"):
        gradient(X, Y, W.astype(np.float32), b, a, "relu", "squared")
    with pytest.raises(ValueError, match="with m = 7 as in W"):
        gradient(X, Y, W, b[:3], a, "relu", "squared")
    with pytest.raises(ValueError, match="labels -1 and 1, got"):
        gradient(X, Y, W, b, a, "relu", "logistic")
    with pytest.raises(ValueError, match="one-hot rows or probabilities"):
        gradient(X, -np.abs(Y), W, b, a, "relu", "softmax")
    with pytest.raises(ValueError, match="Unknown loss"):
        gradient(X, Y, W, b, a, "relu", "huber")
    with pytest.raises(ValueError, match="smoothing is for"):
        gradient(X, Y, W, b, a, "tanh", "squared", smoothing=0.1)
    with pytest.raises(ValueError, match="positive sum"):
        gradient(X, Y, W, b, a, "tanh", "squared", sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match="is no function"):
        nets.taylor_loss_gradient(X, Y, W, a, V, "relu", (2,), "squared")
    with pytest.raises(ValueError, match="different numbers from 0 to 4"):
        nets.taylor_forward(X, W, a, V, "tanh", (5,))
    with pytest.raises(ValueError, match='did you mean "relu"'):
        nets.forward(X, W, b, a, "rleu")
    with pytest.raises(ValueError, match="scale rows or weights down"):
        nets.forward(X, W * 1e5, b, a, "exp")
    large = [z.astype(np.float32) for z in (X * 1e20, Y, W * 1e-20, b, a)]
    with pytest.raises(ValueError, match="derivatives overflow float32"):
        nets.tangent_transpose(*[large[i] for i in (0, 2, 3, 4)], "identity", np.full_like(large[1], 1e20))


def test_sums_that_do_not_fit_are_refused(rng, monkeypatch):
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "100M")
    X, Y, W0, W, _, a, _ = draw(rng, n=3, d=50, m=60_000, c=1)
    with pytest.raises(MemoryError, match="Take a narrower net"):
        nets.taylor_loss_gradient(X, Y, W0, a, W, "tanh", (1,), "squared")
