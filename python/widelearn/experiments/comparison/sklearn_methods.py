"""The comparison's methods of scikit-learn."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

from widelearn import ridge as solvers
from widelearn.experiments.comparison.plans import (
    LINEAR_ALPHAS,
    N_COMPONENTS,
    Grid,
    Matrix,
    Parameters,
    Sample,
    Setting,
    TuningPlan,
    on_features,
    on_kernel,
    plain,
    powers,
    staged,
)

STAGES = (10, 25, 50, 100, 200, 400)
# Trees that boosting may grow in one fit: a tree a class and iteration.
MOST_TREES = 1200
# Trees of a forest that is tuned, and of the last fit, up to so many training rows.
TUNED_TREES, TREES, MANY_TREES_ROWS = 100, 300, 10_000
# Rows below which boosting tries small trees on few of the columns, too.
FEW_ROWS = 50


class SignCoded(ClassifierMixin, BaseEstimator):
    """Classify with a regressor of several targets: +1 for the row's class, -1 for the others, the largest wins."""

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def fit(self, X: Matrix, y: NDArray[Any], sample_weight: Matrix | None = None) -> Self:
        """Fit the regressor on signs."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        signs = np.where(codes[:, None] == np.arange(len(self.classes_)), 1.0, -1.0)
        self.regressor.fit(X, signs, sample_weight=sample_weight)
        return self

    def decision_function(self, X: Matrix) -> Matrix:
        """Return the value of every class."""
        return np.asarray(self.regressor.predict(X))

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the class with the largest value."""
        return np.asarray(self.classes_[np.argmax(self.decision_function(X), axis=1)])


def dummy(setting: Setting) -> TuningPlan:
    """Plan the baseline that looks at no column: the classes' shares, or the mean."""
    return plain(lambda _: DummyClassifier(strategy="prior") if setting.classify else DummyRegressor())


def ridge(setting: Setting) -> TuningPlan:
    """Plan Ridge or RidgeClassifier."""
    model = RidgeClassifier if setting.classify else Ridge
    return plain(lambda given: model(**given), LINEAR_ALPHAS)


def logistic_regression(setting: Setting) -> TuningPlan:
    """Plan logistic regression, for classes alone."""
    return plain(lambda given: LogisticRegression(max_iter=500, **given), powers("C", (-3, -2, -1, 0, 1, 2)))


def kernel_ridge(setting: Setting) -> TuningPlan:
    """Plan KernelRidge with the RBF kernel; classes are coded by signs."""

    def solver(**parameters: Any) -> BaseEstimator:
        model = KernelRidge(**parameters)
        return SignCoded(model) if setting.classify else model

    def left_out(outer: Parameters, inner: Sequence[Parameters], sample: Sample) -> list[Matrix]:
        """Return left-out predictions of all penalties from one decomposition.

        There is no intercept: numbers lose the mean m of the rows fitted, which leaves y - m to the kernel, where the
        fit is linear in y and in the constant.
        """
        alphas, n = [one["alpha"] for one in inner], len(sample.y)
        weight = np.ones(n) if sample.weight is None else sample.weight
        K = rbf_kernel(sample.X, **outer)
        if setting.classify:
            signs = np.where(sample.y[:, None] == np.arange(setting.classes), 1.0, -1.0)
            return list(solvers.loo(K, signs, alphas, kind="kernel", sample_weight=sample.weight))
        both = np.column_stack([sample.y, np.ones(n)])
        found = solvers.loo(K, both, alphas, kind="kernel", sample_weight=sample.weight)
        mean = (weight @ sample.y - weight * sample.y) / (weight.sum() - weight)
        return [one[:, 0] + mean * (1.0 - one[:, 1]) for one in found]

    return on_kernel(
        setting.gammas(),
        lambda outer: partial(rbf_kernel, **outer),
        lambda inner: solver(kernel="precomputed", **inner),
        lambda outer, inner: solver(kernel="rbf", **outer, **inner),
        left_out,
    )


def rbf_sampler(setting: Setting) -> TuningPlan:
    """Plan RBFSampler followed by Ridge or RidgeClassifier."""
    model = RidgeClassifier if setting.classify else Ridge

    def sampler(outer: Parameters) -> BaseEstimator:
        return RBFSampler(n_components=N_COMPONENTS, random_state=setting.seed, **outer)

    return on_features(
        setting.gammas(),
        sampler,
        lambda inner: model(**inner),
        lambda outer, inner: make_pipeline(sampler(outer), model(**inner)),
    )


