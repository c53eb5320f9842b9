"""Sums with random weights: what is drawn, and the choice among them by left-out rows."""

import numpy as np
import pytest

import widelearn as wl
from widelearn.estimators.kernel_ridge import choice
from widelearn.kernels import NTK, RBF, Columns, Constant, Kernel, Linear, Sum, mixtures, weighted_sums

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (40, 5))
Y = np.c_[X[:, 0] * X[:, 1], X[:, 3]] + 0.2 * RNG.standard_normal((40, 2))
GROUPS = [Columns(RBF(gamma=1.0), [0, 1]), Columns(NTK(2), [2, 3, 4]), Linear()]


def weights_of(kernel):
    """The weight of each group in a sum."""
    found = {term: 0.0 if factor is None else factor.value for factor, term in mixtures.terms_of(kernel)}
    return [found.get(group, 0.0) for group in GROUPS]


def test_weights_are_of_the_simplex():
    sums = weighted_sums(GROUPS, 2000, concentration=1.0, random_state=0)
    weights = np.array([weights_of(kernel) for kernel in sums])
    np.testing.assert_allclose(weights[0], 1 / 3, rtol=1e-15)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-14)
    # Uniform on the simplex of 3: mean 1/3, variance 1/18; five standard errors.
    np.testing.assert_allclose(weights[1:].mean(axis=0), 1 / 3, atol=5 * np.sqrt(1 / 18 / 2000))
    few = np.array([weights_of(kernel) for kernel in weighted_sums(GROUPS, 400, concentration=0.05, random_state=0)])
    assert np.median(few[1:].max(axis=1)) > 0.95 > 0.7 > np.median(weights[1:].max(axis=1))


def test_seeds_repeat_and_several_laws_alternate():
    one, two = (weighted_sums(GROUPS, 9, random_state=seed) for seed in (3, np.random.RandomState(3)))
    assert one == weighted_sums(GROUPS, 9, random_state=3)
    assert len(one) == len(two) == len(weighted_sums(GROUPS, 9)) == 9
    assert one[:4] == weighted_sums(GROUPS, 4, random_state=3)
    found = weighted_sums(GROUPS, 401, concentration=(0.01, 100.0), random_state=0)
    largest = np.array([max(weights_of(kernel)) for kernel in found[1:]])
    assert np.median(largest[::2]) > 0.99
    assert largest[1::2].max() < 0.6


def test_a_term_of_weight_zero_is_left_out():
    assert mixtures.weighted(GROUPS, np.array([0.25, 0.0, 0.75])) == 0.25 * GROUPS[0] + 0.75 * GROUPS[2]
    assert mixtures.weighted(GROUPS, np.array([0.0, 1.0, 0.0])) == 1.0 * GROUPS[1]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([RBF()],), ValueError, "at least two, got 1"),
        (("rbf",), TypeError, "sequence of kernels, got 'rbf'"),
        ((5,), TypeError, "sequence of kernels, got 5"),
        (([RBF(), 3.0],), TypeError, "A kernel is"),
        ((GROUPS, 0), ValueError, "n_iter must be at least 1, got 0"),
        ((GROUPS, 1.5), TypeError, "n_iter must be an integer"),
        ((GROUPS, True), TypeError, "n_iter must be an integer"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, match):
    with pytest.raises(error, match=match):
        weighted_sums(*arguments)


def test_more_sums_than_memory_holds_are_refused():
    with pytest.raises(MemoryError, match="1000000000000 sums of 3 kernels"):
        weighted_sums(GROUPS, 10**12)


@pytest.mark.parametrize("concentration", [0.001, -1.0, np.inf, np.nan, 1e300, (), ("a",), "a", None, np.array(-1.0)])
def test_wrong_concentrations_are_refused(concentration):
    with pytest.raises(ValueError, match="concentration must be"):
        weighted_sums(GROUPS, 3, concentration=concentration)


