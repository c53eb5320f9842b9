"""The picture of a penalty's path: its errors are the estimator's, its norms those of refits, and what it refuses."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError

import widelearn as wl
from widelearn.diagnostics import RidgePathDisplay

ALPHAS = (10.0, 1e-2, 0.1, 1.0)
MAP = wl.RandomFeatures(40, bias_scale=1.0, random_state=3)


def problem(n=60, t=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    Y = np.column_stack([np.sin(2 * X[:, 0]), X[:, 1], X[:, 2] ** 2])[:, :t] + 0.3 * rng.standard_normal((n, t))
    return X, Y if t > 1 else Y[:, 0], rng.integers(0, 4, n).astype(float)


def norms_of_fits(model, X, y, weight):
    """‖c‖ of fits at every penalty by the estimators of one penalty."""
    found = []
    for alpha in sorted(model.alphas):
        options = {"alpha": alpha, "fit_intercept": model.fit_intercept}
        if hasattr(model, "features_"):
            kind = wl.FeatureRidgeClassifier if is_classifier(model) else wl.FeatureRidge
            found.append(np.linalg.norm(kind(model.features, **options).fit(X, y, weight).coef_, axis=-1))
        else:
            kind = wl.KernelRidgeClassifier if is_classifier(model) else wl.KernelRidge
            fit = kind(model.kernel_, solver="cholesky", **options).fit(X, y, weight)
            a = fit.dual_coef_.reshape(len(X), -1)
            K = model.kernel_(X)
            found.append(np.sqrt(np.einsum("it,ij,jt->t", a, K, a)).reshape(fit.dual_coef_.shape[1:]))
    return np.moveaxis(np.array(found), 0, -1)


@pytest.mark.filterwarnings("ignore:alpha = ")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("n", [30, 60])
@pytest.mark.parametrize("family", ["features", "kernel", "features of classes", "kernel of classes"])
def test_scores_and_norms(family, n, weighted, fit_intercept):
    X, y, weight = problem(n, 1 if "classes" in family else 2)
    weight = weight if weighted else None
    y = np.digitize(y, [-0.5, 0.5]) if "classes" in family else y
    options = {"alphas": ALPHAS, "fit_intercept": fit_intercept}
    if "features" in family:
        model = (wl.FeatureRidgeClassifierCV if "classes" in family else wl.FeatureRidgeCV)(MAP, **options)
    else:
        model = (wl.KernelRidgeClassifierCV if "classes" in family else wl.KernelRidgeCV)("rbf", **options)
    model.fit(X, y, weight)
    shown = RidgePathDisplay.from_estimator(model, X, y, sample_weight=weight)
    order = np.argsort(ALPHAS)
    np.testing.assert_array_equal(shown.alphas, np.sort(ALPHAS))
    np.testing.assert_array_equal(shown.scores, model.alpha_scores_[order])
    # Both decompose matrices whose condition, beside the smallest penalty, is below 1e5.
    np.testing.assert_allclose(shown.norms, norms_of_fits(model, X, y, weight), rtol=1e-9)
    np.testing.assert_array_equal(shown.ax_.lines[0].get_ydata(), -shown.scores)
    assert shown.ax_.get_yscale() == shown.ax_.get_xscale() == "log"
    marks = [line.get_xdata()[0] for line in shown.ax_.lines if line.get_linestyle() == ":"]
    assert marks == [model.alpha_]
    other = next(ax for ax in shown.figure_.axes if ax is not shown.ax_)
    np.testing.assert_array_equal(other.lines[0].get_ydata(), shown.norms[0])
    shown.figure_.canvas.draw()


def test_a_penalty_a_target():
    X, Y, _ = problem(60, 3)
    model = wl.FeatureRidgeCV(MAP, np.logspace(-4, 4, 17), alpha_per_target=True).fit(X, Y)
    ax = Figure().subplots()
    shown = RidgePathDisplay.from_estimator(model, ax=ax)
    assert shown.ax_ is ax
    assert shown.norms is None
    assert len(ax.figure.axes) == 1
    np.testing.assert_array_equal(shown.alpha, model.alpha_)
    np.testing.assert_array_equal([line.get_ydata() for line in ax.lines[:3]], -model.alpha_scores_)
    assert [line.get_label() for line in ax.lines[:3]] == ["target 0", "target 1", "target 2"]
    assert [line.get_xdata()[0] for line in ax.lines[3:]] == list(model.alpha_)


@pytest.mark.filterwarnings("ignore:alpha = ")
def test_what_scores_are_called():
    X, y, _ = problem(60)
    names = {None: "mean squared left-out error", "gcv": "error of generalised cross-validation"}
    for cv, name in (names | {3: "mean score of the folds"}).items():
        model = wl.KernelRidgeCV("rbf", ALPHAS, cv=cv).fit(X, y)
        shown = RidgePathDisplay.from_estimator(model)
        assert shown.ax_.get_ylabel() == name
        assert shown.errors is (cv != 3)
        assert shown.scores.max() == model.best_score_
    for scoring, cv, name, errors in (
        ("neg_mean_absolute_error", None, "mean absolute error of left-out rows", True),
        ("r2", 3, "r2 of the folds", False),
        (lambda estimator, X, y: 0.5, None, "score of left-out rows", False),
    ):
        shown = RidgePathDisplay.from_estimator(wl.KernelRidgeCV("rbf", ALPHAS, cv=cv, scoring=scoring).fit(X, y))
        assert (shown.ax_.get_ylabel(), shown.errors) == (name, errors)


def test_sparse_rows_and_kernel_matrices():
    X, y, weight = problem(40)
    X[np.abs(X) < 1] = 0.0
    plain = wl.FeatureRidgeCV("passthrough", ALPHAS).fit(X, y, weight)
    wanted = RidgePathDisplay.from_estimator(plain, X, y, sample_weight=weight).norms
    rows = sparse.csr_array(X)
    model = wl.FeatureRidgeCV("passthrough", ALPHAS).fit(rows, y, weight)
    found = RidgePathDisplay.from_estimator(model, rows, y, sample_weight=weight).norms
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    K = X @ X.T
    model = wl.KernelRidgeCV("precomputed", ALPHAS).fit(K, y, weight)
    found = RidgePathDisplay.from_estimator(model, K, y, sample_weight=weight).norms
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_norms_at_a_penalty_of_zero_are_the_smallest():
    """Rows of three columns, one of them twice: ‖c‖ is that of the solution of least norm."""
    X, y, _ = problem(40)
    X = np.column_stack([X, X[:, 0]])
    model = wl.FeatureRidgeCV("passthrough", [0.0, 1.0]).fit(X, y)
    shown = RidgePathDisplay.from_estimator(model, X, y)
    wanted = np.linalg.norm(np.linalg.pinv(X - X.mean(axis=0)) @ (y - y.mean()))
    np.testing.assert_allclose(shown.norms[0], wanted, rtol=1e-12)
    assert shown.ax_.get_xscale() == "symlog"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"alphas": []}, "empty"),
        ({"alphas": [-1.0]}, "alphas must hold finite"),
        ({"alphas": [[1.0]]}, "one axis"),
        ({}, "nothing to draw"),
        ({"scores": [1.0]}, "for a = 2 penalties"),
        ({"norms": [1.0, np.nan]}, "1 entries that are NaN"),
        ({"scores": [1.0, 2.0], "alpha": np.inf}, "alpha must hold finite"),
    ],
)
def test_what_is_no_path_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        RidgePathDisplay(**{"alphas": [1.0, 2.0]} | options)


def test_what_chose_no_penalty_is_refused():
    X, y, _ = problem()
    with pytest.raises(NotFittedError):
        RidgePathDisplay.from_estimator(wl.KernelRidgeCV())
    with pytest.raises(TypeError, match="KernelRidge has no alpha_scores_"):
        RidgePathDisplay.from_estimator(wl.KernelRidge().fit(X, y))
    with pytest.raises(TypeError, match="must be a fitted"):
        RidgePathDisplay.from_estimator("x")
    model = wl.KernelRidgeCV("rbf", ALPHAS).fit(X, y)
    with pytest.raises(ValueError, match="belong together"):
        RidgePathDisplay.from_estimator(model, X)
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes or None, got 'x'"):
        RidgePathDisplay([1.0], norms=[1.0]).plot("x")


def test_rows_that_cannot_be_those_of_the_fit_are_refused():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 6))
    y = X[:, 0] + 0.5 * rng.standard_normal(40)
    labels = np.array(list("abc"))[np.digitize(X[:, 0], [-0.5, 0.5])]
    for model in (wl.FeatureRidgeCV("passthrough", [1e-3, 1.0, 1e4]), wl.KernelRidgeCV("rbf", [1e-3, 1.0, 1e4])):
        model.fit(X, y)
        with pytest.raises(ValueError, match="X has 3 features"):
            RidgePathDisplay.from_estimator(model, X[:, :3], y)
        with pytest.raises(ValueError, match="y has 2 targets, and the estimator was fitted to 1"):
            RidgePathDisplay.from_estimator(model, X, np.column_stack([y, y]))
        model.set_params(alphas=[1e3, 1e4, 1e5])
        with pytest.raises(ValueError, match="alphas are not those of the fit"):
            RidgePathDisplay.from_estimator(model)
    classifier = wl.KernelRidgeClassifierCV("rbf", [1e-3, 1.0, 1e3]).fit(X, labels)
    with pytest.raises(ValueError, match="y has the labels"):
        RidgePathDisplay.from_estimator(classifier, X, np.where(labels == "a", "a", "b"))
