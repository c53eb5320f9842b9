"""LAPACK behind its door: every decomposition against NumPy's, orders and sizes of all kinds, errors, interrupts."""

import subprocess
import sys

import numpy as np
import pytest

from widelearn import _core
from widelearn.ridge import lapack

EPS = np.finfo(np.float64).eps
SIZES = [0, 1, 2, 17, 65, 150]
ORDERS = [np.ascontiguousarray, np.asfortranarray, lambda A: np.repeat(A, 2, axis=1)[:, ::2]]


def symmetric(rng, n, rank=None):
    rows = rng.standard_normal((n, rank or 2 * n + 1)) * 10.0 ** rng.uniform(-3, 3, (n, 1))
    return rows @ rows.T


def close(found, wanted, *, size, factor=30.0):
    """Backward stable: errors of a modest multiple of n eps times the size of the matrix."""
    n = max(len(wanted), 1)
    assert np.abs(found - wanted).max(initial=0.0) <= factor * n * EPS * size


@pytest.mark.parametrize("n", SIZES)
def test_eigenvalues_and_vectors(n, rng):
    for order in ORDERS:
        A = symmetric(rng, n, rank=max(n // 2, 1))
        size = np.linalg.norm(A)
        values, vectors = lapack.eigh(order(A.copy()))
        close(vectors * values @ vectors.T, A, size=size)
        close(vectors.T @ vectors, np.eye(n), size=1.0)
        assert (np.diff(values) >= 0).all()


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("targets", [0, 1, 5])
def test_systems(n, targets, rng):
    for order in ORDERS:
        A = symmetric(rng, n)
        A += np.diag(A.diagonal())
        B = order(rng.standard_normal((n, targets)))
        size = np.linalg.norm(A)
        L = lapack.cholesky(order(A.copy()))
        X = lapack.cholesky_solve(L, B)
        close(A @ X, B, size=size * np.abs(X).max(initial=0.0))
        inverse = np.linalg.inv(A)
        np.testing.assert_allclose(lapack.inverse_diagonal(L), inverse.diagonal(), rtol=1e-9)
        signs = np.where(np.arange(n) % 2, 1.0, -1.0)
        indefinite = A * 0.1 + np.diag(signs * A.diagonal())
        X, rcond = lapack.ldlt_solve(order(indefinite.copy()), B)
        close(indefinite @ X, B, size=size * np.abs(X).max(initial=0.0))
        assert 0.0 < rcond <= 1.0 or n == 0


@pytest.mark.parametrize("n", SIZES)
def test_a_singular_system_has_no_reciprocal_condition(n, rng):
    if n > 1:
        assert lapack.ldlt_solve(np.zeros((n, n)), np.ones((n, 1)))[1] == 0.0
        half = symmetric(rng, n, rank=1)
        assert lapack.ldlt_solve(half, np.ones((n, 1)))[1] < n * EPS


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("targets", [0, 1, 3])
def test_tridiagonal_form(n, targets, rng):
    A, B = symmetric(rng, n), rng.standard_normal((n, targets))
    d, e, right = lapack.tridiagonal(A.copy(), B)
    T = np.diag(d) + np.diag(e, 1) + np.diag(e, -1) if n else np.empty((0, 0))
    close(np.linalg.eigvalsh(T) if n else d, np.linalg.eigvalsh(A) if n else d, size=np.linalg.norm(A))
    # Functions of A and of T agree on the right-hand sides that went along.
    close(
        right.T @ T @ right, B.T @ A @ B, size=np.linalg.norm(A) * np.linalg.norm(B) ** 2 + 1.0, factor=30.0 * (n + 1)
    )
    close(np.linalg.norm(right, axis=0), np.linalg.norm(B, axis=0), size=np.linalg.norm(B) + 1.0, factor=30.0 * (n + 1))


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (1, 9), (9, 1), (50, 50), (200, 40), (40, 200), (130, 129)])
def test_triangle_and_singular_values(shape, rng):
    for order in ORDERS:
        A = rng.standard_normal(shape) * 10.0 ** rng.uniform(-4, 4, shape[1])
        R = lapack.triangle(order(A.copy()))
        k, size = min(shape), np.linalg.norm(A)
        assert R.shape == (k, shape[1])
        assert not np.tril(R, -1).any()
        close(R.T @ R, A.T @ A, size=size**2 + 1e-300, factor=60.0)
        u, values, vt = lapack.svd(order(A.copy()))
        assert (u.shape, values.shape, vt.shape) == ((shape[0], k), (k,), (k, shape[1]))
        close(u * values @ vt, A, size=size + 1e-300, factor=60.0)
        close(u.T @ u, np.eye(k), size=1.0, factor=60.0)
        close(lapack.svdvals(order(A.copy())), values, size=size + 1e-300, factor=60.0)
        Q, R = lapack.qr(order(A.copy()))
        assert (Q.shape, R.shape) == ((shape[0], k), (k, shape[1]))
        assert not np.tril(R, -1).any()
        close(Q @ R, A, size=size + 1e-300, factor=60.0)
        close(Q.T @ Q, np.eye(k), size=1.0, factor=60.0)


