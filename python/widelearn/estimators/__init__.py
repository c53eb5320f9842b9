"""Estimators with scikit-learn's interface."""

from widelearn.estimators.feature_ridge.classifier import FeatureRidgeClassifier
from widelearn.estimators.feature_ridge.cv import FeatureRidgeClassifierCV, FeatureRidgeCV
from widelearn.estimators.feature_ridge.regressor import FeatureRidge
from widelearn.estimators.flow.classifier import GradientFlowClassifier
from widelearn.estimators.flow.regressor import GradientFlowRegressor
from widelearn.estimators.kernel_ridge.classifier import KernelRidgeClassifier
from widelearn.estimators.kernel_ridge.cv import KernelRidgeClassifierCV, KernelRidgeCV
from widelearn.estimators.kernel_ridge.regressor import KernelRidge
from widelearn.estimators.linearized.orders import linearize
from widelearn.estimators.linearized.ridge import LinearizedRidge
from widelearn.estimators.linearized.taylorized import TaylorizedRidge
from widelearn.estimators.recursive.machine import RecursiveFeatureMachine, RecursiveFeatureMachineClassifier
from widelearn.estimators.taylor.classifier import TaylorClassifier
from widelearn.estimators.taylor.regressor import TaylorRegressor
from widelearn.estimators.two_layer.classifier import TwoLayerClassifier
from widelearn.estimators.two_layer.regressor import TwoLayerRegressor

__all__ = [
    "FeatureRidge",
    "FeatureRidgeCV",
    "FeatureRidgeClassifier",
    "FeatureRidgeClassifierCV",
    "GradientFlowClassifier",
    "GradientFlowRegressor",
    "KernelRidge",
    "KernelRidgeCV",
    "KernelRidgeClassifier",
    "KernelRidgeClassifierCV",
    "LinearizedRidge",
    "RecursiveFeatureMachine",
    "RecursiveFeatureMachineClassifier",
    "TaylorClassifier",
    "TaylorRegressor",
    "TaylorizedRidge",
    "TwoLayerClassifier",
    "TwoLayerRegressor",
    "linearize",
]
