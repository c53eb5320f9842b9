"""Problems with their truth: labels follow from it, best predictors reach their rates, kernels fail where they must."""

import contextlib
import inspect
import itertools

import numpy as np
import pytest

import widelearn as wl
from widelearn import datasets


def share(hits, p):
    """Whether a share of hits is p, within five standard errors."""
    return abs(np.mean(hits) - p) <= 5 * np.sqrt(p * (1 - p) / len(hits))


@pytest.mark.parametrize("kind", ["uniform", "structured", "grouped"])
def test_parities_follow_their_bits(kind):
    data = datasets.parity(2000, 30, 3, kind, random_state=0)
    groups = np.atleast_2d(data.support)
    assert groups.shape == ((3, 3) if kind == "grouped" else (1, 3))
    assert data.support.shape == ((3, 3) if kind == "grouped" else (3,))
    np.testing.assert_array_equal(data.y, np.sign(data.X[:, groups].prod(axis=2).sum(axis=1)))
    np.testing.assert_array_equal(data.y, data.bayes(data.X))
    np.testing.assert_allclose(data.directions @ data.directions.T, np.eye(len(groups)), atol=1e-15)
    assert np.all(np.count_nonzero(data.directions, axis=1) == 3)
    assert data.bayes_accuracy == 1


def test_the_structured_parity_shows_its_bits():
    flat, data = (datasets.parity(4000, 40, 5, kind, random_state=1) for kind in ("uniform", "structured"))
    np.testing.assert_array_equal(flat.support, data.support)
    np.testing.assert_array_equal(flat.X[data.uniform], data.X[data.uniform])
    rest = np.setdiff1d(np.arange(40), data.support)
    np.testing.assert_array_equal(flat.X[:, rest], data.X[:, rest])
    assert share(data.uniform, 0.5)
    shown = data.X[~data.uniform][:, data.support]
    assert np.all(shown == shown[:, :1])
    assert share(shown[:, 0] > 0, 0.5)
    # E[y x_j] is the mix for a hidden bit of odd k, and 0 for the others
    means = data.y @ data.X / 4000
    assert np.abs(means[data.support] - 0.5).max() < 5 / np.sqrt(4000)
    assert np.abs(means[rest]).max() < 5 / np.sqrt(4000)
    assert datasets.parity(500, 9, 3, "structured", 0, mix=0.0).uniform.all()
    assert not datasets.parity(500, 9, 3, "structured", 0, mix=1.0).uniform.any()


def test_the_grouped_parity_shows_one_group_at_a_time():
    data = datasets.parity(6000, 60, 3, "grouped", 2, n_groups=3, group_rate=0.1, background=0.2)
    assert share(data.uniform, 0.4)
    bits = data.X[:, data.support]
    assert np.all(np.abs(bits[data.uniform]) == 1)
    shown = bits[~data.uniform]
    assert np.all(np.abs(shown).sum(axis=2).max(axis=1) == 3)
    assert np.all(np.abs(shown).sum(axis=(1, 2)) == 3)
    assert np.all(np.abs(shown.sum(axis=(1, 2))) == 3)
    rest = data.X[:, np.setdiff1d(np.arange(60), data.support)].ravel()
    assert share(rest == 1, 0.2)
    assert share(rest == -1, 0.2)


def test_label_noise():
    data = datasets.parity(5000, 10, 2, random_state=0, label_noise=0.1)
    assert share(data.y == data.bayes(data.X), data.bayes_accuracy)
    mixture = datasets.xor_mixture(5000, 10, 3.0, random_state=0, label_noise=0.1)
    assert share(mixture.y == mixture.bayes(mixture.X), mixture.bayes_accuracy)


def test_xor_mixture():
    data = datasets.xor_mixture(20_000, 6, 2.5, random_state=3)
    np.testing.assert_allclose(data.directions @ data.directions.T, np.eye(2), atol=1e-12)
    means = np.stack([data.X[data.cluster == j].mean(axis=0) for j in range(4)])
    wanted = 2.5 * np.concatenate(
        [data.directions[:1], -data.directions[:1], data.directions[1:], -data.directions[1:]]
    )
    assert np.abs(means - wanted).max() < 5 / np.sqrt(20_000 / 4.5)
    np.testing.assert_array_equal(data.y, np.where(data.cluster < 2, 1, -1))
    assert share(data.bayes(data.X) == data.y, data.bayes_accuracy)


