"""Wide neural networks, learned the scikit-learn way."""

from widelearn import datasets, estimators, features, kernels, nets, ridge, runtime, theory
from widelearn.estimators import (
    FeatureRidge,
    FeatureRidgeClassifier,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    KernelRidge,
    KernelRidgeClassifier,
    KernelRidgeClassifierCV,
    KernelRidgeCV,
    TaylorClassifier,
    TaylorRegressor,
)
from widelearn.features import FourierFeatures, NTKFeatures, NystromFeatures, RandomFeatures, TangentFeatures
from widelearn.runtime import __version__, get_num_threads, set_num_threads, show_versions

__all__ = [
    "FeatureRidge",
    "FeatureRidgeCV",
    "FeatureRidgeClassifier",
    "FeatureRidgeClassifierCV",
    "FourierFeatures",
    "KernelRidge",
    "KernelRidgeCV",
    "KernelRidgeClassifier",
    "KernelRidgeClassifierCV",
    "NTKFeatures",
    "NystromFeatures",
    "RandomFeatures",
    "TangentFeatures",
    "TaylorClassifier",
    "TaylorRegressor",
    "__version__",
    "datasets",
    "estimators",
    "features",
    "get_num_threads",
    "kernels",
    "nets",
    "ridge",
    "runtime",
    "set_num_threads",
    "show_versions",
    "theory",
]
