"""Ridge against an oracle of 38 digits, over units, offsets, copies, shapes, weights, types and penalties."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from fuzz.problems import Problem, harsh_problem, problem
from fuzz.ridge_problems import FAILURES, outcomes

DTYPES = st.sampled_from(["float64", "float32"])
UNIT = st.integers(-8, 8)


@st.composite
def ridge_problems(draw):
    """Problems that hypothesis can shrink: each column has a unit and an offset of its own."""
    dtype, rng = draw(DTYPES), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p, t = draw(st.integers(2, 40)), draw(st.integers(1, 12)), draw(st.integers(1, 2))
    units = 10.0 ** np.array(draw(st.lists(UNIT, min_size=p, max_size=p)))
    power = st.integers(0, 8 if dtype == "float64" else 3)
    offsets = np.array([10.0**k if k else 0.0 for k in draw(st.lists(power, min_size=p, max_size=p))])
    X = ((rng.normal(size=(n + 5, p)) + offsets) * units).astype(dtype)
    y = (rng.normal(size=(n, t)) + draw(st.sampled_from([0.0, 10.0]))).astype(dtype)
    for at in draw(st.lists(st.integers(0, n - 1), max_size=3)):
        X[at], y[at] = X[0], y[0]
    if draw(st.booleans()):
        X[:, -1] = X[:, 0]
    weight = draw(st.sampled_from([None, rng.integers(0, 3, n) + np.eye(n)[0], 10.0 ** rng.uniform(-4, 4, n)]))
    if np.ptp(y, axis=0).min() == 0:
        y += np.arange(n, dtype=dtype)[:, None]
    return Problem(0, X[:n], y if t > 1 else y[:, 0], weight, 10.0 ** draw(st.integers(-6, 6)), X[n:])


def failures(found):
    """What silent failures, needless warnings and exceptions there are."""
    return [f"{one.method}: {one.verdict}: {one}"[:300] for one in found if one.verdict in FAILURES]


# Without shrinking: a problem of a seed is small enough, and its fits take their time.
@settings(max_examples=100, phases=[Phase.generate])
@given(ridge_problems())
def test_ridge_of_any_units_is_within_its_bound_or_says_so(given):
    assert failures(outcomes(given)) == []


@pytest.mark.parametrize("start", range(0, 150, 30))
def test_predictions_of_seeded_problems_have_no_silent_failure(start):
    assert failures(one for seed in range(start, start + 30) for one in outcomes(problem(seed), "Ridge")) == []


def test_paths_of_seeded_problems_have_no_silent_failure():
    assert failures(one for seed in range(150) for one in outcomes(problem(seed), "ridge.")) == []


# Ratios of 1e13 to 1e16 between the largest singular value and the root of the penalty.
@pytest.mark.parametrize("seed", [144, 330, 496, 1810, 2494])
def test_rows_that_dwarf_small_penalties_are_solved_without_a_warning(seed):
    assert [(one.verdict, one.warning) for one in outcomes(problem(seed), "ridge.")] == [("within", "")] * 2


def test_left_out_errors_of_seeded_problems_are_those_of_refits():
    # All of few rows, and a sample of the others.
    drawn = (given for seed, given in enumerate(map(problem, range(150))) if len(given.y) <= 40 or seed % 10 < 2)
    assert failures(one for given in drawn for one in outcomes(given, "left out", left_out=True)) == []


def test_left_out_errors_beside_rows_far_out_are_those_of_refits():
    drawn = (given for given in map(harsh_problem, range(60)) if len(given.y) <= 60)
    assert failures(one for given in drawn for one in outcomes(given, "left out", left_out=True)) == []
