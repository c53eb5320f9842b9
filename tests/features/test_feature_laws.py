"""Random features of every activation and every law of weights: their numbers, their means, their variances."""

import numpy as np
import pytest
from scipy import special, stats

from widelearn import FourierFeatures, RandomFeatures, _core
from widelearn.kernels import NNGP, RBF, ArcCosine, Laplace, Linear, Matern, specs
from widelearn.runtime import NoDerivativeError

WEIGHTS = ["gaussian", "sphere", "orthogonal", "hadamard"]
LONG = np.longdouble


def logistic(t):
    return 1 / (1 + np.exp(-t))


def hermite(k):
    polynomial = special.hermitenorm(k)
    return lambda t: polynomial(t) / np.sqrt(special.factorial(k))


def relu(t):
    return np.maximum(t, 0)


ACTIVATIONS = {
    "relu": relu,
    "leaky_relu": lambda t: np.where(t > 0, t, 0.01 * t),
    "step": lambda t: (t > 0).astype(float),
    "erf": special.erf,
    "tanh": np.tanh,
    "sigmoid": logistic,
    "gelu": lambda t: t * stats.norm.cdf(t),
    "softplus": lambda t: np.logaddexp(0, t),
    "swish": lambda t: t * logistic(t),
    "cos": np.cos,
    "sin": np.sin,
    "exp": np.exp,
    "identity": lambda t: t,
    "quadratic": lambda t: t**2 / 2,
    "cubic": lambda t: t**3 / 6,
    "relu2": lambda t: relu(t) ** 2 / 2,
    "relu3": lambda t: relu(t) ** 3 / 6,
    "hermite0": hermite(0),
    "hermite3": hermite(3),
    "hermite10": hermite(10),
}
SMOOTH = {"step": 0, "relu": 1, "leaky_relu": 1, "relu2": 2, "relu3": 3}


def values(name, order, t):
    """The derivative of this order at `t`, by a map whose only weight is 1."""
    out = np.empty((len(t), 1))
    spec = specs.Features(1, "sphere", 0, specs.Neurons(specs.Activation(name, 0.01), order))
    weight = np.empty((1, 1))
    _core.feature_weights(spec, 1, weight)
    _core.transform(spec, np.ascontiguousarray(t[:, None] * weight[0, 0]), out)
    return out[:, 0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_their_formulas(name):
    t = np.concatenate([np.linspace(-8, 8, 1001), [0.0, -40.0, 40.0, 1e-9]])
    wanted = ACTIVATIONS[name](t)
    # The oracles themselves are good to some ulp of their largest intermediate value.
    scale = np.maximum(np.abs(wanted), np.abs(t) + 1e-300 if name in ("gelu", "swish") else 1e-3)
    if name.startswith("hermite"):
        scale = scale + np.abs(t) ** int(name[7:])
    assert (np.abs(values(name, 0, t) - wanted) / scale).max() < 1e-13


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives_are_those_of_the_one_below(name):
    # Away from 0, where some jump; central differences of step h err by h² / 6 times the third derivative.
    t, h = np.concatenate([np.linspace(-3, -0.1, 101), np.linspace(0.1, 3, 101)]), 1e-4
    for order in range(1, 1 + min(SMOOTH.get(name, 4), 4)):
        slope = (values(name, order - 1, t + h) - values(name, order - 1, t - h)) / (2 * h)
        found = values(name, order, t)
        assert np.abs(found - slope).max() < 1e-6 * max(np.abs(found).max(), 1)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "step", "relu2", "relu3"])
def test_jumps_are_at_rest_at_zero(name):
    for order in range(SMOOTH[name] + 1):
        value = values(name, order, np.zeros(1))[0]
        assert value == (0.01 if (name, order) == ("leaky_relu", 1) else 0.0)
    with pytest.raises(
        NoDerivativeError, match=rf"derivative {SMOOTH[name] + 1} of activation \"{name}\" is no function"
    ):
        values(name, SMOOTH[name] + 1, np.zeros(1))


