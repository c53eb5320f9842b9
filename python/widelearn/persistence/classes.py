"""The classes whose objects a file may hold, what each is made of, and how it is put together again.

A class is here by name, and no file names another. Whoever changes what one of them is made of, or its name, changes
how files are read: see `origin.SCHEMA`.
"""

import dataclasses
import inspect
from functools import cache
from importlib import import_module
from typing import Any

# Module below the package -> its classes. Kernels share names with those of `SPEC_MODULE`, which get a prefix.
SPEC_MODULE, SPEC_PREFIX = "kernels.specs", "specs."
OURS = {
    "estimators.choice": "Choice",
    "estimators.feature_ridge.classifier": "FeatureRidgeClassifier",
    "estimators.feature_ridge.cv": "FeatureRidgeCV FeatureRidgeClassifierCV",
    "estimators.feature_ridge.maps": "RidgeFeatures",
    "estimators.feature_ridge.model": "Accumulator FittedRidge SummedRidge",
    "estimators.feature_ridge.posterior": "CentrePosterior InnerProducts KeptRows MomentsPosterior",
    "estimators.feature_ridge.regressor": "FeatureRidge",
    "estimators.flow.classifier": "GradientFlowClassifier",
    "estimators.flow.model": "FlowModel",
    "estimators.flow.outputs": "ByOutput OutputsFlow Start",
    "estimators.flow.problem": "FeatureFlow KernelFlow",
    "estimators.flow.regressor": "GradientFlowRegressor",
    "estimators.flow.schedule": "Schedule",
    "estimators.flow.spectrum": "Spectrum",
    "estimators.kernel_ridge.classifier": "KernelRidgeClassifier",
    "estimators.kernel_ridge.cv": "KernelRidgeCV KernelRidgeClassifierCV",
    "estimators.kernel_ridge.model": "KernelModel",
    "estimators.kernel_ridge.regressor": "KernelRidge",
    "estimators.labels": "Labels",
    "estimators.linearized.ridge": "Linearized LinearizedRidge",
    "estimators.linearized.taylorized": "TaylorizedRidge",
    "estimators.linearized.terms": "Terms",
    "estimators.optim.descent": "Trace",
    "estimators.optim.rules": "Adam Sgd",
    "estimators.penalty": "Fixed Gcv LeaveOneOut",
    "estimators.held_out": "HeldOutValues",
    "estimators.posterior": "RowPosterior",
    "estimators.recursive.fit": "RecursiveModel",
    "estimators.recursive.leaves": "Leaves",
    "estimators.recursive.machine": "RecursiveFeatureMachine RecursiveFeatureMachineClassifier",
    "estimators.scaling": "Scaling",
    "estimators.taylor.classifier": "TaylorClassifier",
    "estimators.taylor.gates": "Gates",
    "estimators.taylor.held_out": "Penalties",
    "estimators.taylor.inputs": "LinearPart RowUnits TargetUnits",
    "estimators.taylor.joint": "JointNet",
    "estimators.taylor.model": "Objective TaylorModel TaylorNet",
    "estimators.taylor.regressor": "TaylorRegressor",
    "estimators.taylor.training": "Training",
    "estimators.two_layer.classifier": "TwoLayerClassifier",
    "estimators.two_layer.descent": "TrainingState",
    "estimators.two_layer.model": "ClassTargets NumberTargets TwoLayerModel",
    "estimators.two_layer.regressor": "TwoLayerRegressor",
    "estimators.units": "Units",
    "experiments.comparison.fitted": "FittedModel TargetScale",
    "experiments.comparison.sklearn_methods": "SignCoded",
    "experiments.tables.dialect": "Dialect",
    "experiments.tables.preparation": "TablePreparation",
    "experiments.tables.readings": "Reading",
    "features.fourier": "FourierFeatures",
    "features.ntk": "NTKFeatures",
    "features.nystrom": "NystromFeatures",
    "features.random": "RandomFeatures",
    "features.representation": "NeuralRepresentation",
    "features.tangent": "TangentFeatures",
    "kernels.base": "Constant Product Sum",
    "kernels.columns": "Columns",
    "kernels.cyclic": "CyclicAverage",
    "kernels.deep": "ArcCosine NNGP NTK",
    "kernels.dot_product": "DotProduct Linear Polynomial",
    "kernels.empirical": "Empirical",
    "kernels.finite": "FiniteNTK FiniteRF",
    "kernels.jacobians": "Jacobian",
    "kernels.radial": "Laplace Matern RBF",
    SPEC_MODULE: (
        "Activation ArcCosine Constant DotProduct Features Finite Laplace Layer Linear Manhattan Matern Network Neurons"
        " Polynomial Product Rbf Sum Taylor Waves"
    ),
    "kernels.taylor": "TaylorKernel",
    "nets.arrays": "Shapes",
    "nets.expansion": "Expansion",
    "nets.multipliers": "Multipliers",
    "nets.two_layer": "TwoLayer",
    "ridge.moments": "Moments",
    "ridge.normal_equations": "NormalEquations",
    "ridge.symmetric_systems": "Solution",
}
# scikit-learn's, which hold numbers and what a user puts into them; others are kept by skops.
PEERS = {
    "sklearn.model_selection": "GroupKFold KFold LeaveOneOut ShuffleSplit StratifiedKFold TimeSeriesSplit",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.preprocessing": "StandardScaler",
}
# Functions of ours that stand where a user may have put another.
FUNCTIONS = {"linear_terms": "estimators.linearized.terms", "linear_vjp": "estimators.linearized.terms"}
# What watches a fit, and is no part of the model.
LEFT_OUT = {"_parent_callback_ctx", "_skl_callbacks", "_callback_fit_ctx", "_skl_callbacks_to_teardown"}
# Of classes that declare no fields: what each object has.
ATTRIBUTES = {
    "Accumulator": "features n_targets dtype moments",
    "Adam": "velocity square count weights corrects_root",
    "CentrePosterior": "penalties total units features moments raw coef intercept kernel",
    "Expansion": "activation orders _spec _orders _shapes W0 a",
    "FeatureFlow": "given fit_intercept dtype map fixed wide system",
    "InnerProducts": "features",
    "KernelFlow": "kernel fit_intercept dtype precomputed n kept X",
    "Moments": "n_features n_targets weight mean_z rest_z mean_y zz zy yy flat unit",
    "MomentsPosterior": "penalties total units features moments raw coef intercept",
    "RidgeFeatures": "map n_features",
    "RowPosterior": "penalties total units kernel rows weight dual about",
    "Shapes": "dtype lengths",
    "SummedRidge": "sums penalty fit_intercept flat _found",
    "Terms": "order p _terms _vjp outputs itemsize",
    "Training": "orders groups units solver given_alpha activations scales rule seed settled rows distance",
}
# Parts that classes of older files did not have, as they were then.
ADDED: dict[str, dict[str, Any]] = {
    "Choice": {"scores": None},
    "FeatureRidge": {"store_loo": False},
    "FeatureRidgeCV": {"scoring": None},
    "FeatureRidgeClassifierCV": {"scoring": None},
    "KernelRidge": {"store_loo": False, "verbose": False},
    "KernelRidgeClassifier": {"verbose": False},
    "KernelRidgeCV": {"alpha_per_target": False, "store_cv_results": False, "scoring": None},
    "KernelRidgeClassifierCV": {"store_cv_results": False, "scoring": None},
    "Objective": {"span": None},
    "RecursiveFeatureMachine": {"leaf_size": None, "verbose": False},
    "RecursiveFeatureMachineClassifier": {"leaf_size": None, "verbose": False},
    "RowUnits": {"last": 0.0},
    "Solution": {"dual": None},
    "TaylorClassifier": {"weight_variance": 1.0, "bias_variance": 0.0, "verbose": False},
    "TaylorRegressor": {"weight_variance": 1.0, "bias_variance": 0.0, "verbose": False},
    "TaylorizedRidge": {"verbose": False},
    "TwoLayerClassifier": {"verbose": False},
    "TwoLayerRegressor": {"verbose": False},
}


