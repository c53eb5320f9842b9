"""Two-layer nets: what they learn and kernels do not, the identities of their first step, options and stops."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.model_selection import train_test_split

import widelearn as wl
from widelearn import TwoLayerClassifier, TwoLayerRegressor, datasets, nets
from widelearn.estimators.two_layer.network import first_weights

EPS = np.finfo(float).eps


def halves(data, n):
    return data.X[:n], data.y[:n], data.X[n:], data.y[n:]


def table(rng, n=120, d=5):
    X = rng.standard_normal((n, d))
    return X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2]


# What it is for.


@pytest.mark.parametrize(("d", "k", "n", "most"), [(100, 2, 800, 0.65), (40, 3, 1500, 0.60)])
def test_uniform_parities(d, k, n, most):
    X, y, X_test, y_test = halves(datasets.parity(n + 1500, d, k, random_state=0), n)
    model = TwoLayerClassifier.preset("parity", max_iter=300, random_state=0).fit(X.astype("f4"), y)
    assert model.score(X_test.astype("f4"), y_test) >= 0.95
    features = wl.RandomFeatures(1000, bias_scale=0.5, random_state=0)
    for other in (wl.KernelRidgeClassifier(alpha=0.1), wl.FeatureRidgeClassifier(features, alpha=0.01)):
        assert other.fit(X, y).score(X_test, y_test) <= most


def test_xor_mixture():
    X, y, X_test, y_test = halves(datasets.xor_mixture(3000, 1000, 4.0, random_state=0), 1500)
    model = TwoLayerClassifier.preset("xor_mixture", random_state=0).fit(X.astype("f4"), y)
    assert model.score(X_test.astype("f4"), y_test) >= 0.97
    assert wl.KernelRidgeClassifier(alpha=0.1).fit(X, y).score(X_test, y_test) <= 0.60


@pytest.mark.parametrize(("d", "radius", "n"), [(300, 2.5, 450), (300, 3.0, 450), (100, 3.0, 300), (100, 5.0, 300)])
def test_xor_mixtures_of_a_family_beside_the_quadratic_kernel(d, radius, n):
    """The preset's mean is no more than .015 below what theory says of the kernel."""
    found = []
    for seed in range(5):
        X, y, X_test, y_test = halves(datasets.xor_mixture(n + 2000, d, radius, random_state=seed), n)
        model = TwoLayerClassifier.preset("xor_mixture", random_state=seed).fit(X.astype("f4"), y)
        found.append(model.score(X_test.astype("f4"), y_test))
    assert np.mean(found) >= wl.theory.xor_accuracy(n, d, radius) - 0.015


def test_grouped_parities_by_the_preset_of_uniform_ones():
    data = datasets.parity(5000, 60, 3, "grouped", random_state=0)
    X, y, X_test, y_test = halves(data, 3000)
    flat = data.uniform[3000:]
    model = TwoLayerClassifier.preset("parity", random_state=0).fit(X.astype("f4"), y)
    assert model.score(X_test.astype("f4"), y_test) >= 0.95
    assert model.score(X_test[flat].astype("f4"), y_test[flat]) >= 0.91


def test_structured_parity_in_one_step():
    data = datasets.parity(4500, 100, 5, "structured", random_state=0)
    X, y, X_test, y_test = halves(data, 2500)
    flat = data.uniform[2500:]
    for model in (TwoLayerClassifier.preset("structured_parity"), TwoLayerClassifier(algorithm="one_step")):
        model.set_params(random_state=0).fit(X, y)
        assert model.score(X_test[flat], y_test[flat]) >= 0.97
        cosines = model.W_ @ data.directions[0] / np.linalg.norm(model.W_, axis=1)
        assert np.median(np.abs(cosines)) > 0.9
    frozen = TwoLayerClassifier(algorithm="frozen", random_state=0).fit(X, y)
    assert frozen.score(X_test[flat], y_test[flat]) <= 0.60


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_algorithm_1(loss):
    X, y, X_test, y_test = halves(datasets.parity(4500, 100, 5, "structured", random_state=0), 2500)
    options = {"algorithm": "algorithm1", "loss": loss, "max_iter": 200, "random_state": 0}
    model = TwoLayerClassifier.preset("structured_parity", **options)
    assert model.fit(X.astype("f4"), y).score(X_test.astype("f4"), y_test) >= 0.97


