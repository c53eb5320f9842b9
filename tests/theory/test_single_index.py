"""Overlaps, escapes, leaps and the first gradient step, against flows and simulation."""

import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from simulation import proves
from widelearn.theory import (
    correlation_flow,
    escape_time,
    hermite_coefficients,
    information_exponent,
    leap,
    one_step_overlap,
    one_step_risk,
)


def test_one_step_overlap(rng):
    d, noise = 200, 0.1
    for n in (100, 400, 1600):
        rows = []
        for _ in range(40):
            X = rng.standard_normal((n, d))
            y = np.maximum(X[:, 0], 0) + np.sqrt(noise) * rng.standard_normal(n)
            g = X.T @ (y - y.mean())
            rows.append(g[0] ** 2 / (g @ g))
        proves(rows, one_step_overlap("relu", n, d, noise), 0.04)
    assert one_step_overlap("cos", 100, 10) == 0


def test_information_exponents():
    names = {"relu": 1, "tanh": 1, "quadratic": 2, "cubic": 1, "hermite4": 4, "cos": 2}
    assert {name: information_exponent(name) for name in names} == names
    with pytest.raises(ValueError, match="constant up to degree 30"):
        information_exponent("hermite0")


def test_correlation_flow(rng):
    """Against the flow of w on the sphere in d = 50, gradients of E[y f] by Gauss-Hermite in the plane of w and u."""
    d, m0 = 50, 0.2
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / np.sqrt(2 * np.pi)
    t = np.outer(nodes, np.ones(60)), np.outer(np.ones(60), nodes)
    w = np.zeros(d)
    w[0], w[1] = m0, np.sqrt(1 - m0**2)

    def flow(_, w):
        m = w[0]
        x = t[0], m * t[0] + np.sqrt(1 - m * m) * t[1]  # ⟨u, x⟩ and ⟨w, x⟩
        # ∇_w E[φ(⟨u,x⟩) σ(⟨w,x⟩)], projected on the sphere: only its component along u - m w is left
        slope = (np.tanh(x[0]) * (1 - np.tanh(x[1]) ** 2) * (x[0] - m * x[1])) / (1 - m * m)
        size = weights @ slope @ weights
        direction = -m * w
        direction[0] += 1
        return size * direction

    times = [0.0, 1.0, 3.0]
    full = solve_ivp(flow, (0, 3), w, t_eval=times, rtol=1e-9, atol=1e-10).y[0]
    np.testing.assert_allclose(correlation_flow("tanh", "tanh", m0, times, degree=80), full, atol=1e-6)
    with pytest.raises(ValueError, match="m0 must lie between"):
        correlation_flow("tanh", "tanh", 2.0, times)


@pytest.mark.parametrize(("name", "d"), [("relu", 1e3), ("hermite2", 1e3), ("hermite3", 1e4), ("hermite4", 1e2)])
def test_the_flow_is_out_at_the_escape_time(name, d):
    for overlap in (0.3, 0.9):
        time = escape_time(name, name, d, overlap)
        assert correlation_flow(name, name, d**-0.5, [0.0, time])[-1] == pytest.approx(overlap, rel=1e-6)


def test_escape_times_grow_as_the_exponent_says():
    """By the integral's leading term: constant, log(d)/4, and √d/3 for h_3, whose flow is 3 m² (1 - m²)."""
    d = 10.0 ** np.arange(6, 13)
    times = escape_time("hermite1", "hermite1", d)
    assert np.ptp(times) < 2e-3
    np.testing.assert_allclose(np.diff(escape_time("hermite2", "hermite2", d)), np.log(10) / 4, rtol=1e-5)
    np.testing.assert_allclose(escape_time("hermite3", "hermite3", d), np.sqrt(d) / 3, rtol=2e-3)
    # the prediction itself: a rate a tenth larger is refused
    assert not np.allclose(np.diff(escape_time("hermite2", "hermite2", d)), 1.1 * np.log(10) / 4, rtol=1e-2)


def test_escapes_that_never_or_always_happen():
    assert escape_time("relu", "relu", 3.0, 0.5) == 0
    # coefficients of opposite signs repel, and those of other degrees do not see each other
    opposite = hermite_coefficients("relu", 1)[1] * hermite_coefficients(lambda t: -np.maximum(t, 0), 1)[1]
    assert opposite < 0
    assert escape_time("relu", lambda t: -np.maximum(t, 0), 100.0) == np.inf
    assert escape_time("hermite2", "hermite3", 100.0) == np.inf
    with pytest.raises(ValueError, match="overlap must be below 1"):
        escape_time("relu", "relu", 100.0, 1.0)


def test_leaps_are_the_best_of_all_orders(rng):
    """Against every order of the terms."""

    def worst(order):
        known, largest = set(), 0
        for term in order:
            largest = max(largest, sum(place not in known for place in term))
            known |= set(term)
        return largest

    for _ in range(60):
        terms = [tuple(rng.integers(0, 5, rng.integers(0, 5))) for _ in range(rng.integers(1, 6))]
        assert leap(terms) == min(map(worst, itertools.permutations(terms)))
    assert leap([(0,), (0, 1), (0, 1, 2)]) == 1
    assert leap([(0, 1, 2)]) == 3
    for degree in (1, 2, 5):
        assert leap([(0,) * degree, (0,) * 7]) == information_exponent(f"hermite{degree}")
    for wrong in ([], "01", [(0.5,)], [(-1,)]):
        with pytest.raises(ValueError, match="terms"):
            leap(wrong)


@pytest.mark.parametrize("n", [200, 800, 3200])
def test_what_the_first_direction_leaves(rng, n):
    """The best function of ⟨v, x⟩ by regression on its Hermite polynomials, v along X'(y - ȳ), d = 200."""
    d, rows = 200, []
    for _ in range(40):
        X = rng.standard_normal((n, d))
        y = np.maximum(X[:, 0], 0) + 0.5 * rng.standard_normal(n)
        v = X.T @ (y - y.mean())
        m = v[0] / np.linalg.norm(v)
        z = rng.standard_normal((2, 20_000))
        t, truth = z[0], np.maximum(m * z[0] + np.sqrt(1 - m**2) * z[1], 0)
        H = np.polynomial.hermite_e.hermevander(t, 8)
        fit = H @ np.linalg.lstsq(H, truth, rcond=None)[0]
        rows.append(np.mean((truth - fit) ** 2) * len(t) / (len(t) - 9))
    # nine degrees leave a little more, and the ratio of expectations is off by terms of order 1/d
    proves(rows, one_step_risk("relu", n, d, noise=0.25), 0.03)


def test_series_end():
    with pytest.raises(ValueError, match="degree must be a whole number of at least 1 and at most 10000, got 1000000"):
        correlation_flow("relu", "relu", m0=0.1, t=1.0, degree=1_000_000)
