"""Random feature maps: their numbers, their limits, their streams, their fused passes."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import RBFSampler
from sklearn.utils._param_validation import InvalidParameterError

import reference
from widelearn import FourierFeatures, RandomFeatures, _core
from widelearn.kernels import NNGP, NTK, RBF, ArcCosine, Laplace, Linear, Matern
from widelearn.ridge import Moments

MAPS = [
    RandomFeatures(70, random_state=3),
    RandomFeatures(33, weights="sphere", random_state=3),
    RandomFeatures(50, bias_scale=0.7, random_state=3),
    FourierFeatures(n_components=64, random_state=3),
    FourierFeatures(RBF(gamma=0.3), n_components=31, random_state=3),
    FourierFeatures(n_components=1, random_state=3),
    RandomFeatures(41, "tanh", weights="orthogonal", bias_scale=0.3, random_state=3),
    RandomFeatures(150, "gelu", weights="hadamard", bias_scale=0.3, random_state=3),
    RandomFeatures(1, weights="hadamard", random_state=3),
    RandomFeatures(35, (np.tanh,), random_state=3),
    FourierFeatures(Laplace(gamma=0.2), n_components=131, weights="hadamard", random_state=3),
    FourierFeatures(Laplace(gamma=0.2, norm=1), n_components=20, random_state=3),
    FourierFeatures(Matern(nu=2.5), n_components=33, weights="orthogonal", random_state=3),
]


# The stream: Philox4x32-10 with the published vectors (Salmon et al., SC 2011; Random123, kat_vectors).


@pytest.mark.parametrize(
    ("counter", "key", "wanted"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_published_counter_stream(counter, key, wanted):
    assert _core.philox4x32(counter, key) == wanted


def test_normals_are_normal_and_addressable():
    Z = np.empty((20_000, 8))
    _core.normals(Z, 5, 0)
    part = np.empty((100, 8))
    _core.normals(part, 5, 0, row_start=777)
    np.testing.assert_array_equal(part, Z[777:877])
    # Moments of 160,000 draws within 4.5 standard errors: sqrt of 1, 2, 15, 96 over n.
    n = Z.size
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((Z**power).mean() - moment) < 4.5 * np.sqrt(variance / n)
    # The correlations of columns, and of rows with the next.
    assert np.abs(Z.T @ Z / len(Z) - np.eye(8)).max() < 4.5 * np.sqrt(2 / len(Z))
    assert abs((Z[1:] * Z[:-1]).mean()) < 4.5 / np.sqrt(n)
    other = np.empty((100, 8))
    for seed, purpose in ((6, 0), (5, 1)):
        _core.normals(other, seed, purpose)
        assert not (other == Z[:100]).any()


# The features themselves.


@pytest.mark.parametrize("weights", ["gaussian", "sphere"])
def test_random_features_are_the_formula(weights, rng):
    X = rng.standard_normal((150, 9))
    features = RandomFeatures(300, weights=weights, random_state=1).fit(X)
    wanted = reference.random_features(X, features.directions())
    np.testing.assert_allclose(features.transform(X), wanted.astype(float), rtol=0, atol=1e-15)


def test_random_features_have_biases(rng):
    X = rng.standard_normal((40, 5))
    features = RandomFeatures(4000, bias_scale=0.6, random_state=1).fit(X)
    W = features.directions()
    np.testing.assert_array_equal(W, RandomFeatures(4000, random_state=1).fit(X).directions())
    # Along its own direction every feature is in its linear part, which gives its bias away.
    far = 100 * W / (W * W).sum(axis=1, keepdims=True)
    biases = np.diag(features.transform(far)) * np.sqrt(4000) - 100
    np.testing.assert_allclose(
        features.transform(X), reference.random_features(X, W, biases).astype(float), rtol=0, atol=1e-14
    )
    assert abs(biases.mean()) < 4.5 * 0.6 / np.sqrt(4000)
    assert abs(biases.std() - 0.6) < 4.5 * 0.6 / np.sqrt(8000)
    assert abs(np.corrcoef(biases, W[:, 0])[0, 1]) < 4.5 / np.sqrt(4000)


@pytest.mark.parametrize("p", [1, 2, 31, 64, 500])
def test_fourier_features_are_the_formula(p, rng):
    X = rng.standard_normal((150, 9))
    features = FourierFeatures(n_components=p, random_state=1).fit(X)
    W, Z = features.directions(), features.transform(X)
    assert W.shape == (-(-p // 2), 9)
    assert Z.shape == (150, p)
    wanted = reference.fourier_features(X, W, p)
    np.testing.assert_allclose(Z[:, : 2 * (p // 2)], wanted.astype(float), rtol=0, atol=1e-14)
    if p % 2:
        # cos(w.x + b) with one phase b for all rows: solved for from the first row's two candidates.
        angle = (X @ W[-1]).astype(float)
        turn = np.arccos(np.clip(Z[0, -1] * np.sqrt(p / 2), -1, 1))
        errors = [
            np.abs(np.sqrt(2 / p) * np.cos(angle + b) - Z[:, -1]).max() for b in (turn - angle[0], -turn - angle[0])
        ]
        assert min(errors) < 1e-7


def test_directions_have_their_law(rng):
    d, p = 6, 20_000
    X = rng.standard_normal((2, d))
    for features, variance in (
        (RandomFeatures(p, random_state=0), 1 / d),
        (FourierFeatures(RBF(gamma=0.8), n_components=2 * p, random_state=0), 1.6),
    ):
        W = features.fit(X).directions()
        assert np.abs(W.mean(axis=0)).max() < 4.5 * np.sqrt(variance / p)
        assert np.abs(W.T @ W / p - variance * np.eye(d)).max() < 4.5 * variance * np.sqrt(2 / p)
        fourth = (W**4).mean() / variance**2
        assert abs(fourth - 3) < 4.5 * np.sqrt(96 / (p * d))
    sphere = RandomFeatures(p, weights="sphere", random_state=0).fit(X).directions()
    np.testing.assert_allclose(np.linalg.norm(sphere, axis=1), 1, rtol=1e-14)
    assert np.abs(sphere.T @ sphere / p - np.eye(d) / d).max() < 4.5 / d * np.sqrt(2 / p)
    assert np.abs(sphere.mean(axis=0)).max() < 4.5 / np.sqrt(d * p)


@pytest.mark.parametrize(
    ("features", "limit"),
    [
        (RandomFeatures(40_000), NNGP(depth=1)),
        (RandomFeatures(40_000), (1 / 8) * ArcCosine(1)),
        # A standard normal vector is a direction times an independent length of mean square d.
        (RandomFeatures(40_000, weights="sphere"), NNGP(depth=1)),
        (RandomFeatures(40_000, bias_scale=0.5), NNGP(depth=1, bias_variance=0.25)),
        (FourierFeatures(n_components=40_000), RBF()),
        (FourierFeatures(RBF(gamma=0.05), n_components=39_999), RBF(gamma=0.05)),
    ],
)
def test_inner_products_tend_to_the_kernel(features, limit, rng):
    X = rng.standard_normal((12, 4))
    X[1], X[2] = X[0], -X[0]
    features = clone(features).set_params(random_state=11)
    Z = features.fit_transform(X)
    K = limit(X)
    if isinstance(features, RandomFeatures) and features.bias_scale:
        K -= features.bias_scale**2
    # Standard errors measured from the very columns that are averaged; 66 pairs, so 4.5 of them.
    p = Z.shape[1]
    products = p * Z[:, None, :] * Z[None, :, :]
    if isinstance(features, FourierFeatures):
        h = p // 2
        products = products[..., :h] + products[..., h : 2 * h]
        products, p = products / 2, h
    spread = products.std(axis=2) / np.sqrt(p) + 1e-4
    assert (np.abs(Z @ Z.T - K) < 4.5 * spread).all()


def test_the_wrong_kernel_is_told_apart(rng):
    X = rng.standard_normal((12, 4))
    Z = RandomFeatures(40_000, random_state=11).fit_transform(X)
    assert np.abs(Z @ Z.T - NTK(depth=1)(X)).max() > 0.1
    assert np.abs(Z @ Z.T - NNGP(depth=1, bias_variance=0.25)(X)).max() > 0.1


def test_paired_waves_have_unit_diagonal_and_beat_phases(rng):
    X = rng.standard_normal((60, 5)) / 2
    ours = [FourierFeatures(RBF(0.5), 200, random_state=seed).fit_transform(X) for seed in range(10)]
    theirs = [RBFSampler(gamma=0.5, n_components=200, random_state=seed).fit_transform(X) for seed in range(10)]
    np.testing.assert_allclose((ours[0] ** 2).sum(axis=1), 1, rtol=1e-13)
    K = RBF(0.5)(X)
    mean_square = [np.mean([(Z @ Z.T - K) ** 2 for Z in maps]) for maps in (ours, theirs)]
    assert mean_square[0] < mean_square[1]


# Seeds.


def test_seeds(rng):
    X = rng.standard_normal((5, 3))
    for features in (RandomFeatures(10), FourierFeatures(n_components=10)):
        drawn = [clone(features).fit(X) for _ in range(2)]
        assert drawn[0].seed_ != drawn[1].seed_
        fixed = clone(features).set_params(random_state=np.int64(42)).fit(X)
        assert fixed.seed_ == 42
        assert isinstance(fixed.seed_, int)
        np.testing.assert_array_equal(fixed.transform(X), fixed.fit(X).transform(X))
        states = [clone(features).set_params(random_state=np.random.RandomState(7)).fit(X).seed_ for _ in range(2)]
        assert states[0] == states[1]
        again = clone(features).set_params(random_state=drawn[0].seed_).fit(X)
        np.testing.assert_array_equal(again.transform(X), drawn[0].transform(X))
        assert not np.array_equal(drawn[0].transform(X), drawn[1].transform(X))


def test_more_components_keep_the_first(rng):
    X = rng.standard_normal((5, 3))
    for weights in ("gaussian", "sphere"):
        few, many = (RandomFeatures(p, weights=weights, random_state=1).fit(X).directions() for p in (10, 1000))
        np.testing.assert_array_equal(few, many[:10])
    few, many = (FourierFeatures(n_components=p, random_state=1).fit(X).directions() for p in (10, 1000))
    np.testing.assert_array_equal(few, many[:5])


def test_parameters_set_later_wait_for_the_next_fit(rng):
    X = rng.standard_normal((5, 3))
    for features in MAPS:
        features = clone(features).fit(X)
        Z = features.transform(X)
        features.set_params(n_components=7, random_state=99)
        np.testing.assert_array_equal(features.transform(X), Z)
        assert features.fit(X).transform(X).shape == (5, 7)


# Fused passes.


@pytest.mark.parametrize("features", MAPS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_without_the_features(features, dtype, rng):
    X = rng.standard_normal((333, 6)).astype(dtype)
    features = clone(features).fit(X)
    Z = features.transform(X)
    assert Z.dtype == dtype
    p, eps = Z.shape[1], np.finfo(dtype).eps
    for shape in ((p,), (p, 1), (p, 5), (p, 70)):
        coef = rng.standard_normal(shape)
        out, wanted = features.dot(X, coef), Z.astype(float) @ coef
        assert out.dtype == dtype
        assert out.shape == wanted.shape
        np.testing.assert_allclose(out, wanted, rtol=0, atol=4 * p * eps * np.abs(Z).max() * np.abs(coef).max())
    with pytest.raises(ValueError, match=rf"there are {p} features"):
        features.dot(X, np.ones(p + 1))
    dual = rng.standard_normal((333, 3)).astype(dtype)
    found, wanted = features.pull_back(X, dual), Z.astype(float).T @ dual
    assert found.dtype == dtype
    np.testing.assert_allclose(found, wanted, rtol=0, atol=4 * 333 * eps * np.abs(Z).max() * np.abs(dual).max())
    with pytest.raises(ValueError, match=r"dual must be numbers of shape \(333, t\)"):
        features.pull_back(X, dual[:-1])


@pytest.mark.parametrize("features", MAPS, ids=repr)
@pytest.mark.parametrize("weighted", [False, True])
def test_moments_without_the_features(features, weighted, rng):
    X, Y = rng.standard_normal((900, 6)), rng.standard_normal((900, 3)) + 50
    weight = rng.integers(0, 3, 900).astype(float) if weighted else None
    features = clone(features).fit(X)
    Z = features.transform(X)
    p = Z.shape[1]
    summed = Moments(p, 3).absorb(*features.moments(X, Y, weight))
    w = np.ones(900) if weight is None else weight
    mean_z, mean_y = w @ Z / w.sum(), w @ Y / w.sum()
    z, y = Z - mean_z, Y - mean_y
    assert summed.weight == w.sum()
    for name, wanted in (
        ("mean_z", mean_z),
        ("mean_y", mean_y),
        ("zz", (z * w[:, None]).T @ z),
        ("zy", (z * w[:, None]).T @ y),
        ("yy", w @ (y * y)),
    ):
        np.testing.assert_allclose(getattr(summed, name), wanted, rtol=1e-11, atol=1e-11 * np.abs(wanted).max())
    np.testing.assert_array_equal(summed.zz, summed.zz.T)


def test_passes_of_a_map_that_gives_frames(rng):
    X, y = rng.standard_normal((50, 3)), rng.standard_normal(50)
    plain, framed = (RandomFeatures(20, random_state=0).fit(X) for _ in range(2))
    framed.set_output(transform="pandas")
    for ours, wanted in zip(framed.moments(X, y), plain.moments(X, y), strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_single_precision_moments_are_summed_in_double(rng):
    X, y = rng.standard_normal((20_000, 6)), rng.standard_normal(20_000)
    features = RandomFeatures(40, random_state=0).fit(X)
    double, single = (Moments(40).absorb(*features.moments(x, y)) for x in (X, X.astype(np.float32)))
    assert single.zz.dtype == np.float64
    scale = np.sqrt(np.outer(np.diag(double.zz), np.diag(double.zz)))
    # Rounding of features and of products over blocks of 2,048 rows, which grows like the root of their number.
    assert (np.abs(single.zz - double.zz) / scale).max() < 6e-8 * np.sqrt(2048)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bits_for_any_number_of_threads(dtype, threads, rng):
    X, Y = rng.standard_normal((5000, 20)).astype(dtype), rng.standard_normal((5000, 2))
    coef = rng.standard_normal((401, 3))
    for features in (
        RandomFeatures(401, bias_scale=1.0, random_state=0),
        FourierFeatures(n_components=401, random_state=0),
    ):
        features.fit(X)
        seen = set()
        for k in (1, 2, 3, 4):
            threads(k)
            arrays = (features.transform(X), features.dot(X, coef), *features.moments(X, Y), features.directions())
            seen.add(tuple(array.tobytes() for array in arrays))
        assert len(seen) == 1


def test_blocks_of_rows_do_not_matter(rng):
    X = rng.standard_normal((10_000, 3))
    for features in (RandomFeatures(20, random_state=0), FourierFeatures(n_components=20, random_state=0)):
        Z = features.fit(X).transform(X)
        np.testing.assert_array_equal(features.transform(np.asfortranarray(X)), Z)
        np.testing.assert_array_equal(features.transform(X[5000:5001]), Z[5000:5001])
        coef = rng.standard_normal(20)
        np.testing.assert_array_equal(features.dot(np.asfortranarray(X), coef), features.dot(X, coef))
        y = rng.standard_normal(10_000)
        whole, cut = (Moments(20).absorb(*features.moments(x, y)) for x in (X, np.asfortranarray(X)))
        np.testing.assert_allclose(whole.zz, cut.zz, rtol=1e-13, atol=1e-13)


# The door.


def test_state_is_small_and_plain(rng):
    X = rng.standard_normal((5, 3))
    for features in MAPS:
        fitted = clone(features).fit(X)
        assert len(pickle.dumps(fitted)) < 2000
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).transform(X), fitted.transform(X))
        with pytest.raises(NotFittedError):
            clone(fitted).transform(X)


def test_guises(rng):
    X = rng.integers(-3, 4, (50, 3)).astype(float)
    for features in MAPS:
        fitted = clone(features).fit(X)
        Z = fitted.transform(X)
        frozen = np.asfortranarray(X)
        frozen.flags.writeable = False
        for given in (
            frozen,
            np.repeat(X, 2, axis=0)[::2],
            X[::-1][::-1],
            X.astype(">f8"),
            X.astype(np.float16),
            X.astype(int),
        ):
            np.testing.assert_array_equal(fitted.transform(given), Z)
        assert fitted.transform(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("features", "match"),
    [
        (RandomFeatures(0), "n_components"),
        (RandomFeatures(2.5), "n_components"),
        (RandomFeatures(weights="uniform"), "weights"),
        (RandomFeatures(bias_scale=-1.0), "bias_scale"),
        (RandomFeatures(random_state="seed"), "random_state"),
        (FourierFeatures(kernel=3), "kernel"),
        (FourierFeatures(weights="sphere_"), "weights"),
    ],
    ids=repr,
)
def test_wrong_parameters(features, match):
    with pytest.raises(InvalidParameterError, match=match):
        features.fit(np.eye(3))


def test_kernels_without_a_spectral_measure_are_refused():
    for kernel in (Linear(), NTK(), "ntk", RBF() + RBF()):
        with pytest.raises(ValueError, match="no spectral measure here"):
            FourierFeatures(kernel).fit(np.eye(3))
    with pytest.raises(ValueError, match="gamma"):
        FourierFeatures(RBF(gamma=-1.0)).fit(np.eye(3))


def test_nested_parameters_put_the_default_there():
    features = FourierFeatures().set_params(kernel__gamma=0.2)
    assert features.kernel == RBF(gamma=0.2)
    assert FourierFeatures("rbf").set_params(kernel__gamma=0.2).kernel == RBF(gamma=0.2)
    both = FourierFeatures(RBF(1.0)).set_params(kernel__gamma=3.0, kernel=None)
    assert both.kernel == RBF(gamma=3.0)
    with pytest.raises(ValueError, match="Invalid parameter"):
        FourierFeatures().set_params(kernel__depth=2)


def test_names_of_features(rng):
    X = rng.standard_normal((5, 3))
    assert RandomFeatures(2).fit(X).get_feature_names_out().tolist() == ["randomfeatures0", "randomfeatures1"]
    assert FourierFeatures(n_components=1).fit(X).get_feature_names_out().tolist() == ["fourierfeatures0"]