def test_two_steps_find_two_directions():
    data = datasets.multi_index(6000, 20, 2, random_state=0)
    X, y, X_test, y_test = halves(data, 4000)
    options = {"width": 300, "alpha": 1e-4, "random_state": 0}
    two = TwoLayerRegressor(algorithm="k_step", **options).fit(X, y)
    shares = np.linalg.norm(two.W_ @ data.directions.T, axis=1) / np.linalg.norm(two.W_, axis=1)
    # of a random direction the share is about √(2/20)
    assert np.median(shares) > 0.8
    assert two.score(X_test, y_test) > TwoLayerRegressor(algorithm="frozen", **options).fit(X, y).score(X_test, y_test)


def test_the_staircase_is_climbed_step_by_step():
    data = datasets.staircase(4000, 30, random_state=0)
    seen = {}

    def watch(t, state):
        if t in (1, 25):
            part = nets.TwoLayer(state.W, state.b, state.a, "relu").loss_gradient(data.X, y, "squared").W
            seen[t] = np.linalg.norm(part, axis=0)[data.support].argmax()

    y = data.y[:, None]
    model = TwoLayerRegressor(
        128, solver="sgd", learning_rate_init=0.02, alpha=1e-4, max_iter=250, tol=None, scaling=None, random_state=0,
        weight_scale=0.1, bias_scale=0.1, output_scale=0.1, callback=watch,
    )  # fmt: skip
    assert model.fit(data.X, data.y).score(data.X, data.y) >= 0.99
    assert seen == {1: 0, 25: 1}


@pytest.mark.parametrize(("load", "least"), [(load_digits, 0.97), (load_breast_cancer, 0.95), (load_wine, 0.95)])
def test_raw_tables(load, least):
    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=y)
    assert TwoLayerClassifier(random_state=0).fit(X, y).score(X_test, y_test) >= least


def test_raw_regression():
    X, y = load_diabetes(return_X_y=True)
    X, X_test, y, y_test = train_test_split(1e6 * X + 3e6, 1e3 * y, random_state=0)
    for settings in ({}, {"early_stopping": True}, {"algorithm": "one_step"}, {"algorithm": "algorithm1"}):
        # half of what a linear fit explains
        assert TwoLayerRegressor(random_state=0, **settings).fit(X, y).score(X_test, y_test) > 0.2


# Identities.


@pytest.mark.parametrize("init", ["pairs", "quadruples"])
@pytest.mark.parametrize("m", [1, 7, 64])
def test_symmetric_starts(init, m, rng):
    X = rng.standard_normal((40, 6))
    chosen = TwoLayerRegressor(m, init=init, bias_scale=0.5)
    net = first_weights(chosen, 6, 3, np.random.default_rng(0), np.float64)
    f = nets.TwoLayer(net.W, net.b, net.a, "relu").outputs(X)
    # m products that cancel, of size up to max |h| max |a|
    assert np.abs(f).max() <= m * EPS * np.abs(X @ net.W.T - net.b).max() * np.abs(net.a).max()
    assert net.W.shape == (m, 6)
    if init == "quadruples" and m == 64:
        np.testing.assert_allclose(net.W.sum(axis=0), 0, atol=64 * EPS * np.abs(net.W).max())


def test_the_first_step_is_the_simplified_gradient(rng):
    X, y = rng.standard_normal((200, 9)), rng.choice([-1.0, 1.0], 200)
    eta = 0.7
    options = {"width": 32, "scaling": None, "algorithm": "algorithm1", "first_step": eta, "random_state": 0}
    for loss, slope in (("hinge", 1.0), ("logistic", 0.5)):
        # the best iterate of one iteration is what the first step gave
        model = TwoLayerClassifier(loss=loss, max_iter=1, **options).fit(X, y)
        seed = int(np.random.RandomState(0).randint(2**31 - 1))
        net = first_weights(model, 9, 1, np.random.default_rng([seed, 1]), np.float64)
        G = nets.simplified_gradient(X, y[:, None], net.W, net.b)[0]
        np.testing.assert_allclose(model.W_, eta * slope * net.a * G, atol=1e-14)
        np.testing.assert_array_equal(model.b_, net.b)


