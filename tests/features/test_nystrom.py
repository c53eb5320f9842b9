"""Randomly pivoted Cholesky and Nyström features: their law, their formula, and what singular kernels do to them."""

import itertools
import pickle

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import Nystroem
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError

import widelearn as wl
from widelearn import NystromFeatures, _core
from widelearn.kernels import NTK, RBF, Laplace, Linear, Polynomial
from widelearn.ridge import Moments, rp_cholesky

EPS = np.finfo(float).eps


def one_by_one(A, rank, rng):
    """Randomly pivoted Cholesky as it is defined: one pivot a step, from the whole residual."""
    residual, pivots = A.copy(), []
    for _ in range(rank):
        u = residual.diagonal().clip(min=0)
        pivot = rng.choice(len(A), p=u / u.sum())
        residual -= np.outer(residual[:, pivot], residual[pivot]) / residual[pivot, pivot]
        pivots.append(pivot)
    return pivots, residual


def dense_nystrom(K_xc, K_cc, K_cy):
    return K_xc @ np.linalg.pinv(K_cc, hermitian=True) @ K_cy


def smooth(rng, n=300, d=3, gamma=0.2):
    X = rng.standard_normal((n, d))
    return X, RBF(gamma=gamma)(X)


# The factor.


@pytest.mark.parametrize("block", [1, 7, 64, None])
def test_factor_is_cholesky_at_its_pivots(block, rng):
    _, K = smooth(rng)
    pivots, F = rp_cholesky(K, 40, random_state=1, block=block)
    assert len(set(pivots)) == 40
    assert F.shape == (300, 40)
    top = F[pivots]
    np.testing.assert_array_equal(top, np.tril(top))
    assert (top.diagonal() > 0).all()
    # Entries of K are exact to a few ε and pivots are above 64 ε: 300 ε / sqrt(64 ε) is 3e-7 at the worst.
    wanted = dense_nystrom(K[:, pivots], K[np.ix_(pivots, pivots)], K[pivots])
    np.testing.assert_allclose(F @ F.T, wanted, rtol=0, atol=3e-7)
    np.testing.assert_allclose((F @ F.T)[pivots], K[pivots], rtol=0, atol=100 * EPS)


def test_the_law_is_that_of_one_pivot_a_step(rng):
    A = np.array([[3.0, 1.0, 0.5, 0.0], [1.0, 2.0, 1.9, 0.2], [0.5, 1.9, 2.0, 0.1], [0.0, 0.2, 0.1, 0.5]])
    # The probability of every ordered choice of two, from the definition.
    wanted = {}
    for i, j in itertools.permutations(range(4), 2):
        rest = A - np.outer(A[:, i], A[i]) / A[i, i]
        wanted[i, j] = A[i, i] / np.trace(A) * rest[j, j] / np.trace(rest)
    assert sum(wanted.values()) == pytest.approx(1, abs=1e-12)
    turns, state = 6000, np.random.RandomState(0)
    # A block of three proposals mostly holds both pivots: duplicates and neighbours must be rejected.
    seen = [tuple(rp_cholesky(A, 2, random_state=state, block=3)[0]) for _ in range(turns)]
    for pair, p in wanted.items():
        # Twelve choices within 4.5 standard errors: all of them fail together once in 10^4 runs, and the seed is fixed.
        assert abs(seen.count(pair) / turns - p) < 4.5 * np.sqrt(p * (1 - p) / turns), pair


def test_errors_are_those_of_one_pivot_a_step(rng):
    _, K = smooth(rng, n=120)
    turns, rank = 60, 12
    ours, theirs = (np.empty(turns) for _ in range(2))
    for turn in range(turns):
        ours[turn] = np.trace(K) - (rp_cholesky(K, rank, random_state=turn)[1] ** 2).sum()
        theirs[turn] = np.trace(one_by_one(K, rank, np.random.default_rng(turn))[1])
    spread = np.sqrt((ours.var() + theirs.var()) / turns)
    assert abs(ours.mean() - theirs.mean()) < 4.5 * spread
    values = np.linalg.eigvalsh(K)[::-1]
    # No factor of rank 12 has a smaller error than the eigenvectors (Eckart & Young); some twelve columns have at most
    # thirteen times theirs, and columns of this law should be far better: a fifth of that.
    assert ours.min() > values[rank:].sum()
    assert ours.mean() < 13 / 5 * values[rank:].sum()


