"""Scorers of left-out predictions: against RidgeCV, RidgeClassifierCV, refits, grid searches; and what is refused."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.linear_model import Ridge, RidgeClassifierCV, RidgeCV
from sklearn.metrics import (
    f1_score,
    get_scorer,
    make_scorer,
    mean_absolute_error,
    mean_pinball_loss,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneOut

import widelearn as wl
from widelearn.kernels import RBF, Linear

# Grids of few penalties, whose edges are often chosen.
pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")

ALPHAS = np.geomspace(1e-2, 1e3, 11)
PINBALL = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)
REGRESSION = ["r2", "neg_mean_absolute_error", "neg_root_mean_squared_error", "explained_variance", PINBALL]


def problem(n, d, t=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) + 1.0
    Y = X[:, :t] - X[:, [2]] ** 2 / 2 + rng.standard_t(3, (n, t))
    return X, Y if t > 1 else Y[:, 0], rng.uniform(0.2, 3.0, n)


def made(kind, **options):
    """A ridge regression on columns, by features or by their kernel."""
    return kind(Linear() if "Kernel" in kind.__name__ else "passthrough", ALPHAS, **options)


# Every shape with and without weights and an intercept, each on a draw of its own.
SHAPES = [(60, 5, 1), (30, 50, 1), (60, 5, 3), (30, 50, 2)]


@pytest.mark.parametrize(
    ("n", "d", "t", "weighted", "fit_intercept", "seed"),
    [(*shape, *choice, seed) for seed, (shape, *choice) in enumerate(product(SHAPES, [True, False], [True, False]))],
)
def test_it_is_ridge_cv(n, d, t, weighted, fit_intercept, seed):
    X, Y, weight = problem(n, d, t, seed)
    weight = weight if weighted else None
    options = {"fit_intercept": fit_intercept, "store_cv_results": True}
    for scoring in REGRESSION:
        for per_target in {False, t > 1}:
            options |= {"scoring": scoring, "alpha_per_target": per_target}
            theirs = RidgeCV(ALPHAS, **options).fit(X, Y, weight)
            for kind in (wl.FeatureRidgeCV, wl.KernelRidgeCV):
                same_choice(made(kind, **options).fit(X, Y, weight), theirs, X)


def same_choice(ours, theirs, X):
    """Hold a fit to RidgeCV's: penalties, scores, left-out predictions and the model."""
    np.testing.assert_array_equal(ours.alpha_, theirs.alpha_)
    # Left-out predictions of both are closed forms of systems whose condition is below 1e7.
    np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(ours.cv_results_, theirs.cv_results_, rtol=1e-7, atol=1e-7)
    np.testing.assert_array_equal(ours.alpha_scores_.max(axis=-1), ours.best_score_)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6, atol=1e-8)
    if isinstance(ours, wl.FeatureRidgeCV):
        np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", [wl.FeatureRidgeClassifierCV, wl.KernelRidgeClassifierCV])
@pytest.mark.parametrize("options", [{}, {"class_weight": "balanced"}])
@pytest.mark.parametrize("scoring", ["accuracy", "balanced_accuracy", "f1_macro"])
def test_it_is_ridge_classifier_cv(scoring, options, kind):
    X, y, weight = problem(80, 4)
    y = np.digitize(y, [-1.0, 0.5])
    ours = made(kind, scoring=scoring, **options).fit(X, y, weight)
    theirs = RidgeClassifierCV(ALPHAS, scoring=scoring, **options).fit(X, y, weight)
    assert ours.alpha_ == theirs.alpha_
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-12)


@cache
def left_out_by_refits(weighted):
    """What fits of the signs of the two classes without each row predict of it, for each penalty."""
    X, y, weight = problem(50, 4)
    codes, found = np.where(y > -0.5, 1.0, -1.0), np.empty((len(ALPHAS), 50))
    for k, alpha in enumerate(ALPHAS):
        for train, test in LeaveOneOut().split(X):
            own = weight[train] if weighted else None
            found[k, test] = Ridge(alpha).fit(X[train], codes[train], own).predict(X[test])
    return found


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize(
    ("scoring", "score"),
    [
        ("roc_auc", lambda y, f, w: roc_auc_score(y, f, sample_weight=w)),
        ("f1", None),
        (make_scorer(f1_score, pos_label="no"), lambda y, f, w: f1_score(y, sign(f), pos_label="no", sample_weight=w)),
        ("accuracy", lambda y, f, w: np.average(y == sign(f), weights=w)),
    ],
)
def test_two_classes_are_scored_as_their_labels(scoring, score, weighted):
    """RidgeClassifierCV takes all rows for one class here; refits without each row say what is right."""
    X, y, weight = problem(50, 4)
    weight = weight if weighted else None
    labels = np.where(y > -0.5, "yes", "no")
    if scoring == "f1":
        labels, score = (labels == "yes").astype(int), lambda y, f, w: f1_score(y, (f > 0).astype(int), sample_weight=w)
    wanted = [score(labels, values, weight) for values in left_out_by_refits(weighted)]
    for kind in (wl.FeatureRidgeClassifierCV, wl.KernelRidgeClassifierCV):
        model = made(kind, scoring=scoring).fit(X, labels, weight)
        np.testing.assert_allclose(model.alpha_scores_, wanted, rtol=1e-12)
        assert model.alpha_ == ALPHAS[int(np.argmax(wanted))]


