"""Paths, leave-one-out and GCV against refits and dense formulas."""

import numpy as np
import pytest

from widelearn import ridge
from widelearn.ridge.dual_path import DualPath
from widelearn.ridge.moments import Moments
from widelearn.ridge.primal_path import PrimalPath
from widelearn.ridge.primal_systems import PrimalSolver
from widelearn.ridge.row_passes import RowPasses

ALPHAS = [0.0, 1e-6, 1e-2, 1.0, 100.0]
SHAPES = [(30, 8), (20, 40), (15, 15), (24, 23), (23, 24)]


def problem(rng, n, p, t, weighted):
    A, y = rng.standard_normal((n, p)) + 1.0, rng.standard_normal((n, t) if t else n)
    return A, y, rng.uniform(0.5, 3.0, n) if weighted else None


def refits(A, y, alphas, kind, weight):
    """Left-out predictions, one fit for each row and penalty."""
    out = np.empty((len(alphas), *y.shape))
    for j, alpha in enumerate(alphas):
        for i in range(len(y)):
            k = np.arange(len(y)) != i
            w = None if weight is None else weight[k]
            if kind == "features":
                out[j, i] = A[i] @ ridge.solve(A[k], y[k], alpha, sample_weight=w)
            else:
                out[j, i] = A[i, k] @ ridge.solve(A[np.ix_(k, k)], y[k], alpha, kind="kernel", sample_weight=w)
    return out


def close(actual, wanted, tolerance):
    np.testing.assert_allclose(actual, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


# Singular fits of the reference warn; nearly square ones square condition numbers near 1e5.
@pytest.mark.filterwarnings("ignore:The ridge system is singular")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("t", [0, 2])
@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_left_out_predictions_are_refits(n, p, t, weighted, rng):
    A, y, weight = problem(rng, n, p, t, weighted)
    close(ridge.loo(A, y, ALPHAS, sample_weight=weight), refits(A, y, ALPHAS, "features", weight), 1e-8)
    K = A @ A.T + 0.1 * np.eye(n)
    close(ridge.loo(K, y, ALPHAS, kind="kernel", sample_weight=weight), refits(K, y, ALPHAS, "kernel", weight), 1e-8)


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_cholesky_and_eigenvectors_leave_out_the_same(weighted, fit_intercept, rng):
    A, y, weight = problem(rng, 60, 70, 2, weighted)
    alphas = np.array([0.1, 10.0])

    def errors(penalties):
        K = A @ A.T
        path = DualPath(K, y, penalties, weight, fit_intercept=fit_intercept, definite=True)
        return path, next(path.errors())[1]

    few, by_cholesky = errors(alphas)
    many, by_eigenvectors = errors(np.concatenate([alphas, np.geomspace(1, 2, 9)]))
    assert not few.vectors.size
    assert many.vectors.size
    close(by_cholesky, by_eigenvectors[:2], 1e-11)
    one, other = few.solve(alphas), many.solve(alphas)
    close(one.coef, other.coef, 1e-11)
    np.testing.assert_allclose(one.offset, other.offset, rtol=1e-9, atol=1e-12)


def by_eigenvectors(K, y, alphas, weight, fit_intercept):
    """Left-out errors (a, n, t) by their definition: e_i = a_i / G_ii on the complement of the intercept."""
    n, root = len(K), np.ones(len(K)) if weight is None else np.sqrt(weight)
    M, Y = root[:, None] * K * root, root[:, None] * y
    u = root / np.linalg.norm(root) if fit_intercept else np.zeros(n)
    P = np.eye(n) - np.outer(u, u)
    # An eigenvalue below all others, for the intercept.
    values, vectors = np.linalg.eigh(P @ M @ P - 10 * np.linalg.norm(M) * np.outer(u, u))
    values, vectors = values[int(fit_intercept) :], vectors[:, int(fit_intercept) :]
    return np.stack(
        [
            (vectors @ ((vectors.T @ Y) / (values[:, None] + alpha))) / (vectors**2 @ (1 / (values + alpha)))[:, None]
            for alpha in alphas
        ]
    )


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "p", "least"), [(300, 400, 1e-2), (331, 30, 1e-2)])
def test_a_band_leaves_out_what_eigenvectors_do(n, p, least, weighted, fit_intercept, rng, monkeypatch):
    A, y, weight = problem(rng, n, p, 2, weighted)
    alphas, K = np.logspace(np.log10(least), 3, 9), A @ A.T
    monkeypatch.setattr(DualPath, "_decompose", None)
    path = DualPath(K.copy(), y, alphas, weight, fit_intercept=fit_intercept, definite=True)
    ((rows, errors),) = path.errors()
    assert path.banded is not None
    assert rows == slice(0, n)
    wanted = by_eigenvectors(K, y, alphas, weight, fit_intercept)
    np.testing.assert_allclose(errors, wanted, rtol=0, atol=1e-8 * np.abs(wanted).max())
    assert (np.abs(errors - wanted).max(axis=(1, 2)) <= 1e-8 * np.abs(wanted).max(axis=(1, 2))).all()
    assert path.settled().max() <= 1e-6


