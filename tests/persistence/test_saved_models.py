"""Every public estimator, feature map and kernel comes back from a file as it was, and what is no data is refused."""

import inspect
import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone, is_classifier
from sklearn.kernel_approximation import RBFSampler
from sklearn.metrics import get_scorer
from sklearn.model_selection import KFold
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import widelearn as wl
from widelearn.kernels import RBF, DotProduct, Empirical, Laplace, Linear, Matern
from widelearn.persistence import classes

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 3))
Y = np.c_[X[:, 0] - X[:, 1], X[:, 2] ** 2]
LABELS = np.where(Y[:, 0] > 0, "yes", "no")
NEW = RNG.standard_normal((7, 3))
# What these need beside their defaults, and others in place of them.
GIVEN = {
    "CyclicAverage": lambda kind: kind(RBF()),
    "Columns": lambda kind: kind(Matern(), [2, 0]),
    "Constant": lambda kind: kind(value=2.0),
    "DotProduct": lambda kind: kind((1.0, 0.5)),
    "Empirical": lambda kind: kind(RNG.standard_normal((24, 5))),
    "FiniteNTK": lambda kind: kind(8),
    "FiniteRF": lambda kind: kind(8),
    "Product": lambda kind: kind(RBF(gamma=0.5), Linear()),
    "Sum": lambda kind: kind(RBF(gamma=0.5), 2.0 * Laplace()),
}
# Those that hold functions of the user, always; and what has no parameters.
HOLD_FUNCTIONS = {"LinearizedRidge"}
NO_MODELS = {"Kernel", "KernelOperator"}
SMALL = {"n_components": 12, "width": 6, "max_iter": 5, "n_iter": 2}
FOUND = {
    name: value
    for room in (wl.estimators, wl.features, wl.kernels)
    for name in room.__all__
    if inspect.isclass(value := getattr(room, name)) and name not in NO_MODELS
}
KERNELS = sorted(set(FOUND) & set(wl.kernels.__all__))
FITTED = sorted(set(FOUND) - set(KERNELS))


def made(name):
    """An object of a public class, small."""
    kind = FOUND[name]
    if name in GIVEN:
        return GIVEN[name](kind)
    names = inspect.signature(kind).parameters
    given = {key: value for key, value in SMALL.items() if key in names and name != "NystromFeatures"}
    if "random_state" in names:
        given["random_state"] = 3
    return kind(**given)


def fitted(model, dtype=np.float64, targets=None):
    """A model fitted to the small rows."""
    y = LABELS if is_classifier(model) else Y[:, 0] if targets is None else targets
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X.astype(dtype), y if y is LABELS else y.astype(dtype))


def answers(model, rows=NEW):
    """All that a model says of rows."""
    names = ("predict", "predict_proba", "decision_function", "transform")
    found = [getattr(model, name)(rows) for name in names if hasattr(model, name)]
    if "return_std" in inspect.signature(getattr(model, "predict", print)).parameters:
        found += model.predict(rows, return_std=True)
    return found


def shown(model):
    """A model's parameters, nested ones too, as text."""
    plain = np.random.RandomState
    return {
        key: repr(value) if not isinstance(value, plain) else repr(value.get_state())
        for key, value in model.get_params().items()
    }


def there_and_back(model, folder):
    """What comes back from a file; saved again it gives the same bytes, and pickle takes it."""
    wl.save(model, folder / "one.wl")
    found = wl.load(folder / "one.wl")
    wl.save(found, folder / "two.wl")
    assert (folder / "one.wl").read_bytes() == (folder / "two.wl").read_bytes()
    assert type(found) is type(model)
    assert shown(found) == shown(model)
    pickle.loads(pickle.dumps(found))
    return found


