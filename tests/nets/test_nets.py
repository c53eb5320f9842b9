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


# Every shape with every loss, and either with both types.
PAIRS = [(shape, loss, list(ROUNDING)[(i + j) % 2]) for i, shape in enumerate(SHAPES) for j, loss in enumerate(LOSSES)]


@pytest.mark.parametrize(("shape", "loss", "dtype"), PAIRS)
def test_core_agrees_with_the_oracle(rng, shape, loss, dtype):
    X, Y, W0, W, b, a, w = draw(rng, *shape, loss=loss, dtype=dtype)
    V, offset = rng.standard_normal((2, *W.shape)).astype(dtype)[0], rng.standard_normal(Y.shape).astype(dtype)
    a /= np.sqrt(len(a), dtype=dtype)
    wide = [z.astype(float) for z in (X, Y, W0, W, b, a, V, offset)]
    x, y, w0, w1, b1, a1, v, o = wide
    rtol = ROUNDING[dtype]
    for name, s in (("relu", 0.0), ("softplus", 0.0), ("truncated_relu", 0.0), ("relu", 0.4), ("truncated_relu", 0.4)):
        net = nets.TwoLayer(W0, b, a, name, smoothing=s)
        close(net.outputs(X), oracle.forward(x, w0, b1, a1, (name, 0.0), s), rtol)
        close(net.hidden(X), oracle.smoothed((name, 0.0), x @ w0.T - b1, 0, s), rtol)
        found = net.loss_gradient(X, Y, loss, sample_weight=w)
        wanted = oracle.loss_gradient(x, y, w0, b1, a1, (name, 0.0), loss, s, w)
        for part, other in zip(found, wanted, strict=True):
            close(part, other, rtol)
    close(nets.simplified_gradient(X, Y, W0, b, w), oracle.simplified_gradient(x, y, w0, b1, w), rtol)
    orders, spec = (0, 1, 2), ("tanh", 0.0)
    U, P = x @ w0.T, x @ w1.T
    terms = np.array([oracle.terms(spec, U, P, (k,), 0) @ a1 for k in orders])
    net = nets.Expansion(W0, a, "tanh", orders)
    close(net.terms(X, W), terms, rtol)
    close(net.outputs(X, W, offset=offset), terms.sum(axis=0) + o, rtol)
    options = {"offset": offset, "sample_weight": w}
    found = net.loss_gradient(X, Y, W, loss, **options)
    for part, other in zip(found, oracle.taylor_loss_gradient(x, y, w0, a1, w1, spec, orders, loss, o, w), strict=True):
        close(part, other, rtol)
    product = net.hessian_product(X, Y, W, V, loss, **options)
    close(product, oracle.taylor_hessian_product(x, y, w0, a1, w1, v, spec, orders, loss, o, w), rtol)
    net = nets.Expansion(W0, a, "softplus", (2,))
    mean, variance = net.marginal_moments(X, W)
    even, odd = oracle.halves(("softplus", 0.0), U, P, 0)
    close(mean, even @ a1, rtol)
    close(variance, odd**2 @ a1**2, rtol)
    found = net.marginal_loss_gradient(X, Y, W, loss, **options)
    close(found.loss, oracle.marginal_loss(x, y, w0, a1, w1, ("softplus", 0.0), loss, o, w), rtol)
    slopes = oracle.smoothed(("softplus", 0.0), x @ w0.T - b1, 1, 0.0)
    net = nets.TwoLayer(W0, b, a, "softplus")
    close(net.tangent_product(X, V), (slopes * (x @ v.T)) @ a1, rtol)
    close(net.tangent_transpose(X, Y), ((y @ a1.T) * slopes).T @ x, rtol)
    kernel = (slopes * (a1**2).sum(axis=1)) @ slopes.T * (x @ x.T)
    close(net.tangent_kernel(X), kernel, rtol)
    close(net.tangent_kernel(X[:9], X), kernel[:9], rtol)
    residual = oracle.row_slopes(loss, y, o) * (w / w.sum(dtype=float))[:, None]
    value, found = nets.loss(offset, Y, loss, sample_weight=w)
    assert value == pytest.approx(w.astype(float) @ oracle.row_losses(loss, y, o) / w.sum(dtype=float), rel=1e-12)
    close(found, residual, rtol)


@pytest.mark.parametrize("activation", ORDERS)
def test_terms_of_every_order_agree_with_the_oracle(rng, activation):
    X, _, W0, W, _, a, _ = draw(rng, 40, 6, 11, 2)
    orders, U, P = range(ORDERS[activation] + 1), X @ W0.T, X @ W.T
    parameter = 0.01 if activation == "leaky_relu" else 0.0
    found = nets.Expansion(W0, a, activation, orders).terms(X, W)
    for k, term in zip(orders, found, strict=True):
        close(term, oracle.terms((activation, parameter), U, P, (k,), 0) @ a, 1e-12)
    slanted = nets.Expansion(W0, a, ("leaky_relu", 0.3), (1,)).terms(X, W)[0]
    close(slanted, oracle.terms(("leaky_relu", 0.3), U, P, (1,), 0) @ a, 1e-12)


