"""Ridge problems of columns in unlike units, far from zero, nearly collinear: against an oracle of 38 digits."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning

from fuzz import oracle
from widelearn import ridge
from widelearn.ridge import Moments
from widelearn.ridge.primal_systems import PrimalSolver
from widelearn.ridge.row_passes import RowPasses

SEEDS = range(12)


def problem(seed, n=None, offsets=8):
    """Rows, targets, weights and a penalty; units 1e-6..1e6, offsets up to so many powers of ten of a spread."""
    rng = np.random.default_rng(seed)
    p = int(rng.integers(2, 16))
    n = n or int(rng.integers(2 * p, 8 * p))
    standard = rng.standard_normal((n, p))
    offset = rng.choice([-1, 1], p) * 10.0 ** rng.uniform(-1, offsets, p) if offsets else 0.0
    Z = (standard + offset) * 10.0 ** rng.uniform(-6, 6, p)
    y = np.column_stack([standard[:, :2].sum(axis=1), standard[:, -1]]) + 0.1 * rng.standard_normal((n, 2))
    weight = rng.uniform(0.5, 2.0, n) if seed % 2 else np.ones(n)
    return Z, y, weight, float(10.0 ** rng.uniform(-6, 6))


def exact(Z, y, weight, alpha, fit_intercept):
    return oracle.fit(oracle.sums(Z, y, weight, fit_intercept=fit_intercept), alpha)


def quiet(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return call()


@pytest.mark.parametrize("seed", SEEDS)
def test_moments_and_the_centre_give_the_fit(seed):
    Z, y, weight, alpha = problem(seed)
    found = quiet(lambda: Moments(Z.shape[1], 2).update(Z, y, weight).solution(alpha, True))
    fitted = (Z - found.center) @ found.coef + found.offset
    wanted = exact(Z, y, weight, alpha, True).values(Z).rounded()
    # Moments square the condition number of the columns, which is below 1e3 here.
    assert np.abs(fitted - wanted).max() <= 1e-10


@pytest.mark.parametrize("seed", SEEDS)
def test_batches_in_any_order_have_one_mean(seed):
    Z, y, weight, alpha = problem(seed)
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(Z), 4))
    parts = [rows for rows in np.split(np.arange(len(Z)), cuts) if len(rows)]
    whole, forth, back = (Moments(Z.shape[1], 2) for _ in range(3))
    whole.update(Z, y, weight)
    for rows in parts:
        forth.update(Z[rows], y[rows], weight[rows])
    for rows in parts[::-1]:
        back.merge(Moments(Z.shape[1], 2).update(Z[rows], y[rows], weight[rows]))
    spread = np.sqrt(whole.zz.diagonal() / whole.weight)
    for other in (forth, back):
        gap = (other.mean_z - whole.mean_z) + (other.rest_z - whole.rest_z)
        assert np.abs(gap / spread).max() <= 1e-13
        one, two = whole.solution(alpha, True), other.solution(alpha, True)
        fits = [(Z - found.center) @ found.coef + found.offset for found in (one, two)]
        assert np.abs(fits[0] - fits[1]).max() <= 1e-9


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("offsets", [0, 4])
def test_solve_and_path(seed, offsets):
    Z, y, weight, alpha = problem(seed, offsets=offsets)
    alphas = [alpha, alpha / 100, alpha * 100]
    found = ridge.path(Z, y, alphas, sample_weight=weight)
    for coef, penalty in zip([*found, ridge.solve(Z, y, alpha, sample_weight=weight)], [*alphas, alpha], strict=True):
        wanted = exact(Z, y, weight, penalty, False).values(Z).rounded()
        # Offsets of 1e4 spreads, not centred, cost as many digits in products with the rows.
        assert np.abs(Z @ coef - wanted).max() <= max(1e-9, 10.0 ** (offsets - 11))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rows", ["many", "few more than columns"])
def test_left_out_predictions(seed, rows):
    p = problem(seed)[0].shape[1]
    Z, y, weight, alpha = problem(seed, n=p + 1 + seed % 3 if rows != "many" else None, offsets=2)
    found = ridge.loo(Z, y, [alpha, alpha / 1e4], sample_weight=weight)
    for left, penalty in zip(found, [alpha, alpha / 1e4], strict=True):
        wanted = oracle.left_out(Z, y, weight, penalty, fit_intercept=False).rounded()
        assert np.abs(left - wanted).max() <= 1e-6 * max(np.abs(wanted).max(), 1.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_gcv_is_its_definition_and_positive(seed):
    Z, y, weight, alpha = problem(seed, offsets=0)
    alphas = [alpha, alpha / 1e3, 1e-9]
    found = ridge.gcv(Z, y, alphas, sample_weight=weight)
    moments = Moments(Z.shape[1], 2).update(Z, y, weight)
    alone = moments.gcv(alphas)
    root, n = np.sqrt(weight)[:, None], weight.sum()
    for j, penalty in enumerate(alphas):
        fit = exact(Z, y, weight, penalty, False)
        rss = ((root * (y - fit.values(Z).rounded())) ** 2).sum(axis=0)
        units = 1 / np.sqrt((root**2 * Z**2).sum(axis=0) + penalty)
        stacked = np.vstack([root * Z * units, np.diag(penalty**0.5 * units)])
        share = np.linalg.qr(stacked)[0][: len(Z)]
        wanted = n * rss / (n - (share**2).sum()) ** 2
        np.testing.assert_allclose(found[j], wanted, rtol=1e-7)
        np.testing.assert_allclose(alone[j], wanted, rtol=1e-6)


def test_gcv_of_targets_without_noise_is_small_but_positive(rng):
    Z = rng.standard_normal((60, 5)) * 10.0 ** np.arange(-4, 6, 2)
    y = Z @ (1 / np.arange(1, 6) / 10.0 ** np.arange(-4, 6, 2))
    for found in (ridge.gcv(Z, y, [1e-12, 1e-9, 1.0]), Moments(5).update(Z, y).gcv([1e-12, 1e-9, 1.0])):
        assert (found > 0).all()
        assert found.argmin() < 2


@pytest.mark.parametrize("noise", [1e-5, 1e-7, 1e-9, 1e-11])
@pytest.mark.parametrize("alpha", [0.0, 1e-10])
def test_nearly_equal_columns(noise, alpha, rng):
    Z = rng.standard_normal((80, 6))
    Z[:, 1] = Z[:, 0] + noise * rng.standard_normal(80)
    y = Z[:, 0] + rng.standard_normal(80)
    wanted = exact(Z, y[:, None], np.ones(80), alpha, True).values(Z).rounded()[:, 0]
    rows = RowPasses(lambda: [(slice(0, 80), Z)], y[:, None], None)
    found = quiet(lambda: Moments(6).update(Z, y).solution(alpha, True, rows))
    # The rows give the fit to the precision of their condition number, about 1 / noise.
    assert np.abs(((Z - found.center) @ found.coef + found.offset)[:, 0] - wanted).max() <= 1e-13 / noise + 1e-11
    # Moments alone say so where they have lost it.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        coef, intercept = Moments(6).update(Z, y).solve(alpha, fit_intercept=True)
    off = np.abs(Z @ coef + intercept - wanted).max()
    assert off <= 1e-5 or any(issubclass(warning.category, LinAlgWarning) for warning in caught)


def test_a_row_that_alone_has_a_column_is_predicted_without_it(rng):
    Z, y = rng.standard_normal((30, 4)), rng.standard_normal(30)
    Z[:, 3] = 0.0
    Z[7, 3] = 5.0
    for alpha in (0.0, 1e-20, 1e-9):
        left = ridge.loo(Z, y, [alpha])[0]
        others = np.arange(30) != 7
        wanted = Z[7, :3] @ ridge.solve(Z[others, :3], y[others], alpha)
        assert left[7] == pytest.approx(wanted, rel=1e-7)


def test_equal_columns_share_their_coefficient(rng):
    for unit in (1e-6, 1.0, 1e6):
        Z = rng.standard_normal((50, 5)) * [1.0, unit, 1.0, 1.0, 1.0]
        Z = np.column_stack([Z, Z[:, 1]])
        y = rng.standard_normal(50)
        for alpha in (1e-18, 1e-12, 1.0):
            coef = ridge.solve(Z, y, alpha)
            assert coef[1] == pytest.approx(coef[5], rel=1e-6, abs=1e-9 * np.abs(coef).max())


@pytest.mark.parametrize("seed", SEEDS)
def test_single_precision_is_confirmed_or_refused(seed):
    Z, y, weight, alpha = problem(seed, offsets=2)
    Z[0] *= 10.0 ** (seed % 8)
    single = Moments(Z.shape[1], 2).update(Z.astype(np.float32), y, weight)
    rows = RowPasses(lambda: [(slice(0, len(Z)), Z)], y, weight)
    found = PrimalSolver(single.equations(True), rows, unit=2.0**-24, enough=0.0).confirmed(np.full(2, alpha))
    if found is not None:
        wanted = exact(Z, y, weight, alpha, True).values(Z).rounded()
        assert np.abs((Z - found.center) @ found.coef + found.offset - wanted).max() <= 1e-8


def test_moments_of_an_earlier_version_still_solve(rng):
    Z, y = rng.standard_normal((20, 3)), rng.standard_normal(20)
    moments = Moments(3).update(Z, y)
    old = copy.copy(moments)
    del old.rest_z, old.unit
    again = pickle.loads(pickle.dumps(old))
    np.testing.assert_allclose(again.solve(1.0, True)[0], moments.solve(1.0, True)[0], rtol=1e-14)


@pytest.mark.parametrize("other", [None, 1.0, np.ones(3)])
def test_moments_say_what_they_merge_with(other, rng):
    moments = Moments(2).update(rng.standard_normal((9, 2)), rng.standard_normal(9))
    with pytest.raises(TypeError, match="Moments merge with Moments"):
        moments.merge(other)
    with pytest.raises(TypeError, match="five arrays of float64"):
        moments.absorb([0.0, 0.0], [0.0], [[1.0]], [[1.0]], [1.0])