def assert_same(model, found, rows=NEW):
    """Two models answer alike, bit for bit."""
    for one, other in zip(answers(model, rows), answers(found, rows), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", sorted(set(FITTED) - HOLD_FUNCTIONS))
def test_every_public_model_comes_back(name, dtype, tmp_path):
    model = fitted(made(name), dtype)
    found = there_and_back(model, tmp_path)
    assert_same(model, found, NEW.astype(dtype))
    fitted(clone(found), dtype)


@pytest.mark.parametrize("name", sorted(set(FITTED) - HOLD_FUNCTIONS))
def test_an_unfitted_model_comes_back(name, tmp_path):
    there_and_back(made(name), tmp_path)


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_comes_back(name, tmp_path):
    kernel = made(name)
    found = there_and_back(kernel, tmp_path)
    assert found == kernel or name == "Empirical"
    np.testing.assert_array_equal(found(X), kernel(X))


VARIANTS = {
    "pcg": wl.KernelRidge("rbf", solver="pcg"),
    "nystrom": wl.KernelRidge(solver="nystrom", n_components=8, random_state=0),
    "sum": wl.KernelRidge(RBF(gamma=0.5) + 2.0 * Matern(nu=2.5) * Linear()),
    "each alpha": wl.KernelRidge(alpha=(0.1, 1.0)),
    "jacobian": wl.KernelRidge(Empirical(RNG.standard_normal((24, 9)))),
    "kernels": wl.KernelRidgeCV(["rbf", DotProduct((1.0, 0.5, 0.1))], alphas=(0.1, 1.0)),
    "passthrough": wl.FeatureRidge("passthrough"),
    "fourier": wl.FeatureRidge(wl.FourierFeatures(Laplace(norm=1), n_components=9, random_state=1)),
    "scaler": wl.FeatureRidge(make_pipeline(StandardScaler(), wl.RandomFeatures(16, "gelu", random_state=0))),
    "splitter": wl.FeatureRidgeCV(wl.NystromFeatures(n_components=5), alphas=(0.1, 1.0), cv=KFold(3)),
    "stored": wl.FeatureRidgeCV(alphas=(0.1, 1.0), store_cv_results=True),
    "state": wl.RandomFeatures(8, random_state=np.random.RandomState(5)),
    "slope": wl.RandomFeatures(np.int64(8), ("leaky_relu", 0.1), weights="hadamard", random_state=np.int64(1)),
    "orders": wl.TaylorRegressor((1, 2), width=6, max_iter=4),
    "signs": wl.TaylorRegressor(2, width=6, mode="signs", max_iter=4, random_state=0),
    "flow of features": wl.GradientFlowRegressor(wl.TangentFeatures(4, random_state=0), time=2.0),
    "flow of steps": wl.GradientFlowRegressor("rbf", time=3.0, learning_rate=0.1),
    "two outputs": wl.RecursiveFeatureMachine(n_iter=1),
    "leaves": wl.RecursiveFeatureMachine(n_iter=1, leaf_size=10),
    "taylorized": wl.TaylorizedRidge(max_iter=3),
    "one step": wl.TwoLayerRegressor(6, algorithm="one_step"),
    "network": make_pipeline(StandardScaler(), wl.TwoLayerRegressor(6, max_iter=3, early_stopping=True)),
    "union": make_pipeline(FeatureUnion([("a", wl.RandomFeatures(8)), ("b", StandardScaler())]), wl.FeatureRidge()),
}


@pytest.mark.parametrize("case", sorted(VARIANTS))
def test_models_with_parts_come_back(case, tmp_path):
    several = ("each alpha", "stored", "two outputs")
    model = fitted(VARIANTS[case], targets=Y if case in several else Y[:, 0])
    rows = X if case == "jacobian" else NEW
    answers(model, rows)
    assert_same(model, there_and_back(model, tmp_path), rows)


def test_what_was_fitted_in_batches_goes_on_alike(tmp_path):
    few = wl.RandomFeatures(16, random_state=0)
    cases = [
        (wl.FeatureRidge(few), Y, {}),
        (wl.FeatureRidgeCV(few, alphas=(1e-9, 1e-3, 1e3), cv="gcv"), Y[:, 0], {}),
        (wl.FeatureRidgeClassifier(few), LABELS, {"classes": ["no", "yes"]}),
        (wl.TaylorRegressor(2, width=6, solver="adam", random_state=0), Y[:, 0], {}),
        (wl.TaylorClassifier(2, width=6, solver="adam", random_state=0), LABELS, {"classes": ["no", "yes"]}),
    ]
    for model, y, more in cases:
        model.partial_fit(X[:12], y[:12], **more)
        found = there_and_back(model, tmp_path)
        assert_same(model.partial_fit(X[12:], y[12:]), found.partial_fit(X[12:], y[12:]))


def test_frames_sparse_rows_and_labels_of_any_kind(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    for labels in (LABELS, Y[:, 0] > 0, (Y[:, 0] > 0).astype(int), pd.Series(LABELS).astype(object)):
        model = wl.KernelRidgeClassifier("rbf").fit(frame, labels)
        found = there_and_back(model, tmp_path)
        assert list(found.feature_names_in_) == ["a", "b", "c"]
        np.testing.assert_array_equal(found.predict(frame), model.predict(frame))
    rows = sp.csr_matrix(np.where(X > 0, X, 0.0))
    model = wl.FeatureRidge("passthrough").fit(rows, Y[:, 0])
    found = there_and_back(model, tmp_path)
    np.testing.assert_array_equal(found.predict(rows, return_std=True), model.predict(rows, return_std=True))


def test_a_pipeline_with_the_preparation_of_a_table(tmp_path):
    import pandas as pd

    marks = ["1,5", "2,25", None, "3,0", "-1,0", "0,5"] * 4
    frame = pd.DataFrame(
        {"size": marks, "kind": list("abc") * 8, "day": pd.date_range("2024-01-01", periods=24, freq="36h")}
    )
    model = make_pipeline(wl.experiments.TablePreparation(keep=("day",)), wl.KernelRidge("rbf")).fit(frame, Y[:, 0])
    found = there_and_back(model, tmp_path)
    np.testing.assert_array_equal(found.predict(frame[::-1]), model.predict(frame[::-1]))
    np.testing.assert_array_equal(found[0].native(frame), model[0].native(frame))
    assert found[0].columns_ == model[0].columns_


def own(x, y):
    return np.asarray(x) @ np.asarray(y).T


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (wl.KernelRidge(own), r"^KernelRidge\.kernel is a function of yours \(own\)"),
        (wl.KernelRidge(RBF() + own), r"^KernelRidge\.kernel\.k2 is a function of yours"),
        (
            wl.FeatureRidge(wl.RandomFeatures(4, (np.tanh, np.cosh))),
            r"^FeatureRidge\.features\.activation\[0\] is a func",
        ),
        (wl.linearize(own, own), r"^LinearizedRidge\.\w+ is a function of yours"),
        (wl.TwoLayerRegressor(callback=print), r"^TwoLayerRegressor\.callback is a function of yours \(print\)"),
        (wl.FeatureRidge(object()), r"^FeatureRidge\.features is a builtins\.object, which is no class"),
        (type("Own", (wl.KernelRidge,), {})(), r"^Own is a .*Own, which is no class"),
    ],
)
def test_what_is_no_data_is_refused_by_name(model, said, tmp_path):
    with pytest.raises(ValueError, match=said) as caught:
        wl.save(model, tmp_path / "model.wl")
    assert "pickle" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_part_of_itself_is_refused(tmp_path):
    model = wl.FeatureRidge()
    model.features = model
    with pytest.raises(ValueError, match=r"FeatureRidge\.features is a part of itself"):
        wl.save(model, tmp_path / "model.wl")


