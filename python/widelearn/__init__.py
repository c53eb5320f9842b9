"""Wide neural networks, learned the scikit-learn way."""

from importlib import import_module
from typing import Any

from widelearn import (
    datasets,
    diagnostics,
    estimators,
    features,
    forecast,
    kernels,
    nets,
    persistence,
    ridge,
    runtime,
    theory,
)
from widelearn.estimators import (
    FeatureRidge,
    FeatureRidgeClassifier,
    FeatureRidgeClassifierCV,
    FeatureRidgeCV,
    GradientFlowClassifier,
    GradientFlowRegressor,
    KernelRidge,
    KernelRidgeClassifier,
    KernelRidgeClassifierCV,
    KernelRidgeCV,
    LinearizedRidge,
    RecursiveFeatureMachine,
    RecursiveFeatureMachineClassifier,
    TaylorClassifier,
    TaylorizedRidge,
    TaylorRegressor,
    TwoLayerClassifier,
    TwoLayerRegressor,
    linearize,
)
from widelearn.features import (
    FourierFeatures,
    NeuralRepresentation,
    NTKFeatures,
    NystromFeatures,
    RandomFeatures,
    TangentFeatures,
)
from widelearn.persistence import load, save, to_onnx
from widelearn.runtime import __version__, get_num_threads, set_num_threads, show_versions

__all__ = [
    "FeatureRidge",
    "FeatureRidgeCV",
    "FeatureRidgeClassifier",
    "FeatureRidgeClassifierCV",
    "FourierFeatures",
    "GradientFlowClassifier",
    "GradientFlowRegressor",
    "KernelRidge",
    "KernelRidgeCV",
    "KernelRidgeClassifier",
    "KernelRidgeClassifierCV",
    "LinearizedRidge",
    "NTKFeatures",
    "NeuralRepresentation",
    "NystromFeatures",
    "RandomFeatures",
    "RecursiveFeatureMachine",
    "RecursiveFeatureMachineClassifier",
    "TangentFeatures",
    "TaylorClassifier",
    "TaylorRegressor",
    "TaylorizedRidge",
    "TwoLayerClassifier",
    "TwoLayerRegressor",
    "__version__",
    "datasets",
    "diagnostics",
    "estimators",
    "features",
    "forecast",
    "get_num_threads",
    "kernels",
    "linearize",
    "load",
    "nets",
    "persistence",
    "ridge",
    "runtime",
    "save",
    "set_num_threads",
    "show_versions",
    "theory",
    "to_onnx",
]


def __getattr__(name: str) -> Any:
    if name != "experiments":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("widelearn.experiments")
