"""scikit-learn's contract: every check there is, with none expected to fail and none skipped."""

import inspect

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

import widelearn as wl

ESTIMATORS = [
    wl.KernelRidge(),
    wl.KernelRidge("rbf", alpha=0.1),
    wl.KernelRidge("precomputed"),
    wl.KernelRidge(wl.kernels.RBF() + 0.5 * wl.kernels.Linear(), fit_intercept=False),
    wl.KernelRidge("rbf", solver="pcg"),
    # Centres are invariant to weights only where every row is one.
    wl.KernelRidge(solver="nystrom", n_components=200),
    wl.KernelRidgeClassifier(),
    wl.KernelRidgeClassifier("precomputed"),
    wl.FeatureRidge(),
    wl.FeatureRidge(wl.RandomFeatures(16, bias_scale=1.0)),
    wl.FeatureRidge(wl.FourierFeatures(n_components=301), alpha=0.01, fit_intercept=False),
    wl.FeatureRidge("passthrough"),
    wl.FeatureRidge(wl.TangentFeatures(20)),
    wl.FeatureRidgeClassifier(),
    wl.FeatureRidgeClassifier("passthrough"),
    wl.FeatureRidgeCV(),
    wl.FeatureRidgeCV("passthrough", cv="gcv"),
    wl.FeatureRidgeClassifierCV(),
    wl.FeatureRidgeClassifierCV("passthrough", cv="gcv"),
    wl.KernelRidgeCV(),
    wl.KernelRidgeCV("precomputed"),
    wl.KernelRidgeClassifierCV(),
    wl.KernelRidgeClassifierCV("precomputed"),
    wl.GradientFlowRegressor(),
    wl.GradientFlowRegressor("precomputed"),
    wl.GradientFlowRegressor("rbf", "gcv", fit_intercept=False),
    wl.GradientFlowRegressor(wl.RandomFeatures(16, bias_scale=1.0, random_state=0), "loo"),
    wl.GradientFlowRegressor("rbf", 100, learning_rate=0.5, momentum=0.5),
    wl.GradientFlowRegressor(wl.linearize(None, None), fit_intercept=False),
    wl.GradientFlowClassifier(),
    wl.GradientFlowClassifier("rbf", learning_rate=0.5),
    wl.LinearizedRidge(),
    wl.LinearizedRidge(alpha=0.1, fit_intercept=True),
    wl.TaylorizedRidge(),
    wl.TaylorizedRidge(order=1, alpha=0.1, fit_intercept=True),
    wl.RecursiveFeatureMachine(),
    wl.RecursiveFeatureMachineClassifier(),
    wl.TwoLayerRegressor(),
    wl.TwoLayerRegressor(20, algorithm="one_step"),
    wl.TwoLayerClassifier(),
    wl.TwoLayerClassifier(20, "tanh", algorithm="algorithm1", loss="hinge", batch_size=16, early_stopping=True),
    wl.TaylorRegressor(),
    wl.TaylorRegressor((1, 3), "tanh", width=32, alpha=0.01, linear_term=False, init="random"),
    wl.TaylorRegressor(width=32, mode="marginal", whiten=True),
    wl.TaylorRegressor(width=32, mode="signs", max_iter=20, batch_size=200),
    wl.TaylorClassifier(),
    wl.TaylorClassifier(3, width=16, mode="marginal", alpha="auto"),
    wl.TaylorClassifier(width=32, solver="adam", max_iter=30, learning_rate_init=0.03, batch_size=200),
]
TRANSFORMERS = [
    wl.RandomFeatures(64),
    wl.RandomFeatures(33, weights="sphere", bias_scale=0.5),
    wl.FourierFeatures(n_components=64),
    wl.FourierFeatures(n_components=33),
    wl.RandomFeatures(40, "gelu", weights="hadamard"),
    wl.FourierFeatures("laplace", n_components=20, weights="orthogonal"),
    wl.TangentFeatures(5),
    wl.NTKFeatures(32, depth=2),
    # A map that looks at rows is invariant to weights only where every row is a centre.
    wl.NystromFeatures(n_components=200),
    wl.NystromFeatures("precomputed", n_components=200),
    wl.NystromFeatures("ntk", n_components=40, sampling="uniform"),
    wl.NeuralRepresentation(16),
    wl.NeuralRepresentation(9, "quadratic", whiten=False),
]
DENSE_MODELS = ("Linearized", "Recursive", "Taylor", "TwoLayer")
EVERY = ESTIMATORS + TRANSFORMERS