def test_gradient_descent_is_what_it_says(rng):
    X, y = table(rng)
    y = y / 3
    options = {"width": 6, "activation": "tanh", "scaling": None, "alpha": 0.1, "solver": "sgd", "tol": None}
    start = tuple(rng.standard_normal(shape) for shape in ((6, 5), (6,), (6, 1)))
    model = TwoLayerRegressor(init=start, learning_rate_init=0.1, momentum=0.5, max_iter=3, **options).fit(X, y)
    theta, v = [part.copy() for part in start], [0.0, 0.0, 0.0]
    for t in range(3):
        found = nets.TwoLayer(*theta, "tanh").loss_gradient(X, y[:, None], "squared")
        objective = found.loss + 0.05 * ((theta[0] ** 2).sum() + (theta[2] ** 2).sum())
        assert model.loss_curve_[t] == pytest.approx(objective, rel=1e-12)
        g = (found.W + 0.1 * theta[0], found.b, found.a + 0.1 * theta[2])
        v = [0.5 * old + new for old, new in zip(v, g, strict=True)]
        theta = [part - 0.1 * step for part, step in zip(theta, v, strict=True)]
    for found, wanted in zip((model.W_, model.b_, model.a_), theta, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)
    assert model.history_["learning_rate"].tolist() == [0.1] * 3


def test_heads_are_optimal(rng):
    X, y = table(rng)
    model = TwoLayerRegressor(40, algorithm="frozen", alpha=0.01, scaling=None, random_state=0).fit(X, y)
    H = np.maximum(X @ model.W_.T - model.b_, 0)
    ridge = wl.ridge.solve(H, y, alpha=len(X) * 0.01)
    np.testing.assert_allclose(model.a_[:, 0], ridge, rtol=1e-8, atol=1e-10)
    for labels in (np.where(y > 0, 1.0, -1.0), np.digitize(y, [-0.5, 0.5])):
        options = {"algorithm": "one_step", "alpha": 0.01, "scaling": None, "random_state": 0}
        model = TwoLayerClassifier(40, max_iter=2000, **options).fit(X, labels)
        H = np.maximum(X @ model.W_.T - model.b_, 0)
        np.testing.assert_allclose(np.mean((X @ model.W_.T) ** 2, axis=0), 1, rtol=1e-10)
        P = model.predict_proba(X)
        R = P - (labels[:, None] == model.classes_)
        R = R[:, 1:] if len(model.classes_) == 2 else R
        # the head ends where no entry of the gradient exceeds 1e-6
        assert np.abs(H.T @ R / len(X) + 0.01 * model.a_).max() <= 1e-6


