"""Laziness against Jacobians written out, rates of gaps over the scale, and the theorem where its condition holds."""

import itertools

import numpy as np
import pytest

from widelearn import TwoLayerClassifier, TwoLayerRegressor, diagnostics
from widelearn.diagnostics import NetPath, Snapshots, laziness, laziness_sweep, net_paths, scaled_descent, snapshots
from widelearn.nets import TwoLayer
from widelearn.theory import gradient_flow

PARTS = ("W", "b", "a")


def outputs(W, b, a, X):
    return np.tanh(X @ W.T - b) @ a


def jacobian(W, b, a, X, trained=PARTS):
    """The derivatives of every output by the trained parts, (n, c, P)."""
    n, c = len(X), a.shape[1]
    values = np.tanh(X @ W.T - b)
    slopes = (1 - values**2)[:, None, :] * a.T
    parts = {
        "W": (slopes[..., None] * X[:, None, None, :]).reshape(n, c, -1),
        "b": -slopes,
        "a": (values[:, None, :, None] * np.eye(c)[:, None, :]).reshape(n, c, -1),
    }
    return np.concatenate([parts[part] for part in trained], axis=2)


def flat(net, trained=PARTS):
    return np.concatenate([getattr(net, part).ravel() for part in trained])


def problem(rng, n=9, d=4, m=15, c=1, moments=3):
    """Rows, fresh rows, targets and nets that move away from the first."""
    X, fresh = rng.standard_normal((2, n, d))
    weights = [rng.standard_normal(shape) for shape in ((m, d), (m,), (m, c))]
    steps = [rng.standard_normal(part.shape) for part in weights]
    nets = [
        TwoLayer(*(part + 0.1 * k * step for part, step in zip(weights, steps, strict=True)), "tanh")
        for k in range(moments)
    ]
    return X, fresh[: n - 2], rng.standard_normal((n, c)), nets


def written_out(nets, X, fresh, trained, scale, centred):
    """All measures that need no time, from n x P Jacobians."""
    found = {}
    for name, rows in (("", X), ("_fresh", fresh)):
        J = [scale * jacobian(n.W, n.b, n.a, rows, trained).reshape(len(rows) * n.a.shape[1], -1) for n in nets]
        F = [scale * outputs(n.W, n.b, n.a, rows) for n in nets]
        F = [f - F[0] if centred else f for f in F]
        theta = [flat(n, trained) for n in nets]
        found["drift" + name] = [np.linalg.norm(j - J[0]) / np.linalg.norm(J[0]) for j in J]
        remainders = [(f - F[0]).ravel() - J[0] @ (t - theta[0]) for f, t in zip(F, theta, strict=True)]
        found["remainder" + name] = [np.sqrt(np.mean(r**2)) for r in remainders]
        if not name:
            found["moved"] = [np.linalg.norm(t - theta[0]) / np.linalg.norm(theta[0]) for t in theta]
            found["change"] = [np.linalg.norm(j - J[0], 2) for j in J]
            K = [j @ j.T for j in J]
            found["alignment"] = [np.vdot(K[0], k) / np.linalg.norm(K[0]) / np.linalg.norm(k) for k in K]
            found["sigma_min"] = np.linalg.svd(J[0], compute_uv=False)[-1] if len(J[0]) <= J[0].shape[1] else 0.0
    return found


CASES = [
    (c, trained, scale, centred)
    for c, trained in itertools.product((1, 2), (PARTS, ("W",), ("a", "b")))
    for scale, centred in ((1.0, False), (7.0, True))
]


