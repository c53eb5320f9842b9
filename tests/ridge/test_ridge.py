"""The functional ridge layer against least squares, in every shape and at the edge of singularity."""

import copy
import itertools
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import LinAlgWarning
from sklearn.linear_model import Ridge

import reference
from widelearn.kernels import RBF
from widelearn.ridge import Moments, solve

# Normal equations lose twice the digits of the singular values: cond² eps, cond about 10 with these penalties.
CLOSE = {"rtol": 1e-10, "atol": 1e-10}


@pytest.fixture(params=["tall", "square", "wide"])
def problem(request, rng):
    n, p = {"tall": (120, 20), "square": (30, 30), "wide": (20, 120)}[request.param]
    return rng.standard_normal((n, p)), rng.standard_normal((n, 3)), rng.uniform(0.1, 3, n)


@pytest.mark.parametrize("weighted", [False, True])
def test_features(problem, weighted):
    Z, Y, weight = problem
    weight = weight if weighted else None
    coef = solve(Z, Y, 0.7, sample_weight=weight)
    for t in range(3):
        np.testing.assert_allclose(coef[:, t], reference.ridge(Z, Y[:, t], 0.7, weight)[0], **CLOSE)
    np.testing.assert_allclose(solve(Z, Y[:, 1], 0.7, sample_weight=weight), coef[:, 1], **CLOSE)
    assert solve(Z, Y[:, :1], 0.7).shape == (Z.shape[1], 1)


@pytest.mark.parametrize("weighted", [False, True])
def test_kernel(problem, weighted):
    Z, Y, weight = problem
    weight = weight if weighted else None
    K = RBF()(Z)
    dual = solve(K, Y, 0.7, kind="kernel", sample_weight=weight)
    np.testing.assert_allclose(dual, reference.kernel_ridge(K, Y, 0.7, weight, fit_intercept=False)[0], **CLOSE)
    # Dual and primal are one problem.
    dual = solve(Z @ Z.T, Y, 0.7, kind="kernel", sample_weight=weight)
    np.testing.assert_allclose(Z.T @ dual, solve(Z, Y, 0.7, sample_weight=weight), **CLOSE)


@pytest.mark.parametrize("kind", ["features", "kernel"])
def test_a_penalty_for_each_target(problem, kind):
    Z, Y, weight = problem
    A = RBF()(Z) if kind == "kernel" else Z
    alphas = [0.1, 5.0, 0.1]
    together = solve(A, Y, alphas, kind=kind, sample_weight=weight)
    for t, alpha in enumerate(alphas):
        np.testing.assert_allclose(together[:, t], solve(A, Y[:, t], alpha, kind=kind, sample_weight=weight), **CLOSE)


@pytest.mark.parametrize("kind", ["features", "kernel"])
def test_weights_mean_repetition_and_zero_removal(problem, kind, rng):
    Z, Y, _ = problem
    weight = rng.integers(0, 4, len(Z))
    index = np.repeat(np.arange(len(Z)), weight)
    if kind == "features":
        np.testing.assert_allclose(solve(Z, Y, 0.3, sample_weight=weight), solve(Z[index], Y[index], 0.3), **CLOSE)
        return
    K = RBF()(Z)
    dual = solve(K, Y, 0.3, kind="kernel", sample_weight=weight)
    repeated = solve(K[np.ix_(index, index)], Y[index], 0.3, kind="kernel")
    np.testing.assert_allclose(K @ dual, K[:, index] @ repeated, **CLOSE)
    assert (dual[weight == 0] == 0).all()


def test_tiny_weights_do_not_spoil_the_system(problem):
    Z, Y, weight = problem
    weight = weight * np.where(np.arange(len(Z)) % 2, 1.0, 1e-18)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dual = solve(RBF()(Z), Y, 0.3, kind="kernel", sample_weight=weight)
    kept = weight > 1e-10
    np.testing.assert_allclose(
        dual[kept], solve(RBF()(Z[kept]), Y[kept], 0.3, kind="kernel", sample_weight=weight[kept]), **CLOSE
    )