def sign(values):
    return np.where(values > 0, "yes", "no")


@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", "r2", PINBALL])
def test_folds_are_a_grid_search(scoring):
    X, y, _ = problem(60, 5)
    cv = KFold(4, shuffle=True, random_state=0)
    search = GridSearchCV(wl.KernelRidge(RBF(0.1)), {"alpha": ALPHAS}, cv=cv, scoring=scoring).fit(X, y)
    model = wl.KernelRidgeCV(RBF(0.1), ALPHAS, cv=cv, scoring=scoring).fit(X, y)
    np.testing.assert_allclose(model.alpha_scores_, search.cv_results_["mean_test_score"], rtol=1e-8)
    assert model.alpha_ == search.best_params_["alpha"]
    theirs = RidgeCV(ALPHAS, cv=cv, scoring=scoring).fit(X, y)
    ours = made(wl.FeatureRidgeCV, cv=cv, scoring=scoring).fit(X, y)
    assert (ours.alpha_, ours.best_score_) == (theirs.alpha_, pytest.approx(theirs.best_score_, rel=1e-8))


def test_folds_of_classes_and_labels():
    X, y, _ = problem(90, 4)
    Y = np.column_stack([y > -0.5, X[:, 1] > 1, X[:, 0] > 2]).astype(int)
    for targets, scoring in ((np.digitize(y, [-1.0, 0.5]), "f1_macro"), (y > 0, "roc_auc"), (Y, "f1_micro")):
        search = GridSearchCV(
            wl.KernelRidgeClassifier(RBF(0.1)), {"alpha": ALPHAS}, cv=list(KFold(3).split(X)), scoring=scoring
        ).fit(X, targets)
        model = wl.KernelRidgeClassifierCV(RBF(0.1), ALPHAS, cv=KFold(3), scoring=scoring).fit(X, targets)
        np.testing.assert_allclose(model.alpha_scores_, search.cv_results_["mean_test_score"], rtol=1e-8)
    model = wl.KernelRidgeClassifierCV(RBF(0.1), ALPHAS, scoring="f1_micro", store_cv_results=True).fit(X, Y)
    decided = (model.cv_results_ > 0).astype(int)
    wanted = [f1_score(Y, decided[..., k], average="micro") for k in range(len(ALPHAS))]
    np.testing.assert_allclose(model.alpha_scores_, wanted, rtol=1e-12)


@pytest.mark.parametrize("cv", [None, 3])
def test_weights_weigh_the_score(cv):
    """Integer weights score as repeated rows would; rows of weight zero are not there."""
    X, y, _ = problem(60, 3)
    weight = np.random.default_rng(0).integers(0, 3, 60).astype(float)
    model = made(wl.FeatureRidgeCV, scoring="neg_mean_absolute_error", cv=cv, store_cv_results=cv is None)
    model.fit(X, y, weight)
    if cv is None:
        kept = weight > 0
        assert np.isnan(model.cv_results_[~kept]).all()
        wanted = [-np.average(np.abs(y - one)[kept], weights=weight[kept]) for one in model.cv_results_.T]
        alone = made(wl.FeatureRidgeCV, scoring="neg_mean_absolute_error").fit(X[kept], y[kept], weight[kept])
        np.testing.assert_allclose(alone.alpha_scores_, wanted, rtol=1e-12)
    else:
        wanted = np.zeros(len(ALPHAS))
        for train, test in KFold(3).split(X):
            for k, alpha in enumerate(ALPHAS):
                fit = Ridge(alpha).fit(X[train], y[train], weight[train])
                score = -mean_absolute_error(y[test], fit.predict(X[test]), sample_weight=weight[test])
                wanted[k] += score / 3
    np.testing.assert_allclose(model.alpha_scores_, wanted, rtol=1e-9)


def test_functions_of_a_user_and_kernels_to_choose_from():
    X, y, _ = problem(60, 3)
    seen = []

    def within(estimator, rows, targets):
        seen.append(is_classifier(estimator))
        return np.mean(np.abs(estimator.predict(rows) - targets) < 0.5)

    kernels = [RBF(0.01), RBF(0.1), RBF(1.0)]
    model = wl.KernelRidgeCV(kernels, ALPHAS, scoring=within).fit(X, y)
    alone = [wl.KernelRidgeCV(kernel, ALPHAS, scoring=within).fit(X, y).best_score_ for kernel in kernels]
    assert (model.best_score_, model.kernel_) == (max(alone), kernels[int(np.argmax(alone))])
    assert seen
    assert not any(seen)
    labels = np.where(y > 0, "yes", "no")
    wl.KernelRidgeClassifierCV("rbf", ALPHAS, scoring=lambda e, f, y: np.mean(e.predict(f) == y)).fit(X, labels)