def test_the_error_falls_and_beats_uniform_centres(rng):
    X, K = smooth(rng, n=400)
    X[:20] += 6.0
    K = RBF(gamma=0.2)(X)
    errors = [400 - (rp_cholesky(K, rank, random_state=3)[1] ** 2).sum() for rank in (5, 10, 20, 40, 80)]
    assert all(later < earlier for earlier, later in itertools.pairwise(errors))
    uniform = [400 - (NystromFeatures(RBF(0.2), 20, "uniform", s).fit_transform(X) ** 2).sum() for s in range(10)]
    assert errors[2] < np.mean(uniform)


def test_operators_matrices_and_seeds(rng):
    X, K = smooth(rng)
    operator = RBF(gamma=0.2).operator(X)

    class Plain:
        shape, dtype = operator.shape, operator.dtype
        diag, columns = operator.diag, operator.columns

    wanted = rp_cholesky(operator, 25, random_state=4)
    for other in (operator, K, np.asfortranarray(K), Plain()):
        pivots, F = rp_cholesky(other, 25, random_state=4)
        np.testing.assert_array_equal(pivots, wanted[0])
        np.testing.assert_allclose(F, wanted[1], rtol=0, atol=1e-10)
    assert list(rp_cholesky(K, 25, random_state=5)[0]) != list(wanted[0])
    state = np.random.RandomState(4)
    np.testing.assert_array_equal(rp_cholesky(K, 25, random_state=state)[0], wanted[0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "w", "at"), [(1, 1, 0), (97, 5, 0), (300, 33, 20), (1000, 192, 64)])
def test_new_columns_are_those_of_numpy(n, w, at, dtype, rng, threads):
    first, last = rng.standard_normal((n, 40)).astype(dtype), rng.standard_normal((n, at + w + 3)).astype(dtype)
    chosen, fresh = rng.integers(n, size=w), rng.standard_normal((n, w)).astype(dtype)
    L = np.tril(rng.standard_normal((w, w)) / w + 2 * np.eye(w)).astype(dtype)
    F = np.hstack([first, last[:, :at]]).astype(np.float64)
    wanted = np.linalg.solve(L.astype(np.float64), (fresh - F @ F[chosen].T).T).T
    results = []
    for count in (1, 2):
        threads(count)
        panel, u = last.copy(), np.full(n, 9.0)
        _core.extend_factor([first, panel], at, fresh, chosen, L, u)
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(panel[:, at : at + w], wanted, rtol=0, atol=60 * eps * np.abs(wanted).max())
        np.testing.assert_array_equal(panel[:, :at], last[:, :at])
        np.testing.assert_array_equal(panel[:, at + w :], last[:, at + w :])
        np.testing.assert_allclose(u, 9 - (wanted**2).sum(axis=1), rtol=0, atol=100 * eps * (wanted**2).sum())
        results.append(panel)
    np.testing.assert_array_equal(*results)


