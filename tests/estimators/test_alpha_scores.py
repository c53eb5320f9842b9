"""The score of every penalty: that of a choice from it alone, in the user's units, the best one among them."""

import numpy as np
import pytest
from sklearn.base import is_classifier

import widelearn as wl
from widelearn.estimators.choice import best_by_error

# Grids of few penalties, whose edges are often chosen.
pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")

ALPHAS = (10.0, 1e-2, 0.3)
FAMILIES = [getattr(wl, name) for name in wl.__all__ if name.endswith(("RidgeCV", "ClassifierCV"))]


def made(family, alphas=ALPHAS, **options):
    first = {"kernel": "rbf"} if "Kernel" in family.__name__ else {"features": "passthrough"}
    return family(alphas=alphas, **first, **options)


def problem(t=1, n=60):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n, 3))
    Y = X[:, :t] + np.sin(X[:, [2]]) + 0.3 * rng.standard_normal((n, t))
    return X, Y if t > 1 else Y[:, 0], rng.integers(0, 3, n).astype(float)


@pytest.mark.parametrize("cv", [None, "gcv", 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_is_the_best_score_of_its_penalty_alone(family, cv):
    X, y, weight = problem()
    y = np.digitize(y, [-0.5, 0.5]) if is_classifier(family()) else y
    model = made(family, cv=cv).fit(X, y, weight)
    alone = [made(family, [alpha], cv=cv).fit(X, y, weight).best_score_ for alpha in ALPHAS]
    np.testing.assert_allclose(model.alpha_scores_, alone, rtol=1e-9)
    assert model.alpha_scores_.max() == model.best_score_
    assert ALPHAS[int(model.alpha_scores_.argmax())] == model.alpha_


@pytest.mark.parametrize("family", [wl.FeatureRidgeCV, wl.KernelRidgeCV])
def test_a_row_for_each_target(family):
    X, Y, _ = problem(2)
    model = made(family, alpha_per_target=True).fit(X, Y)
    assert model.alpha_scores_.shape == (2, 3)
    np.testing.assert_array_equal(model.alpha_scores_.max(axis=1), model.best_score_)
    alone = [made(family).fit(X, column).alpha_scores_ for column in Y.T]
    np.testing.assert_allclose(model.alpha_scores_, alone, rtol=1e-9)


@pytest.mark.parametrize("per_target", [True, False])
def test_units(per_target):
    """Targets of 2^400 and 2^-400 have their own powers of two, and scores beyond numbers are no error."""
    X, Y, _ = problem(2)
    model = made(wl.FeatureRidgeCV, alpha_per_target=per_target)
    plain = model.fit(X, Y).alpha_scores_
    scaled = model.fit(X, np.ldexp(Y, [400, -400])).alpha_scores_
    if per_target:
        np.testing.assert_array_equal(scaled, np.ldexp(plain, [[800], [-800]]))
    else:
        alone = model.fit(X, np.ldexp(Y[:, 0], 400)).alpha_scores_
        np.testing.assert_allclose(scaled, alone / 2, rtol=1e-12)
    errors = np.array([[1.0], [np.inf], [2.0**300]])
    assert best_by_error(errors, np.array(ALPHAS), 1).scores.tolist() == [-1.0, -np.inf, -(2.0**300)]


def test_files_keep_them(tmp_path):
    X, y, _ = problem()
    for family in (wl.FeatureRidgeCV, wl.KernelRidgeCV):
        model = made(family).fit(X, y)
        wl.save(model, tmp_path / "model.wl")
        np.testing.assert_array_equal(wl.load(tmp_path / "model.wl").alpha_scores_, model.alpha_scores_)


def test_a_model_of_an_older_file_says_why_it_has_none():
    X, y, _ = problem()
    model = made(wl.FeatureRidgeCV).fit(X, y)
    object.__setattr__(model._model, "choice", model._model.choice._replace(scores=None))
    with pytest.raises(AttributeError, match="kept the best score alone: fit it again"):
        _ = model.alpha_scores_