def test_units_and_single_precision():
    X, y, weight = problem(50, 4)
    for scoring in ("neg_mean_absolute_error", "r2"):
        model = made(wl.FeatureRidgeCV, scoring=scoring, store_cv_results=True)
        plain = model.fit(X, y, weight)
        scores, predictions = plain.alpha_scores_, plain.cv_results_
        scaled = model.fit(X, np.ldexp(y, 300), weight)
        power = 300 if scoring != "r2" else 0
        np.testing.assert_array_equal(scaled.cv_results_, np.ldexp(predictions, 300))
        np.testing.assert_allclose(scaled.alpha_scores_, np.ldexp(scores, power), rtol=1e-12)
        single = made(wl.KernelRidgeCV, scoring=scoring).fit(X.astype(np.float32), y, weight)
        # Rows rounded to single precision, of which the closed form is in double precision.
        np.testing.assert_allclose(single.alpha_scores_, scores, rtol=1e-4, atol=1e-5)


def test_an_edge_is_told_by_the_score():
    X, y, _ = problem(60, 3)
    y = 10 * X[:, 0] + 0.1 * y
    for scoring in ("r2", "neg_mean_absolute_error"):
        with pytest.warns(UserWarning, match="the smallest of 2 alphas"):
            wl.FeatureRidgeCV("passthrough", [10.0, 1e3], scoring=scoring).fit(X, y)
    # Of a score beyond 1 nothing is known.
    wl.FeatureRidgeCV("passthrough", [10.0, 1e3], scoring=lambda e, f, y: 100 * r2_score(y, e.predict(f))).fit(X, y)


def test_metadata_routing():
    X, y, weight = problem(50, 4)
    wanted = made(wl.FeatureRidgeCV, scoring="neg_mean_absolute_error").fit(X, y, weight)
    with config_context(enable_metadata_routing=True):
        for scoring in ("neg_mean_absolute_error", get_scorer("neg_mean_absolute_error")):
            found = made(wl.FeatureRidgeCV, scoring=scoring).fit(X, y, weight)
            np.testing.assert_array_equal(found.alpha_scores_, wanted.alpha_scores_)


def test_files_keep_the_name(tmp_path):
    X, y, _ = problem(50, 4)
    model = made(wl.KernelRidgeCV, scoring="r2", store_cv_results=True).fit(X, y)
    wl.save(model, tmp_path / "model.wl")
    found = wl.load(tmp_path / "model.wl")
    assert found.scoring == "r2"
    np.testing.assert_array_equal(found.cv_results_, model.cv_results_)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"cv": "gcv", "scoring": "r2"}, "of which cv='gcv' makes none"),
        ({"scoring": "nonsense"}, "nonsense"),
        ({"scoring": 3}, "scoring"),
        ({"scoring": r2_score}, "metric function"),
        ({"scoring": "neg_max_error"}, "takes no sample_weight"),
        ({"scoring": lambda estimator, X, y: 0.0}, "takes no sample_weight"),
        ({"scoring": lambda estimator, X, y, sample_weight: np.nan}, "must return a finite number"),
        ({"scoring": lambda estimator, X, y, sample_weight: np.inf}, "must return a finite number"),
        ({"scoring": lambda estimator, X, y, sample_weight: [1.0]}, "must return a finite number"),
        ({"scoring": "neg_log_loss"}, "asks of left-out rows what there is not|classes"),
        ({"cv": 3, "scoring": "r2", "alpha_per_target": True}, "alpha_per_target needs"),
    ],
)
@pytest.mark.parametrize("kind", [wl.FeatureRidgeCV, wl.KernelRidgeCV])
def test_what_is_no_scoring_is_refused(kind, options, reason):
    X, y, weight = problem(50, 4)
    with pytest.raises(ValueError, match=reason):
        made(kind, **options).fit(X, y, weight)


def test_probabilities_of_left_out_rows_are_refused():
    X, y, _ = problem(50, 4)
    for cv in (None, 3):
        with pytest.raises(ValueError, match="scoring='neg_log_loss' asks of left-out rows what there is not"):
            made(wl.KernelRidgeClassifierCV, scoring="neg_log_loss", cv=cv).fit(X, y > 0)
    with pytest.raises(TypeError, match="own fault"):
        made(wl.KernelRidgeCV, scoring=own_fault).fit(X, y)


def own_fault(estimator, X, y):
    raise TypeError("own fault")