@pytest.mark.parametrize("n", SIZES)
def test_eigenvalues_of_a_tridiagonal_matrix(n, rng):
    d, e = rng.standard_normal(n) * 10.0 ** rng.uniform(-3, 3, n), rng.standard_normal(max(n - 1, 0))
    T = np.diag(d) + np.diag(e, 1) + np.diag(e, -1) if n else np.empty((0, 0))
    given = d.copy(), e.copy()
    values, vectors = lapack.tridiagonal_eigh(d, e)
    close(vectors * values @ vectors.T, T, size=np.linalg.norm(T) + 1e-300)
    close(vectors.T @ vectors, np.eye(n), size=1.0)
    close(lapack.tridiagonal_eigvalsh(d, e), values, size=np.linalg.norm(T) + 1e-300)
    np.testing.assert_array_equal(np.r_[d, e], np.r_[given])


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_triangular_systems(lower, transposed, rng):
    for n in SIZES:
        for order in ORDERS:
            T = rng.standard_normal((n, n)) / (n + 1) + np.eye(n)
            triangle = np.tril(T) if lower else np.triu(T)
            B = order(rng.standard_normal((n, 4)))
            T = order(T)
            T.setflags(write=False)
            X = lapack.triangular_solve(T, B, lower=lower, transposed=transposed)
            close((triangle.T if transposed else triangle) @ X, B, size=10.0 * (1 + np.abs(X).max(initial=0.0)))


def test_what_cannot_be_done_says_so():
    with pytest.raises(np.linalg.LinAlgError, match="NaN"):
        lapack.eigh(np.full((80, 80), np.nan))
    with pytest.raises(np.linalg.LinAlgError):
        lapack.cholesky(-np.eye(3))
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        lapack.inverse_diagonal(np.zeros((4, 4)))
    # Nothing is touched of a matrix that is too large: this one is of zeros that the system never made.
    huge = np.broadcast_to(0.0, (40_000, 40_000))
    with pytest.raises((ValueError, MemoryError)):
        _core.symmetric_eigen(huge, np.empty(40_000), True)


@pytest.mark.parametrize(
    "call",
    [
        lambda a, v: _core.symmetric_eigen(a[:2], v, True),
        lambda a, v: _core.symmetric_eigen(a, v[:2], True),
        lambda a, v: _core.symmetric_eigen(a.astype(np.float32), v, True),
        lambda a, v: _core.symmetric_tridiagonal(a, v, v, a),
        lambda a, v: _core.symmetric_tridiagonal(a, v, v[:2].copy(), a[:, :2].copy()),
        lambda a, v: _core.ldlt_solve(a, a[:2].copy(), a, a),
        lambda a, v: _core.ldlt_solve(a, a.copy(), a, a[:2].copy()),
        lambda a, v: _core.solve_factored(a, a[:, :2].copy()),
        lambda a, v: _core.inverse_diagonal(a[:, :2].copy(), v),
        lambda a, v: _core.inverse_diagonal(a.copy(), v[:2].copy()),
        lambda a, v: _core.solve_triangle(a, a[:, :2].copy(), True, True),
        lambda a, v: _core.orthogonal_triangle(a.T),
        lambda a, v: _core.singular_values(a, v[:1].copy(), (a.copy(), a.copy())),
        lambda a, v: _core.singular_values(a, v, (a[:2].copy(), a.copy())),
        lambda a, v: _core.singular_values(a, v, (a.copy(), a[:2].copy())),
    ],
)
def test_shapes_and_types_are_refused(call):
    with pytest.raises((ValueError, TypeError)):
        call(np.eye(3) + np.triu(np.ones((3, 3))), np.ones(3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_singular_values_of_what_is_not_finite_are_refused(value):
    A = np.random.default_rng(0).standard_normal((12, 3))
    A[7, 0] = value
    with pytest.raises(np.linalg.LinAlgError, match="NaN or infinity"):
        lapack.svd(A)


def test_a_call_left_behind_keeps_its_arrays_and_the_process_ends(script):
    """The process ends while LAPACK still works: no crash, and no wait for it."""
    code = """
import _thread, sys, threading, time
import numpy as np
from widelearn.ridge import lapack

ticks = []

def tick():
    while True:
        ticks.append(time.perf_counter())
        time.sleep(0.01)

threading.Thread(target=tick, daemon=True).start()
A = np.random.default_rng(0).standard_normal((2600, 2600))
A += A.T
for _ in range(2):
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    start = time.perf_counter()
    try:
        lapack.eigh(A.copy())
        raise SystemExit(f"it was over after {time.perf_counter() - start:.2f} s")
    except KeyboardInterrupt:
        answered = time.perf_counter() - start - 0.5
    assert answered < 2.0, answered
gaps = np.diff(ticks)
assert len(ticks) > 20 and gaps.max() < 2.0, (len(ticks), gaps.max())
"""
    script(code, timeout=120)


def test_a_process_that_leaves_a_call_behind_keeps_its_status_and_its_output():
    """The libraries' destructors do not run under the call; what was written and the exit status stay."""
    code = """
import _thread, sys, threading, time
import numpy as np
from widelearn.ridge import lapack

A = np.ones((3000, 3000))
A += np.diag(np.arange(3000.0))
threading.Timer(0.3, _thread.interrupt_main).start()
try:
    lapack.eigh(A)
except KeyboardInterrupt:
    sys.stdout.write("left behind")
    sys.exit(3)
"""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (3, "left behind", "")