def random_forest(setting: Setting) -> TuningPlan:
    """Plan a random forest: the share of columns a split looks at, and the smallest leaf.

    More trees are never worse: fewer than the last fit has serve to choose.
    """
    model = RandomForestClassifier if setting.classify else RandomForestRegressor
    leaves = (5, 2, 1) if setting.small else (20, 5, 1)
    grid = tuple({"max_features": share, "min_samples_leaf": leaf} for share in ("sqrt", 0.5, 1.0) for leaf in leaves)
    trees = TREES if setting.train <= MANY_TREES_ROWS else TUNED_TREES

    def build(given: Parameters, trees: int) -> BaseEstimator:
        return model(n_estimators=trees, random_state=setting.seed, **given)

    plan = plain(lambda given: build(given, TUNED_TREES), Grid(grid), {"n_estimators": trees})
    return replace(plan, final=lambda outer, inner: build(outer | inner, trees))


def mlp(setting: Setting) -> TuningPlan:
    """Plan a neural network: its penalty, its layers and activation and, of many rows, its learning rate.

    Few rows are fitted by a quasi-Newton method.
    """
    model = MLPClassifier if setting.classify else MLPRegressor
    fixed: Parameters = {"solver": "lbfgs" if setting.small else "adam", "max_iter": 300 if setting.small else 100}
    shapes = [(20, "relu"), (100, "relu"), (100, "tanh"), ((100, 100), "relu")]
    alphas: tuple[float, ...] = (10.0, 1.0, 0.1, 0.001)
    rates: tuple[Parameters, ...] = ({},)
    if not setting.small:
        shapes, alphas = [(100, "relu"), ((100, 100), "relu"), ((50, 50), "tanh")], (1.0, 0.1, 0.01, 0.001)
        rates = ({"learning_rate_init": 1e-3}, {"learning_rate_init": 5e-3})
    shapes = shapes[:2] if setting.wide else shapes
    nets = tuple({"hidden_layer_sizes": layers, "activation": kind} for layers, kind in shapes)
    settings = tuple({"alpha": alpha, **net, **rate} for alpha in alphas for net in nets for rate in rates)
    grid = Grid(settings, "alpha", 10.0, 1, fine=True)
    return plain(lambda given: model(random_state=setting.seed, **fixed, **given), grid, fixed)


def hist_gradient_boosting(setting: Setting) -> TuningPlan:
    """Plan HistGradientBoosting on native categories: rate, leaves, smallest leaf, penalty, columns, and stages."""
    model = HistGradientBoostingClassifier if setting.classify else HistGradientBoostingRegressor
    # The share of columns that a split looks at is the last number.
    shapes: tuple[tuple[float, int, int, float, float], ...]
    shapes = ((0.1, 31, 20, 0.0, 1.0), (0.1, 8, 20, 0.0, 1.0), (0.05, 15, 20, 10.0, 1.0))
    shapes += ((0.1, 31, 5, 1.0, 0.5), (0.05, 63, 5, 0.0, 0.5), (0.1, 15, 10, 0.0, 0.3))
    if setting.small:
        shapes = ((0.1, 31, 20, 0.0, 1.0), (0.1, 8, 10, 0.0, 1.0), (0.1, 4, 5, 0.0, 1.0), (0.1, 3, 2, 0.0, 1.0))
        shapes += ((0.1, 8, 2, 0.0, 0.5), (0.05, 16, 1, 1.0, 0.5), (0.05, 31, 5, 1.0, 1.0))
    if setting.rows < FEW_ROWS:
        shapes += ((0.1, 2, 1, 0.0, 1.0), (0.1, 2, 2, 0.0, 0.3), (0.1, 4, 1, 0.0, 0.3), (0.1, 4, 2, 1.0, 1.0))
        shapes += ((0.1, 4, 2, 10.0, 0.5), (0.2, 4, 2, 1.0, 0.5), (0.1, 6, 1, 1.0, 0.3))
    names = ("learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization", "max_features")
    grid = Grid(tuple(dict(zip(names, shape, strict=True)) for shape in shapes))
    trees = setting.classes if setting.classes > 2 else 1
    most = max(50, min(STAGES[-1], MOST_TREES // trees))
    stages = [stage for stage in STAGES if stage < most] + [most]
    categories = list(setting.categorical) if any(setting.categorical) else None

    def build(given: Parameters) -> BaseEstimator:
        more = {"early_stopping": False, "random_state": setting.seed, "categorical_features": categories}
        return model(**more, **given)

    return staged(grid, stages, build, native=True)