def test_gaussian_mixture():
    xor = datasets.xor_mixture(3000, 5, 2.0, random_state=0)
    means = 2.0 * np.concatenate([xor.directions, -xor.directions])
    data = datasets.gaussian_mixture(3000, 5, means=means, labels=[1, -1, 1, -1], random_state=1)
    np.testing.assert_array_equal(data.bayes(xor.X), xor.bayes(xor.X))
    np.testing.assert_allclose(data.directions, means / 2, atol=1e-12)
    uneven = datasets.gaussian_mixture(9000, 4, 3, 5.0, 2, weights=[2, 1, 1], scale=[0.5, 1.0, 2.0])
    assert share(uneven.cluster == 0, 0.5)
    np.testing.assert_allclose(uneven.means @ uneven.means.T, 25 * np.eye(3), atol=1e-12)
    np.testing.assert_array_equal(uneven.y, np.array([1, -1, 1])[uneven.cluster])
    for j, s in enumerate([0.5, 1.0, 2.0]):
        spread = (uneven.X[uneven.cluster == j] - uneven.means[j]) / s
        assert abs(spread.std() - 1) < 5 / np.sqrt(2 * spread.size)
    # no classifier is better: one that ignores weights and scales is not
    nearest = ((uneven.X[:, None] - uneven.means) ** 2).sum(axis=2).argmin(axis=1)
    assert np.mean(uneven.bayes(uneven.X) == uneven.y) >= np.mean(uneven.labels[nearest] == uneven.y)
    for far in (1e-200, 1e149):
        drawn = datasets.gaussian_mixture(5, 4, 2, far, random_state=0)
        np.testing.assert_allclose(drawn.directions @ drawn.directions.T, np.eye(2), atol=1e-14)
    assert (datasets.gaussian_mixture(5, 2, means=[[0, 0]], labels=["z"], random_state=0).y == "z").all()


def test_multi_index():
    data = datasets.multi_index(40_000, 8, 2, noise=0.5, random_state=4)
    np.testing.assert_allclose(data.directions @ data.directions.T, np.eye(2), atol=1e-12)
    np.testing.assert_array_equal(data.bayes(data.X), data.signal)
    # variance 1 of the signal, whose fourth moment is finite and large: a tenth is many standard errors
    assert abs(data.signal.var() - 1) < 0.1
    assert abs((data.y - data.signal).std() - 0.5) < 5 * 0.5 / np.sqrt(80_000)
    assert np.abs(data.signal @ data.X / 40_000).max() < 5 * np.std(data.signal[:, None] * data.X) / np.sqrt(40_000)
    one = datasets.multi_index(50, 4, 3, link=lambda z: z.sum(axis=1), random_state=0)
    np.testing.assert_allclose(one.y, one.X @ one.directions.sum(axis=0), atol=1e-12)


def test_staircase():
    data = datasets.staircase(20_000, 12, 3, random_state=5)
    a, b, c = data.X[:, data.support].T
    np.testing.assert_array_equal(data.y, a + a * b + a * b * c)
    assert abs(data.y.var() - 3) < 5 * np.std(data.y**2) / np.sqrt(20_000)
    np.testing.assert_array_equal(data.bayes(data.X), data.signal)
    # the same bits and rows with other terms; by default they are the stairs
    again = datasets.staircase(20_000, 12, 3, random_state=5, terms=[(0,), (1, 0), (0, 1, 2)])
    np.testing.assert_array_equal(data.y, again.y)
    alone = datasets.staircase(20_000, 12, 3, random_state=5, terms=[[0, 1, 2]])
    np.testing.assert_array_equal(alone.y, a * b * c)
    np.testing.assert_array_equal(alone.bayes(data.X), alone.signal)


@pytest.mark.parametrize("domain", ["sphere", "hypercube"])
def test_polynomials_have_their_masses(domain):
    n, masses = 40_000, [0.5, 1.0, 0.0, 2.0]
    data = datasets.polynomial(n, 5, 3, 6, masses=masses, domain=domain)
    assert abs((data.y**2).mean() - 3.5) < 5 * np.std(data.y**2) / np.sqrt(n)
    assert abs(data.y.mean() - np.sqrt(0.5)) < 5 * data.y.std() / np.sqrt(n)
    # the mass of degree 1 is what a linear fit explains
    linear = np.linalg.lstsq(data.X, data.y - data.y.mean(), rcond=None)[0]
    assert abs(np.var(data.X @ linear) - 1.0) < 0.1
    np.testing.assert_array_equal(data.bayes(data.X), data.signal)
    assert abs(datasets.polynomial(n, 2, 4, 6).y.var() - 1) < 0.1
    assert datasets.polynomial(5, 4, 2, 0, domain=domain).masses.tolist() == [0.0, 0.5, 0.5]


