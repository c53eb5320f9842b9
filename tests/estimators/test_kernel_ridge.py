"""Kernel ridge regression: the system of its docstring, whatever the weights, targets, kernels and their condition."""

import inspect
import pickle
import warnings

import numpy as np
import pytest
from scipy.linalg import LinAlgWarning
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.kernel_ridge import KernelRidge as PeerKernelRidge
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import reference
from widelearn import KernelRidge, KernelRidgeClassifier
from widelearn.kernels import NTK, RBF, Linear, Polynomial

# The condition of these systems is about 1e3.
CLOSE = {"rtol": 1e-9, "atol": 1e-10}


@pytest.fixture
def rows(rng):
    return rng.standard_normal((70, 4)), rng.standard_normal((70, 3)), rng.uniform(0, 3, 70)


@pytest.mark.parametrize("kernel", [NTK(2), RBF(), Linear() + 1.0, Polynomial()], ids=repr)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_solves_its_system(kernel, fit_intercept, weighted, rows):
    """The normalisation: (K + alpha W⁻¹) a + b = y and 1'a = 0, alpha not divided by n."""
    X, Y, weight = rows
    weight = np.where(weight < 0.5, 0, weight) if weighted else None
    model = KernelRidge(kernel, 0.3, fit_intercept=fit_intercept).fit(X, Y + 7, weight)
    dual, intercept = reference.kernel_ridge(kernel(X), Y + 7, 0.3, weight, fit_intercept)
    np.testing.assert_allclose(model.dual_coef_, dual, **CLOSE)
    np.testing.assert_allclose(model.intercept_, intercept * np.ones(3), **CLOSE)
    np.testing.assert_allclose(model.predict(X[:9] + 1), kernel(X[:9] + 1, X) @ dual + intercept, **CLOSE)
    assert (model.solver_, model.n_iter_) == ("cholesky", 1)
    assert model.residual_ < 1e-13


def test_residual_is_that_of_the_whole_system(rows):
    X, Y, _ = rows
    model = KernelRidge("rbf", 1e-10).fit(X, Y)
    left = Y - RBF()(X) @ model.dual_coef_ - 1e-10 * model.dual_coef_ - model.intercept_
    whole = np.vstack([left, model.dual_coef_.sum(axis=0)])
    wanted = (np.linalg.norm(whole, axis=0) / np.linalg.norm(Y, axis=0)).max()
    # Residuals are rounding errors themselves: the same size is all that can be asked for.
    assert wanted < 1e-9
    assert model.residual_ < 1e-9


def test_it_is_ridge_regression_for_the_linear_kernel(rows):
    X, Y, weight = rows
    for intercept in (False, True):
        model = KernelRidge(Linear(), 2.0, fit_intercept=intercept).fit(X, Y, weight)
        peer = Ridge(2.0, fit_intercept=intercept).fit(X, Y, weight)
        np.testing.assert_allclose(model.predict(X), peer.predict(X), **CLOSE)
        np.testing.assert_allclose(X.T @ model.dual_coef_, peer.coef_.T, **CLOSE)
        np.testing.assert_allclose(model.intercept_, peer.intercept_, **CLOSE)


def test_it_is_the_peer_without_an_intercept(rows):
    X, Y, weight = rows
    model = KernelRidge("rbf", [0.1, 1.0, 10.0], fit_intercept=False).fit(X, Y, weight)
    peer = PeerKernelRidge(kernel="rbf", alpha=np.array([0.1, 1.0, 10.0])).fit(X, Y, weight)
    np.testing.assert_allclose(model.predict(X), peer.predict(X), **CLOSE)
    np.testing.assert_allclose(model.dual_coef_, peer.dual_coef_, **CLOSE)


def test_the_intercept_is_no_mere_centring(rows):
    """The negative control: centring y alone is another model, because the kernel's functions have means too."""
    X, Y, _ = rows
    centred = KernelRidge(RBF(0.01), 1.0, fit_intercept=False).fit(X, Y[:, 0] - Y[:, 0].mean())
    joint = KernelRidge(RBF(0.01), 1.0).fit(X, Y[:, 0])
    assert np.abs(centred.predict(X) + Y[:, 0].mean() - joint.predict(X)).max() > 1e-3