def test_terms_are_told_apart():
    a, b, c = GROUPS
    assert mixtures.terms_of(a) == [(None, a)]
    assert mixtures.terms_of(Sum(2.0 * a, b * 3.0) + c) == [(Constant(2.0), a), (Constant(3.0), b), (None, c)]
    assert mixtures.terms_of(a * b + 2.0 * Constant(3.0)) == [(None, a * b), (None, 2.0 * Constant(3.0))]


def left_out_error(K, alpha, weight):
    """The mean squared error of refits without each row, by the bordered systems of the others."""
    found = []
    for i in range(len(K)):
        kept = np.arange(len(K)) != i
        system = np.ones((len(K), len(K)))
        system[:-1, :-1] = K[kept][:, kept] + np.diag(alpha / weight[kept])
        system[-1, -1] = 0.0
        fitted = np.linalg.solve(system, np.vstack([Y[kept], np.zeros(2)]))
        found.append(weight[i] * ((Y[i] - K[i, kept] @ fitted[:-1] - fitted[-1]) ** 2).mean())
    return np.mean(found)


def test_the_best_sum_by_refits_is_chosen():
    sums, alphas, weight = weighted_sums(GROUPS, 8, random_state=0), (0.001, 0.1, 10.0), RNG.uniform(0.5, 2.0, 40)
    model = wl.KernelRidgeCV(sums, alphas).fit(X, Y, weight)
    errors = np.array([[left_out_error(kernel(X), alpha, weight) for alpha in alphas] for kernel in sums])
    best = np.unravel_index(errors.argmin(), errors.shape)
    assert model.kernel_ == sums[best[0]]
    assert model.alpha_ == alphas[best[1]]
    # Closed form against refits, whose systems have condition numbers below 1e5.
    assert -model.best_score_ == pytest.approx(errors.min(), rel=1e-9)
    assert best[0] > 0


@pytest.mark.parametrize("cv", [None, "gcv", 3])
def test_matrices_of_terms_are_computed_once_and_change_nothing(cv, monkeypatch):
    sums, asked = weighted_sums(GROUPS, 12, random_state=0), []
    plain = Kernel.__call__
    monkeypatch.setattr(Kernel, "__call__", lambda self, X, Y=None: asked.append((self, Y)) or plain(self, X, Y))
    shared = wl.KernelRidgeCV(sums, (0.001, 0.1, 10.0), cv=cv).fit(X, Y)
    assert [asked.count((group, None)) for group in GROUPS] == [1, 1, 1]
    monkeypatch.setattr(mixtures, "has_room", lambda size: False)
    alone = wl.KernelRidgeCV(sums, (0.001, 0.1, 10.0), cv=cv).fit(X, Y)
    assert alone.kernel_ == shared.kernel_
    assert alone.best_score_ == pytest.approx(shared.best_score_, rel=1e-10)
    np.testing.assert_allclose(alone.predict(X), shared.predict(X), rtol=1e-9, atol=1e-12)


def test_what_overflows_is_refused_as_by_the_kernel():
    sums = weighted_sums([Columns("linear", [0, 1]), Columns("linear", [2])], 3)
    with pytest.raises(ValueError, match="beyond the largest float64 number"):
        wl.KernelRidgeCV(sums).fit(1e200 * X, Y)


def test_classifiers_and_other_lists_choose_among_them():
    labels = (X[:, 0] * X[:, 1] > 0).astype(int)
    sums = weighted_sums(GROUPS, 6, random_state=0)
    assert wl.KernelRidgeClassifierCV(sums).fit(X, labels).kernel_ in sums
    mixed = [RBF(), *sums, Linear(), 2.0 * RBF(), lambda A, B: A @ B.T]
    assert wl.KernelRidgeCV(mixed).fit(X, Y).best_score_ >= wl.KernelRidgeCV(sums).fit(X, Y).best_score_
    assert choice.Grams([Linear(), RBF(), "precomputed"], 10)._known == {}
