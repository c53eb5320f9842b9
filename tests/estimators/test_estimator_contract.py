"""scikit-learn's contract: every check there is, with none expected to fail and none skipped."""

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
DENSE_MODELS = ("Linearized", "Taylor", "TwoLayer")
KERNEL_RIDGE = wl.KernelRidge | wl.KernelRidgeCV | wl.KernelRidgeClassifier | wl.KernelRidgeClassifierCV
DENSE_MAPS = wl.TangentFeatures | wl.NTKFeatures | wl.NystromFeatures | wl.NeuralRepresentation
EVERY = ESTIMATORS + TRANSFORMERS

# scikit-learn runs these on its own estimators, not in check_estimator.
OF_EVERY = ["check_param_validation", "check_dataframe_column_names_consistency", "check_inplace_ensure_writeable"]
OF_TRANSFORMERS = [
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_get_feature_names_out_error",
]


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


def extra_checks():
    for estimator in EVERY:
        for name in OF_EVERY + (OF_TRANSFORMERS if estimator in TRANSFORMERS else []):
            yield pytest.param(estimator, name, id=f"{estimator!r}-{name}")


@pytest.mark.filterwarnings(
    "ignore:X does not have valid feature names", "ignore:X has feature names, but", "ignore:alpha = "
)
@pytest.mark.parametrize(("estimator", "name"), list(extra_checks()))
def test_scikit_learn_checks_of_its_own(estimator, name):
    getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))


def test_eleven_more_checks():
    assert len(OF_EVERY + OF_TRANSFORMERS) == 11
    assert all(hasattr(estimator_checks, name) for name in OF_EVERY + OF_TRANSFORMERS)


def test_every_public_estimator_is_checked():
    public = {name for name in wl.__all__ if hasattr(getattr(wl, name), "fit")}
    assert public == {type(estimator).__name__ for estimator in EVERY}
    assert all(getattr(wl.estimators, name, None) or getattr(wl.features, name) for name in public)


@pytest.mark.parametrize("estimator", EVERY, ids=repr)
def test_tags(estimator):
    tags = get_tags(estimator)
    features = getattr(estimator, "features", estimator)
    kernel_machine = hasattr(estimator, "kernel") and not isinstance(estimator, DENSE_MAPS | wl.FourierFeatures)
    if isinstance(estimator, KERNEL_RIDGE):
        # Functions of inner products and distances take sparse rows, centres and kernel matrices do not.
        kernel_machine = estimator.kernel == "precomputed" or getattr(estimator, "solver", None) == "nystrom"
    dense_only = kernel_machine or type(estimator).__name__.startswith(DENSE_MODELS)
    assert tags.input_tags.sparse != (dense_only or isinstance(features, DENSE_MAPS))
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
