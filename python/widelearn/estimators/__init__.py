"""Estimators with scikit-learn's interface."""

from widelearn.estimators.feature_ridge import FeatureRidge, FeatureRidgeClassifier
from widelearn.estimators.feature_ridge_cv import FeatureRidgeClassifierCV, FeatureRidgeCV
from widelearn.estimators.kernel_ridge import KernelRidge, KernelRidgeClassifier
from widelearn.estimators.kernel_ridge_cv import KernelRidgeClassifierCV, KernelRidgeCV
from widelearn.estimators.recursive import RecursiveFeatureMachine, RecursiveFeatureMachineClassifier
from widelearn.estimators.taylor import TaylorClassifier, TaylorRegressor
from widelearn.estimators.two_layer import TwoLayerRegressor
from widelearn.estimators.two_layer_classifier import TwoLayerClassifier

__all__ = [
    "FeatureRidge",
    "FeatureRidgeCV",
    "FeatureRidgeClassifier",
    "FeatureRidgeClassifierCV",
    "KernelRidge",
    "KernelRidgeCV",
    "KernelRidgeClassifier",
    "KernelRidgeClassifierCV",
    "RecursiveFeatureMachine",
    "RecursiveFeatureMachineClassifier",
    "TaylorClassifier",
    "TaylorRegressor",
    "TwoLayerClassifier",
    "TwoLayerRegressor",
]
