"""Models of scikit-learn that a comparison may choose come back from a file; others are refused by name."""

import warnings

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LassoCV, LinearRegression, LogisticRegression, Ridge, RidgeClassifier, RidgeCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from threadpoolctl import threadpool_limits

import widelearn as wl

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 3))
X[:, 2] = RNG.integers(0, 4, 40)
Y = X[:, 0] + (X[:, 2] == 1)
FEW = {"max_iter": 3, "min_samples_leaf": 3, "random_state": 0}
CASES = [
    Ridge(),
    RidgeCV(),
    RidgeClassifier(),
    LinearRegression(),
    LassoCV(cv=3),
    LogisticRegression(),
    KernelRidge(kernel="rbf"),
    make_pipeline(RBFSampler(random_state=0), Ridge()),
    make_pipeline(Nystroem(n_components=9, random_state=0), RidgeClassifier()),
    make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression()),
    make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge()),
    HistGradientBoostingRegressor(**FEW),
    HistGradientBoostingRegressor(**FEW, loss="absolute_error", early_stopping=True, validation_fraction=0.3),
    HistGradientBoostingRegressor(**FEW, loss="poisson", categorical_features=[2]),
    HistGradientBoostingClassifier(**FEW),
    HistGradientBoostingClassifier(**FEW, categorical_features=[False, False, True], class_weight="balanced"),
    RandomForestRegressor(3, random_state=0),
    RandomForestClassifier(3, random_state=0, class_weight="balanced"),
    ExtraTreesRegressor(3, random_state=0),
    MLPRegressor(hidden_layer_sizes=(5,), max_iter=4, random_state=0),
    MLPRegressor(hidden_layer_sizes=(5,), max_iter=4, random_state=0, solver="lbfgs"),
    MLPClassifier((5, 4), max_iter=4, random_state=0, early_stopping=True, solver="sgd"),
    SVR(),
    SVC(class_weight="balanced"),
    LinearSVC(random_state=0),
    DummyRegressor(),
    DummyClassifier(),
    DummyClassifier(strategy="stratified", random_state=0),
]


@pytest.fixture(autouse=True)
def one_thread():
    # On a busy machine threads of boosting wait for each other a hundred times as long as they compute.
    with threadpool_limits(1):
        yield


def fitted(model, several):
    y = Y - Y.min() + 0.1
    if is_classifier(model):
        y = RNG.permutation(np.arange(40) % (3 if several else 2)) if several is not None else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


@pytest.mark.parametrize("model", CASES, ids=lambda model: type(model).__name__)
def test_models_of_scikit_learn_come_back(model, tmp_path):
    for several in (False, True) if is_classifier(model) else (False,):
        fitted(model, several)
        wl.save(model, tmp_path / "model.wl")
        found = wl.load(tmp_path / "model.wl")
        for name in ("predict", "predict_proba", "decision_function"):
            if hasattr(model, name):
                np.testing.assert_allclose(getattr(found, name)(X), getattr(model, name)(X), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (KNeighborsRegressor().fit(X, Y), "^KNeighborsRegressor is a sklearn.*, which is no class that such a file"),
        (make_pipeline(FunctionTransformer(np.abs), Ridge()), r"^Pipeline\.steps\[0\]\[1\] is scikit-learn's Function"),
        (RidgeCV(scoring=lambda model, X, y: 0.0), r"^RidgeCV is scikit-learn's RidgeCV, which is not kept"),
    ],
)
def test_others_are_refused_by_name(model, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        wl.save(model, tmp_path / "model.wl")
    assert list(tmp_path.iterdir()) == []
