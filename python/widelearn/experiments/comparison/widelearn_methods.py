"""The comparison's methods of this package."""

from collections.abc import Callable
from typing import Any

import widelearn as wl
from widelearn.experiments.comparison.plans import (
    LINEAR_ALPHAS,
    N_COMPONENTS,
    NOTHING,
    Parameters,
    Setting,
    TuningPlan,
    on_features,
    on_kernel,
    plain,
)


def linear(setting: Setting) -> TuningPlan:
    """Plan linear ridge on the prepared columns."""
    ridge = wl.FeatureRidgeClassifier if setting.classify else wl.FeatureRidge
    return plain(lambda inner: ridge("passthrough", **inner), LINEAR_ALPHAS)


def _feature_ridge(
    setting: Setting, outer: tuple[Parameters, ...], features: Callable[[Parameters], Any]
) -> TuningPlan:
    """Plan ridge on a random feature map of this package."""
    ridge = wl.FeatureRidgeClassifier if setting.classify else wl.FeatureRidge
    return on_features(
        outer,
        features,
        lambda inner: ridge("passthrough", **inner),
        lambda outer, inner: ridge(features(outer), **inner),
    )


def random_features(setting: Setting) -> TuningPlan:
    """Plan ridge on random relu features, with and without random biases."""
    return _feature_ridge(
        setting,
        ({"bias_scale": 0.0}, {"bias_scale": 1.0}),
        lambda outer: wl.RandomFeatures(n_components=N_COMPONENTS, random_state=setting.seed, **outer),
    )


def fourier_features(setting: Setting) -> TuningPlan:
    """Plan ridge on random Fourier features of the RBF kernel."""
    return _feature_ridge(
        setting,
        setting.gammas(),
        lambda outer: wl.FourierFeatures(wl.kernels.RBF(**outer), n_components=N_COMPONENTS, random_state=setting.seed),
    )


def _kernel_ridge(setting: Setting, outer: tuple[Parameters, ...], kernel: Callable[..., Any]) -> TuningPlan:
    """Plan kernel ridge with a kernel of this package."""
    ridge = wl.KernelRidgeClassifier if setting.classify else wl.KernelRidge
    return on_kernel(
        outer,
        lambda outer: kernel(**outer),
        lambda inner: ridge("precomputed", **inner),
        lambda outer, inner: ridge(kernel(**outer), **inner),
    )


def ntk(setting: Setting) -> TuningPlan:
    """Plan kernel ridge with the neural tangent kernel: without and with biases, deeper with them."""
    grid = tuple({"depth": depth, "bias_variance": bias} for depth, bias in ((1, 0.0), (1, 1.0), (3, 1.0)))
    return _kernel_ridge(setting, grid, wl.kernels.NTK)


def rbf(setting: Setting) -> TuningPlan:
    """Plan kernel ridge with the RBF kernel."""
    return _kernel_ridge(setting, setting.gammas(), wl.kernels.RBF)


def taylor(setting: Setting) -> TuningPlan:
    """Plan the quadratic Taylor model with a linear part, for a few penalties."""
    model = wl.TaylorClassifier if setting.classify else wl.TaylorRegressor
    alphas: tuple[Parameters, ...] = tuple({"alpha": alpha} for alpha in (2e-4, 2e-3, 2e-2, 2e-1))
    return plain(lambda inner: model(random_state=setting.seed, **inner), alphas, {"order": 2})


def two_layer(setting: Setting) -> TuningPlan:
    """Plan a two-layer network at its defaults; it stops early by rows that it holds out itself."""
    network = wl.TwoLayerClassifier if setting.classify else wl.TwoLayerRegressor
    fixed: Parameters = {"early_stopping": True}
    return plain(lambda _: network(random_state=setting.seed, **fixed), NOTHING, fixed)


def recursive(setting: Setting) -> TuningPlan:
    """Plan the recursive feature machine, which chooses length, penalty and iteration by leave-one-out errors."""
    machine = wl.RecursiveFeatureMachineClassifier if setting.classify else wl.RecursiveFeatureMachine
    fixed: Parameters = {"n_iter": 5, "metric": "full"}
    return plain(lambda _: machine(random_state=setting.seed, **fixed), NOTHING, fixed)
