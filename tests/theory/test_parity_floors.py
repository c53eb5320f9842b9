"""Floors of hidden parities on small cubes, where all of them can be tried, and the law that neurons cover features."""

import itertools

import mpmath
import numpy as np
import pytest

from widelearn.theory import covering_width, feature_coverage, parity_floor, statistical_query_floor


def parities(d, k):
    """All rows of the cube, and the values of all parities of k bits there."""
    cube = np.array(list(itertools.product([-1.0, 1.0], repeat=d)))
    return cube, np.stack([cube[:, A].prod(axis=1) for A in itertools.combinations(range(d), k)])


def left(features, targets):
    """Mean over targets of what the best fit leaves of the squared norm."""
    basis = np.linalg.svd(features, full_matrices=False)
    keep = basis[0][:, basis[1] > 1e-9 * basis[1][0]]
    return 1 - np.mean(np.sum((targets @ keep) ** 2, axis=1)) / targets.shape[1]


def test_no_features_or_kernel_go_below(rng):
    cube, targets = parities(9, 3)
    for n in (5, 40, 80):
        rows = cube[rng.choice(len(cube), n, replace=False)]
        floor = parity_floor(n, 9, 3)
        assert floor.n_targets == len(targets) == 84
        for kernel in (lambda t: t**3, lambda t: np.exp(t / 9), lambda t: (1 + t) ** 5):
            assert left(kernel(cube @ rows.T), targets) >= floor.squared - 1e-12
        # features made of parities of the degree reach it
        own = targets.T @ rng.standard_normal((84, n))
        assert left(own, targets) == pytest.approx(floor.squared, abs=1e-10)
        assert left(own, targets) < 1 - n / 84 * 0.9
    assert parity_floor(40, 9, 3, uniform=0.25).squared == pytest.approx(0.25 * (1 - 40 / 84))


def test_small_coefficients_leave_hinge_loss(rng):
    cube, targets = parities(8, 3)
    features = np.sign(rng.standard_normal((len(cube), 6)))
    for B in (0.5, 1.0, 2.0):
        losses = []
        for y in targets:
            w = features.T @ y
            w *= B / np.linalg.norm(w)
            losses.append(np.maximum(0, 1 - y * (features @ w)).mean())
        floor = parity_floor(6, 8, 3, coefficient_norm=B).hinge
        assert np.mean(losses) >= floor > 0.3
    # all parities of the degree as features, each with coefficient 1: no floor is left, and none is claimed
    assert parity_floor(56, 8, 3, coefficient_norm=1.0).hinge == 0
    assert parity_floor(6, 8, 3).hinge == 0


def test_queries_rule_out_few_parities(rng):
    """Each bounded query correlates by τ with at most 1/τ² parities, so M take at least τ² (M - 1/(4 ε²)) queries."""
    _, targets = parities(10, 3)
    M, tau, advantage = len(targets), 0.1, 0.2
    most = 0
    for many in (1, 5, 25, 120):
        query = np.sign(targets[rng.choice(M, many, replace=False)].sum(axis=0) + 0.1)
        most = max(most, int(np.sum(np.abs(targets @ query) / query.size >= tau)))
        wins = np.sum(0.5 - np.mean(targets != query, axis=1) >= advantage)
        assert wins <= 1 / (4 * advantage**2)
    assert 0.1 / tau**2 < most <= 1 / tau**2
    floor = statistical_query_floor(10, 3, tau, advantage)
    assert floor == pytest.approx(tau**2 * (M - 1 / (4 * advantage**2)))
    assert floor >= (M - 1 / (4 * advantage**2)) / most * 0.1
    assert statistical_query_floor(10, 3, 1e-9) == pytest.approx(0, abs=1e-15)
    assert statistical_query_floor(200, 40, 1e-3, 0.1) > 1e20


@pytest.mark.parametrize("p", [[0.25] * 4, [0.1, 0.3, 0.05], [0.5, 0.5], [1.0], [0.02] * 8])
def test_the_law_of_coverage(rng, p):
    for m in (2, 9, 30):
        counts = rng.multinomial(m, [*p, max(1 - sum(p), 0)], size=20_000)[:, : len(p)]
        met = np.all(counts > 0, axis=1)
        found = feature_coverage(p, m)
        # five standard errors of the law itself, whose own rounding is 1e-16 a subset
        assert abs(met.mean() - found) <= 5 * np.sqrt(found * (1 - found) / 20_000) + 1e-12
        if p[0] == p[-1]:
            assert feature_coverage(p[0], m, n_features=len(p)) == pytest.approx(found, abs=1e-12)
        assert found >= 1 - np.sum((1 - np.array(p)) ** m) - 1e-12


def test_widths_that_cover(rng):
    for _ in range(50):
        r, delta = int(rng.integers(1, 9)), 10.0 ** rng.uniform(-6, -0.1)
        p = 10.0 ** rng.uniform(-4, -1, r)
        m = covering_width(p, delta)
        missed = lambda m, p=p: np.sum((1 - p) ** m)  # noqa: E731
        assert missed(m) <= delta * (1 + 1e-9)
        assert m == 1 or missed(m - 1) > delta * (1 - 1e-9)
    assert covering_width(0.3, 0.01) == np.ceil(np.log(0.01) / np.log(0.7))
    assert covering_width([0.5, 0.0], 0.1) == np.inf
    assert covering_width(1.0, 0.1) == 1


def test_wrong_features():
    with pytest.raises(ValueError, match="add up to at most 1"):
        feature_coverage([0.7, 0.7], 3)
    with pytest.raises(ValueError, match="at most 20 are counted"):
        feature_coverage(np.linspace(0.01, 0.02, 21), 3)
    with pytest.raises(ValueError, match="3 hidden bits must not exceed d = 2"):
        parity_floor(5, 2, 3)


@pytest.mark.parametrize(
    ("p", "width", "r"), [(1e-12, 10**12, 1), (1e-6, 10**6, 1), (1e-3, 4000, 20), (1 / 60, 400, 60)]
)
def test_rare_features_are_counted_to_rounding(p, width, r):
    with mpmath.workdps(60):
        exact = mpmath.fsum((-1) ** j * mpmath.binomial(r, j) * (1 - j * mpmath.mpf(p)) ** width for j in range(r + 1))
    assert feature_coverage(p, width, n_features=r) == pytest.approx(float(exact), abs=3e-16, rel=0)