@pytest.mark.parametrize(("c", "trained", "scale", "centred"), CASES)
@pytest.mark.parametrize("small", [False, True])
def test_nets_and_snapshots_against_jacobians_written_out(rng, monkeypatch, c, trained, scale, centred, small):
    """1e-10: sums of a few hundred numbers of size 1, and a square root of what cancels in K's smallest eigenvalue."""
    if small:
        # blocks of one neuron, of two rows
        monkeypatch.setattr(net_paths, "VALUES", 20)
        monkeypatch.setattr(snapshots, "BLOCK_BYTES", 16 * 8 * 15 * 8)
    X, fresh, y, nets = problem(rng, c=c)
    for net in nets[1:]:
        for part in set(PARTS) - set(trained):
            getattr(net, part)[:] = getattr(nets[0], part)
    wanted = written_out(nets, X, fresh, trained, scale, centred)
    thetas = [flat(net, trained) for net in nets]

    def net_at(theta):
        sizes = [getattr(nets[0], part).size for part in trained]
        parts = dict(zip(trained, np.split(theta, np.cumsum(sizes)[:-1]), strict=True))
        return [parts.get(part, getattr(nets[0], part)).reshape(getattr(nets[0], part).shape) for part in PARTS]

    def model(theta, Z):
        found = scale * outputs(*net_at(theta), Z)
        found -= scale * outputs(nets[0].W, nets[0].b, nets[0].a, Z) if centred else 0.0
        return found[:, 0] if c == 1 else found

    def slopes(theta, Z):
        found = scale * jacobian(*net_at(theta), Z, trained)
        return found[:, 0] if c == 1 else found

    arrays = [[np.array([f(t, Z) for t in thetas]) for Z in (X, fresh)] for f in (model, slopes)]
    paths = (NetPath(nets, scale, centred, trained), Snapshots(thetas, model, slopes), Snapshots(thetas, *arrays))
    reports = [laziness(path, X, fresh, y) for path in paths]
    for report in reports:
        for name, value in wanted.items():
            np.testing.assert_allclose(getattr(report, name), value, rtol=1e-9, atol=1e-10, err_msg=name)
        np.testing.assert_allclose(report.residual[0], np.linalg.norm(y - np.reshape(model(thetas[0], X), y.shape)))
        secants = report.change[1:] / report.distance[1:]
        assert report.lipschitz_estimate >= secants.max() * (1 - 1e-12)
        assert report.statements is None or report.holds
    assert reports[0].lipschitz_estimate == pytest.approx(reports[1].lipschitz_estimate, rel=1e-6)
    assert reports[0].lipschitz_source == ("bound" if reports[0].sigma_min else "estimate")
    if reports[0].sigma_min:
        # the estimate is a bound from below of what is proven from above
        assert reports[0].lipschitz_estimate <= reports[0].lipschitz


@pytest.mark.parametrize("centre", [0, 1])
def test_a_jacobian_is_asked_for_once(rng, centre):
    """By each moment, at each set of rows; also where the path comes back to its start."""
    X, fresh, y = rng.standard_normal((6, 10)), rng.standard_normal((3, 10)), rng.standard_normal(6)
    thetas, asked = rng.standard_normal((4, 10)), []
    thetas[3] = thetas[3 * centre]

    def slopes(theta, Z):
        asked.append((tuple(theta), len(Z)))
        return np.cos(Z @ theta)[:, None] * Z

    laziness(Snapshots(thetas, lambda t, Z: np.sin(Z @ t), slopes), X, fresh, y)
    assert len(asked) == len(set(asked))
    assert {(tuple(theta), n) for theta in thetas for n in (6, 3)} <= set(asked)


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("rate", [None, 0.05])
def test_gaps_are_those_to_the_linearised_training(rng, c, rate):
    X, fresh, y, nets = problem(rng, c=c)
    times = [0.0, 2.0, 9.0]
    report = laziness(NetPath(nets, times=times, learning_rate=rate), X, fresh, y)
    J, J_fresh = (jacobian(nets[0].W, nets[0].b, nets[0].a, Z).reshape(len(Z) * c, -1) for Z in (X, fresh))
    first = outputs(nets[0].W, nets[0].b, nets[0].a, X)
    theta, at = np.zeros(J.shape[1]), 0
    for k, net in enumerate(nets):
        if rate:
            while at < times[k]:
                theta = theta + rate / len(X) * J.T @ ((y - first).ravel() - J @ theta)
                at += 1
        else:
            K = J @ J.T
            values, V = np.linalg.eigh(K)
            theta = J.T @ V @ ((1 - np.exp(-values * times[k] / len(X))) / values * (V.T @ (y - first).ravel()))
        for Z, jac, gaps in ((X, J, report.gap), (fresh, J_fresh, report.gap_fresh)):
            moved = outputs(net.W, net.b, net.a, Z) - outputs(nets[0].W, nets[0].b, nets[0].a, Z)
            wanted = np.sqrt(np.mean((moved.ravel() - jac @ theta) ** 2))
            assert gaps[k] == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def start_net(rng, d, m, kind, activation="tanh"):
    """A start of m neurons, drawn, or in pairs of opposite signs; outputs of size 1."""
    half = m // 2
    W = rng.standard_normal((half, d))
    W = np.vstack([W, W if kind == "paired" else rng.standard_normal((half, d))])
    a = np.repeat([1.0, -1.0], half)[:, None] / np.sqrt(m)
    return TwoLayer(W, np.zeros(m), a, activation)


