"""Two-layer nets: what their objects refuse, when they are made and when they are used."""

import numpy as np
import pytest

from widelearn import nets
from widelearn.runtime import NumberOverflowError


def draw(rng, n=23, d=5, m=7, c=2):
    """Rows, labels, a first layer, its movement, thresholds and output weights."""
    return [rng.standard_normal(shape) for shape in ((n, d), (n, c), (m, d), (m, d), (m,), (m, c))]


def test_wrong_input_is_refused_with_a_remedy(rng):
    X, Y, W, _, b, a = draw(rng)
    net = nets.TwoLayer(W, b, a, "relu")
    with pytest.raises(ValueError, match=r"X has the shape \(0, 5\)"):
        net.loss_gradient(X[:0], Y[:0], "squared")
    broken = X.copy()
    broken[17, 3] = np.nan
    for refused in (lambda: net.loss_gradient(broken, Y, "squared"), lambda: net.hidden(broken)):
        with pytest.raises(ValueError, match=r"X\[17, 3\] is nan: .*Impute"):
            refused()
    with pytest.raises(ValueError, match="with d = 5 as in W, got"):
        net.outputs(X[:, :4])
    with pytest.raises(ValueError, match="with c = 2 as in a, got"):
        net.loss_gradient(X, Y[:, :1], "squared")
    with pytest.raises(ValueError, match="labels -1 and 1, got"):
        net.loss_gradient(X, Y, "logistic")
    with pytest.raises(ValueError, match="one-hot rows or probabilities"):
        net.loss_gradient(X, -np.abs(Y), "softmax")
    for refused in (lambda: net.loss_gradient(X, Y, "huber"), lambda: nets.loss(Y, Y, "huber")):
        with pytest.raises(ValueError, match="Unknown loss"):
            refused()
    with pytest.raises(ValueError, match="positive sum"):
        net.loss_gradient(X, Y, "squared", sample_weight=np.zeros(len(X)))
    with pytest.raises(NumberOverflowError, match="output 1 of row 3 is inf: it overflows"):
        nets.loss(np.where(np.arange(46).reshape(23, 2) == 7, np.inf, Y), Y, "squared")
    with pytest.raises(NumberOverflowError, match="scale rows or weights down"):
        nets.TwoLayer(W * 1e5, b, a, "exp").outputs(X)
    large = [z.astype(np.float32) for z in (X * 1e20, np.full_like(Y, 1e20), W * 1e-20, b, a)]
    with pytest.raises(NumberOverflowError, match="derivatives overflow float32"):
        nets.TwoLayer(*large[2:], "identity").tangent_transpose(*large[:2])


def test_wrong_nets_are_refused_when_they_are_made(rng):
    _, _, W, _, b, a = draw(rng)
    for make in (lambda W, a: nets.TwoLayer(W, b, a, "tanh"), lambda W, a: nets.Expansion(W, a, "tanh", (1,))):
        with pytest.raises(ValueError, match="smaller steps"):
            make(W * np.inf, a)
        with pytest.raises(TypeError, match="Convert them to one type"):
            make(W, a.astype(np.float32))
        with pytest.raises(TypeError, match="must be float32 or float64, got int64"):
            make(W.astype(np.int64), a)
        with pytest.raises(ValueError, match="with m = 7 as in W"):
            make(W, a[:3])
        with pytest.raises(ValueError, match=r"a must have the shape \(m, c\), got \(7,\)"):
            make(W, a[:, 0])
        with pytest.raises(ValueError, match="nothing to sum over"):
            make(W, a[:, :0])
    for name in (lambda name: nets.TwoLayer(W, b, a, name), lambda name: nets.Expansion(W, a, name, (0,))):
        with pytest.raises(ValueError, match='did you mean "relu"'):
            name("rleu")
        with pytest.raises(TypeError, match="must be a name or"):
            name(["relu"])
    with pytest.raises(ValueError, match="smoothing is for"):
        nets.TwoLayer(W, b, a, "tanh", smoothing=0.1)
    with pytest.raises(ValueError, match="is no function"):
        nets.Expansion(W, a, "relu", (2,))
    for orders in ((5,), (), (1, 1)):
        with pytest.raises(ValueError, match="different numbers from 0 to 4"):
            nets.Expansion(W, a, "tanh", orders)


def test_weights_may_be_changed_in_place(rng):
    X, Y, W, V, b, a = draw(rng)
    moving = W.copy()
    net = nets.TwoLayer(moving, b, a, "relu")
    moving += V
    wanted = nets.TwoLayer(W + V, b, a, "relu").loss_gradient(X, Y, "squared")
    assert np.array_equal(net.loss_gradient(X, Y, "squared").W, wanted.W)


def test_sums_that_do_not_fit_are_refused(rng, monkeypatch):
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "100M")
    X, Y, W0, W, b, a = draw(rng, n=3, d=50, m=60_000, c=1)
    with pytest.raises(MemoryError, match="Take a narrower net"):
        nets.Expansion(W0, a, "tanh", (1,)).loss_gradient(X, Y, W, "squared")
    with pytest.raises(MemoryError, match="Take fewer rows at once"):
        nets.TwoLayer(W0, b, a, "tanh").tangent_kernel(np.repeat(X, 100, axis=0))


@pytest.mark.parametrize("orders", [None, 2.0, "12", (1.5,), (), (1, 1), (5,), (-1,), (2**70,), ("a",), (None,), {}])
def test_orders_are_different_small_numbers(orders):
    with pytest.raises(ValueError, match="orders must be different numbers from 0 to 4"):
        nets.Expansion(np.ones((4, 3)), np.ones((4, 1)), "softplus", orders)


def test_none_is_no_array():
    with pytest.raises(TypeError, match="X must be an array of float32 or float64, got None"):
        nets.Expansion(np.ones((4, 3)), np.ones((4, 1)), "softplus", (1,)).outputs(None, np.ones((4, 3)))
    with pytest.raises(TypeError, match="W must be an array"):
        nets.TwoLayer(None, np.ones(4), np.ones((4, 1)), "relu")
