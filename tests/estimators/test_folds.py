"""Folds in every form that scikit-learn takes, made once a fit; and the warning of a penalty at the edge."""

import re
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.datasets import load_digits
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_validate,
)

import widelearn as wl
from widelearn.kernels import RBF

RNG = np.random.default_rng(0)
X = RNG.standard_normal((48, 3))
Y = np.sin(2 * X[:, 0]) + X[:, 1] + 0.3 * RNG.standard_normal(48)
LABELS = np.digitize(Y, [0.0])
GROUPS = np.arange(48) % 6
ALPHAS = (1e-3, 0.1, 10.0, 1e3)
FAMILIES = [getattr(wl, name) for name in wl.__all__ if name.endswith(("RidgeCV", "ClassifierCV"))]
quiet = pytest.mark.filterwarnings("ignore:alpha = ")


def made(family, cv, alphas=ALPHAS):
    kernel = {"kernel": [RBF(0.1), RBF(0.3)]} if "Kernel" in family.__name__ else {"features": "passthrough"}
    return family(alphas=alphas, cv=cv, **kernel)


def fitted(family, cv, **options):
    return made(family, cv).fit(X, LABELS if is_classifier(family()) else Y, **options)


def masks(folds):
    return [tuple(np.isin(np.arange(48), part) for part in fold) for fold in folds]


@quiet
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "splitter",
    [
        KFold(3),
        KFold(4, shuffle=True, random_state=1),
        ShuffleSplit(3, random_state=0),
        TimeSeriesSplit(3),
        PredefinedSplit(np.arange(48) % 3 - 1),
        StratifiedKFold(3),
        LeaveOneOut(),
    ],
)
def test_every_form_of_the_same_folds(family, splitter):
    folds = list(splitter.split(X, LABELS))
    if isinstance(splitter, StratifiedKFold) and not is_classifier(family()):
        splitter = folds
    wanted = fitted(family, splitter)
    assert np.isfinite(wanted.best_score_)
    forms = [
        iter(folds),
        (fold for fold in folds),
        folds,
        tuple(folds),
        zip(*(list(part) for part in zip(*folds, strict=True)), strict=True),
        masks(folds),
        [(train.tolist(), test.tolist()) for train, test in folds],
        [(train - 48, test) for train, test in folds],
    ]
    for form in forms:
        found = fitted(family, form)
        assert found.alpha_ == wanted.alpha_
        # Masks put rows in another order.
        assert found.best_score_ == pytest.approx(wanted.best_score_, rel=1e-11)


