"""Functions that users give may write into what they are given, and fill the same arrays at every call."""

import numpy as np
import pytest

import widelearn as wl
from widelearn import theory
from widelearn.diagnostics import Snapshots, laziness
from widelearn.kernels import Empirical, jacobians
from widelearn.theory import trajectories

X = np.random.default_rng(0).standard_normal((14, 4))
Z = np.random.default_rng(1).standard_normal((6, 4))
y = X[:, 0] - X[:, 1]
A = np.random.default_rng(2).standard_normal((4, 7))


def spoiling(function):
    """The same values; what was given is overwritten."""

    def spoils(*given):
        found = function(*given)
        for one in given:
            one[...] = np.nan
        return found

    return spoils


def jacobian(X):
    return np.tanh(X @ A)


def factors(X):
    return [
        (np.tanh(X @ A), 2 * X),
        (np.sin(X @ A[:, :6]).reshape(-1, 2, 3), np.cos(X @ A[:, 1:]).reshape(-1, 2, 3)),
        -X,
    ]


def same_rows(X, Y):
    """A kernel that may say of the same block that pairs are equal."""
    return np.exp(-((X[:, None] - Y) ** 2).sum(axis=2)) + (X is Y) * np.eye(len(X), len(Y))


def path(wrap):
    thetas = np.random.default_rng(3).standard_normal((3, 4)) + 2.0
    return Snapshots(thetas, wrap(lambda theta, X: np.sin(X @ theta)), wrap(lambda t, X: np.cos(X @ t)[:, None] * X))


CALLS = {
    "jacobian": lambda wrap: Empirical(wrap(jacobian))(X),
    "jacobian, other rows": lambda wrap: Empirical(wrap(jacobian))(X, Z),
    "jacobian, products": lambda wrap: Empirical(wrap(jacobian)).dot(X, None, y),
    "vjp": lambda wrap: Empirical(vjp=wrap(lambda X, U: (jacobian(X) * U).sum(axis=0)))(X),
    "vjp and jvp": lambda wrap: Empirical(
        vjp=wrap(lambda X, U: (jacobian(X) * U).sum(axis=0)), jvp=wrap(lambda X, theta: jacobian(X) @ theta)
    ).dot(X, Z, np.ones(6)),
    "factors": lambda wrap: Empirical(factors=wrap(factors))(X, Z),
    "factors, products": lambda wrap: Empirical(factors=wrap(factors)).dot(X, Z, np.ones(6)),
    "kernel": lambda wrap: wl.kernels.as_kernel(wrap(same_rows))(X),
    "kernel, other rows": lambda wrap: wl.kernels.as_kernel(wrap(same_rows))(X, Z),
    "kernel ridge": lambda wrap: wl.KernelRidge(wrap(same_rows)).fit(X, y).predict(Z),
    "linearize": lambda wrap: wl.linearize(wrap(lambda X: X.sum(axis=1)), wrap(jacobian)).fit(X, y).predict(Z),
    "snapshots": lambda wrap: laziness(path(wrap), X, Z, y).drift,
    "activation of theory": lambda wrap: theory.hermite_coefficients(wrap(np.tanh), 5),
    "kernel of theory": lambda wrap: theory.kernel_spectrum(wrap(np.exp), 8, 4).eigenvalues,
    "nngp": lambda wrap: theory.nngp_posterior(wrap(same_rows), X, y, Z).mean,
    "link": lambda wrap: (
        theory.multi_index_flow(wrap(lambda z: 2 * z[:, 0]), [[0.1], [0.2]], [0.5, 0.6], [0.0, 1.0]).risk
    ),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("panels", [False, True])
def test_functions_may_write_into_what_they_are_given(monkeypatch, call, panels):
    if panels:
        monkeypatch.setattr(jacobians, "PANEL_BYTES", 200)
    given = [one.copy() for one in (X, Z, y)]
    wanted, found = CALLS[call](lambda function: function), CALLS[call](spoiling)
    np.testing.assert_array_equal(found, wanted)
    for now, before in zip((X, Z, y), given, strict=True):
        np.testing.assert_array_equal(now, before)


def test_activations_that_write_are_refused():
    """Their arrays are large and looked at again: they are given to read."""

    def writes(t):
        t *= 2.0
        return np.tanh(t)

    with pytest.raises(ValueError, match=r"failed on an array .*read-only"):
        wl.kernels.NNGP(activation=(writes,))(X)


@pytest.mark.parametrize("rows", [1, 2, 5, 14])
def test_a_jacobian_may_fill_the_same_array_at_every_call(monkeypatch, rows):
    out = np.empty((14, 7))

    def fills(X):
        out[: len(X)] = jacobian(X)
        return out[: len(X)]

    monkeypatch.setattr(jacobians, "PANEL_BYTES", 8 * 7 * rows)
    np.testing.assert_array_equal(Empirical(fills)(X), Empirical(jacobian)(X))
    np.testing.assert_array_equal(Empirical(fills)(X, Z), Empirical(jacobian)(X, Z))


def test_factors_may_fill_the_same_arrays_at_every_call(monkeypatch):
    out = [(np.empty((14, 7)), np.empty((14, 4))), (np.empty((14, 2, 3)), np.empty((14, 2, 3))), np.empty((14, 4))]

    def fills(X):
        for layer, made in zip(out, factors(X), strict=True):
            for room, values in zip(layer, made, strict=True) if isinstance(layer, tuple) else [(layer, made)]:
                room[: len(X)] = values
        return [tuple(x[: len(X)] for x in one) if isinstance(one, tuple) else one[: len(X)] for one in out]

    for size in (200, 3000, 1 << 20):
        monkeypatch.setattr(jacobians, "PANEL_BYTES", size)
        np.testing.assert_array_equal(Empirical(factors=fills)(X), Empirical(factors=factors)(X))
        np.testing.assert_array_equal(Empirical(factors=fills)(X, Z), Empirical(factors=factors)(X, Z))


HUGE = [[10**400, 0.0], [1.0, 2.0]]


@pytest.mark.parametrize(
    "call",
    [
        lambda: theory.multi_index_flow(lambda z: [10**400] * len(z), [[1.0]], [0.1], [0.0, 1.0]),
        lambda: theory.hermite_coefficients(lambda t: np.array([10**400] * t.size, object).reshape(t.shape), 3),
        lambda: Snapshots(HUGE, lambda t, X: X, lambda t, X: X),
        lambda: laziness(Snapshots(np.eye(2), lambda t, X: X[:, 0], lambda t, X: X), HUGE),
    ],
)
def test_numbers_beyond_float64_are_refused_by_name(call):
    with pytest.raises(ValueError, match=r"numbers that float64 can hold"):
        call()


def test_flows_of_many_neurons_end_after_some_seconds(monkeypatch):
    """Stiff flows take as many steps as they may, each of all neurons at all nodes."""
    monkeypatch.setattr(trajectories, "VALUES", 1e5)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"in 1000 steps\. Stop earlier, or take fewer particles or nodes"):
        theory.multi_index_flow(
            lambda z: z[:, 0] * z[:, 1], rng.standard_normal((9, 2)), np.full(9, 0.1), [0.0, 1e5], scale=300.0
        )