def test_an_offset_of_the_targets_moves_the_intercept_alone(rows):
    X, Y, weight = rows
    plain, moved = (KernelRidge(alpha=0.1).fit(X, Y + offset, weight) for offset in (0, 1e8))
    # The offset takes 8 of 16 digits of the targets themselves.
    np.testing.assert_allclose(moved.dual_coef_, plain.dual_coef_, atol=1e-6)
    np.testing.assert_allclose(moved.intercept_ - 1e8, plain.intercept_, atol=1e-6)


def test_shapes_of_targets(rows):
    X, Y, weight = rows
    one, column, many = (KernelRidge(alpha=0.5).fit(X, y, weight) for y in (Y[:, 0], Y[:, :1], Y))
    assert one.dual_coef_.shape == (70,)
    assert np.ndim(one.intercept_) == 0
    assert one.predict(X).shape == (70,)
    assert column.dual_coef_.shape == column.predict(X).shape == (70, 1)
    assert many.dual_coef_.shape == many.predict(X).shape == (70, 3)
    np.testing.assert_allclose(many.predict(X)[:, 0], one.predict(X), **CLOSE)
    np.testing.assert_allclose(column.predict(X)[:, 0], one.predict(X), **CLOSE)


def test_a_penalty_for_each_target(rows):
    X, Y, weight = rows
    alphas = [0.1, 3.0, 0.1]
    together = KernelRidge(alpha=alphas).fit(X, Y, weight)
    for t, alpha in enumerate(alphas):
        alone = KernelRidge(alpha=alpha).fit(X, Y[:, t], weight)
        np.testing.assert_allclose(together.dual_coef_[:, t], alone.dual_coef_, **CLOSE)
        np.testing.assert_allclose(together.intercept_[t], alone.intercept_, **CLOSE)
    with pytest.raises(ValueError, match=r"alpha has shape \(2,\), but there are 3 targets"):
        KernelRidge(alpha=[1.0, 2.0]).fit(X, Y)


def test_every_way_to_name_a_kernel(rows):
    X, Y, weight = rows
    wanted = KernelRidge(RBF(), 0.1).fit(X, Y, weight).predict(X + 1)
    for kernel in ("rbf", rbf_kernel, lambda X, Y: RBF()(X, Y)):
        np.testing.assert_allclose(KernelRidge(kernel, 0.1).fit(X, Y, weight).predict(X + 1), wanted, **CLOSE)
    K = RBF()(X)
    model = KernelRidge("precomputed", 0.1).fit(K, Y, weight)
    np.testing.assert_array_equal(K, RBF()(X))
    np.testing.assert_allclose(model.predict(RBF()(X + 1, X)), wanted, **CLOSE)
    assert not hasattr(model, "X_fit_")
    default = KernelRidge().fit(X, Y)
    assert default.kernel_ == NTK()
    np.testing.assert_array_equal(KernelRidge("ntk").fit(X, Y).predict(X), default.predict(X))


@pytest.mark.parametrize(
    ("kernel", "match"),
    [("cosine", "Unknown kernel 'cosine'"), (3, "kernel"), (lambda x, y: 1.0, "two blocks of rows")],
)
def test_wrong_kernels(kernel, match, rows):
    with pytest.raises(ValueError, match=match):
        KernelRidge(kernel).fit(rows[0], rows[1])


def test_wrong_precomputed_matrices(rows):
    X, Y, _ = rows
    with pytest.raises(ValueError, match=r"square, got shape \(70, 4\)"):
        KernelRidge("precomputed").fit(X, Y)
    K = X @ X[::-1].T
    with pytest.raises(ValueError, match=r"not symmetric: mirrored entries differ by up to .* Pass \(K \+ K.T\) / 2"):
        KernelRidge("precomputed").fit(K, Y)