def test_a_band_that_is_too_rough_for_a_penalty_leaves_it_to_a_factor(rng):
    """Of a matrix whose first eigenvalue is 1e9 times a penalty, rounding of a band shows in that penalty's errors."""
    A, y, _ = problem(rng, 310, 30, 1, False)
    alphas, K = np.logspace(-3, 6, 8), 1e3 * (A @ A.T)
    path = DualPath(K.copy(), y, alphas, None, fit_intercept=False, definite=True)
    factored = []
    rest = path._cholesky_errors
    path._cholesky_errors = lambda at: factored.append(at) or rest(at)
    ((_, errors),) = path.errors()
    assert len(factored) == 1
    assert 0 < len(factored[0]) < len(alphas)
    some = DualPath(K.copy(), y, alphas[:3], None, fit_intercept=False, definite=True)
    np.testing.assert_allclose(errors[:3], next(some.errors())[1], rtol=1e-6, atol=1e-6 * np.abs(y).max())


def test_many_penalties_of_an_indefinite_kernel_take_eigenvectors(rng):
    y = rng.standard_normal((320, 1))
    K = rng.standard_normal((320, 320))
    K, alphas = K + K.T, np.logspace(-1, 1, 8)
    path = DualPath(K.copy(), y, alphas, None, fit_intercept=False, definite=False)
    errors = np.concatenate([block for _, block in path.errors()], axis=1)
    assert path.banded is None
    assert path.vectors.size
    wanted = by_eigenvectors(K, y, alphas, None, False)
    np.testing.assert_allclose(errors, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())


def test_an_indefinite_kernel_falls_back_to_eigenvectors(rng):
    Q = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    K = (Q * np.linspace(-2.0, 5.0, 30)) @ Q.T
    K = (K + K.T) / 2
    y = rng.standard_normal(30)
    close(ridge.loo(K, y, [0.5], kind="kernel"), refits_of_indefinite(K, y, 0.5), 1e-9)


def refits_of_indefinite(K, y, alpha):
    out = np.empty((1, len(y)))
    for i in range(len(y)):
        k = np.arange(len(y)) != i
        out[0, i] = K[i, k] @ np.linalg.solve(K[np.ix_(k, k)] + alpha * np.eye(len(y) - 1), y[k])
    return out


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("t", [0, 2])
@pytest.mark.parametrize(("n", "p"), [(30, 8), (20, 40), (15, 15)])
def test_path_is_every_solution(n, p, t, weighted, rng):
    A, y, weight = problem(rng, n, p, t, weighted)
    alphas = [1e-3, 1.0, 50.0]
    found = ridge.path(A, y, alphas, sample_weight=weight)
    assert found.shape == (3, p, 2) if t else (3, p)
    for coef, alpha in zip(found, alphas, strict=True):
        close(coef, ridge.solve(A, y, alpha, sample_weight=weight), 1e-10)
    K = A @ A.T + np.eye(n)
    for dual, alpha in zip(ridge.path(K, y, alphas, kind="kernel", sample_weight=weight), alphas, strict=True):
        close(dual, ridge.solve(K, y, alpha, kind="kernel", sample_weight=weight), 1e-10)


