"""Preconditioned conjugate gradients against dense solves, and what they say when they cannot go on."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import reference
from widelearn.kernels import NTK, RBF, Laplace, Linear
from widelearn.ridge import pcg, rp_cholesky, solve
from widelearn.ridge.operators import ByColumns, Dense, Weighted, as_operator, cached
from widelearn.ridge.preconditioner import Preconditioner, most_rank
from widelearn.ridge.rpcholesky import factor

EPS = np.finfo(float).eps


@pytest.fixture
def data(rng):
    X = rng.standard_normal((300, 4))
    return X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2]


def bound(y, alpha, tol=1e-8):
    """How far a residual of tol lets the solution be: the smallest eigenvalue of K + alpha I is at least alpha."""
    return 1.01 * tol * np.linalg.norm(y, axis=0) / alpha


@pytest.mark.parametrize("alpha", [1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("kernel", [RBF(gamma=0.1), NTK(depth=2), Laplace(gamma=0.5), Linear()], ids=repr)
def test_solutions_are_the_dense_ones(kernel, alpha, data):
    X, y = data
    K = kernel(X)
    wanted = np.linalg.solve(K + alpha * np.eye(300), y)
    for operator in (kernel.operator(X), K, Dense(K), cached(kernel.operator(X))):
        found = pcg(operator, y, alpha)
        assert found.residual <= 1e-8
        assert found.coef.shape == (300,)
        # Beside the bound, the rounding errors of the dense solution.
        slack = 300 * EPS * np.linalg.norm(K, 2) / alpha * np.linalg.norm(wanted)
        assert np.linalg.norm(found.coef - wanted) < bound(y, alpha) + slack
        left = y - K @ found.coef - alpha * found.coef
        # Rounding errors of two ways to multiply with K, which are random.
        noise = EPS * np.linalg.norm(K) * np.linalg.norm(found.coef) / np.linalg.norm(y) / 300**0.5
        assert found.residual == pytest.approx(np.linalg.norm(left) / np.linalg.norm(y), rel=1e-3, abs=noise + 1e-12)


def test_many_right_sides_with_their_own_penalties(data, rng):
    X, y = data
    Y = np.column_stack([y, rng.standard_normal((300, 7)), np.zeros(300)])
    alphas = np.array([1.0, 0.1, 1.0, 10.0, 0.1, 1e-3, 1.0, 1.0, 0.5])
    K = RBF(gamma=0.1)(X)
    found = pcg(RBF(gamma=0.1).operator(X), Y, alphas)
    assert found.coef.shape == (300, 9)
    assert found.residual.shape == (9,)
    for column, alpha in enumerate(alphas):
        wanted = np.linalg.solve(K + alpha * np.eye(300), Y[:, column])
        slack = 300 * EPS * np.linalg.norm(K, 2) / alpha * np.linalg.norm(wanted)
        assert np.linalg.norm(found.coef[:, column] - wanted) <= bound(Y[:, column], alpha) + slack
    assert (found.coef[:, 8] == 0).all()
    np.testing.assert_array_equal(pcg(K, Y[:, :1], 0.1).coef[:, 0], pcg(K, Y[:, 0], 0.1).coef)


@pytest.mark.parametrize("dense", [True, False])
def test_weights_and_the_intercept(dense, data, rng):
    X, y = data
    weight = rng.uniform(0, 3, 300)
    weight[::7] = 0
    kernel = RBF(gamma=0.1)
    K, operator = kernel(X), kernel.operator(X)
    found = pcg(K if dense else operator, y, 0.1, sample_weight=weight)
    wanted, _ = reference.kernel_ridge(K, y, 0.1, weight, fit_intercept=False)
    np.testing.assert_array_equal(found.coef[::7], 0)
    # Weights scale residuals by at most sqrt(3) on each side.
    assert np.linalg.norm(found.coef - wanted) < 3 * bound(y, 0.1)
    both = pcg(operator, np.column_stack([y, np.ones(300)]), 0.1, sample_weight=weight).coef
    b = both[:, 0].sum() / both[:, 1].sum()
    a, intercept = reference.kernel_ridge(K, y[:, None], 0.1, weight, fit_intercept=True)
    assert b == pytest.approx(intercept[0], abs=1e-6)
    np.testing.assert_allclose(both[:, 0] - b * both[:, 1], a[:, 0], rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        solve(K, y, 0.1, kind="kernel", sample_weight=weight), found.coef, rtol=0, atol=3 * bound(y, 0.1)
    )


def test_rank_saves_iterations(data):
    X, y = data
    operator = RBF(gamma=0.1).operator(X)
    found = [pcg(operator, y, 1e-3, rank=rank) for rank in (0, 20, 60, 150)]
    assert [one.rank for one in found] == [0, 20, 60, 150]
    iterations = [one.n_iter for one in found]
    assert iterations == sorted(iterations, reverse=True)
    assert iterations[-1] < iterations[0] / 5
    assert max(one.residual for one in found) <= 1e-8
    # All rows: the preconditioner is the inverse but for rounding, which may ask for a second step.
    assert pcg(operator, y, 1e-3, rank=1000).n_iter <= 2
    assert pcg(operator, y, 1e-3).residual <= 1e-8


def test_runs_repeat_and_threads_do_not_matter(data, threads):
    X, y = data
    one = pcg(RBF(gamma=0.1).operator(X), y, 0.01)
    threads(1)
    other = pcg(RBF(gamma=0.1).operator(X), y, 0.01)
    np.testing.assert_allclose(other.coef, one.coef, rtol=0, atol=1e-12 * np.abs(one.coef).max())
    assert (other.n_iter, other.rank) == (one.n_iter, one.rank)
    assert list(pcg(RBF(gamma=0.1).operator(X), y, 0.01, random_state=1).coef) != list(one.coef)


def test_singular_matrices(data):
    X, y = data
    X = X.copy()
    X[100:200] = X[:100]
    found = pcg(Linear().operator(X), y, 1e-3)
    assert found.rank <= 4
    # f = K a is what the four coefficients of the primal say.
    primal = np.linalg.solve(X.T @ X + 1e-3 * np.eye(4), X.T @ y)
    # The residual over alpha, seen through K / (K + alpha) <= 1.
    np.testing.assert_allclose(X @ (X.T @ found.coef), X @ primal, rtol=0, atol=bound(y, 1.0))
    zero = pcg(np.zeros((3, 3)), np.ones(3), 2.0)
    np.testing.assert_allclose(zero.coef, 0.5, rtol=1e-15)
    # Without a penalty too, where the matrix is well-conditioned.
    A = np.diag(np.arange(1.0, 21.0))
    np.testing.assert_allclose(pcg(A, np.ones(20), 0.0).coef, 1 / np.arange(1.0, 21.0), rtol=0, atol=1e-7)


def test_the_preconditioner_is_the_inverse(data, rng):
    X, _ = data
    pivots, panels, _ = factor(RBF(gamma=0.1).operator(X), 50, 30, np.random.RandomState(0), width=20)
    assert [panel.shape[1] for panel in panels] == [20, 20, 10]
    F, alphas = np.hstack(panels), np.array([0.1, 2.0, 0.1])
    R = rng.standard_normal((300, 3))
    Z = Preconditioner(panels, alphas, pivots).solve(R, np.arange(3))
    for column, alpha in enumerate(alphas):
        wanted = np.linalg.solve(F @ F.T + alpha * np.eye(300), R[:, column])
        # The difference of the Woodbury formula loses the digits of λ / alpha, 300 / 0.1.
        np.testing.assert_allclose(Z[:, column], wanted, rtol=0, atol=1e-11)
    many = rng.standard_normal((300, 8))
    kept = np.array([1, 1, 1, 1, 0, 0, 2, 2])
    Z = Preconditioner(panels, alphas, pivots).solve(many, kept)
    np.testing.assert_allclose(
        Z[:, :1], Preconditioner(panels, alphas, pivots).solve(many[:, :1], np.array([1])), rtol=0, atol=1e-12
    )


# What is kept in memory.


def test_entries_are_kept_where_there_is_room(data, monkeypatch):
    X, y = data
    operator = Laplace(gamma=0.5).operator(X)
    wanted = np.linalg.solve(Laplace(gamma=0.5)(X) + 0.01 * np.eye(300), y)
    kinds = {}
    for text in ("2M", "1M", "500K"):
        monkeypatch.setenv("WIDELEARN_MAX_MEMORY", text)
        kinds[text] = cached(operator)
    monkeypatch.delenv("WIDELEARN_MAX_MEMORY")
    # 300² doubles are 703 KiB, and half of the room holds them.
    assert kinds["2M"].dtype == np.float64
    assert kinds["1M"].dtype == np.float32
    assert kinds["1M"].exact is operator
    assert kinds["500K"] is operator
    for kept in kinds.values():
        found = pcg(kept, y, 0.01, tol=1e-10)
        # The residual is that of the matrix in doubles, whatever the products were made with.
        assert found.residual <= 1e-10
        assert np.linalg.norm(found.coef - wanted) < bound(y, 0.01, 1e-10) + 1e-10
    weight = np.linspace(0, 1, 300)
    found = pcg(kinds["1M"], y, 0.01, sample_weight=weight)
    direct = solve(Laplace(gamma=0.5)(X), y, 0.01, kind="kernel", sample_weight=weight)
    np.testing.assert_allclose(found.coef, direct, rtol=0, atol=bound(y, 0.01))


def test_single_precision_rows(data):
    X, y = data
    kernel = RBF(gamma=0.1)
    operator = kernel.operator(X.astype(np.float32))
    assert cached(operator).dtype == np.float32
    K = kernel(X.astype(np.float32)).astype(float)
    for kept in (operator, cached(operator)):
        found = pcg(kept, y, 0.1)
        assert found.coef.dtype == np.float64
        left = y - K @ found.coef - 0.1 * found.coef
        # The product's blocks and the matrix differ in their single-precision roundings at most on equal rows.
        assert np.linalg.norm(left) < 2e-8 * np.linalg.norm(y)


def test_symmetric_operators(data, rng):
    X, _ = data
    K = NTK()(X)
    for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 1e-4)):
        A = K.astype(dtype)
        for matrix in (A, np.asfortranarray(A), np.repeat(np.repeat(A, 2, 0), 2, 1)[::2, ::2]):
            for t in (1, 3, 9):
                V = rng.standard_normal((300, t)).astype(dtype)
                out = Dense(matrix) @ V
                assert out.dtype == dtype
                np.testing.assert_allclose(out, A @ V, rtol=0, atol=tolerance * np.abs(A @ V).max())
    scale = rng.uniform(0, 2, 300)
    S, wanted = Weighted(NTK().operator(X), scale), scale[:, None] * K * scale
    np.testing.assert_allclose(S @ np.eye(300), wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(S.diag(), wanted.diagonal(), rtol=1e-14)
    np.testing.assert_allclose(S.columns([4, 2]), wanted[:, [4, 2]], rtol=0, atol=1e-13)
    np.testing.assert_allclose(S.entries([1, 5], [4, 2]), wanted[np.ix_([1, 5], [4, 2])], rtol=0, atol=1e-13)


def test_memory_is_asked_for_first(data, monkeypatch):
    X, y = data
    monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "1M")
    operator = RBF(gamma=0.1).operator(X)
    with pytest.raises(MemoryError, match=r"preconditioner of rank 300 of 300 rows needs .* smaller rank"):
        pcg(operator, y, 0.1, rank=300, max_iter=5)
    assert most_rank(100_000) == 0
    assert pcg(operator, y, 0.1).residual <= 1e-8


# Progress, interruption, refusals.


def test_callback_and_start(data):
    X, y = data
    operator, seen = RBF(gamma=0.1).operator(X), []
    found = pcg(operator, y, 0.01, rank=30, callback=lambda i, r: seen.append((i, r.copy())))
    assert [i for i, _ in seen] == list(range(1, found.n_iter + 1))
    assert seen[-1][1].shape == (1,)
    assert seen[-1][1][0] <= 1e-8
    again = pcg(operator, y, 0.01, rank=30, x0=found.coef)
    assert again.n_iter == 0
    np.testing.assert_array_equal(again.coef, found.coef)
    near = pcg(operator, y, 0.01, rank=30, x0=found.coef * (1 + 1e-6))
    assert 0 < near.n_iter < found.n_iter
    weighted = pcg(operator, y, 0.01, sample_weight=np.full(300, 2.0))
    assert pcg(operator, y, 0.01, sample_weight=np.full(300, 2.0), x0=weighted.coef).n_iter <= 1


class StopError(Exception):
    """What interrupts a run."""


@pytest.mark.parametrize("kept", [False, True])
def test_an_interrupted_run_goes_on(kept, data, tmp_path, monkeypatch):
    X, y = data
    Y = np.column_stack([y, X[:, 0] ** 3])
    operator = Laplace(gamma=0.5).operator(X)
    if kept:
        monkeypatch.setenv("WIDELEARN_MAX_MEMORY", "1M")
        operator = cached(operator)
        monkeypatch.delenv("WIDELEARN_MAX_MEMORY")
        assert operator.dtype == np.float32
    path = tmp_path / "state.npz"
    settings = {"alpha": [0.01, 0.1], "rank": 20}
    whole = pcg(operator, Y, **settings)

    def stop(iteration, residuals):
        if iteration == 12:
            raise StopError

    with pytest.raises(StopError):
        pcg(operator, Y, **settings, callback=stop, checkpoint=path)
    assert [file.name for file in tmp_path.iterdir()] == ["state.npz"]
    first = []
    found = pcg(operator, Y, **settings, checkpoint=path, callback=lambda i, r: first.append(i))
    assert first[0] == 13
    assert found.n_iter == whole.n_iter
    np.testing.assert_array_equal(found.coef, whole.coef)
    # What is finished stays finished.
    assert pcg(operator, Y, **settings, checkpoint=path).n_iter == whole.n_iter
    for other in (
        lambda: pcg(operator, Y[:, ::-1], **settings, checkpoint=path),
        lambda: pcg(operator, Y, alpha=0.01, rank=20, checkpoint=path),
        lambda: pcg(operator, Y, alpha=[0.01, 0.1], rank=21, checkpoint=path),
        lambda: pcg(operator, Y, **settings, random_state=5, checkpoint=path),
        lambda: pcg(operator, Y, **settings, sample_weight=np.full(300, 2.0), checkpoint=path),
        lambda: pcg(Laplace(gamma=0.4).operator(X), Y, **settings, checkpoint=path),
    ):
        with pytest.raises(ValueError, match="checkpoint of another problem"):
            other()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="is no checkpoint"):
        pcg(operator, Y, **settings, checkpoint=path)
    with pytest.raises(FileNotFoundError):
        pcg(operator, Y, **settings, checkpoint=tmp_path / "nowhere" / "state.npz")


def test_more_iterations_after_the_last(data, tmp_path):
    X, y = data
    operator, path = Laplace(gamma=0.5).operator(X), tmp_path / "state.npz"
    with pytest.warns(ConvergenceWarning, match=r"residual of .*, not tol=1e-08, in 5 iterations: .* max_iter=5"):
        pcg(operator, y, 0.01, rank=10, max_iter=5, checkpoint=path)
    whole = pcg(operator, y, 0.01, rank=10)
    found = pcg(operator, y, 0.01, rank=10, checkpoint=path)
    assert found.n_iter == whole.n_iter
    np.testing.assert_array_equal(found.coef, whole.coef)


def test_rounding_errors_end_it(data):
    X, y = data
    with pytest.warns(ConvergenceWarning, match=r"not tol=1e-17.*rounding errors of float64.*Raise tol or alpha"):
        found = pcg(RBF(gamma=0.1).operator(X), y, 1e-3, tol=1e-17)
    # ε ‖K‖ ‖a‖ / ‖y‖ with ‖a‖ <= ‖y‖ / alpha.
    assert found.residual < 300 * EPS * 300 / 1e-3
    K = RBF(gamma=0.1)(X)
    assert np.linalg.norm(found.coef - np.linalg.solve(K + 1e-3 * np.eye(300), y)) < 1e-6


def test_indefinite_matrices(data, rng):
    _, y = data
    Q = np.linalg.qr(rng.standard_normal((300, 300)))[0]
    values = np.linspace(-2, 20, 300)
    K = (Q * values) @ Q.T
    K = (K + K.T) / 2
    for rank in (None, 0, 10):
        with pytest.raises(np.linalg.LinAlgError, match=r"indefinite: it has an eigenvalue of at most -.*cholesky"):
            pcg(K, y, 0.5, rank=rank)
    # Enough of a penalty makes it definite, and then it is solved.
    found = pcg(K, y, 3.0)
    np.testing.assert_allclose(found.coef, np.linalg.solve(K + 3 * np.eye(300), y), rtol=0, atol=bound(y, 1.0))


class Poor:
    """A matrix of a user, of which verbs are taken away."""

    def __init__(self, K, *lacking):
        self.K, self.counted = K, 0
        verbs = {"shape": K.shape, "dtype": K.dtype, "diag": K.diagonal, "columns": self._columns}
        self.__dict__ |= {verb: value for verb, value in verbs.items() if verb not in lacking}

    def _columns(self, indices):
        self.counted += np.size(indices)
        return self.K[:, indices]


class Multiplying(Poor):
    """One that has products too."""

    def __matmul__(self, V):
        return self.K @ V


def test_operators_of_a_user(data):
    X, y = data
    K = RBF(gamma=0.1)(X)
    # Entries come from columns, which are asked for once.
    poor = Poor(K)
    pivots, F = rp_cholesky(poor, 20, random_state=0, block=25)
    wanted = rp_cholesky(K, 20, random_state=0, block=25)
    np.testing.assert_array_equal(pivots, wanted[0])
    np.testing.assert_array_equal(F, wanted[1])
    assert poor.counted % 25 == 0
    weight = np.linspace(0, 1, 300)
    for options in ({}, {"sample_weight": weight}):
        found, whole = pcg(Multiplying(K), y, 0.1, **options), pcg(K, y, 0.1, **options)
        np.testing.assert_allclose(found.coef, whole.coef, rtol=0, atol=2 * bound(y, 0.1))
        assert found.rank == whole.rank
    for verb in ("shape", "dtype", "diag", "columns"):
        for call in (lambda A: pcg(A, y, 0.1), lambda A: rp_cholesky(A, 5)):
            with pytest.raises(TypeError, match=rf"of type Multiplying, lacks {verb}.*Or pass the matrix as an array"):
                call(Multiplying(K, verb))
    with pytest.raises(TypeError, match="lacks operator @ V: it must have shape, dtype"):
        pcg(poor, y, 0.1)
    with pytest.raises(TypeError, match="of type list, lacks shape, dtype"):
        pcg(K.tolist(), y, 0.1)
    assert isinstance(as_operator(Poor(K), products=False), ByColumns)
    for operator in (RBF(gamma=0.1).operator(X), Dense(K), Weighted(Dense(K), weight), ByColumns(poor)):
        assert as_operator(operator) is operator
        assert all(hasattr(operator, verb) for verb in ("entries", "columns", "diag", "shape", "dtype", "__matmul__"))


def test_wrong_input(data):
    X, y = data
    operator = RBF(gamma=0.1).operator(X)
    for wrong in ({"tol": 0.0}, {"max_iter": 0}, {"rank": -1}):
        with pytest.raises(ValueError, match="tol must be positive, max_iter at least 1 and rank not negative"):
            pcg(operator, y, 1.0, **wrong)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        pcg(operator, y[1:], 1.0)
    with pytest.raises(ValueError, match="NaN"):
        pcg(operator, y * np.nan, 1.0)
    with pytest.raises(ValueError, match="non-negative"):
        pcg(operator, y, -1.0)
    with pytest.raises(ValueError, match=r"alpha has shape \(2,\)"):
        pcg(operator, y, [1.0, 2.0])
    with pytest.raises(ValueError, match="not symmetric"):
        pcg(np.triu(np.ones((300, 300))), y, 1.0)
    with pytest.raises(ValueError, match="square"):
        pcg(np.ones((300, 4)), y, 1.0)