def test_fitted_kernel_is_a_copy(rows):
    X, Y, _ = rows
    kernel = RBF(0.1)
    model = KernelRidge(kernel).fit(X, Y)
    before = model.predict(X)
    kernel.set_params(gamma=50.0)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.kernel is kernel


def test_nested_parameters():
    assert KernelRidge().set_params(kernel__depth=4).kernel == NTK(depth=4)
    assert KernelRidge("rbf").set_params(kernel__gamma=4.0, alpha=2.0).kernel == RBF(gamma=4.0)
    assert KernelRidge(RBF() + NTK()).set_params(kernel__k2__depth=3).kernel == RBF() + NTK(3)
    for model, match in ((KernelRidge("precomputed"), "precomputed"), (KernelRidge(), "Invalid parameter")):
        with pytest.raises(ValueError, match=match):
            model.set_params(kernel__gamma=2.0)


def test_grid_search_over_a_kernel(rows):
    X, Y, _ = rows
    search = GridSearchCV(KernelRidge(), {"kernel__depth": [1, 3], "alpha": [0.1, 1.0]}, cv=3).fit(X, Y)
    assert search.best_params_["kernel__depth"] in (1, 3)
    search = GridSearchCV(KernelRidge(), {"kernel": [RBF(), NTK(), "linear"]}, cv=3).fit(X, Y)
    assert len(search.cv_results_["mean_test_score"]) == 3
    K, deep = NTK()(X), KernelRidge("precomputed")
    scores = [cross_val_score(model, data, Y, cv=4) for model, data in ((deep, K), (KernelRidge(), X))]
    np.testing.assert_allclose(*scores, **CLOSE)


# Condition.