@quiet
@pytest.mark.parametrize("family", FAMILIES)
def test_groups(family):
    for splitter in (GroupKFold(3), LeaveOneGroupOut()):
        found = fitted(family, splitter, groups=GROUPS)
        wanted = fitted(family, list(splitter.split(X, LABELS, GROUPS)))
        assert (found.alpha_, found.best_score_) == (wanted.alpha_, wanted.best_score_)
    with pytest.raises(ValueError, match="groups"):
        fitted(family, GroupKFold(3))
    with pytest.raises(ValueError, match=r"groups are for folds, of which cv=None makes none: set cv=GroupKFold"):
        fitted(family, None, groups=GROUPS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted(family, GroupKFold(3), groups=GROUPS[:-1])


@quiet
@pytest.mark.parametrize("family", [wl.FeatureRidgeCV, wl.KernelRidgeCV])
def test_folds_of_one_row_are_scored_by_squares(family):
    """Minus the mean of the squared errors is the score, and that of the closed form; the order of alphas is none."""
    closed = fitted(family, None)
    for cv in (LeaveOneOut(), [(np.delete(np.arange(48), i), [i]) for i in range(48)]):
        found = fitted(family, cv)
        assert found.alpha_ == closed.alpha_
        assert found.best_score_ == pytest.approx(closed.best_score_, rel=1e-9)
        reverse = made(family, cv, ALPHAS[::-1]).fit(X, Y)
        assert (reverse.alpha_, reverse.best_score_) == (found.alpha_, pytest.approx(found.best_score_, rel=1e-12))
    both = fitted(family, LeaveOneOut())
    many = made(family, LeaveOneOut()).fit(X, np.column_stack([Y, Y]))
    assert many.best_score_ == pytest.approx(both.best_score_, rel=1e-12)


def test_one_set_of_folds_for_all_kernels():
    seen = []

    class Counted(KFold):
        def split(self, X, y=None, groups=None):
            seen.append(len(y))
            return super().split(X, y, groups)

    scores = [RBF(0.3)] * 5
    for seed in range(3):
        seen.clear()
        model = wl.KernelRidgeCV(scores, ALPHAS, cv=Counted(3, shuffle=True, random_state=seed)).fit(X, Y)
        one = wl.KernelRidgeCV(RBF(0.3), ALPHAS, cv=KFold(3, shuffle=True, random_state=seed)).fit(X, Y)
        assert seen == [48]
        assert model.best_score_ == one.best_score_


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("cv", "match"),
    [
        ((), "gives no folds"),
        (iter(()), "gives no folds: it is empty, or an iterator that an earlier fit has used up"),
        ([np.arange(48)], "Fold 0 of cv is no pair"),
        ([(np.arange(40), np.arange(40, 48)), 3], "Fold 1 of cv is no pair of training and test rows, but of type int"),
        ([(np.arange(40), [])], "Fold 0 of cv has no test rows"),
        ([(np.zeros(48, bool), np.ones(48, bool))], "Fold 0 of cv has no training rows"),
        ([(np.ones(47, bool), np.ones(48, bool))], "Fold 0 of cv has a mask of 47 training rows, but there are 48"),
        ([(np.arange(40), [48])], "Fold 0 of cv has the test row 48, but there are 48 rows"),
        ([(np.arange(40), [-49])], "Fold 0 of cv has the test row -49"),
        ([(np.arange(40), [1.5])], "Fold 0 of cv has test rows of float64"),
        ([(np.arange(40), [[1, 2]])], r"Fold 0 of cv has test rows of int64 and shape \(1, 2\)"),
        ([(np.arange(40), ["a"])], "Fold 0 of cv has test rows of <U1"),
        (49, "n_splits=49"),
    ],
)
def test_folds_that_are_none(family, cv, match):
    if match.endswith("used up"):
        cv = iter(())
    with pytest.raises(ValueError, match=match):
        fitted(family, cv)


@quiet
@pytest.mark.parametrize("family", FAMILIES)
def test_folds_and_weights(family):
    weight = np.random.default_rng(1).integers(0, 3, 48).astype(float)
    y, folds = LABELS if is_classifier(family()) else Y, list(KFold(3).split(X))
    found = made(family, folds).fit(X, y, weight)
    # The same folds of the rows that have a weight.
    kept = np.flatnonzero(weight)
    place = np.cumsum(weight > 0) - 1
    parts = [tuple(place[rows[weight[rows] > 0]] for rows in fold) for fold in folds]
    wanted = made(family, parts).fit(X[kept], y[kept], weight[kept])
    assert found.alpha_ == wanted.alpha_
    assert found.best_score_ == pytest.approx(wanted.best_score_, rel=1e-9)
    for weight, match in (
        (np.r_[np.ones(16), np.zeros(32)], "Fold 0 of 3 has 32 training rows, but none with a positive weight"),
        (np.r_[np.ones(32), np.zeros(16)], "Fold 2 of 3 has 16 test rows, but none with a positive weight"),
    ):
        with pytest.raises(ValueError, match=match):
            made(family, folds).fit(X, y, weight)


@quiet
def test_sparse_rows_in_folds_are_a_grid_search():
    rows = sparse.csr_array(np.where(X > 0, X, 0.0))
    found = wl.FeatureRidgeCV("passthrough", ALPHAS, cv=KFold(3)).fit(rows, Y)
    search = GridSearchCV(wl.FeatureRidge("passthrough"), {"alpha": ALPHAS}, cv=KFold(3)).fit(rows, Y)
    assert found.alpha_ == search.best_params_["alpha"]
    assert found.best_score_ == pytest.approx(search.best_score_, rel=1e-9)