def test_probabilities(rng):
    X, y = table(rng)
    model = TwoLayerClassifier(16, max_iter=20, random_state=0).fit(X, y > 0)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(model.decision_function(X)), rtol=1e-14)
    many = TwoLayerClassifier(16, max_iter=20, random_state=0).fit(X, np.digitize(y, [-1, 0, 1]))
    np.testing.assert_allclose(many.predict_proba(X).sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_array_equal(many.predict_proba(X).argmax(axis=1), many.predict(X))
    labels = np.stack([y > 0, X[:, 0] > 0], axis=1).astype(int)
    both = TwoLayerClassifier(64, random_state=0).fit(X, labels)
    assert both.predict_proba(X).shape == (len(X), 2)
    assert both.score(X, labels) > 0.9
    assert not hasattr(TwoLayerClassifier(loss="hinge"), "predict_proba")


# Options.


def test_smoothing_and_truncated_relu(rng):
    X, y = table(rng)
    for activation, smoothing in (("relu", 0.3), ("truncated_relu", 0.0), ("truncated_relu", 0.3)):
        model = TwoLayerRegressor(32, activation, smoothing=smoothing, scaling=None, random_state=0).fit(X, y)
        net = nets.TwoLayer(model.W_, model.b_, model.a_, activation, smoothing=smoothing)
        np.testing.assert_array_equal(model.predict(X), net.outputs(X)[:, 0])
        assert model.score(X, y) > 0.5


@pytest.mark.parametrize("algorithm", ["gd", "algorithm1", "k_step"])
def test_masks(algorithm, rng):
    X, y = table(rng)
    neurons, weights = np.arange(12) % 2, rng.integers(0, 2, (12, 5))
    options = {"algorithm": algorithm, "max_iter": 20, "random_state": 0}
    thin = TwoLayerRegressor(12, mask=weights, **options).fit(X, y)
    assert not thin.W_[weights == 0].any()
    few = TwoLayerRegressor(12, mask=neurons, **options).fit(X, y)
    assert not few.W_[neurons == 0].any()
    assert not few.a_[neurons == 0].any()
    assert few.W_[neurons == 1].all()
    with pytest.raises(ValueError, match=r"of shape \(12,\) or \(12, 5\), got \(5, 12\)"):
        TwoLayerRegressor(12, mask=weights.T).fit(X, y)


def test_parts_that_stay(rng):
    X, y = table(rng)
    options = {"width": 10, "output": "signs", "max_iter": 5, "random_state": 0}
    model = TwoLayerRegressor(train_output=False, train_bias=False, bias="constant", bias_scale=0.25, **options)
    model.fit(X, y)
    np.testing.assert_allclose(np.abs(model.a_), 1 / np.sqrt(10), rtol=1e-15)
    np.testing.assert_array_equal(model.b_, 0.25)


@pytest.mark.parametrize("schedule", ["constant", "invscaling", "cosine", lambda t: 0.5**t])
def test_schedules_and_minibatches(schedule, rng):
    X, y = table(rng)
    options = {"learning_rate_init": 0.02, "max_iter": 10, "batch_size": 32, "random_state": 0}
    model = TwoLayerRegressor(32, learning_rate=schedule, **options).fit(X, y)
    rates = {"constant": lambda t: 1.0, "invscaling": lambda t: (t + 1) ** -0.5}
    rates["cosine"] = lambda t: (1 + np.cos(np.pi * t / 10)) / 2
    wanted = [0.02 * rates.get(schedule, schedule)(t) for t in range(10)]
    np.testing.assert_allclose(model.history_["learning_rate"], wanted, rtol=1e-12)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    again = TwoLayerRegressor(32, learning_rate=schedule, **options).fit(X, y)
    np.testing.assert_array_equal(model.W_, again.W_)


def test_early_stopping_keeps_the_best(rng):
    X, y = table(rng, 200)
    y = y + rng.standard_normal(200)
    best, weights = [np.inf], []

    def watch(t, state):
        if state.validation_loss < best[0]:
            best[0] = state.validation_loss
            weights[:] = [state.W.copy()]

    model = TwoLayerRegressor(
        128, early_stopping=True, alpha=0.0, max_iter=1000, n_iter_no_change=10, random_state=0, callback=watch
    )
    model.fit(X, y)
    assert model.n_iter_ < 1000
    np.testing.assert_array_equal(model.W_, weights[0])
    assert model.best_loss_ == best[0] == model.history_["validation_loss"].min()
    assert model.best_iter_ == 1 + model.history_["validation_loss"].argmin()
    with pytest.raises(ValueError, match=r"validation_fraction = 0\.1 of 5 rows leaves no rows"):
        model.fit(X[:5], y[:5])


def test_training_ends_when_the_objective_does_not_fall(rng):
    X, y = table(rng)
    model = TwoLayerRegressor(16, tol=1e9, n_iter_no_change=3, random_state=0).fit(X, y)
    assert model.n_iter_ == 4
    assert TwoLayerRegressor(16, tol=None, max_iter=7, random_state=0).fit(X, y).n_iter_ == 7
    told = TwoLayerRegressor(16, random_state=0, callback=lambda t, state: t == 5).fit(X, y)
    assert told.n_iter_ == 5


def test_fresh_samples():
    support = [3, 7]

    def sample(n, seed):
        return datasets.parity(n, 20, 2, random_state=seed, support=support)

    data = sample(1000, 12345)
    model = TwoLayerClassifier.preset("parity", batch_size=400, max_iter=150, random_state=0)
    assert model.fit_stream(sample).score(data.X, data.y) >= 0.95
    assert model.n_iter_ == 150
    batches = [(data.X[:300], data.y[:300]), (data.X[300:], data.y[300:])]
    assert TwoLayerClassifier(random_state=0).fit_stream(batches, classes=[-1, 1]).n_iter_ == 2
    for algorithm in ("algorithm1", "k_step", "frozen"):
        part = TwoLayerClassifier(32, algorithm=algorithm, batch_size=200, max_iter=3, random_state=0)
        assert set(part.fit_stream(sample).predict(data.X)) <= {-1, 1}
    regressor = TwoLayerRegressor(random_state=0, max_iter=50).fit_stream(lambda n, seed: datasets.staircase(n, 4, 1))
    assert regressor.predict(data.X[:, :4]).shape == (1000,)
    with pytest.raises(ValueError, match="The stream is empty"):
        model.fit_stream([])
    with pytest.raises(ValueError, match="must give pairs"):
        model.fit_stream([1.0])
    with pytest.raises(ValueError, match="A checkpoint needs a sampler"):
        TwoLayerClassifier(checkpoint="x").fit_stream(batches)
    with pytest.raises(ValueError, match="early_stopping leaves out rows of a table"):
        TwoLayerClassifier(early_stopping=True).fit_stream(batches)
