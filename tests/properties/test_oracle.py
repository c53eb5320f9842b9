"""The campaign's oracle against mpmath at 50 digits, and against refits."""

import mpmath
import numpy as np
import pytest

from fuzz import oracle
from fuzz.pairs import Pairs
from fuzz.problems import problem

exact = np.vectorize(lambda value: mpmath.mpf(float(value)), otypes=[object])


def mpmath_fit(given, *, intercept):
    """Predictions at the new rows, by the normal equations in 50 digits."""
    X, y, new, w = (exact(a) for a in (given.X, given.columns, given.new, given.weights[:, None]))
    mean_X, mean_y = ((w * X).sum(axis=0) / w.sum(), (w * y).sum(axis=0) / w.sum()) if intercept else (0, 0)
    X, y = X - mean_X, y - mean_y
    left = (w * X).T @ X + mpmath.mpf(given.alpha) * exact(np.eye(X.shape[1]))
    columns = [mpmath.lu_solve(mpmath.matrix(left.tolist()), mpmath.matrix(list(b))) for b in ((w * X).T @ y).T]
    return (new - mean_X) @ np.array([list(column) for column in columns], dtype=object).T + mean_y


@pytest.mark.parametrize("intercept", [False, True])
def test_oracle_keeps_twice_the_digits_of_a_double(intercept):
    # A condition number of up to 1e24 of problems of up to 8 columns leaves a dozen of 38 digits.
    small = [one for one in map(problem, range(200)) if one.X.shape[1] <= 8][:20]
    assert len(small) == 20
    with mpmath.workdps(50):
        for given in small:
            found = oracle.fit(
                oracle.sums(given.X, given.columns, given.weights, fit_intercept=intercept), given.alpha
            ).values(given.new)
            gap = np.abs(whole(found) - mpmath_fit(given, intercept=intercept))
            assert (gap <= 1e-12 * given.spread).all(), str(given)


def whole(pairs):
    """Pairs of long doubles as mpmath's numbers: a long double is the sum of two doubles."""
    halves = [half.astype(np.float64) for half in (pairs.high, pairs.low)]
    rest = [(half - double).astype(np.float64) for half, double in zip((pairs.high, pairs.low), halves, strict=True)]
    return sum(map(exact, [*halves, *rest]))


@pytest.mark.parametrize("intercept", [False, True])
def test_left_out_values_are_those_of_refits(intercept):
    for given in map(problem, range(0, 60, 6)):
        kept = np.flatnonzero(given.weights)
        X, y, w = given.X[kept], given.columns[kept], given.weights[kept]
        found = oracle.left_out(X, y, w, given.alpha, fit_intercept=intercept)
        for i in range(min(len(X), 5)):
            others = np.arange(len(X)) != i
            refit = oracle.fit(oracle.sums(X[others], y[others], w[others], fit_intercept=intercept), given.alpha)
            assert np.abs((refit.values(X[i : i + 1])[0] - found[i]).rounded() / given.spread).max() <= 1e-12


def test_pairs_carry_thirty_digits():
    third = Pairs(1.0) / 3
    assert abs((third + third + third - 1).rounded()) < 1e-30
    two = Pairs(2.0).sqrt()
    assert abs((two * two - 2).rounded()) < 1e-30
    rng = np.random.default_rng(0)
    A, B = Pairs(rng.normal(size=(3, 4, 5))), Pairs(rng.normal(size=(3, 5, 2)))
    assert np.allclose((A @ B).rounded(), A.high @ B.high, rtol=1e-15, atol=1e-15)
    assert np.array_equal((A.T.T - A).rounded(), np.zeros(A.shape))