@pytest.mark.parametrize(
    ("kind", "slope", "n", "d", "activation"),
    [("generic", -1.0, 10, 12, "tanh"), ("paired", -2.0, 10, 12, "tanh"), ("generic", -1.0, 14, 20, "erf")],
)
def test_gaps_fall_with_the_scale(rng, kind, slope, n, d, activation):
    """Over α in [4, 64] like 1/α, or 1/α² where the second-order term cancels: not a tenth steeper, nor otherwise.

    0.045 is below 0.1/2.1, where slopes a tenth apart are both in reach.
    """
    slopes = []
    for _ in range(3):
        X, fresh = rng.standard_normal((2, n, d)) / np.sqrt(d)
        y, start = rng.standard_normal(n), start_net(rng, d, 120, kind, activation)
        paths = ((alpha, scaled_descent(start, X, y, alpha, trained="W", moments=16)) for alpha in (4.0, 16.0, 64.0))
        sweep = laziness_sweep(paths, X, fresh, y)
        slopes.append([sweep.slope("gap"), sweep.slope("gap_fresh"), sweep.slope("drift"), sweep.slope("moved")])
        assert not sweep.holds[0]
    gap, gap_fresh, drift, moved = np.mean(slopes, axis=0)
    error = np.std([row[0] for row in slopes], ddof=1) / np.sqrt(len(slopes))
    for found, power in ((gap, slope), (gap_fresh, slope), (drift, -1.0), (moved, -1.0)):
        assert found == pytest.approx(power, rel=0.045)
        assert found != pytest.approx(1.1 * power, rel=0.045)
    other = -3.0 - slope
    assert abs(gap - other) > max(10 * error, 0.5)


@pytest.mark.parametrize(
    ("trained", "scales"), [(("W",), (4.0, 64.0, 256.0, 1024.0)), (PARTS, (0.25, 1.0, 256.0, 1024.0))]
)
def test_the_theorem_holds_where_its_condition_does(rng, trained, scales):
    """Its three statements along descent by small steps, and no statement where it does not hold."""
    seen = {True: 0, False: 0}
    for _ in range(2):
        n, d = 8, 12
        X, y = rng.standard_normal((n, d)) / np.sqrt(d), rng.standard_normal(n)
        start = start_net(rng, d, 200, "generic")
        for alpha in scales:
            path = scaled_descent(start, X, y, alpha, trained=trained, moments=12)
            report = laziness(path, X, y=y)
            assert report.lipschitz_source == "bound"
            assert report.holds == (report.margin < 1)
            assert (report.statements is None) != report.holds
            seen[report.holds] += 1
            if report.holds:
                assert set(report.statements) == {"residual", "distance", "jacobian"}
                # a step of Euler falls faster than the flow's bound: (1 - z)² <= exp(-2 z)
                assert max(values.max() for values in report.statements.values()) <= 1
                assert report.margin == pytest.approx(4 * report.lipschitz * report.residual[0] / report.sigma_min**2)
    assert min(seen.values()) >= 2


