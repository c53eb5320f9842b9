"""The comparison's methods of this package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import widelearn as wl
from widelearn.experiments.comparison.plans import (
    ALPHAS,
    LINEAR_ALPHAS,
    N_COMPONENTS,
    NOTHING,
    Matrix,
    Parameters,
    Plan,
    Setting,
    as_is,
    plain,
)


def linear(setting: Setting) -> Plan:
    """Plan linear ridge on the prepared columns."""
    ridge = wl.FeatureRidgeClassifier if setting.classify else wl.FeatureRidge
    return plain(lambda inner: ridge("passthrough", **inner), LINEAR_ALPHAS)


def _features(setting: Setting, outer: tuple[Parameters, ...], build: Callable[[Parameters], Any]) -> Plan:
    """Plan ridge on a random feature map: the map is applied once for all alphas."""
    ridge = wl.FeatureRidgeClassifier if setting.classify else wl.FeatureRidge

    def represent(outer: Parameters, X_fit: Matrix, X_check: Matrix) -> tuple[Matrix, Matrix]:
        features = build(outer).fit(X_fit)
        return features.transform(X_fit), features.transform(X_check)

    return Plan(
        outer,
        ALPHAS,
        represent,
        lambda inner: ridge("passthrough", **inner),
        lambda outer, inner: ridge(build(outer), **inner),
        {"n_components": N_COMPONENTS},
    )


def random_features(setting: Setting) -> Plan:
    """Plan ridge on random relu features, with and without random biases."""
    return _features(
        setting,
        ({"bias_scale": 0.0}, {"bias_scale": 1.0}),
        lambda outer: wl.RandomFeatures(n_components=N_COMPONENTS, random_state=setting.seed, **outer),
    )


def fourier_features(setting: Setting) -> Plan:
    """Plan ridge on random Fourier features of the RBF kernel."""
    return _features(
        setting,
        setting.gammas(),
        lambda outer: wl.FourierFeatures(wl.kernels.RBF(**outer), n_components=N_COMPONENTS, random_state=setting.seed),
    )


def _kernel(setting: Setting, outer: tuple[Parameters, ...], build: Callable[[Parameters], Any]) -> Plan:
    """Plan kernel ridge: the kernel is evaluated once for all alphas."""
    ridge = wl.KernelRidgeClassifier if setting.classify else wl.KernelRidge

    def represent(outer: Parameters, X_fit: Matrix, X_check: Matrix) -> tuple[Matrix, Matrix]:
        kernel = build(outer)
        return kernel(X_fit), kernel(X_check, X_fit)

    return Plan(
        outer,
        ALPHAS,
        represent,
        lambda inner: ridge("precomputed", **inner),
        lambda outer, inner: ridge(build(outer), **inner),
        {},
    )


def ntk(setting: Setting) -> Plan:
    """Plan kernel ridge with the neural tangent kernel: without and with biases, deeper with them."""
    grid = tuple({"depth": depth, "bias_variance": bias} for depth, bias in ((1, 0.0), (1, 1.0), (3, 1.0)))
    return _kernel(setting, grid, lambda outer: wl.kernels.NTK(**outer))


def rbf(setting: Setting) -> Plan:
    """Plan kernel ridge with the RBF kernel."""
    return _kernel(setting, setting.gammas(), lambda outer: wl.kernels.RBF(**outer))


def taylor(setting: Setting) -> Plan:
    """Plan the quadratic Taylor model with a linear part, for a few penalties."""
    model = wl.TaylorClassifier if setting.classify else wl.TaylorRegressor
    alphas: tuple[Parameters, ...] = tuple({"alpha": alpha} for alpha in (2e-4, 2e-3, 2e-2, 2e-1))

    def build(*chosen: Parameters) -> Any:
        return model(random_state=setting.seed, **chosen[-1])

    return Plan(NOTHING, alphas, as_is, build, build, {"order": 2})


def two_layer(setting: Setting) -> Plan:
    """Plan a two-layer network at its defaults, which stops by rows that it leaves out itself."""
    network = wl.TwoLayerClassifier if setting.classify else wl.TwoLayerRegressor
    fixed: Parameters = {"early_stopping": True}

    def build(*_: Parameters) -> Any:
        return network(random_state=setting.seed, **fixed)

    return Plan(NOTHING, NOTHING, as_is, build, build, fixed)


def recursive(setting: Setting) -> Plan:
    """Plan the recursive feature machine, which chooses length, penalty and iteration itself, by leave-one-out."""
    machine = wl.RecursiveFeatureMachineClassifier if setting.classify else wl.RecursiveFeatureMachine
    fixed: Parameters = {"n_iter": 5, "metric": "full"}

    def build(*_: Parameters) -> Any:
        return machine(random_state=setting.seed, **fixed)

    return Plan(NOTHING, NOTHING, as_is, build, build, fixed)