def test_columns_that_do_not_fit_are_refused():
    panel, fresh, L, u = np.zeros((5, 3)), np.zeros((5, 2)), np.eye(2), np.zeros(5)
    rows = np.array([0, 1])
    for at, chosen, new in ((2, rows, fresh), (0, np.array([0, 5]), fresh), (0, rows, fresh[:4]), (0, rows[:1], fresh)):
        with pytest.raises(ValueError, match=r"fit|none of 5|expected|elements"):
            _core.extend_factor([panel], at, new, chosen, L, u)
    with pytest.raises(ValueError, match="no panel"):
        _core.extend_factor([], 0, fresh, rows, L, u)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_duplicates_zero_rows_and_low_rank(dtype, rng):
    X = rng.standard_normal((60, 4)).astype(dtype)
    X[30:40] = X[:10]
    X[50:] = 0
    pivots, F = rp_cholesky(Linear().operator(X), 20, random_state=0)
    assert F.dtype == np.float64
    assert len(pivots) == 4
    assert not set(pivots) & set(range(50, 60))
    # Rounding errors of the kernel, 4 products each, over pivots of order one.
    np.testing.assert_allclose(F @ F.T, Linear()(X), rtol=0, atol=200 * np.finfo(dtype).eps)
    pivots, F = rp_cholesky(RBF(gamma=1.0).operator(X), 60, random_state=0)
    # 60 rows less ten copies less nine of the ten zero rows.
    assert len(pivots) == 41
    np.testing.assert_allclose(F @ F.T, RBF(gamma=1.0)(X), rtol=0, atol=1e-4 if dtype == np.float32 else 1e-10)


def test_full_rank_is_cholesky(rng):
    A = rng.standard_normal((50, 60))
    A = A @ A.T
    for rank in (50, 51, 1000):
        pivots, F = rp_cholesky(A, rank, random_state=0)
        assert sorted(pivots) == list(range(50))
        np.testing.assert_allclose(F @ F.T, A, rtol=0, atol=1e-12 * np.abs(A).max())
    pivots, F = rp_cholesky(np.zeros((5, 5)), 3, random_state=0)
    assert len(pivots) == 0
    assert F.shape == (5, 0)
    pivots, F = rp_cholesky(np.array([[4]]), 3, random_state=0)
    assert F == [[2.0]]


def test_single_precision_stays_sane(rng):
    X = rng.standard_normal((500, 2)).astype(np.float32)
    K = RBF(gamma=0.05)(X.astype(float))
    pivots, F = rp_cholesky(RBF(gamma=0.05).operator(X), 200, random_state=0)
    assert 10 < len(pivots) < 100
    # Σ u below 64 ε of the trace at the end, and twice an entry's error over the root of that before it.
    assert np.abs(F @ F.T - K).max() < 5e-3
    assert np.trace(K) - (F**2).sum() < 1e-3 * np.trace(K)


def test_factor_errors(rng):
    with pytest.raises(ValueError, match=r"square, got shape \(3, 4\)"):
        rp_cholesky(np.ones((3, 4)), 2)
    with pytest.raises(ValueError, match="got 0 and None"):
        rp_cholesky(np.eye(3), 0)
    with pytest.raises(ValueError, match="got 1 and 0"):
        rp_cholesky(np.eye(3), 1, block=0)
    with pytest.warns(LinAlgWarning, match=r"at most -1\. Take"):
        np.testing.assert_array_equal(rp_cholesky(np.diag([1.0, -1.0]), 2)[0], [0])
    with pytest.raises(ValueError, match="entry of row 0 is nan"):
        rp_cholesky(np.diag([np.nan, 1.0]), 1)
    A = np.array([[1.0, 3.0], [3.0, 1.0]])
    with pytest.warns(LinAlgWarning, match=r"not positive semidefinite: beside 1 pivots .* at most -8"):
        _, F = rp_cholesky(A, 2, random_state=0)
    assert F.shape == (2, 1)


# The features.