def test_the_bound_is_never_below_what_is_found(rng):
    """L of a ball against changes of the Jacobian between points of the ball, activations with a second derivative."""
    for activation, trained in itertools.product(
        ("tanh", "erf", "softplus", "gelu", "sin", "quadratic", "cubic", "relu2"), (("W",), PARTS)
    ):
        X, _, _, nets = problem(rng, n=5, m=20)
        start = TwoLayer(nets[0].W, nets[0].b, nets[0].a, activation)
        path = NetPath([start], trained=trained)
        radius = 0.5
        proven = diagnostics.lipschitz.lipschitz_bound(path.bind(X, None), radius)
        assert np.isfinite(proven)
        for _ in range(4):
            moves = [rng.standard_normal(getattr(start, part).shape) * (part in trained) for part in PARTS]
            size = np.sqrt(sum(np.sum(move**2) for move in moves))
            parts = zip((start.W, start.b, start.a), moves, strict=True)
            end = TwoLayer(*(part + radius * move / size for part, move in parts), activation)
            report = laziness(NetPath([start, end], trained=trained), X)
            assert report.lipschitz_estimate <= proven
    # by one neuron at one row it is reached: a bound that is lower would be seen
    for trained in (("W",), PARTS):
        X, _, _, nets = problem(rng, n=1, m=1)
        start, end = (TwoLayer(nets[0].W + move, nets[0].b, nets[0].a, "quadratic") for move in (0.0, 1e-4))
        proven = diagnostics.lipschitz.lipschitz_bound(NetPath([start], trained=trained).bind(X, None), 1e-3)
        assert laziness(NetPath([start, end], trained=trained), X).lipschitz_estimate == pytest.approx(proven, rel=0.01)


def test_activations_with_jumping_slopes_have_no_bound(rng):
    X, _, y, nets = problem(rng)
    for activation, smoothing in (("relu", 0.0), (("leaky_relu", 0.3), 0.0)):
        relu = [TwoLayer(net.W, net.b, net.a, activation, smoothing=smoothing) for net in nets]
        report = laziness(relu, X, y=y)
        assert report.lipschitz_source == "estimate"
        assert report.lipschitz == report.lipschitz_estimate
    smooth = [TwoLayer(net.W, net.b, net.a, "relu", smoothing=0.5) for net in nets]
    assert laziness(smooth, X, y=y).lipschitz_source == "bound"
    assert laziness(smooth, X, y=y, lipschitz=3.0).lipschitz_source == "given"


def test_linear_models_do_not_drift(rng):
    X, y = rng.standard_normal((6, 10)), rng.standard_normal(6)
    thetas = rng.standard_normal((4, 10))
    report = laziness(Snapshots(thetas, lambda t, Z: Z @ t, lambda t, Z: Z), X, X[:2], y)
    for name in ("drift", "drift_fresh", "change"):
        np.testing.assert_array_equal(getattr(report, name), np.zeros(4))
    np.testing.assert_allclose(report.remainder, 0, atol=1e-13)
    np.testing.assert_allclose(report.alignment, 1)
    assert report.holds
    assert report.margin == 0
    np.testing.assert_array_equal(report.statements["jacobian"], np.zeros(4))