# scikit-learn has more checks than check_estimator runs. All that are found are run here, on what their names speak of,
# but these.
NOT_RUN = {
    "check_estimator": "it runs others",
    "check_classifiers_predictions": "check_classifiers_classes is made of it",
    "check_estimators_data_not_an_array": "check_regressor_data_not_an_array and its kin are made of it",
    "check_array_api_input": "arrays are NumPy's: no tag says that others are taken",
    "check_array_api_input_and_values": "arrays are NumPy's: no tag says that others are taken",
    "check_array_api_mixed_inputs": "arrays are NumPy's: no tag says that others are taken",
    "check_array_api_same_namespace": "arrays are NumPy's: no tag says that others are taken",
    "check_classifier_not_supporting_multiclass": "every classifier takes many classes",
    "check_clusterer_compute_labels_predict": "nothing clusters",
    "check_clustering": "nothing clusters",
    "check_outlier_contamination": "nothing looks for outliers",
    "check_outlier_corruption": "nothing looks for outliers",
    "check_outliers_fit_predict": "nothing looks for outliers",
    "check_outliers_train": "nothing looks for outliers",
    "check_fit_non_negative": "everything takes negative numbers",
    "check_sparsify_coefficients": "no coefficients are made sparse",
    "check_transformers_unfitted_stateless": "every map draws or chooses something in its fit",
}


def applies(check, estimator):
    """Whether a check has an object here.

    One of probabilities has none in a classifier by least squares, and one of weights as repeated rows none where rows
    are drawn to be left out.
    """
    name = getattr(check, "func", check).__name__
    if "sample_weight_equivalence" in name and getattr(estimator, "early_stopping", False):
        return False
    return "predict_proba" not in name or hasattr(estimator, "predict_proba")


# Some checks hand over what deserves a warning: rows without the names of a frame, random "kernel matrices",
# noise, which wants the largest penalty.
@pytest.mark.filterwarnings("ignore:X does not have valid feature names", "ignore:The kernel matrix", "ignore:alpha = ")
@parametrize_with_checks(EVERY)
def test_scikit_learn_checks(estimator, check):
    if not applies(check, estimator):
        assert is_classifier(estimator)
        return
    try:
        check(estimator)
    except pytest.skip.Exception as skipped:  # pragma: no cover
        pytest.fail(f"skipped: {skipped}")


def all_checks():
    """The names of the checks that this scikit-learn has."""
    functions = vars(estimator_checks).items()
    return {
        name for name, one in functions if name.startswith("check_") and one.__module__ == estimator_checks.__name__
    }


def checks_of_check_estimator():
    """The names of those that check_estimator runs on one of our estimators or another."""
    pairs = (pair for estimator in EVERY for pair in estimator_checks.estimator_checks_generator(estimator))
    return {getattr(check, "func", check).__name__ for _, check in pairs}


def takes(name, estimator):
    """Whether an estimator is of the kind that the name of a check speaks of."""
    if name == "check_class_weight_balanced_linear_classifier" and not hasattr(type(estimator), "coef_"):
        return False
    if "class_weight" in name:
        return hasattr(estimator, "class_weight")
    if "classifier" in name:
        return is_classifier(estimator)
    return estimator in TRANSFORMERS or not ("transform" in name or "get_feature_names_out" in name)


def extra_checks():
    for name in sorted(all_checks() - checks_of_check_estimator() - set(NOT_RUN)):
        for estimator in EVERY:
            if takes(name, estimator):
                yield pytest.param(estimator, name, id=f"{estimator!r}-{name}")


EXTRA = list(extra_checks())