@cache
def known() -> dict[str, str]:
    """Return the module of every class that a file may hold, by the name that it has there."""
    found = {
        (SPEC_PREFIX if module == SPEC_MODULE else "") + name: f"widelearn.{module}"
        for module, names in OURS.items()
        for name in names.split()
    }
    return found | {name: module for module, names in PEERS.items() for name in names.split()}


def class_of(name: Any) -> type[Any]:
    """Return the class that a file names; its module loads here."""
    if not isinstance(name, str) or name not in known():
        raise ValueError(f"it holds an object of {str(name)[:100]!r}, which is no class that this version keeps")
    found: type[Any] = getattr(import_module(known()[name]), name.removeprefix(SPEC_PREFIX))
    return found


def name_of(kind: type[Any]) -> str | None:
    """Return the name that a class has in files, None if no file may hold its objects."""
    name = (SPEC_PREFIX if kind.__module__ == f"widelearn.{SPEC_MODULE}" else "") + kind.__qualname__
    module = known().get(name)
    return name if module is not None and getattr(import_module(module), kind.__qualname__, None) is kind else None


def function_of(name: Any) -> Any:
    """Return a function of ours that a file names."""
    if not isinstance(name, str) or name not in FUNCTIONS:
        raise ValueError(f"it names a function {str(name)[:100]!r}, and holds none")
    return getattr(import_module(f"widelearn.{FUNCTIONS[name]}"), name)


