"""Probabilities and sets of classes from rows left out, against refits, other calibration and what they promise."""

import pickle

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import widelearn as wl
from widelearn.estimators.calibration import Calibration
from widelearn.estimators.chances import together
from widelearn.estimators.labels import Labels
from widelearn.estimators.left_out import left_out_fits

FEW, MANY = (wl.RandomFeatures(columns, bias_scale=1.0, random_state=0) for columns in (12, 90))
MODELS = [
    wl.KernelRidgeClassifier("rbf", alpha=0.1),
    wl.KernelRidgeClassifier("rbf", alpha=0.1, fit_intercept=False),
    wl.FeatureRidgeClassifier(FEW, alpha=0.01),
    wl.FeatureRidgeClassifier(MANY, alpha=0.01),
    wl.FeatureRidgeClassifier(FEW, alpha=0.01, fit_intercept=False),
]


def problem(rng, kind, n=45):
    """Rows and labels of two classes, of three, or of a multilabel indicator."""
    X = rng.standard_normal((n, 3))
    noisy = X + 0.7 * rng.standard_normal((n, 3))
    if kind == "indicator":
        return X, (noisy[:, :2] > 0).astype(int)
    return X, np.array(["a", "b", "c"])[noisy[:, :2].argmax(axis=1) if kind == "two" else noisy.argmax(axis=1)]


def refitted(model, X, y, weight):
    """Scores (n, t) of rows in fits without them."""
    rows = np.flatnonzero(weight)
    found = [model.fit(X[rows != i], y[rows != i], weight[rows != i]).decision_function(X[[i]])[0] for i in rows]
    return np.array(found).reshape(len(rows), -1)


def one_copy_out(model, X, y, weight):
    """Scores (n, t) of rows in fits in which a copy of them is left out, or the row itself if it weighs less."""
    found = []
    for i in range(len(X)):
        rest = weight - np.minimum(weight[i], 1.0) * (np.arange(len(X)) == i)
        found.append(model.fit(X, y, rest).decision_function(X[[i]])[0])
    return np.array(found).reshape(len(X), -1)


@pytest.mark.parametrize("kind", ["two", "three", "indicator"])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_scores_are_those_of_refits(rng, model, kind):
    X, y = problem(rng, kind)
    weight = rng.choice([0.5, 1.0, 2.0], len(X))
    expected = refitted(model, X, y, weight)
    model.fit(X, y, weight)
    parts = left_out_fits(model, model._model.posterior)
    found = together(parts, [part.scores(copies=False) for part in parts])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    codes = Labels.from_targets(y).encode(y)
    np.testing.assert_allclose(together(parts, [part.targets for part in parts]), codes, rtol=0, atol=1e-10)
    expected = one_copy_out(model, X, y, weight)
    model.fit(X, y, weight)
    expected = Calibration.of(Labels.from_targets(y), expected, codes, weight).probabilities(model._values(X[:9]))
    np.testing.assert_allclose(model.predict_proba(X[:9]), expected, rtol=0, atol=1e-6)