@pytest.mark.parametrize("sampling", ["rpcholesky", "uniform"])
@pytest.mark.parametrize("kernel", [RBF(gamma=0.3), NTK(depth=2), "polynomial", lambda X, Y: np.exp(X @ Y.T / 9)])
def test_features_are_the_formula(sampling, kernel, rng):
    X, Y = rng.standard_normal((200, 4)), rng.standard_normal((30, 4))
    features = NystromFeatures(kernel, 25, sampling, random_state=2)
    Z = features.fit_transform(X)
    k, C = features.kernel_, features.components_
    np.testing.assert_array_equal(C, X[features.component_indices_])
    assert Z.shape == (200, 25)
    new = features.transform(Y)
    size = np.sqrt(k.diag(X).max() * k.diag(Y).max())
    np.testing.assert_allclose(new @ Z.T, dense_nystrom(k(Y, C), k(C, C), k(C, X)), rtol=0, atol=1e-9 * size)
    np.testing.assert_allclose(features.transform(X), Z, rtol=0, atol=1e-9 * size**0.5)
    np.testing.assert_allclose(k(Y, C) @ features.normalization_.T, new, rtol=0, atol=1e-8 * size**0.5)
    assert ((new**2).sum(axis=1) <= k.diag(Y) * (1 + 1e-9)).all()
    # Exact at the centres.
    np.testing.assert_allclose(features.transform(C) @ new.T, k(C, Y), rtol=0, atol=1e-9 * size)


def test_smooth_kernels_keep_their_digits(rng):
    """The case of the docstring's bound: a kernel so smooth that its factor ends at rounding errors."""
    X = np.linspace(-1, 1, 200)[:, None]
    features = NystromFeatures(RBF(gamma=1.0), 50, random_state=0)
    Z = features.fit_transform(X)
    assert len(features.component_indices_) < 50
    assert (Z[:, len(features.component_indices_) :] == 0).all()
    # n ε over the smallest pivot's root, sqrt(64 ε).
    np.testing.assert_allclose(features.transform(X), Z, rtol=0, atol=1e-6)
    np.testing.assert_allclose(Z @ Z.T, RBF(gamma=1.0)(X), rtol=0, atol=1e-6)


def test_better_than_scikit_learn_on_clusters(rng):
    X = np.vstack([rng.standard_normal((500, 3)), 9 + 3 * rng.standard_normal((40, 3))])
    errors = {"ours": 0.0, "theirs": 0.0}
    for seed in range(3):
        ours = NystromFeatures(RBF(gamma=0.1), 40, random_state=seed).fit_transform(X)
        theirs = Nystroem(gamma=0.1, n_components=40, random_state=seed).fit_transform(X)
        errors["ours"] += 540 - (ours**2).sum()
        errors["theirs"] += 540 - (theirs**2).sum()
    assert errors["ours"] < 0.5 * errors["theirs"]


def test_precomputed_is_the_kernel(rng):
    X, Y = rng.standard_normal((80, 4)), rng.standard_normal((9, 4))
    kernel = Laplace(gamma=0.3)
    for sampling in ("rpcholesky", "uniform"):
        plain = NystromFeatures(kernel, 20, sampling, random_state=0).fit(X)
        given = NystromFeatures("precomputed", 20, sampling, random_state=0)
        Z = given.fit_transform(kernel(X))
        np.testing.assert_array_equal(given.component_indices_, plain.component_indices_)
        np.testing.assert_allclose(Z, plain.transform(X), rtol=0, atol=1e-12)
        np.testing.assert_allclose(given.transform(kernel(Y, X)), plain.transform(Y), rtol=0, atol=1e-12)
        assert not hasattr(given, "components_")
        assert get_tags(given).input_tags.pairwise
    with pytest.raises(ValueError, match=r"must be square at fit, got shape \(9, 80\)"):
        given.fit(kernel(Y, X))
    with pytest.raises(ValueError, match="not symmetric"):
        given.fit(rng.standard_normal((20, 20)))


