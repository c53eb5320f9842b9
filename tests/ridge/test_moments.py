"""Moments joined, and how far from zero their means are, beside the rows themselves in long doubles."""

import numpy as np
import pytest

from widelearn.ridge.dual_rows import StoredRows
from widelearn.ridge.moments import Moments
from widelearn.ridge.row_spectrum import RowSpectrum
from widelearn.ridge.symmetric_systems import Solution

STATE = ("mean_z", "rest_z", "mean_y", "zz", "zy", "yy")


def moments(Z, y, weight):
    found = Moments(Z.shape[1], y.shape[1])
    return found.update(Z, y, weight) if len(Z) else found


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("cut", [0, 1, 4, 9, 10])
def test_joined_moments_are_those_of_all_rows(cut, weighted, rng):
    Z, y = rng.standard_normal((10, 3)) + 5.0, rng.standard_normal((10, 2))
    weight = rng.uniform(0.1, 4.0, 10) if weighted else np.ones(10)
    first, second = (moments(Z[k], y[k], weight[k]) for k in (slice(cut), slice(cut, None)))
    before = {name: getattr(first, name).copy() for name in STATE}
    both, wanted = first.joined(second), moments(Z, y, weight)
    assert both.weight == pytest.approx(wanted.weight, rel=1e-14)
    for name in ("mean_y", "zz", "zy", "yy"):
        np.testing.assert_allclose(getattr(both, name), getattr(wanted, name), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(both.mean_z + both.rest_z, wanted.mean_z + wanted.rest_z, rtol=1e-14)
    # The first stays as it was.
    assert first.weight == pytest.approx(weight[:cut].sum(), rel=1e-14)
    for name in STATE:
        np.testing.assert_array_equal(getattr(first, name), before[name])


def spreads_away(Z, weight):
    """How many spreads the farthest mean is from zero, of columns that vary."""
    Z, w = Z[:, np.ptp(Z, axis=0) > 0.0].astype(np.longdouble), weight.astype(np.longdouble)
    mean = w @ Z / w.sum()
    return float(np.sqrt((mean**2 * w.sum() / (w @ (Z - mean) ** 2)).max(initial=0.0)))


@pytest.mark.parametrize("seed", range(20))
def test_distances_from_zero_are_those_of_the_rows(seed):
    """Columns of any unit and mean, constant ones among them: by moments, by singular vectors, by inner products."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(3, 30)), int(rng.integers(3, 40))
    Z = (rng.standard_normal((n, p)) + 10.0 ** rng.uniform(-3, 4, p)) * 10.0 ** rng.uniform(-3, 3, p)
    Z[:, 0], Z[:, 1] = 8.0, 0.0
    y, weight, cut = rng.standard_normal((n, 1)), rng.uniform(0.1, 9.0, n), n // 2
    wanted = pytest.approx(spreads_away(Z, weight), rel=1e-8)
    batches = moments(Z[:cut], y[:cut], weight[:cut]).update(Z[cut:], y[cut:], weight[cut:])
    assert batches.equations(True).distance == wanted
    assert batches.equations(False).distance == 0.0
    assert RowSpectrum(Z, y, weight, fit_intercept=True).distance == wanted
    assert RowSpectrum(Z, y, weight, fit_intercept=False).distance == 0.0
    dual = Solution(rng.standard_normal((n, 1)), np.zeros(1), "cholesky")
    found = StoredRows(Z, True).primal(dual, Z.dtype)
    assert found.distance == pytest.approx(spreads_away(Z, np.ones(n)), rel=1e-8)
    np.testing.assert_allclose(found.coef, (Z - found.center).T @ dual.coef, rtol=1e-9, atol=1e-12 * np.abs(Z).max())


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("targets", [None, 1, 2])
def test_solving_once_is_solving(targets, fit_intercept, rng):
    Z, y = rng.standard_normal((9, 3)), rng.standard_normal(9 if targets is None else (9, targets))
    found = Moments(3, targets or 1).update(Z, y)
    coef, intercept = found.solve(0.5, fit_intercept)
    once = found.solve_once(0.5, fit_intercept)
    assert coef.shape == (3, *y.shape[1:])
    np.testing.assert_array_equal(once[0], coef)
    np.testing.assert_array_equal(once[1], intercept)
    assert found.weight == 0.0