def test_two_classes_have_the_logistic_map_of_their_scores(rng):
    scores, y = rng.standard_normal((80, 1)), np.arange(80) % 2
    scores[:, 0] = 7 * (scores[:, 0] + 2 * y - 1)
    weight = rng.choice([1.0, 3.0], 80)
    found = Calibration.of(Labels(np.arange(2), False), scores, 2.0 * y[:, None] - 1, weight)
    positive, negative = weight @ y, weight @ (1 - y)
    aims = np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))
    rows = np.concatenate([scores, scores]), np.repeat([1, 0], 80)
    other = LogisticRegression(C=1e10, tol=1e-10, fit_intercept=False)
    other.fit(*rows, np.concatenate([weight * aims, weight * (1 - aims)]))
    np.testing.assert_allclose(found.probabilities(scores), other.predict_proba(scores), atol=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("factor", [1e-150, 1.0, 1e150, -1.0, 0.0])
def test_any_scores_have_a_slope(classes, factor):
    codes = np.where(np.arange(60)[:, None] % classes == np.arange(classes), 1.0, -1.0)[:, classes == 2 :]
    scores = factor * (codes + 0.3 * np.sin(np.arange(60))[:, None])
    found = Calibration.of(Labels(np.arange(classes), False), scores, codes, np.full(60, 1e-9))
    chances = found.probabilities(scores)
    assert np.isfinite(chances).all()
    sure = 1 / classes if factor <= 0 else 0.9
    assert chances[codes > 0 if classes > 2 else np.hstack([codes < 0, codes > 0])].mean() >= sure - 1e-6


@pytest.mark.parametrize("alpha", [1e-9, 1e12])
def test_the_predicted_class_is_the_most_probable_one(rng, alpha):
    X, y = problem(rng, "two", 80)
    for labels in (y, rng.permutation(y)):
        model = wl.KernelRidgeClassifier("rbf", alpha=alpha).fit(X, labels)
        np.testing.assert_array_equal(model.classes_[model.predict_proba(X).argmax(axis=1)], model.predict(X))


def test_labels_of_an_indicator_have_slopes_of_their_own(rng):
    codes = np.where(rng.random((200, 2)) < 0.5, 1.0, -1.0)
    scores = codes * [5.0, 0.1] + rng.standard_normal((200, 2))
    found = Calibration.of(Labels(np.arange(2), True), scores, codes, None)
    for j in range(2):
        alone = Calibration.of(Labels(np.arange(2), False), scores[:, [j]], codes[:, [j]], None)
        assert found.slope[j] == pytest.approx(alone.slope[0], rel=1e-9)


def test_repeated_rows_are_rows_of_more_weight(rng):
    X, y = problem(rng, "three")
    weight = rng.integers(1, 4, len(X))
    for model in MODELS:
        one = model.fit(X, y, weight).predict_proba(X)
        other = model.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight)).predict_proba(X)
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("weighted", ["classes", "rows"])
def test_weights_count_as_in_the_fit(rng, weighted):
    X, y = problem(rng, "two", 400)
    heavy = y == "a"
    if weighted == "classes":
        model = wl.KernelRidgeClassifier("rbf", class_weight={"a": 9.0, "b": 1.0}).fit(X, y)
    else:
        model = wl.FeatureRidgeClassifier(FEW).fit(X, y, np.where(heavy, 9.0, 1.0))
    chances, plain = model.predict_proba(X)[:, 0], wl.KernelRidgeClassifier("rbf").fit(X, y).predict_proba(X)[:, 0]
    share = 9 * heavy.sum() / (9 * heavy.sum() + (~heavy).sum())
    assert np.average(chances, weights=np.where(heavy, 9.0, 1.0)) == pytest.approx(share, abs=0.08)
    assert chances.mean() > plain.mean() + 0.2


def test_they_are_as_good_as_those_of_refits_to_folds():
    ratios = []
    for load in (load_iris, load_wine, load_breast_cancer):
        X, y = load(return_X_y=True)
        X, x, y, truth = train_test_split(StandardScaler().fit_transform(X), y, stratify=y, random_state=0)
        model = wl.KernelRidgeClassifierCV("rbf", alphas=[0.01, 0.1, 1.0]).fit(X, y)
        other = CalibratedClassifierCV(model, cv=5).fit(X, y)
        ratios.append(log_loss(truth, model.predict_proba(x)) / log_loss(truth, other.predict_proba(x)))
        np.testing.assert_array_equal(model.predict_log_proba(x), np.log(model.predict_proba(x)))
    assert np.mean(ratios) < 1.0


def test_sets_are_those_of_refits(rng):
    for kind in ("two", "three"):
        X, y = problem(rng, kind, 40)
        x, labels = rng.standard_normal((6, 3)), np.unique(y)
        for model in (MODELS[0], MODELS[2]):
            count = np.zeros((6, len(labels)))
            for i in range(40):
                rest = np.arange(40) != i
                values = model.fit(X[rest], y[rest]).decision_function(np.vstack([X[i : i + 1], x]))
                values = np.stack([-values, values], axis=1) if values.ndim == 1 else values
                others = [np.delete(values, c, axis=1).max(axis=1) - values[:, c] for c in range(len(labels))]
                margin = np.stack(others, axis=1)
                count += margin[1:] > margin[0, labels == y[i]]
            found = model.fit(X, y).predict_set(x, 0.8)
            np.testing.assert_array_equal(found, count < 0.8 * 41)


