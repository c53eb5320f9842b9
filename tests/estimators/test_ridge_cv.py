"""Estimators that choose their penalty: against scikit-learn's, against refits, and their options."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, make_multilabel_classification
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneOut, cross_val_score
from sklearn.preprocessing import PolynomialFeatures

from widelearn import (
    FeatureRidge,
    FeatureRidgeClassifier,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    FourierFeatures,
    KernelRidge,
    KernelRidgeClassifier,
    KernelRidgeClassifierCV,
    KernelRidgeCV,
    RandomFeatures,
    ridge,
)
from widelearn.kernels import NTK, RBF, Linear

# Grids of few penalties, whose edges are often chosen.
pytestmark = pytest.mark.filterwarnings("ignore:alpha = ")

ALPHAS = np.geomspace(1e-3, 1e3, 13)


@pytest.fixture
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X[:150] * 20, np.column_stack([y, y**2 / 200])[:150]


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("columns", [10, 150, 400])
@pytest.mark.parametrize("per_target", [False, True])
def test_it_is_scikit_learns_ridge_cv(per_target, columns, weighted, fit_intercept, diabetes, rng):
    X, Y = diabetes
    X = np.hstack([X, rng.standard_normal((len(X), 400))])[:, :columns] + 3.0
    weight = rng.uniform(0.2, 2.0, len(X)) if weighted else None
    options = {"fit_intercept": fit_intercept, "alpha_per_target": per_target, "store_cv_results": True}
    ours = FeatureRidgeCV("passthrough", ALPHAS, **options).fit(X, Y, weight)
    theirs = RidgeCV(ALPHAS, **options).fit(X, Y, weight)
    np.testing.assert_array_equal(ours.alpha_, theirs.alpha_)
    np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=1e-8)
    np.testing.assert_allclose(ours.cv_results_, theirs.cv_results_, rtol=1e-6, atol=1e-9 * theirs.cv_results_.max())
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7)


def test_one_target_has_no_targets_axis(diabetes):
    X, Y = diabetes
    ours = FeatureRidgeCV("passthrough", ALPHAS, store_cv_results=True).fit(X, Y[:, 0])
    theirs = RidgeCV(ALPHAS, store_cv_results=True).fit(X, Y[:, 0])
    assert ours.cv_results_.shape == theirs.cv_results_.shape == (150, 13)
    assert isinstance(ours.alpha_, float)
    assert ours.coef_.shape == (10,)


@pytest.mark.parametrize("n", [100, 600])
def test_it_is_scikit_learns_classifier(n):
    X, y = load_digits(return_X_y=True)
    X, y = X[:n], y[:n]
    X = PolynomialFeatures(2, interaction_only=True).fit_transform(X[:, 20:44])
    for options in ({}, {"class_weight": "balanced"}):
        ours = FeatureRidgeClassifierCV("passthrough", ALPHAS, **options).fit(X, y)
        theirs = RidgeClassifierCV(ALPHAS, **options).fit(X, y)
        assert ours.alpha_ == theirs.alpha_
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "features", [RandomFeatures(40, random_state=0), FourierFeatures(n_components=301), PolynomialFeatures(2), None]
)
def test_left_out_errors_of_any_feature_map(features, diabetes):
    X, Y = diabetes
    X, Y = X[:60], Y[:60]
    model = FeatureRidgeCV(features, (0.1, 10.0), store_cv_results=True, random_state=3).fit(X, Y)
    for j, alpha in enumerate((0.1, 10.0)):
        one = FeatureRidge(clone(model.features_), alpha, random_state=3)
        for i in (0, 17, 59):
            kept = np.arange(60) != i
            error = Y[i] - one.fit(X[kept], Y[kept]).predict(X[[i]])[0]
            np.testing.assert_allclose(model.cv_results_[i, :, j], error**2, rtol=1e-6)
    same = FeatureRidge(clone(model.features_), model.alpha_).fit(X, Y)
    np.testing.assert_allclose(model.predict(X), same.predict(X), rtol=1e-8)


def test_rows_without_weight_are_not_there(diabetes, rng):
    X, Y = diabetes
    weight = rng.integers(0, 3, len(X)).astype(float)
    for wide in (X, np.hstack([X, rng.standard_normal((len(X), 300))])):
        ours = FeatureRidgeCV("passthrough", ALPHAS, store_cv_results=True).fit(wide, Y, weight)
        theirs = RidgeCV(ALPHAS, store_cv_results=True).fit(wide, Y, weight)
        assert ours.alpha_ == theirs.alpha_
        np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=1e-7)
        assert (ours.cv_results_[weight == 0] == 0).all()


@pytest.mark.parametrize("columns", [10, 400])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_gcv_and_repetition(columns, fit_intercept, diabetes, rng):
    X, Y = diabetes
    X = np.hstack([X, rng.standard_normal((len(X), 400))])[:, :columns]
    weight = rng.integers(0, 4, len(X))
    model = FeatureRidgeCV("passthrough", ALPHAS, cv="gcv", fit_intercept=fit_intercept)
    weighted = clone(model).fit(X, Y, weight)
    repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(Y, weight, axis=0))
    assert weighted.alpha_ == repeated.alpha_
    np.testing.assert_allclose(weighted.best_score_, repeated.best_score_, rtol=1e-9)
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-9)


def test_gcv_in_batches(diabetes):
    X, Y = diabetes
    model = FeatureRidgeCV("passthrough", ALPHAS, cv="gcv")
    whole = clone(model).fit(X, Y)
    for rows in (slice(0, 40), slice(40, 90), slice(90, 150)):
        model.partial_fit(X[rows], Y[rows])
    assert model.alpha_ == whole.alpha_
    np.testing.assert_allclose(model.best_score_, whole.best_score_, rtol=1e-10)
    np.testing.assert_allclose(model.predict(X), whole.predict(X), rtol=1e-10)
    assert not hasattr(FeatureRidgeCV(), "partial_fit")
    classifier = FeatureRidgeClassifierCV("passthrough", cv="gcv")
    classifier.partial_fit(X, Y[:, 0] > 100, classes=[False, True])
    assert classifier.alpha_ == FeatureRidgeClassifierCV("passthrough", cv="gcv").fit(X, Y[:, 0] > 100).alpha_


@pytest.mark.parametrize("columns", [10, 400])
def test_refits_are_a_grid_search(columns, diabetes, rng):
    X, Y = diabetes
    X = np.hstack([X, rng.standard_normal((len(X), 400))])[:, :columns]
    ours = FeatureRidgeCV("passthrough", ALPHAS, cv=KFold(4)).fit(X, Y)
    theirs = GridSearchCV(FeatureRidge("passthrough"), {"alpha": ALPHAS}, cv=KFold(4)).fit(X, Y)
    assert ours.alpha_ == theirs.best_params_["alpha"]
    np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=1e-9)
    labels = (Y[:, 0] > 100).astype(int) + (Y[:, 0] > 200)
    classifier = FeatureRidgeClassifierCV("passthrough", ALPHAS, cv=3).fit(X, labels)
    search = GridSearchCV(FeatureRidgeClassifier("passthrough"), {"alpha": ALPHAS}, cv=3).fit(X, labels)
    assert classifier.alpha_ == search.best_params_["alpha"]
    np.testing.assert_allclose(classifier.best_score_, search.best_score_, rtol=1e-12)


def test_multilabel():
    X, Y = make_multilabel_classification(80, 12, n_classes=4, random_state=0)
    for model in (FeatureRidgeClassifierCV("passthrough"), KernelRidgeClassifierCV("rbf")):
        assert model.fit(X, Y).predict(X).shape == Y.shape
        assert clone(model).set_params(cv=3).fit(X, Y).alpha_ in model.alphas


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_kernels_leave_out_rows(weighted, fit_intercept, diabetes, rng):
    X, Y = diabetes
    X, Y = X[:40], Y[:40]
    weight = rng.integers(0, 3, 40).astype(float) if weighted else np.ones(40)
    alphas = (0.01, 1.0)
    scores = []
    for alpha in alphas:
        errors = np.zeros_like(Y)
        for i in np.flatnonzero(weight):
            kept = np.arange(40) != i
            one = KernelRidge(RBF(gamma=0.1), alpha, fit_intercept=fit_intercept)
            errors[i] = Y[i] - one.fit(X[kept], Y[kept], weight[kept]).predict(X[[i]])[0]
        scores.append(-(weight[:, None] * errors**2).mean())
    model = KernelRidgeCV(RBF(gamma=0.1), alphas, fit_intercept=fit_intercept).fit(X, Y, weight)
    assert model.alpha_ == alphas[int(np.argmax(scores))]
    np.testing.assert_allclose(model.best_score_, max(scores), rtol=1e-8)
    same = KernelRidge(RBF(gamma=0.1), model.alpha_, fit_intercept=fit_intercept).fit(X, Y, weight)
    np.testing.assert_array_equal(model.predict(X), same.predict(X))


def test_kernels_are_chosen(diabetes):
    X, Y = diabetes
    kernels = [RBF(gamma=100.0), "linear", NTK(), lambda A, B: A @ B.T * 1e-3]
    model = KernelRidgeCV(kernels, ALPHAS).fit(X, Y)
    best = [KernelRidgeCV(kernel, ALPHAS).fit(X, Y).best_score_ for kernel in kernels]
    assert model.best_score_ == max(best)
    precomputed = KernelRidgeCV("precomputed", ALPHAS).fit(Linear()(X), Y)
    linear = KernelRidgeCV(Linear(), ALPHAS).fit(X, Y)
    assert precomputed.alpha_ == linear.alpha_
    np.testing.assert_allclose(precomputed.predict(Linear()(X)), linear.predict(X), rtol=1e-8)
    assert KernelRidgeCV().set_params(kernel__depth=2).kernel == NTK(depth=2)


def test_kernel_refits(diabetes):
    X, Y = diabetes
    kernels = {"kernel": [RBF(gamma=0.01), RBF(gamma=1.0)], "alpha": (0.01, 1.0)}
    search = GridSearchCV(KernelRidge(), kernels, cv=KFold(3)).fit(X, Y)
    model = KernelRidgeCV(kernels["kernel"], kernels["alpha"], cv=KFold(3)).fit(X, Y)
    assert (model.kernel_, model.alpha_) == (search.best_params_["kernel"], search.best_params_["alpha"])
    np.testing.assert_allclose(model.best_score_, search.best_score_, rtol=1e-9)
    labels = Y[:, 0] > 100
    classifier = KernelRidgeClassifierCV("rbf", ALPHAS, cv=LeaveOneOut()).fit(X[:40], labels[:40])
    one = KernelRidgeClassifier("rbf", classifier.alpha_)
    assert classifier.best_score_ == cross_val_score(one, X[:40], labels[:40], cv=LeaveOneOut()).mean()


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (FeatureRidgeCV(alphas=(-1.0,)), "non-negative"),
        (FeatureRidgeCV(alphas=()), "non-empty"),
        (FeatureRidgeCV(cv=3, alpha_per_target=True), "alpha_per_target needs"),
        (FeatureRidgeCV(cv="gcv", store_cv_results=True), "store_cv_results needs"),
        (FeatureRidgeCV(cv="loo"), "cv"),
        (KernelRidgeCV([]), "at least one kernel"),
        (KernelRidgeCV(["rbf", "precomputed"]), "may not hold 'precomputed'"),
        (KernelRidgeCV(alphas=(np.nan,)), "finite"),
        (KernelRidgeCV("precomputed"), "square"),
    ],
)
def test_wrong_options(model, match, diabetes):
    with pytest.raises(ValueError, match=match):
        model.fit(*diabetes)


@pytest.mark.parametrize("kind", [FeatureRidgeCV, FeatureRidgeClassifierCV])
def test_a_path_has_no_precision_to_choose(kind):
    with pytest.raises(TypeError, match="precision"):
        kind(precision="mixed")


def test_mixed_precision_is_double_precision(rng):
    X = rng.standard_normal((3000, 6)) + 5.0
    Y = np.column_stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]])
    weight = rng.uniform(0.5, 2.0, 3000)
    for features in (FourierFeatures(RBF(0.05), n_components=200, random_state=0), PolynomialFeatures(2)):
        for alpha in (1.0, [1e-2, 10.0]):
            double = FeatureRidge(features, alpha).fit(X, Y, weight)
            mixed = FeatureRidge(features, alpha, precision="mixed").fit(X, Y, weight)
            wanted = double.predict(X)
            np.testing.assert_allclose(mixed.predict(X), wanted, rtol=0, atol=1e-9 * np.abs(wanted).max())
    # Without a penalty the moments of single precision are singular: double precision takes over, bit for bit.
    nearly = np.column_stack([X, X[:, 0] * (1 + 1e-7 * rng.standard_normal(3000))])
    double, mixed = (FeatureRidge("passthrough", 0.0, precision=name).fit(nearly, Y) for name in ("auto", "mixed"))
    np.testing.assert_array_equal(mixed.coef_, double.coef_)


def test_values_beyond_single_precision_fall_back(rng):
    X, y = rng.standard_normal((60, 4)) * 1e30, rng.standard_normal(60)
    double, mixed = (FeatureRidge("passthrough", 1.0, precision=name).fit(X, y) for name in ("auto", "mixed"))
    np.testing.assert_array_equal(mixed.coef_, double.coef_)


@pytest.mark.parametrize("n", [3, 60])
def test_squares_that_overflow(n, rng):
    X, y = rng.standard_normal((n, 8)) * 1e200, rng.standard_normal(n)
    for cv in (None, "gcv"):
        with pytest.raises(ValueError, match=r"overflow float64\. Scale"):
            FeatureRidgeCV("passthrough", cv=cv).fit(X, y)
    for precision in ("auto", "mixed"):
        with pytest.raises(ValueError, match=r"overflow float64\. Scale"):
            FeatureRidge("passthrough", precision=precision).fit(X, y)


@pytest.mark.parametrize("model", [FeatureRidgeCV("passthrough"), KernelRidgeCV("rbf")], ids=repr)
def test_few_rows(model, diabetes):
    X, Y = diabetes
    for n in (1, 2):
        assert np.isfinite(model.fit(X[:n], Y[:n]).predict(X)).all()
    only = np.zeros(len(X))
    only[3] = 1.0
    np.testing.assert_allclose(model.fit(X, Y, only).predict(X[[3]]), Y[[3]], rtol=1e-12)


def test_every_way_gives_the_same_predictions(rng):
    """Primal, dual, eigenvectors and streams at a condition number of 1e6 of Z'Z + alpha I."""
    U, V = np.linalg.qr(rng.standard_normal((120, 60)))[0], np.linalg.qr(rng.standard_normal((60, 60)))[0]
    Z, Y = (U * np.geomspace(1e3, 1e-2, 60)) @ V.T, rng.standard_normal((120, 2))
    alpha = 1.0  # largest eigenvalue 1e6
    blocks = [(Z[rows], Y[rows]) for rows in np.split(np.arange(120), 5)]
    fits = {
        "primal": FeatureRidge("passthrough", alpha).fit(Z, Y),
        "padded to be wide": FeatureRidge("passthrough", alpha).fit(np.hstack([Z, np.zeros((120, 80))]), Y),
        "kernel": KernelRidge("linear", alpha).fit(Z, Y),
        "eigenvectors": FeatureRidgeCV("passthrough", [alpha]).fit(Z, Y),
        "eigenvectors of the kernel": FeatureRidgeCV("passthrough", [alpha] * 9).fit(np.hstack([Z, 0 * Z, 0 * Z]), Y),
        "blocks": FeatureRidge("passthrough", alpha).fit_blocks(blocks),
        "mixed": FeatureRidge("passthrough", alpha, precision="mixed").fit(Z, Y),
    }
    wanted = fits["primal"].predict(Z)
    for name, model in fits.items():
        rows = np.hstack([Z, np.zeros((120, model.n_features_in_ - 60))])
        np.testing.assert_allclose(model.predict(rows), wanted, rtol=0, atol=1e-9 * np.abs(wanted).max(), err_msg=name)