@pytest.mark.parametrize("sampling", ["rpcholesky", "uniform"])
def test_float32_rows_give_float32_features(sampling, rng):
    X = rng.standard_normal((300, 5))
    single = NystromFeatures(RBF(gamma=0.1), 30, sampling, random_state=0)
    Z = single.fit_transform(X.astype(np.float32))
    assert Z.dtype == single.transform(X[:9].astype(np.float32)).dtype == np.float32
    double = NystromFeatures(RBF(gamma=0.1), 30, sampling, random_state=0).fit(X)
    np.testing.assert_array_equal(single.component_indices_, double.component_indices_)
    # Kernel values are off by 1e-6 at most, and the smallest pivot divides by its root.
    bound = 30 * 1e-6 / double._factor.diagonal().min()
    assert bound < 1e-2
    np.testing.assert_allclose(Z, double.transform(X), rtol=0, atol=bound)
    np.testing.assert_allclose(single.transform(X.astype(np.float32)), Z, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sampling", ["rpcholesky", "uniform"])
def test_singular_kernels_end_in_zero_columns(sampling, rng):
    X = rng.standard_normal((50, 3))
    features = NystromFeatures(Linear(), 10, sampling, random_state=0)
    Z = features.fit_transform(X)
    assert Z.shape == (50, 10)
    assert features.components_.shape == (3, 3)
    assert features.normalization_.shape == (10, 3)
    assert (Z[:, 3:] == 0).all()
    np.testing.assert_allclose(Z @ Z.T, X @ X.T, rtol=0, atol=1e-11)
    copies = np.repeat(X[:5], 10, axis=0)
    Z = NystromFeatures(RBF(gamma=1.0), 20, sampling, random_state=0).fit(copies).transform(copies)
    np.testing.assert_allclose(Z[:, 5:], 0, atol=0)
    # Twenty uniform draws of fifty hold one copy of each but for a chance of 5 C(40,20)/C(50,20), 0.1 %; this one does.
    np.testing.assert_allclose(Z @ Z.T, RBF(gamma=1.0)(copies), rtol=0, atol=1e-11)


def test_no_rank_at_all():
    features = NystromFeatures(Linear(), 4).fit(np.zeros((9, 2)))
    np.testing.assert_array_equal(features.transform(np.ones((3, 2))), np.zeros((3, 4)))
    np.testing.assert_array_equal(features.dot(np.ones((3, 2)), np.ones(4)), np.zeros(3))
    assert features.normalization_.shape == (4, 0)


@pytest.mark.parametrize("sampling", ["rpcholesky", "uniform"])
def test_all_rows_are_the_kernel(sampling, rng):
    X = rng.standard_normal((40, 6))
    for p in (40, 41, 500):
        Z = NystromFeatures(RBF(gamma=0.2), p, sampling, random_state=0).fit_transform(X)
        assert Z.shape == (40, 40)
        np.testing.assert_allclose(Z @ Z.T, RBF(gamma=0.2)(X), rtol=0, atol=1e-11)
    Z = NystromFeatures(n_components=1, sampling=sampling, random_state=0).fit_transform(X)
    assert Z.shape == (40, 1)
    assert Z.max() == pytest.approx(1.0, abs=1e-15)


def test_products_and_moments_store_no_features(rng, monkeypatch):
    monkeypatch.setattr("widelearn.features.nystrom.BLOCK_VALUES", 600)
    X, y = rng.standard_normal((250, 4)), rng.standard_normal((250, 2))
    weight = rng.uniform(0.5, 2, 250)
    for kernel, dtype, tolerance in ((RBF(gamma=0.3), np.float64, 1e-11), (Linear(), np.float32, 1e-5)):
        x = X.astype(dtype)
        features = NystromFeatures(kernel, 20, random_state=0).fit(x)
        Z, C = features.transform(x), rng.standard_normal((20, 3))
        for coef in (C, C[:, 0]):
            assert features.dot(x, coef).dtype == dtype
            np.testing.assert_allclose(features.dot(x, coef), Z @ coef, rtol=0, atol=100 * tolerance)
        with pytest.raises(ValueError, match=r"coef has shape \(19, 3\), but there are 20 features"):
            features.dot(x, C[1:])
        for w in (None, weight):
            ours = Moments(20, 2).absorb(*features.moments(x, y, w))
            wanted = Moments(20, 2).update(Z, y, w)
            for name in ("weight", "mean_z", "mean_y", "zz", "zy", "yy"):
                np.testing.assert_allclose(getattr(ours, name), getattr(wanted, name), rtol=0, atol=300 * tolerance)


def test_feature_ridge_streams_over_it(rng):
    X = rng.standard_normal((400, 3))
    y = np.sin(X[:, 0]) + X[:, 1]
    # All rows as centres: kernel ridge itself.
    ridge = wl.FeatureRidge(NystromFeatures(RBF(gamma=0.2), 400), alpha=0.1, random_state=0).fit(X, y)
    kernel = wl.KernelRidge(RBF(gamma=0.2), alpha=0.1).fit(X, y)
    # Rows of the factor are those of K to 64 ε: residuals of 400 of them over alpha.
    np.testing.assert_allclose(ridge.predict(X), kernel.predict(X), rtol=0, atol=1e-7)
    some = wl.FeatureRidge(NystromFeatures(n_components=64, random_state=0), alpha=1e-3).fit(X, y)
    assert some.score(X, y) > 0.99
    # Rows without weight are no centres.
    weight = np.zeros(400)
    weight[:50] = 1.0
    few = wl.FeatureRidge(NystromFeatures(n_components=64, random_state=0)).fit(X, y, weight)
    assert few.features_.component_indices_.max() < 50


def test_seeds_clones_and_pickles(rng):
    X = rng.standard_normal((100, 3))
    first = NystromFeatures(n_components=9, random_state=7).fit(X)
    again = clone(first).fit(X)
    np.testing.assert_array_equal(again.component_indices_, first.component_indices_)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).transform(X), first.transform(X))
    other = NystromFeatures(n_components=9, random_state=np.random.RandomState(3)).fit(X)
    assert list(other.component_indices_) != list(first.component_indices_)
    assert NystromFeatures().set_params(kernel__gamma=2.0).kernel == RBF(gamma=2.0)
    assert NystromFeatures("polynomial").set_params(kernel__degree=2).kernel == Polynomial(degree=2)
    # Fitted anew on a matrix, nothing of the rows is left.
    assert not hasattr(first.set_params(kernel="precomputed").fit(RBF()(X)), "components_")


