"""What chooses a penalty asks its problem for one thing, and says which penalty, by what score."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.model_selection import KFold

from widelearn.estimators.feature_ridge.systems import Rows
from widelearn.estimators.folds import Folds
from widelearn.estimators.labels import Labels
from widelearn.estimators.penalty import Fixed, Gcv, LeaveOneOut, choice_of

ALPHAS = np.array([0.1, 1.0, 10.0])
# Errors (a, n, t) of three penalties, two rows that have a weight and two targets.
ERRORS = np.array([[[3.0, 1.0], [1.0, 0.0]], [[2.0, 2.0], [1.0, 1.0]], [[1.0, 3.0], [0.0, 3.0]]])


def asked(cv, **options):
    """Return what stands for an estimator that chooses."""
    given = {"alphas": ALPHAS, "scoring": None, "alpha_per_target": False, "store_cv_results": False}
    return SimpleNamespace(cv=cv, **given | options)


def left_out(alphas):
    """Yield the errors in two blocks."""
    return ((slice(i, i + 1), ERRORS[:, i : i + 1]) for i in range(2))


PROBLEM = SimpleNamespace(left_out=left_out, Y=np.zeros((3, 2)), weight=np.array([1.0, 0.0, 2.0]))


def test_a_fixed_penalty_asks_nothing():
    assert Fixed(ALPHAS).choose(None).penalties is ALPHAS


def test_left_out_rows():
    """Rows without weight count in the mean: 10 / 3, 5 / 3 over targets."""
    choice = LeaveOneOut(ALPHAS).choose(PROBLEM)
    assert (choice.alpha, list(choice.penalties)) == (1.0, [1.0, 1.0])
    assert choice.score == pytest.approx(-5 / 3, rel=1e-15)
    assert choice.errors is None
    each = LeaveOneOut(ALPHAS, per_target=True, store=True).choose(PROBLEM)
    np.testing.assert_array_equal(each.alpha, [10.0, 0.1])
    np.testing.assert_allclose(each.score, [-1 / 3, -1 / 3], rtol=1e-15)
    np.testing.assert_array_equal(each.errors[[0, 2]], np.moveaxis(ERRORS**2, 0, -1))
    assert not each.errors[1].any()


def test_gcv():
    problem = SimpleNamespace(gcv=lambda alphas: np.abs(np.log10(alphas))[:, None] + [[0.0, 1.0]])
    choice = Gcv(ALPHAS).choose(problem)
    assert (choice.alpha, choice.score) == (1.0, -0.5)


@pytest.mark.parametrize("weight", [None, np.array([1.0, 0.0, 1.0, 1.0, 2.0, 1.0])])
def test_folds(weight):
    seen = []

    def refit(train, test, alphas):
        seen.append((list(train), list(test)))
        return [Y[test] + alpha for alpha in alphas]

    Y = np.array([[0.0], [1.0], [2.0], [5.0], [0.0], [3.0]])
    problem = SimpleNamespace(X=Y, Y=Y, weight=weight, refit=refit)
    choice = choice_of(asked(KFold(2)), Rows(Y, Y, weight, True)).choose(problem)
    assert choice.alpha == 0.1
    first, second = [0, 1, 2] if weight is None else [0, 2], [3, 4, 5]
    assert seen == [(second, first), (first, second)]


def test_folds_of_classes():
    y = np.array([0, 1, 2, 0, 1, 2])
    labels = Labels.from_targets(y)
    Y = labels.encode(y)
    problem = SimpleNamespace(X=Y, Y=Y, weight=None, refit=lambda train, test, alphas: [Y[test], -Y[test], Y[test]])
    choice = choice_of(asked(2), Rows(Y, Y, None, False, labels)).choose(problem)
    assert (choice.alpha, choice.score) == (0.1, 1.0)


def test_options_that_do_not_go_together():
    rows = Rows(np.zeros((6, 1)), np.zeros((6, 1)), None, True)
    kinds = [type(choice_of(asked(cv), rows)) for cv in (None, "gcv", 3, KFold(3))]
    assert kinds == [LeaveOneOut, Gcv, Folds, Folds]
    with pytest.raises(ValueError, match="store_cv_results needs the leave-one-out errors of cv=None"):
        choice_of(asked("gcv", store_cv_results=True), rows)
    with pytest.raises(ValueError, match="alpha_per_target needs cv=None or cv='gcv'"):
        choice_of(asked(3, alpha_per_target=True), rows)
    with pytest.raises(ValueError, match="non-negative"):
        choice_of(asked(None, alphas=[-1.0]), rows)