def test_estimators_keep_their_start(rng):
    X = rng.standard_normal((30, 4)) * [1.0, 10.0, 0.1, 1.0] + 3
    y = np.column_stack([X[:, 0], X[:, 1] ** 2])
    options = {"width": 40, "activation": "tanh", "max_iter": 15, "random_state": 3}
    model = TwoLayerRegressor(**options).fit(X, y)
    report = laziness(model, X, X[:5], y)
    assert report.moved[0] == 0 < report.moved[1]
    scaled = (X - model.x_offset_) / model.x_scale_
    np.testing.assert_allclose(outputs(model.W0_, model.b0_, model.a0_, scaled), 0, atol=1e-12)
    J = [
        jacobian(*weights, scaled).reshape(60, -1)
        for weights in ((model.W0_, model.b0_, model.a0_), (model.W_, model.b_, model.a_))
    ]
    assert report.drift[1] == pytest.approx(np.linalg.norm(J[1] - J[0]) / np.linalg.norm(J[0]), rel=1e-9)
    held = TwoLayerRegressor(**options, train_bias=False, train_output=False).fit(X, y)
    J = [
        jacobian(*weights, scaled, ("W",)).reshape(60, -1)
        for weights in ((held.W0_, held.b0_, held.a0_), (held.W_, held.b_, held.a_))
    ]
    assert laziness(held, X).drift[1] == pytest.approx(np.linalg.norm(J[1] - J[0]) / np.linalg.norm(J[0]), rel=1e-9)
    wide = TwoLayerRegressor(**options | {"width": 4000}).fit(X, y)
    assert laziness(wide, X).drift[1] < report.drift[1]
    labels = TwoLayerClassifier(**options).fit(X, y[:, 0] > 3)
    assert laziness(labels, X).drift[1] > 0
    with pytest.raises(ValueError, match="y of a classifier has no place"):
        laziness(labels, X, y=y[:, 0] > 3)
    with pytest.raises(TypeError, match="TwoLayerRegressor has no W0_"):
        laziness(TwoLayerRegressor(), X)


def test_float32_nets_are_measured_in_double_precision(rng):
    X, fresh, _, nets = problem(rng)
    single = [TwoLayer(*(getattr(n, part).astype(np.float32) for part in PARTS), "tanh") for n in nets]
    again = [TwoLayer(*(getattr(n, part).astype(np.float64) for part in PARTS), "tanh") for n in single]
    np.testing.assert_array_equal(laziness(single, X, fresh).drift, laziness(again, X, fresh).drift)


def test_descent_is_gradient_descent(rng):
    n, d, alpha, rate = 7, 5, 3.0, 0.01
    X, y, start = rng.standard_normal((n, d)), rng.standard_normal(n), start_net(rng, d, 30, "generic")
    path = scaled_descent(start, X, y, alpha, steps=40, learning_rate=rate, moments=5)
    W, b, a = start.W.copy(), start.b.copy(), start.a.copy()
    first, seen = outputs(W, b, a, X), {}
    for step in range(1, 41):
        J = alpha * jacobian(W, b, a, X)[:, 0]
        move = rate / n * J.T @ (y - alpha * (outputs(W, b, a, X) - first)[:, 0])
        W, b, a = W + move[: W.size].reshape(W.shape), b + move[W.size : W.size + 30], a + move[-30:, None]
        seen[step] = W, b, a
    assert path.times[-1] == 40
    for net, time in zip(path.nets[1:], path.times[1:], strict=True):
        for part, wanted in zip((net.W, net.b, net.a), seen[int(time)], strict=True):
            np.testing.assert_allclose(part, wanted, rtol=1e-10, atol=1e-12)


def test_the_report_is_drawn(rng):
    X, fresh, y, nets = problem(rng)
    figure = laziness(NetPath(nets, times=[0, 1, 2]), X, fresh, y).plot()
    assert [ax.get_ylabel() for ax in figure.axes] == ["relative change", "gap of predictions (root mean square)"]
    sweep = laziness_sweep([(1.0, nets), (2.0, nets)], X, fresh, y, name="width")
    assert sweep.plot().axes[0].get_xlabel() == "width"
    assert sweep.slope("drift") == pytest.approx(0, abs=1e-12)


