"""The comparison's methods of scikit-learn."""

from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import make_pipeline

from widelearn.experiments.comparison.plans import (
    LINEAR_ALPHAS,
    N_COMPONENTS,
    Matrix,
    Parameters,
    Setting,
    TuningPlan,
    on_features,
    on_kernel,
    plain,
)


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

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the class with the largest value."""
        return np.asarray(self.classes_[np.argmax(self.regressor.predict(X), axis=1)])


def ridge(setting: Setting) -> TuningPlan:
    """Plan Ridge or RidgeClassifier."""
    ridge = RidgeClassifier if setting.classify else Ridge
    return plain(lambda inner: ridge(**inner), LINEAR_ALPHAS)


def kernel_ridge(setting: Setting) -> TuningPlan:
    """Plan KernelRidge with the RBF kernel; classes are coded by signs."""

    def solver(**parameters: Any) -> BaseEstimator:
        ridge = KernelRidge(**parameters)
        return SignCoded(ridge) if setting.classify else ridge

    return on_kernel(
        setting.gammas(),
        lambda outer: partial(rbf_kernel, **outer),
        lambda inner: solver(kernel="precomputed", **inner),
        lambda outer, inner: solver(kernel="rbf", **outer, **inner),
    )


def rbf_sampler(setting: Setting) -> TuningPlan:
    """Plan RBFSampler followed by Ridge or RidgeClassifier."""
    ridge = RidgeClassifier if setting.classify else Ridge

    def sampler(outer: Parameters) -> BaseEstimator:
        return RBFSampler(n_components=N_COMPONENTS, random_state=setting.seed, **outer)

    return on_features(
        setting.gammas(),
        sampler,
        lambda inner: ridge(**inner),
        lambda outer, inner: make_pipeline(sampler(outer), ridge(**inner)),
    )


def hist_gradient_boosting(setting: Setting) -> TuningPlan:
    """Plan HistGradientBoosting: its learning rate and the size of its trees."""
    boosting = HistGradientBoostingClassifier if setting.classify else HistGradientBoostingRegressor
    grid = tuple({"learning_rate": rate, "max_leaf_nodes": leaves} for rate, leaves in ((0.1, 31), (0.2, 8), (0.2, 31)))
    return plain(lambda inner: boosting(early_stopping=False, random_state=setting.seed, **inner), grid)