def test_a_polynomial_is_the_target_of_theory():
    d, n, ridge = 20, 150, 0.1
    masses = [0, 1.0, 0.5, 0, 0]
    predicted = wl.theory.risk(wl.theory.kernel_spectrum(np.exp, d, 4), masses, n, ridge, 0.0).excess
    found = []
    for seed in range(12):
        data = datasets.polynomial(n + 1000, d, 4, seed, masses=masses)
        model = wl.KernelRidge(lambda X, Y: np.exp(X @ Y.T / d), alpha=ridge, fit_intercept=False)
        left = model.fit(data.X[:n], data.y[:n]).predict(data.X[n:]) - data.y[n:]
        found.append(np.mean(left**2))
    # three standard errors, and 5 % of a formula exact only in the limit
    assert abs(np.mean(found) - predicted) < max(3 * np.std(found) / np.sqrt(12), 0.05 * predicted)


def test_kernels_do_not_see_a_sparse_parity():
    data = datasets.parity(1600, 100, 2, random_state=0)
    model = wl.KernelRidgeClassifier("rbf", alpha=1e-2).fit(data.X[:800], data.y[:800])
    assert model.score(data.X[800:], data.y[800:]) <= 0.65


def test_more_rows_of_one_problem():
    first = datasets.parity(50, 20, 3, "grouped", 0)
    again = datasets.parity(50, 20, 3, "grouped", 0, support=first.support)
    np.testing.assert_array_equal(first.X, again.X)
    more = datasets.parity(50, 20, 3, "grouped", 1, support=first.support)
    np.testing.assert_array_equal(first.bayes(more.X), more.y)
    mixture = datasets.xor_mixture(50, 6, 3.0, 0)
    more = datasets.xor_mixture(50, 6, 3.0, 1, directions=mixture.directions)
    np.testing.assert_array_equal(mixture.bayes(more.X), more.bayes(more.X))
    for draw, truth in ((datasets.multi_index, "directions"), (datasets.staircase, "support")):
        data = draw(50, 6, random_state=0)
        more = draw(50, 6, random_state=1, **{truth: data[truth]})
        np.testing.assert_array_equal(data.bayes(more.X), more.y)