def test_integer_weights_are_repetition(diabetes, rng):
    X, Y = diabetes
    weight = rng.integers(0, 4, len(X))
    rows = np.repeat(np.arange(len(X)), weight)
    for model in (
        FeatureRidge(FourierFeatures(n_components=70, random_state=0), 0.1),
        FeatureRidge(FourierFeatures(n_components=700, random_state=0), 0.1),
        FeatureRidgeCV(FourierFeatures(n_components=70, random_state=0), cv="gcv"),
        FeatureRidgeCV(FourierFeatures(n_components=700, random_state=0), cv="gcv"),
        KernelRidge("rbf", 0.1),
    ):
        weighted, repeated = clone(model).fit(X, Y, weight), clone(model).fit(X[rows], Y[rows])
        wanted = repeated.predict(X)
        np.testing.assert_allclose(weighted.predict(X), wanted, rtol=0, atol=1e-10 * np.abs(wanted).max())


@pytest.mark.parametrize("alphas", [[1e-3], [1e-3] * 9])
def test_left_out_errors_in_single_precision(alphas, diabetes):
    X, Y = diabetes
    # Eigenvalues on both sides of the penalty, which is below the rounding errors of the largest.
    K = RBF(gamma=0.02)(X)
    single = ridge.loo(K.astype(np.float32), Y, alphas, kind="kernel")
    assert np.abs(single - ridge.loo(K, Y, alphas, kind="kernel")).max() < 1e-2 * np.abs(Y).max()


def test_single_precision_chooses_alike(diabetes):
    X, Y = diabetes
    for model in (KernelRidgeCV("rbf", ALPHAS), FeatureRidgeCV(random_state=0)):
        double, single = clone(model).fit(X, Y), clone(model).fit(X.astype(np.float32), Y)
        assert single.alpha_ == double.alpha_
        np.testing.assert_allclose(single.best_score_, double.best_score_, rtol=1e-3)
        assert single.predict(X.astype(np.float32)).dtype == np.float32