def test_the_list_names_classes_that_exist():
    for name in classes.known():
        assert classes.name_of(classes.class_of(name)) == name
    public = set(FOUND) - {"Kernel", "KernelOperator"}
    assert public <= set(classes.known())
    assert set(classes.ATTRIBUTES) <= set(classes.known())


def test_parts_of_scikit_learn_are_kept_by_skops(tmp_path):
    for features in (
        PolynomialFeatures(2),
        make_pipeline(StandardScaler(), RBFSampler(n_components=7, random_state=0)),
    ):
        model = wl.FeatureRidge(features).fit(X, Y)
        wl.save(model, tmp_path / "model.wl")
        np.testing.assert_allclose(
            wl.load(tmp_path / "model.wl").predict(NEW), model.predict(NEW), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("said", ["alpha is a numpy.longdouble", "alpha is a whole number of 20,001 bits"])
def test_numbers_that_no_file_says_are_refused_by_name(said, tmp_path):
    alpha = np.longdouble(1) if "longdouble" in said else 1 << 20_000
    with pytest.raises(ValueError, match=said):
        wl.save(wl.KernelRidge(alpha=alpha), tmp_path / "m.wl")
    assert list(tmp_path.iterdir()) == []


def test_a_scorer_is_refused_with_its_name_for_a_remedy(tmp_path, rng):
    X = rng.standard_normal((40, 3))
    for scoring in (get_scorer("r2"), lambda model, X, y: 0.0):
        model = wl.KernelRidgeCV("rbf", scoring=scoring).fit(X, X[:, 0])
        with pytest.raises(ValueError, match=r"scoring is a scorer, .* Give its name, such as set_params"):
            wl.save(model, tmp_path / "model.wl")
        wl.save(model.set_params(scoring="r2"), tmp_path / "model.wl")
        np.testing.assert_array_equal(wl.load(tmp_path / "model.wl").predict(X), model.predict(X))
