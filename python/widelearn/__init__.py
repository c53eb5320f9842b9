"""Wide neural networks, learned the scikit-learn way."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from widelearn import estimators, features, kernels, nets, persistence, ridge, runtime
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


# These are imported when they are first used: each takes as long as all estimators together.
_LATER = ("datasets", "diagnostics", "experiments", "forecast", "theory")
if TYPE_CHECKING:
    from widelearn import datasets, diagnostics, forecast, theory


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"widelearn.{name}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_LATER, *(name for name in globals() if name.startswith("__"))})
