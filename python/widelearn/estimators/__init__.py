"""Estimators with scikit-learn's interface."""

from widelearn.estimators.feature_ridge import FeatureRidge, FeatureRidgeClassifier
from widelearn.estimators.kernel_ridge import KernelRidge, KernelRidgeClassifier

__all__ = ["FeatureRidge", "FeatureRidgeClassifier", "KernelRidge", "KernelRidgeClassifier"]