def everything(X, Y, W0, W, b, a, w):
    """All results that there are, as bytes."""
    options = {"sample_weight": w}
    net, gelu = nets.TwoLayer(W0, b, a, "tanh"), nets.TwoLayer(W0, b, a, "gelu")
    sums = nets.Expansion(W0, a, "softplus", (1, 2))
    return [
        np.asarray(part).tobytes()
        for result in (
            net.loss_gradient(X, Y, "softmax", **options),
            sums.loss_gradient(X, Y, W, "squared", **options),
            sums.marginal_loss_gradient(X, Y, W, "softmax", **options),
            sums.signed_loss_gradient(X, Y, W, np.sign(b), "softmax", **options),
            sums.marginal_moments(X, W),
            nets.loss(Y, Y, "softmax", **options),
            (
                nets.TwoLayer(W0, b, a, "relu").outputs(X),
                net.hidden(X),
                nets.simplified_gradient(X, Y, W0, b, w),
                nets.Expansion(W0, a, "erf", (0, 3)).terms(X, W),
                nets.Expansion(W0, a, "softplus", (2,)).hessian_product(X, Y, W, W0, "softmax", **options),
                gelu.tangent_product(X, W),
                gelu.tangent_transpose(X, Y),
                gelu.tangent_kernel(X[:50], X),
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
    net, sums = nets.TwoLayer(W0, b, a, "tanh"), nets.Expansion(W0, a, "softplus", (1, 2))
    for f in (
        net.outputs,
        net.hidden,
        lambda X: sums.outputs(X, W),
        lambda X: sums.marginal_moments(X, W)[1],
        lambda X: nets.TwoLayer(W0, b, a, "gelu").tangent_product(X, W),
    ):
        whole = f(X)
        assert np.array_equal(whole, np.vstack([f(X[:1]), f(X[1:300]), f(X[300:])]))


def test_slopes_that_are_not_kept_give_the_same(rng):
    # Two arrays of 48 rows and 22,000 neurons are more than a block may keep.
    X, Y, W0, W, b, a, w = draw(rng, 60, 3, 22_000, 2)
    a /= np.sqrt(len(a))
    spec = ("softplus", 0.0)
    for part, other in zip(
        nets.TwoLayer(W0, b, a, "softplus").loss_gradient(X, Y, "squared", sample_weight=w),
        oracle.loss_gradient(X, Y, W0, b, a, spec, "squared", 0.0, w),
        strict=True,
    ):
        # Sums of 22,000 terms: their square root more rounding than elsewhere.
        close(part, other, 1e-12)
    product = nets.Expansion(W0, a, "softplus", (1, 2)).hessian_product(X, Y, W, W0, "squared")
    close(product, oracle.taylor_hessian_product(X, Y, W0, a, W, W0, spec, (1, 2), "squared", 0.0), 1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("activation", "smoothing"), [*((name, 0.0) for name in ORDERS), ("truncated_relu", 0.0), ("truncated_relu", 0.3)]
)
def test_gradient_is_that_of_the_loss(rng, loss, activation, smoothing):
    X, Y, W, V, b, a, w = draw(rng, loss=loss)
    db, da = rng.standard_normal(b.shape), rng.standard_normal(a.shape)
    net = nets.TwoLayer(W, b, a, activation, smoothing=smoothing)
    found = net.loss_gradient(X, Y, loss, sample_weight=w)

    def value(W, b, a):
        moved = nets.TwoLayer(W, b, a, activation, smoothing=smoothing)
        return moved.loss_gradient(X, Y, loss, sample_weight=w).loss

    F = net.outputs(X)
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
        net = nets.Expansion(W0, a, activation, orders)

        def found(W, net=net, options=options):
            return net.loss_gradient(X, Y, W, loss, **options)

        here = found(W)
        assert (here.W * V).sum() == pytest.approx(slope_of(lambda W: found(W).loss, W, V), rel=1e-7, abs=1e-8)
        HV = net.hessian_product(X, Y, W, V, loss, **options)
        close(HV, slope_of(lambda W: found(W).W, W, V), 1e-6)
        F, terms = net.outputs(X, W, offset=offset), net.terms(X, W)
        close(F, terms.sum(axis=0) + offset, 1e-13)
        # <grad L, W> = Σ_k k Σ_i <r_i, f^(k)(x_i)>: Euler's identity, term by term.
        euler = sum(k * (here.residual * term).sum() for k, term in zip(orders, terms, strict=True))
        assert (here.W * W).sum() == pytest.approx(euler, rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["softplus", "relu", "tanh", "relu3"])
def test_marginal_gradient_is_that_of_the_loss(rng, loss, activation):
    X, Y, W0, W, _, a, w = draw(rng, loss=loss, c=3)
    V, offset = rng.standard_normal(W.shape), rng.standard_normal(Y.shape)
    net, signs = nets.Expansion(W0, a, activation, (1,)), np.array([-1.0, 1.0])[np.arange(len(W)) % 2]
    options = {"offset": offset, "sample_weight": w}
    for found in (
        lambda W: net.marginal_loss_gradient(X, Y, W, loss, **options),
        lambda W: net.signed_loss_gradient(X, Y, W, signs, loss, **options),
    ):
        slope = slope_of(lambda W, found=found: found(W).loss, W, V)
        assert (found(W).W * V).sum() == pytest.approx(slope, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("activation", ["softplus", "relu", "tanh"])
def test_marginal_moments_are_means_over_all_signs(rng, activation):
    X, Y, W0, W, _, a, _ = draw(rng, m=6)
    signs, none = [np.array(s)[:, None] for s in product((-1.0, 1.0), repeat=6)], np.zeros(6)
    outputs = [nets.TwoLayer(W0 + s * W, none, a, activation).outputs(X) for s in signs]
    net = nets.Expansion(W0, a, activation, (1,))
    F, V = net.marginal_moments(X, W)
    # Means of 64 numbers of size 10: 1e-14 of their size.
    close(F, np.mean(outputs, axis=0), 1e-13)
    close(V, np.var(outputs, axis=0), 1e-13)
    mean = np.mean([oracle.row_losses("squared", Y, output).mean() for output in outputs])
    found = net.marginal_loss_gradient(X, Y, W, "squared")
    assert found.loss == pytest.approx(mean, rel=1e-13)
    # Other losses are approximations, close where the signs matter little: the third order of small movements is lost.
    for loss in ("logistic", "softmax"):
        labels = np.where(Y > 0, 1.0, -1.0) if loss == "logistic" else np.eye(2)[(Y[:, 0] > 0).astype(int)]
        small = [nets.TwoLayer(W0 + 0.1 * s * W, none, a, activation).outputs(X) for s in signs]
        wanted = np.mean([oracle.row_losses(loss, labels, output).mean() for output in small])
        plain = oracle.row_losses(loss, labels, net.marginal_moments(X, 0.1 * W)[0]).mean()
        got = net.marginal_loss_gradient(X, labels, 0.1 * W, loss).loss
        # The mean net alone misses the variance's share; what is left after it is of fourth order in the movement.
        assert abs(got - wanted) < 0.1 * abs(plain - wanted)


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_first_step_follows_the_simplified_gradient(rng, loss):
    X, Y, W, _, b, a, w = draw(rng, m=8, c=1, loss=loss)
    W, b, a = np.vstack([W, W]), np.concatenate([b, b]), np.vstack([a, -a])
    found = nets.TwoLayer(W, b, a, "relu").loss_gradient(X, Y, loss, sample_weight=w)
    G = nets.simplified_gradient(X, Y, W, b, w)[0]
    start = {"logistic": -0.5, "hinge": -1.0}[loss]
    # f = 0 but for the rounding of 16 numbers, which moves the logistic slope by 1e-15.
    np.testing.assert_allclose(found.W, a * start * G, rtol=0, atol=1e-14)


def test_curvature_along_random_signs(rng):
    X, Y, W0, W, _, a, _ = draw(rng, m=8, c=1, loss="logistic")
    star = rng.standard_normal(W.shape)
    net = nets.Expansion(W0, a, "softplus", (2,))
    curvature = 0.0
    for signs in product((-1.0, 1.0), repeat=8):
        D = np.array(signs)[:, None] * star
        curvature += (net.hessian_product(X, Y, W, D, "logistic") * D).sum() / 2**8
    here, f = net.loss_gradient(X, Y, W, "logistic"), net.terms(X, W)[0]
    f_star = net.terms(X, star)[0]
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
    net = nets.TwoLayer(W, b, a, "tanh")
    JV, JR = net.tangent_product(X, V), net.tangent_transpose(X, R)
    assert (JV * R).sum() == pytest.approx((JR * V).sum(), rel=1e-13)
    close(JV, slope_of(lambda W: nets.TwoLayer(W, b, a, "tanh").outputs(X), W, V), 1e-8)
    first = nets.Expansion(W, a, "tanh", (1,)).terms(X, V)[0]
    close(nets.TwoLayer(W, np.zeros_like(b), a, "tanh").tangent_product(X, V), first, 1e-14)


def test_smoothing_is_a_mean_over_noise(rng):
    X, _, W, _, b, a, _ = draw(rng, n=3)
    noise, s = np.linspace(-8, 8, 4001), 0.4
    density = np.exp(-(noise**2) / 2)
    for activation in ("relu", "truncated_relu"):
        net, moved = nets.TwoLayer(W, b, a, activation, smoothing=s), b.copy()
        plain, parts = nets.TwoLayer(W, moved, a, activation), []
        for xi, p in zip(noise, density, strict=True):
            moved[:] = b - s * xi
            parts.append(p * plain.outputs(X))
        wanted = sum(parts) / density.sum()
        # The trapezoidal rule at steps of 0.004 errs by step² / 12 times the jumps of the slope.
        close(net.outputs(X), wanted, 1e-5)