def test_wrong_arguments_are_refused_with_the_remedy(rng):
    X, fresh, y, nets = problem(rng)
    theta = np.ones((2, 3))
    other = TwoLayer(np.ones((2, 4)), np.ones(2), np.ones((2, 1)), "tanh")

    def model(t, Z):
        return Z @ np.ones(4) * t[0]

    def slopes(t, Z):
        return np.repeat(Z[:, :1], 3, axis=1)

    calls = [
        (lambda: NetPath([]), "A path needs nets"),
        (lambda: NetPath([*nets, other]), "must be alike"),
        (lambda: NetPath(nets, scale=0.0), "scale must be positive"),
        (lambda: NetPath(nets, trained=("W", "c")), "trained must name"),
        (lambda: NetPath(nets, times=[0.0]), "give one for each of the 3 nets"),
        (lambda: laziness(nets, X[:, :2]), r"X has the shape \(9, 2\): it must be \(n, 4\)"),
        (lambda: laziness(nets, X * np.nan), "X must be finite"),
        (lambda: laziness(nets, X * 1j), "X must be real"),
        (lambda: laziness(nets, X, fresh * np.inf), "X_fresh must be finite"),
        (lambda: laziness(nets, X, y=y[:3]), r"y has the shape \(3, 1\)"),
        (lambda: laziness(nets, X, y=y * np.nan), "y must be finite"),
        (lambda: Snapshots(theta[0], model, slopes), r"parameters has the shape \(3,\)"),
        (lambda: Snapshots(theta * np.nan, model, slopes), "values must be finite"),
        (lambda: Snapshots(theta * 1j, model, slopes), "parameters must be real"),
        (lambda: Snapshots(theta, model, slopes, times=[1.0]), "give one for each of the 2 moments"),
        (lambda: Snapshots(theta, [np.ones((3, 9))], slopes), "outputs has"),
        (lambda: laziness(Snapshots(theta, model, lambda t, Z: Z), X), "jacobian has the shape"),
        (lambda: laziness(Snapshots(theta, model, lambda t, Z: slopes(t, Z)[:3]), X), "jacobian has the shape"),
        (lambda: laziness(Snapshots(theta, model, lambda t, Z: 1j * slopes(t, Z)), X), "jacobian must be real"),
        (lambda: laziness(Snapshots(theta, model, lambda t, Z: np.nan * slopes(t, Z)), X), "values must be finite"),
        (lambda: laziness(Snapshots(theta, lambda t, Z: model(t, Z)[:4], slopes), X), "outputs have the shape"),
        (lambda: laziness(Snapshots(theta, [np.ones((2, 9))], slopes), X, fresh), "outputs has arrays for 1"),
        (lambda: laziness(Snapshots(theta, model, [np.ones((2, 5, 3))]), X), "jacobian has 5 rows"),
        (lambda: laziness(NetPath(nets, times=[0, 1, 2], learning_rate=1e9), X, y=y), "diverges"),
        (lambda: scaled_descent(nets[0], X, y, steps=0), "steps must be"),
        (lambda: scaled_descent(nets[0], X, y, learning_rate=1e9), "is not stable"),
        (lambda: scaled_descent(nets[0], X, y[:4]), r"y has the shape \(4, 1\)"),
        (lambda: laziness_sweep([], X), "A sweep needs paths"),
        (lambda: laziness_sweep([(-1.0, nets)], X), "must be positive"),
        (lambda: laziness_sweep([(1.0, nets)], X).slope("gap"), "a slope needs two"),
        (lambda: laziness_sweep([(1.0, nets)], X).slope("pace"), "Unknown measure"),
    ]
    for call, message in calls:
        with pytest.raises(ValueError, match=message):
            call()
    for call, message in (
        (lambda: NetPath([1]), "made of nets.TwoLayer"),
        (lambda: laziness(object(), X), "object has no W0_"),
    ):
        with pytest.raises(TypeError, match=message):
            call()


def test_outputs_are_flat_in_the_flow_as_in_the_loss(rng):
    """Two targets at once are two problems of one: the time of the flow does not depend on their number."""
    J, y = rng.standard_normal((5, 8)), rng.standard_normal((5, 2))
    both = np.kron(J @ J.T, np.eye(2))
    one = gradient_flow(J @ J.T, y[:, 0], 3.0)
    np.testing.assert_allclose(gradient_flow(both, y.ravel(), 6.0)[::2], one, rtol=1e-12)