def test_sets_hold_what_they_say_on_real_rows():
    X, y = load_digits(return_X_y=True)
    X, x, y, truth = train_test_split(X / 16, y, train_size=500, stratify=y, random_state=0)
    model = wl.FeatureRidgeClassifierCV(wl.RandomFeatures(200, random_state=0)).fit(X, y)
    for level in (0.9, 0.98):
        found = model.predict_set(x, level)
        # 1,297 rows: a standard error of .008 at .9, and quantiles of 500 rows as much again.
        assert found[np.arange(len(x)), truth].mean() == pytest.approx(level, abs=0.035)
    assert found.sum(axis=1).mean() < 2.0


@pytest.mark.parametrize("solver", ["cholesky", "nystrom"])
def test_kernels_pickle_and_save_them(rng, tmp_path, solver):
    X, y = problem(rng, "three")
    model = wl.KernelRidgeClassifier("rbf", solver=solver).fit(X, y)
    chances, sets = model.predict_proba(X), model.predict_set(X)
    wl.save(model, tmp_path / "model")
    for other in (pickle.loads(pickle.dumps(model)), wl.load(tmp_path / "model")):
        np.testing.assert_allclose(other.predict_proba(X), chances, rtol=1e-9)
        np.testing.assert_array_equal(other.predict_set(X), sets)


def test_machines_and_pipelines_have_them(rng):
    X, y = problem(rng, "three")
    machine = wl.RecursiveFeatureMachineClassifier(n_iter=1).fit(X, y)
    np.testing.assert_allclose(machine.predict_proba(X).sum(axis=1), 1.0)
    assert machine.predict_set(X).shape == (45, 3)
    line = make_pipeline(StandardScaler(), wl.FeatureRidgeClassifier(FEW)).fit(X, y)
    assert line.predict_proba(X).shape == (45, 3)


def test_few_rows_and_classes_have_sane_ones(rng):
    X = rng.standard_normal((3, 2))
    for model in (wl.KernelRidgeClassifier("rbf"), wl.FeatureRidgeClassifier(random_state=0)):
        np.testing.assert_array_equal(model.fit(X, [1, 1, 1]).predict_proba(X), np.ones((3, 1)))
        assert model.predict_set(X).all()
        chances = model.fit(X, [0, 1, 1]).predict_proba(X)
        assert ((chances > 0.1) & (chances < 0.9)).all()
        with pytest.raises(ValueError, match=r"3 rows are too few for level=0\.9: it takes 9"):
            model.predict_set(X)
        with pytest.raises(ValueError, match="level must be between 0 and 1, got 1"):
            model.predict_set(X, 1)
        with pytest.raises(ValueError, match="1 row with a weight is too few"):
            model.fit(X, [0, 1, 1], [1.0, 0.0, 0.0]).predict_proba(X)
        with pytest.raises(ValueError, match="y was a multilabel indicator"):
            model.fit(X, [[0, 1], [1, 0], [1, 1]]).predict_set(X)


def test_fits_that_keep_no_rows_have_none(rng):
    X, y = problem(rng, "two")
    fits = [
        wl.FeatureRidgeClassifier(FEW).partial_fit(X, y, np.unique(y)),
        wl.FeatureRidgeClassifier(FEW).fit_blocks([(X, y)], classes=np.unique(y)),
        wl.KernelRidgeClassifier("precomputed").fit(X @ X.T, y),
    ]
    for model in fits:
        for name in ("predict_proba", "predict_log_proba", "predict_set"):
            assert not hasattr(model, name)
        assert hasattr(type(model)(), "predict_proba")