@pytest.mark.parametrize(
    "draw",
    [
        *(lambda seed, kind=kind: datasets.parity(9, 20, 3, kind, seed).X for kind in ("uniform", "grouped")),
        lambda seed: datasets.xor_mixture(5, 4, 1.0, seed).X,
        lambda seed: datasets.gaussian_mixture(5, 4, random_state=seed).X,
        lambda seed: datasets.multi_index(5, 4, noise=1.0, random_state=seed).y,
        lambda seed: datasets.staircase(9, 40, random_state=seed).X,
        lambda seed: datasets.polynomial(5, 4, random_state=seed).y,
    ],
)
def test_seeds(draw):
    np.testing.assert_array_equal(draw(3), draw(3))
    assert np.any(draw(3) != draw(4))
    assert np.any(draw(None) != draw(None))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: datasets.parity(5, 4, 5), "5 hidden bits must not exceed d = 4"),
        (lambda: datasets.parity(5, 8, 3, "grouped"), "9 hidden bits must not exceed d = 8"),
        (lambda: datasets.parity(5, 8, 2, "grouped", n_groups=2), "n_groups must be odd, got 2"),
        (
            lambda: datasets.parity(5, 9, 3, "grouped", group_rate=0.2),
            "group_rate must be a finite number",
        ),
        (lambda: datasets.parity(5, 9, 3, "even"), "kind must be one of uniform, structured, grouped, got 'even'"),
        (lambda: datasets.parity(5, 9, 3, mix=2.0), "mix must be a finite number from 0 to 1, got 2.0"),
        (lambda: datasets.parity(5, 9, 3, label_noise=0.6), "label_noise must be a finite number from 0 to 0.5"),
        (lambda: datasets.parity(5, 9, 2, support=[3, 3]), r"different whole numbers, of shape \(1, 2\), got \[3, 3\]"),
        (lambda: datasets.parity(5, 9, 2, support=[3, 9]), r"support must lie in 0 to d - 1 = 8, got \[3, 9\]"),
        (lambda: datasets.xor_mixture(5, 2, 1.0, directions=[[1, 0], [1, 0]]), "2 orthonormal rows of 2 features"),
        (lambda: datasets.xor_mixture(5, 1, 1.0), "d = 1 has no room for two directions"),
        (lambda: datasets.xor_mixture(5, 4, np.nan), "radius must be positive and finite, got nan"),
        (lambda: datasets.gaussian_mixture(5, 3), "n_clusters = 4 orthogonal means need d = 3"),
        (lambda: datasets.gaussian_mixture(5, 3, means=[[1, 2]]), r"means must be finite, of shape \(r, 3\)"),
        (lambda: datasets.gaussian_mixture(5, 4, labels=[1, 2]), r"labels \(2,\), weights \(4,\)"),
        (lambda: datasets.gaussian_mixture(5, 4, weights=[0, 0, 0, 0]), "weights must be non-negative"),
        (lambda: datasets.gaussian_mixture(5, 4, scale=0), "scale must be positive and finite, got 0"),
        (lambda: datasets.gaussian_mixture(5, 4, 2, 1e160), "radius must be a finite number from 0 to 1e[+]150"),
        (lambda: datasets.gaussian_mixture(5, 2, means=[[1e160, 0]]), "squares beyond 1e[+]150 leave float64"),
        (lambda: datasets.gaussian_mixture(5, 4, 2, labels=[None, 1]), "labels must be of one kind"),
        (lambda: datasets.multi_index(5, 4, 5), "n_directions = 5 must not exceed d = 4"),
        (lambda: datasets.multi_index(5, 4, link=lambda z: z), r"one number a row, of shape \(5,\)"),
        (lambda: datasets.multi_index(5, 4, noise=np.inf), "noise must be a finite number"),
        (lambda: datasets.staircase(5, 4, 5), "degree = 5 must not exceed d = 4"),
        (lambda: datasets.staircase(5, 4, 2, terms=[(0, 2)]), "sets of whole numbers from 0 to 1"),
        (lambda: datasets.staircase(5, 4, 2, terms=[(0, 0)]), "sets of whole numbers from 0 to 1"),
        (lambda: datasets.staircase(5, 4, 2, terms=[(0, 1), (1, 0)]), "different sets of places"),
        (lambda: datasets.staircase(5, 4, 2, terms=[()]), "sets of whole numbers"),
        (lambda: datasets.polynomial(5, 4, 5, domain="hypercube"), "d = 4 must be at least 2"),
        (lambda: datasets.polynomial(5, 4, domain="ball"), "got 'ball'"),
        (lambda: datasets.polynomial(5, 4, masses=[1]), "masses must be 3 non-negative numbers"),
        (lambda: datasets.staircase(5.5, 4), "n must be a whole number of at least 1, got 5.5"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", sorted(set(datasets.__all__) - {"image_files"}))
def test_numbers_beyond_every_type_and_memory_are_refused(name, monkeypatch):
    function = getattr(datasets, name)
    sizes = {"n": 100, "d": 8, "p": 90, "k": 2, "n_directions": 2, "n_clusters": 2, "degree": 2}
    works = {key: value for key, value in sizes.items() if key in inspect.signature(function).parameters}
    works |= {"random_state": 0} | ({"radius": 1.0} if name == "xor_mixture" else {})
    if name == "gaussian_beside":
        works |= {"X": np.eye(50), "teacher": lambda X: X[:, 0]}
    function(**works)
    wrong = (2**62, 2**64, 10**30, 10**400, -(2**70))
    for key, value in itertools.product(works.keys() - {"random_state", "radius", "X", "teacher"}, wrong):
        with pytest.raises((ValueError, TypeError, MemoryError)):
            function(**works | {key: value})
    for key, value in itertools.product(inspect.signature(function).parameters.keys() - works.keys(), wrong):
        # A number as large as that may be right, a radius say.
        with contextlib.suppress(ValueError, TypeError):
            function(**works | {key: value})
    # Sizes of a narrow type are sizes: their sums and products leave it.
    narrow = works | {key: np.int8(value) for key, value in sizes.items() if key in works}
    one, other = function(**works), function(**narrow)
    np.testing.assert_array_equal(getattr(one, "X", one), getattr(other, "X", other))
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "1M")
    with pytest.raises(MemoryError, match=r"WIDELEARN_MAX_MEMORY.*Take fewer rows at a time"):
        function(**works | {"n": 10**5})