def edges(model, *given):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(*given)
    return [str(warning.message) for warning in caught if str(warning.message).startswith("alpha = ")]


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("family", [wl.FeatureRidgeCV, wl.KernelRidgeCV])
def test_a_choice_at_the_edge_says_so_once(family, cv):
    (low,) = edges(made(family, cv, (10.0, 1e3, 1e5)), X, Y)
    what = "left-out error is" if cv is None else "score is"
    assert f"alpha = 10, the smallest of 3 alphas, was chosen: its {what}" in low
    end = "below that of alpha = 1000, and may fall" if cv is None else "of alpha = 1000, and may rise"
    assert low.endswith(f"{end} further. Give smaller alphas.")
    if cv is not None:
        best, other = re.search(r"score is (\S+), above the (\S+) of", low).groups()
        assert float(best) > float(other)
    noise = np.random.default_rng(3).standard_normal((48, 26))
    (high,) = edges(made(family, cv, (1e-9, 1e1)), noise[:, 1:] if family is wl.FeatureRidgeCV else X, noise[:, 0])
    assert "the largest of 2 alphas" in high
    assert high.endswith("Give larger alphas.")
    for alphas in ([10.0], (1e-12, 1e-11), (1e7, 1e8), (1e-9, 0.05, 1e4), (3.0, 3.0)):
        assert edges(made(family, cv, alphas), X, Y) == []


def test_edges_of_targets():
    (found,) = edges(wl.FeatureRidgeCV("passthrough", (1e2, 1e4), alpha_per_target=True), X, np.column_stack([Y, X]))
    assert "smallest of 2 alphas, was chosen for 4 of 4 targets" in found


def test_the_default_grid_holds_the_choice_for_digits():
    rows, y = load_digits(return_X_y=True)
    for model in (wl.FeatureRidgeClassifierCV(wl.RandomFeatures(128), random_state=0), wl.KernelRidgeClassifierCV()):
        assert edges(model, rows[:400] / 16, y[:400]) == []
    features = wl.FeatureRidgeClassifierCV(random_state=0).fit(rows[:600], y[:600])
    assert min(features.alphas) < features.alpha_ < max(features.alphas)


@pytest.mark.parametrize("family", FAMILIES)
def test_gcv_of_weights_that_are_no_rows(family):
    y = LABELS if is_classifier(family()) else Y
    for factor in (1e-100, 1e-3):
        with pytest.raises(ValueError, match=r"The weights add up to .*, which GCV takes for the number of rows: no"):
            made(family, "gcv").fit(X, y, np.full(48, factor))


@quiet
@pytest.mark.parametrize("family", FAMILIES)
def test_groups_are_metadata(family):
    with config_context(enable_metadata_routing=True):
        model = made(family, GroupKFold(3)).set_fit_request(groups=True)
        found = cross_validate(model, X, LABELS if is_classifier(model) else Y, params={"groups": GROUPS})
    assert np.isfinite(found["test_score"]).all()


@quiet
@pytest.mark.parametrize("cv", [3, LeaveOneOut()], ids=repr)
@pytest.mark.parametrize("family", [family for family in FAMILIES if not is_classifier(family())])
def test_rounding_errors_of_a_constant_target_choose_nothing(family, cv):
    alone = made(family, cv).fit(X, Y)
    for constant in (0.0, 7.0, 1 / 3, -1e30, 1e-30, 1e6 + 1e-10 * np.sign(Y)):
        both = made(family, cv).fit(X, np.column_stack([Y, np.broadcast_to(constant, 48)]))
        assert both.alpha_ == alone.alpha_
        if cv == 3:
            # R² of a constant that is met is 1.
            assert both.best_score_ == pytest.approx((alone.best_score_ + 1) / 2, rel=1e-9)
