"""Kernel ridge against an oracle of 38 digits, over units, offsets, copies, weights, types and penalties."""

import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
import widelearn as wl
from fuzz import oracle
from fuzz.pairs import Pairs
from fuzz.problems import Problem
from widelearn import kernels

DTYPES = st.sampled_from(["float64", "float32"])
UNIT = st.integers(-8, 8)


@st.composite
def kernel_problems(draw):
    """Rows of one unit about an offset, some of them equal, with targets, weights and a penalty."""
    dtype, rng = draw(DTYPES), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, d = draw(st.integers(2, 40)), draw(st.integers(1, 4))
    unit = 10.0 ** draw(UNIT)
    X = ((rng.normal(size=(n + 5, d)) + draw(st.sampled_from([0.0, 3.0, 30.0]))) * unit).astype(dtype)
    for at in draw(st.lists(st.integers(0, n - 1), max_size=3)):
        X[at] = X[0]
    y = (rng.normal(size=(n, 2)) + draw(st.sampled_from([0.0, 100.0]))).astype(dtype)
    weight = draw(st.sampled_from([None, rng.integers(0, 3, n) + np.eye(n)[0], 10.0 ** rng.uniform(-4, 4, n)]))
    name = draw(st.sampled_from(["rbf", "linear", "laplace", "polynomial"]))
    return Problem(0, X[:n], y, weight, 10.0 ** draw(st.integers(-6, 3)), X[n:]), name, unit


def kernel_pair(name, unit):
    """A kernel of rows of some unit, and its formula in long doubles."""
    # Exactly the numbers that the kernel is given.
    gamma, length = 0.25 / unit**2, 2.0 * unit
    return {
        "rbf": (kernels.RBF(gamma=gamma), lambda X, Y: reference.rbf(X, Y, gamma)),
        "linear": (kernels.Linear(), reference.linear),
        "laplace": (kernels.Matern(length_scale=length, nu=0.5), lambda X, Y: matern(X, Y, length)),
        "polynomial": (kernels.Polynomial(2, gamma, 1.0), lambda X, Y: reference.polynomial(X, Y, 2, gamma, 1.0)),
    }[name]


def matern(X, Y, length):
    """exp(-‖x - y‖ / length)."""
    x, y = reference.pairs(reference.rows(X), reference.rows(Y))
    return np.exp(-np.sqrt(((x - y) ** 2).sum(axis=2)) / np.longdouble(length))


def kernel_fit(K, y, weight, alpha):
    """Dual coefficients and intercepts of rows with positive weights, in pairs of long doubles."""
    M = Pairs(K) + Pairs(np.diag(np.longdouble(alpha) / weight.astype(np.longdouble)))
    found = oracle.solve(M, Pairs(np.column_stack([y.astype(np.longdouble), np.ones(len(y))])))
    by_y, by_one = found[:, :-1], found[:, -1:]
    offset = by_y.sum(0) / by_one.sum(0)
    return by_y - by_one * offset, offset


@settings(max_examples=60)
@given(kernel_problems())
def test_kernel_ridge_loses_what_its_condition_takes_or_says_so(drawn):
    given, name, unit = drawn
    kernel, formula = kernel_pair(name, unit)
    kept = np.flatnonzero(given.weights)
    X, y, w = given.X[kept], given.columns[kept], given.weights[kept]
    K = formula(X, X)
    dual, offset = kernel_fit(K, y, w, given.alpha)
    points = np.concatenate([given.X, given.new])
    across = formula(points, X)
    truth = (Pairs(across) @ dual + offset).rounded()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        values = wl.KernelRidge(kernel, given.alpha).fit(given.X, given.y, given.weight).predict(points)
    # Entries rounded to the type move f by |k(x, X)| |a| eps, and the solution by what the norms of both allow.
    eps = np.finfo(given.dtype).eps
    size = np.abs(across) @ np.abs(dual.rounded()) + np.sqrt(
        np.trace(K) * (np.diag(K)[:, None] * dual.rounded() ** 2).sum(0)
    )
    allowed = 100 * eps * (size.astype(float) + np.abs(y).max(axis=0))
    assert (np.abs(values - truth) <= allowed).all() or caught, (np.abs(values - truth) / allowed).max()
