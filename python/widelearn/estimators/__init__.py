"""Estimators with scikit-learn's interface."""

from widelearn.estimators.feature_ridge import FeatureRidge, FeatureRidgeClassifier
from widelearn.estimators.feature_ridge_cv import FeatureRidgeClassifierCV, FeatureRidgeCV
from widelearn.estimators.kernel_ridge import KernelRidge, KernelRidgeClassifier
from widelearn.estimators.kernel_ridge_cv import KernelRidgeClassifierCV, KernelRidgeCV
from widelearn.estimators.taylor import TaylorClassifier, TaylorRegressor

__all__ = [
    "FeatureRidge",
    "FeatureRidgeCV",
    "FeatureRidgeClassifier",
    "FeatureRidgeClassifierCV",
    "KernelRidge",
    "KernelRidgeCV",
    "KernelRidgeClassifier",
    "KernelRidgeClassifierCV",
    "TaylorClassifier",
    "TaylorRegressor",
]