def test_input_is_left_alone(problem):
    Z, Y, weight = problem
    K = RBF()(Z)
    before = [array.copy() for array in (Z, K, Y, weight)]
    for order in "CF":
        solve(np.asarray(Z, order=order), Y, 1.0, sample_weight=weight)
        solve(np.asarray(K, order=order), Y, [1.0, 2.0, 3.0], kind="kernel", sample_weight=weight)
    for array, kept in zip((Z, K, Y, weight), before, strict=True):
        np.testing.assert_array_equal(array, kept)
        array.flags.writeable = False
    assert np.isfinite(solve(Z, Y, 1.0, sample_weight=weight)).all()
    assert np.isfinite(solve(K, Y, 1.0, kind="kernel", sample_weight=weight)).all()


def test_single_precision(problem):
    Z, Y, weight = problem
    for A, kind in ((Z, "features"), (RBF()(Z), "kernel")):
        double = solve(A, Y, 1.0, kind=kind, sample_weight=weight)
        single = solve(A.astype(np.float32), Y, 1.0, kind=kind, sample_weight=weight)
        assert single.dtype == np.float32
        # cond² times the single epsilon, relative to the largest coefficient.
        assert np.abs(single - double).max() < 1e-4 * np.abs(double).max()


# At and beyond the edge.