def warned(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    return result, [str(warning.message) for warning in caught if warning.category is LinAlgWarning], len(caught)


def test_repeated_rows_without_penalty(rows):
    X, Y, _ = rows
    X, Y = np.vstack([X[:20], X[:5]]), np.vstack([Y[:20], Y[:5] + 1])
    model, messages, count = warned(lambda: KernelRidge("rbf", 0.0).fit(X, Y))
    assert (len(messages), count) == (1, 1)
    assert "rcond" in messages[0]
    assert model.solver_ == "eigen"
    # Rows that contradict each other are met halfway.
    halfway = np.vstack([Y[:5] - 0.5, Y[5:20]])
    halfway[:5] += 1
    np.testing.assert_allclose(model.predict(X[:20]), halfway, atol=1e-6)
    # It is the limit of a vanishing penalty.
    small = KernelRidge("rbf", 1e-9).fit(X, Y)
    np.testing.assert_allclose(model.predict(X + 0.1), small.predict(X + 0.1), atol=1e-4)


def test_weighted_contradictions_without_penalty(rows):
    X, Y, _ = rows
    X, y, weight = np.vstack([X[:20], X[:1]]), np.append(Y[:20, 0], Y[0, 0] + 3), np.ones(21)
    weight[20] = 2.0
    model, messages, _ = warned(lambda: KernelRidge("rbf", 0.0).fit(X, y, weight))
    assert len(messages) == 1
    # Weights 1 and 2: two thirds of the way.
    np.testing.assert_allclose(model.predict(X[:1]), y[0] + 2, atol=1e-6)


def test_indefinite_kernel(rows):
    X, Y, weight = rows

    def indefinite(X, Y):
        return np.tanh(X @ Y.T - 1)

    model, messages, count = warned(lambda: KernelRidge(indefinite, 0.01).fit(X, Y, weight))
    assert (len(messages), count) == (1, 1)
    assert "LDLᵀ" in messages[0]
    assert model.solver_ == "ldlt"
    assert model.residual_ < 1e-8
    dual, intercept = reference.kernel_ridge(indefinite(X, X), Y, 0.01, weight)
    np.testing.assert_allclose(model.dual_coef_, dual, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(model.intercept_, intercept, rtol=1e-6, atol=1e-6)


def test_one_row_and_one_column():
    model = KernelRidge().fit([[2.0]], [3.0])
    np.testing.assert_array_equal(model.predict([[2.0], [5.0]]), [3.0, 3.0])
    model = KernelRidge(Linear(), 1.0, fit_intercept=False).fit([[2.0]], [3.0])
    np.testing.assert_allclose(model.predict([[1.0]]), [1.2])


# Classes.


def test_classes_are_plus_and_minus_one(rng):
    X, y = load_iris(return_X_y=True)
    X = X - X.mean(axis=0)
    weight = rng.uniform(0.1, 2, 150)
    for labels in (y, (y == 1).astype(int), np.array(["a", "b", "c"])[y], (y > 0)):
        model = KernelRidgeClassifier(Linear(), 0.5).fit(X, labels, weight)
        peer = RidgeClassifier(0.5).fit(X, labels, weight)
        np.testing.assert_array_equal(model.classes_, peer.classes_)
        np.testing.assert_allclose(model.decision_function(X), peer.decision_function(X), **CLOSE)
        np.testing.assert_array_equal(model.predict(X), peer.predict(X))
        assert model.dual_coef_.shape == ((150,) if len(model.classes_) == 2 else (150, 3))
    for class_weight in ("balanced", {0: 1.0, 1: 3.0, 2: 0.5}):
        model = KernelRidgeClassifier(Linear(), 0.5, class_weight=class_weight).fit(X[:120], y[:120])
        peer = RidgeClassifier(0.5, class_weight=class_weight).fit(X[:120], y[:120])
        np.testing.assert_allclose(model.decision_function(X), peer.decision_function(X), **CLOSE)


def test_labels_one_by_one(rng):
    X, Y = rng.standard_normal((60, 5)), rng.integers(0, 2, (60, 3))
    model, peer = KernelRidgeClassifier(Linear(), 0.5).fit(X, Y), RidgeClassifier(0.5).fit(X, Y)
    assert model.multilabel_
    np.testing.assert_allclose(model.decision_function(X), peer.decision_function(X), **CLOSE)
    np.testing.assert_array_equal(model.predict(X), peer.predict(X))


def test_a_single_class_and_no_classes(rng):
    X = rng.standard_normal((10, 2))
    assert (KernelRidgeClassifier(fit_intercept=False).fit(X, np.full(10, 7)).predict(100 * X) == 7).all()
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        KernelRidgeClassifier().fit(X, X[:, 0])


def test_digits():
    """The milestone's number: 0.98 held out, by the tangent kernel."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    train, test = order[:1347], order[1347:]
    model = make_pipeline(MinMaxScaler(), KernelRidgeClassifier(NTK(depth=2), alpha=1e-3))
    assert model.fit(X[train], y[train]).score(X[test], y[test]) >= 0.98


# Housekeeping.


def test_precisions(rows):
    X, Y, weight = rows
    double = KernelRidge(alpha=0.5).fit(X, Y, weight)
    single = KernelRidge(alpha=0.5).fit(X.astype(np.float32), Y, weight)
    assert single.dual_coef_.dtype == single.predict(X.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(single.predict(X.astype(np.float32)), double.predict(X), atol=2e-4)
    assert double.predict(X.astype(np.float32)).dtype == np.float64
    assert single.residual_ < 1e-4


def test_bits_for_any_number_of_threads(threads, rng):
    X, Y = rng.standard_normal((400, 5)), rng.standard_normal((400, 2))
    seen = set()
    for k in (1, 2, 3, 4):
        threads(k)
        model = KernelRidge(alpha=1e-2).fit(X, Y)
        seen.add((model.dual_coef_.tobytes(), model.predict(X).tobytes()))
    assert len(seen) == 1


def test_state(rows):
    X, Y, _ = rows
    for model in (KernelRidge(NTK(2), [1.0, 2.0, 3.0]), KernelRidgeClassifier("rbf", class_weight="balanced")):
        y = Y if isinstance(model, KernelRidge) else (Y[:, 0] > 0)
        fitted = clone(model).fit(X, y)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))
        assert repr(clone(fitted)) == repr(model)
    parameters = list(inspect.signature(KernelRidge).parameters.values())
    assert [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY] == ["kernel", "alpha"]