def unbalanced(estimator):
    """Rows of two classes, one of them rare, and rows to judge by, of which half are of each."""
    rng = np.random.default_rng(0)
    y, y_test = np.arange(100) % 10 == 0, np.arange(100) % 2 == 0
    X, X_test = (rng.standard_normal((100, 2)) + labels[:, None] for labels in (y, y_test))
    if get_tags(estimator).input_tags.pairwise:
        X, X_test = X @ X.T, X_test @ X.T
    return X, y.astype(int), X_test, y_test.astype(int), [0.9, 0.1]


@pytest.mark.filterwarnings(
    "ignore:X does not have valid feature names",
    "ignore:X has feature names, but",
    "ignore:alpha = ",
    # One check makes three folds of two rows of a class.
    "ignore:The least populated class",
)
@pytest.mark.parametrize(("estimator", "name"), EXTRA)
def test_scikit_learn_checks_of_its_own(estimator, name):
    check = getattr(estimator_checks, name)
    data = unbalanced(estimator) if "X_train" in inspect.signature(check).parameters else ()
    try:
        check(type(estimator).__name__, clone(estimator), *data)
    except pytest.skip.Exception as skipped:  # pragma: no cover
        pytest.fail(f"skipped: {skipped}")


def test_every_check_of_scikit_learn_is_run_or_listed():
    run = {param.values[1] for param in EXTRA}
    assert run | checks_of_check_estimator() | set(NOT_RUN) >= all_checks()
    assert not run & set(NOT_RUN)
    assert len(run) >= 14


def test_a_new_check_would_be_found(monkeypatch):
    def check_news(name, estimator_orig):
        raise AssertionError

    check_news.__module__ = estimator_checks.__name__
    monkeypatch.setattr(estimator_checks, "check_news", check_news, raising=False)
    found = [param.values for param in extra_checks() if param.values[1] == "check_news"]
    assert [estimator for estimator, _ in found] == EVERY


def test_reasons_to_run_no_check_are_true():
    for estimator in EVERY:
        tags = get_tags(estimator)
        assert tags.estimator_type in ("classifier", "regressor", "transformer", None)
        assert tags.requires_fit
        assert not tags.array_api_support
        assert not tags.input_tags.positive_only
        assert tags.classifier_tags is None or tags.classifier_tags.multi_class
        assert not hasattr(estimator, "sparsify")
        assert not hasattr(estimator, "fit_predict")


def test_every_public_estimator_is_checked():
    public = {name for name in wl.__all__ if hasattr(getattr(wl, name), "fit")}
    assert public == {type(estimator).__name__ for estimator in EVERY}
    assert all(getattr(wl.estimators, name, None) or getattr(wl.features, name) for name in public)


@pytest.mark.parametrize("estimator", EVERY, ids=repr)
def test_tags(estimator):
    tags = get_tags(estimator)
    # All kernels of rows take sparse ones, and all maps; kernel matrices are dense.
    precomputed = "precomputed" in (
        getattr(part, "kernel", "") for part in (estimator, getattr(estimator, "features", ""))
    )
    # A linearised model is a function of the user's.
    precomputed |= hasattr(getattr(estimator, "kernel", None), "tangent_kernel")
    dense_only = precomputed or type(estimator).__name__.startswith(DENSE_MODELS)
    assert tags.input_tags.sparse != dense_only
    assert not tags.array_api_support
    assert not tags.non_deterministic
    assert tags.input_tags.pairwise == (getattr(estimator, "kernel", None) == "precomputed")
    if estimator in TRANSFORMERS:
        assert tags.transformer_tags.preserves_dtype == ["float64", "float32"]
    elif is_classifier(estimator):
        assert tags.classifier_tags.multi_label
    else:
        assert tags.target_tags.multi_output


@pytest.mark.parametrize("estimator", EVERY, ids=repr)
def test_constraints_name_every_parameter(estimator):
    assert set(estimator._parameter_constraints) == set(estimator.get_params(deep=False))


@pytest.mark.parametrize("estimator", EVERY, ids=repr)
def test_it_shows_itself(estimator):
    assert type(estimator).__name__ in estimator._repr_html_()
    assert repr(clone(estimator)) == repr(estimator)