def only_warning(call, match, remedy="Raise alpha"):
    """Run, and insist on exactly one warning, of SciPy's kind."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    assert [warning.category for warning in caught] == [LinAlgWarning], [str(warning.message) for warning in caught]
    assert match in str(caught[0].message)
    assert "rcond" in str(caught[0].message)
    assert remedy in str(caught[0].message)
    return result


@pytest.mark.parametrize("alphas", [0.0, [0.0, 0.0, 0.0], [0.0, 1e-18, 0.0]])
@pytest.mark.parametrize("shape", [(50, 8), (6, 20)])
def test_singular_features_give_the_smallest_norm(shape, alphas, rng):
    Z = rng.standard_normal(shape)
    # A repeated column where there are more rows, a repeated row where there are fewer.
    Z = np.column_stack([Z, Z[:, 0]]) if shape[0] > shape[1] else np.vstack([Z, Z[0]])
    Y = rng.standard_normal((len(Z), 3))
    coef = only_warning(lambda: solve(Z, Y, alphas), f"of rank {min(shape)} of {min(shape) + 1}")
    np.testing.assert_allclose(coef, np.linalg.pinv(Z) @ Y, rtol=1e-8, atol=1e-8)


def test_single_precision_has_one_more_remedy(rng):
    Z = rng.standard_normal((12, 3)).astype(np.float32)
    K = RBF()(np.vstack([Z, Z[:3]]))
    y = np.concatenate([np.arange(12.0), np.arange(3.0)])
    dual = only_warning(lambda: solve(K, y, 0.0, kind="kernel"), "or pass float64 data")
    assert dual.dtype == np.float32
    np.testing.assert_allclose(K @ dual, y, atol=0.1)


def test_some_targets_are_singular_and_some_are_not(rng):
    Z = rng.standard_normal((50, 8))
    Z = np.column_stack([Z, Z[:, 0]])
    Y = rng.standard_normal((50, 2))
    coef = only_warning(lambda: solve(Z, Y, [0.0, 2.0]), "smallest norm")
    np.testing.assert_allclose(coef[:, 0], np.linalg.pinv(Z) @ Y[:, 0], rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(coef[:, 1], reference.ridge(Z, Y[:, 1], 2.0)[0], **CLOSE)


def test_zero_features_have_zero_coefficients():
    coef = only_warning(lambda: solve(np.zeros((5, 2)), np.ones(5), 0.0), "rank 0 of 2")
    np.testing.assert_array_equal(coef, 0)
    np.testing.assert_array_equal(solve(np.zeros((5, 2)), np.ones(5), 1.0), 0)


def test_no_penalty_where_none_is_needed(rng):
    Z, y = rng.standard_normal((50, 8)), rng.standard_normal(50)
    np.testing.assert_allclose(solve(Z, y, 0.0), np.linalg.lstsq(Z, y)[0], rtol=1e-12)


def test_singular_kernel_gives_the_smallest_norm(rng):
    X = rng.standard_normal((12, 3))
    K = RBF()(np.vstack([X, X[:3]]))
    y = np.concatenate([np.arange(12.0), np.arange(3.0)])
    dual = only_warning(lambda: solve(K, y, 0.0, kind="kernel"), "of rank 12 of 15")
    np.testing.assert_allclose(K @ dual, y, atol=1e-8)
    np.testing.assert_allclose(dual, np.linalg.pinv(K, rtol=1e-12) @ y, rtol=1e-6, atol=1e-6)


def test_indefinite_kernel_gives_the_solution_of_the_system(rng):
    K = rng.standard_normal((40, 40))
    K, Y, weight = K + K.T, rng.standard_normal((40, 2)), rng.uniform(0.5, 2, 40)
    dual = only_warning(lambda: solve(K, Y, 0.1, kind="kernel"), "LDLᵀ")
    np.testing.assert_allclose(dual, np.linalg.solve(K + 0.1 * np.eye(40), Y), rtol=1e-9)
    dual = only_warning(lambda: solve(K, Y, [0.1, 0.2], kind="kernel", sample_weight=weight), "LDLᵀ")
    for t, alpha in enumerate((0.1, 0.2)):
        wanted = np.linalg.solve(K + alpha * np.diag(1 / weight), Y[:, t])
        np.testing.assert_allclose(dual[:, t], wanted, rtol=1e-9)
    # Far enough from the negative eigenvalues there is nothing to say.
    solve(K, Y, 100.0, kind="kernel")


def test_indefinite_and_singular_kernel(rng):
    Q = np.linalg.qr(rng.standard_normal((10, 10)))[0]
    values = np.array([3.0, -2.0, 1.0, 0, 0, 0, 0, 0, 0, 0])
    K = (Q * values) @ Q.T
    K = (K + K.T) / 2
    y = rng.standard_normal(10)
    dual = only_warning(lambda: solve(K, y, 0.0, kind="kernel"), "of rank 3 of 10")
    np.testing.assert_allclose(dual, np.linalg.pinv(K, rtol=1e-10) @ y, rtol=1e-9, atol=1e-9)


def test_unsymmetric_kernel_is_refused(rng):
    K, Y = rng.standard_normal((40, 40)), rng.standard_normal((40, 3))
    with pytest.raises(ValueError, match=r"not symmetric: mirrored entries differ by up to .* Pass \(K \+ K.T\) / 2"):
        solve(K, Y, 0.1, kind="kernel")
    # Rounding is no asymmetry.
    S = K @ K.T + np.eye(40)
    solve(S * (1 + 1e-12 * rng.standard_normal((40, 40))), Y, 1.0, kind="kernel")


# Moments.


def summed(Z, Y, weight, cuts):
    """Moments of pieces, each summed alone."""
    pieces = np.split(np.arange(len(Z)), cuts)
    return [
        Moments(Z.shape[1], 1 if Y.ndim == 1 else Y.shape[1]).update(
            Z[rows], Y[rows], None if weight is None else weight[rows]
        )
        for rows in pieces
    ]


def agree(a, b, rtol):
    assert a.weight == pytest.approx(b.weight, rel=1e-14)
    for name in ("mean_z", "mean_y", "zz", "zy", "yy"):
        one, other = getattr(a, name), getattr(b, name)
        np.testing.assert_allclose(one, other, rtol=0, atol=rtol * np.abs(other).max())


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("weighted", [False, True])
def test_merging_is_associative_and_exact_to_rounding(offset, weighted, rng):
    Z, Y = rng.standard_normal((500, 7)) + offset, rng.standard_normal((500, 2)) - offset
    weight = rng.uniform(0.1, 2, 500) if weighted else None
    (whole,) = summed(Z, Y, weight, [])
    cuts = [1, 2, 50, 300]
    orders = [merged(order, summed(Z, Y, weight, cuts)) for order in itertools.permutations(range(5), 5)][::10]
    a, b, c, d, e = summed(Z, Y, weight, cuts)
    tree = a.merge(b).merge(c.merge(d.merge(e)))
    streamed = Moments(7, 2)
    for rows in np.split(np.arange(500), cuts):
        streamed.update(Z[rows], Y[rows], None if weight is None else weight[rows])
    w = np.ones(500) if weight is None else weight
    exact = np.cov(Z.T - offset, aweights=w, ddof=0) * w.sum()
    # Centred moments keep their digits far from zero: rounding of the data alone, offset * eps, remains.
    tolerance = 1e-13 + 10 * offset * np.finfo(float).eps
    for moments in (tree, streamed, *orders):
        agree(moments, whole, tolerance)
        np.testing.assert_allclose(moments.zz, exact, rtol=0, atol=tolerance * np.abs(exact).max())
        np.testing.assert_array_equal(moments.zz, moments.zz.T)


def merged(order, pieces):
    total = Moments(pieces[0].n_features, pieces[0].n_targets)
    for index in order:
        total.merge(pieces[index])
    return total


def test_merging_leaves_the_other_alone(rng):
    Z, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    a, b = summed(Z, y, None, [10])
    kept = copy.deepcopy(b)
    Moments(3).merge(b).merge(a).update(Z, y)
    a.merge(b).update(Z, y)
    agree(b, kept, 0)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_solutions_are_those_of_scikit_learn(fit_intercept, weighted, rng):
    Z, Y = rng.standard_normal((100, 6)) + 3, rng.standard_normal((100, 2)) - 5
    weight = rng.uniform(0, 2, 100) if weighted else None
    moments = Moments(6, 2).update(Z, Y, weight)
    before = pickle.dumps(moments)
    for alpha in (0.5, [0.5, 20.0]):
        coef, intercept = moments.solve(alpha, fit_intercept=fit_intercept)
        peer = Ridge(alpha, fit_intercept=fit_intercept, solver="svd").fit(Z, Y, weight)
        np.testing.assert_allclose(coef, peer.coef_.T, **CLOSE)
        np.testing.assert_allclose(intercept, peer.intercept_ if fit_intercept else [0, 0], **CLOSE)
    assert pickle.dumps(moments) == before
    np.testing.assert_array_equal(moments.solve(2.0)[0], moments.solve_once(2.0)[0])
    with pytest.raises(ValueError, match="no rows to solve for"):
        moments.solve(2.0)


def test_shapes_follow_the_targets(rng):
    Z, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    coef, intercept = Moments(3).update(Z, y).solve(1.0, fit_intercept=True)
    assert coef.shape == (3,)
    assert np.ndim(intercept) == 0
    assert Moments(3).update(Z, y).gcv([0.1, 1.0]).shape == (2,)
    coef, intercept = Moments(3, 1).update(Z, y[:, None]).solve(1.0, fit_intercept=True)
    assert (coef.shape, intercept.shape) == ((3, 1), (1,))
    assert Moments(3, 1).update(Z, y[:, None]).gcv([0.1, 1.0]).shape == (2, 1)
    joined = Moments(3).merge(Moments(3).update(Z, y[:, None]))
    assert joined.solve(1.0)[0].shape == (3, 1)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_generalised_cross_validation(fit_intercept, weighted, rng):
    Z, Y = rng.standard_normal((60, 6)) + 1, rng.standard_normal((60, 2)) + 2
    weight = rng.integers(0, 3, 60).astype(float) if weighted else np.ones(60)
    alphas = [0.0, 0.1, 10.0, 1e6]
    errors = Moments(6, 2).update(Z, Y, weight).gcv(alphas, fit_intercept=fit_intercept)
    # Its definition, with the rows repeated and the hat matrix formed.
    index = np.repeat(np.arange(60), weight.astype(int))
    design, n = Z[index], weight.sum()
    for i, alpha in enumerate(alphas):
        A = np.column_stack([design, np.ones(len(index))]) if fit_intercept else design
        penalty = alpha * np.eye(A.shape[1])
        penalty[6:, 6:] = 0
        hat = A @ np.linalg.solve(A.T @ A + penalty, A.T)
        left = Y[index] - hat @ Y[index]
        wanted = (left**2).sum(axis=0) / n / (1 - np.trace(hat) / n) ** 2
        np.testing.assert_allclose(errors[i], wanted, rtol=1e-9)


def test_generalised_cross_validation_without_freedom(rng):
    Z, y = rng.standard_normal((5, 8)), rng.standard_normal(5)
    errors = Moments(8).update(Z, y).gcv([0.0, 1.0])
    assert errors[0] == np.inf
    assert np.isfinite(errors[1])


@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.integers(0, 2**32 - 1), st.floats(-1e8, 1e8))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_cut_into_batches(sizes, seed, offset):
    rng = np.random.default_rng(seed)
    Z, y = rng.standard_normal((sum(sizes), 3)) + offset, rng.standard_normal(sum(sizes))
    (whole,) = summed(Z, y, None, [])
    total = merged(range(len(sizes)), summed(Z, y, None, np.cumsum(sizes)[:-1]))
    agree(total, whole, 1e-12 + 100 * abs(offset) * np.finfo(float).eps)


# The door.


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"alpha": -1.0}, "finite and non-negative"),
        ({"alpha": np.nan}, "finite and non-negative"),
        ({"alpha": [1.0, 2.0, 3.0]}, r"alpha has shape \(3,\), but there are 2 targets"),
        ({"alpha": [[1.0, 2.0]]}, "alpha has shape"),
        ({"kind": "gram"}, "kind must be 'features' or 'kernel', got 'gram'"),
        ({"y": np.ones(4)}, "inconsistent numbers of samples"),
        ({"y": np.full((5, 2), np.nan)}, "y contains NaN"),
        ({"A": np.full((5, 2), np.inf)}, "A contains infinity"),
        ({"A": np.empty((0, 2)), "y": np.empty((0, 2))}, "0 sample"),
        ({"sample_weight": np.ones(4)}, "sample_weight.shape"),
        ({"sample_weight": -np.ones(5)}, "Negative values"),
        ({"sample_weight": np.zeros(5)}, "zero"),
        ({"kind": "kernel"}, r"must be square, got shape \(5, 3\)"),
    ],
    ids=str,
)
def test_refused(change, match):
    arguments = {"A": np.ones((5, 3)), "y": np.ones((5, 2)), "alpha": 1.0, **change}
    with pytest.raises(ValueError, match=match):
        solve(**arguments)


def test_moments_that_do_not_fit():
    with pytest.raises(ValueError, match="at least 1, got 0 and 1"):
        Moments(0)
    with pytest.raises(ValueError, match="Z has 3 features and y 1 targets, but these moments are of 2 features and 1"):
        Moments(2).update(np.ones((4, 3)), np.ones(4))
    with pytest.raises(ValueError, match="Moments of 3 features and 1 targets do not add to moments of 2 features"):
        Moments(2).merge(Moments(3))
    with pytest.raises(ValueError, match="no rows to solve for"):
        Moments(2).solve(1.0)
    with pytest.raises(ValueError, match="no rows to solve for"):
        Moments(2).update(np.ones((2, 2)), np.ones(2), np.zeros(2)).solve(1.0)
    with pytest.raises(ValueError, match="do not add to"):
        Moments(2).absorb(np.zeros(3), np.zeros(1), np.zeros((3, 3)), np.zeros((3, 1)), np.zeros(6))