def dense_gcv(A, y, alpha, weight):
    """GCV from the whole hat matrix, through singular values, which keep small penalties' digits."""
    root = np.sqrt(np.ones(len(A)) if weight is None else weight)
    U, s, _ = np.linalg.svd(A * root[:, None], full_matrices=True)
    q = np.ones(len(A))
    q[: len(s)] = alpha / (s**2 + alpha)
    left = (root**2).sum() - len(A) + q.sum()
    rss = ((q[:, None] * (U.T @ (y.reshape(len(y), -1) * root[:, None]))) ** 2).sum(axis=0)
    error = (root**2).sum() * rss / left**2
    return error if y.ndim == 2 else error[0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("t", [0, 2])
@pytest.mark.parametrize(("n", "p"), SHAPES)
def test_gcv_is_the_dense_formula(n, p, t, weighted, rng):
    A, y, weight = problem(rng, n, p, t, weighted)
    alphas = [1e-4, 1e-2, 1.0, 100.0]
    wanted = np.array([dense_gcv(A, y, alpha, weight) for alpha in alphas])
    # The residual's square loses what it is smaller than the targets'.
    np.testing.assert_allclose(ridge.gcv(A, y, alphas, sample_weight=weight), wanted, rtol=1e-7)
    np.testing.assert_allclose(ridge.gcv(A @ A.T, y, alphas, kind="kernel", sample_weight=weight), wanted, rtol=1e-6)


def test_gcv_of_penalties_below_rounding_errors(rng):
    # A kernel of rank 4 in 60 rows: a penalty that rounding hides leaves what no penalty leaves.
    Z, y = rng.standard_normal((60, 4)), rng.standard_normal(60)
    least = ridge.gcv(Z @ Z.T, y, [0.0, 1e-30, 1e-18], kind="kernel")
    np.testing.assert_allclose(least, ridge.gcv(Z, y, [0.0]) * np.ones(3), rtol=1e-10)


def test_gcv_without_freedom_is_infinite(rng):
    A, y = rng.standard_normal((10, 20)), rng.standard_normal(10)
    assert np.isposinf(ridge.gcv(A, y, [0.0])).all()
    assert np.isfinite(ridge.gcv(A, y, [1e-9])).all()


def test_weights_of_zero_leave_rows_out(rng):
    A, y, _ = problem(rng, 25, 6, 0, False)
    weight = rng.integers(0, 3, 25).astype(float)
    kept = weight > 0
    for kind, whole, part in (("features", A, A[kept]), ("kernel", A @ A.T, (A @ A.T)[np.ix_(kept, kept)])):
        found = ridge.loo(whole, y, [0.3], kind=kind, sample_weight=weight)[0]
        assert np.isnan(found[~kept]).all()
        close(found[kept], ridge.loo(part, y[kept], [0.3], kind=kind, sample_weight=weight[kept])[0], 1e-12)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"alphas": [-1.0]}, "non-negative, got array"),
        ({"alphas": []}, "non-empty"),
        ({"alphas": [[1.0]]}, "non-empty sequence"),
        ({"alphas": [1.0], "kind": "matrix"}, "kind must be"),
        ({"alphas": [1.0], "kind": "kernel"}, "square"),
        ({"alphas": [1.0], "sample_weight": [1.0]}, "sample_weight.shape"),
        ({"alphas": [1.0], "sample_weight": -np.ones(9)}, "[Nn]egative"),
    ],
)
@pytest.mark.parametrize("function", [ridge.path, ridge.loo, ridge.gcv])
def test_wrong_arguments(function, arguments, match, rng):
    with pytest.raises(ValueError, match=match):
        function(rng.standard_normal((9, 3)), rng.standard_normal(9), **arguments)


def test_unsymmetric_kernel_is_refused(rng):
    with pytest.raises(ValueError, match="not symmetric"):
        ridge.loo(rng.standard_normal((9, 9)), rng.standard_normal(9), [1.0], kind="kernel")


def test_rows_that_determine_themselves(rng):
    A, y = np.eye(4), rng.standard_normal(4)
    # No other row says anything of these: the left-out prediction is zero.
    close(1 + ridge.loo(A, y, [0.0, 1e-9, 1.0]), np.ones((3, 4)), 1e-12)
    K = np.eye(4)
    close(1 + ridge.loo(K, y, [0.0, 1.0], kind="kernel"), np.ones((2, 4)), 1e-12)


def test_primal_path_with_intercept_is_refits(rng):
    A, y, weight = problem(rng, 40, 5, 2, True)
    A += 1e4
    moments = Moments(5, 2).update(A, y, weight)
    rows = RowPasses(lambda: [(slice(0, 40), A)], y, weight)
    path = PrimalPath(moments, np.array([1e-3, 2.0]), rows, fit_intercept=True)
    found = next(path.errors())[1] / np.sqrt(weight)[:, None]
    for j, alpha in enumerate([1e-3, 2.0]):
        for i in range(40):
            k = np.arange(40) != i
            coef, intercept = Moments(5, 2).update(A[k], y[k], weight[k]).solve(alpha, fit_intercept=True)
            np.testing.assert_allclose(found[j, i], y[i] - A[i] @ coef - intercept, rtol=1e-8, atol=1e-8)


def test_refinement_reaches_double_precision_or_says_no(rng):
    Z, y = rng.standard_normal((400, 30)) + 2.0, rng.standard_normal((400, 2))

    def confirmed(Z, alpha, fit_intercept):
        # Features of single precision, as moments of single precision have them.
        single = Moments(30, 2).update(Z.astype(np.float32), y)
        rows = RowPasses(lambda: [(slice(0, 400), Z)], y, None)
        solver = PrimalSolver(single.equations(fit_intercept), rows, unit=2.0**-24, enough=0.0)
        return solver.confirmed(alpha)

    alpha = np.array([1.0, 0.1])
    found = confirmed(Z, alpha, True)
    wanted = Moments(30, 2).update(Z, y).solve(alpha, fit_intercept=True)
    close(found.coef, wanted[0], 1e-12)
    close(found.intercept, wanted[1], 1e-12)
    # Columns equal but for what single precision does not hold.
    Z[:, 1] = Z[:, 0] * (1 + 1e-9 * rng.standard_normal(400))
    assert confirmed(Z, alpha * 1e-12, False) is None