def parameters_of(kind: type[Any]) -> tuple[str, ...]:
    """Return the names of a class's parameters, none where it has no `get_params`."""
    if not hasattr(kind, "get_params") or hasattr(kind, "_fields"):
        return ()
    names = getattr(kind, "_get_param_names", lambda: inspect.signature(kind).parameters)
    return tuple(names())


def state_of(value: Any) -> dict[str, Any]:
    """Return all that an object is made of, its parameters first."""
    kind = type(value)
    if hasattr(kind, "_fields"):
        return dict(zip(kind._fields, value, strict=True))
    state = {name: getattr(value, name) for name in slots_of(kind) if hasattr(value, name)} | vars(value)
    first = {name: state.pop(name) for name in parameters_of(kind) if name in state}
    return first | {name: part for name, part in state.items() if name not in LEFT_OUT}


def slots_of(kind: type[Any]) -> tuple[str, ...]:
    """Return the attributes that a class keeps outside its objects' dictionaries."""
    found = [vars(one).get("__slots__", ()) for one in kind.__mro__]
    return tuple(name for names in found for name in ((names,) if isinstance(names, str) else names))


def rebuilt(name: Any, state: dict[str, Any]) -> Any:
    """Return an object of a class by name, made of parts; no constructor and no other code of the class runs."""
    kind = class_of(name)
    state |= {part: was for part, was in ADDED.get(name, {}).items() if part not in state}
    check_names(name, kind, state)
    if hasattr(kind, "_fields"):
        return tuple.__new__(kind, [state[field] for field in kind._fields])
    found = object.__new__(kind)
    slots = slots_of(kind)
    for part, value in state.items():
        if part in slots:
            object.__setattr__(found, part, value)
        else:
            vars(found)[part] = value
    return found


def check_names(name: str, kind: type[Any], state: dict[str, Any]) -> None:
    """Refuse an object that lacks a part, or has one in the place of what its class defines."""
    wanted, others = parts_of(name)
    if lacking := [part for part in wanted if part not in state]:
        raise ValueError(f"its {name} lacks {', '.join(lacking)}")
    slots = slots_of(kind)
    for part in state:
        if part in wanted or part in slots:
            continue
        there = inspect.getattr_static(kind, part, None)
        defined = isinstance(there, type) or hasattr(type(there), "__get__")
        if defined or not others or not part.isidentifier() or part.startswith("__"):
            raise ValueError(f"its {name} has a part {part[:100]!r}, which no such object has")


@cache
def parts_of(name: str) -> tuple[tuple[str, ...], bool]:
    """Return the parts that each object of a class has, and whether it may have others."""
    kind = class_of(name)
    if hasattr(kind, "_fields"):
        return tuple(kind._fields), False
    if parameters := parameters_of(kind):
        return parameters, True
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind)), False
    return tuple(ATTRIBUTES.get(name, "").split()), True