def test_memory_is_asked_for_first(rng, monkeypatch):
    X = rng.standard_normal((3000, 3))
    fitted = NystromFeatures(n_components=50, sampling="uniform", random_state=0).fit(X)
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "700K")
    monkeypatch.setattr("widelearn.features.nystrom.BLOCK_VALUES", 10_000)
    with pytest.raises(MemoryError, match=r"factor of rank 50 of 3000 rows needs .* \(5808000 bytes\)"):
        NystromFeatures(n_components=50).fit(X)
    with pytest.raises(MemoryError, match=r"feature matrix of 3000 x 50 needs .* FeatureRidge"):
        fitted.transform(X)
    assert fitted.dot(X, np.ones(50)).shape == (3000,)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 2.5}, "n_components"),
        ({"sampling": "leverage"}, "sampling"),
        ({"kernel": 3}, "kernel"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(InvalidParameterError, match=message):
        NystromFeatures(**parameters).fit(np.eye(3))


def test_wrong_input():
    with pytest.raises(ValueError, match="Unknown kernel 'rbff'"):
        NystromFeatures("rbff").fit(np.eye(3))
    with pytest.raises(NotFittedError):
        NystromFeatures().transform(np.eye(3))
    with pytest.raises(ValueError, match="NaN"):
        NystromFeatures().fit(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="squared norm beyond"):
        NystromFeatures("linear").fit(np.full((3, 2), 1e200))
    with pytest.warns(LinAlgWarning, match="not positive semidefinite"):
        NystromFeatures(lambda X, Y: 1 - X @ Y.T, random_state=0).fit(0.5 * np.ones((4, 1)) * [[1], [-1], [1.5], [0.1]])