def test_derivatives_stay_finite_far_out():
    t = np.array([-1e150, -1e4, -800.0, 800.0, 1e4, 1e150])
    for name in ("erf", "tanh", "sigmoid", "gelu", "softplus", "swish"):
        for order in range(1, 5):
            assert np.isfinite(values(name, order, t)).all()


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("d", [1, 5, 64, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_are_functions_of_the_projections(weights, d, dtype, rng):
    X = rng.standard_normal((70, d)).astype(dtype)
    for p in (1, 97, 300):
        features = RandomFeatures(p, "erf", weights=weights, random_state=5).fit(X)
        W = features.directions()
        wanted = special.erf(X.astype(float) @ W.T) / np.sqrt(p)
        # Each projection errs by the rounding of its weights and of some d sums.
        tolerance = 8 * np.finfo(dtype).eps * np.sqrt(d) / np.sqrt(p)
        np.testing.assert_allclose(features.transform(X), wanted, rtol=0, atol=tolerance)


def test_orthogonal_blocks(rng):
    d = 37
    W = RandomFeatures(3 * d + 5, weights="orthogonal", random_state=2).fit(rng.standard_normal((3, d))).directions()
    for start in range(0, len(W), d):
        block = W[start : start + d] / np.linalg.norm(W[start : start + d], axis=1, keepdims=True)
        np.testing.assert_allclose(block @ block.T, np.eye(len(block)), atol=1e-14)
    # A prefix of more is what fewer are.
    few = RandomFeatures(d + 3, weights="orthogonal", random_state=2).fit(rng.standard_normal((3, d))).directions()
    np.testing.assert_array_equal(few, W[: d + 3])


@pytest.mark.parametrize(("d", "order"), [(1, 64), (64, 64), (65, 128), (128, 128)])
def test_hadamard_blocks(d, order, rng):
    W = RandomFeatures(order, weights="hadamard", random_state=2).fit(rng.standard_normal((3, d))).directions()
    if d == order:
        unit = W / np.linalg.norm(W, axis=1, keepdims=True)
        np.testing.assert_allclose(unit @ unit.T, np.eye(order), atol=1e-13)
    # A prefix of more is what fewer are.
    more = RandomFeatures(3 * order + 1, weights="hadamard", random_state=2).fit(rng.standard_normal((3, d)))
    np.testing.assert_array_equal(more.directions()[:order], W)


@pytest.mark.parametrize("weights", ["orthogonal", "hadamard"])
@pytest.mark.parametrize("d", [3, 64])
def test_each_weight_is_gaussian_by_itself(weights, d):
    W = RandomFeatures(40_000, weights=weights, random_state=4).fit(np.zeros((1, d))).directions()
    p = len(W)
    for direction in (np.eye(d)[0], np.ones(d) / np.sqrt(d)):
        z = W @ direction * np.sqrt(d)
        # Even moments of a standard normal, with the standard errors of independent draws, which these do not exceed.
        for power, moment, variance in ((1, 0, 1), (2, 1, 2), (4, 3, 96)):
            assert abs((z**power).mean() - moment) < 4 * np.sqrt(variance / p)
    squares = (W**2).sum(axis=1) * d
    assert abs(squares.mean() - d) < 4 * np.sqrt(2 * d / p)
    assert abs(squares.var() - 2 * d) < 4 * np.sqrt((48 * d + 8 * d * d) / p)


def estimates(features, X, draws):
    """Inner products of features over draws, the pairs of rows above the diagonal and on it."""
    pairs = np.triu_indices(len(X))
    found = []
    for seed in range(draws):
        Z = features.set_params(random_state=seed).fit_transform(X)
        found.append((Z @ Z.T)[pairs])
    return np.array(found)


def some_rows(d, rng):
    X = rng.standard_normal((6, d))
    X[1], X[2], X[3] = X[0] + 0.3 * X[1], -X[0], X[0]
    return X


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(
    "kernel", [RBF(0.02), Laplace(0.1), Laplace(0.05, power=1.5), Matern(4.0, 0.5), Matern(4.0, 1.5), Matern(4.0, 2.5)]
)
def test_waves_have_the_right_mean(kernel, weights, rng):
    X, draws = some_rows(20, rng), 200
    found = estimates(FourierFeatures(kernel, 41, weights=weights), X, draws)
    error = found.mean(axis=0) - kernel(X)[np.triu_indices(6)]
    # Four standard errors, measured over the draws.
    assert (np.abs(error) < 4 * found.std(axis=0) / np.sqrt(draws) + 1e-13).all()


def test_cauchy_waves_have_the_right_mean(rng):
    X, draws, kernel = some_rows(6, rng), 200, Laplace(0.1, norm=1)
    found = estimates(FourierFeatures(kernel, 40), X, draws)
    error = found.mean(axis=0) - kernel(X)[np.triu_indices(6)]
    assert (np.abs(error) < 4 * found.std(axis=0) / np.sqrt(draws) + 1e-13).all()


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("activation", ["relu", "erf", "sin", "cubic", "exp"])
def test_layers_have_the_right_mean(activation, weights, rng):
    if weights == "sphere" and activation != "relu":
        # Only of homogeneous functions is the limit the same on the sphere.
        return
    X, draws = some_rows(64, rng) / 2, 200
    found = estimates(RandomFeatures(64, activation, weights=weights), X, draws)
    error = found.mean(axis=0) - NNGP(activation=activation)(X)[np.triu_indices(6)]
    assert (np.abs(error) < 4 * found.std(axis=0) / np.sqrt(draws) + 1e-13).all()


@pytest.mark.parametrize("kind", ["relu", "waves"])
def test_variance_is_that_of_theory_and_orthogonality_takes_some_away(kind, rng):
    d, p, draws = 64, 128, 300
    X = some_rows(d, rng)
    pairs = np.triu_indices(6)
    if kind == "relu":
        # Of independent columns: E[relu² relu²] - (E[relu relu])², arc-cosine kernels of orders 2 and 1.
        theory = (ArcCosine(2)(X) / (2 * d * d) - NNGP()(X) ** 2) / p
        maps = {weights: RandomFeatures(p, weights=weights) for weights in WEIGHTS}
    else:
        # Of cos(w.δ): (1 + k(2δ)) / 2 - k(δ)².
        theory = ((1 + RBF(4 * 0.3 / d)(X)) / 2 - RBF(0.3 / d)(X) ** 2) / (p // 2)
        maps = {weights: FourierFeatures(RBF(0.3 / d), p, weights=weights) for weights in WEIGHTS}
    spread = {weights: estimates(features, X, draws).var(axis=0) for weights, features in maps.items()}
    # A sample variance of nearly normal draws has the relative standard error sqrt(2 / draws); 21 pairs, so 4 of them.
    wanted = theory[pairs]
    alive = wanted > 1e-12
    assert (np.abs(spread["gaussian"] / np.where(alive, wanted, 1) - 1)[alive] < 4 * np.sqrt(2 / draws) + 0.05).all()
    for weights in ("orthogonal", "hadamard"):
        assert spread[weights][alive].mean() < 0.8 * spread["gaussian"][alive].mean()


@pytest.mark.parametrize("weights", ["orthogonal", "hadamard"])
def test_bits_for_any_number_of_threads(weights, threads, rng):
    X, coef = rng.standard_normal((700, 70)), rng.standard_normal((401, 2))
    for features in (
        RandomFeatures(401, "tanh", weights=weights, bias_scale=1.0, random_state=0),
        FourierFeatures(Matern(), n_components=401, weights=weights, random_state=0),
    ):
        features.fit(X)
        seen = set()
        for k in (1, 2, 3, 4):
            threads(k)
            arrays = (features.transform(X), features.dot(X, coef), *features.moments(X, coef[:1].repeat(700, 0)))
            seen.add(tuple(array.tobytes() for array in (*arrays, features.directions())))
        assert len(seen) == 1


@pytest.mark.parametrize("weights", WEIGHTS)
def test_shards_agree(weights, rng):
    X = rng.standard_normal((300, 70))
    for features, dtype in ((RandomFeatures(100, "sin", weights=weights, random_state=0), t) for t in "fd"):
        x = X.astype(dtype)
        Z = features.fit(x).transform(x)
        parts = np.vstack([features.transform(x[i : i + 37]) for i in range(0, 300, 37)])
        np.testing.assert_allclose(parts, Z, rtol=0, atol=1e-14 if dtype == "d" else 1e-6)


# The door.


def test_wrong_parameters(rng):
    X = rng.standard_normal((5, 3))
    for features, message in (
        (RandomFeatures(3, "rellu"), 'did you mean "relu"'),
        (RandomFeatures(3, "tan"), 'did you mean "tanh"'),
        (RandomFeatures(3, "silu"), 'did you mean "swish"'),
        (RandomFeatures(3, "SiLU"), 'did you mean "swish"'),
        (RandomFeatures(3, "linear"), 'did you mean "identity"'),
        (RandomFeatures(3, "hermite31"), "beyond the highest degree, 30"),
        (RandomFeatures(3, ("leaky_relu", np.inf)), "slope must be finite"),
        (RandomFeatures(0), "n_components"),
        (RandomFeatures(3, weights="gauss"), "weights"),
        (RandomFeatures(3, bias_scale=-1), "bias_scale"),
        (FourierFeatures(Linear()), "has no spectral measure here"),
        (FourierFeatures(Laplace(norm=1), weights="hadamard"), "take weights='gaussian', or norm=2"),
        (FourierFeatures(Laplace(power=2.5)), r"power must be in \(0, 2\], got 2.5"),
        (FourierFeatures(Matern(nu=1.0)), "nu must be 0.5, 1.5 or 2.5, got 1"),
        (FourierFeatures(RBF(-1.0)), "gamma must be positive"),
        (RandomFeatures(3, (np.sum,)), "returned shape"),
        (RandomFeatures(3, (lambda t: t / 0,)), "must be finite there"),
    ):
        with pytest.raises(ValueError, match=message), np.errstate(all="ignore"):
            features.fit(X).transform(X)
    with pytest.raises(TypeError, match="activation must be"):
        RandomFeatures(3, ("relu", np.tanh)).fit(X)
